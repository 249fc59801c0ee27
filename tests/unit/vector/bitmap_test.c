/* bitmap_test.c - BITMAP bytes: Roaring's format, one form per set, set operations, broken bytes.
 */
#include "tests/unit/cmocka_wrap.h"
#include "vector/bitmap.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % below);
}

static void expect_bytes(const struct str *s, const char *hex) {
    AUTO_STR got = STR_INIT;
    for (size_t i = 0; i < s->len; i++)
        str_addf(&got, "%02X", (unsigned char)s->ptr[i]);
    assert_string_equal(str_text(&got), hex);
}

static void expect_text(struct sv bytes, const char *text) {
    AUTO_STR got = STR_INIT;
    bitmap_print(bytes, &got);
    assert_string_equal(str_text(&got), text);
}

/* The bytes that RoaringBitmap writes. */
static void test_format(void **state) {
    AUTO_STR empty = STR_INIT, few = STR_INIT, range = STR_INIT;
    bitmap_build(NULL, 0, &empty);
    expect_bytes(&empty, "3A30000000000000");
    expect_text(str_view(&empty), "{}");
    bitmap_build((uint32_t[]){1, 3, 0xFFFFFFFF}, 3, &few);
    expect_bytes(&few, "3A300000"
                       "02000000"
                       "00000100FFFF0000"
                       "180000001C000000"
                       "01000300FFFF");
    expect_text(str_view(&few), "{1,3,4294967295}");
    assert_int_equal(bitmap_cardinality(str_view(&few)), 3);
    uint32_t values[100];
    for (uint32_t i = 0; i < 100; i++)
        values[i] = 10 + i;
    bitmap_build(values, 100, &range);
    expect_bytes(&range, "3B300000"
                         "01"
                         "00006300"
                         "01000A006300");
    assert_int_equal(bitmap_cardinality(str_view(&range)), 100);
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Sparse values, runs and dense stretches over a few containers. */
static size_t random_set(uint32_t *v, size_t max) {
    size_t n = 0, want = rnd((uint32_t)max);
    while (n < want) {
        uint32_t at = (rnd(5) << 16) + rnd(65536), len = rnd(3) ? 1 : rnd(9000);
        for (uint32_t i = 0; i < len && n < want; i++)
            v[n++] = at + i * (1 + rnd(2));
    }
    qsort(v, n, sizeof(*v), by_value);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!kept || v[kept - 1] != v[i]) v[kept++] = v[i];
    return kept;
}

static bool wanted(enum bitmap_op op, bool in_a, bool in_b) {
    switch (op) {
    case BITMAP_OP_AND:
        return in_a && in_b;
    case BITMAP_OP_OR:
        return in_a || in_b;
    case BITMAP_OP_XOR:
        return in_a != in_b;
    default:
        return in_a && !in_b;
    }
}

enum { SET_MAX = 40000 };

static void test_operations(void **state) {
    uint32_t *a = mem_calloc(SET_MAX, 4), *b = mem_calloc(SET_MAX, 4), *r = mem_calloc(SET_MAX, 8);
    for (int round = 0; round < 40; round++) {
        size_t na = random_set(a, SET_MAX), nb = random_set(b, SET_MAX);
        AUTO_STR x = STR_INIT, y = STR_INIT;
        bitmap_build(a, na, &x);
        bitmap_build(b, nb, &y);
        assert_int_equal(bitmap_cardinality(str_view(&x)), na);
        for (int op = BITMAP_OP_AND; op <= BITMAP_OP_ANDNOT; op++) {
            size_t n = 0;
            for (size_t i = 0, j = 0; i < na || j < nb;) {
                bool in_a = i < na && (j == nb || a[i] <= b[j]);
                bool in_b = j < nb && (i == na || b[j] <= a[i]);
                if (wanted(op, in_a, in_b)) r[n++] = in_a ? a[i] : b[j];
                i += in_a;
                j += in_b;
            }
            AUTO_STR want = STR_INIT, got = STR_INIT, again = STR_INIT;
            bitmap_build(r, n, &want);
            bitmap_combine(op, str_view(&x), str_view(&y), &got);
            assert_int_equal(got.len, want.len);
            assert_memory_equal(got.ptr, want.ptr, want.len);
            assert_int_equal(bitmap_normalize(str_view(&got), &again), 0);
            assert_int_equal(again.len, want.len);
            assert_memory_equal(again.ptr, want.ptr, want.len);
        }
    }
    free(a);
    free(b);
    free(r);
}

/* A container that RoaringBitmap would write in another form is read all the same. */
static void test_other_forms(void **state) {
    static const char as_array[] = "\x3A\x30\0\0\1\0\0\0\0\0\3\0\x10\0\0\0\1\0\2\0\3\0\4\0";
    static const char as_run[] = "\x3B\x30\0\0\1\0\0\3\0\1\0\1\0\3\0";
    AUTO_STR x = STR_INIT, y = STR_INIT;
    assert_int_equal(bitmap_normalize((struct sv){as_array, sizeof(as_array) - 1}, &x), 0);
    assert_int_equal(bitmap_normalize((struct sv){as_run, sizeof(as_run) - 1}, &y), 0);
    expect_text(str_view(&x), "{1,2,3,4}");
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.ptr, y.ptr, x.len);
}

static void test_broken(void **state) {
    uint32_t *v = mem_calloc(SET_MAX, 4);
    AUTO_STR whole = STR_INIT;
    bitmap_build(v, random_set(v, SET_MAX), &whole);
    for (size_t n = 0; n < whole.len; n += 1 + n / 50) {
        AUTO_STR out = STR_INIT;
        char *copy = mem_alloc(n + 1); /* so that reading further is noticed */
        memcpy(copy, whole.ptr, n);
        assert_int_equal(bitmap_normalize((struct sv){copy, n}, &out), -1);
        free(copy);
    }
    for (int round = 0; round < 2000; round++) {
        AUTO_STR out = STR_INIT, again = STR_INIT;
        char *copy = mem_dup(whole.ptr, whole.len);
        for (int i = 0; i < 3; i++)
            copy[rnd(round % 2 ? 40 : (uint32_t)whole.len)] = (char)rnd(256);
        if (bitmap_normalize((struct sv){copy, whole.len}, &out) == 0)
            assert_int_equal(bitmap_normalize(str_view(&out), &again), 0);
        free(copy);
    }
    free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
