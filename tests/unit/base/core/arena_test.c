/* arena_test.c - bump allocation: alignment, separate blocks, reuse. */
#include "base/core/arena.h"

#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

static void blocks_are_aligned_and_apart(void **state) {
    struct arena a;
    arena_init(&a);
    enum { N = 3000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    unsigned seed = 7;
    for (int i = 0; i < N; i++) {
        seed = seed * 1103515245 + 12345;
        sizes[i] = i % 97 == 0 ? 100000 : (seed >> 16) % 300;
        blocks[i] = arena_alloc(&a, sizes[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], i & 0xFF, sizes[i]);
    }
    for (int i = 0; i < N; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(blocks[i][j], i & 0xFF);
    }
    arena_release(&a);
    assert_null(a.head);
    arena_release(&a);
}

static void clear_keeps_the_largest_chunk(void **state) {
    struct arena a;
    arena_init(&a);
    arena_alloc(&a, 10);
    arena_alloc(&a, 500000);
    arena_alloc(&a, 10);
    assert_true(a.used_bytes >= 500020);
    arena_clear(&a);
    assert_int_equal(a.used_bytes, 0);
    struct arena_chunk *kept = a.head;
    assert_non_null(kept);
    char *p = arena_alloc(&a, 400000);
    memset(p, 1, 400000);
    assert_ptr_equal(a.head, kept);
    arena_clear(&a);
    assert_ptr_equal(a.head, kept);
    arena_release(&a);
}

static void strings(void **state) {
    struct arena a;
    arena_init(&a);
    assert_null(arena_strdup(&a, NULL));
    assert_string_equal(arena_strdup(&a, "abc"), "abc");
    assert_string_equal(arena_strndup(&a, "abcdef", 2), "ab");
    assert_string_equal(arena_strndup(&a, "ab", 9), "ab");
    char *p = arena_printf(&a, "%s-%0*d", "n", 200, 7);
    assert_int_equal(strlen(p), 202);
    assert_int_equal(p[201], '7');
    int *z = ARENA_NEW_N(&a, int, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(z[i], 0);
    assert_memory_equal(arena_dup(&a, "xyz", 3), "xyz", 3);
    arena_release(&a);
}

/* Zeroed even when the memory was used before. */
static void zalloc_after_clear(void **state) {
    struct arena a;
    arena_init(&a);
    memset(arena_alloc(&a, 1000), 0xAB, 1000);
    arena_clear(&a);
    unsigned char *p = arena_zalloc(&a, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(clear_keeps_the_largest_chunk),
        cmocka_unit_test(strings),
        cmocka_unit_test(zalloc_after_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
