/* op_changes_test.c - ops that send changes, over input that takes rows back: join, group_agg,
 * rank, dedup. Whatever the order of changes, each takes back only what is there, and what they
 * amount to is what a model computes from the live rows. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 25, ROWS_MAX = 20, LIVE_MAX = BATCHES * ROWS_MAX + 1 };

struct side {
    int64_t rows[LIVE_MAX][3]; /* live ones: key, order, value */
    int n;
};

struct run {
    struct op_rig o;
    struct side sides[2];
    int64_t serial;
    bool deletes, unique; /* unique: the second column is another for each row */
    struct lines want;
};

static void open_run(struct run *r, uint64_t seed, const char *kind, const char *config,
                     int n_inputs, int width) {
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    memset(r, 0, sizeof *r);
    op_rig_init(&r->o, seed, sizes[seed % 4]);
    r->deletes = r->unique = true;
    const struct type *big = type_of(TYPE_BIGINT);
    const struct schema *in = op_rig_schema(&r->o, big, 3), *inputs[] = {in, in};
    op_rig_open(&r->o, inputs, n_inputs, kind, config, op_rig_schema(&r->o, big, width));
}

/* An insertion, or a live row taken back. */
static uint8_t random_change(struct run *r, struct side *s, int64_t *row) {
    struct rnd *rnd = &r->o.r;
    if (r->deletes && s->n && rnd_below(rnd, 5) < 2) {
        int at = (int)rnd_below(rnd, (uint64_t)s->n);
        memcpy(row, s->rows[at], sizeof s->rows[at]);
        /* The last of equal rows: which of them goes makes no difference. */
        memmove(s->rows[at], s->rows[at + 1], sizeof s->rows[0] * (size_t)(s->n - at - 1));
        s->n--;
        return rnd_below(rnd, 2) ? ROW_DELETE : ROW_UPDATE_BEFORE;
    }
    row[0] = rnd_below(rnd, 8) ? (int64_t)rnd_below(rnd, 5) : OP_NULL;
    row[1] = r->unique ? (int64_t)(rnd_below(rnd, 100) * 100000) + ++r->serial
                       : (int64_t)rnd_below(rnd, 3);
    row[2] = rnd_below(rnd, 5) ? (int64_t)rnd_below(rnd, 12) : OP_NULL;
    memcpy(s->rows[s->n++], row, sizeof s->rows[0]);
    return rnd_below(rnd, 3) ? ROW_INSERT : ROW_UPDATE_AFTER;
}

static void feed(struct run *r, int n_inputs) {
    for (int k = 0; k < BATCHES; k++) {
        int port = (int)rnd_below(&r->o.r, (uint64_t)n_inputs);
        int64_t rows[ROWS_MAX * 3];
        uint8_t kinds[ROWS_MAX];
        uint32_t n = (uint32_t)rnd_below(&r->o.r, ROWS_MAX);
        for (uint32_t i = 0; i < n; i++)
            kinds[i] = r->deletes ? random_change(r, &r->sides[port], &rows[i * 3])
                                  : (random_change(r, &r->sides[port], &rows[i * 3]), 0);
        op_rig_push(&r->o, port, op_rig_rows(rows, 3, n, r->deletes ? kinds : NULL));
        if (rnd_below(&r->o.r, 5) == 0) op_rig_barrier(&r->o);
        if (rnd_below(&r->o.r, 5) == 0) op_rig_wm(&r->o, k * 10);
    }
    op_rig_finish(&r->o, n_inputs);
}

/* Folds the lines; what is left as +I. */
static void fold(struct op_rig *o) {
    struct lines live = {0};
    for (size_t i = 0; i < o->n; i++) {
        char *line = o->lines[i];
        if (!strchr("+-", line[0])) {
            free(line);
            continue;
        }
        bool adds = line[0] == '+';
        memcpy(line, "+I", 2);
        if (adds) {
            lines_add(&live, line);
            continue;
        }
        size_t k = live.n;
        while (k > 0 && strcmp(live.lines[k - 1], line))
            k--;
        if (!k) fail_msg("'%s' is taken back but isn't there", line + 3);
        free(live.lines[k - 1]);
        live.lines[k - 1] = live.lines[--live.n];
        free(line);
    }
    free(o->lines);
    o->lines = live.lines;
    o->n = live.n;
    o->cap = live.cap;
}

static void check(struct run *r) {
    fold(&r->o);
    op_rig_expect(&r->o, &r->want, true);
    lines_release(&r->want);
    op_rig_release(&r->o);
}

/* ---- join --------------------------------------------------------------------------------------
 */

static void want_join(struct run *r, const char *join, bool null_matches) {
    struct side *a = &r->sides[0], *b = &r->sides[1];
    bool semi = !strcmp(join, "semi"), anti = !strcmp(join, "anti");
    bool *right_matched = mem_calloc(LIVE_MAX, sizeof *right_matched);
    for (int i = 0; i < a->n; i++) {
        bool matched = false;
        for (int k = 0; k < b->n; k++) {
            const int64_t *x = a->rows[i], *y = b->rows[k];
            if (x[0] != y[0] || (x[0] == OP_NULL && !null_matches)) continue;
            matched = right_matched[k] = true;
            int64_t row[6] = {x[0], x[1], x[2], y[0], y[1], y[2]};
            if (!semi && !anti) lines_row(&r->want, 0, row, 6);
        }
        const int64_t *x = a->rows[i];
        int64_t padded[6] = {x[0], x[1], x[2], OP_NULL, OP_NULL, OP_NULL};
        if (!matched && (!strcmp(join, "left") || !strcmp(join, "full")))
            lines_row(&r->want, 0, padded, 6);
        if ((semi && matched) || (anti && !matched)) lines_row(&r->want, 0, x, 3);
    }
    for (int k = 0; k < b->n; k++) {
        const int64_t *y = b->rows[k];
        int64_t padded[6] = {OP_NULL, OP_NULL, OP_NULL, y[0], y[1], y[2]};
        if (!right_matched[k] && (!strcmp(join, "right") || !strcmp(join, "full")))
            lines_row(&r->want, 0, padded, 6);
    }
    free(right_matched);
}

static void joins(void **state) {
    static const char *const types[] = {"inner", "left", "right", "full", "semi", "anti"};
    for (uint64_t seed = 0; seed < 144; seed++) {
        const char *join = types[seed % ARRAY_LEN(types)];
        bool null_matches = seed / 6 % 2;
        char config[300];
        snprintf(config, sizeof config,
                 "{\"join\": \"%s\", \"leftKeys\": [0], \"rightKeys\": [0], \"filterNulls\": "
                 "[%s], \"residual\": null, \"leftUpsertKey\": null, \"rightUpsertKey\": null, "
                 "\"leftTtl\": 0, \"rightTtl\": 0, \"batch\": false}",
                 join, null_matches ? "false" : "true");
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed + 1, "join", config, 2, seed % 6 > 3 ? 3 : 6);
        r->unique = seed / 12 % 2; /* else equal rows come several times */
        feed(r, 2);
        want_join(r, join, null_matches);
        check(r);
        free(r);
    }
}

/* ---- group_agg ---------------------------------------------------------------------------------
 */

#define AGG(fn, args, cols, distinct)                                                              \
    "{\"fn\": \"" fn "\", \"args\": [" args "], \"type\": \"BIGINT\", \"cols\": [" cols            \
    "], \"filter\": -1, \"retract\": true, \"distinct\": " distinct "}"

static int64_t reduce(const struct side *s, int64_t key, int what) {
    int64_t count = 0, sum = 0, n = 0, min = 0, max = 0, distinct = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->rows[i][0] != key) continue;
        count++;
        int64_t v = s->rows[i][2];
        if (v == OP_NULL) continue;
        bool first = true;
        for (int k = 0; k < i && first; k++)
            first = s->rows[k][0] != key || s->rows[k][2] != v;
        distinct += first;
        min = n && min < v ? min : v;
        max = n && max > v ? max : v;
        sum += v;
        n++;
    }
    int64_t all[] = {count, n ? sum : OP_NULL, n ? min : OP_NULL, n ? max : OP_NULL, distinct};
    return all[what];
}

static void groups(void **state) {
    static const char config[] =
        "{\"keys\": [0], \"aggs\": [" AGG("COUNT", "", "", "false") ", " AGG(
            "SUM", "\"BIGINT\"", "2",
            "false") ", " AGG("MIN", "\"BIGINT\"", "2",
                              "false") ", " AGG("MAX", "\"BIGINT\"", "2",
                                                "false") ", " AGG("COUNT", "\"BIGINT\"", "2",
                                                                  "true") "], \"phase\": "
                                                                          "\"single\", "
                                                                          "\"updateBefore\": true, "
                                                                          "\"inputRetracts\": "
                                                                          "true, \"batch\": "
                                                                          "false, \"miniBatch\": "
                                                                          "false, \"ttl\": 0}";
    for (uint64_t seed = 0; seed < 80; seed++) {
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed + 1, "group_agg", config, 1, 6);
        r->unique = seed / 4 % 2;
        feed(r, 1);
        for (int64_t k = -1; k < 5; k++) {
            int64_t row[6] = {k < 0 ? OP_NULL : k};
            for (int i = 0; i < 5; i++)
                row[i + 1] = reduce(&r->sides[0], row[0], i);
            if (row[1]) lines_row(&r->want, 0, row, 6);
        }
        check(r);
        free(r);
    }
}

/* ---- rank, dedup -------------------------------------------------------------------------------
 */

/* Rows from..to of each partition by the second column. */
static void want_ranked(struct run *r, bool desc, int from, int to, bool number) {
    const struct side *s = &r->sides[0];
    for (int i = 0; i < s->n; i++) {
        int rank = 1;
        for (int k = 0; k < s->n; k++) {
            if (s->rows[k][0] != s->rows[i][0]) continue;
            int64_t d = s->rows[k][1] - s->rows[i][1];
            rank += desc ? d > 0 : d < 0;
        }
        if (rank < from || rank > to) continue;
        int64_t row[4] = {s->rows[i][0], s->rows[i][1], s->rows[i][2], rank};
        lines_row(&r->want, 0, row, number ? 4 : 3);
    }
}

static void ranks(void **state) {
    for (uint64_t seed = 0; seed < 96; seed++) {
        bool desc = seed / 4 % 2, number = seed / 8 % 2, deletes = seed / 16 % 2;
        int from = seed / 32 == 2 ? 2 : 1, to = seed / 32 == 1 ? 1 : 4;
        char config[400];
        snprintf(config, sizeof config,
                 "{\"function\": \"row_number\", \"partition\": [0], \"order\": [{\"col\": 1, "
                 "\"desc\": %s, \"nullsFirst\": false}], \"from\": %d, \"to\": %d, "
                 "\"outputRank\": %s, \"updateBefore\": true, \"inputRetracts\": %s, \"batch\": "
                 "false, \"uniqueKey\": null, \"window\": -1, \"ltz\": false, \"ttl\": 0}",
                 desc ? "true" : "false", from, to, number ? "true" : "false",
                 deletes ? "true" : "false");
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed + 1, "rank", config, 1, number ? 4 : 3);
        r->deletes = deletes;
        feed(r, 1);
        want_ranked(r, desc, from, to, number);
        check(r);
        free(r);
    }
}

static void dedups(void **state) {
    for (uint64_t seed = 0; seed < 48; seed++) {
        bool last = seed / 4 % 2;
        char config[200];
        snprintf(config, sizeof config,
                 "{\"keys\": [0], \"time\": 1, \"keep\": \"%s\", \"updateBefore\": true, "
                 "\"batch\": false, \"window\": -1, \"ltz\": false, \"ttl\": 0}",
                 last ? "last" : "first");
        struct run *r = mem_zalloc(sizeof *r);
        open_run(r, seed + 1, "dedup", config, 1, 3);
        r->deletes = false;
        feed(r, 1);
        want_ranked(r, last, 1, 1, false);
        check(r);
        free(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(groups),
        cmocka_unit_test(ranks),
        cmocka_unit_test(dedups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
