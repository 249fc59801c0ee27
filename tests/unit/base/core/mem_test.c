/* mem_test.c - allocation wrappers. */
#include "base/core/mem.h"

#include "tests/unit/cmocka_wrap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void zero_sizes_are_valid(void **state) {
    void *p = mem_alloc(0), *q = mem_calloc(0, 8), *r = mem_dup(NULL, 0);
    assert_non_null(p);
    assert_non_null(q);
    assert_non_null(r);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    free(p);
    free(q);
    free(r);
}

static void copies_are_terminated(void **state) {
    AUTO_FREE char *a = mem_strdup("abc");
    AUTO_FREE char *b = mem_strndup("abcdef", 4);
    AUTO_FREE char *c = mem_strndup("ab", 10);
    assert_string_equal(a, "abc");
    assert_string_equal(b, "abcd");
    assert_string_equal(c, "ab");
    assert_null(mem_strdup(NULL));
}

static void aligned_is_aligned(void **state) {
    for (size_t align = 16; align <= 4096; align *= 2) {
        AUTO_FREE char *p = mem_aligned(align, 3);
        assert_int_equal((uintptr_t)p % align, 0);
        p[2] = 1;
    }
}

static void grow_keeps_elements(void **state) {
    int *a = NULL;
    int len = 0, cap = 0;
    for (int i = 0; i < 1000; i++) {
        MEM_GROW(a, len, cap);
        a[len++] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(a[i], i);
    assert_true(cap >= 1000 && cap < 2048);
    free(a);
}

static void overflow_ends_the_process(void **state) {
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        void *p = mem_reallocarray(NULL, SIZE_MAX / 2, 16);
        _exit(p != NULL);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_sizes_are_valid),      cmocka_unit_test(copies_are_terminated),
        cmocka_unit_test(aligned_is_aligned),        cmocka_unit_test(grow_keeps_elements),
        cmocka_unit_test(overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
