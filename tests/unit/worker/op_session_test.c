/* op_session_test.c - sessions, aggregated and row by row, against a plain list of them: late rows,
 * rows that join sessions, rows taken back, NULLs, steps inside batches, barriers, full outputs. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 25, ROWS_MAX = 60, KEYS = 5, GAP = 25, SESSIONS_MAX = 4000, HELD_MAX = 2000 };

struct row {
    int64_t key, v, time;
    uint8_t kind;
};

struct model {
    int64_t key, start, end;
    bool merged;
    int n;
    struct row *rows; /* in order of arrival, but for merges */
};

struct run {
    struct op_rig o;
    bool retracts, rows;
    int64_t wm;
    struct model *sessions;
    int n_sessions;
    struct lines want;
};

#define WINDOW                                                                                     \
    "\"window\": {\"type\": \"session\", \"time\": 2, \"gap\": 25, \"proctime\": false, "          \
    "\"ltz\": false}, \"keys\": [0]"
#define AGG(fn, args, type, more)                                                                  \
    "{\"fn\": \"" fn "\", \"args\": [" args "], \"type\": \"" type "\", \"filter\": -1, " more "}"

static const char agg_config[] =
    "{" WINDOW ", \"phase\": \"single\", \"inputRetracts\": %s, \"aggs\": [" AGG(
        "COUNT", "", "BIGINT NOT NULL",
        "\"cols\": []") ", " AGG("SUM", "\"BIGINT\"", "BIGINT",
                                 "\"retract\": %s, \"cols\": [1]") ", " AGG("COUNT", "\"BIGINT\"",
                                                                            "BIGINT NOT NULL",
                                                                            "\"retract\": %s, "
                                                                            "\"cols\": [1], "
                                                                            "\"distinct\": "
                                                                            "true") "], "
                                                                                    "\"props\":"
                                                                                    " ["
                                                                                    "\"start\","
                                                                                    " \"end\"]"
                                                                                    "}";

static void open_run(struct run *r, uint64_t seed, bool rows, bool retracts) {
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    *r = (struct run){.retracts = retracts, .rows = rows, .wm = WATERMARK_MIN};
    r->sessions = mem_calloc(SESSIONS_MAX, sizeof *r->sessions);
    op_rig_init(&r->o, seed, sizes[seed % 4]);
    const struct type *big = type_of(TYPE_BIGINT);
    const struct schema *in = op_rig_schema(&r->o, big, 3), *out = op_rig_schema(&r->o, big, 6);
    const char *flag = retracts ? "true" : "false";
    AUTO_STR config = STR_INIT;
    if (rows)
        str_add(&config, "{" WINDOW "}");
    else
        str_addf(&config, agg_config, flag, flag, flag);
    op_rig_open(&r->o, &in, 1, rows ? "session_tvf" : "session_agg", str_text(&config), out);
}

static void add_row(struct model *s, struct row row) {
    s->rows = mem_reallocarray(s->rows, (size_t)s->n + 1, sizeof *s->rows);
    s->rows[s->n++] = row;
}

static void model_row(struct run *r, struct row row) {
    if (row.time == OP_NULL) return;
    struct model s = {.key = row.key, .start = row.time, .end = row.time + GAP};
    bool any_wm = r->wm != WATERMARK_MIN, met = false;
    for (int i = 0; i < r->n_sessions; i++) {
        struct model *m = &r->sessions[i];
        if (m->merged || m->key != row.key || (any_wm && m->end - 1 <= r->wm)) continue;
        if (row.time > m->end || row.time + GAP < m->start) continue;
        met = true;
        s.start = MIN(s.start, m->start);
        s.end = MAX(s.end, m->end);
        for (int k = 0; k < m->n; k++)
            add_row(&s, m->rows[k]);
        m->merged = true;
    }
    if (!met && any_wm && s.end - 1 <= r->wm) return; /* late */
    add_row(&s, row);
    assert_true(r->n_sessions < SESSIONS_MAX);
    r->sessions[r->n_sessions++] = s;
}

static void push_rows(struct run *r, int64_t *base) {
    static const uint8_t going[] = {ROW_UPDATE_BEFORE, ROW_DELETE};
    struct rnd *rnd = &r->o.r;
    int64_t values[ROWS_MAX * 3];
    uint8_t kinds[ROWS_MAX];
    struct wm_step steps[ROWS_MAX];
    uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX), n_steps = 0;
    for (uint32_t i = 0; i < n; i++) {
        *base += (int64_t)rnd_below(rnd, 15);
        if (rnd_below(rnd, 6) == 0 && (r->wm == WATERMARK_MIN || *base - 40 > r->wm)) {
            r->wm = *base - 40;
            steps[n_steps++] = (struct wm_step){i, r->wm};
        }
        struct row row = {.key = rnd_below(rnd, 8) ? (int64_t)rnd_below(rnd, KEYS) : OP_NULL,
                          .v = rnd_below(rnd, 5) ? (int64_t)rnd_below(rnd, 10) : OP_NULL,
                          .time = rnd_below(rnd, 3) ? *base : *base - (int64_t)rnd_below(rnd, 120)};
        if (rnd_below(rnd, 40) == 0) row.time = OP_NULL;
        if (r->retracts && rnd_below(rnd, 3) == 0) row.kind = going[rnd_below(rnd, 2)];
        memcpy(&values[i * 3], &row, 3 * sizeof *values);
        kinds[i] = row.kind;
        model_row(r, row);
    }
    struct batch *b = op_rig_rows(values, 3, n, r->retracts ? kinds : NULL);
    if (n_steps) batch_set_steps(b, steps, n_steps);
    op_rig_push(&r->o, 0, b);
}

static int sign(const struct row *row) {
    return row_kind_adds(row->kind) ? 1 : -1;
}

/* A value counts while it came more often than it went. */
static void expect_agg(struct run *r, const struct model *s) {
    int64_t rows = 0, n = 0, sum = 0, distinct = 0, counts[10] = {0};
    for (int i = 0; i < s->n; i++) {
        rows += sign(&s->rows[i]);
        if (s->rows[i].v == OP_NULL) continue;
        n += sign(&s->rows[i]);
        sum += sign(&s->rows[i]) * s->rows[i].v;
        counts[s->rows[i].v] += sign(&s->rows[i]);
    }
    if (rows <= 0) return;
    for (int v = 0; v < 10; v++)
        distinct += counts[v] > 0;
    int64_t line[6] = {s->key, rows, n ? sum : OP_NULL, distinct, s->start, s->end};
    lines_row(&r->want, 0, line, 6);
}

static void expect_rows(struct run *r, const struct model *s) {
    for (int i = 0; i < s->n; i++) {
        const struct row *row = &s->rows[i];
        int64_t line[6] = {row->key, row->v, row->time, s->start, s->end, s->end - 1};
        lines_row(&r->want, row->kind, line, 6);
    }
}

/* Results alone, in any order. What comes behind a watermark is of sessions that it hasn't passed.
 */
static void check(struct run *r) {
    size_t n = 0;
    int64_t wm = WATERMARK_MIN;
    for (size_t i = 0; i < r->o.n; i++) {
        char *line = r->o.lines[i];
        if (!strncmp(line, "wm ", 3))
            wm = strcmp(line, "wm max") ? strtoll(line + 3, NULL, 10) : WATERMARK_MAX;
        if (strchr("+-", line[0])) {
            int64_t last = strtoll(strrchr(line, '|') + 1, NULL, 10) - !r->rows;
            if (wm != WATERMARK_MIN && last <= wm)
                fail_msg("'%s' came behind watermark %lld", line, (long long)wm);
            r->o.lines[n++] = line;
        } else {
            free(line);
        }
    }
    r->o.n = n;
    for (int i = 0; i < r->n_sessions; i++)
        if (!r->sessions[i].merged) (r->rows ? expect_rows : expect_agg)(r, &r->sessions[i]);
    op_rig_expect(&r->o, &r->want, true);
}

static void run(uint64_t seed, bool rows, bool retracts) {
    struct run r;
    open_run(&r, seed, rows, retracts);
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
    for (int i = 0; i < r.n_sessions; i++)
        free(r.sessions[i].rows);
    free(r.sessions);
}

static void aggregated(void **state) {
    for (uint64_t seed = 1; seed <= 60; seed++)
        run(seed, false, seed % 2);
}

static void row_by_row(void **state) {
    for (uint64_t seed = 1; seed <= 60; seed++)
        run(seed, true, seed % 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(aggregated), cmocka_unit_test(row_by_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
