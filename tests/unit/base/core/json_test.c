/* json_test.c - strict parsing, typed reads, printing. */
#include "base/core/json.h"

#include "tests/unit/cmocka_wrap.h"

#include <math.h>
#include <stdlib.h>

static cJSON *parse(const char *text) {
    struct err e = ERR_INIT;
    cJSON *j = NULL;
    assert_ok(json_parse(text, strlen(text), &j, &e), &e);
    return j;
}

static void accepts(void **state) {
    static const char *const texts[] = {
        "null",
        " true ",
        "\t\r\nfalse\n",
        "0",
        "-0",
        "-1.5e+10",
        "1E2",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "[1,[2,{\"a\":[]}]]",
        "{\"a\":1,\"b\":{\"c\":null}}",
        "\"\xF0\x9F\x98\x80\xE2\x82\xAC\xC3\xA9\x7F\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        cJSON_Delete(parse(texts[i]));
}

static void refuses_with_a_place(void **state) {
    static const struct {
        const char *text;
        int line, column;
        const char *part;
    } rows[] = {
        {"", 1, 1, "expected a value"},
        {"nul", 1, 1, "expected a value"},
        {"1 2", 1, 3, "unexpected text"},
        {"{\"a\":1,}", 1, 8, "field name"},
        {"[1,]", 1, 4, "expected a value"},
        {"[1 2]", 1, 4, "',' or ']'"},
        {"{\"a\" 1}", 1, 6, "':'"},
        {"{a:1}", 1, 2, "double quotes"},
        {"{\n \"a\": [1,\n  01]}", 3, 4, "begin with 0"},
        {"1.", 1, 3, "decimal point"},
        {"1e", 1, 3, "exponent"},
        {"-", 1, 2, "digit"},
        {"+1", 1, 1, "expected a value"},
        {"\"abc", 1, 1, "isn't closed"},
        {"\"a\\", 1, 4, "isn't closed"},
        {"\"\\x\"", 1, 3, "escape"},
        {"\"\\u12g4\"", 1, 6, "hexadecimal"},
        {"\"\\u0000\"", 1, 8, "u0000"},
        {"\"\\ud800\"", 1, 8, "surrogate"},
        {"\"\\ud800\\u0041\"", 1, 14, "surrogate"},
        {"\"\\udc00\"", 1, 8, "surrogate"},
        {"\"\n\"", 1, 2, "control character"},
        {"\"\xC3\xA9\xFF\"", 1, 3, "UTF-8"},
        {"\"\xC0\x80\"", 1, 2, "UTF-8"},
        {"\"\xED\xA0\x80\"", 1, 2, "UTF-8"},
        {"\"\xF4\x90\x80\x80\"", 1, 2, "UTF-8"},
        {"\"\xE2\x82\"", 1, 2, "UTF-8"},
        {"[1", 1, 3, "',' or ']'"},
        {"{\"a\":1", 1, 7, "',' or '}'"},
        {"[1}", 1, 3, "',' or ']'"},
        {"NaN", 1, 1, "expected a value"},
        {"// c\n1", 1, 1, "expected a value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        cJSON *j = (cJSON *)0x1;
        assert_err(json_parse(rows[i].text, strlen(rows[i].text), &j, &e), ERR_PARSE, &e,
                   rows[i].part);
        assert_ptr_equal(j, (cJSON *)0x1); /* untouched */
        assert_int_equal(e.line, rows[i].line);
        assert_int_equal(e.column, rows[i].column);
    }
    struct err e = ERR_INIT;
    cJSON *j;
    assert_err(json_parse("1\0", 2, &j, &e), ERR_PARSE, &e, "unexpected text");
}

static void depth_is_bounded(void **state) {
    AUTO_STR s = STR_INIT;
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        str_add_char(&s, '[');
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        str_add_char(&s, ']');
    struct err e = ERR_INIT;
    cJSON *j = NULL;
    assert_ok(json_parse(s.ptr, s.len, &j, &e), &e);
    cJSON_Delete(j);
    AUTO_STR deeper = STR_INIT;
    str_addf(&deeper, "[%s]", s.ptr);
    assert_err(json_parse(deeper.ptr, deeper.len, &j, &e), ERR_PARSE, &e, "too deep");
    assert_int_equal(e.column, JSON_DEPTH_MAX + 1);
}

static void size_is_bounded(void **state) {
    struct err e = ERR_INIT;
    cJSON *j;
    assert_err(json_parse("1", JSON_SIZE_MAX_BYTES + 1, &j, &e), ERR_INVALID, &e, "limit");
}

static void typed_reads(void **state) {
    AUTO_JSON *j = parse("{\"s\":\"x\",\"i\":-7,\"big\":\"9223372036854775807\","
                         "\"min\":\"-9223372036854775808\",\"u\":\"18446744073709551615\","
                         "\"f\":1.5,\"b\":true,\"a\":[1],\"o\":{},\"null\":null,"
                         "\"e53\":9007199254740992,\"over\":9007199254740994,\"huge\":1e999}");
    struct err e = ERR_INIT;
    const char *s;
    int64_t i;
    uint64_t u;
    int n;
    bool b;
    double f;
    const cJSON *sub;
    assert_ok(json_get_str(j, "s", &s, &e), &e);
    assert_string_equal(s, "x");
    assert_ok(json_get_i64(j, "i", &i, &e), &e);
    assert_int_equal(i, -7);
    assert_ok(json_get_i64(j, "big", &i, &e), &e);
    assert_true(i == INT64_MAX);
    assert_ok(json_get_i64(j, "min", &i, &e), &e);
    assert_true(i == INT64_MIN);
    assert_ok(json_get_i64(j, "e53", &i, &e), &e);
    assert_true(i == INT64_C(9007199254740992));
    assert_ok(json_get_u64(j, "u", &u, &e), &e);
    assert_true(u == UINT64_MAX);
    assert_ok(json_get_int(j, "i", &n, &e), &e);
    assert_int_equal(n, -7);
    assert_ok(json_get_bool(j, "b", &b, &e), &e);
    assert_true(b);
    assert_ok(json_get_f64(j, "f", &f, &e), &e);
    assert_true(f == 1.5);
    assert_ok(json_get_array(j, "a", &sub, &e), &e);
    assert_int_equal(cJSON_GetArraySize(sub), 1);
    assert_ok(json_get_object(j, "o", &sub, &e), &e);

    assert_err(json_get_str(j, "none", &s, &e), ERR_INVALID, &e, "field 'none' is missing");
    assert_err(json_get_str(j, "S", &s, &e), ERR_INVALID, &e, "missing");
    assert_err(json_get_str(j, "i", &s, &e), ERR_INVALID, &e, "field 'i' must be a string");
    assert_err(json_get_str(j, "null", &s, &e), ERR_INVALID, &e, "must be a string");
    assert_err(json_get_str(NULL, "i", &s, &e), ERR_INVALID, &e, "no object");
    assert_err(json_get_i64(j, "over", &i, &e), ERR_INVALID, &e, "beyond 2^53");
    assert_err(json_get_i64(j, "u", &i, &e), ERR_INVALID, &e, "64-bit");
    assert_err(json_get_i64(j, "f", &i, &e), ERR_INVALID, &e, "integer");
    assert_err(json_get_i64(j, "s", &i, &e), ERR_INVALID, &e, "integer");
    assert_err(json_get_u64(j, "i", &u, &e), ERR_INVALID, &e, "unsigned");
    assert_err(json_get_int(j, "big", &n, &e), ERR_INVALID, &e, "32-bit");
    assert_err(json_get_bool(j, "s", &b, &e), ERR_INVALID, &e, "true or false");
    assert_err(json_get_f64(j, "huge", &f, &e), ERR_INVALID, &e, "a number");
    assert_err(json_get_array(j, "o", &sub, &e), ERR_INVALID, &e, "an array");
    assert_err(json_get_object(j, "a", &sub, &e), ERR_INVALID, &e, "an object");

    assert_string_equal(json_opt_str(j, "s", "d"), "x");
    assert_string_equal(json_opt_str(j, "i", "d"), "d");
    assert_int_equal(json_opt_i64(j, "i", 1), -7);
    assert_int_equal(json_opt_i64(j, "none", 1), 1);
    assert_int_equal(json_opt_i64(NULL, "none", 1), 1);
    assert_true(json_opt_bool(j, "b", false));
    assert_true(json_opt_bool(j, "s", true));
    assert_true(json_opt_f64(j, "f", 0) == 1.5);
    assert_true(json_opt_f64(j, "huge", 3) == 3);
    assert_non_null(json_opt(j, "s"));
    assert_null(json_opt(j, "null"));
    assert_null(json_opt(j, "none"));
}

static void writes_and_prints(void **state) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "s", "a\"b\\\n\x01\x7F\xFF\xE2\x82\xAC");
    json_set_str(j, "none", NULL);
    json_set_i64(j, "i", -5);
    json_set_i64(j, "max", INT64_MAX);
    json_set_u64(j, "umax", UINT64_MAX);
    json_set_bool(j, "b", true);
    json_set_f64(j, "f", 0.1);
    json_set_f64(j, "nan", NAN);
    json_set(j, "a", cJSON_CreateArray());
    json_set_i64(j, "i", 6); /* replaces, in place */
    AUTO_STR s = STR_INIT;
    json_print(j, &s);
    assert_string_equal(str_text(&s),
                        "{\"s\":\"a\\\"b\\\\\\n\\u0001\\u007f\xEF\xBF\xBD\xE2\x82\xAC\","
                        "\"none\":null,\"i\":6,\"max\":\"9223372036854775807\","
                        "\"umax\":\"18446744073709551615\",\"b\":true,\"f\":0.1,\"nan\":null,"
                        "\"a\":[]}");
    AUTO_JSON *p = parse("{\"a\":[1,{\"b\":null}],\"e\":{},\"x\":[]}");
    str_clear(&s);
    json_print_pretty(p, &s);
    assert_string_equal(str_text(&s),
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n"
                        "  \"e\": {},\n  \"x\": []\n}");
}

static void numbers_come_back(void **state) {
    static const double values[] = {0,
                                    -0.0,
                                    1,
                                    -1,
                                    0.1,
                                    1.0 / 3,
                                    1e300,
                                    5e-324,
                                    1e15,
                                    1e16,
                                    4503599627370497.5,
                                    1e21,
                                    -1e-7,
                                    123456789.25,
                                    9007199254740992.0,
                                    9007199254740994.0,
                                    3.0e10};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        AUTO_JSON *j = cJSON_CreateNumber(values[i]);
        AUTO_STR s = STR_INIT;
        json_print(j, &s);
        AUTO_JSON *back = parse(s.ptr);
        assert_memory_equal(&back->valuedouble, &values[i], sizeof(double));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),           cmocka_unit_test(refuses_with_a_place),
        cmocka_unit_test(depth_is_bounded),  cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(typed_reads),       cmocka_unit_test(writes_and_prints),
        cmocka_unit_test(numbers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
