/* datagen_test.c - the datagen source: bounds, sequences over generators, pace, restore. */
#include "tests/unit/connector/harness.h"

#include "base/core/clock.h"
#include "base/core/json.h"

#include <stdlib.h>
#include <string.h>

static struct source *open_source(struct harness *h, const cJSON *splits, uint32_t rows) {
    struct err err = ERR_INIT;
    struct source_ctx ctx = {.parallelism = 1,
                             .env = &h->env,
                             .produced = connector_produced(&h->arena, &h->table),
                             .batch_rows = rows};
    const struct connector_desc *d = connector_find("datagen");
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
    if (connector_find("datagen")->enumerate(&h->table, parallelism, &splits, &err))
        fail_msg("%s", err.msg);
    return splits;
}

/* A clock that moves on to whenever the source wants to be woken. */
static int64_t now_ns;

static int64_t fake_mono_ns(void *self) {
    return now_ns;
}
static int64_t fake_wall_ms(void *self) {
    return 1700000000000ll + now_ns / 1000000;
}
static const struct clock_ops fake_clock = {fake_mono_ns, fake_wall_ms, NULL};

static struct batch *next_batch(struct source *s) {
    for (;;) {
        struct err err = ERR_INIT;
        struct batch *b = NULL;
        int64_t wake;
        int rc = s->ops->poll(s, &b, &wake, &err);
        if (rc == SOURCE_END) return NULL;
        if (rc == SOURCE_DATA) {
            if (batch_verify(b, &err)) fail_msg("%s", err.msg);
            return b;
        }
        assert_int_equal(rc, SOURCE_WAIT);
        assert_true(wake > now_ns && wake < INT64_MAX);
        now_ns = wake;
    }
}

static char *read_all(struct harness *h, const cJSON *splits, uint32_t rows, int batches,
                      cJSON **ret_snapshot) {
    struct source *s = open_source(h, splits, rows);
    AUTO_STR out = STR_INIT;
    struct batch *b;
    while (batches-- && (b = next_batch(s))) {
        harness_print(b, &out);
        batch_unref(b);
    }
    struct err err = ERR_INIT;
    if (ret_snapshot && s->ops->snapshot(s, ret_snapshot, &err)) fail_msg("%s", err.msg);
    s->ops->free(s);
    return arena_strndup(&h->arena, str_text(&out), out.len);
}

static int set_up(void **state) {
    now_ns = 5000000000ll;
    clock_replace(&fake_clock);
    return 0;
}

static int tear_down(void **state) {
    clock_replace(NULL);
    return 0;
}

static void sequences(void **state) {
    struct harness h;
    harness_init(&h, "ROW<a INT, b STRING, c DECIMAL(5, 1), d DOUBLE>",
                 OPTIONS("fields.a.kind", "sequence", "fields.a.start", "5", "fields.a.end", "9",
                         "fields.b.kind", "sequence", "fields.b.start", "-1", "fields.b.end", "7",
                         "fields.c.kind", "sequence", "fields.c.start", "1", "fields.c.end", "99",
                         "fields.d.kind", "sequence", "fields.d.start", "1", "fields.d.end", "99"));
    AUTO_JSON *one = enumerate(&h, 1);
    assert_string_equal(read_all(&h, one, 4096, -1, NULL),
                        "+I(5, -1, 1.0, 1.0)\n+I(6, 0, 2.0, 2.0)\n+I(7, 1, 3.0, 3.0)\n"
                        "+I(8, 2, 4.0, 4.0)\n+I(9, 3, 5.0, 5.0)\n");
    AUTO_JSON *three = enumerate(&h, 3);
    static const char *const want[] = {"+I(5, -1, 1.0, 1.0)\n+I(8, 2, 4.0, 4.0)\n",
                                       "+I(6, 0, 2.0, 2.0)\n+I(9, 3, 5.0, 5.0)\n",
                                       "+I(7, 1, 3.0, 3.0)\n"};
    for (int i = 0; i < 3; i++) {
        AUTO_JSON *part = cJSON_CreateArray();
        cJSON_AddItemToArray(part, cJSON_Duplicate(cJSON_GetArrayItem(three, i), true));
        assert_string_equal(read_all(&h, part, 4096, -1, NULL), want[i]);
    }
    struct err err = ERR_INIT;
    bool bounded = false;
    assert_int_equal(connector_find("datagen")->is_bounded(&h.table, &bounded, &err), 0);
    assert_true(bounded);
    harness_release(&h);
}

static void bounds(void **state) {
    struct harness h;
    harness_init(
        &h,
        "ROW<a INT, b DOUBLE, c STRING, d TIMESTAMP(3), e ARRAY<TINYINT>, f MAP<INT, BOOLEAN>, "
        "g DECIMAL(4, 2), h STRING, i ROW<x SMALLINT>>",
        OPTIONS("number-of-rows", "2000", "fields.a.min", "-3", "fields.a.max", "3", "fields.b.min",
                "0.5", "fields.b.max", "0.75", "fields.c.length", "20", "fields.c.var-len", "true",
                "fields.d.max-past", "10 s", "fields.e.length", "4", "fields.f.key.min", "0",
                "fields.f.key.max", "1", "fields.h.null-rate", "0.25", "fields.i.x.max", "0"));
    AUTO_JSON *splits = enumerate(&h, 1);
    struct source *s = open_source(&h, splits, 512);
    uint64_t count[7] = {0}, nulls = 0, rows = 0, lengths[21] = {0};
    for (struct batch *b; (b = next_batch(s)); batch_unref(b)) {
        for (uint32_t i = 0; i < b->n; i++, rows++) {
            int a = COL_DATA(&b->cols[0], int32_t)[i];
            assert_in_range(a + 3, 0, 6);
            count[a + 3]++;
            double d = COL_DATA(&b->cols[1], double)[i];
            assert_true(d >= 0.5 && d <= 0.75);
            struct sv c = strv_sv(&COL_DATA(&b->cols[2], struct strv)[i]);
            assert_in_range(c.len, 1, 20);
            lengths[c.len]++;
            for (size_t k = 0; k < c.len; k++)
                assert_non_null(strchr("0123456789abcdef", c.ptr[k]));
            int64_t age = fake_wall_ms(NULL) - COL_DATA(&b->cols[3], int64_t)[i];
            assert_in_range(age, 0, 9999);
            const uint32_t *off = COL_DATA(&b->cols[4], uint32_t);
            assert_int_equal(off[i + 1] - off[i], 4);
            off = COL_DATA(&b->cols[5], uint32_t);
            assert_in_range(off[i + 1] - off[i], 1, 2); /* keys 0 and 1 alone, each once */
            assert_in_range((uint64_t)COL_DATA(&b->cols[6], i128)[i], 0, 9999);
            nulls += !col_is_valid(&b->cols[7], i);
            assert_true(COL_DATA(&b->cols[8].children[0], int16_t)[i] <= 0);
        }
    }
    s->ops->free(s);
    assert_int_equal(rows, 2000);
    for (int k = 0; k < 7; k++)
        assert_in_range(count[k], 200, 380); /* 286 expected */
    assert_in_range(nulls, 400, 600);
    assert_true(lengths[1] && lengths[20]);
    harness_release(&h);
}

/* The same seed gives the same rows, however they are cut and wherever one goes on. */
static void restore(void **state) {
    struct harness h;
    harness_init(&h, "ROW<a BIGINT, b STRING, c ARRAY<INT>>",
                 OPTIONS("number-of-rows", "1000", "penstock.seed", "7"));
    AUTO_JSON *splits = enumerate(&h, 2);
    char *all = read_all(&h, splits, 1, -1, NULL);
    for (uint32_t rows = 1; rows <= 1; rows++) {
        cJSON *snapshot;
        char *head = read_all(&h, splits, rows, 333, &snapshot);
        char *tail = read_all(&h, snapshot, rows, -1, NULL);
        assert_int_equal(strlen(head) + strlen(tail), strlen(all));
        cJSON_Delete(snapshot);
    }
    AUTO_JSON *one = cJSON_CreateArray();
    cJSON_AddItemToArray(one, cJSON_Duplicate(cJSON_GetArrayItem(splits, 1), true));
    char *whole = read_all(&h, one, 4096, -1, NULL);
    cJSON *snapshot;
    char *head = read_all(&h, one, 10, 7, &snapshot);
    char *tail = read_all(&h, snapshot, 100, -1, NULL);
    assert_string_equal(arena_printf(&h.arena, "%s%s", head, tail), whole);
    cJSON_Delete(snapshot);
    h.table.options = (struct table_option[]){{"number-of-rows", "1000"}, {"penstock.seed", "8"}};
    AUTO_JSON *other = enumerate(&h, 1);
    assert_null(strstr(read_all(&h, other, 4096, 1, NULL), arena_strndup(&h.arena, whole, 40)));
    harness_release(&h);
}

/* rows-per-second is kept to, and the first rows come at once. */
static void pace(void **state) {
    static const struct {
        const char *rate;
        int64_t rows, least_ns, most_ns;
    } cases[] = {
        {"1", 4, 3000000000ll, 3100000000ll},
        {"100", 301, 3000000000ll, 3100000000ll},
        {"100000", 50000, 400000000ll, 510000000ll},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct harness h;
        harness_init(&h, "ROW<a INT>", OPTIONS("rows-per-second", cases[i].rate));
        AUTO_JSON *splits = enumerate(&h, 1);
        struct source *s = open_source(&h, splits, 4096);
        int64_t from = now_ns, rows = 0;
        while (rows < cases[i].rows) {
            struct batch *b = next_batch(s);
            rows += b->n;
            batch_unref(b);
        }
        assert_in_range(now_ns - from, cases[i].least_ns, cases[i].most_ns);
        s->ops->free(s);
        harness_release(&h);
    }
}

static void options(void **state) {
    static const struct {
        const char *key, *value, *part;
        int code;
    } cases[] = {
        {"fields.b.min", "1", "option 'fields.b.min' fits no column", ERR_VALIDATION},
        {"fields.a.length", "1", "option 'fields.a.length' fits no column", ERR_VALIDATION},
        {"fields.a.kind", "sequense", "'sequense' is not 'random' or 'sequence'", ERR_VALIDATION},
        {"fields.a.kind", "sequence", "option 'fields.a.start' is missing", ERR_VALIDATION},
        {"fields.a.max", "3000000000", "is not an integer of", ERR_VALIDATION},
        {"fields.c.kind", "sequence", "there is no sequence of", ERR_UNSUPPORTED},
        {"fields.a.null-rate", "2", "a number of 0 to 1", ERR_VALIDATION},
        {"row-per-second", "2", "did you mean 'rows-per-second'", ERR_VALIDATION},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        harness_init(&h, "ROW<a INT, c ARRAY<INT>>", OPTIONS(cases[i].key, cases[i].value));
        assert_int_equal(connector_find("datagen")->check(&h.table, false, &err), cases[i].code);
        if (!strstr(err.msg, cases[i].part)) fail_msg("%s", err.msg);
        harness_release(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pace, set_up, tear_down),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
