/* local_test.c - whole runs by local_run, with the programs that were built beside this test: exit
 * codes, and children and signals that come at bad moments. */
#include "cli/local.h"

#include "base/core/thread.h"
#include "tests/unit/cmocka_wrap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char bin_dir[4096];
static char out_path[] = "/tmp/penstock-local-test-XXXXXX";

/* The test lies in BUILD/test/cli, the programs in BUILD/bin. */
static int find_programs(void **state) {
    ssize_t n = readlink("/proc/self/exe", bin_dir, sizeof bin_dir - 16);
    if (n <= 0) return -1;
    bin_dir[n] = '\0';
    for (int i = 0; i < 3; i++)
        *strrchr(bin_dir, '/') = '\0';
    strcat(bin_dir, "/bin");
    int fd = mkstemp(out_path);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

static int remove_output(void **state) {
    return unlink(out_path);
}

/* Runs sql with standard output and error in out_path; gives both back, to be freed. */
static char *run(const char *sql, bool script, int *ret_code) {
    struct arena a;
    arena_init(&a);
    struct job_spec *spec = job_spec_of_script(&a, "test", sql);
    spec->log_levels = "warn";
    struct local_options o = {.spec = spec, .script = script, .workers = 1, .bin_dir = bin_dir};
    fflush(stdout);
    fflush(stderr);
    int saved[2] = {dup(1), dup(2)};
    int fd = open(out_path, O_RDWR | O_TRUNC | O_CLOEXEC | O_APPEND);
    assert_true(fd >= 0);
    dup2(fd, 1);
    dup2(fd, 2);
    struct output *out = output_new(OUTPUT_TEXT, PROGRESS_NEVER);
    *ret_code = local_run(&o, out);
    output_free(out);
    fflush(stdout);
    fflush(stderr);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    enum { TEXT_BYTES = 65536 };
    char *text = calloc(1, TEXT_BYTES);
    assert_true(pread(fd, text, TEXT_BYTES - 1, 0) >= 0);
    close(fd);
    arena_release(&a);
    return text;
}

static void expect(const char *sql, bool script, int want_code, const char *want_text) {
    int code;
    char *text = run(sql, script, &code);
    if (code != want_code || !strstr(text, want_text))
        fail_msg("exit code %d, wanted %d with '%s'; it said:\n%s", code, want_code, want_text,
                 text);
    free(text);
}

#define TABLES                                                                                     \
    "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000000'"    \
    ", 'number-of-rows' = '1000', 'fields.x.kind' = 'sequence', 'fields.x.start' = '1',"           \
    " 'fields.x.end' = '1000');\n"                                                                 \
    "CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');\n"

static void exit_codes(void **state) {
    expect("SELECT 'some' || 'thing'", true, CLI_OK, "something");
    expect(TABLES "INSERT INTO b SELECT x FROM a;", false, CLI_OK, "1,000 records to b");
    expect("SELECT nothing", true, CLI_FAILED, "1:8: column 'nothing' not found");
    expect(TABLES "INSERT INTO b SELECT 1 / (x - 500) FROM a;", false, CLI_FAILED, "failed: ");
    expect("CREATE TABLE a (x INT) WITH ('connector' = 'blackhole');", false, CLI_FAILED,
           "no INSERT statement");
}

static void a_table_is_named_once(void **state) {
    int code;
    char *text = run("CREATE TABLE a (x INT) WITH ('connector' = 'filesystem', 'format' = 'csv', "
                     "'path' = '/nonexistent/penstock'); SELECT * FROM a;",
                     true, &code);
    assert_int_equal(code, CLI_FAILED);
    const char *first = strstr(text, "table 'a': ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "table 'a'"));
    free(text);
}

/* ---- signals ---- */

static atomic_bool storm_over;

static void storm(void *arg) {
    while (!atomic_load(&storm_over))
        kill(getpid(), SIGCHLD);
}

/* Children end at any time, also when nobody waits for them any more. */
static void children_may_end_late(void **state) {
    struct err e = ERR_INIT;
    struct thread t = {0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    atomic_store(&storm_over, false);
    assert_ok(thread_start(&t, "storm", storm, NULL, &e), &e);
    for (int i = 0; i < 5; i++)
        expect("SELECT 1", true, CLI_OK, "1 row");
    atomic_store(&storm_over, true);
    thread_join(&t);
}

struct interrupter {
    int count;
    const char *await;
};

/* Interrupts once the job prints. */
static void interrupt(void *arg) {
    const struct interrupter *in = arg;
    char text[4096];
    for (;;) {
        int fd = open(out_path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        if (fd >= 0) close(fd);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, in->await)) break;
        usleep(2000);
    }
    for (int i = 0; i < in->count; i++)
        kill(getpid(), SIGINT);
}

static void an_interrupted_job_is_cancelled(void **state) {
    struct interrupter in = {1, "+I["};
    struct err e = ERR_INIT;
    struct thread t = {0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT); /* the new thread's: the process mustn't die of it */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(truncate(out_path, 0), 0);
    assert_ok(thread_start(&t, "interrupt", interrupt, &in, &e), &e);
    expect("CREATE TABLE a (x INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000');\n"
           "CREATE TABLE b (x INT) WITH ('connector' = 'print');\n"
           "INSERT INTO b SELECT x FROM a;",
           false, CLI_INTERRUPTED, "cancelled");
    thread_join(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(a_table_is_named_once),
        cmocka_unit_test(children_may_end_late),
        cmocka_unit_test(an_interrupted_job_is_cancelled),
    };
    return cmocka_run_group_tests(tests, find_programs, remove_output);
}
