/* join_store_test.c - lists of rows by key against arrays: rows come at the end or between others,
 * are looked for by value, go one by one, and leave no key behind. */
#include "tests/unit/worker/random_batch.h"

#include "worker/state/join_store.h"

#include <stdio.h>

enum { KEYS = 90, LIST_MAX = 400, BATCH = 60, VALUES = 6 };

struct model {
    struct join_entry *entries[LIST_MAX];
    int values[LIST_MAX];
    int n;
};

struct bench {
    struct rnd r;
    uint64_t hash_mask;
    struct arena arena;
    struct join_store *s;
    const struct schema *schema;
    struct model model[KEYS];
    uint64_t rows;
};

static const int key_cols[] = {2, 0};

static void setup(struct bench *b, uint64_t seed, uint64_t hash_mask) {
    memset(b, 0, sizeof *b);
    b->r.state = seed;
    b->hash_mask = hash_mask;
    arena_init(&b->arena);
    struct field *f = ARENA_NEW_N(&b->arena, struct field, 3);
    f[0] = (struct field){"a", type_of(TYPE_VARCHAR)};
    f[1] = (struct field){"v", type_of(TYPE_VARCHAR)};
    f[2] = (struct field){"b", type_of(TYPE_INT)};
    struct schema *s = ARENA_NEW(&b->arena, struct schema);
    *s = (struct schema){3, f};
    b->schema = s;
    b->s = join_store_new(&b->arena, s, key_cols, 2);
    join_store_keep_times(b->s);
}

static int value_text(char *buf, size_t size, int v) {
    return v % 2 ? snprintf(buf, size, "%d", v) : snprintf(buf, size, "a long value, number %d", v);
}

/* Row i: key ids[i], value values[i] (0: NULL). */
static struct batch *make_batch(struct bench *b, const uint32_t *ids, const int *values,
                                uint32_t n) {
    struct col_builder cb[3];
    for (int i = 0; i < 3; i++)
        col_builder_init(&cb[i], b->schema->fields[i].type, n);
    for (uint32_t i = 0; i < n; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "key %u of all the keys", ids[i] / 9);
        if (ids[i] % 10 == 9)
            col_add_null(&cb[0]);
        else
            col_add_str(&cb[0], text, (size_t)len);
        len = value_text(text, sizeof text, values[i]);
        if (values[i])
            col_add_str(&cb[1], text, (size_t)len);
        else
            col_add_null(&cb[1]);
        col_add_int(&cb[2], ids[i]);
    }
    struct batch *out = batch_new(3);
    out->n = n;
    for (int i = 0; i < 3; i++) {
        col_builder_finish(&cb[i], &out->cols[i]);
        col_builder_release(&cb[i]);
    }
    return out;
}

struct keys {
    const struct column *cols[2];
    uint64_t hashes[BATCH];
};

static void keys_of(const struct bench *b, const struct batch *batch, struct keys *k) {
    memset(k, 0, sizeof *k);
    for (int i = 0; i < 2; i++) {
        k->cols[i] = &batch->cols[key_cols[i]];
        col_hash(k->cols[i], k->hashes, batch->n);
    }
    for (uint32_t i = 0; i < batch->n; i++)
        k->hashes[i] &= b->hash_mask;
}

static void check_entry(const struct bench *b, struct join_entry *e, int value) {
    struct sv got = row_pack_text(join_store_pack(b->s), join_entry_row(e), 1);
    char text[64];
    value_text(text, sizeof text, value);
    assert_int_equal(got.ptr != NULL, value != 0);
    if (value) assert_true(sv_eq_str(got, text));
}

static void check_key(const struct bench *b, const struct join_key *k, const struct model *m) {
    struct join_entry *e = k ? k->first : NULL, *prev = NULL;
    for (int i = 0; i < m->n; i++) {
        assert_ptr_equal(e, m->entries[i]);
        assert_ptr_equal(e->prev, prev);
        assert_ptr_equal(e->key, k);
        check_entry(b, e, m->values[i]);
        prev = e;
        e = e->next;
    }
    assert_null(e);
    if (k) assert_ptr_equal(k->last, prev);
}

static void model_put(struct model *m, int at, struct join_entry *e, int value) {
    memmove(&m->entries[at + 1], &m->entries[at], sizeof(m->entries[0]) * (size_t)(m->n - at));
    memmove(&m->values[at + 1], &m->values[at], sizeof(m->values[0]) * (size_t)(m->n - at));
    m->entries[at] = e;
    m->values[at] = value;
    m->n++;
}

static void model_take(struct model *m, int at) {
    m->n--;
    memmove(&m->entries[at], &m->entries[at + 1], sizeof(m->entries[0]) * (size_t)(m->n - at));
    memmove(&m->values[at], &m->values[at + 1], sizeof(m->values[0]) * (size_t)(m->n - at));
}

static struct batch *random_rows(struct bench *b, uint32_t *ids, int *values) {
    uint32_t range = (uint32_t)rnd_below(&b->r, KEYS) + 1;
    for (int i = 0; i < BATCH; i++) {
        ids[i] = (uint32_t)rnd_below(&b->r, range);
        values[i] = (int)rnd_below(&b->r, VALUES);
    }
    return make_batch(b, ids, values, BATCH);
}

static void add(struct bench *b) {
    uint32_t ids[BATCH];
    int values[BATCH];
    struct batch *rows = random_rows(b, ids, values);
    struct keys k;
    struct join_key *found[BATCH];
    keys_of(b, rows, &k);
    join_store_hold(b->s, k.cols, k.hashes, NULL, BATCH, found);
    for (uint32_t i = 0; i < BATCH; i++) {
        struct model *m = &b->model[ids[i]];
        assert_non_null(found[i]);
        if (m->n == LIST_MAX || rnd_below(&b->r, 4) == 0) continue; /* some keys stay empty */
        int at = rnd_below(&b->r, 3) ? m->n : (int)rnd_below(&b->r, (uint64_t)m->n + 1);
        struct join_entry *e = at == m->n ? join_store_add(b->s, found[i], rows, i, at)
                                          : join_store_insert(b->s, m->entries[at], rows, i, at);
        assert_true(e->time == at && e->matches == 0);
        e->matches = 77;
        model_put(m, at, e, values[i]);
        b->rows++;
    }
    for (uint32_t i = 0; i < BATCH; i++)
        check_key(b, found[i], &b->model[ids[i]]);
    join_store_sweep(b->s, found, BATCH);
    batch_unref(rows);
}

static void look(struct bench *b, bool take) {
    uint32_t ids[BATCH], rows_at[BATCH], n = 0;
    int values[BATCH];
    struct batch *rows = random_rows(b, ids, values);
    struct keys k;
    struct join_key *found[BATCH];
    keys_of(b, rows, &k);
    for (uint32_t i = 0; i < BATCH; i++)
        if (rnd_below(&b->r, 3)) rows_at[n++] = i;
    join_store_find(b->s, k.cols, k.hashes, rows_at, n, found);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows_at[i];
        struct model *m = &b->model[ids[row]];
        if (m->n) assert_non_null(found[i]);
        if (!found[i]) continue;
        int first = -1, last = -1;
        for (int x = 0; x < m->n; x++) {
            if (m->values[x] != values[row]) continue;
            if (first < 0) first = x;
            last = x;
        }
        struct join_entry *fe = join_store_first_equal(b->s, found[i], rows, row),
                          *le = join_store_last_equal(b->s, found[i], rows, row);
        assert_ptr_equal(fe, first < 0 ? NULL : m->entries[first]);
        assert_ptr_equal(le, last < 0 ? NULL : m->entries[last]);
        if (!take || last < 0) continue;
        assert_int_equal(le->matches, 77);
        join_store_remove(b->s, le);
        model_take(m, last);
        b->rows--;
        check_key(b, found[i], m);
    }
    join_store_sweep(b->s, found, n);
    join_store_find(b->s, k.cols, k.hashes, NULL, BATCH, found);
    for (uint32_t i = 0; i < BATCH; i++)
        check_key(b, found[i], &b->model[ids[i]]);
    batch_unref(rows);
}

/* Drops entries with their keys. */
static void drop(struct bench *b) {
    for (int i = 0; i < 30; i++) {
        struct model *m = &b->model[rnd_below(&b->r, KEYS)];
        if (!m->n) continue;
        int at = (int)rnd_below(&b->r, (uint64_t)m->n);
        join_store_drop(b->s, m->entries[at]);
        model_take(m, at);
        b->rows--;
    }
}

static void scan(struct bench *b) {
    struct join_key *keys[7];
    uint64_t pos = 0, rows = 0;
    int n_keys = 0, with_rows = 0;
    for (uint32_t n; (n = join_store_scan(b->s, &pos, keys, 7));)
        for (uint32_t i = 0; i < n; i++, n_keys++)
            for (struct join_entry *e = keys[i]->first; e; e = e->next)
                rows++;
    for (int i = 0; i < KEYS; i++)
        with_rows += b->model[i].n > 0;
    assert_true(rows == b->rows);
    assert_true(join_store_rows(b->s) == b->rows);
    assert_int_equal(n_keys, with_rows); /* empty keys were swept */
}

static void run(uint64_t seed, uint64_t hash_mask) {
    struct bench *b = mem_zalloc(sizeof *b);
    setup(b, seed, hash_mask);
    for (int step = 0; step < 200; step++) {
        switch (rnd_below(&b->r, 6)) {
        case 0:
        case 1:
            add(b);
            break;
        case 2:
            look(b, false);
            break;
        case 3:
        case 4:
            look(b, true);
            break;
        default:
            drop(b);
        }
        scan(b);
    }
    join_store_free(b->s);
    arena_release(&b->arena);
    free(b);
}

static void random_rows_come_and_go(void **state) {
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(seed, UINT64_MAX);
}

static void keys_with_equal_hashes(void **state) {
    run(11, 0);
    run(12, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_come_and_go),
        cmocka_unit_test(keys_with_equal_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
