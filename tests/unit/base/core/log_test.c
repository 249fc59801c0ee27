/* log_test.c - lines, levels per module, expiry. */
#define LOG_MODULE "testmod"
#include "base/core/log.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/str.h"
#include "tests/unit/cmocka_wrap.h"

#include <pthread.h>

static struct str lines;
static int64_t now_ms;

static void sink(void *self, const char *line, size_t len) {
    str_add_n(&lines, line, len);
}
static int64_t mono(void *self) {
    return now_ms * 1000000;
}
static int64_t wall(void *self) {
    return 1769853600000 + now_ms;
}

static int setup(void **state) {
    now_ms = 123;
    clock_replace(&(struct clock_ops){mono, wall, NULL});
    log_init("penstock-test", LOG_INFO, false);
    log_reset_level("testmod");
    log_reset_level("other");
    log_set_sink(sink, NULL);
    str_clear(&lines);
    return 0;
}
static int teardown(void **state) {
    log_set_sink(NULL, NULL);
    clock_replace(NULL);
    str_release(&lines);
    return 0;
}

static void text_form(void **state) {
    log_info("checkpoint done", KV_U64("checkpoint", 4), KV_STR("path", "a b\"c"),
             KV_STR("uri", "s3://x/y"), KV_I64("n", -1), KV_F64("ratio", 0.5), KV_BOOL("ok", true),
             KV_STR("none", NULL), KV_STR("empty", ""));
    assert_string_equal(
        str_text(&lines),
        "2026-01-31T10:00:00.123Z INFO  testmod  checkpoint done checkpoint=4 "
        "path=\"a b\\\"c\" uri=s3://x/y n=-1 ratio=0.5 ok=true none=- empty=\"\"\n");
    str_clear(&lines);
    log_error("no keys");
    assert_string_equal(str_text(&lines), "2026-01-31T10:00:00.123Z ERROR testmod  no keys\n");
}

/* A value can't begin a line of its own. */
static void text_form_keeps_to_one_line(void **state) {
    log_info("x", KV_STR("v", "a\nINFO forged"));
    assert_non_null(strstr(str_text(&lines), "v=\"a\\nINFO forged\"\n"));
    assert_ptr_equal(strchr(str_text(&lines), '\n'), lines.ptr + lines.len - 1);
}

static void json_form_parses(void **state) {
    log_init("penstock-test", LOG_INFO, true);
    struct err e = ERR_INIT;
    err_set(&e, ERR_IO, "bad \"quote\" \xFF");
    log_warn("msg", KV_ERR(&e), KV_U64("n", 18), KV_F64("nan", __builtin_nan("")),
             KV_STR("null", NULL));
    AUTO_JSON *j = NULL;
    assert_ok(json_parse(lines.ptr, lines.len, &j, &e), &e);
    assert_string_equal(json_opt_str(j, "time", ""), "2026-01-31T10:00:00.123Z");
    assert_string_equal(json_opt_str(j, "level", ""), "warn");
    assert_string_equal(json_opt_str(j, "program", ""), "penstock-test");
    assert_string_equal(json_opt_str(j, "module", ""), "testmod");
    assert_string_equal(json_opt_str(j, "msg", ""), "msg");
    assert_string_equal(json_opt_str(j, "error", ""), "bad \"quote\" \xEF\xBF\xBD");
    assert_int_equal(json_opt_i64(j, "n", 0), 18);
    assert_null(json_opt(j, "nan"));
}

static void levels_per_module(void **state) {
    log_debug("hidden");
    assert_int_equal(lines.len, 0);
    log_set_level("other", LOG_TRACE, 0);
    log_debug("hidden");
    assert_int_equal(lines.len, 0);
    assert_int_equal(log_level_of("other"), LOG_TRACE);
    log_set_level("testmod", LOG_DEBUG, 0);
    log_debug("shown");
    assert_non_null(strstr(str_text(&lines), "shown"));
    log_set_level(NULL, LOG_OFF, 0); /* its own level counts */
    str_clear(&lines);
    log_debug("shown");
    assert_non_null(strstr(str_text(&lines), "shown"));
    log_reset_level("testmod");
    str_clear(&lines);
    log_error("hidden");
    assert_int_equal(lines.len, 0);
}

static void level_with_expiry_falls_back(void **state) {
    log_set_level("testmod", LOG_ERROR, 0);
    log_set_level("testmod", LOG_TRACE, 5000);
    log_trace("one");
    assert_non_null(strstr(str_text(&lines), "one"));
    struct log_module_level levels[8];
    size_t n = log_levels(levels, ARRAY_LEN(levels));
    assert_int_equal(n, 2);
    assert_null(levels[0].module);
    assert_string_equal(levels[1].module, "testmod");
    assert_int_equal(levels[1].level, LOG_TRACE);
    assert_int_equal(levels[1].ttl_ms, 5000);
    now_ms += 4999;
    str_clear(&lines);
    log_trace("two");
    assert_non_null(strstr(str_text(&lines), "two"));
    now_ms += 1;
    str_clear(&lines);
    log_warn("hidden");
    assert_int_equal(lines.len, 0);
    log_error("shown");
    assert_true(lines.len > 0);
    log_set_level(NULL, LOG_TRACE, 1000);
    assert_int_equal(log_level_of("fresh"), LOG_TRACE);
    now_ms += 1000;
    assert_int_equal(log_level_of("fresh"), LOG_INFO);
}

static void parse_levels(void **state) {
    struct err e = ERR_INIT;
    assert_ok(log_parse_levels(" warn, net=debug ,worker=OFF", 0, &e), &e);
    assert_int_equal(log_level_of("unset"), LOG_WARN);
    assert_int_equal(log_level_of("net"), LOG_DEBUG);
    assert_int_equal(log_level_of("worker"), LOG_OFF);
    assert_err(log_parse_levels("trace,net=loud", 0, &e), ERR_VALIDATION, &e, "net=loud");
    assert_err(log_parse_levels("trace,nosuch=info", 0, &e), ERR_VALIDATION, &e,
               "no module 'nosuch'; modules: ");
    assert_err(log_parse_levels("=debug", 0, &e), ERR_VALIDATION, &e, "MODULE=LEVEL");
    assert_int_equal(log_level_of("unset"), LOG_WARN); /* nothing was applied */
    assert_ok(log_parse_levels("default,net=default", 0, &e), &e);
    assert_int_equal(log_level_of("net"), LOG_INFO);
    assert_ok(log_parse_levels("net=trace", 500, &e), &e);
    assert_int_equal(log_level_of("net"), LOG_TRACE);
    now_ms += 500;
    assert_int_equal(log_level_of("net"), LOG_INFO);
    enum log_level level;
    assert_int_equal(log_level_parse("nope", &level), -1);
    assert_int_equal(log_level_parse(NULL, &level), -1);
    assert_string_equal(log_level_name(LOG_TRACE), "trace");
}

static void bound_keys_follow_the_message(void **state) {
    const struct kv outer[] = {KV_STR("job", "flights")};
    const struct kv inner[] = {KV_STR("job", "flights"), KV_I64("task", 3)};
    struct log_bound none = log_bind(outer, 1);
    struct log_bound prev = log_bind(inner, 2);
    log_info("a", KV_I64("n", 1));
    log_bind(prev.kvs, prev.n_kvs);
    log_info("b");
    log_bind(none.kvs, none.n_kvs);
    log_info("c");
    assert_non_null(strstr(str_text(&lines), "a job=flights task=3 n=1\n"));
    assert_non_null(strstr(str_text(&lines), "b job=flights\n"));
    assert_non_null(strstr(str_text(&lines), "c\n"));
}

static void *hammer(void *arg) {
    for (int i = 0; i < 2000; i++) {
        log_warn("hammer", KV_I64("i", i));
        if (i % 100 == 0) log_set_level("testmod", LOG_INFO + (i / 100) % 2, 1 + i % 3);
    }
    return NULL;
}

static void threads_write_whole_lines(void **state) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    int n = 0;
    for (const char *p = str_text(&lines); *p; p = strchr(p, '\n') + 1, n++)
        assert_memory_equal(p, "2026-01-31T10:00:00.123Z WARN  testmod  hammer i=", 49);
    assert_int_equal(n, 8000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_form, setup, teardown),
        cmocka_unit_test_setup_teardown(text_form_keeps_to_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(json_form_parses, setup, teardown),
        cmocka_unit_test_setup_teardown(levels_per_module, setup, teardown),
        cmocka_unit_test_setup_teardown(level_with_expiry_falls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(parse_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(bound_keys_follow_the_message, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_write_whole_lines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
