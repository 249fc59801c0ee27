/* column_test.c - columns of every type: build, slice, gather, concat, repeat, hash, compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/mem.h"
#include "vector/batch.h"
#include "vector/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static uint64_t seed = 42;

static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const char *const types[] = {"BOOLEAN",
                                    "TINYINT",
                                    "SMALLINT",
                                    "INT",
                                    "BIGINT",
                                    "FLOAT",
                                    "DOUBLE",
                                    "DECIMAL(20, 3)",
                                    "STRING",
                                    "BYTES",
                                    "DATE",
                                    "TIMESTAMP(3)",
                                    "TIMESTAMP(9)",
                                    "ARRAY<INT>",
                                    "MAP<STRING, BIGINT>",
                                    "ROW<`a` INT, `b` STRING>",
                                    "ARRAY<ROW<`x` STRING, `y` ARRAY<BIGINT>>>",
                                    "MULTISET<STRING>",
                                    "NULL"};

static void add_random(struct col_builder *b, int null_pct) {
    if ((int)(rnd() % 100) < null_pct || b->col.phys == PHYS_NULL) {
        col_add_null(b);
        return;
    }
    switch (b->col.phys) {
    case PHYS_BOOL:
        col_add_bool(b, rnd() & 1);
        break;
    case PHYS_I128:
        col_add_i128(b, (i128)(int64_t)rnd() * 1000003);
        break;
    case PHYS_F32:
    case PHYS_F64:
        col_add_f64(b, rnd() % 10 ? (double)(int64_t)rnd() / 1e6 : NAN);
        break;
    case PHYS_STR: {
        char text[64];
        int n = snprintf(text, sizeof(text), "%.*s%llu", (int)(rnd() % 30),
                         "abcdefghijklmnopqrstuvwxyz0123456789", (unsigned long long)rnd() % 100);
        col_add_str(b, text, (size_t)n);
        break;
    }
    case PHYS_LIST:
    case PHYS_MAP:
        for (uint64_t k = rnd() % 4; k-- > 0;)
            for (int c = 0; c < b->col.n_children; c++) {
                bool not_null = b->col.type->kind == TYPE_MULTISET && c == 1;
                add_random(&b->children[c], not_null ? 0 : null_pct);
            }
        col_close_row(b);
        break;
    case PHYS_ROW:
        for (int c = 0; c < b->col.n_children; c++)
            add_random(&b->children[c], null_pct);
        col_close_row(b);
        break;
    default:
        col_add_int(b, (int64_t)rnd());
    }
}

static struct column random_column(const char *type, uint32_t n, int null_pct) {
    struct err err = ERR_INIT;
    const struct type *t;
    assert_int_equal(type_parse(&arena, type, &t, &err), 0);
    struct col_builder b;
    col_builder_init(&b, t, 4);
    for (uint32_t i = 0; i < n; i++) {
        add_random(&b, null_pct);
        if (rnd() % 8 == 0) { /* roll back and do again */
            col_builder_truncate(&b, i);
            add_random(&b, null_pct);
        }
    }
    struct column c;
    col_builder_finish(&b, &c);
    col_builder_release(&b);
    assert_int_equal(c.n, n);
    return c;
}

static void verify(const struct column *c) {
    struct err err = ERR_INIT;
    for (uint32_t at = 0; at < c->n; at += BATCH_ROWS_MAX) {
        struct batch *b = batch_new(1);
        b->n = c->n - at < BATCH_ROWS_MAX ? c->n - at : BATCH_ROWS_MAX;
        col_slice(&b->cols[0], c, at, b->n);
        if (batch_verify(b, &err)) fail_msg("%s", err.msg);
        batch_unref(b);
    }
}

static const uint32_t sizes[] = {1, 2, 63, 64, 65, 200, 2048};

static void check_one(const char *type, uint32_t n, int null_pct) {
    struct column c = random_column(type, n, null_pct), s, g, k, r;
    verify(&c);
    uint32_t from = (uint32_t)(rnd() % n), len = (uint32_t)(rnd() % (n - from + 1));
    col_slice(&s, &c, from, len);
    verify(&s);
    for (uint32_t i = 0; i < len; i++)
        assert_true(col_eq(&s, i, &c, from + i));
    assert_int_equal(col_null_count(&s) <= len, 1);

    AUTO_FREE uint32_t *idx = mem_calloc(n + 1, sizeof(*idx));
    for (uint32_t i = 0; i < n; i++)
        idx[i] = null_pct && rnd() % 8 == 0 ? UINT32_MAX : (uint32_t)(rnd() % n);
    col_gather(&g, &c, idx, n);
    verify(&g);
    for (uint32_t i = 0; i < n; i++) {
        if (idx[i] == UINT32_MAX)
            assert_false(col_is_valid(&g, i));
        else
            assert_true(col_eq(&g, i, &c, idx[i]));
    }

    const struct column *parts[3] = {&s, &c, &g};
    col_concat(&k, parts, 3);
    verify(&k);
    for (uint32_t p = 0, at = 0; p < 3; at += parts[p++]->n)
        for (uint32_t i = 0; i < parts[p]->n; i++)
            assert_true(col_eq(&k, at + i, parts[p], i));
    col_compact(&k);
    verify(&k);
    for (uint32_t i = 0; i < n; i++)
        assert_true(col_eq(&k, len + i, &c, i));

    /* Equal rows hash alike, wherever they lie; and a hash of a slice is a slice of the hashes. */
    AUTO_FREE uint64_t *h = mem_calloc(k.n, sizeof(*h)), *hc = mem_calloc(n, sizeof(*hc));
    col_hash(&k, h, k.n);
    col_hash(&c, hc, n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(h[len + i], hc[i]);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(h[i], hc[from + i]);

    const struct column *v = value_copy(&arena, &c, n - 1);
    assert_true(col_eq(v, 0, &c, n - 1));
    col_repeat(&r, v, c.type, 67);
    verify(&r);
    for (uint32_t i = 0; i < 67; i++)
        assert_true(col_eq(&r, i, &c, n - 1));

    cJSON *j = value_to_json(&c, n - 1);
    struct err err = ERR_INIT;
    const struct column *back;
    if (value_from_json(&arena, c.type, j, &back, &err)) fail_msg("%s: %s", type, err.msg);
    if (!col_eq(back, 0, &c, n - 1)) fail_msg("%s: %s", type, cJSON_PrintUnformatted(j));
    cJSON_Delete(j);

    col_release(&c);
    for (uint32_t i = 0; i < len; i++) /* the slice and copies outlive the original */
        assert_true(col_eq(&s, i, &k, i));
    col_release(&s);
    col_release(&g);
    col_release(&k);
    col_release(&r);
}

static void test_all_types(void **state) {
    size_t before = buffer_total_bytes();
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            check_one(types[t], sizes[s], 0);
            check_one(types[t], sizes[s], 20);
        }
    assert_int_equal(buffer_total_bytes(), before);
}

static void test_null_count(void **state) {
    struct column c = random_column("INT", 130, 50);
    uint32_t nulls = 0;
    for (uint32_t i = 0; i < c.n; i++)
        nulls += !col_is_valid(&c, i);
    assert_int_equal(col_null_count(&c), nulls);
    assert_true(nulls > 20);
    col_release(&c);
}

static void test_cmp(void **state) {
    struct col_builder b;
    struct column c;
    col_builder_init(&b, type_of(TYPE_DOUBLE), 8);
    col_add_null(&b);
    col_add_f64(&b, -INFINITY);
    col_add_f64(&b, -0.0);
    col_add_f64(&b, 0.0);
    col_add_f64(&b, NAN);
    col_builder_finish(&b, &c);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t j = 0; j < 5; j++) {
            int want = (i > j) - (i < j);
            if ((i == 2 && j == 3) || (i == 3 && j == 2)) want = 0;
            assert_int_equal(col_cmp(&c, i, &c, j), want);
        }
    uint64_t h[5] = {0};
    col_hash(&c, h, 5);
    assert_int_equal(h[2], h[3]);
    assert_int_not_equal(h[0], h[4]);
    col_release(&c);
    col_builder_release(&b);
}

/* Chi-square of bucket counts, for keys of many shapes, in the top and in the low bits. */
static double chi2(const uint64_t *h, uint32_t n, bool top) {
    enum { BUCKETS = 256 };
    uint32_t count[BUCKETS] = {0};
    for (uint32_t i = 0; i < n; i++)
        count[top ? h[i] >> 56 : h[i] & 255]++;
    double want = (double)n / BUCKETS, sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        sum += (count[i] - want) * (count[i] - want) / want;
    return sum;
}

static void test_hash_quality(void **state) {
    enum { N = 65536 };
    uint64_t *h = mem_alloc(N * sizeof(*h));
    for (int shape = 0; shape < 66; shape++) {
        struct col_builder b;
        struct column c;
        bool text = shape >= 64;
        col_builder_init(&b, type_of(text ? TYPE_VARCHAR : TYPE_BIGINT), N);
        for (uint64_t i = 0; i < N; i++) {
            if (text) {
                char s[48];
                int n = snprintf(s, sizeof(s), shape == 64 ? "k%llu" : "a-longer-key-%012llu-x",
                                 (unsigned long long)i);
                col_add_str(&b, s, (size_t)n);
            } else if (shape < 48) {
                col_add_int(&b, (int64_t)(i << shape));
            } else {
                col_add_int(&b, (int64_t)(i * (uint64_t)(1000 + shape * 997)));
            }
        }
        col_builder_finish(&b, &c);
        memset(h, 0, N * sizeof(*h));
        col_hash(&c, h, N);
        /* 255 degrees of freedom: above 400 has a chance of about 1e-8; evenly strided counts
         * may lie far below, which does no harm. */
        double top = chi2(h, N, true), low = chi2(h, N, false);
        if (top > 400 || low > 400) fail_msg("shape %d: top %.0f, low %.0f", shape, top, low);
        col_release(&c);
        col_builder_release(&b);
    }
    free(h);
}

/* Hashes are part of the checkpoint format. */
static void test_hash_is_stable(void **state) {
    struct col_builder b;
    struct column c;
    uint64_t h[3] = {0};
    col_builder_init(&b, type_of(TYPE_BIGINT), 4);
    col_add_int(&b, 0);
    col_add_int(&b, 1234567890123);
    col_add_null(&b);
    col_builder_finish(&b, &c);
    col_hash(&c, h, 3);
    assert_int_equal(h[0], 0xb70fb2cc55af013full);
    assert_int_equal(h[1], 0x815dee8ce1edbf35ull);
    assert_int_equal(h[2], 0xdde99ec52b95b9fcull);
    col_release(&c);
    col_builder_release(&b);
    memset(h, 0, sizeof(h));
    col_builder_init(&b, type_of(TYPE_VARCHAR), 4);
    col_add_str(&b, "", 0);
    col_add_str(&b, "hello", 5);
    col_add_str(&b, "the quick brown fox jumps over the lazy dog", 43);
    col_builder_finish(&b, &c);
    col_hash(&c, h, 3);
    assert_int_equal(h[0], 0xbeb124275d76700eull);
    assert_int_equal(h[1], 0x84d661f02b58e844ull);
    assert_int_equal(h[2], 0x8da8aa67e96b34full);
    col_release(&c);
    col_builder_release(&b);
}

static void test_key_groups(void **state) {
    uint32_t p = 3, max = 128, sum = 0;
    for (uint32_t s = 0; s < p; s++) {
        uint32_t from = key_group_start(max, p, s), to = key_group_start(max, p, s + 1);
        for (uint32_t g = from; g < to; g++, sum++)
            assert_int_equal(key_group_subtask(g, max, p), s);
    }
    assert_int_equal(sum, max);
    assert_int_equal(key_group_of(UINT64_MAX, max), max - 1);
    assert_int_equal(key_group_of(0, max), 0);
}

static int setup(void **state) {
    arena_init(&arena);
    return 0;
}

static int teardown(void **state) {
    arena_release(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_null_count),
        cmocka_unit_test(test_cmp),
        cmocka_unit_test(test_hash_quality),
        cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_key_groups),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
