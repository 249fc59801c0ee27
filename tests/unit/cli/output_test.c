/* output_test.c - events as text and as JSON, figures for people, and the progress display. */
#include "cli/output.h"

#include "base/core/json.h"
#include "base/core/mem.h"
#include "base/proto/control.h"
#include "cli/progress.h"
#include "tests/unit/cli/capture.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

/* Events (one JSON object each, with its type in "t") through an output. */
static const char *show(enum output_format format, const char *const *events) {
    capture_begin();
    struct output *o = output_new(format, PROGRESS_NEVER);
    for (; *events; events++) {
        struct err e = ERR_INIT;
        AUTO_JSON *j = NULL;
        CHECKF(json_parse(*events, strlen(*events), &j, &e) == 0, "%s: %s", *events, e.msg);
        output_event(o, json_opt_str(j, "t", ""), j);
    }
    output_finish(o);
    output_free(o);
    return capture_end();
}

#define EVENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define QUERY                                                                                      \
    "{\"t\":\"statement\",\"index\":0,\"line\":3,\"column\":1,\"sql\":\"SELECT\",\"kind\":"        \
    "\"query\",\"schema\":[{\"name\":\"n\",\"type\":\"INT\"},{\"name\":\"s\",\"type\":"            \
    "\"STRING\"}]}"
#define ROWS                                                                                       \
    "{\"t\":\"rows\",\"index\":0,\"rows\":[[\"+I\",[\"1\",\"a\\nb\"]],[\"-D\",[null,\"ü\"]]]}"
#define END(state) "{\"t\":\"end\",\"index\":0,\"state\":\"" state "\",\"elapsedMs\":1500"

static void a_query_is_a_table(void **state) {
    assert_string_equal(show(OUTPUT_TEXT, EVENTS(QUERY, ROWS, END("finished") "}")),
                        "+----+--------+------+\n"
                        "| op |      n | s    |\n"
                        "+----+--------+------+\n"
                        "| +I |      1 | a\\nb |\n"
                        "| -D | <NULL> | ü    |\n"
                        "+----+--------+------+\n"
                        "2 rows\n");
    assert_non_null(
        strstr(show(OUTPUT_TEXT, EVENTS(QUERY, END("cancelled") "}")), "0 rows\ncancelled\n"));
    assert_non_null(
        strstr(show(OUTPUT_TEXT,
                    EVENTS(QUERY, ROWS, END("failed") ",\"error\":{\"message\":\"it broke\"}}")),
               "2 rows\nfailed: it broke\n"));
    /* "0 rows" is an answer, which a query that fails before its first row doesn't give. */
    assert_string_equal(
        show(OUTPUT_TEXT, EVENTS(QUERY, END("failed") ",\"error\":{\"message\":\"it broke\"}}")),
        "failed: it broke\n");
}

static void a_cell_cannot_break_the_table(void **state) {
    const char *got =
        show(OUTPUT_TEXT, EVENTS(QUERY,
                                 "{\"t\":\"rows\",\"index\":0,\"rows\":[[\"+I\",[\"1\","
                                 "\"a\\tb\\u001b[31m\\r" CONTROL_NUL "\"]]]}",
                                 END("finished") "}"));
    assert_non_null(strstr(got, "| +I | 1 | a\\tb\\x1b[31m\\r\xE2\x90\x80 |\n"
                                "+----+---+-----------------+\n"));
}

static void a_long_text_is_no_cell(void **state) {
    assert_string_equal(
        show(OUTPUT_TEXT,
             EVENTS("{\"t\":\"statement\",\"index\":0,\"kind\":\"rows\",\"what\":\"EXPLAIN\","
                    "\"schema\":[{\"name\":\"result\",\"type\":\"STRING\"}],"
                    "\"rows\":[[\"== Plan ==\\nSCAN\\n  x\\u001b[0m\"]]}")),
        "== Plan ==\nSCAN\n  x\\x1b[0m\n");
}

static void a_query_is_one_object(void **state) {
    static const char head[] =
        "{\"statement\":0,\"line\":3,\"column\":1,\"sql\":\"SELECT\",\"kind\":\"query\","
        "\"schema\":[{\"name\":\"n\",\"type\":\"INT\"},{\"name\":\"s\",\"type\":\"STRING\"}],"
        "\"rows\":[";
    static const char rows[] = "[\"+I\",[\"1\",\"a\\nb\"]],[\"-D\",[null,\"ü\"]]";
    AUTO_STR want = STR_INIT;
    str_addf(&want, "%s%s,%s],\"state\":\"finished\"}\n+I[print]\n", head, rows, rows);
    /* A print sink's line must not break the object. */
    assert_string_equal(
        show(
            OUTPUT_JSON,
            EVENTS(QUERY, ROWS,
                   "{\"t\":\"output\",\"index\":1,\"stream\":\"stdout\",\"text\":\"+I[print]\\n\"}",
                   ROWS, END("finished") "}")),
        str_text(&want));
    str_clear(&want);
    str_addf(&want,
             "%s],\"state\":\"failed\",\"error\":{\"class\":\"runtime\",\"code\":\"RUNTIME\","
             "\"message\":\"it broke\"}}\n",
             head);
    assert_string_equal(show(OUTPUT_JSON, EVENTS(QUERY, END("failed") ",\"error\":{\"code\":"
                                                                      "\"RUNTIME\",\"message\":"
                                                                      "\"it broke\"}}")),
                        str_text(&want));
    str_clear(&want);
    str_addf(&want, "%s%s],\"state\":\"failed\"}\n", head, rows); /* the coordinator has gone */
    assert_string_equal(show(OUTPUT_JSON, EVENTS(QUERY, ROWS)), str_text(&want));
}

#define INSERT                                                                                     \
    "{\"t\":\"statement\",\"index\":0,\"line\":1,\"column\":1,\"sql\":\"INSERT\",\"kind\":"        \
    "\"insert\",\"what\":\"INSERT\"}"

static void an_insert_has_a_summary(void **state) {
    assert_string_equal(
        show(OUTPUT_TEXT,
             EVENTS(INSERT, END("finished") ",\"recordsIn\":1234567,\"bytesIn\":2500000,"
                                            "\"skipped\":2,\"late\":3,\"sinks\":[{\"table\":\"b\","
                                            "\"connector\":\"filesystem\",\"path\":\"/o\","
                                            "\"records\":1000}]}")),
        "1,000 records to b (filesystem): /o\n"
        "1,234,567 records read, 2.5 MB, in 1.5 s; 2 malformed records skipped; 3 late records "
        "dropped\n");
    assert_string_equal(show(OUTPUT_JSON, EVENTS(INSERT, END("finished") ",\"recordsIn\":7}")),
                        "{\"statement\":0,\"line\":1,\"column\":1,\"sql\":\"INSERT\",\"kind\":"
                        "\"insert\",\"what\":\"INSERT\",\"state\":\"finished\",\"elapsedMs\":1500,"
                        "\"recordsIn\":7}\n");
}

static void a_refused_statement_shows_its_place(void **state) {
    static const char error[] =
        "{\"t\":\"error\",\"index\":0,\"line\":1,\"column\":1,\"sql\":\"S\",\"error\":{\"stage\":"
        "\"parse\",\"code\":\"PARSE\",\"line\":4,\"column\":2,\"message\":\"no\"},\"rendered\":"
        "\"j.yaml:4:2: no\\n  x\\n  ^\\n\"}";
    assert_string_equal(show(OUTPUT_TEXT, EVENTS(error)), "j.yaml:4:2: no\n  x\n  ^\n");
    assert_string_equal(show(OUTPUT_JSON, EVENTS(error)),
                        "{\"statement\":0,\"line\":1,\"column\":1,\"sql\":\"S\",\"error\":{"
                        "\"class\":\"parse\",\"code\":\"PARSE\",\"line\":4,\"column\":2,"
                        "\"message\":\"no\"}}\n");
    assert_string_equal(show(OUTPUT_TEXT, EVENTS("{\"t\":\"warning\",\"text\":\"hm\"}")),
                        "warning: hm\n");
}

/* ---- figures ---- */

static void figures_are_for_people(void **state) {
    static const struct {
        void (*fn)(struct str *out, int64_t n);
        int64_t n;
        const char *want;
    } cases[] = {
        {show_count, 0, "0"},
        {show_count, 999, "999"},
        {show_count, 1000, "1,000"},
        {show_count, -1234567, "-1,234,567"},
        {show_bytes, 999, "999 B"},
        {show_bytes, 1000, "1.0 kB"},
        {show_bytes, 1234567890, "1.2 GB"},
        {show_duration, 999, "999 ms"},
        {show_duration, 1500, "1.5 s"},
        {show_duration, 61000, "1 min 1 s"},
        {show_duration, 7260000, "2 h 1 min"},
        {show_time, 0, "1970-01-01 00:00:00"},
        {show_time, -1, "1969-12-31 23:59:59"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STR out = STR_INIT;
        cases[i].fn(&out, cases[i].n);
        assert_string_equal(str_text(&out), cases[i].want);
    }
}

static void progress_is_the_share_that_is_done(void **state) {
    static const struct {
        const char *event, *want;
    } cases[] = {
        {"{\"elapsedMs\":1000,\"bytesIn\":25,\"totalBytes\":100,\"recordsIn\":1}",
         "[#######.......................]  25 %  3.0 s left"},
        {"{\"elapsedMs\":1000,\"recordsIn\":50,\"totalRecords\":100}", "]  50 %  1.0 s left"},
        {"{\"elapsedMs\":1000,\"bytesIn\":200,\"totalBytes\":100}", "] 100 %"},
        {"{\"elapsedMs\":1000,\"recordsIn\":2000}", "2,000 records in   2,000/s"},
        {"{\"elapsedMs\":1000,\"watermark\":0,\"skipped\":3}",
         "watermark 1970-01-01 00:00:00   3 skipped"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        AUTO_JSON *j = NULL;
        assert_ok(json_parse(cases[i].event, strlen(cases[i].event), &j, &e), &e);
        capture_begin();
        struct progress *p = progress_new();
        progress_begin(p, "job");
        progress_update(p, j);
        progress_free(p);
        const char *got = capture_end();
        if (!strstr(got, cases[i].want)) fail_msg("'%s' not in '%s'", cases[i].want, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_a_table),
        cmocka_unit_test(a_cell_cannot_break_the_table),
        cmocka_unit_test(a_long_text_is_no_cell),
        cmocka_unit_test(a_query_is_one_object),
        cmocka_unit_test(an_insert_has_a_summary),
        cmocka_unit_test(a_refused_statement_shows_its_place),
        cmocka_unit_test(figures_are_for_people),
        cmocka_unit_test(progress_is_the_share_that_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
