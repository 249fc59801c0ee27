/* body_test.c - manifests' bodies: made of acknowledgements, read at a start, mapped to another
 * plan. */
#include "coordinator/checkpoint/body.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>
#include <string.h>

static struct plan_op source_ops[] = {
    {.kind = "source", .uid = "src", .name = "Source", .stateful = true}};
static struct plan_op agg_ops[] = {
    {.kind = "group_agg", .uid = "agg", .name = "Agg", .stateful = true},
    {.kind = "sink", .uid = "out", .name = "Sink", .stateful = true}};
static struct plan_vertex vertices[] = {{.uid = "src",
                                         .name = "S",
                                         .parallelism = 2,
                                         .max_parallelism = 128,
                                         .n_ops = 1,
                                         .ops = source_ops},
                                        {.uid = "agg",
                                         .name = "A",
                                         .parallelism = 2,
                                         .max_parallelism = 128,
                                         .n_ops = 2,
                                         .ops = agg_ops}};
static const struct plan plan = {.name = "p", .n_vertices = 2, .vertices = vertices};

static cJSON *parse(const char *text) {
    struct err e = ERR_INIT;
    cJSON *j;
    assert_ok(json_parse(text, strlen(text), &j, &e), &e);
    return j;
}

/* All tasks answer: sources at `position`, aggregates with a piece each in file `file`. */
static cJSON *ack(const char *file, int position, bool full) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "{\"file\":\"%s\",\"bytes\":200,\"tasks\":[", file);
    for (int s = 0; s < 2; s++)
        str_addf(&text,
                 "{\"v\":0,\"s\":%d,\"full\":true,\"groups\":[%d,%d],\"pieces\":[],\"splits\":[{"
                 "\"id\":\"%d\",\"position\":%d}]},"
                 "{\"v\":1,\"s\":%d,\"full\":%s,\"groups\":[%d,%d],\"pieces\":[[%d,100]],"
                 "\"watermarks\":[{\"op\":\"agg\",\"wm\":5}],"
                 "\"committables\":[{\"op\":1,\"value\":{\"f\":%d}}]}%s",
                 s, s * 64, s * 64 + 63, s, position, s, full ? "true" : "false", s * 64,
                 s * 64 + 63, s * 100, position + s, s ? "" : ",");
    str_add(&text, "]}");
    return parse(str_text(&text));
}

static cJSON *made(const cJSON *base, const char *file, int position, bool full,
                   size_t want_files) {
    struct err e = ERR_INIT;
    struct ckpt_body *b = ckpt_body_new(&plan, base);
    AUTO_JSON *a = ack(file, position, full);
    struct ckpt_file *files;
    size_t n;
    assert_ok(ckpt_body_add(b, a, &files, &n, &e), &e);
    assert_int_equal(n, want_files);
    free(files);
    assert_true(ckpt_body_task_runs(b, 1, 1));
    cJSON *j = ckpt_body_make(b);
    ckpt_body_free(b);
    return j;
}

static void chains_grow(void **state) {
    assert_true(ckpt_body_wants_full(NULL, &plan, 1, 0));
    AUTO_JSON *one = made(NULL, "1-1-w0-00000001.state", 10, true, 1);
    assert_false(ckpt_body_wants_full(one, &plan, 1, 0));
    AUTO_JSON *two = made(one, "1-2-w0-00000002.state", 20, false, 2);
    AUTO_JSON *restore = ckpt_body_restore(two, "/d", 2);
    assert_int_equal(cJSON_GetArraySize(json_opt(restore, "files")), 2);
    assert_int_equal(cJSON_GetArraySize(json_opt(restore, "chains")), 4);
    const cJSON *chain = cJSON_GetArrayItem(json_opt(restore, "chains"), 3);
    assert_int_equal(cJSON_GetArraySize(json_opt(chain, "pieces")), 2);
    assert_int_equal(ckpt_body_state_bytes(two), 400);
    AUTO_JSON *three = made(two, "1-3-w0-00000003.state", 30, false, 3);
    assert_false(ckpt_body_wants_full(three, &plan, 1, 1));
    AUTO_JSON *four = made(three, "1-4-w0-00000004.state", 40, false, 4);
    assert_true(ckpt_body_wants_full(four, &plan, 1, 1)); /* more was added than it began with */
    AUTO_JSON *five = made(four, "1-5-w0-00000005.state", 50, true, 1);
    assert_int_equal(ckpt_body_state_bytes(five), 200);
}

static void another_cut_wants_it_all(void **state) {
    AUTO_JSON *one = made(NULL, "1-1-w0-00000001.state", 10, true, 1);
    vertices[1].parallelism = 3;
    assert_true(ckpt_body_wants_full(one, &plan, 1, 0));
    vertices[1].parallelism = 2;
    agg_ops[0].uid = "other";
    assert_true(ckpt_body_wants_full(one, &plan, 1, 0));
    agg_ops[0].uid = "agg";
    assert_false(ckpt_body_wants_full(one, &plan, 1, 0));
}

static void what_builds_on_nothing_is_refused(void **state) {
    struct err e = ERR_INIT;
    struct ckpt_body *b = ckpt_body_new(&plan, NULL);
    AUTO_JSON *a = ack("1-1-w0-00000001.state", 1, false);
    struct ckpt_file *files;
    size_t n;
    assert_err(ckpt_body_add(b, a, &files, &n, &e), ERR_PROTOCOL, &e, "doesn't hold its state");
    ckpt_body_free(b);
    b = ckpt_body_new(&plan, NULL);
    AUTO_JSON *unknown = parse("{\"tasks\":[{\"v\":0,\"s\":2}]}");
    assert_err(ckpt_body_add(b, unknown, &files, &n, &e), ERR_PROTOCOL, &e, "no task 0/2");
    AUTO_JSON *name = ack("../../etc/passwd", 1, true);
    assert_err(ckpt_body_add(b, name, &files, &n, &e), ERR_PROTOCOL, &e, "no name of a file");
    ckpt_body_free(b);
}

static void splits_are_dealt_out(void **state) {
    AUTO_JSON *one = made(NULL, "1-1-w0-00000001.state", 10, true, 1);
    const cJSON *source = ckpt_body_source(one, "src");
    AUTO_JSON *same = ckpt_body_splits(source, 1, 2);
    assert_int_equal(cJSON_GetArraySize(same), 1);
    assert_string_equal(json_opt_str(same->child, "id", ""), "1");
    AUTO_JSON *all = ckpt_body_splits(source, 0, 1);
    assert_int_equal(cJSON_GetArraySize(all), 2);
    AUTO_JSON *none = ckpt_body_splits(source, 2, 3);
    assert_int_equal(cJSON_GetArraySize(none), 0);
    assert_null(ckpt_body_source(one, "agg"));
}

static void tasks_that_finished_have_no_chain(void **state) {
    struct err e = ERR_INIT;
    struct ckpt_body *b = ckpt_body_new(&plan, NULL);
    AUTO_JSON *a = parse("{\"file\":null,\"tasks\":[{\"v\":0,\"s\":0,\"finished\":true,\"splits\":["
                         "{\"id\":\"0\",\"position\":9}]},{\"v\":1,\"s\":1,\"finished\":true,"
                         "\"committables\":[{\"op\":1,\"value\":7}]}]}");
    struct ckpt_file *files;
    size_t n;
    assert_ok(ckpt_body_add(b, a, &files, &n, &e), &e);
    free(files);
    assert_true(ckpt_body_has_task(b, 0, 0));
    assert_false(ckpt_body_task_runs(b, 0, 0));
    assert_false(ckpt_body_has_task(b, 0, 1));
    AUTO_JSON *j = ckpt_body_make(b);
    assert_int_equal(cJSON_GetArraySize(json_opt(j, "chains")), 0);
    assert_int_equal(cJSON_GetArraySize(ckpt_body_prepared(j, "out")), 1);
    ckpt_body_free(b);
}

static void committables_are_carried_once(void **state) {
    struct ckpt_body *b = ckpt_body_new(&plan, NULL);
    AUTO_JSON *list = parse("[{\"op\":1,\"value\":{\"f\":1}},{\"op\":1,\"value\":{\"f\":2}}]");
    ckpt_body_add_committables(b, 1, list);
    AUTO_JSON *carried = ckpt_body_take_committables(b);
    ckpt_body_free(b);
    b = ckpt_body_new(&plan, NULL);
    ckpt_body_carry_committables(b, carried);
    AUTO_JSON *again = parse("[{\"op\":1,\"value\":{\"f\":2}},{\"op\":1,\"value\":{\"f\":3}}]");
    ckpt_body_add_committables(b, 1, again);
    AUTO_JSON *j = ckpt_body_make(b);
    assert_int_equal(cJSON_GetArraySize(ckpt_body_prepared(j, "out")), 3);
    ckpt_body_free(b);
}

static void state_is_mapped(void **state) {
    struct err e = ERR_INIT;
    AUTO_JSON *one = made(NULL, "1-1-w0-00000001.state", 10, true, 1);
    assert_ok(ckpt_body_check(one, &plan, false, &e), &e);
    agg_ops[0].uid = "new-agg";
    assert_err(ckpt_body_check(one, &plan, false, &e), ERR_VALIDATION, &e, "group_agg agg (Agg)");
    assert_ok(ckpt_body_check(one, &plan, true, &e), &e);
    AUTO_JSON *map = ckpt_body_map(one, &plan);
    AUTO_STR text = STR_INIT;
    const cJSON *m;
    cJSON_ArrayForEach(m, map)
        str_addf(&text, "%s %s; ", json_opt_str(m, "op", ""), json_opt_str(m, "state", ""));
    assert_string_equal(str_text(&text), "src kept; new-agg new; out kept; agg dropped; ");
    agg_ops[0].uid = "agg";
    vertices[1].max_parallelism = 64;
    assert_err(ckpt_body_check(one, &plan, true, &e), ERR_VALIDATION, &e, "128 key groups");
    vertices[1].max_parallelism = 128;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_grow),
        cmocka_unit_test(another_cut_wants_it_all),
        cmocka_unit_test(what_builds_on_nothing_is_refused),
        cmocka_unit_test(splits_are_dealt_out),
        cmocka_unit_test(tasks_that_finished_have_no_chain),
        cmocka_unit_test(committables_are_carried_once),
        cmocka_unit_test(state_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
