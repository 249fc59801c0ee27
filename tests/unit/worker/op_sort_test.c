/* op_sort_test.c - ORDER BY, by the end of input (with OFFSET, LIMIT and rows taken back) and by
 * time, against an insertion sort. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 20, ROWS_MAX = 30, HELD_MAX = BATCHES * ROWS_MAX + 1 };

struct run {
    struct op_rig o;
    int64_t rows[HELD_MAX][3];
    int n;
    int64_t wm, base;
    struct lines want;
};

static void open_run(struct run *r, uint64_t seed, const char *config) {
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    memset(r, 0, sizeof *r);
    r->wm = WATERMARK_MIN;
    op_rig_init(&r->o, seed, sizes[seed % 4]);
    const struct schema *s = op_rig_schema(&r->o, type_of(TYPE_BIGINT), 3);
    op_rig_open(&r->o, &s, 1, "sort", config, s);
}

static int cmp_value(int64_t a, int64_t b, bool desc, bool nulls_first) {
    if (a == OP_NULL || b == OP_NULL) {
        if (a == b) return 0;
        return (a == OP_NULL) == nulls_first ? -1 : 1;
    }
    int c = a < b ? -1 : a > b;
    return desc ? -c : c;
}

/* ORDER BY c0 DESC NULLS LAST, c1 NULLS FIRST. */
static int cmp_two(const int64_t *a, const int64_t *b) {
    int c = cmp_value(a[0], b[0], true, false);
    return c ? c : cmp_value(a[1], b[1], false, true);
}
static int cmp_time(const int64_t *a, const int64_t *b) {
    int c = cmp_value(a[0], b[0], false, true);
    return c ? c : cmp_value(a[1], b[1], true, true);
}

/* Stable, as rows came. */
static void sort_held(struct run *r, int (*cmp)(const int64_t *, const int64_t *)) {
    for (int i = 1; i < r->n; i++) {
        int64_t row[3];
        memcpy(row, r->rows[i], sizeof row);
        int k = i;
        for (; k > 0 && cmp(r->rows[k - 1], row) > 0; k--)
            memcpy(r->rows[k], r->rows[k - 1], sizeof row);
        memcpy(r->rows[k], row, sizeof row);
    }
}

static void take_out(struct run *r, int at) {
    memmove(r->rows[at], r->rows[at + 1], sizeof r->rows[0] * (size_t)(r->n - at - 1));
    r->n--;
}

static void say_wm(struct run *r) {
    char text[40];
    snprintf(text, sizeof text, "wm %lld", (long long)r->wm);
    lines_say(&r->want, text);
}

static void finish(struct run *r) {
    op_rig_finish(&r->o, 1);
    lines_say(&r->want, "wm max");
    lines_say(&r->want, "end");
    op_rig_expect(&r->o, &r->want, false);
    lines_release(&r->want);
    op_rig_release(&r->o);
    free(r);
}

static void push_changes(struct run *r, bool deletes) {
    struct rnd *rnd = &r->o.r;
    int64_t rows[ROWS_MAX * 3];
    uint8_t kinds[ROWS_MAX];
    uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        int64_t *row = &rows[i * 3];
        kinds[i] = ROW_INSERT;
        if (deletes && r->n && rnd_below(rnd, 3) == 0) {
            int at = (int)rnd_below(rnd, (uint64_t)r->n);
            memcpy(row, r->rows[at], sizeof r->rows[0]);
            for (int k = at; k < r->n; k++) /* of equal rows the last one goes */
                if (!memcmp(r->rows[k], row, sizeof r->rows[0])) at = k;
            take_out(r, at);
            kinds[i] = rnd_below(rnd, 2) ? ROW_DELETE : ROW_UPDATE_BEFORE;
            continue;
        }
        for (int c = 0; c < 3; c++)
            row[c] = rnd_below(rnd, 6) ? (int64_t)rnd_below(rnd, c == 2 ? 1000 : 6) : OP_NULL;
        memcpy(r->rows[r->n++], row, sizeof r->rows[0]);
        kinds[i] = deletes && rnd_below(rnd, 4) == 0 ? ROW_UPDATE_AFTER : ROW_INSERT;
    }
    op_rig_push(&r->o, 0, op_rig_rows(rows, 3, n, deletes ? kinds : NULL));
}

static void at_the_end(void **state) {
    for (uint64_t seed = 0; seed < 80; seed++) {
        struct rnd x = {seed};
        int offset = seed / 8 % 2 ? (int)rnd_below(&x, 400) : 0;
        int limit = seed / 16 % 2 ? (int)rnd_below(&x, 300) : -1;
        char config[300];
        snprintf(config, sizeof config,
                 "{\"order\": [{\"col\": 0, \"desc\": true, \"nullsFirst\": false}, {\"col\": 1, "
                 "\"desc\": false, \"nullsFirst\": true}], \"offset\": %d, \"limit\": %d, "
                 "\"time\": false}",
                 offset, limit);
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed + 1, config);
        for (int k = 0; k < BATCHES; k++) {
            push_changes(r, seed / 4 % 2);
            if (rnd_below(&r->o.r, 4) == 0) {
                r->wm = k;
                say_wm(r);
                op_rig_wm(&r->o, k);
            }
        }
        sort_held(r, cmp_two);
        for (int i = offset; i < r->n && (limit < 0 || i < offset + limit); i++)
            lines_row(&r->want, 0, r->rows[i], 3);
        finish(r);
    }
}

/* Rows up to the watermark come out in order. */
static void want_due(struct run *r, int64_t wm) {
    sort_held(r, cmp_time);
    int due = 0;
    while (due < r->n && r->rows[due][0] <= wm)
        lines_row(&r->want, 0, r->rows[due++], 3);
    while (due--)
        take_out(r, 0);
}

static void by_time(void **state) {
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed,
                 "{\"order\": [{\"col\": 0, \"desc\": false, \"nullsFirst\": true}, {\"col\": 1, "
                 "\"desc\": true, \"nullsFirst\": true}], \"offset\": 0, \"limit\": -1, \"time\": "
                 "true}");
        struct rnd *rnd = &r->o.r;
        for (int k = 0; k < BATCHES; k++) {
            int64_t rows[ROWS_MAX * 3];
            struct wm_step steps[ROWS_MAX + 1];
            uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX), n_steps = 0;
            for (uint32_t i = 0; i < n; i++) {
                r->base += (int64_t)rnd_below(rnd, 4);
                if (rnd_below(rnd, 7) == 0 && r->base - 9 > r->wm) {
                    r->wm = r->base - 9;
                    steps[n_steps++] = (struct wm_step){i, r->wm};
                }
                int64_t *row = &rows[i * 3];
                row[0] = r->base - (int64_t)rnd_below(rnd, 20);
                row[1] = rnd_below(rnd, 5) ? (int64_t)rnd_below(rnd, 3) : OP_NULL;
                row[2] = (int64_t)rnd_below(rnd, 1000);
                if (row[0] > r->wm) memcpy(r->rows[r->n++], row, sizeof r->rows[0]);
            }
            struct batch *b = op_rig_rows(rows, 3, n, NULL);
            if (n_steps) batch_set_steps(b, steps, n_steps);
            if (n_steps) {
                want_due(r, r->wm);
                say_wm(r);
            }
            op_rig_push(&r->o, 0, b);
        }
        want_due(r, WATERMARK_MAX);
        finish(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_end),
        cmocka_unit_test(by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
