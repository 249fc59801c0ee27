/* err_test.c - error values. */
#include "base/core/err.h"

#include "tests/unit/cmocka_wrap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_gives_code_class_and_text(void **state) {
    struct err e = ERR_INIT;
    e.line = 9;
    assert_int_equal(err_set(&e, ERR_IO, "read %s", "a.csv"), ERR_IO);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(e.cls, ERR_CLASS_RETRY);
    assert_string_equal(e.msg, "read a.csv");
    assert_int_equal(e.line, 0);
    assert_int_equal(err_set(NULL, ERR_NET, "x"), ERR_NET);
}

static void wrap_reads_from_the_outside_in(void **state) {
    struct err e = ERR_INIT;
    err_set_errno(&e, ERR_IO, ENOENT, "open %s", "a.csv");
    assert_int_equal(err_wrap(&e, "source '%s'", "flights"), ERR_IO);
    assert_string_equal(e.msg, "source 'flights': open a.csv: No such file or directory");
    assert_int_equal(err_wrap(NULL, "x"), ERR_INTERNAL);
}

static void wrap_of_success_is_an_internal_error(void **state) {
    struct err e = ERR_INIT;
    assert_int_equal(err_wrap(&e, "x"), ERR_INTERNAL);
    assert_int_equal(e.code, ERR_INTERNAL);
}

static void set_may_use_its_own_text(void **state) {
    struct err e = ERR_INIT;
    err_set(&e, ERR_IO, "inner");
    err_set(&e, ERR_NET, "outer(%s)", e.msg);
    assert_string_equal(e.msg, "outer(inner)");
}

static void place_is_kept_by_wrap(void **state) {
    struct err e = ERR_INIT;
    assert_int_equal(err_set_at(&e, ERR_PARSE, 3, 14, "near '%s'", "FRM"), ERR_PARSE);
    err_wrap(&e, "job");
    assert_int_equal(e.line, 3);
    assert_int_equal(e.column, 14);
    assert_int_equal(e.cls, ERR_CLASS_USER);
}

static void class_can_be_overridden(void **state) {
    struct err e = ERR_INIT;
    err_set(&e, ERR_IO, "disk gone");
    assert_int_equal(err_set_class(&e, ERR_CLASS_FATAL), ERR_IO);
    err_wrap(&e, "x");
    assert_int_equal(e.cls, ERR_CLASS_FATAL);
}

/* Cut texts end in "..." on a whole character, however the cut falls. */
static void long_text_is_cut_on_a_character(void **state) {
    for (size_t pad = 0; pad < 4; pad++) {
        char long_text[2 * ERR_MSG_SIZE_BYTES + 8];
        size_t n = 0;
        for (; n < pad; n++)
            long_text[n] = 'x';
        while (n + 3 < sizeof(long_text)) {
            memcpy(long_text + n, "\xE2\x82\xAC", 3);
            n += 3;
        }
        long_text[n] = '\0';
        struct err e = ERR_INIT;
        err_set(&e, ERR_IO, "%s", long_text);
        size_t len = strlen(e.msg);
        assert_in_range(len, ERR_MSG_SIZE_BYTES - 8, ERR_MSG_SIZE_BYTES - 1);
        assert_string_equal(e.msg + len - 3, "...");
        assert_int_equal((len - 3 - pad) % 3, 0);
        err_wrap(&e, "job %s", "flights");
        len = strlen(e.msg);
        assert_true(len < ERR_MSG_SIZE_BYTES);
        assert_string_equal(e.msg + len - 3, "...");
        assert_memory_equal(e.msg, "job flights: ", 13);
        err_set_errno(&e, ERR_IO, ENOENT, "%s", long_text);
        assert_string_equal(e.msg + strlen(e.msg) - 3, "...");
    }
}

static void names_go_both_ways(void **state) {
    for (int code = -1; code > -ERR_CODE_COUNT; code--) {
        assert_int_equal(err_code_parse(err_code_name(code)), code);
        assert_true(err_code_text(code)[0] != '\0');
        assert_int_not_equal(err_code_class(code), ERR_CLASS_NONE);
    }
    assert_string_equal(err_code_name(0), "OK");
    assert_string_equal(err_code_name(-9999), "INTERNAL");
    assert_string_equal(err_code_name(5), "INTERNAL");
    assert_int_equal(err_code_parse("NO_SUCH"), ERR_INTERNAL);
    assert_int_equal(err_code_parse("OK"), 0);
    assert_string_equal(err_class_name(ERR_CLASS_RETRY), "RETRY");
    assert_string_equal(err_class_name((enum err_class)77), "FATAL");
}

static void clear_makes_it_new(void **state) {
    struct err e = ERR_INIT;
    err_set_at(&e, ERR_PARSE, 1, 2, "x");
    err_clear(&e);
    assert_int_equal(e.code, 0);
    assert_int_equal(e.cls, ERR_CLASS_NONE);
    assert_int_equal(e.line, 0);
    assert_string_equal(e.msg, "");
}

static void broken_check_aborts_with_its_place(void **state) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        int got = 3;
        CHECKF(got == 4, "got %d", got);
        _exit(0);
    }
    close(fds[1]);
    char out[8192];
    size_t n = 0;
    for (ssize_t r; n + 1 < sizeof(out) && (r = read(fds[0], out + n, sizeof(out) - 1 - n)) > 0;)
        n += (size_t)r;
    out[n] = '\0';
    close(fds[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(out, "err_test.c:"));
    assert_non_null(strstr(out, "check failed: got == 4: got 3"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_gives_code_class_and_text),
        cmocka_unit_test(wrap_reads_from_the_outside_in),
        cmocka_unit_test(wrap_of_success_is_an_internal_error),
        cmocka_unit_test(set_may_use_its_own_text),
        cmocka_unit_test(place_is_kept_by_wrap),
        cmocka_unit_test(class_can_be_overridden),
        cmocka_unit_test(long_text_is_cut_on_a_character),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(clear_makes_it_new),
        cmocka_unit_test(broken_check_aborts_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
