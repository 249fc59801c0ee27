/* op_time_join_test.c - window joins and interval joins of random rows on two ports against loops
 * over all pairs: all join types, NULL keys, late rows, steps inside batches, barriers. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 20, ROWS_MAX = 25, HELD_MAX = BATCHES * ROWS_MAX + 1 };

/* Columns of both sides: key, time (or window end), value. */
struct held {
    int64_t row[3];
    bool matched, gone;
};

struct run {
    struct op_rig o;
    const char *join;
    bool null_matches;
    int64_t lower, upper; /* interval joins */
    int64_t wm, base;
    struct held *sides[2];
    int n[2];
    struct lines want;
};

static bool is_outer(const struct run *r, int side) {
    return !strcmp(r->join, "full") || !strcmp(r->join, side ? "right" : "left");
}

static bool keys_match(const struct run *r, const int64_t *a, const int64_t *b) {
    return a[0] == b[0] && (a[0] != OP_NULL || r->null_matches);
}

static void want_pair(struct run *r, const int64_t *left, const int64_t *right) {
    int64_t row[6];
    for (int i = 0; i < 3; i++) {
        row[i] = left ? left[i] : OP_NULL;
        row[3 + i] = right ? right[i] : OP_NULL;
    }
    lines_row(&r->want, 0, row, 6);
}

static void want_padded(struct run *r, int side, const int64_t *row) {
    want_pair(r, side ? NULL : row, side ? row : NULL);
}

static void open_run(struct run *r, uint64_t seed, const char *kind, const char *join, int width,
                     const char *more) {
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    op_rig_init(&r->o, seed, sizes[seed % 4]);
    r->join = join;
    r->null_matches = seed / 4 % 2;
    r->wm = WATERMARK_MIN;
    r->base = -100;
    for (int s = 0; s < 2; s++)
        r->sides[s] = mem_calloc(HELD_MAX, sizeof *r->sides[s]);
    const struct type *big = type_of(TYPE_BIGINT);
    const struct schema *in = op_rig_schema(&r->o, big, 3), *inputs[] = {in, in};
    AUTO_STR config = STR_INIT;
    str_addf(&config,
             "{\"join\": \"%s\", \"leftKeys\": [0], \"rightKeys\": [0], \"filterNulls\": [%s], "
             "\"residual\": null, %s}",
             join, r->null_matches ? "false" : "true", more);
    op_rig_open(&r->o, inputs, 2, kind, str_text(&config), op_rig_schema(&r->o, big, width));
}

/* Rows of a side, one by one to `row`; watermarks in between to `time`. */
static void push_rows(struct run *r, int side, int64_t back,
                      void (*row)(struct run *, int, int64_t *), void (*time)(struct run *)) {
    struct rnd *rnd = &r->o.r;
    int64_t rows[ROWS_MAX * 3];
    struct wm_step steps[ROWS_MAX + 1];
    uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX), n_steps = 0;
    for (uint32_t i = 0; i <= n; i++) {
        if (rnd_below(rnd, 8) == 0 && r->base - 30 > r->wm) {
            r->wm = r->base - 30;
            steps[n_steps++] = (struct wm_step){i, r->wm};
            time(r);
        }
        if (i == n) break;
        r->base += (int64_t)rnd_below(rnd, 6);
        int64_t *x = &rows[i * 3];
        x[0] = rnd_below(rnd, 7) ? (int64_t)rnd_below(rnd, 4) : OP_NULL;
        x[1] = r->base - (int64_t)rnd_below(rnd, (uint64_t)back);
        x[2] = rnd_below(rnd, 6) ? (int64_t)rnd_below(rnd, 1000) : OP_NULL;
        row(r, side, x);
    }
    struct batch *b = op_rig_rows(rows, 3, n, NULL);
    if (n_steps) batch_set_steps(b, steps, n_steps);
    op_rig_push(&r->o, side, b);
}

static void run_batches(struct run *r, int64_t back, void (*row)(struct run *, int, int64_t *),
                        void (*time)(struct run *)) {
    for (int i = 0; i < BATCHES; i++) {
        push_rows(r, (int)rnd_below(&r->o.r, 2), back, row, time);
        if (rnd_below(&r->o.r, 5) == 0) op_rig_barrier(&r->o);
        if (rnd_below(&r->o.r, 4) == 0 && r->base - 20 > r->wm) {
            r->wm = r->base - 20;
            time(r);
            op_rig_wm(&r->o, r->wm);
        }
    }
    r->wm = WATERMARK_MAX;
    time(r);
    op_rig_finish(&r->o, 2);
}

/* Rows alone count, in any order. */
static void check(struct run *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->o.n; i++) {
        if (strchr("+-", r->o.lines[i][0]))
            r->o.lines[n++] = r->o.lines[i];
        else
            free(r->o.lines[i]);
    }
    r->o.n = n;
    op_rig_expect(&r->o, &r->want, true);
    lines_release(&r->want);
    op_rig_release(&r->o);
    for (int s = 0; s < 2; s++)
        free(r->sides[s]);
}

static void hold(struct run *r, int side, const int64_t *row, bool matched) {
    struct held *h = &r->sides[side][r->n[side]++];
    *h = (struct held){.matched = matched};
    memcpy(h->row, row, sizeof h->row);
}

/* ---- window join: rows carry their window's end ------------------------------------------------
 */

static void window_row(struct run *r, int side, int64_t *row) {
    row[1] = (row[1] + 10000) / 20 * 20 - 10000 + 20; /* windows of 20 */
    if (r->wm == WATERMARK_MIN || row[1] - 1 > r->wm) hold(r, side, row, false);
}

static void window_time(struct run *r) {
    bool semi = !strcmp(r->join, "semi"), anti = !strcmp(r->join, "anti");
    if (r->wm != WATERMARK_MAX) return; /* when they fire doesn't matter */
    for (int i = 0; i < r->n[0]; i++)
        for (int k = 0; k < r->n[1]; k++) {
            struct held *a = &r->sides[0][i], *b = &r->sides[1][k];
            if (!keys_match(r, a->row, b->row) || a->row[1] != b->row[1]) continue;
            a->matched = b->matched = true;
            if (!semi && !anti) want_pair(r, a->row, b->row);
        }
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < r->n[side]; i++) {
            const struct held *h = &r->sides[side][i];
            if (is_outer(r, side) && !h->matched) want_padded(r, side, h->row);
            if (side == 0 && ((semi && h->matched) || (anti && !h->matched)))
                lines_row(&r->want, 0, h->row, 3);
        }
}

static void window_joins(void **state) {
    static const char *const joins[] = {"inner", "left", "right", "full", "semi", "anti"};
    for (uint64_t seed = 1; seed <= 96; seed++) {
        const char *join = joins[seed / 8 % ARRAY_LEN(joins)];
        int width = !strcmp(join, "semi") || !strcmp(join, "anti") ? 3 : 6;
        struct run r = {0};
        open_run(&r, seed, "window_join", join, width, "\"leftEnd\": 1, \"rightEnd\": 1");
        run_batches(&r, 60, window_row, window_time);
        check(&r);
    }
}

/* ---- interval join -----------------------------------------------------------------------------
 */

/* Up to this time the side's rows can't be matched any more by rows that aren't late. */
static bool is_expired(const struct run *r, int side, int64_t t) {
    if (r->wm == WATERMARK_MAX) return true;
    if (r->wm == WATERMARK_MIN) return false;
    return (side ? t + r->upper : t - r->lower) < r->wm;
}

static void interval_row(struct run *r, int side, int64_t *row) {
    bool matched = false;
    for (int i = 0; i < r->n[1 - side]; i++) {
        struct held *h = &r->sides[1 - side][i];
        const int64_t *left = side ? h->row : row, *right = side ? row : h->row;
        int64_t d = left[1] - right[1];
        if (h->gone || !keys_match(r, row, h->row) || d < r->lower || d > r->upper) continue;
        want_pair(r, left, right);
        h->matched = matched = true;
    }
    /* Held while rows behind the watermark can match it. */
    int64_t last = side ? row[1] + r->upper : row[1] - r->lower;
    if (r->wm < last)
        hold(r, side, row, matched);
    else if (!matched && is_outer(r, side))
        want_padded(r, side, row);
}

static void interval_time(struct run *r) {
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < r->n[side]; i++) {
            struct held *h = &r->sides[side][i];
            if (h->gone || !is_expired(r, side, h->row[1])) continue;
            h->gone = true;
            if (!h->matched && is_outer(r, side)) want_padded(r, side, h->row);
        }
}

static void interval_joins(void **state) {
    static const char *const joins[] = {"inner", "left", "right", "full"};
    static const int64_t bounds[][2] = {{-10, 10}, {0, 15}, {-20, -5}, {0, 0}, {5, 8}};
    for (uint64_t seed = 0; seed < 32 * ARRAY_LEN(bounds); seed++) {
        struct run r = {0};
        r.lower = bounds[seed / 32][0];
        r.upper = bounds[seed / 32][1];
        char more[120];
        snprintf(more, sizeof more,
                 "\"leftTime\": 1, \"rightTime\": 1, \"lower\": %lld, \"upper\": %lld, "
                 "\"proctime\": false",
                 (long long)r.lower, (long long)r.upper);
        open_run(&r, seed, "interval_join", joins[seed / 8 % ARRAY_LEN(joins)], 6, more);
        run_batches(&r, 70, interval_row, interval_time);
        check(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_joins),
        cmocka_unit_test(interval_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
