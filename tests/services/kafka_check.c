/* kafka_check.c - transactions of the kafka sink against a real broker, where the process that
 * wrote them is gone: kafka_check BROKER. Each test has a topic of its own. */
#include "connector/kafka/wire.h"
#include "tests/unit/connector/kafka/kafka_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char prefix[64];

#define EXACTLY_ONCE(topic)                                                                        \
    "connector", "kafka", "topic", topic, "format", "json", "sink.delivery-guarantee",             \
        "exactly-once", "sink.transactional-id-prefix", prefix,                                    \
        "properties.transaction.timeout.ms"

static char *name_of(const char *what) {
    static char name[128];
    snprintf(name, sizeof name, "%s-%s", prefix, what);
    return name;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Topics have several partitions. */
static void sort_lines(struct str *text) {
    char *lines[64];
    size_t n = 0;
    AUTO_FREE char *copy = mem_strdup(str_text(text));
    for (char *p = strtok(copy, "\n"); p && n < ARRAY_LEN(lines); p = strtok(NULL, "\n"))
        lines[n++] = p;
    qsort(lines, n, sizeof *lines, by_text);
    str_clear(text);
    for (size_t i = 0; i < n; i++)
        str_addf(text, "%s\n", lines[i]);
}

static const char *read_committed(struct run *r, const char *topic) {
    run_init(
        r, "ROW<a INT>",
        OPTIONS(BOUNDED(topic), "format", "json", "properties.isolation.level", "read_committed"));
    read_all(r, 100);
    sort_lines(&r->out);
    return str_text(&r->out);
}

static void check_rows(const char *topic, const char *want) {
    struct run back;
    assert_string_equal(read_committed(&back, topic), want);
    run_release(&back);
}

/* As read_committed, but waits for what is in doubt to be settled. */
static void check_rows_soon(const char *topic, const char *want) {
    time_t end = time(NULL) + 60;
    for (;;) {
        struct run back;
        bool same = !strcmp(read_committed(&back, topic), want);
        run_release(&back);
        if (same) return;
        if (time(NULL) > end) fail_msg("not within a minute: %s", want);
        usleep(100000);
    }
}

/* kafka_check BROKER worker PREFIX TOPIC ATTEMPT ROW PREPARED TIMEOUT: writes a row, prepares
 * checkpoint 1, says on standard output what it prepared, and is killed. */
static int worker(char **args) {
    struct run r;
    AUTO_STR text = STR_INIT;
    cJSON *one = NULL;
    snprintf(prefix, sizeof prefix, "%s", args[0]);
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(args[1]), args[5]));
    open_sink(&r, (uint64_t)atoi(args[2]));
    if (write_rows(&r, args[3], NULL) || prepare(&r, 1, false, &one)) {
        fprintf(stderr, "%s\n", r.err.msg);
        return 1;
    }
    if (one && atoi(args[4])) json_print(one, &text);
    fwrite(str_text(&text), 1, text.len, stdout);
    fflush(stdout);
    return kill(getpid(), SIGKILL);
}

/* What such a worker prepared; an empty list if it is not to be known. */
static cJSON *worker_dies(const char *topic, const char *attempt, const char *row, bool prepared,
                          const char *timeout_ms) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "kafka_check", servers, "worker", prefix, topic, attempt, row,
              prepared ? "1" : "0", timeout_ms, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    AUTO_STR got = STR_INIT;
    char some[512];
    for (ssize_t n; (n = read(ends[0], some, sizeof some)) > 0;)
        str_add_n(&got, some, (size_t)n);
    close(ends[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    cJSON *list = cJSON_CreateArray(), *one;
    if (prepared) {
        assert_int_equal(json_parse(got.ptr, got.len, &one, NULL), 0);
        cJSON_AddItemToArray(list, one);
    }
    return list;
}

static int settle(const char *topic, const cJSON *list, bool commit, struct err *err) {
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(topic), "60000"));
    int rc = commit ? r.desc->commit(&r.h.table, list, false, err)
                    : r.desc->abort(&r.h.table, list, err);
    run_release(&r);
    return rc;
}

/* ---- tests ---- */

/* What a dead worker prepared is committed by somebody else, as often as they like. */
static void test_commit_after_death(void **state) {
    const char *topic = name_of("death");
    struct err err = ERR_INIT;
    AUTO_JSON *list = worker_dies(topic, "1", "{\"a\":1}\n", true, "60000");
    check_rows(topic, "");
    for (int i = 0; i < 3; i++)
        if (settle(topic, list, true, &err)) fail_msg("%s", err.msg);
    check_rows(topic, "+I(1)\n");
}

static void test_abort_after_death(void **state) {
    const char *topic = name_of("abort");
    struct err err = ERR_INIT;
    AUTO_JSON *list = worker_dies(topic, "1", "{\"a\":1}\n", true, "60000");
    for (int i = 0; i < 2; i++)
        if (settle(topic, list, false, &err)) fail_msg("%s", err.msg);
    /* What was aborted can't be committed any more, and that is no secret. */
    assert_int_equal(settle(topic, list, true, &err), ERR_RUNTIME);
    assert_non_null(strstr(err.msg, "its rows are lost"));
    check_rows(topic, "");
}

static void wait_for_state(const char *topic, const char *id, const char *want) {
    struct run r;
    struct kafka_table k;
    struct wire *w;
    time_t end = time(NULL) + 60;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(topic), "60000"));
    if (kafka_table(&r.h.table, &r.h.arena, &k, &r.err) || wire_new(&k, &w, &r.err))
        fail_msg("%s", r.err.msg);
    for (char is[32] = ""; strcmp(is, want);) {
        enum wire_error code;
        int16_t epoch;
        if (wire_describe(w, id, &code, is, &epoch, &r.err)) fail_msg("%s", r.err.msg);
        if (time(NULL) > end) fail_msg("'%s' is %s after a minute", id, is);
        usleep(50000);
    }
    wire_free(w);
    run_release(&r);
}

/* The broker gave it up: rows of a completed checkpoint are lost, which is an error. */
static void test_timeout(void **state) {
    const char *topic = name_of("timeout");
    struct err err = ERR_INIT;
    AUTO_JSON *list = worker_dies(topic, "1", "{\"a\":1}\n", true, "1500");
    wait_for_state(topic, json_opt_str(list->child, "id", ""), "CompleteAbort");
    assert_int_equal(settle(topic, list, true, &err), ERR_RUNTIME);
    assert_non_null(strstr(err.msg, "its rows are lost"));
    struct run r;
    run_init(&r, "ROW<a INT>",
             OPTIONS(EXACTLY_ONCE(topic), "60000", "penstock.sink.lost-transactions", "ignore"));
    assert_int_equal(r.desc->commit(&r.h.table, list, false, &err), 0);
    run_release(&r);
    check_rows(topic, "");
}

/* Transactions one behind the other; the commit of each may be repeated until the next one's, and
 * later ones say that it is long done. */
static void test_checkpoints(void **state) {
    const char *topic = name_of("checkpoints");
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(topic), "60000"));
    open_sink(&r, 1);
    cJSON *lists[6] = {NULL};
    AUTO_STR want = STR_INIT;
    for (int i = 0; i < 6; i++) {
        AUTO_STR row = STR_INIT;
        cJSON *one;
        str_addf(&row, "{\"a\":%d}\n", i);
        assert_int_equal(write_rows(&r, str_text(&row), NULL), 0);
        if (prepare(&r, (uint64_t)i + 1, false, &one)) fail_msg("%s", r.err.msg);
        lists[i] = cJSON_CreateArray();
        cJSON_AddItemToArray(lists[i], one);
        if (i) /* a coordinator that took over repeats the one before */
            assert_int_equal(settle(topic, lists[i - 1], true, &r.err), 0);
        check_rows(topic, str_text(&want));
        if (settle(topic, lists[i], true, &r.err)) fail_msg("%s", r.err.msg);
        r.sink->ops->committed(r.sink, (uint64_t)i + 1);
        str_addf(&want, "+I(%d)\n", i);
        check_rows_soon(topic, str_text(&want)); /* markers are written behind the answer */
    }
    for (int i = 0; i < 6; i++)
        if (settle(topic, lists[i], true, &r.err)) fail_msg("%s", r.err.msg);
    check_rows(topic, str_text(&want));
    for (int i = 0; i < 6; i++)
        cJSON_Delete(lists[i]);
    run_release(&r);
}

/* What an earlier attempt left open is aborted once a checkpoint of this one is committed; what it
 * had prepared and somebody committed stays. A fenced producer can't write any more. */
static void test_leftovers(void **state) {
    const char *topic = name_of("leftovers");
    struct err err = ERR_INIT;
    AUTO_JSON *list = worker_dies(topic, "1", "{\"a\":1}\n", true, "60000");
    cJSON_Delete(worker_dies(topic, "2", "{\"a\":2}\n", false, "60000"));
    struct run old, r;
    run_init(&old, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(topic), "60000"));
    open_sink(&old, 3);
    cJSON *one;
    assert_int_equal(write_rows(&old, "{\"a\":3}\n", NULL), 0);
    assert_int_equal(settle(topic, list, true, &err), 0);
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE(topic), "60000"));
    open_sink(&r, 4);
    assert_int_equal(write_rows(&r, "{\"a\":4}\n", NULL), 0);
    assert_int_equal(prepare(&r, 9, false, &one), 0);
    AUTO_JSON *mine = cJSON_CreateArray();
    cJSON_AddItemToArray(mine, one);
    assert_int_equal(settle(topic, mine, true, &err), 0);
    r.sink->ops->committed(r.sink, 9);
    check_rows_soon(topic, "+I(1)\n+I(4)\n");
    /* Attempt 3 doesn't know that it is over. */
    int rc = write_rows(&old, "{\"a\":5}\n", NULL);
    if (!rc) rc = prepare(&old, 1, false, &one);
    assert_true(rc < 0);
    run_release(&old);
    run_release(&r);
    check_rows_soon(topic, "+I(1)\n+I(4)\n");
}

int main(int argc, char **argv) {
    if (argc == 9 && !strcmp(argv[2], "worker")) {
        servers = argv[1];
        return worker(argv + 3);
    }
    if (argc != 2) {
        fprintf(stderr, "kafka_check BROKER\n");
        return 2;
    }
    servers = argv[1];
    snprintf(prefix, sizeof prefix, "check-%lld", (long long)time(NULL));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_after_death),
        cmocka_unit_test(test_abort_after_death),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
