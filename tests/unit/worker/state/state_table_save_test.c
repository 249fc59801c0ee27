/* Snapshots of a state table against a model: random changes, snapshots taken a few rows at a time
 * while changes go on, checkpoints that come to nothing, full ones in between. What complete
 * snapshots hold, applied in order, is the table as it was at the barrier. */
#include "worker/state/state_table.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"
#include "vector/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 300, MARK = 77 };

/* ---- a sink that remembers ---- */

static const struct state_range all = {0, 127, 128};

struct log {
    struct state_sink sink;
    struct str bytes; /* u32 length, entry */
};

static void log_entry(struct state_sink *self, struct sv e) {
    struct log *l = CONTAINER_OF(self, struct log, sink);
    uint32_t len = (uint32_t)e.len;
    str_add_n(&l->bytes, &len, 4);
    str_add_sv(&l->bytes, e);
}

static void log_init(struct log *l) {
    *l = (struct log){.sink = {log_entry}};
}

static int apply(struct state_table *t, const struct log *l, struct err *err) {
    for (size_t at = 0; at < l->bytes.len;) {
        uint32_t len;
        memcpy(&len, l->bytes.ptr + at, 4);
        int rc = state_table_part.load(t, &all, (struct sv){l->bytes.ptr + at + 4, len}, err);
        if (rc) return rc;
        at += 4 + len;
    }
    return 0;
}

/* ---- a table: (BIGINT nullable, STRING) → a number and a blob ---- */

struct payload {
    int64_t value;
    char *blob; /* value % 40 bytes of 'x' */
};

static void free_payload(void *self, char *payload, struct var_memory *var) {
    struct payload *p = (struct payload *)payload;
    if (p->blob) var_free(var, p->blob, (size_t)(p->value % 40) + 1);
    p->blob = NULL;
}

static void set_payload(struct payload *p, int64_t value, struct var_memory *var) {
    free_payload(NULL, (char *)p, var);
    p->value = value;
    p->blob = var_alloc(var, (size_t)(value % 40) + 1);
    memset(p->blob, (int)('a' + value % 26), (size_t)(value % 40) + 1);
}

static void save_payload(void *self, const char *payload, struct str *out) {
    const struct payload *p = (const struct payload *)payload;
    str_add_n(out, &p->value, 8);
    str_add_n(out, p->blob, (size_t)(p->value % 40) + 1);
}

static int load_payload(void *self, char *payload, struct sv b, struct var_memory *var,
                        struct err *err) {
    struct payload *p = (struct payload *)payload;
    if (b.len < 8) return err_set(err, ERR_CORRUPT, "short");
    memcpy(&p->value, b.ptr, 8);
    p->blob = var_alloc(var, (size_t)(p->value % 40) + 1);
    memcpy(p->blob, b.ptr + 8, b.len - 8);
    return 0;
}

static const struct type *types[2];

static struct state_table *new_table(void) {
    types[0] = type_of(TYPE_BIGINT);
    types[1] = type_of(TYPE_VARCHAR);
    struct state_desc d = {.n_keys = 2,
                           .key_types = types,
                           .payload_size_bytes = sizeof(struct payload),
                           .free_payload = free_payload,
                           .save_payload = save_payload,
                           .load_payload = load_payload};
    return state_table_new(&d);
}

struct keys {
    struct column cols[2];
    const struct column *refs[2];
    uint64_t hashes[KEYS];
};

/* Key i: NULL for i % 7 == 0; strings short and long. */
static void make_keys(struct keys *k) {
    col_init(&k->cols[0], types[0], KEYS);
    col_init(&k->cols[1], types[1], KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, i % 3 ? "k%u" : "a key with a long text %u", i);
        COL_DATA(&k->cols[0], int64_t)[i] = i;
        if (i % 7 == 0) col_set_null(&k->cols[0], i);
        COL_DATA(&k->cols[1], struct strv)[i] = strv_copy(col_heap(&k->cols[1]), text, (uint32_t)n);
    }
    memset(k->hashes, 0, sizeof k->hashes);
    for (int c = 0; c < 2; c++) {
        k->refs[c] = &k->cols[c];
        col_hash(&k->cols[c], k->hashes, KEYS);
    }
}

static uint64_t rng_state;
static uint32_t rnd(uint32_t n) {
    rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(rng_state >> 33) % n;
}

/* ---- model ---- */

struct model {
    int64_t value[KEYS]; /* -1: not there */
};

static void assert_table_is(struct state_table *t, const struct keys *k, const struct model *m) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        char *p;
        state_table_find(t, k->refs, k->hashes, &i, 1, &p);
        if (m->value[i] < 0) {
            assert_null(p);
            continue;
        }
        n++;
        assert_non_null(p);
        assert_int_equal(((struct payload *)p)->value, m->value[i]);
        assert_int_equal(((struct payload *)p)->blob[m->value[i] % 40], 'a' + m->value[i] % 26);
    }
    assert_int_equal(state_table_count(t), n);
}

static void change(struct state_table *t, const struct keys *k, struct model *m) {
    uint32_t i = rnd(KEYS);
    char *p;
    switch (rnd(8)) {
    case 0:
    case 1:
        state_table_find(t, k->refs, k->hashes, &i, 1, &p);
        if (p) state_table_remove(t, p);
        m->value[i] = -1;
        break;
    case 2: /* many at once */
        if (rnd(40) == 0) {
            state_table_clear(t);
            for (uint32_t j = 0; j < KEYS; j++)
                m->value[j] = -1;
        }
        break;
    default:
        state_table_upsert(t, k->refs, k->hashes, &i, 1, &p, NULL);
        m->value[i] = rnd(1000);
        set_payload((struct payload *)p, m->value[i], state_table_var(t));
    }
}

static void run(uint64_t seed) {
    rng_state = seed * 7919 + 1;
    struct err err = ERR_INIT;
    struct state_table *t = new_table();
    struct keys k;
    make_keys(&k);
    struct model m;
    for (uint32_t i = 0; i < KEYS; i++)
        m.value[i] = -1;
    for (int i = 0; i < (int)rnd(400); i++)
        change(t, &k, &m);
    state_table_part.track(t);

    struct state_table *copy = new_table(); /* what complete checkpoints hold */
    uint64_t base = 0;
    for (uint64_t id = 1; id <= 12; id++) {
        for (int i = 0; i < (int)rnd(120); i++)
            change(t, &k, &m);
        struct log log;
        log_init(&log);
        struct model at_barrier = m;
        state_table_part.begin(t, id, base, rnd(5) == 0 || !base, &log.sink);
        bool given_up = rnd(6) == 0;
        bool done = false;
        while (!done) {
            if (given_up && rnd(3) == 0) {
                state_table_part.cancel(t);
                break;
            }
            done = state_table_part.step(t, 1 + rnd(20));
            for (int i = 0; i < (int)rnd(10); i++)
                change(t, &k, &m);
        }
        if (done && rnd(3)) { /* completes */
            assert_ok(apply(copy, &log, &err), &err);
            assert_table_is(copy, &k, &at_barrier);
            base = id;
        }
        str_release(&log.bytes);
        if (rnd(6) == 0) { /* the job restarts from there */
            struct log full;
            log_init(&full);
            state_table_part.track(copy);
            state_table_part.begin(copy, 1000, 0, true, &full.sink);
            while (!state_table_part.step(copy, MARK)) {
            }
            state_table_free(t);
            t = new_table();
            state_table_part.track(t);
            assert_ok(apply(t, &full, &err), &err);
            state_table_part.loaded(t);
            str_release(&full.bytes);
            for (uint32_t i = 0; i < KEYS; i++) {
                char *p;
                state_table_find(copy, k.refs, k.hashes, &i, 1, &p);
                m.value[i] = p ? ((struct payload *)p)->value : -1;
            }
        }
    }
    assert_table_is(t, &k, &m);
    state_table_free(t);
    state_table_free(copy);
    col_release(&k.cols[0]);
    col_release(&k.cols[1]);
}

static void test_snapshots_while_changing(void **state) {
    for (uint64_t seed = 1; seed <= 300; seed++)
        run(seed);
}

static void test_only_changes_are_written(void **state) {
    struct state_table *t = new_table();
    struct keys k;
    make_keys(&k);
    char *p[KEYS];
    state_table_part.track(t);
    state_table_upsert(t, k.refs, k.hashes, NULL, KEYS, p, NULL);
    for (int i = 0; i < KEYS; i++)
        set_payload((struct payload *)p[i], i, state_table_var(t));
    struct log a, b, c;
    log_init(&a);
    state_table_part.begin(t, 1, 0, false, &a.sink);
    while (!state_table_part.step(t, 10)) {
    }
    log_init(&b);
    state_table_upsert(t, k.refs, k.hashes, (uint32_t[]){5}, 1, p, NULL);
    state_table_find(t, k.refs, k.hashes, (uint32_t[]){6}, 1, p);
    state_table_remove(t, p[0]);
    state_table_part.begin(t, 2, 1, false, &b.sink);
    assert_int_equal(b.bytes.len, 0); /* the barrier itself copies nothing */
    for (int i = 0; i < 2; i++)
        assert_false(state_table_part.step(t, 1));
    assert_true(state_table_part.step(t, 1));
    assert_true(a.bytes.len > 100 * b.bytes.len);
    assert_int_equal(b.bytes.ptr[4], STATE_GONE);
    /* Checkpoint 2 didn't complete: 3 holds its changes too. */
    log_init(&c);
    state_table_part.begin(t, 3, 1, false, &c.sink);
    while (!state_table_part.step(t, 10)) {
    }
    assert_int_equal(c.bytes.len, b.bytes.len);
    assert_memory_equal(c.bytes.ptr, b.bytes.ptr, b.bytes.len);
    /* It did: nothing is left to write. */
    str_clear(&c.bytes);
    state_table_part.begin(t, 4, 3, false, &c.sink);
    assert_true(state_table_part.step(t, 1));
    assert_int_equal(c.bytes.len, 0);
    str_release(&a.bytes);
    str_release(&b.bytes);
    str_release(&c.bytes);
    state_table_free(t);
    col_release(&k.cols[0]);
    col_release(&k.cols[1]);
}

static void test_corrupt_entries(void **state) {
    struct state_table *t = new_table();
    struct keys k;
    make_keys(&k);
    char *p;
    state_table_part.track(t);
    state_table_upsert(t, k.refs, k.hashes, (uint32_t[]){3}, 1, &p, NULL);
    set_payload((struct payload *)p, 7, state_table_var(t));
    struct log a;
    log_init(&a);
    state_table_part.begin(t, 1, 0, true, &a.sink);
    while (!state_table_part.step(t, 10)) {
    }
    struct err err = ERR_INIT;
    struct state_table *u = new_table();
    /* Every cut in front of the payload's end of its fixed part is noticed. */
    assert_int_equal(a.bytes.ptr[4], STATE_CLEAR); /* a full snapshot begins with it */
    for (size_t n = 0; n < a.bytes.len - 9 - 8; n++) {
        AUTO_FREE char *cut = mem_dup(a.bytes.ptr + 9, n + 1); /* of its own, for ASan */
        if (state_table_part.load(u, &all, (struct sv){cut, n}, &err) == 0)
            fail_msg("cut at %zu", n);
        assert_int_equal(err.code, ERR_CORRUPT);
        err_clear(&err);
    }
    assert_int_equal(state_table_part.load(u, &all, SV_LIT("\x09garbage.........."), &err),
                     ERR_CORRUPT);
    str_release(&a.bytes);
    state_table_free(t);
    state_table_free(u);
    col_release(&k.cols[0]);
    col_release(&k.cols[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_while_changing),
        cmocka_unit_test(test_only_changes_are_written),
        cmocka_unit_test(test_corrupt_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
