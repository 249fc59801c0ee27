/* generator.c - a batch of events: runs of one kind follow one another by the event id's place in
 * its epoch (person, auctions, bids); each kind's maker fills the rows of a run. */
#include "connector/nexmark/generator.h"

#include "connector/nexmark/makers.h"

#include <stdlib.h>
#include <string.h>

struct nexmark_range nexmark_range_of(const struct nexmark_config *c, int64_t events_num,
                                      int64_t stop_at, int64_t first_event_rate,
                                      int64_t base_time_ms, int n, int i) {
    int64_t max_size = MAX(MAX(c->person_size, c->auction_size), c->bid_size);
    int64_t max = events_num ? events_num : INT64_MAX / (c->total * MAX(max_size, 1));
    int64_t part = max / n, stop_part = stop_at / n;
    struct nexmark_range r = {
        .first_event_id = 1 + part * i,
        .max_events = i == n - 1 ? max - part * (n - 1) : part,
        .base_time_ms = base_time_ms,
        .delay_us = 1e6 / (double)first_event_rate * n,
    };
    if (stop_at >= 0) {
        int64_t stop = i == n - 1 ? stop_at - stop_part * (n - 1) : stop_part;
        r.max_events = MIN(r.max_events, stop);
    }
    return r;
}

int64_t nexmark_time_ms(const struct nexmark_range *r, int64_t count) {
    return r->base_time_ms + (int64_t)((double)(count + 1) * r->delay_us) / 1000;
}

/* ---- event times ---- */

/* times[i] of events [count, count + n); room for a multiple of LANES. Exact while the microseconds
 * are below 2^51 (70 years): then the quotient by 0.001 is at most one off, which is put right. */
ATTR_KERNEL static void make_times(const struct nexmark_range *r, int64_t count, uint32_t n,
                                   int64_t *times) {
    for (uint32_t i = 0; i < n; i += LANES) {
        u64x8 number = LANES_U64(count + 1 + i) + LANES_IOTA;
        f64x8 us = __builtin_convertvector(number, f64x8) * r->delay_us;
        i64x8 t = __builtin_convertvector(us, i64x8);
        i64x8 q = __builtin_convertvector(__builtin_convertvector(t, f64x8) * 0.001, i64x8);
        i64x8 rest = t - q * 1000;
        q -= rest >= 1000; /* true is -1 */
        q += rest < 0;
        LANES_STORE(i64x8, times + i, q + r->base_time_ms);
    }
}

static void all_times(const struct nexmark_range *r, int64_t count, uint32_t n, int64_t *times) {
    if ((double)(count + n + LANES) * r->delay_us < 2251799813685248.0) {
        make_times(r, count, n, times);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        times[i] = nexmark_time_ms(r, count + i);
}

/* ---- columns ---- */

static enum kind kind_of_field(enum nexmark_field f) {
    return f < NX_AUCTION_ID ? KIND_PERSON : f < NX_BID_AUCTION ? KIND_AUCTION : KIND_BID;
}

/* Empties the views of the batch's rows of one kind. */
static void clear_rows(const struct nexmark_config *c, struct strv *views, int64_t first_id,
                       uint32_t n, enum kind kind) {
    int64_t from = kind == KIND_PERSON ? 0 : c->person_proportion;
    int64_t len = kind == KIND_PERSON ? c->person_proportion : c->auction_proportion;
    for (int64_t start = first_id / c->total * c->total + from; start < first_id + n;
         start += c->total) {
        int64_t lo = MAX(start, first_id) - first_id,
                hi = MIN(start + len, first_id + n) - first_id;
        if (lo < hi) memset(views + lo, 0, (size_t)(hi - lo) * sizeof *views);
    }
}

/* A column of n views, all empty. */
static void init_views(struct run *x, enum nexmark_field f, const struct type *leaf,
                       struct column *c) {
    struct nexmark_spare *free_one = NULL;
    for (int i = 0; x->spares && i < NEXMARK_SPARE_COLUMNS; i++) {
        struct nexmark_spare *s = &x->spares->of[f][i];
        /* Acquire: the last reader is done before we write. */
        if (!s->buf || atomic_load_explicit(&s->buf->refs, memory_order_acquire) == 1) {
            free_one = s;
            if (s->buf) break;
        }
    }
    if (free_one && free_one->buf && free_one->buf->size_bytes >= x->n * sizeof(struct strv)) {
        /* Rows that the last batch had not are clean: the buffer was emptied whole at first. */
        clear_rows(x->config, (struct strv *)free_one->buf->data, free_one->first_id, free_one->n,
                   kind_of_field(f));
        *c = (struct column){.type = leaf, .phys = PHYS_STR, .n = x->n};
        c->data_buf = buffer_ref(free_one->buf);
        c->data = c->data_buf->data;
    } else {
        col_init(c, leaf, x->n);
        memset(c->data, 0, c->data_buf->size_bytes);
        if (free_one) {
            buffer_unref(free_one->buf);
            free_one->buf = buffer_ref(c->data_buf);
        }
    }
    if (free_one) {
        free_one->first_id = x->first_id;
        free_one->n = x->n;
    }
}

void nexmark_spares_release(struct nexmark_spares *s) {
    for (int f = 0; f < NX_FIELDS; f++) {
        for (int i = 0; i < NEXMARK_SPARE_COLUMNS; i++)
            buffer_unref(s->of[f][i].buf);
    }
    memset(s, 0, sizeof *s);
}

/* Room for whole vectors beyond n. Strings of persons and auctions are written for their few rows
 * only: the others' views must be valid as well. */
static void init_columns(struct run *x, const struct type *const *leaf) {
    uint32_t room = x->n + 2 * LANES;
    for (int f = 0; f < NX_FIELDS; f++) {
        if (!(x->wanted & NX_BIT(f))) continue;
        struct column *c = &x->out->field[f];
        bool shared = f == NX_AUCTION_TIME || f == NX_BID_TIME || f == NX_PERSON_TIME;
        if (shared && x->times_of) {
            col_ref(c, x->times_of);
            c->type = leaf[f];
            continue;
        }
        if (type_phys(leaf[f]) == PHYS_STR && f < NX_BID_AUCTION) {
            init_views(x, (enum nexmark_field)f, leaf[f], c);
            continue;
        }
        col_init(c, leaf[f], room);
        c->n = x->n;
        if (shared) x->times_of = c;
    }
}

static struct buffer *bitmap(uint32_t n) {
    struct buffer *b = buffer_new((valid_words(n) + 1) * sizeof(uint64_t));
    memset(b->data, 0, (valid_words(n) + 1) * sizeof(uint64_t));
    return b;
}

static void set_bits(struct buffer *b, uint32_t from, uint32_t n) {
    uint64_t *w = (uint64_t *)b->data;
    while (n) {
        uint32_t bit = from & 63, k = MIN(64 - bit, n);
        w[from >> 6] |= (k == 64 ? ~0ull : (1ull << k) - 1) << bit;
        from += k;
        n -= k;
    }
}

/* ---- runs ---- */

/* Calls f for each run of one kind within the batch, in ascending order of rows. */
static void each_run(struct run *x, void (*f)(struct run *x, enum kind kind)) {
    const struct nexmark_config *c = x->config;
    const int64_t end_of[3] = {c->person_proportion, c->person_proportion + c->auction_proportion,
                               c->total};
    x->epoch = x->first_id / c->total;
    x->rem = x->first_id % c->total;
    int kind = 0;
    while (x->rem >= end_of[kind])
        kind++;
    for (x->row = 0; x->row < x->n; x->row += x->rows) {
        x->id = x->first_id + x->row;
        x->rows = (uint32_t)MIN(end_of[kind] - x->rem, (int64_t)(x->n - x->row));
        if (x->rows) f(x, (enum kind)kind);
        x->rem = end_of[kind];
        if (++kind == 3) {
            kind = 0;
            x->rem = 0;
            x->epoch++;
        }
    }
}

static void run_kind(struct run *x, enum kind kind) {
    if (x->wanted & NX_BIT(NX_EVENT_TYPE)) {
        int32_t *type = COL_DATA(&x->out->field[NX_EVENT_TYPE], int32_t) + x->row;
        for (uint32_t i = 0; i < x->rows; i++)
            type[i] = (int32_t)kind;
    }
    struct buffer *valid = kind == KIND_PERSON    ? x->out->person_valid
                           : kind == KIND_AUCTION ? x->out->auction_valid
                                                  : x->out->bid_valid;
    set_bits(valid, x->row, x->rows);
    x->kind_rows[kind] += x->rows;
}

static void run_numbers(struct run *x, enum kind kind) {
    if (kind == KIND_BID) nx_bid_numbers(x);
}

static void run_others(struct run *x, enum kind kind) {
    if (kind == KIND_PERSON)
        nx_persons(x);
    else if (kind == KIND_AUCTION)
        nx_auctions(x);
}

/* The last auction at or before event (epoch, rem), counted from 0. */
static int64_t last_auction(const struct nexmark_config *c, int64_t epoch, int64_t rem) {
    if (rem < c->person_proportion) {
        epoch--;
        rem = c->auction_proportion - 1;
    } else {
        rem = MIN(rem - c->person_proportion, c->auction_proportion - 1);
    }
    return epoch * c->auction_proportion + rem;
}

int64_t nx_last_auction(const struct run *x, uint32_t i) {
    return last_auction(x->config, x->epoch, x->rem + i);
}

int64_t nx_last_person(const struct run *x, uint32_t i) {
    const struct nexmark_config *c = x->config;
    return x->epoch * c->person_proportion + MIN(x->rem + i, c->person_proportion - 1);
}

void nexmark_generate(const struct nexmark_config *c, const struct nexmark_range *r,
                      const struct nexmark_text *text, int64_t count, uint32_t n, uint32_t wanted,
                      const struct type *const *leaf, struct nexmark_spares *spares,
                      struct nexmark_batch *ret) {
    CHECK(n <= BATCH_ROWS_MAX);
    memset(ret, 0, sizeof *ret);
    ret->n = n;
    ret->person_valid = bitmap(n);
    ret->auction_valid = bitmap(n);
    ret->bid_valid = bitmap(n);
    struct run x = {.config = c,
                    .range = r,
                    .text = text,
                    .wanted = wanted,
                    .out = ret,
                    .spares = spares,
                    .n = n,
                    .count = count,
                    /* The first event of a generator has number 1 on its time line and its
                     * range's first id + 1, as in the public one. */
                    .first_id = r->first_event_id + count + 1};
    init_columns(&x, leaf);
    int64_t times[BATCH_ROWS_MAX + LANES];
    x.times = x.times_of ? COL_DATA(x.times_of, int64_t) : times;
    if (x.times_of || (wanted & NX_BIT(NX_AUCTION_EXPIRES))) all_times(r, count, n, x.times);
    each_run(&x, run_kind);
    if (wanted & NX_BID_FIELDS) {
        struct bid_draws draws;
        x.draws = &draws;
        each_run(&x, run_numbers);
        nx_bid_strings(&x, each_run);
    }
    if (wanted & (NX_PERSON_FIELDS | NX_AUCTION_FIELDS)) {
        nx_others_begin(&x);
        each_run(&x, run_others);
    }
}

void nexmark_batch_release(struct nexmark_batch *b) {
    for (int f = 0; f < NX_FIELDS; f++)
        col_release(&b->field[f]);
    buffer_unref(b->person_valid);
    buffer_unref(b->auction_valid);
    buffer_unref(b->bid_valid);
    memset(b, 0, sizeof *b);
}
