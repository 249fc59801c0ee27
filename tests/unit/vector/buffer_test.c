/* buffer_test.c - buffers and heaps: sizes, reuse, threads that free what others made. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "vector/strv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void test_sizes(void **state) {
    size_t before = buffer_total_bytes();
    for (size_t n = 0; n < 3000000; n = n * 5 / 4 + 1) {
        struct buffer *b = buffer_new(n);
        assert_true(b->size_bytes >= n);
        assert_true(b->size_bytes <= n + n / 4 + 64); /* a quarter of waste at most */
        assert_int_equal((uintptr_t)b->data % 64, 0);
        memset(b->data, 0xab, b->size_bytes);
        assert_int_equal(buffer_total_bytes(), before + b->size_bytes);
        buffer_unref(buffer_ref(b));
        buffer_unref(b);
    }
    assert_int_equal(buffer_total_bytes(), before);
}

static int freed;

static void free_foreign(struct buffer *b) {
    free(b->owner);
    freed++;
}

static void test_foreign(void **state) {
    char *p = mem_strdup("bytes of somebody else");
    struct heap *h = heap_new();
    heap_adopt(h, buffer_wrap(p, strlen(p), free_foreign, p));
    struct heap *user = heap_new();
    heap_borrow(user, h);
    heap_borrow(user, h);
    assert_int_equal(user->n_parents, 1);
    heap_unref(h);
    assert_int_equal(freed, 0);
    heap_unref(user);
    assert_int_equal(freed, 1);
}

static void test_heap(void **state) {
    struct heap *h = heap_new();
    struct strv views[2000];
    for (uint32_t i = 0; i < 2000; i++) {
        char text[300];
        memset(text, 'a' + (int)(i % 26), sizeof(text));
        views[i] = strv_copy(h, text, i % 300);
        if (i % 100 == 0) { /* what is trimmed is used again */
            uint8_t *p = heap_alloc(h, 500);
            size_t used = h->used_bytes;
            heap_trim(h, p, 10);
            assert_int_equal(h->used_bytes, used - 490);
            assert_ptr_equal(heap_alloc(h, 1), p + 10);
        }
        if (i % 500 == 0) memset(heap_alloc(h, 1 << 20), 0, 1 << 20); /* a block of its own */
    }
    for (uint32_t i = 0; i < 2000; i++) {
        struct sv v = strv_sv(&views[i]);
        assert_int_equal(v.len, i % 300);
        for (size_t k = 0; k < v.len; k++)
            assert_int_equal(v.ptr[k], 'a' + (int)(i % 26));
    }
    heap_unref(h);
}

/* Views of all short lengths, read from the very ends of their memory. */
static void test_views(void **state) {
    static const char text[] = "abcdefghijklmnop";
    for (uint32_t n = 0; n <= 16; n++) {
        AUTO_FREE char *exact = mem_dup(text, n ? n : 1);
        struct strv a = strv_borrow(exact, n), b = strv_borrow(text, n);
        assert_int_equal(a.len, n);
        assert_memory_equal(strv_data(&a), text, n);
        assert_true(strv_eq(&a, &b));
        for (uint32_t k = n; k < STRV_INLINE_MAX_BYTES; k++)
            assert_int_equal(a.u.inl[k], 0);
        struct strv c = strv_borrow(text, n ? n - 1 : 0);
        assert_int_equal(strv_eq(&a, &c), n == 0);
        assert_int_equal(strv_cmp(&a, &c) > 0, n > 0);
        assert_true(strv_cmp(&c, &a) <= 0);
    }
}

enum { SLOTS = 64, ROUNDS = 200000 };
static _Atomic(struct buffer *) slots[SLOTS];

/* Swaps buffers through shared slots, so that most are freed on another thread. */
static void *swap_buffers(void *arg) {
    uint64_t s = (uint64_t)(uintptr_t)arg * 2654435761u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        s = s * 6364136223846793005ull + 1442695040888963407ull;
        struct buffer *b = buffer_new(64u << (s >> 60));
        memset(b->data, (int)(s >> 40), 64);
        struct buffer *old = atomic_exchange(&slots[(s >> 33) % SLOTS], b);
        if (old) buffer_unref(buffer_ref(old));
        buffer_unref(old);
    }
    return NULL;
}

static void test_threads(void **state) {
    size_t before = buffer_total_bytes();
    pthread_t t[4];
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, swap_buffers, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        buffer_unref(atomic_exchange(&slots[i], NULL));
    assert_int_equal(buffer_total_bytes(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_foreign), cmocka_unit_test(test_heap),
        cmocka_unit_test(test_views), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
