/* bid.c - bids, 46 of 50 events: numbers in vector lanes, strings copied from the pool of text or
 * shared with the table of channels. */
#include "connector/nexmark/makers.h"

#include <string.h>

enum {
    HOT_RATIO = 100,
    ID_LEAD = 10,
    BID_SIZE = 8 + 8 + 8 + 8 /* of its numbers */
};

/* 2^f for f in [-0.5, 0.5]: ln(2)^k / k!; relative error below 1e-11. */
static const double exp2_terms[10] = {1.0,
                                      0.6931471805599453,
                                      0.2402265069591007,
                                      0.05550410866482158,
                                      0.009618129107628477,
                                      0.0013333558146428443,
                                      0.00015403530393381608,
                                      0.000015252733804059841,
                                      0.0000013215486790144307,
                                      1.0178086009239699e-7};
#define LOG2_OF_1E6 19.931568569324174

/* What the run's bids have in common. */
struct bid_run {
    uint64_t seed, id;
    uint64_t hot_auction, min_auction, n_auctions, hot_auction_ratio;
    uint64_t hot_bidder, min_bidder, n_bidders, hot_bidder_ratio;
    uint64_t extra_min, extra_width, pool_span;
};

/* The three random numbers of an event share out their bits:
 *   a: price 36, hot auction 10, hot bidder 10, hot channel 8
 *   b: auction 22, bidder 22, length of extra 20
 *   c: channel 32, place in the pool 32 */
ATTR_KERNEL static void bid_lanes(const struct bid_run *b, uint32_t n, int64_t *auction,
                                  int64_t *bidder, int64_t *price, uint32_t *channel, uint32_t *len,
                                  uint32_t *offset) {
    for (uint32_t i = 0; i < n; i += LANES) {
        u64x8 r = (LANES_U64(b->id + i) + LANES_IOTA) * NX_GOLDEN + b->seed;
        r = (r ^ (r >> 30)) * NX_MIX_1;
        r = (r ^ (r >> 27)) * NX_MIX_2;
        r ^= r >> 31;
        u64x8 s = r * NX_MIX_3;
        s ^= s >> 32;
        u64x8 t = s * NX_MIX_4;
        t ^= t >> 29;

        u64x8 cold = b->min_auction + ((s & 0x3fffff) * b->n_auctions >> 22);
        u64x8 is_hot = (u64x8)(((r >> 18 & 0x3ff) * b->hot_auction_ratio >> 10) != 0);
        LANES_STORE(u64x8, auction + i, (cold & ~is_hot) | (LANES_U64(b->hot_auction) & is_hot));

        cold = b->min_bidder + ((s >> 22 & 0x3fffff) * b->n_bidders >> 22);
        is_hot = (u64x8)(((r >> 8 & 0x3ff) * b->hot_bidder_ratio >> 10) != 0);
        LANES_STORE(u64x8, bidder + i, (cold & ~is_hot) | (LANES_U64(b->hot_bidder) & is_hot));

        f64x8 u = __builtin_convertvector((i64x8)(r >> 28), f64x8) * (LOG2_OF_1E6 / 68719476736.0);
        i64x8 k = __builtin_convertvector(u + 0.5, i64x8);
        f64x8 f = u - __builtin_convertvector(k, f64x8);
        f64x8 y = f * exp2_terms[9] + exp2_terms[8];
        y = y * f + exp2_terms[7];
        y = y * f + exp2_terms[6];
        y = y * f + exp2_terms[5];
        y = y * f + exp2_terms[4];
        y = y * f + exp2_terms[3];
        y = y * f + exp2_terms[2];
        y = y * f + exp2_terms[1];
        y = y * f + exp2_terms[0];
        f64x8 scale = (f64x8)((k + 1023) << 52);
        LANES_STORE(i64x8, price + i, __builtin_convertvector(y * scale * 100.0 + 0.5, i64x8));

        u64x8 cold_channel = (t >> 32) * NX_CHANNELS >> 32;
        u64x8 hot_channel = NX_CHANNELS + (t >> 62);
        is_hot = (u64x8)((r & 0x80) != 0);
        u64x8 ch = (cold_channel & ~is_hot) | (hot_channel & is_hot);
        LANES_STORE(u32x8, channel + i, __builtin_convertvector(ch, u32x8));
        u64x8 l = b->extra_min + ((s >> 44) * b->extra_width >> 20);
        LANES_STORE(u32x8, len + i, __builtin_convertvector(l, u32x8));
        u64x8 o = (t & 0xffffffff) * b->pool_span >> 32;
        LANES_STORE(u32x8, offset + i, __builtin_convertvector(o, u32x8));
    }
}

static int64_t *numbers_of(struct run *x, enum nexmark_field f, int64_t *unused) {
    return x->wanted & NX_BIT(f) ? COL_DATA(&x->out->field[f], int64_t) + x->row : unused;
}

void nx_bid_numbers(struct run *x) {
    const struct nexmark_config *c = x->config;
    /* Every bid of an epoch comes behind the same auctions and persons. */
    int64_t auction = nx_last_auction(x, 0), person = nx_last_person(x, 0);
    int64_t min_auction = MAX(auction - c->in_flight_auctions, 0);
    int64_t people = person + 1, active = MIN(people, c->active_people);
    struct nx_extra extra = nx_extra_of(BID_SIZE, c->bid_size);
    struct bid_run b = {
        .seed = c->seed,
        .id = (uint64_t)x->id,
        .hot_auction = (uint64_t)(auction / HOT_RATIO * HOT_RATIO + NEXMARK_FIRST_AUCTION_ID),
        .min_auction = (uint64_t)(min_auction + NEXMARK_FIRST_AUCTION_ID),
        .n_auctions = (uint64_t)(auction - min_auction + 1 + ID_LEAD),
        .hot_auction_ratio = (uint64_t)c->hot_auction_ratio,
        /* The second person of a hundred, so that hot bidders and sellers differ. The public
         * generator adds the first id twice. */
        .hot_bidder = (uint64_t)(person / HOT_RATIO * HOT_RATIO + 1 + 2 * NEXMARK_FIRST_PERSON_ID),
        .min_bidder = (uint64_t)(people - active + 2 * NEXMARK_FIRST_PERSON_ID),
        .n_bidders = (uint64_t)(active + ID_LEAD),
        .hot_bidder_ratio = (uint64_t)c->hot_bidder_ratio,
        .extra_min = extra.min,
        .extra_width = extra.width,
        .pool_span = NX_POOL_BYTES - (extra.min + extra.width),
    };
    int64_t unused[3][BATCH_ROWS_MAX + 2 * LANES];
    bid_lanes(&b, x->rows, numbers_of(x, NX_BID_AUCTION, unused[0]),
              numbers_of(x, NX_BID_BIDDER, unused[1]), numbers_of(x, NX_BID_PRICE, unused[2]),
              x->draws->channel + x->row, x->draws->extra_len + x->row,
              x->draws->extra_offset + x->row);
}

/* ---- strings ---- */

static void channels_of_run(struct run *x, enum kind kind) {
    const struct nexmark_channel *table = x->text->channels;
    const uint32_t *which = x->draws->channel + x->row;
    struct column *f = x->out->field;
    struct strv *channel = f[NX_BID_CHANNEL].data, *url = f[NX_BID_URL].data;
    channel = channel ? channel + x->row : NULL;
    url = url ? url + x->row : NULL;
    if (kind != KIND_BID) {
        if (channel) memset(channel, 0, x->rows * sizeof *channel);
        if (url) memset(url, 0, x->rows * sizeof *url);
        return;
    }
    for (uint32_t i = 0; channel && i < x->rows; i++)
        channel[i] = table[which[i]].channel;
    for (uint32_t i = 0; url && i < x->rows; i++)
        url[i] = table[which[i]].url;
}

enum { COPY_BYTES = 96 }; /* an extra of the usual sizes in one fixed copy */

/* Copies n extras behind one another to dst, COPY_BYTES each whatever their length, and makes their
 * views; returns the end. Lengths are 13 .. COPY_BYTES. */
static char *copy_extras(const char *pool, const uint32_t *len, const uint32_t *offset, uint32_t n,
                         char *dst, struct strv *view) {
    for (uint32_t i = 0; i < n; i++) {
        const char *src = pool + offset[i];
        memcpy(dst, src, COPY_BYTES);
        uint32_t prefix;
        memcpy(&prefix, src, 4);
        uint64_t word[2] = {len[i] | (uint64_t)prefix << 32, (uint64_t)(uintptr_t)dst};
        memcpy(&view[i], word, sizeof word);
        dst += len[i];
    }
    return dst;
}

static void extras_of_run(struct run *x, enum kind kind) {
    struct strv *view = COL_DATA(&x->out->field[NX_BID_EXTRA], struct strv) + x->row;
    const uint32_t *len = x->draws->extra_len + x->row, *offset = x->draws->extra_offset + x->row;
    if (kind != KIND_BID) {
        memset(view, 0, x->rows * sizeof *view);
        return;
    }
    struct nx_extra e = nx_extra_of(BID_SIZE, x->config->bid_size);
    if (e.min > STRV_INLINE_MAX_BYTES && e.min + e.width <= COPY_BYTES) {
        x->bid_pos = copy_extras(x->text->pool, len, offset, x->rows, x->bid_pos, view);
        return;
    }
    for (uint32_t i = 0; i < x->rows; i++) {
        memcpy(x->bid_pos, x->text->pool + offset[i], len[i]);
        view[i] = strv_borrow(x->bid_pos, len[i]);
        x->bid_pos += len[i];
    }
}

void nx_bid_strings(struct run *x, void (*each)(struct run *, void (*)(struct run *, enum kind))) {
    struct column *f = x->out->field;
    if (x->wanted & (NX_BIT(NX_BID_CHANNEL) | NX_BIT(NX_BID_URL))) {
        each(x, channels_of_run);
        if (x->wanted & NX_BIT(NX_BID_URL)) f[NX_BID_URL].heap = heap_ref(x->text->heap);
    }
    if (!(x->wanted & NX_BIT(NX_BID_EXTRA))) return;
    struct nx_extra e = nx_extra_of(BID_SIZE, x->config->bid_size);
    struct heap *h = heap_new();
    x->bid_pos =
        (char *)heap_alloc(h, (size_t)x->kind_rows[KIND_BID] * (e.min + e.width) + COPY_BYTES);
    f[NX_BID_EXTRA].heap = h;
    each(x, extras_of_run);
}
