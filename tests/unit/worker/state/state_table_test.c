/* state_table_test.c - a table against an array of what should be in it: random batches of keys,
 * with NULLs, long strings and colliding hashes. */
#include "tests/unit/worker/random_batch.h"

#include "worker/state/state_table.h"

#include <stdio.h>

enum { KEYS = 700, BATCH = 120 };

/* What lies in a row: a sum and a blob that names the key. */
struct payload {
    int64_t sum;
    char *blob;
    uint32_t blob_size, key;
    uint64_t unused;
};

struct model {
    bool live;
    int64_t sum;
    uint64_t born; /* order of insertion */
};

struct bench {
    struct rnd r;
    uint64_t hash_mask;
    struct state_table *t;
    struct model model[KEYS];
    uint64_t births;
    int freed; /* payloads */
    const struct type *types[3];
};

static void free_payload(void *self, char *payload, struct var_memory *var) {
    struct bench *b = self;
    struct payload *p = (struct payload *)payload;
    b->freed++;
    if (p->blob) var_free(var, p->blob, p->blob_size);
}

static struct state_table *new_table(struct bench *b) {
    struct state_desc d = {.n_keys = 3,
                           .key_types = b->types,
                           .payload_size_bytes = sizeof(struct payload),
                           .free_payload = free_payload,
                           .self = b};
    return state_table_new(&d);
}

static void setup(struct bench *b, uint64_t seed, uint64_t hash_mask) {
    memset(b, 0, sizeof *b);
    b->r.state = seed;
    b->hash_mask = hash_mask;
    b->types[0] = type_of(TYPE_BIGINT);
    b->types[1] = type_of(TYPE_VARCHAR);
    b->types[2] = type_of(TYPE_SMALLINT);
    b->t = new_table(b);
}

/* Key k: all of them differ, in each column alone or in whether it is NULL. */
static void add_key(struct col_builder *cb, uint32_t k) {
    char text[64];
    if (k % 7 == 0)
        col_add_null(&cb[0]);
    else
        col_add_int(&cb[0], k % 11);
    int len = k % 3 ? snprintf(text, sizeof text, "k%u", k / 11)
                    : snprintf(text, sizeof text, "the long name of %u", k);
    if (k % 13 == 0)
        col_add_null(&cb[1]);
    else
        col_add_str(&cb[1], text, (size_t)len);
    col_add_int(&cb[2], (int64_t)k);
}

struct keys {
    struct column cols[3];
    const struct column *ptrs[3];
    uint64_t *hashes;
};

static void keys_make(struct bench *b, struct keys *k, const uint32_t *ids, uint32_t n) {
    struct col_builder cb[3];
    for (int i = 0; i < 3; i++)
        col_builder_init(&cb[i], b->types[i], n);
    for (uint32_t i = 0; i < n; i++)
        add_key(cb, ids[i]);
    k->hashes = mem_calloc((size_t)n + 1, sizeof *k->hashes);
    for (int i = 0; i < 3; i++) {
        col_builder_finish(&cb[i], &k->cols[i]);
        col_builder_release(&cb[i]);
        col_hash(&k->cols[i], k->hashes, n);
        k->ptrs[i] = &k->cols[i];
    }
    for (uint32_t i = 0; i < n; i++)
        k->hashes[i] &= b->hash_mask;
}

static void keys_release(struct keys *k) {
    for (int i = 0; i < 3; i++)
        col_release(&k->cols[i]);
    free(k->hashes);
}

/* A batch of keys, of which some rows are looked at. */
static uint32_t random_keys(struct bench *b, uint32_t *ids, uint32_t *rows) {
    uint32_t range = (uint32_t)rnd_below(&b->r, KEYS) + 1, n = 0;
    bool all = rnd_below(&b->r, 2);
    for (uint32_t i = 0; i < BATCH; i++) {
        ids[i] = (uint32_t)rnd_below(&b->r, range);
        if (all || rnd_below(&b->r, 2)) rows[n++] = i;
    }
    return n;
}

static void check_payload(struct bench *b, uint32_t id, const char *payload) {
    const struct payload *p = (const struct payload *)payload;
    assert_int_equal(p->key, id);
    assert_true(p->sum == b->model[id].sum);
    char text[32];
    int len = snprintf(text, sizeof text, "blob of %u", id);
    assert_int_equal(p->blob_size, len);
    assert_memory_equal(p->blob, text, (size_t)len);
}

static void fill(struct bench *b, struct state_table *t, uint32_t id, char *payload) {
    struct payload *p = (struct payload *)payload;
    assert_true(p->sum == 0 && !p->blob && p->key == 0); /* zeroed */
    char text[32];
    int len = snprintf(text, sizeof text, "blob of %u", id);
    p->blob = var_alloc(state_table_var(t), (size_t)len);
    memcpy(p->blob, text, (size_t)len);
    p->blob_size = (uint32_t)len;
    p->key = id;
}

static void upsert(struct bench *b) {
    uint32_t ids[BATCH], rows[BATCH];
    uint32_t n = random_keys(b, ids, rows);
    bool use_rows = n < BATCH || rnd_below(&b->r, 2);
    struct keys k;
    keys_make(b, &k, ids, BATCH);
    char *payloads[BATCH];
    uint8_t fresh[BATCH];
    state_table_upsert(b->t, k.ptrs, k.hashes, use_rows ? rows : NULL, n, payloads, fresh);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = ids[rows[i]];
        struct model *m = &b->model[id];
        assert_int_equal(fresh[i], !m->live);
        if (fresh[i]) {
            *m = (struct model){.live = true, .born = ++b->births};
            fill(b, b->t, id, payloads[i]);
        }
        check_payload(b, id, payloads[i]);
        int64_t add = (int64_t)rnd_below(&b->r, 100);
        ((struct payload *)payloads[i])->sum += add;
        m->sum += add;
    }
    keys_release(&k);
}

static void find_and_remove(struct bench *b) {
    uint32_t ids[BATCH], rows[BATCH];
    uint32_t n = random_keys(b, ids, rows);
    struct keys k;
    keys_make(b, &k, ids, BATCH);
    char *payloads[BATCH];
    state_table_find(b->t, k.ptrs, k.hashes, rows, n, payloads);
    for (uint32_t i = 0; i < n; i++) {
        struct model *m = &b->model[ids[rows[i]]];
        if (!m->live && payloads[i]) { /* removed by this loop: the pointer is of before */
            continue;
        }
        assert_int_equal(payloads[i] != NULL, m->live);
        if (!m->live) continue;
        check_payload(b, ids[rows[i]], payloads[i]);
        if (rnd_below(&b->r, 3)) continue;
        int freed = b->freed;
        state_table_remove(b->t, payloads[i]);
        assert_int_equal(b->freed, freed + 1);
        m->live = false;
    }
    keys_release(&k);
    keys_make(b, &k, ids, BATCH);
    state_table_find(b->t, k.ptrs, k.hashes, NULL, BATCH, payloads);
    for (uint32_t i = 0; i < BATCH; i++)
        assert_int_equal(payloads[i] != NULL, b->model[ids[i]].live);
    keys_release(&k);
}

/* All rows, once each; removing those just seen is allowed. */
static void scan(struct bench *b, bool remove) {
    uint64_t pos = 0, total = 0;
    char *payloads[64];
    bool seen[KEYS] = {0};
    uint32_t step = (uint32_t)rnd_below(&b->r, 64) + 1;
    for (uint32_t n; (n = state_table_scan(b->t, &pos, payloads, step));) {
        struct column cols[3];
        state_table_keys(b->t, payloads, n, cols);
        uint32_t ids[64];
        struct keys want;
        for (uint32_t i = 0; i < n; i++)
            ids[i] = ((struct payload *)payloads[i])->key;
        keys_make(b, &want, ids, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(b->model[ids[i]].live && !seen[ids[i]]);
            seen[ids[i]] = true;
            check_payload(b, ids[i], payloads[i]);
            assert_true(state_table_hash(b->t, payloads[i]) == want.hashes[i]);
            for (int c = 0; c < 3; c++)
                assert_true(col_eq(&cols[c], i, &want.cols[c], i));
        }
        keys_release(&want);
        for (int c = 0; c < 3; c++)
            col_release(&cols[c]);
        total += n;
        for (uint32_t i = 0; remove && i < n; i++) {
            if (rnd_below(&b->r, 2)) continue;
            b->model[ids[i]].live = false;
            state_table_remove(b->t, payloads[i]);
        }
    }
    uint64_t live = 0;
    for (int i = 0; i < KEYS; i++) {
        live += b->model[i].live;
        if (b->model[i].live) assert_true(seen[i]);
    }
    assert_int_equal(state_table_count(b->t), live);
    if (!remove) assert_int_equal(total, live);
}

/* Keys of rows into another table, as windows are merged. */
static void merge(struct bench *b) {
    struct state_table *other = new_table(b);
    uint64_t pos = 0;
    char *from[50], *to[50];
    uint8_t fresh[50];
    uint64_t total = 0;
    for (int round = 0; round < 2; round++, pos = 0)
        for (uint32_t n; (n = state_table_scan(b->t, &pos, from, 50)); total += n) {
            state_table_upsert_rows(other, b->t, from, n, to, fresh);
            for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(fresh[i], round == 0);
                if (fresh[i]) fill(b, other, ((struct payload *)from[i])->key, to[i]);
                assert_int_equal(((struct payload *)to[i])->key, ((struct payload *)from[i])->key);
                assert_true(state_table_hash(other, to[i]) == state_table_hash(b->t, from[i]));
            }
        }
    assert_int_equal(state_table_count(other), state_table_count(b->t));
    assert_int_equal(total, 2 * state_table_count(b->t));
    state_table_free(other);
}

static void run(uint64_t seed, uint64_t hash_mask) {
    struct bench *b = mem_zalloc(sizeof *b);
    setup(b, seed, hash_mask);
    for (int step = 0; step < 150; step++) {
        switch (rnd_below(&b->r, 8)) {
        case 0:
        case 1:
        case 2:
            upsert(b);
            break;
        case 3:
        case 4:
            find_and_remove(b);
            break;
        case 5:
            scan(b, false);
            break;
        case 6:
            scan(b, rnd_below(&b->r, 3) == 0);
            break;
        default:
            if (rnd_below(&b->r, 8) == 0) {
                int live = (int)state_table_count(b->t), freed = b->freed;
                state_table_clear(b->t);
                assert_int_equal(b->freed - freed, live);
                memset(b->model, 0, sizeof b->model);
            } else {
                merge(b);
            }
        }
    }
    scan(b, false);
    state_table_free(b->t);
    free(b);
}

static void random_batches(void **state) {
    for (uint64_t seed = 1; seed <= 6; seed++)
        run(seed, UINT64_MAX);
}

static void colliding_hashes(void **state) {
    run(21, 3);
    run(22, 0xff00000000000000); /* differ in the part that the directory doesn't keep */
    run(23, 0x3f);
}

/* No key: one row for all. */
static void global_row(void **state) {
    struct state_desc d = {.n_keys = 0, .payload_size_bytes = 16};
    struct state_table *t = state_table_new(&d);
    uint64_t hashes[3] = {0};
    char *p[3];
    uint8_t fresh[3];
    state_table_find(t, NULL, hashes, NULL, 3, p);
    assert_null(p[0]);
    state_table_upsert(t, NULL, hashes, NULL, 3, p, fresh);
    assert_true(p[0] == p[1] && p[1] == p[2]);
    assert_true(fresh[0] && !fresh[1] && !fresh[2]);
    assert_int_equal(state_table_count(t), 1);
    state_table_remove(t, p[0]);
    assert_int_equal(state_table_count(t), 0);
    state_table_free(t);
}

/* Memory is used again when rows come and go. */
static void rows_leave_no_traces(void **state) {
    struct bench *b = mem_zalloc(sizeof *b);
    setup(b, 31, UINT64_MAX);
    size_t most = 0;
    for (int round = 0; round < 300; round++) {
        uint32_t ids[BATCH];
        for (uint32_t i = 0; i < BATCH; i++)
            ids[i] = (uint32_t)((round * 37 + (int)i) % KEYS);
        struct keys k;
        keys_make(b, &k, ids, BATCH);
        char *payloads[BATCH];
        uint8_t fresh[BATCH];
        state_table_upsert(b->t, k.ptrs, k.hashes, NULL, BATCH, payloads, fresh);
        for (uint32_t i = 0; i < BATCH; i++)
            if (fresh[i]) fill(b, b->t, ids[i], payloads[i]);
        for (uint32_t i = 0; i < BATCH; i++)
            if (fresh[i]) state_table_remove(b->t, payloads[i]);
        keys_release(&k);
        assert_int_equal(state_table_count(b->t), 0);
        if (round == 30) most = state_table_bytes(b->t);
    }
    assert_true(state_table_bytes(b->t) <= 2 * most);
    state_table_free(b->t);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches),
        cmocka_unit_test(colliding_hashes),
        cmocka_unit_test(global_row),
        cmocka_unit_test(rows_leave_no_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
