/* process_test.c - children of the process launcher: what they get, how they end, who ends them.
 * /bin/sh scripts play the programs. */
#include "base/launch/launcher.h"

#include "base/core/str.h"
#include "tests/unit/cmocka_wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/penstock-launch-XXXXXX";
static struct launcher *launcher;

static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_program(const char *name, const char *script) {
    FILE *f = fopen(path_of(name), "we");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path_of(name), 0700), 0);
}

static int set_up(void **state) {
    struct err e = ERR_INIT;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return mkdtemp(dir) ? launcher_process_new(dir, &launcher, &e) : -1;
}

static int tear_down(void **state) {
    static const char *const files[] = {"penstock-worker", "penstock-coordinator", "out"};
    launcher->ops->free(launcher);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(path_of(files[i]));
    return rmdir(dir);
}

static int start(const char *script, const char *const *args, const char *token) {
    static const char *const none[] = {NULL};
    struct launch_spec spec = {
        .role = LAUNCH_WORKER, .job = "test", .args = args ? args : none, .token = token};
    struct err e = ERR_INIT;
    int id = -1;
    write_program("penstock-worker", script);
    assert_ok(launcher->ops->start(launcher, &spec, &id, &e), &e);
    return id;
}

static struct launch_status wait_end(int id) {
    struct launch_status st = {0};
    struct err e = ERR_INIT;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (int i = 0; i < 400; i++) {
        assert_ok(launcher->ops->poll(launcher, id, &st, &e), &e);
        if (st.state == LAUNCH_EXITED) return st;
        sigtimedwait(&set, NULL, &(struct timespec){.tv_nsec = 50000000});
    }
    fail_msg("the child doesn't end");
    return st;
}

/* Waits until the child has made this file. */
static void await_file(const char *name) {
    for (int i = 0; i < 4000 && access(path_of(name), F_OK); i++)
        usleep(5000);
    assert_int_equal(access(path_of(name), F_OK), 0);
}

static void arguments_and_token_arrive(void **state) {
    const char *args[] = {"--id", "w 0", "", NULL};
    AUTO_STR script = STR_INIT;
    setenv("PENSTOCK_TOKEN", "another's", 1);
    str_addf(&script, "printf '%%s|' \"$@\" \"$PENSTOCK_TOKEN\" \"$(cat)\" >%s/out", dir);
    struct launch_status st = wait_end(start(str_text(&script), args, "secret"));
    unsetenv("PENSTOCK_TOKEN");
    assert_int_equal(st.exit_code, 0);
    char got[64] = "";
    FILE *f = fopen(path_of("out"), "re");
    assert_non_null(f);
    assert_non_null(fgets(got, sizeof got, f));
    fclose(f);
    assert_string_equal(got, "--id|w 0||secret||"); /* and nothing on its standard input */
    unlink(path_of("out"));
}

static void ends_are_told(void **state) {
    struct launch_status st = wait_end(start("exit 7", NULL, NULL));
    assert_int_equal(st.exit_code, 7);
    assert_int_equal(st.signal, 0);
    assert_true(st.max_rss_bytes > 100000);
    st = wait_end(start("kill -9 $$", NULL, NULL));
    assert_int_equal(st.exit_code, -1);
    assert_int_equal(st.signal, SIGKILL);
}

static void stop_asks_and_kill_insists(void **state) {
    AUTO_STR script = STR_INIT;
    struct err e = ERR_INIT;
    str_addf(&script, "trap 'exit 3' TERM; : >%s/out; while :; do sleep 0.02; done", dir);
    int id = start(str_text(&script), NULL, NULL);
    await_file("out");
    assert_ok(launcher->ops->stop(launcher, id, false, &e), &e);
    assert_int_equal(wait_end(id).exit_code, 3);
    assert_ok(launcher->ops->stop(launcher, id, true, &e), &e); /* it has ended: nothing to do */
    unlink(path_of("out"));
    str_clear(&script);
    str_addf(&script, "trap '' TERM; : >%s/out; while :; do sleep 0.02; done", dir);
    id = start(str_text(&script), NULL, NULL);
    await_file("out");
    assert_ok(launcher->ops->stop(launcher, id, false, &e), &e);
    assert_ok(launcher->ops->stop(launcher, id, true, &e), &e);
    assert_int_equal(wait_end(id).signal, SIGKILL);
    unlink(path_of("out"));
}

static void a_missing_program_is_an_error(void **state) {
    struct launch_spec spec = {.role = LAUNCH_COORDINATOR, .args = (const char *[]){NULL}};
    struct err e = ERR_INIT;
    int id;
    assert_err(launcher->ops->start(launcher, &spec, &id, &e), ERR_NOT_FOUND, &e,
               "penstock-coordinator");
}

static void free_kills_what_runs(void **state) {
    struct err e = ERR_INIT;
    struct launcher *l;
    AUTO_STR script = STR_INIT;
    assert_ok(launcher_process_new(dir, &l, &e), &e);
    str_addf(&script, "echo $$ >%s/tmp && mv %s/tmp %s/out; exec sleep 1000", dir, dir, dir);
    write_program("penstock-worker", str_text(&script));
    struct launch_spec spec = {.role = LAUNCH_WORKER, .args = (const char *[]){NULL}};
    int id, pid = 0;
    assert_ok(l->ops->start(l, &spec, &id, &e), &e);
    await_file("out");
    FILE *f = fopen(path_of("out"), "re");
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    assert_int_equal(kill(pid, 0), 0);
    l->ops->free(l);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    unlink(path_of("out"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_token_arrive),    cmocka_unit_test(ends_are_told),
        cmocka_unit_test(stop_asks_and_kill_insists),    cmocka_unit_test(free_kills_what_runs),
        cmocka_unit_test(a_missing_program_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
