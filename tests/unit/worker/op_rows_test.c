/* op_rows_test.c - ops that look at each row by itself: limit, expand, replicate, unnest,
 * extreme_filter. */
#include "tests/unit/worker/op_rig_lines.h"

enum { ROWS_MAX = 70 };

static const uint32_t batch_sizes[] = {1, 3, 16, BATCH_ROWS_MAX};

struct feed {
    struct op_rig o;
    struct lines want;
    int64_t rows[ROWS_MAX * 3];
    uint8_t kinds[ROWS_MAX];
    int64_t wm;
};

static int64_t maybe_null(struct rnd *r, int64_t v) {
    return rnd_below(r, 6) ? v : OP_NULL;
}

/* A batch of rows (a, b, c), its kinds and up to two watermark steps; n rows. */
static struct batch *random_rows3(struct feed *f, uint32_t n, bool kinds) {
    struct rnd *r = &f->o.r;
    for (uint32_t i = 0; i < n; i++) {
        f->rows[i * 3] = maybe_null(r, (int64_t)rnd_below(r, 100));
        f->rows[i * 3 + 1] = maybe_null(r, (int64_t)rnd_below(r, 8) - 2);
        f->rows[i * 3 + 2] = maybe_null(r, (int64_t)rnd_next(r) >> 20);
        f->kinds[i] = kinds ? (uint8_t)rnd_below(r, 4) : 0;
    }
    return op_rig_rows(f->rows, 3, n, kinds ? f->kinds : NULL);
}

/* Puts a watermark or a barrier between batches now and then. */
static void between(struct feed *f) {
    char text[40];
    if (rnd_below(&f->o.r, 3) == 0) {
        f->wm += 10;
        snprintf(text, sizeof text, "wm %lld", (long long)f->wm);
        lines_say(&f->want, text);
        op_rig_wm(&f->o, f->wm);
    }
    if (rnd_below(&f->o.r, 5) == 0) {
        op_rig_barrier(&f->o);
        snprintf(text, sizeof text, "barrier %llu", (unsigned long long)f->o.n_barriers);
        lines_say(&f->want, text);
    }
}

static void finish(struct feed *f) {
    op_rig_finish(&f->o, 1);
    lines_say(&f->want, "wm max");
    lines_say(&f->want, "end");
    op_rig_expect(&f->o, &f->want, false);
    lines_release(&f->want);
    op_rig_release(&f->o);
}

static void open3(struct feed *f, uint64_t seed, uint32_t batch_rows, const char *kind,
                  const char *config, int width) {
    memset(f, 0, sizeof *f);
    op_rig_init(&f->o, seed, batch_rows);
    const struct schema *in = op_rig_schema(&f->o, type_of(TYPE_BIGINT), 3);
    op_rig_open(&f->o, &in, 1, kind, config, op_rig_schema(&f->o, type_of(TYPE_BIGINT), width));
}

static void limits(void **state) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rnd r = {seed};
        int64_t offset = (int64_t)rnd_below(&r, 60), limit = (int64_t)rnd_below(&r, 200);
        char config[80];
        snprintf(config, sizeof config, "{\"offset\": %lld, \"limit\": %lld}", (long long)offset,
                 (long long)limit);
        struct feed f;
        open3(&f, seed, batch_sizes[seed % 4], "limit", config, 3);
        int64_t at = 0;
        for (int k = 0; k < 12; k++) {
            uint32_t n = (uint32_t)rnd_below(&f.o.r, ROWS_MAX);
            struct batch *b = random_rows3(&f, n, false);
            for (uint32_t i = 0; i < n; i++, at++)
                if (at >= offset && at < offset + limit) lines_row(&f.want, 0, &f.rows[i * 3], 3);
            op_rig_push(&f.o, 0, b);
            between(&f);
        }
        finish(&f);
    }
}

static void expands(void **state) {
    static const int sets[4][3] = {{0, 1, 2}, {0, -1, 2}, {-1, 1, -1}, {-1, -1, -1}};
    static const int64_t ids[4] = {0, 2, 5, 1ll << 40};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct feed f;
        open3(&f, seed, batch_sizes[seed % 4], "expand",
              "{\"projects\": [[0,1,2],[0,-1,2],[-1,1,-1],[-1,-1,-1]], \"ids\": [0, 2, 5, "
              "1099511627776]}",
              4);
        for (int k = 0; k < 10; k++) {
            uint32_t n = (uint32_t)rnd_below(&f.o.r, ROWS_MAX);
            struct batch *b = random_rows3(&f, n, seed % 2);
            for (uint32_t i = 0; i < n; i++)
                for (int s = 0; s < 4; s++) {
                    int64_t row[4] = {OP_NULL, OP_NULL, OP_NULL, ids[s]};
                    for (int c = 0; c < 3; c++)
                        if (sets[s][c] >= 0) row[c] = f.rows[i * 3 + (uint32_t)sets[s][c]];
                    lines_row(&f.want, f.kinds[i], row, 4);
                }
            op_rig_push(&f.o, 0, b);
            between(&f);
        }
        finish(&f);
    }
}

/* Many sets of a large batch: more rows than a batch holds. */
static void expands_beyond_a_batch(void **state) {
    enum { SETS = 1000, N = 30 };
    struct feed f;
    AUTO_STR config = STR_INIT;
    str_add(&config, "{\"projects\": [");
    for (int s = 0; s < SETS; s++)
        str_addf(&config, "%s[0,-1,2]", s ? "," : "");
    str_add(&config, "], \"ids\": [");
    for (int s = 0; s < SETS; s++)
        str_addf(&config, "%s%d", s ? "," : "", s);
    str_add(&config, "]}");
    open3(&f, 3, BATCH_ROWS_MAX, "expand", str_text(&config), 4);
    struct batch *b = random_rows3(&f, N, false);
    for (uint32_t i = 0; i < N; i++)
        for (int s = 0; s < SETS; s++) {
            int64_t row[4] = {f.rows[i * 3], OP_NULL, f.rows[i * 3 + 2], s};
            lines_row(&f.want, 0, row, 4);
        }
    op_rig_push(&f.o, 0, b);
    finish(&f);
}

static void replicates(void **state) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct feed f;
        uint32_t rows = batch_sizes[seed % 4];
        open3(&f, seed, rows, "replicate", "{\"count\": 1}", 3);
        for (int k = 0; k < 8; k++) {
            uint32_t n = (uint32_t)rnd_below(&f.o.r, ROWS_MAX);
            struct batch *b = random_rows3(&f, n, seed % 2);
            for (uint32_t i = 0; i < n; i++)
                for (int64_t c = 0; f.rows[i * 3 + 1] != OP_NULL && c < f.rows[i * 3 + 1]; c++)
                    lines_row(&f.want, f.kinds[i], &f.rows[i * 3], 3);
            op_rig_push(&f.o, 0, b);
            between(&f);
        }
        finish(&f);
        assert_true(f.o.max_rows <= rows);
    }
}

/* ---- unnest: (id BIGINT, list) -> id, list, elements ------------------------------------------
 */

enum list_kind { LIST_ARRAY, LIST_ARRAY_OF_ROWS, LIST_MAP, LIST_MULTISET };

struct unnest_case {
    enum list_kind kind;
    bool left, ordinality;
};

static const struct type *list_type(struct arena *a, enum list_kind kind) {
    const struct type *big = type_of(TYPE_BIGINT);
    const struct type *two[] = {big, big};
    const char *names[] = {"f", "g"};
    switch (kind) {
    case LIST_ARRAY:
        return type_array(a, big, true);
    case LIST_ARRAY_OF_ROWS:
        return type_array(a, type_row(a, 2, two, names, true), true);
    case LIST_MAP:
        return type_map(a, big, big, true);
    default:
        return type_multiset(a, big, true);
    }
}

static void expect_element(struct feed *f, const struct unnest_case *c, const char *head,
                           uint8_t kind, int64_t x, int64_t y, bool pair, int64_t ordinal) {
    int64_t row[3];
    int n = 0;
    row[n++] = x;
    if (pair) row[n++] = y;
    if (c->ordinality) row[n++] = ordinal;
    char *tail = op_rig_text(kind, row, n); /* "+I x|y" */
    struct str line = STR_INIT;
    str_addf(&line, "%.3s%s|%s", tail, head, tail + 3);
    free(tail);
    lines_add(&f->want, str_take(&line));
}

/* One row's list, with what should come of it. */
static void add_list(struct feed *f, const struct unnest_case *c, struct col_builder *cb,
                     uint32_t len, struct str *texts) {
    struct rnd *r = &f->o.r;
    for (uint32_t i = 0; i < len; i++) {
        int64_t x = maybe_null(r, (int64_t)rnd_below(r, 50)), y = maybe_null(r, 7);
        bool null_row = false;
        struct col_builder *element = &cb->children[0];
        if (c->kind == LIST_ARRAY_OF_ROWS) {
            null_row = rnd_below(r, 5) == 0;
            if (null_row) {
                col_add_null(element);
                x = y = OP_NULL;
            } else {
                for (int k = 0; k < 2; k++)
                    if ((k ? y : x) == OP_NULL)
                        col_add_null(&element->children[k]);
                    else
                        col_add_int(&element->children[k], k ? y : x);
                col_close_row(element);
            }
        } else if (x == OP_NULL) {
            col_add_null(element);
        } else {
            col_add_int(element, x);
        }
        if (c->kind == LIST_MAP) {
            if (y == OP_NULL)
                col_add_null(&cb->children[1]);
            else
                col_add_int(&cb->children[1], y);
        }
        if (c->kind == LIST_MULTISET) {
            y = (int64_t)rnd_below(r, 4);
            col_add_int(&cb->children[1], y);
        }
        str_add_n(texts, (const char *)&x, sizeof x);
        str_add_n(texts, (const char *)&y, sizeof y);
    }
    col_close_row(cb);
}

static void expect_row(struct feed *f, const struct unnest_case *c, const char *head, uint8_t kind,
                       const int64_t *pairs, uint32_t len) {
    bool pair = c->kind == LIST_ARRAY_OF_ROWS || c->kind == LIST_MAP;
    int64_t ordinal = 0;
    for (uint32_t i = 0; i < len; i++) {
        int64_t x = pairs[i * 2], y = pairs[i * 2 + 1];
        for (int64_t k = 0; k < (c->kind == LIST_MULTISET ? y : 1); k++)
            expect_element(f, c, head, kind, x, y, pair, ++ordinal);
    }
    if (!ordinal && c->left) expect_element(f, c, head, kind, OP_NULL, OP_NULL, pair, OP_NULL);
}

static void unnest_batch(struct feed *f, const struct unnest_case *c, const struct type *list,
                         uint32_t n) {
    struct rnd *r = &f->o.r;
    struct col_builder id, cb;
    col_builder_init(&id, type_of(TYPE_BIGINT), n ? n : 1);
    col_builder_init(&cb, list, n ? n : 1);
    struct batch *b = batch_new(2);
    b->n = n;
    uint8_t *kinds = batch_make_kinds(b);
    uint32_t lens[ROWS_MAX];
    AUTO_STR pairs = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        kinds[i] = (uint8_t)rnd_below(r, 4);
        col_add_int(&id, i);
        lens[i] = rnd_below(r, 5) ? (uint32_t)rnd_below(r, 6) : 0;
        if (!lens[i] && rnd_below(r, 2))
            col_add_null(&cb);
        else
            add_list(f, c, &cb, lens[i], &pairs);
    }
    col_builder_finish(&id, &b->cols[0]);
    col_builder_finish(&cb, &b->cols[1]);
    col_builder_release(&id);
    col_builder_release(&cb);
    const char *at = pairs.ptr;
    for (uint32_t i = 0; i < n; i++) {
        AUTO_STR head = STR_INIT;
        int64_t own[12] = {0};
        str_addf(&head, "%u|", i);
        if (col_is_valid(&b->cols[1], i))
            value_print(&b->cols[1], i, tz_utc(), &head);
        else
            str_add(&head, "NULL");
        if (lens[i]) memcpy(own, at, lens[i] * 16);
        at += lens[i] * 16;
        expect_row(f, c, str_text(&head), kinds[i], own, lens[i]);
    }
    op_rig_push(&f->o, 0, b);
}

static void unnests(void **state) {
    for (uint64_t seed = 1; seed <= 96; seed++) {
        struct unnest_case c = {(enum list_kind)(seed % 4), seed / 4 % 2, seed / 8 % 2};
        struct feed f = {0};
        op_rig_init(&f.o, seed, batch_sizes[seed / 16 % 4]);
        struct arena *a = &f.o.plan.arena;
        const struct type *big = type_of(TYPE_BIGINT), *list = list_type(a, c.kind);
        bool pair = c.kind == LIST_ARRAY_OF_ROWS || c.kind == LIST_MAP;
        struct field *out = ARENA_NEW_N(a, struct field, 5), *in = ARENA_NEW_N(a, struct field, 2);
        int n = 0;
        out[n++] = (struct field){"id", big};
        out[n++] = (struct field){"list", list};
        out[n++] = (struct field){"x", big};
        if (pair) out[n++] = (struct field){"y", big};
        if (c.ordinality) out[n++] = (struct field){"o", type_of(TYPE_INT)};
        memcpy(in, out, 2 * sizeof *in);
        struct schema out_s = {n, out}, in_s = {2, in};
        const struct schema *inputs[] = {&in_s};
        char config[120];
        snprintf(config, sizeof config, "{\"col\": 1, \"join\": \"%s\", \"ordinality\": %s}",
                 c.left ? "left" : "inner", c.ordinality ? "true" : "false");
        op_rig_open(&f.o, inputs, 1, "unnest", config, &out_s);
        for (int k = 0; k < 6; k++) {
            unnest_batch(&f, &c, list, (uint32_t)rnd_below(&f.o.r, ROWS_MAX));
            between(&f);
        }
        finish(&f);
    }
}

/* ---- extreme_filter: rows are (id, value, time), windows 100 ms long ---- */

struct best_case {
    int64_t id, value, time;
    bool passes;
    int64_t wm_behind; /* 0: none */
    bool idle_behind;
};

static void check_extremes(const struct best_case *cases, size_t n, bool max) {
    struct feed f;
    char config[160];
    snprintf(config, sizeof config,
             "{\"window\": {\"type\": \"tumble\", \"time\": 2, \"size\": 100, \"offset\": 0, "
             "\"proctime\": "
             "false, \"ltz\": false}, \"col\": 1, \"max\": %s}",
             max ? "true" : "false");
    open3(&f, 1, BATCH_ROWS_MAX, "extreme_filter", config, 3);
    for (size_t i = 0; i < n; i++) {
        const struct best_case *c = &cases[i];
        int64_t row[] = {c->id, max || c->value == OP_NULL ? c->value : -c->value, c->time};
        op_rig_push(&f.o, 0, op_rig_rows(row, 3, 1, NULL));
        if (c->passes) lines_row(&f.want, 0, row, 3);
        if (c->wm_behind) {
            char text[40];
            snprintf(text, sizeof text, "wm %lld", (long long)c->wm_behind);
            lines_say(&f.want, text);
            op_rig_wm(&f.o, c->wm_behind);
        }
        if (c->idle_behind) op_rig_give(&f.o, (struct item){.kind = ITEM_IDLE, .u.idle = true});
    }
    finish(&f);
}

static void extremes(void **state) {
    static const struct best_case cases[] = {
        {1, 10, 110, true, 0, false},
        {2, 9, 120, false, 0, false},
        {3, 10, 130, true, 0, false},
        {4, 12, 199, true, 0, false},
        {5, 11, 101, false, 0, false},
        {6, OP_NULL, 150, true, 0, false},
        {7, 11, 100, true, 0, false}, /* the window in front, which ends here, isn't known */
        {8, 3, 200, true, 0, false},  /* the first of its window */
        {9, 2, 250, false, 0, false},
        {10, 2, 200, false, 0, false}, /* at the edge of two windows, beaten in both */
        {11, 1, 300, true, 0, false},
        {12, 2, 300, true, 198, false}, /* at an edge, beaten in the window in front only: it raises
                                           its own */
        {13, 13, 140, true, 199, false},
        {14, 99, 150, true, 0, false}, /* late: it passes, and says nothing */
        {15, 1, 150, true, 0, false},
        {16, 2, 260, false, 0, false}, /* in time */
        {17, 4, 260, true, 0, true},
        {18, 3, 270, true, 0, false}, /* has been idle: what the windows count isn't known */
    };
    check_extremes(cases, ARRAY_LEN(cases), true);
    check_extremes(cases, ARRAY_LEN(cases), false);
}

/* Batches of many rows, in one window or several, against a look at each row. */
static void extremes_in_batches(void **state) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct feed f;
        int64_t best[64];
        bool known[64] = {false};
        open3(&f, seed, BATCH_ROWS_MAX, "extreme_filter",
              "{\"window\": {\"type\": \"tumble\", \"time\": 2, \"size\": 100, \"offset\": 0, "
              "\"proctime\": "
              "false, \"ltz\": false}, \"col\": 1, \"max\": true}",
              3);
        f.o.full_percent = 0;
        for (int k = 0; k < 30; k++) {
            uint32_t n = 1 + (uint32_t)rnd_below(&f.o.r, ROWS_MAX - 1);
            size_t before = f.o.n;
            for (uint32_t i = 0; i < n; i++) {
                int64_t *row = &f.rows[i * 3];
                row[0] = i;
                row[1] = (int64_t)rnd_below(&f.o.r, 1000);
                row[2] = k * 40 + (int64_t)rnd_below(&f.o.r, 50);
            }
            op_rig_push(&f.o, 0, op_rig_rows(f.rows, 3, n, NULL));
            while (op_rig_pump(&f.o))
                ;
            for (uint32_t i = 0; i < n; i++) {
                int64_t w = f.rows[i * 3 + 2] / 100, v = f.rows[i * 3 + 1];
                best[w] = known[w] ? MAX(best[w], v) : v;
                known[w] = true;
            }
            /* The best of each window is among what came out; nothing came that isn't, but ties and
             * edges. */
            assert_true(f.o.n - before <= n);
            for (uint32_t i = 0; i < n; i++) {
                const int64_t *row = &f.rows[i * 3];
                char *text = op_rig_text(0, row, 3);
                bool out = false;
                for (size_t l = before; l < f.o.n; l++)
                    out |= !strcmp(f.o.lines[l], text);
                free(text);
                if (row[1] == best[row[2] / 100]) assert_true(out);
            }
        }
        op_rig_finish(&f.o, 1);
        size_t rows = f.o.n;
        assert_true(rows < 30 * ROWS_MAX / 2); /* most are dropped */
        lines_release(&f.want);
        op_rig_release(&f.o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(expands),
        cmocka_unit_test(expands_beyond_a_batch),
        cmocka_unit_test(replicates),
        cmocka_unit_test(unnests),
        cmocka_unit_test(extremes),
        cmocka_unit_test(extremes_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
