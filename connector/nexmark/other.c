/* other.c - persons and auctions: four events in fifty, one at a time. */
#include "connector/nexmark/makers.h"

#include <string.h>

enum {
    HOT_SELLER = 100,
    ID_LEAD = 10,
    CATEGORIES = 5,
    NAME_MAX_BYTES = 20,
    DESCRIPTION_MAX_BYTES = 100,
    PERSON_TEXT_BYTES = 16 + 24 + 20 + 16 + 2, /* all strings but the extra, at most */
    PAD_BYTES = 64                             /* copies are made in pieces of 32 bytes */
};

/* Streams of the three kinds must differ: an auction's first number is not its neighbour's. */
#define PERSON_SALT 0x70657273ull
#define AUCTION_SALT 0x61756374ull

static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
static const char *const cities[] = {"Phoenix",  "Los Angeles", "San Francisco", "Boise",
                                     "Portland", "Bend",        "Redmond",       "Seattle",
                                     "Kent",     "Cheyenne"};
static const char *const first_names[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                          "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
static const char *const last_names[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                         "Walton", "Smith",  "Jones",   "Noris"};

static void put_number(struct run *x, enum nexmark_field f, uint32_t row, int64_t v) {
    if (x->wanted & NX_BIT(f)) COL_DATA(&x->out->field[f], int64_t)[row] = v;
}

/* *pos has n bytes of text; keeps them and moves on if they are long. */
static void put_text(struct run *x, enum nexmark_field f, uint32_t row, char **pos, uint32_t n) {
    if (!(x->wanted & NX_BIT(f))) return;
    struct strv *v = &COL_DATA(&x->out->field[f], struct strv)[row];
    v->len = n;
    if (n > STRV_INLINE_MAX_BYTES) {
        memcpy(v->u.ref.prefix, *pos, 4);
        v->u.ref.ptr = *pos;
        *pos += n;
    } else {
        memset(*pos + n, 0, STRV_INLINE_MAX_BYTES);
        memcpy(v->u.inl, *pos, STRV_INLINE_MAX_BYTES);
    }
}

static void put_word(struct run *x, enum nexmark_field f, uint32_t row, char **pos, const char *s) {
    uint32_t n = (uint32_t)strlen(s);
    memcpy(*pos, s, n);
    put_text(x, f, row, pos, n);
}

static void put_extra(struct run *x, enum nexmark_field f, uint32_t row, char **pos,
                      struct nx_stream *s, int64_t size, int64_t desired) {
    struct nx_extra e = nx_extra_of(size, desired);
    uint32_t n = e.min + (e.width ? (uint32_t)nx_below(s, e.width) : 0);
    uint64_t at = nx_below(s, NX_POOL_BYTES - n);
    memcpy(*pos, x->text->pool + at, n);
    put_text(x, f, row, pos, n);
}

/* One heap for all strings of a kind. */
static char *make_heap(struct run *x, uint32_t first, uint32_t last, size_t row_bytes,
                       uint32_t rows) {
    struct heap *h = heap_new();
    char *p = (char *)heap_alloc(h, row_bytes * rows + PAD_BYTES);
    for (uint32_t f = first; f <= last; f++) {
        if ((x->wanted & NX_BIT(f)) && x->out->field[f].phys == PHYS_STR)
            x->out->field[f].heap = heap_ref(h);
    }
    heap_unref(h);
    return p;
}

void nx_others_begin(struct run *x) {
    const struct nexmark_config *c = x->config;
    struct nx_extra p = nx_extra_of(0, c->person_size), a = nx_extra_of(0, c->auction_size);
    if (x->wanted & NX_PERSON_FIELDS)
        x->person_pos = make_heap(x, NX_PERSON_ID, NX_PERSON_EXTRA,
                                  PERSON_TEXT_BYTES + p.min + p.width, x->kind_rows[KIND_PERSON]);
    if (x->wanted & NX_AUCTION_FIELDS)
        x->auction_pos = make_heap(x, NX_AUCTION_ID, NX_AUCTION_EXTRA,
                                   NAME_MAX_BYTES + DESCRIPTION_MAX_BYTES + a.min + a.width,
                                   x->kind_rows[KIND_AUCTION]);
}

/* ---- persons ---- */

static uint32_t email(const struct nexmark_text *t, struct nx_stream *s, char *dst) {
    uint32_t n = nx_word(t, s, 7, dst);
    dst[n++] = '@';
    n += nx_word(t, s, 5, dst + n);
    memcpy(dst + n, ".com", 4);
    return n + 4;
}

static uint32_t credit_card(struct nx_stream *s, char *dst) {
    char *d = dst;
    for (int i = 0; i < 4; i++) {
        uint32_t v = (uint32_t)nx_below(s, 10000);
        if (i) *d++ = ' ';
        for (uint32_t unit = 1000; unit; unit /= 10)
            *d++ = (char)('0' + v / unit % 10);
    }
    return (uint32_t)(d - dst);
}

static void make_person(struct run *x, uint32_t i) {
    uint32_t row = x->row + i;
    struct nx_stream s = nx_stream_of(x->config->seed ^ PERSON_SALT, (uint64_t)x->id + i);
    char **pos = &x->person_pos;
    const char *first = first_names[nx_below(&s, ARRAY_LEN(first_names))];
    const char *last = last_names[nx_below(&s, ARRAY_LEN(last_names))];
    uint32_t n1 = (uint32_t)strlen(first), n = n1 + 1 + (uint32_t)strlen(last);
    int64_t size = 8 + n;
    put_number(x, NX_PERSON_ID, row, nx_last_person(x, i) + NEXMARK_FIRST_PERSON_ID);
    memcpy(*pos, first, n1);
    (*pos)[n1] = ' ';
    memcpy(*pos + n1 + 1, last, n - n1 - 1);
    put_text(x, NX_PERSON_NAME, row, pos, n);
    n = email(x->text, &s, *pos);
    put_text(x, NX_PERSON_EMAIL, row, pos, n);
    size += n;
    n = credit_card(&s, *pos);
    put_text(x, NX_PERSON_CREDIT_CARD, row, pos, n);
    size += n;
    const char *city = cities[nx_below(&s, ARRAY_LEN(cities))];
    const char *state = states[nx_below(&s, ARRAY_LEN(states))];
    put_word(x, NX_PERSON_CITY, row, pos, city);
    put_word(x, NX_PERSON_STATE, row, pos, state);
    size += (int64_t)(strlen(city) + strlen(state));
    put_extra(x, NX_PERSON_EXTRA, row, pos, &s, size, x->config->person_size);
}

void nx_persons(struct run *x) {
    if (!(x->wanted & NX_PERSON_FIELDS)) return;
    for (uint32_t i = 0; i < x->rows; i++)
        make_person(x, i);
}

/* ---- auctions ---- */

static int64_t seller(struct run *x, struct nx_stream *s, uint32_t i) {
    const struct nexmark_config *c = x->config;
    int64_t last = nx_last_person(x, i);
    if (nx_below(s, (uint64_t)c->hot_seller_ratio) > 0)
        return last / HOT_SELLER * HOT_SELLER + NEXMARK_FIRST_PERSON_ID;
    int64_t people = last + 1, active = MIN(people, c->active_people);
    return people - active + (int64_t)nx_below(s, (uint64_t)(active + ID_LEAD)) +
           NEXMARK_FIRST_PERSON_ID;
}

/* round(10 ^ (6 u) * 100): 2 ^ (x / 64) from a table of the fractions and a short series. */
static int64_t price(const struct nexmark_text *t, struct nx_stream *s) {
    double x = (double)(nx_next(s) >> 11) * (0x1p-53 * 19.931568569324174 * 64);
    int64_t k = (int64_t)x;
    double f = (x - (double)k) * (0.6931471805599453 / 64);
    double y = t->exp2[k & 63] * (1 + f * (1 + f * (0.5 + f * (1.0 / 6 + f * (1.0 / 24)))));
    uint64_t bits = (uint64_t)((k >> 6) + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return (int64_t)(y * scale * 100.0 + 0.5);
}

/* Open on average until as many further auctions were opened as are in flight. */
static int64_t length_ms(struct run *x, uint64_t draw, int64_t count, int64_t now_ms) {
    const struct nexmark_config *c = x->config;
    int64_t events = c->in_flight_auctions * c->total / c->auction_proportion;
    int64_t horizon = nexmark_time_ms(x->range, count + events) - now_ms;
    uint64_t n = (uint64_t)MAX(horizon * 2, 1);
    return 1 + (int64_t)((unsigned __int128)draw * n >> 64);
}

static void make_auction(struct run *x, uint32_t i) {
    uint32_t row = x->row + i;
    struct nx_stream s = nx_stream_of(x->config->seed ^ AUCTION_SALT, (uint64_t)x->id + i);
    char **pos = &x->auction_pos;
    put_number(x, NX_AUCTION_ID, row, nx_last_auction(x, i) + NEXMARK_FIRST_AUCTION_ID);
    put_number(x, NX_AUCTION_SELLER, row, seller(x, &s, i));
    put_number(x, NX_AUCTION_CATEGORY, row,
               NEXMARK_FIRST_CATEGORY_ID + (int64_t)nx_below(&s, CATEGORIES));
    int64_t initial = price(x->text, &s);
    put_number(x, NX_AUCTION_INITIAL_BID, row, initial);
    put_number(x, NX_AUCTION_RESERVE, row, initial + price(x->text, &s));
    uint64_t length = nx_next(&s); /* drawn always: an event does not depend on what is wanted */
    if (x->wanted & NX_BIT(NX_AUCTION_EXPIRES)) {
        int64_t now = x->times[row];
        put_number(x, NX_AUCTION_EXPIRES, row, now + length_ms(x, length, x->count + row, now));
    }
    uint32_t n = nx_word(x->text, &s, NAME_MAX_BYTES, *pos);
    int64_t size = 8 + n + 8 * 5;
    put_text(x, NX_AUCTION_ITEM, row, pos, n);
    n = nx_word(x->text, &s, DESCRIPTION_MAX_BYTES, *pos);
    size += n;
    put_text(x, NX_AUCTION_DESCRIPTION, row, pos, n);
    put_extra(x, NX_AUCTION_EXTRA, row, pos, &s, size, x->config->auction_size);
}

void nx_auctions(struct run *x) {
    if (!(x->wanted & NX_AUCTION_FIELDS)) return;
    for (uint32_t i = 0; i < x->rows; i++)
        make_auction(x, i);
}
