/* Snapshots of a whole op, taken by several subtasks and restored by another number of them,
 * against a model: tables that come and go, changes while a snapshot is under way, checkpoints that
 * come to nothing. */
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"
#include "vector/column.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 400, SLICES = 5, GROUPS = 128, SUBTASKS_MAX = 4, CHAIN_MAX = 64 };

static uint64_t rng_state;
static uint32_t rnd(uint32_t n) {
    rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(rng_state >> 33) % n;
}

static struct column key_col;
static const struct column *key_refs[1] = {&key_col};
static uint64_t hashes[KEYS];

static void make_keys(void) {
    col_init(&key_col, type_of(TYPE_BIGINT), KEYS);
    for (uint32_t i = 0; i < KEYS; i++)
        COL_DATA(&key_col, int64_t)[i] = i;
    memset(hashes, 0, sizeof hashes);
    col_hash(&key_col, hashes, KEYS);
}

/* ---- a subtask ---- */

struct subtask {
    struct state_range range;
    struct state_set *set;
    struct state_table *groups;         /* always there */
    struct state_table *slices[SLICES]; /* namespaces; NULL = not there */
};

static struct state_table *new_table(void) {
    static const struct type *types[1];
    types[0] = type_of(TYPE_BIGINT);
    struct state_desc d = {.n_keys = 1, .key_types = types, .payload_size_bytes = 8};
    return state_table_new(&d);
}

static void subtask_init(struct subtask *t, uint32_t i, uint32_t n) {
    *t = (struct subtask){
        .range = {key_group_start(GROUPS, n, i), key_group_start(GROUPS, n, i + 1) - 1, GROUPS}};
    t->set = state_set_new("agg-1", &t->range);
    t->groups = new_table();
    state_set_add(t->set, "groups", 0, &state_table_part, t->groups);
    state_set_track(t->set);
}

static void subtask_release(struct subtask *t) {
    state_set_free(t->set);
    state_table_free(t->groups);
    for (int i = 0; i < SLICES; i++)
        state_table_free(t->slices[i]);
}

static int make_slice(void *self, const char *name, int64_t ns, struct err *err) {
    struct subtask *t = self;
    if (strcmp(name, "slice") != 0 || ns < 0 || ns >= SLICES)
        return err_set(err, ERR_CORRUPT, "no such state");
    assert_null(t->slices[ns]);
    t->slices[ns] = new_table();
    state_set_add(t->set, "slice", ns, &state_table_part, t->slices[ns]);
    return 0;
}

/* ---- model: value + 1 of each key in each table, 0 = absent ---- */

struct model {
    int64_t v[SLICES + 1][KEYS];
};

static struct subtask *owner(struct subtask *tasks, uint32_t n, uint32_t key) {
    return &tasks[key_group_subtask(key_group_of(hashes[key], GROUPS), GROUPS, n)];
}

static void change(struct subtask *tasks, uint32_t n, struct model *m) {
    uint32_t key = rnd(KEYS), s = rnd(SLICES + 1);
    struct subtask *t = owner(tasks, n, key);
    if (s < SLICES && rnd(150) == 0) { /* a window fires: its slice goes, in all subtasks */
        for (uint32_t i = 0; i < n; i++) {
            if (!tasks[i].slices[s]) continue;
            state_set_drop(tasks[i].set, "slice", s);
            state_table_free(tasks[i].slices[s]);
            tasks[i].slices[s] = NULL;
        }
        memset(m->v[s], 0, sizeof m->v[s]);
        return;
    }
    if (s < SLICES && !t->slices[s]) {
        struct err err = ERR_INIT;
        assert_ok(make_slice(t, "slice", s, &err), &err);
    }
    struct state_table *tab = s < SLICES ? t->slices[s] : t->groups;
    char *p;
    if (rnd(4) == 0) {
        state_table_find(tab, key_refs, hashes, &key, 1, &p);
        if (p) state_table_remove(tab, p);
        m->v[s][key] = 0;
    } else {
        state_table_upsert(tab, key_refs, hashes, &key, 1, &p, NULL);
        *(int64_t *)p = m->v[s][key] = 1 + rnd(1000000);
    }
}

static void assert_is(struct subtask *tasks, uint32_t n, const struct model *m) {
    for (int s = 0; s <= SLICES; s++)
        for (uint32_t key = 0; key < KEYS; key++) {
            struct subtask *t = owner(tasks, n, key);
            struct state_table *tab = s < SLICES ? t->slices[s] : t->groups;
            char *p = NULL;
            if (tab) state_table_find(tab, key_refs, hashes, &key, 1, &p);
            int64_t v = p ? *(int64_t *)p : 0;
            if (v != m->v[s][key])
                fail_msg("table %d, key %u: %ld, not %ld", s, key, (long)v, (long)m->v[s][key]);
        }
}

/* ---- what was written ---- */

struct out {
    struct block_sink sink;
    struct str bytes;
};

static void on_block(struct block_sink *self, struct sv b) {
    struct out *o = CONTAINER_OF(self, struct out, sink);
    assert_true(b.len < STATE_BLOCK_MAX_BYTES + 4096);
    str_add_sv(&o->bytes, b);
}

/* Of each old subtask: the snapshots from the last full one on. */
struct chain {
    struct str links[CHAIN_MAX];
    int n;
};

static void chain_clear(struct chain *c) {
    for (int i = 0; i < c->n; i++)
        str_release(&c->links[i]);
    c->n = 0;
}

static void restore(struct subtask *tasks, uint32_t n, struct chain *chains, uint32_t n_old) {
    struct err err = ERR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t o = 0; o < n_old; o++)
            for (int l = 0; l < chains[o].n; l++) {
                struct sv bytes = str_view(&chains[o].links[l]);
                for (;;) {
                    struct state_block b;
                    bool end;
                    assert_ok(state_block_next(&bytes, &b, &end, &err), &err);
                    if (end) break;
                    assert_true(sv_eq_str(b.op_uid, "agg-1"));
                    assert_ok(state_set_load(tasks[i].set, &b, NULL, make_slice, &tasks[i], &err),
                              &err);
                }
            }
        state_set_loaded(tasks[i].set);
    }
}

static void run(uint64_t seed) {
    rng_state = seed * 104729 + 3;
    struct subtask tasks[SUBTASKS_MAX];
    uint32_t n = 1 + rnd(SUBTASKS_MAX);
    struct chain chains[SUBTASKS_MAX] = {0};
    uint32_t n_chains = n;
    struct model m = {0}, complete = {0};
    uint64_t base = 0;
    for (uint32_t i = 0; i < n; i++)
        subtask_init(&tasks[i], i, n);
    for (uint64_t id = 1; id <= 15; id++) {
        for (uint32_t i = rnd(300); i > 0; i--)
            change(tasks, n, &m);
        struct out outs[SUBTASKS_MAX];
        bool full[SUBTASKS_MAX], done[SUBTASKS_MAX] = {0};
        uint32_t left = n;
        struct model barrier = m;
        for (uint32_t i = 0; i < n; i++) {
            outs[i] = (struct out){.sink = {on_block}};
            full[i] = !base || rnd(5) == 0 || n_chains != n;
            state_set_begin(tasks[i].set, id, base, full[i], &outs[i].sink);
        }
        bool given_up = rnd(6) == 0;
        while (left) {
            uint32_t i = rnd(n);
            if (!done[i] && state_set_step(tasks[i].set, 1 + rnd(30))) {
                done[i] = true;
                left--;
            }
            for (uint32_t k = rnd(10); k > 0; k--)
                change(tasks, n, &m);
            if (given_up && rnd(20) == 0) break;
        }
        if (left || rnd(4) == 0) { /* comes to nothing */
            for (uint32_t i = 0; i < n; i++) {
                state_set_cancel(tasks[i].set);
                str_release(&outs[i].bytes);
            }
        } else {
            if (n_chains != n)
                for (uint32_t i = 0; i < n_chains; i++)
                    chain_clear(&chains[i]);
            n_chains = n;
            for (uint32_t i = 0; i < n; i++) {
                if (full[i]) chain_clear(&chains[i]);
                assert_true(chains[i].n < CHAIN_MAX);
                chains[i].links[chains[i].n++] = outs[i].bytes;
            }
            base = id;
            complete = barrier;
        }
        if (base && rnd(4) == 0) { /* the job is restored, at any parallelism */
            for (uint32_t i = 0; i < n; i++)
                subtask_release(&tasks[i]);
            n = 1 + rnd(SUBTASKS_MAX);
            for (uint32_t i = 0; i < n; i++)
                subtask_init(&tasks[i], i, n);
            restore(tasks, n, chains, n_chains);
            m = complete;
            assert_is(tasks, n, &m);
        }
    }
    assert_is(tasks, n, &m);
    for (uint32_t i = 0; i < n; i++)
        subtask_release(&tasks[i]);
    for (uint32_t i = 0; i < n_chains; i++)
        chain_clear(&chains[i]);
}

static void test_rescaled_and_interrupted(void **state) {
    for (uint64_t seed = 1; seed <= 200; seed++)
        run(seed);
}

static void test_corrupt_blocks(void **state) {
    rng_state = 1;
    struct subtask t, u;
    struct model m = {0};
    subtask_init(&t, 0, 1);
    for (int i = 0; i < 300; i++)
        change(&t, 1, &m);
    struct out o = {.sink = {on_block}};
    state_set_begin(t.set, 1, 0, true, &o.sink);
    while (!state_set_step(t.set, 100)) {
    }
    struct err err = ERR_INIT;
    subtask_init(&u, 0, 1);
    for (int i = 0; i < 3000; i++) { /* one bit turned, or the end cut off */
        AUTO_FREE char *copy = mem_dup(o.bytes.ptr, o.bytes.len);
        struct sv bytes = {copy, o.bytes.len};
        if (rnd(2))
            copy[rnd((uint32_t)o.bytes.len)] ^= (char)(1 << rnd(8));
        else
            bytes.len = 1 + rnd((uint32_t)o.bytes.len - 1);
        int rc = 0;
        bool end = false, cut_between = false;
        while (!rc && !end) {
            struct state_block b;
            rc = state_block_next(&bytes, &b, &end, &err);
            cut_between = end;
        }
        /* A cut between two blocks can't be seen here: the manifest knows the length. */
        if (!cut_between) assert_int_equal(rc, ERR_CORRUPT);
        err_clear(&err);
    }
    str_release(&o.bytes);
    subtask_release(&t);
    subtask_release(&u);
}

static int setup(void **state) {
    make_keys();
    return 0;
}

static int teardown(void **state) {
    col_release(&key_col);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rescaled_and_interrupted),
        cmocka_unit_test(test_corrupt_blocks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
