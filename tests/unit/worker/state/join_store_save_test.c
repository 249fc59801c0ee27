/* Snapshots of a join store against a model: rows that come at the end, between others, change and
 * go, while snapshots are copied a few rows at a time; checkpoints that come to nothing; restores.
 * Order among the rows of a key is part of the state. */
#include "worker/state/join_store.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 40, LIST_MAX = 200 };

static const struct state_range all_groups = {0, 127, 128};

static uint64_t rng_state;
static uint32_t rnd(uint32_t n) {
    rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(rng_state >> 33) % n;
}

/* ---- a sink that remembers ---- */

struct log {
    struct state_sink sink;
    struct str bytes;
};

static void log_entry(struct state_sink *self, struct sv e) {
    struct log *l = CONTAINER_OF(self, struct log, sink);
    uint32_t len = (uint32_t)e.len;
    str_add_n(&l->bytes, &len, 4);
    str_add_sv(&l->bytes, e);
}

static void apply(struct join_store *s, const struct log *l) {
    struct err err = ERR_INIT;
    for (size_t at = 0; at < l->bytes.len;) {
        uint32_t len;
        memcpy(&len, l->bytes.ptr + at, 4);
        AUTO_FREE char *copy = mem_dup(l->bytes.ptr + at + 4, len); /* of its own, for ASan */
        assert_ok(join_store_part.load(s, &all_groups, (struct sv){copy, len}, &err), &err);
        at += 4 + len;
    }
}

/* ---- rows: key STRING, value BIGINT, text STRING ---- */

static struct arena arena;
static const struct schema *schema;
static struct batch *rows; /* row i: key i / 10, value i */
static uint64_t hashes[KEYS * 10];
static const struct column *key_refs[1];

static int setup(void **state) {
    arena_init(&arena);
    struct field *f = ARENA_NEW_N(&arena, struct field, 3);
    f[0] = (struct field){"k", type_of(TYPE_VARCHAR)};
    f[1] = (struct field){"v", type_of(TYPE_BIGINT)};
    f[2] = (struct field){"t", type_of(TYPE_VARCHAR)};
    struct schema *s = ARENA_NEW(&arena, struct schema);
    *s = (struct schema){3, f};
    schema = s;
    rows = batch_new(3);
    rows->n = KEYS * 10;
    for (int c = 0; c < 3; c++)
        col_init(&rows->cols[c], f[c].type, rows->n);
    for (uint32_t i = 0; i < rows->n; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, i / 10 % 2 ? "k%u" : "a key of some length %u", i / 10);
        COL_DATA(&rows->cols[0], struct strv)
        [i] = strv_copy(col_heap(&rows->cols[0]), text, (uint32_t)n);
        COL_DATA(&rows->cols[1], int64_t)[i] = i;
        n = snprintf(text, sizeof text, "text of row %u, which is long", i);
        COL_DATA(&rows->cols[2], struct strv)
        [i] = strv_copy(col_heap(&rows->cols[2]), text, (uint32_t)n);
    }
    memset(hashes, 0, sizeof hashes);
    col_hash(&rows->cols[0], hashes, rows->n);
    key_refs[0] = &rows->cols[0];
    return 0;
}

static int teardown(void **state) {
    batch_unref(rows);
    arena_release(&arena);
    return 0;
}

static bool with_times;

static struct join_store *new_store(void) {
    static const int keys[] = {0};
    struct join_store *s = join_store_new(&arena, schema, keys, 1);
    if (with_times) join_store_keep_times(s);
    return s;
}

/* ---- model ---- */

struct item {
    int64_t value, time, seq;
    uint32_t matches;
};
struct model {
    struct item items[KEYS][LIST_MAX];
    int n[KEYS];
};

static struct join_key *key_of(struct join_store *s, uint32_t row) {
    struct join_key *k;
    join_store_find(s, key_refs, hashes, &row, 1, &k);
    return k;
}

static struct join_entry *entry_at(struct join_key *k, int i) {
    struct join_entry *e = k->first;
    while (i-- > 0)
        e = e->next;
    return e;
}

static void assert_is(struct join_store *s, const struct model *m) {
    uint64_t total = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        struct join_key *k = key_of(s, key * 10);
        int n = 0;
        for (struct join_entry *e = k ? k->first : NULL; e; e = e->next, n++) {
            if (n == m->n[key]) fail_msg("key %u has too many rows", key);
            const struct item *it = &m->items[key][n];
            int64_t value;
            memcpy(&value, row_pack_fixed(join_store_pack(s), join_entry_row(e), 1), sizeof value);
            assert_int_equal(value, it->value);
            assert_true(e->matches == it->matches);
            if (with_times) assert_true(e->time == it->time && e->seq == it->seq);
            char text[64];
            snprintf(text, sizeof text, "text of row %d, which is long", (int)it->value);
            assert_true(sv_eq_str(row_pack_text(join_store_pack(s), join_entry_row(e), 2), text));
            assert_ptr_equal(e->key, k);
            assert_true(!e->next || e->next->prev == e);
            if (e->slot && e->next)
                assert_true(join_store_order(s, e) < join_store_order(s, e->next));
        }
        if (n != m->n[key]) fail_msg("key %u has %d rows, not %d", key, n, m->n[key]);
        total += (uint64_t)n;
    }
    assert_int_equal(join_store_rows(s), total);
}

static void change(struct join_store *s, struct model *m) {
    uint32_t key = rnd(4) ? rnd(KEYS) : 0, row = key * 10 + rnd(10); /* one key is hot */
    struct item *items = m->items[key];
    int n = m->n[key];
    struct item it = {row, rnd(1000), rnd(1000), rnd(5)};
    struct join_key *k;
    struct join_entry *e;
    switch (rnd(6)) {
    case 0:
    case 1: /* at the end */
        if (n == LIST_MAX) return;
        join_store_hold(s, key_refs, hashes, &row, 1, &k);
        e = join_store_add(s, k, rows, row, it.time);
        if (with_times) e->seq = it.seq;
        e->matches = it.matches;
        items[m->n[key]++] = it;
        return;
    case 2: { /* in front of one, often the same one: the gap closes */
        if (n == LIST_MAX || !n) return;
        int at = rnd(2) ? n / 2 : (int)rnd((uint32_t)n);
        e = join_store_insert(s, entry_at(key_of(s, row), at), rows, row, it.time);
        if (with_times) e->seq = it.seq;
        e->matches = it.matches;
        memmove(items + at + 1, items + at, (size_t)(n - at) * sizeof *items);
        items[at] = it;
        m->n[key]++;
        return;
    }
    case 3:
    case 4: { /* goes */
        if (!n) return;
        int at = (int)rnd((uint32_t)n);
        join_store_drop(s, entry_at(key_of(s, row), at));
        memmove(items + at, items + at + 1, (size_t)(n - at - 1) * sizeof *items);
        m->n[key]--;
        return;
    }
    default: { /* is written to */
        if (!n) return;
        int at = (int)rnd((uint32_t)n);
        e = entry_at(key_of(s, row), at);
        join_store_write(s, e);
        e->matches = items[at].matches = rnd(9);
        if (with_times) e->time = items[at].time = rnd(1000);
    }
    }
}

static void copy_all(struct join_store *from, struct join_store *to) {
    struct log full = {.sink = {log_entry}};
    join_store_part.track(from);
    join_store_part.begin(from, 1000, 0, true, &full.sink);
    while (!join_store_part.step(from, 50)) {
    }
    apply(to, &full);
    join_store_part.loaded(to);
    str_release(&full.bytes);
}

static void run(uint64_t seed) {
    rng_state = seed * 7919 + 1;
    with_times = seed % 2;
    struct join_store *s = new_store();
    struct model *m = mem_zalloc(sizeof *m), *complete = mem_zalloc(sizeof *m);
    for (int i = 0; i < (int)rnd(300); i++)
        change(s, m);
    join_store_part.track(s);
    struct log chain = {.sink = {log_entry}}; /* complete snapshots, one behind the other */
    uint64_t base = 0;
    for (uint64_t id = 1; id <= 12; id++) {
        for (int i = 0; i < (int)rnd(150); i++)
            change(s, m);
        struct log log = {.sink = {log_entry}};
        struct model *barrier = mem_dup(m, sizeof *m);
        bool full = rnd(5) == 0 || !base, done = false;
        join_store_part.begin(s, id, base, full, &log.sink);
        bool given_up = rnd(6) == 0;
        while (!done) {
            if (given_up && rnd(3) == 0) {
                join_store_part.cancel(s);
                break;
            }
            done = join_store_part.step(s, 1 + rnd(20));
            for (int i = 0; i < (int)rnd(10); i++)
                change(s, m);
        }
        if (done && rnd(3)) {
            if (full) str_clear(&chain.bytes);
            str_add_sv(&chain.bytes, str_view(&log.bytes));
            base = id;
            *complete = *barrier;
            struct join_store *copy = new_store();
            apply(copy, &chain);
            join_store_part.loaded(copy);
            assert_is(copy, complete);
            if (rnd(4) == 0) { /* the job is restored from it */
                join_store_free(s);
                s = new_store();
                join_store_part.track(s);
                if (rnd(2)) {
                    apply(s, &chain);
                    join_store_part.loaded(s);
                } else {
                    copy_all(copy, s);
                    base = 0;
                }
                *m = *complete;
                assert_is(s, m);
            }
            join_store_free(copy);
        }
        str_release(&log.bytes);
        free(barrier);
    }
    assert_is(s, m);
    str_release(&chain.bytes);
    join_store_free(s);
    free(m);
    free(complete);
}

static void test_snapshots_while_changing(void **state) {
    for (uint64_t seed = 1; seed <= 150; seed++)
        run(seed);
}

static void test_corrupt_entries(void **state) {
    struct err err = ERR_INIT;
    struct join_store *s = new_store(), *u = new_store();
    struct model *m = mem_zalloc(sizeof *m);
    rng_state = 5;
    for (int i = 0; i < 200; i++)
        change(s, m);
    join_store_part.track(s);
    struct log log = {.sink = {log_entry}};
    join_store_part.begin(s, 1, 0, true, &log.sink);
    while (!join_store_part.step(s, 100)) {
    }
    uint32_t len; /* the second one: behind the clear */
    memcpy(&len, log.bytes.ptr + 5, 4);
    for (size_t n = 0; n < len; n++) {
        AUTO_FREE char *cut = mem_dup(log.bytes.ptr + 9, n + 1);
        if (!join_store_part.load(u, &all_groups, (struct sv){cut, n}, &err))
            fail_msg("cut at %zu", n);
        assert_int_equal(err.code, ERR_CORRUPT);
        err_clear(&err);
    }
    str_release(&log.bytes);
    join_store_free(s);
    join_store_free(u);
    free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_while_changing),
        cmocka_unit_test(test_corrupt_entries),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
