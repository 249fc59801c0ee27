/* nexmark_test.c - the events of the nexmark source. Expected numbers are those of 20,000 events of
 * the public generator at 200 events a second from 2026-01-01 and defaults else (18,400 bids, 1,200
 * auctions, 400 persons); bounds are four standard errors and more. */
#include "tests/unit/connector/harness.h"

#include "base/core/clock.h"
#include "base/core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BASE_MS 1767225600000ll

static const char table_type[] =
    "ROW<event_type INT, person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard "
    "STRING, city STRING, state STRING, `dateTime` TIMESTAMP(3), extra STRING>, auction ROW<id "
    "BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, `dateTime` "
    "TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>, bid "
    "ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` "
    "TIMESTAMP(3), extra STRING>>";

#define DEFAULTS                                                                                   \
    "connector", "nexmark", "first-event.rate", "200", "events.num", "20000", "base-time",         \
        "1767225600000"

static struct source *open_source(struct harness *h, const struct schema *produced, uint32_t rows,
                                  const cJSON *splits) {
    struct err err = ERR_INIT;
    struct source_ctx ctx = {
        .parallelism = 1, .env = &h->env, .produced = produced, .batch_rows = rows};
    const struct connector_desc *d = connector_find("nexmark");
    struct source *s = NULL;
    if (d->check(&h->table, false, &err) || d->source_new(&h->table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    const cJSON *split;
    cJSON_ArrayForEach(split, splits) {
        if (s->ops->add_split(s, split, &err)) fail_msg("%s", err.msg);
    }
    s->ops->no_more_splits(s);
    return s;
}

static cJSON *enumerate(struct harness *h, int parallelism) {
    struct err err = ERR_INIT;
    cJSON *splits = NULL;
    if (connector_find("nexmark")->enumerate(&h->table, parallelism, &splits, &err))
        fail_msg("%s", err.msg);
    return splits;
}

static struct batch *poll(struct source *s) {
    struct err err = ERR_INIT;
    struct batch *b = NULL;
    int64_t wake;
    int rc = s->ops->poll(s, &b, &wake, &err);
    if (rc == SOURCE_END) return NULL;
    assert_int_equal(rc, SOURCE_DATA);
    if (batch_verify(b, &err)) fail_msg("%s", err.msg);
    return b;
}

/* ---- distributions ---- */

struct sums {
    uint64_t kind[3], rows;
    int64_t last_auction, last_person;
    double bid_extra, url, price, hot_auction, hot_bidder, hot_seller;
    uint64_t named[5], cold, with_id; /* Google, Facebook, Baidu, Apple, other */
    uint64_t category[5];
    double item, description, blanks, auction_size, initial, open_s, person_extra, email;
    uint64_t lower, extra_bytes;
};

static struct sv text(const struct column *row, int child, uint32_t i) {
    return strv_sv(&COL_DATA(&row->children[child], struct strv)[i]);
}

static int64_t number(const struct column *row, int child, uint32_t i) {
    return COL_DATA(&row->children[child], int64_t)[i];
}

static void check_pool_text(struct sums *s, struct sv t) {
    for (size_t i = 0; i < t.len; i++) {
        assert_in_range(t.ptr[i], 'H', 'z');
        s->lower += t.ptr[i] >= 'a';
    }
    s->extra_bytes += t.len;
}

static void add_bid(struct sums *s, const struct column *c, uint32_t i) {
    int64_t auction = number(c, 0, i), bidder = number(c, 1, i), price = number(c, 2, i);
    assert_in_range(auction, 1000, s->last_auction + 10);
    assert_in_range(bidder, 2000, s->last_person + 1000 + 10);
    assert_in_range(price, 100, 100000000);
    s->hot_auction += auction % 100 == 0;
    s->hot_bidder += bidder % 100 == 1;
    s->price += log10((double)price);
    struct sv channel = text(c, 3, i), url = text(c, 4, i), extra = text(c, 6, i);
    static const char *const names[] = {"Google", "Facebook", "Baidu", "Apple"};
    int k = 0;
    while (k < 4 && !sv_eq_str(channel, names[k]))
        k++;
    s->named[k]++;
    assert_true(sv_starts(url, "https://www.nexmark.com/"));
    assert_in_range(url.len, 52, 77);
    char *copy = strndup(url.ptr, url.len);
    assert_non_null(strstr(copy, "/item.htm?query=1"));
    bool with_id = strstr(copy, "?query=1&channel_id=") != NULL;
    free(copy);
    if (k == 4) {
        assert_true(sv_starts(channel, "channel-"));
        s->with_id += with_id;
    } else {
        assert_false(with_id);
    }
    assert_in_range(extra.len, 54, 81);
    check_pool_text(s, extra);
    s->bid_extra += (double)extra.len;
    s->url += (double)url.len;
}

static void add_auction(struct sums *s, const struct column *c, uint32_t i) {
    int64_t id = number(c, 0, i), initial = number(c, 3, i), seller = number(c, 7, i);
    assert_int_equal(id, s->last_auction + 1);
    s->last_auction = id;
    struct sv item = text(c, 1, i), description = text(c, 2, i), extra = text(c, 9, i);
    assert_in_range(item.len, 0, 19);
    assert_in_range(description.len, 0, 99);
    if (item.len) assert_true(item.ptr[0] != ' ' && item.ptr[item.len - 1] != ' ');
    for (size_t k = 0; k < description.len; k++)
        s->blanks += description.ptr[k] == ' ';
    s->item += (double)item.len;
    s->description += (double)description.len;
    s->auction_size += (double)(48 + item.len + description.len + extra.len);
    assert_in_range(initial, 100, 100000000);
    assert_in_range(number(c, 4, i), initial + 100, initial + 100000000);
    s->initial += log10((double)initial);
    int64_t open_ms = number(c, 6, i) - number(c, 5, i);
    assert_in_range(open_ms, 1, 16670);
    s->open_s += (double)open_ms / 1e3;
    assert_in_range(seller, 1000, s->last_person + 10);
    s->hot_seller += seller % 100 == 0;
    assert_in_range(number(c, 8, i), 10, 14);
    s->category[number(c, 8, i) - 10]++;
    check_pool_text(s, extra);
}

static void add_person(struct sums *s, const struct column *c, uint32_t i) {
    int64_t id = number(c, 0, i);
    if (s->last_person) assert_int_equal(id, s->last_person + 1);
    s->last_person = id;
    struct sv card = text(c, 3, i), email = text(c, 2, i);
    assert_int_equal(card.len, 19);
    assert_true(card.ptr[4] == ' ' && card.ptr[9] == ' ' && card.ptr[14] == ' ');
    assert_in_range(email.len, 7, 15);
    assert_memory_equal(email.ptr + email.len - 4, ".com", 4);
    assert_int_equal(text(c, 5, i).len, 2);
    assert_non_null(memchr(text(c, 1, i).ptr, ' ', text(c, 1, i).len));
    s->email += (double)email.len;
    s->person_extra += (double)text(c, 7, i).len;
}

static void add_batch(struct sums *s, const struct batch *b) {
    for (uint32_t i = 0; i < b->n; i++) {
        int kind = COL_DATA(&b->cols[0], int32_t)[i];
        for (int k = 0; k < 3; k++)
            assert_int_equal(col_is_valid(&b->cols[1 + k], i), k == kind);
        s->kind[kind]++;
        s->rows++;
        static const int time_child[] = {6, 5, 5};
        /* Event number n (from 1) is at n * 5 ms. */
        assert_int_equal(number(&b->cols[1 + kind], time_child[kind], i),
                         BASE_MS + 5 * (int64_t)s->rows);
        if (kind == 0)
            add_person(s, &b->cols[1], i);
        else if (kind == 1)
            add_auction(s, &b->cols[2], i);
        else
            add_bid(s, &b->cols[3], i);
    }
}

static void near(const char *what, double got, double want, double bound) {
    if (!(fabs(got - want) <= bound)) fail_msg("%s: %g, expected %g +- %g", what, got, want, bound);
}

static void distributions(void **state) {
    struct harness h;
    harness_init(&h, table_type, OPTIONS(DEFAULTS));
    AUTO_JSON *splits = enumerate(&h, 1);
    struct source *src = open_source(&h, h.table.schema, 4096, splits);
    /* The first event has id 2, so person 1000 and auction 1000 are never made. */
    struct sums s = {.last_auction = 1000, .last_person = 0};
    for (struct batch *b; (b = poll(src)); batch_unref(b)) {
        if (!s.rows) s.last_person = 1000;
        add_batch(&s, b);
    }
    src->ops->free(src);
    assert_int_equal(s.kind[0], 400);
    assert_int_equal(s.kind[1], 1200);
    assert_int_equal(s.kind[2], 18400);
    assert_int_equal(s.last_auction, 2200);
    assert_int_equal(s.last_person, 1400);
    double n = 18400, a = 1200, p = 400;
    near("bid price, log 10", s.price / n, 5.007, 0.06);
    near("hot auctions", s.hot_auction / n, 0.512, 0.02);
    near("hot bidders", s.hot_bidder / n, 0.756, 0.02);
    near("hot sellers", s.hot_seller / a, 0.765, 0.06);
    for (int k = 0; k < 4; k++)
        near("hot channel", (double)s.named[k] / n, 0.127, 0.012);
    near("other channels", (double)s.named[4] / n, 0.491, 0.02);
    near("urls with an id", (double)s.with_id / (double)s.named[4], 0.901, 0.02);
    near("url length", s.url / n, 63.0, 0.6);
    near("bid extra length", s.bid_extra / n, 67.45, 0.4);
    near("lower case letters", (double)s.lower / (double)s.extra_bytes, 0.519, 0.03);
    near("item name length", s.item / a, 11.0, 0.8);
    near("description length", s.description / a, 51.9, 4.5);
    near("blanks", s.blanks / s.description, 0.0737, 0.01);
    near("auction size", s.auction_size / a, 498.6, 6);
    near("initial bid, log 10", s.initial / a, 5.05, 0.25);
    near("open seconds", s.open_s / a, 8.1, 0.8);
    near("person extra length", s.person_extra / p, 138.7, 4);
    near("email length", s.email / p, 12.6, 0.5);
    for (int k = 0; k < 5; k++)
        near("category", (double)s.category[k] / a, 0.2, 0.05);
    harness_release(&h);
}

/* ---- one event, however it is come by ---- */

/* All rows of the splits as text. */
static char *print_all(struct harness *h, const struct schema *produced, uint32_t rows,
                       const cJSON *splits, int stop_after, cJSON **ret_snapshot) {
    struct source *src = open_source(h, produced, rows, splits);
    AUTO_STR out = STR_INIT;
    struct batch *b;
    while (stop_after-- && (b = poll(src))) {
        harness_print(b, &out);
        batch_unref(b);
    }
    struct err err = ERR_INIT;
    if (ret_snapshot && src->ops->snapshot(src, ret_snapshot, &err)) fail_msg("%s", err.msg);
    src->ops->free(src);
    return arena_strndup(&h->arena, str_text(&out), out.len);
}

static void same_events(void **state) {
    static const uint32_t sizes[] = {1, 7, 64, 999, 4096};
    struct harness h;
    harness_init(&h, table_type,
                 OPTIONS("events.num", "2000", "base-time", "0", "person.proportion", "2",
                         "auction.proportion", "5", "bid.proportion", "6"));
    AUTO_JSON *splits = enumerate(&h, 1);
    char *all = print_all(&h, h.table.schema, 500, splits, -1, NULL);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_string_equal(print_all(&h, h.table.schema, sizes[i], splits, -1, NULL), all);
        /* Stop after three batches, go on from the snapshot at another batch size. */
        cJSON *snapshot;
        char *head = print_all(&h, h.table.schema, sizes[i], splits, 3, &snapshot);
        char *tail = print_all(&h, h.table.schema, 333, snapshot, -1, NULL);
        assert_string_equal(arena_printf(&h.arena, "%s%s", head, tail), all);
        cJSON_Delete(snapshot);
    }
    h.table.options =
        (struct table_option[]){{"events.num", "2000"}, {"base-time", "0"}, {"seed", "1"}};
    h.table.n_options = 3;
    assert_string_not_equal(print_all(&h, h.table.schema, 500, splits, -1, NULL), all);
    harness_release(&h);
}

/* Values of the produced columns are the same whether events are made whole or not. */
static void pruning(void **state) {
    struct harness whole, pruned, part;
    harness_init(&whole, table_type, OPTIONS("events.num", "3000", "base-time", "0"));
    harness_init(&pruned, table_type,
                 OPTIONS("events.num", "3000", "base-time", "0", "penstock.prune", "true"));
    harness_init(&part,
                 "ROW<bid ROW<extra STRING, price BIGINT>, auction ROW<expires TIMESTAMP(3), "
                 "extra STRING>, person ROW<city STRING>>",
                 NULL);
    AUTO_JSON *splits = enumerate(&whole, 1);
    assert_string_equal(print_all(&whole, whole.table.schema, 4096, splits, -1, NULL),
                        print_all(&pruned, pruned.table.schema, 4096, splits, -1, NULL));
    assert_string_equal(print_all(&whole, part.table.schema, 4096, splits, -1, NULL),
                        print_all(&pruned, part.table.schema, 4096, splits, -1, NULL));
    harness_release(&whole);
    harness_release(&pruned);
    harness_release(&part);
}

/* As the public generator splits: ids in consecutive ranges, each on its own slower time line. */
static void parallel_generators(void **state) {
    struct harness h;
    harness_init(&h, table_type,
                 OPTIONS("events.num", "1001", "base-time", "0", "first-event.rate", "1000"));
    AUTO_JSON *splits = enumerate(&h, 3);
    assert_int_equal(cJSON_GetArraySize(splits), 3);
    static const int64_t want[3] = {333, 333, 335};
    for (int i = 0; i < 3; i++) {
        AUTO_JSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_Duplicate(cJSON_GetArrayItem(splits, i), true));
        struct source *src = open_source(&h, h.table.schema, 4096, one);
        struct batch *b = poll(src);
        assert_int_equal(b->n, want[i]);
        assert_int_equal(json_opt_i64(cJSON_GetArrayItem(splits, i), "records", 0), want[i]);
        /* Events 3 ms apart; ids from 2 + 333 i on. */
        int64_t id = 2 + 333 * i, rem = id % 50;
        int kind = rem < 1 ? 0 : rem < 4 ? 1 : 2;
        assert_int_equal(COL_DATA(&b->cols[0], int32_t)[0], kind);
        assert_int_equal(number(&b->cols[3], 5, 10), 3 * 11);
        for (uint32_t r = 0; r < b->n; r++) {
            if (!col_is_valid(&b->cols[2], r)) continue;
            int64_t event = id + r;
            assert_int_equal(number(&b->cols[2], 0, r), event / 50 * 3 + event % 50 - 1 + 1000);
        }
        batch_unref(b);
        src->ops->free(src);
    }
    harness_release(&h);
}

/* Event times far beyond what the vector code is exact for. */
static void far_future(void **state) {
    struct harness h;
    harness_init(&h, table_type, OPTIONS("base-time", "0", "first-event.rate", "1"));
    AUTO_JSON *splits = enumerate(&h, 1);
    cJSON *p = cJSON_CreateObject();
    json_set_i64(p, "events", 5000000000ll);
    json_set(cJSON_GetArrayItem(splits, 0), "position", p);
    struct source *src = open_source(&h, h.table.schema, 100, splits);
    struct batch *b = poll(src);
    for (uint32_t i = 0; i < b->n; i++)
        assert_int_equal(number(&b->cols[3], 5, i), (5000000001ll + i) * 1000);
    batch_unref(b);
    src->ops->free(src);
    harness_release(&h);
}

/* ---- pace ---- */

static int64_t fake_ms;

static int64_t fake_mono_ns(void *self) {
    return fake_ms * 1000000;
}
static int64_t fake_wall_ms(void *self) {
    return fake_ms;
}

static void limited_rate(void **state) {
    static const struct clock_ops clock = {fake_mono_ns, fake_wall_ms, NULL};
    clock_replace(&clock);
    fake_ms = 5000;
    struct harness h;
    harness_init(&h, table_type,
                 OPTIONS("rate.limited", "true", "first-event.rate", "1000", "base-time", "77",
                         "events.num", "120"));
    AUTO_JSON *splits = enumerate(&h, 1);
    struct source *src = open_source(&h, h.table.schema, 4096, splits);
    struct err err = ERR_INIT;
    struct batch *b;
    int64_t wake;
    assert_int_equal(src->ops->poll(src, &b, &wake, &err), SOURCE_WAIT);
    assert_int_equal(wake, 5001 * 1000000ll); /* the first event is due after 1 ms */
    fake_ms += 100;
    b = poll(src);
    assert_int_equal(b->n, 100);
    batch_unref(b);
    assert_int_equal(src->ops->poll(src, &b, &wake, &err), SOURCE_WAIT);
    fake_ms += 1000;
    b = poll(src);
    assert_int_equal(b->n, 20);
    batch_unref(b);
    assert_null(poll(src));
    src->ops->free(src);
    harness_release(&h);
    clock_replace(NULL);
}

static void options(void **state) {
    static const struct {
        const char *row, *key, *value, *part;
    } cases[] = {
        {"ROW<event_type BIGINT>", "seed", "1", "column 'event_type' must be INT"},
        {"ROW<bids INT>", "seed", "1", "column 'bids' is not one of"},
        {"ROW<bid ROW<prize BIGINT>>", "seed", "1", "field 'prize' of column 'bid' is not one of"},
        {"ROW<event_type INT>", "event.num", "1", "did you mean 'events.num'"},
        {"ROW<event_type INT>", "first-event.rate", "0", "first-event.rate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        harness_init(&h, cases[i].row, OPTIONS(cases[i].key, cases[i].value));
        assert_int_equal(connector_find("nexmark")->check(&h.table, false, &err), ERR_VALIDATION);
        if (!strstr(err.msg, cases[i].part)) fail_msg("%s", err.msg);
        harness_release(&h);
    }
    static const struct {
        const char *key, *value;
        bool bounded;
    } ends[] = {{"events.num", "5", true}, {"events.num", "0", false}, {"stop-at", "3", true}};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        bool bounded;
        harness_init(&h, table_type, OPTIONS(ends[i].key, ends[i].value));
        assert_int_equal(connector_find("nexmark")->is_bounded(&h.table, &bounded, &err), 0);
        assert_int_equal(bounded, ends[i].bounded);
        harness_release(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions), cmocka_unit_test(same_events),
        cmocka_unit_test(pruning),       cmocka_unit_test(parallel_generators),
        cmocka_unit_test(far_future),    cmocka_unit_test(limited_rate),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
