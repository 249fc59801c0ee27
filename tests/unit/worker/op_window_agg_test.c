/* op_window_agg_test.c - windowed aggregates, in one phase and in two, against one accumulator per
 * key and window: late rows, rows that are late for some of their windows, NULLs, steps inside
 * batches, barriers, full outputs. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 25, ROWS_MAX = 60, KEYS = 5, ACCS_MAX = 20000 };

struct shape {
    const char *type;
    int64_t size, slide, offset;
};

struct acc {
    int64_t key, start, end, count, n, sum, min;
};

struct run {
    struct op_rig o;
    struct shape shape;
    int64_t wm;
    struct acc *accs;
    int n_accs;
    struct lines want;
};

#define AGGS(col_count, args, col_v)                                                               \
    "\"aggs\": [{\"fn\": \"COUNT\", \"args\": [], \"type\": \"BIGINT NOT NULL\", \"cols\": "       \
    "[" col_count "], \"filter\": -1}, {\"fn\": \"SUM\", \"args\": [\"BIGINT\"], \"type\": "       \
    "\"BIGINT\", \"cols\": [" args                                                                 \
    "], \"filter\": -1}, {\"fn\": \"MIN\", \"args\": [\"BIGINT\"], "                               \
    "\"type\": \"BIGINT\", \"cols\": [" col_v "], \"filter\": -1}], \"props\": [\"start\", "       \
    "\"end\"]}"

static void config_of(const struct run *r, const char *phase, const char *time, const char *aggs,
                      struct str *out) {
    str_addf(out,
             "{\"window\": {\"type\": \"%s\", \"time\": %s, \"size\": %lld, \"slide\": %lld, "
             "\"offset\": %lld, \"proctime\": false, \"ltz\": false}, \"keys\": [0], \"phase\": "
             "\"%s\", %s",
             r->shape.type, time, (long long)r->shape.size, (long long)r->shape.slide,
             (long long)r->shape.offset, phase, aggs);
}

static void open_run(struct run *r, uint64_t seed, const struct shape *shape, bool two_phases) {
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    memset(r, 0, sizeof *r);
    r->shape = *shape;
    r->wm = WATERMARK_MIN;
    r->accs = mem_calloc(ACCS_MAX, sizeof *r->accs);
    op_rig_init(&r->o, seed, sizes[seed % 4]);
    const struct type *big = type_of(TYPE_BIGINT);
    const struct schema *in = op_rig_schema(&r->o, big, 3), *out = op_rig_schema(&r->o, big, 6);
    AUTO_STR first = STR_INIT, second = STR_INIT;
    struct err err = ERR_INIT;
    if (!two_phases) {
        config_of(r, "single", "2", AGGS("", "1", "1"), &first);
        op_rig_open(&r->o, &in, 1, "window_agg", str_text(&first), out);
        return;
    }
    struct arena *a = &r->o.plan.arena;
    struct field *f = ARENA_NEW_N(a, struct field, 5);
    for (int i = 0; i < 5; i++)
        f[i] = (struct field){"x", i < 2 ? big : type_of(TYPE_VARBINARY)};
    struct schema *mid = ARENA_NEW(a, struct schema);
    *mid = (struct schema){5, f};
    config_of(r, "local", "2", AGGS("", "1", "1"), &first);
    config_of(r, "global", "1", AGGS("2", "3", "4"), &second);
    const struct op_rig_op chain[] = {{"window_agg", str_text(&first), mid},
                                      {"window_agg", str_text(&second), out}};
    assert_ok(op_rig_open_chain(&r->o, &in, 1, chain, 2, &err), &err);
}

static void fold(struct run *r, int64_t key, int64_t start, int64_t end, int64_t v) {
    struct acc *a = NULL;
    for (int i = 0; i < r->n_accs && !a; i++)
        if (r->accs[i].key == key && r->accs[i].start == start && r->accs[i].end == end)
            a = &r->accs[i];
    if (!a) {
        assert_true(r->n_accs < ACCS_MAX);
        a = &r->accs[r->n_accs++];
        *a = (struct acc){.key = key, .start = start, .end = end};
    }
    a->count++;
    if (v == OP_NULL) return;
    a->min = a->n && a->min < v ? a->min : v;
    a->sum += v;
    a->n++;
}

/* The row counts in those of its windows that the watermark hasn't passed. */
static void model_row(struct run *r, const int64_t *row) {
    const struct shape *s = &r->shape;
    int64_t t = row[2];
    if (t == OP_NULL) return;
    bool cumulate = !strcmp(s->type, "cumulate");
    int64_t step = cumulate ? s->size : s->slide, start = s->offset;
    while (start > t)
        start -= step;
    while (start + step <= t)
        start += step;
    for (; start + s->size > t; start -= step) {
        int64_t end = cumulate ? start + s->slide : start + s->size;
        for (; end <= start + s->size; end += s->slide)
            if (t < end && (r->wm == WATERMARK_MIN || end - 1 > r->wm))
                fold(r, row[0], start, end, row[1]);
    }
}

static void push_rows(struct run *r, int64_t *base) {
    struct rnd *rnd = &r->o.r;
    int64_t rows[ROWS_MAX * 3];
    struct wm_step steps[ROWS_MAX];
    uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX), n_steps = 0;
    bool ordered = rnd_below(rnd, 2);
    for (uint32_t i = 0; i < n; i++) {
        *base += (int64_t)rnd_below(rnd, 12);
        if (rnd_below(rnd, 6) == 0 && (r->wm == WATERMARK_MIN || *base - 40 > r->wm)) {
            r->wm = *base - 40;
            steps[n_steps++] = (struct wm_step){i, r->wm};
        }
        int64_t *row = &rows[i * 3];
        row[0] = rnd_below(rnd, 8) ? (int64_t)rnd_below(rnd, KEYS) : OP_NULL;
        row[1] = rnd_below(rnd, 5) ? (int64_t)rnd_below(rnd, 1000) - 500 : OP_NULL;
        row[2] = ordered ? *base : *base - (int64_t)rnd_below(rnd, 160);
        if (rnd_below(rnd, 40) == 0) row[2] = OP_NULL;
        model_row(r, row);
    }
    if (rnd_below(rnd, 3) == 0 && *base - 40 > r->wm) { /* behind the last row */
        r->wm = *base - 40;
        steps[n_steps++] = (struct wm_step){n, r->wm};
    }
    struct batch *b = op_rig_rows(rows, 3, n, NULL);
    if (n_steps) batch_set_steps(b, steps, n_steps);
    op_rig_push(&r->o, 0, b);
}

/* Results alone, in any order. What comes behind a watermark is of windows that it hasn't passed.
 */
static void check(struct run *r) {
    size_t n = 0;
    int64_t wm = WATERMARK_MIN;
    for (size_t i = 0; i < r->o.n; i++) {
        char *line = r->o.lines[i];
        if (!strncmp(line, "wm ", 3)) {
            int64_t now = strcmp(line, "wm max") ? strtoll(line + 3, NULL, 10) : WATERMARK_MAX;
            assert_true(now >= wm);
            wm = now;
        } else if (line[0] == '+') {
            int64_t end = strtoll(strrchr(line, '|') + 1, NULL, 10);
            if (wm != WATERMARK_MIN && end - 1 <= wm)
                fail_msg("'%s' came behind watermark %lld", line, (long long)wm);
            r->o.lines[n++] = line;
            continue;
        }
        free(line);
    }
    r->o.n = n;
    for (int i = 0; i < r->n_accs; i++) {
        const struct acc *a = &r->accs[i];
        int64_t row[6] = {a->key,   a->count, a->n ? a->sum : OP_NULL, a->n ? a->min : OP_NULL,
                          a->start, a->end};
        lines_row(&r->want, 0, row, 6);
    }
    op_rig_expect(&r->o, &r->want, true);
}

static void run_shape(uint64_t seed, const struct shape *shape, bool two_phases) {
    struct run r;
    open_run(&r, seed, shape, two_phases);
    int64_t base = -300;
    for (int i = 0; i < BATCHES; i++) {
        push_rows(&r, &base);
        if (rnd_below(&r.o.r, 6) == 0) op_rig_barrier(&r.o);
        if (rnd_below(&r.o.r, 4) == 0 && base - 20 > r.wm) op_rig_wm(&r.o, r.wm = base - 20);
    }
    op_rig_finish(&r.o, 1);
    check(&r);
    lines_release(&r.want);
    op_rig_release(&r.o);
    free(r.accs);
}

static const struct shape shapes[] = {
    {"tumble", 50, 50, 0},    {"tumble", 7, 7, -3},      {"hop", 60, 20, 0},
    {"hop", 50, 20, 7},       {"hop", 30, 30, 5},        {"cumulate", 60, 20, 0},
    {"cumulate", 100, 10, 3}, {"cumulate", 40, 40, -11},
};

static void one_phase(void **state) {
    for (uint64_t seed = 1; seed <= 96; seed++)
        run_shape(seed, &shapes[seed / 4 % ARRAY_LEN(shapes)], false);
}

static void two_phases(void **state) {
    for (uint64_t seed = 1; seed <= 96; seed++)
        run_shape(seed, &shapes[seed / 4 % ARRAY_LEN(shapes)], true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_phase),
        cmocka_unit_test(two_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
