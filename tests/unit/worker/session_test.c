/* session_test.c - sessions against a model that holds them in a plain list. */
#include "tests/unit/cmocka_wrap.h"

#include "worker/session.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 5, GAP = 10, MODEL_MAX = 4096, BATCH = 16 };

struct model_session {
    int key;
    int64_t start, end, sum;
    bool over; /* fired or merged */
};

struct rig {
    struct window window;
    struct session_set set;
    int merges;
    struct model_session model[MODEL_MAX];
    int n_model;
};

static int64_t *sum_of(struct session *s) {
    return (int64_t *)(s + 1);
}

static void init(void *self, struct session *s) {
    assert_int_equal(*sum_of(s), 0);
}

static void release(void *self, struct session *s) {
    *sum_of(s) = -1;
}

static int merge(void *self, struct session *dst, struct session *src, struct err *err) {
    ((struct rig *)self)->merges++;
    *sum_of(dst) += *sum_of(src);
    return 0;
}

static void save(void *self, const struct session *s, struct str *out) {
    str_add_n(out, sum_of((struct session *)s), sizeof(int64_t));
}

static int load(void *self, struct session *s, struct sv bytes, struct err *err) {
    assert_int_equal(bytes.len, sizeof(int64_t));
    memcpy(sum_of(s), bytes.ptr, bytes.len);
    return 0;
}

static const struct session_ops ops = {
    .init = init, .release = release, .merge = merge, .save = save, .load = load};

static char *key_row(struct rig *r, int key) {
    int64_t v = key;
    struct column c = {.type = type_of_not_null(TYPE_BIGINT), .phys = PHYS_I64, .n = 1, .data = &v};
    const struct column *keys[1] = {&c};
    uint64_t hash = 0;
    col_hash(&c, &hash, 1);
    char *row;
    state_table_upsert(r->set.keys, keys, &hash, NULL, 1, &row, NULL);
    return row;
}

/* False: late. */
static bool model_add(struct rig *r, int key, int64_t t, int64_t wm, int64_t v) {
    struct model_session s = {key, t, t + GAP, v, false};
    for (int i = 0; i < r->n_model; i++) {
        struct model_session *m = &r->model[i];
        if (m->over || m->key != key || m->end - 1 <= wm) continue;
        if (t > m->end || t + GAP < m->start) continue;
        s.start = MIN(s.start, m->start);
        s.end = MAX(s.end, m->end);
        s.sum += m->sum;
        m->over = true;
    }
    if (s.end - 1 <= wm) return false;
    assert_true(r->n_model < MODEL_MAX);
    r->model[r->n_model++] = s;
    return true;
}

static void compare_due(struct rig *r, int64_t wm) {
    struct session *due[3];
    int64_t last = INT64_MIN;
    for (uint32_t n = 3; n == 3;) {
        n = session_take_due(&r->set, wm, due, 3);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(due[i]->end >= last && due[i]->end - 1 <= wm);
            last = due[i]->end;
            bool found = false;
            for (int k = 0; k < r->n_model && !found; k++) {
                struct model_session *m = &r->model[k];
                found = !m->over && m->start == due[i]->start && m->end == due[i]->end &&
                        m->sum == *sum_of(due[i]) && key_row(r, m->key) == due[i]->key;
                m->over |= found;
            }
            assert_true(found);
            session_drop(&r->set, due[i]);
        }
    }
    int open = 0;
    for (int k = 0; k < r->n_model; k++) {
        assert_true(r->model[k].over || r->model[k].end - 1 > wm);
        open += !r->model[k].over;
    }
    assert_int_equal(r->set.n, open);
}

/* ---- a snapshot, and the set made anew from it ---- */

static const struct state_range all = {0, 127, 128};
static const struct type *key_types[1];

static void make_set(struct rig *r) {
    key_types[0] = type_of_not_null(TYPE_BIGINT);
    session_set_init(&r->set, &r->window, GAP, 1, key_types, sizeof(int64_t), &ops, r);
}

struct restoring {
    struct state_sink sink;
    struct session_set to;
};

static void restore_entry(struct state_sink *self, struct sv entry) {
    struct restoring *x = CONTAINER_OF(self, struct restoring, sink);
    struct err err = ERR_INIT;
    assert_ok(state_table_part.load(x->to.keys, &all, entry, &err), &err);
}

static void restore(struct rig *r) {
    struct restoring x = {.sink = {restore_entry}};
    struct session_set old = r->set;
    make_set(r);
    x.to = r->set;
    x.to.keys = r->set.keys;
    state_table_part.track(old.keys);
    state_table_part.begin(old.keys, 1, 0, true, &x.sink);
    while (!state_table_part.step(old.keys, 3))
        ;
    state_table_part.loaded(r->set.keys);
    session_set_restored(&r->set);
    assert_int_equal(r->set.n, old.n);
    session_set_release(&old);
}

/* spread: how far rows are out of order. late: how far behind the rows the watermark is. The
 * watermark moves within batches too, before what is over has been taken. */
static void run(int spread, int delay, unsigned seed) {
    struct rig r = {.window = {.time = 0}};
    struct err err = ERR_INIT;
    make_set(&r);
    srand(seed);
    int64_t now = 0, wm = INT64_MIN;
    for (int i = 0; i < 3000; i++) {
        now += rand() % 4;
        int key = rand() % KEYS;
        int64_t t = now - rand() % spread, v = rand() % 100;
        char *row = key_row(&r, key);
        struct session *s;
        assert_ok(session_assign(&r.set, row, t, wm, &s, &err), &err);
        assert_int_equal(s != NULL, model_add(&r, key, t, wm, v));
        if (s)
            *sum_of(s) += v;
        else
            session_forget(&r.set, (char *[]){row, row}, 2);
        wm = MAX(wm, now - delay);
        if (i % BATCH == BATCH - 1) compare_due(&r, wm);
        if (i % (BATCH * 50) == BATCH * 50 - 1) restore(&r);
    }
    compare_due(&r, INT64_MAX);
    assert_int_equal(state_table_count(r.set.keys), 0);
    assert_true(spread < GAP || r.merges > 0);
    session_set_release(&r.set);
}

static void in_order(void **state) {
    run(1, 0, 1);
}

static void out_of_order(void **state) {
    for (unsigned seed = 1; seed < 10; seed++) {
        run(60, 80, seed);   /* nothing is late */
        run(40, 15, seed);   /* some rows are */
        run(500, 600, seed); /* many sessions per key */
    }
}

/* What is still there when an op closes is freed (leaks show under ASan). */
static void closed_early(void **state) {
    struct rig r = {.window = {.time = 0}};
    const struct type *types[1] = {type_of_not_null(TYPE_BIGINT)};
    struct err err = ERR_INIT;
    session_set_init(&r.set, &r.window, GAP, 1, types, 10000, &ops, &r);
    static const int64_t times[] = {0, 100, 50, 20, 30, 25};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct session *s;
        assert_ok(session_assign(&r.set, key_row(&r, 1), times[i], INT64_MIN, &s, &err), &err);
    }
    assert_int_equal(r.set.n, 4); /* 0, 20 to 40, 50, 100 */
    session_set_release(&r.set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(out_of_order),
                                       cmocka_unit_test(closed_early)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
