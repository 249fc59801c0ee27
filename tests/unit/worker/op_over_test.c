/* op_over_test.c - OVER by rowtime against frames made by looking at all rows that came out before:
 * ROWS and RANGE, bounded and not, late rows, steps inside batches. */
#include "tests/unit/worker/op_rig_lines.h"

enum { BATCHES = 20, ROWS_MAX = 30, HELD_MAX = BATCHES * ROWS_MAX + 1, KEYS = 4 };

struct held {
    int64_t row[3]; /* key, value, time */
};

struct part {
    struct held rows[HELD_MAX]; /* those that came out first, in their order, then waiting ones */
    int n, n_out;
};

struct run {
    struct op_rig o;
    bool range;
    int64_t preceding; /* -1: unbounded */
    int64_t wm, base;
    struct part parts[KEYS + 1];
    struct lines want;
};

/* SUM and COUNT of values over the frame of row `at`, where `end` rows have come in so far. */
static void want_row(struct run *r, const struct part *p, int at, int end) {
    int64_t sum = 0, n = 0, count = 0;
    for (int i = 0; i < end; i++) {
        bool in =
            r->preceding < 0 || (r->range ? p->rows[i].row[2] >= p->rows[at].row[2] - r->preceding
                                          : i >= at - r->preceding);
        if (!in) continue;
        count++;
        if (p->rows[i].row[1] == OP_NULL) continue;
        sum += p->rows[i].row[1];
        n++;
    }
    const int64_t *x = p->rows[at].row;
    int64_t row[5] = {x[0], x[1], x[2], n ? sum : OP_NULL, count};
    lines_row(&r->want, 0, row, 5);
}

static void fire(struct run *r, int64_t wm) {
    for (int k = 0; k <= KEYS; k++) {
        struct part *p = &r->parts[k];
        for (int i = p->n_out + 1; i < p->n; i++) { /* those that wait by time, stable */
            struct held h = p->rows[i];
            int at = i;
            for (; at > p->n_out && p->rows[at - 1].row[2] > h.row[2]; at--)
                p->rows[at] = p->rows[at - 1];
            p->rows[at] = h;
        }
        while (p->n_out < p->n && p->rows[p->n_out].row[2] <= wm) {
            int from = p->n_out, to = from;
            while (to < p->n && p->rows[to].row[2] == p->rows[from].row[2])
                to++;
            for (int i = from; i < to; i++) /* RANGE: peers are in each other's frames */
                want_row(r, p, i, r->range ? to : i + 1);
            p->n_out = to;
        }
    }
}

/* Late: behind the watermark; with a bounded frame only behind what its partition gave last. */
static void model_row(struct run *r, const int64_t *row) {
    struct part *p = &r->parts[row[0] == OP_NULL ? KEYS : row[0]];
    if (row[2] == OP_NULL) return;
    if (row[2] <= r->wm) {
        if (r->preceding < 0) return;
        if (p->n_out && row[2] <= p->rows[p->n_out - 1].row[2]) return;
    }
    memcpy(p->rows[p->n++].row, row, sizeof p->rows[0].row);
}

static void push_rows(struct run *r) {
    struct rnd *rnd = &r->o.r;
    int64_t rows[ROWS_MAX * 3];
    struct wm_step steps[ROWS_MAX + 1];
    uint32_t n = (uint32_t)rnd_below(rnd, ROWS_MAX), n_steps = 0;
    for (uint32_t i = 0; i <= n; i++) {
        if (rnd_below(rnd, 7) == 0 && r->base - 10 > r->wm) {
            r->wm = r->base - 10;
            steps[n_steps++] = (struct wm_step){i, r->wm};
            fire(r, r->wm);
        }
        if (i == n) break;
        r->base += (int64_t)rnd_below(rnd, 4);
        int64_t *row = &rows[i * 3];
        row[0] = rnd_below(rnd, 6) ? (int64_t)rnd_below(rnd, KEYS) : OP_NULL;
        row[1] = rnd_below(rnd, 5) ? (int64_t)rnd_below(rnd, 100) : OP_NULL;
        row[2] = r->base - (int64_t)rnd_below(rnd, 25);
        model_row(r, row);
    }
    struct batch *b = op_rig_rows(rows, 3, n, NULL);
    if (n_steps) batch_set_steps(b, steps, n_steps);
    op_rig_push(&r->o, 0, b);
}

static void check(struct run *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->o.n; i++) {
        if (r->o.lines[i][0] == '+')
            r->o.lines[n++] = r->o.lines[i];
        else
            free(r->o.lines[i]);
    }
    r->o.n = n;
    op_rig_expect(&r->o, &r->want, true);
    lines_release(&r->want);
    op_rig_release(&r->o);
}

static void frames(void **state) {
    static const int64_t precedings[] = {-1, 0, 3, 12};
    static const uint32_t sizes[] = {1, 3, 16, BATCH_ROWS_MAX};
    for (uint64_t seed = 0; seed < 128; seed++) {
        struct run *r = mem_zalloc(sizeof *r);
        r->preceding = precedings[seed / 4 % 4];
        r->range = seed / 16 % 2;
        r->wm = WATERMARK_MIN;
        op_rig_init(&r->o, seed + 1, sizes[seed % 4]);
        const struct type *big = type_of(TYPE_BIGINT);
        const struct schema *in = op_rig_schema(&r->o, big, 3);
        char config[600], preceding[24];
        snprintf(preceding, sizeof preceding, "%lld", (long long)r->preceding);
        snprintf(config, sizeof config,
                 "{\"partition\": [0], \"order\": [{\"col\": 2, \"desc\": false, \"nullsFirst\": "
                 "true}], \"time\": 2, \"proctime\": false, \"frame\": \"%s\", \"preceding\": %s, "
                 "\"following\": 0, \"calls\": [{\"fn\": \"SUM\", \"args\": [\"BIGINT\"], "
                 "\"type\": \"BIGINT\", \"cols\": [1], \"filter\": -1}, {\"fn\": \"COUNT\", "
                 "\"args\": [], \"type\": \"BIGINT NOT NULL\", \"cols\": [], \"filter\": -1}], "
                 "\"updateBefore\": false, \"inputRetracts\": false, \"batch\": false, \"ttl\": 0}",
                 r->range ? "range" : "rows", r->preceding < 0 ? "null" : preceding);
        op_rig_open(&r->o, &in, 1, "over", config, op_rig_schema(&r->o, big, 5));
        for (int k = 0; k < BATCHES; k++) {
            push_rows(r);
            if (rnd_below(&r->o.r, 5) == 0) op_rig_barrier(&r->o);
        }
        fire(r, WATERMARK_MAX);
        op_rig_finish(&r->o, 1);
        check(r);
        free(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
