/* json_test.c - functions of JSON. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/vector/func/func_kit.h"

static void test_is_json(void **state) {
    check_value("IS JSON VALUE('[1,2')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('abc')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('null')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS JSON VALUE('01')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('1.')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('\"a\\q\"')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON VALUE('{\"a\":[1,{\"b\":-1.5e3}]}')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS JSON ARRAY('1')", "BOOLEAN NOT NULL", "FALSE");
    check_value("IS JSON OBJECT('{}')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS JSON SCALAR('\"x\"')", "BOOLEAN NOT NULL", "TRUE");
    check_value("IS JSON VALUE(<STRING>NULL)", "BOOLEAN NOT NULL", "FALSE");
}

static void test_exists(void **state) {
    check_value("JSON_EXISTS('{\"a\": [{\"b\": 1}]}', '$.a[0].b')", "BOOLEAN", "TRUE");
    check_value("JSON_EXISTS('{\"a\": [{\"b\": 1}]}', '$.a[1].b')", "BOOLEAN", "FALSE");
    check_value("JSON_EXISTS('{\"a\": 1}', 'strict $.b', :TRUE)", "BOOLEAN", "TRUE");
    check_value("JSON_EXISTS('{\"a\": 1}', 'strict $.b', :UNKNOWN)", "BOOLEAN", "NULL");
    check_fails("JSON_EXISTS('{\"a\": 1}', 'strict $.b', :ERROR)", ERR_RUNTIME,
                "No results for path: $['b']");
}

#define V "<STRING>NULL"

static void test_value(void **state) {
    check_value("JSON_VALUE('{\"a\": true}', '$.a')", "STRING", "true");
    check_value("JSON_VALUE('{\"a\": 12.50}', '$.a')", "STRING", "12.50");
    check_value("JSON_VALUE('{\"a\": 1e3}', '$.a')", "STRING", "1E+3");
    check_value("JSON_VALUE('{\"a\": \"\\u00e9\\n\\ud83d\\ude00\"}', '$.a')", "STRING", "é\n😀");
    check_value("JSON_VALUE('{\"a\": [1, 2]}', '$.a[-1]')", "STRING", "2");
    check_value("JSON_VALUE('{\"a\": null}', '$.a')", "STRING", "NULL");
    check_value("JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a')", "STRING", "NULL");
    check_value("JSON_VALUE('{\"a b\": 1}', '$[\"a b\"]')", "STRING", "1");
    check_value("JSON_VALUE('{\"a\": 1}', 'a')", "STRING", "1");
    check_value("JSON_VALUE('{\"a\": 1, \"a\": 2}', '$.a')", "STRING", "2");
    check_value("JSON_VALUE('not json', '$.a')", "STRING", "NULL");
    check_value("JSON_VALUE('{\"a\": 1}', '$..a')", "STRING", "NULL");
    check_value("JSON_VALUE('{\"a\": true}', '$.a', <BOOLEAN>NULL, :NULL, " V ", :NULL, " V ")",
                "BOOLEAN", "TRUE");
    check_value("JSON_VALUE('{\"a\": 7}', '$.a', <INT>NULL, :NULL, " V ", :NULL, " V ")", "INT",
                "7");
    check_value("JSON_VALUE('{\"a\": 1}', 'lax $.b', " V ", :DEFAULT, 'none', :NULL, " V ")",
                "STRING", "none");
    check_value("JSON_VALUE('{\"a\": 1}', 'lax $.b', " V ", :DEFAULT, FALSE, :NULL, " V ")",
                "STRING", "false");
    check_value("JSON_VALUE('x', '$.b', <INT>NULL, :NULL, " V ", :DEFAULT, 5)", "INT", "5");
    check_fails("JSON_VALUE('{\"a\": 1}', 'strict $.b', " V ", :NULL, " V ", :ERROR, " V ")",
                ERR_RUNTIME, "No results for path: $['b']");
    check_fails("JSON_VALUE('{\"a\": \"12\"}', '$.a', <INT>NULL, :NULL, " V ", :NULL, " V ")",
                ERR_RUNTIME, "no INT");
    check_fails("JSON_VALUE('{\"a\": 3000000000}', '$.a', <INT>NULL, :NULL, " V ", :NULL, " V ")",
                ERR_RUNTIME, "no INT");
    check_fails("JSON_VALUE('{}', '$.a', <DATE>NULL, :NULL, " V ", :NULL, " V ")", ERR_VALIDATION,
                "Unsupported type 'DATE' for RETURNING");
}

static void test_query(void **state) {
    check_value("JSON_QUERY('{ \"a\" : { \"b\" : [ 1 , 2 ] } }', '$.a')", "STRING",
                "{\"b\":[1,2]}");
    check_value("JSON_QUERY('{\"b\":2,\"a\":1}', '$')", "STRING", "{\"a\":1,\"b\":2}");
    check_value("JSON_QUERY('{\"a\": 1}', '$.a')", "STRING", "NULL");
#define W(j, p, w, e, r) "JSON_QUERY('" j "', '" p "', " V ", :\"" w "\", :\"" e "\", :\"" r "\")"
    check_value(W("{\"a\": 1}", "$.a", "WITH CONDITIONAL ARRAY", "NULL", "NULL"), "STRING", "[1]");
    check_value(W("[1]", "$", "WITH UNCONDITIONAL ARRAY", "NULL", "NULL"), "STRING", "[[1]]");
    check_value(W("{}", "lax $.x", "WITHOUT ARRAY", "EMPTY OBJECT", "NULL"), "STRING", "{}");
    check_value(W("{}", "strict $.x", "WITHOUT ARRAY", "NULL", "EMPTY ARRAY"), "STRING", "[]");
    check_fails(W("{}", "lax $.x", "WITHOUT ARRAY", "ERROR", "NULL"), ERR_RUNTIME,
                "Empty result of JSON_QUERY");
    check_value("JSON_QUERY('{\"a\": [\"x\", 1, null, {\"b\":2}]}', '$.a', <ARRAY<STRING>>NULL, "
                ":\"WITHOUT ARRAY\", :NULL, :NULL)",
                "ARRAY<STRING>", "[x, 1, NULL, {\"b\":2}]");
}

static void test_paths(void **state) {
#define D "'{\"a\":[{\"k\":1,\"v\":\"x\"},{\"k\":2,\"v\":\"y\"},{\"k\":3}],\"b\":{\"k\":4}}'"
    check_value("JSON_QUERY(" D ", '$.a[*].k')", "STRING", "[1,2,3]");
    check_value("JSON_QUERY(" D ", '$.a[*].v')", "STRING", "[\"x\",\"y\"]");
    check_value("JSON_QUERY(" D ", '$..k')", "STRING", "[1,2,3,4]");
    check_value("JSON_QUERY(" D ", '$.a[0,2].k')", "STRING", "[1,3]");
    check_value("JSON_QUERY(" D ", '$.a[1:].k')", "STRING", "[2,3]");
    check_value("JSON_QUERY(" D ", '$.a[:-1].k')", "STRING", "[1,2]");
    check_value("JSON_QUERY(" D ", '$.a[?(@.k == 2)].v')", "STRING", "[\"y\"]");
    check_value("JSON_QUERY(" D ", '$.a[?(@.k > 1 && !(@.v == ''y''))].k')", "STRING", "[3]");
    check_value("JSON_QUERY(" D ", '$.a[?(@.v)].k')", "STRING", "[1,2]");
    check_value("JSON_QUERY(" D ", '$.a[?(@.v in [\"x\"] || @.k >= 3)].k')", "STRING", "[1,3]");
    check_value("JSON_QUERY(" D ", '$.a[?(@.v =~ /X/i)].k')", "STRING", "[1]");
    check_value("JSON_QUERY(" D ", '$[''a'',''b'']')", "STRING",
                "{\"a\":[{\"k\":1,\"v\":\"x\"},{\"k\":2,\"v\":\"y\"},{\"k\":3}],\"b\":{\"k\":4}}");
    check_value("JSON_VALUE(" D ", '$.a.length()')", "STRING", "3");
    check_value("JSON_VALUE(" D ", '$.a[')", "STRING", "NULL");
    check_fails("JSON_VALUE(" D ", '$.a.stddev()')", ERR_UNSUPPORTED, "stddev");
}

static void test_build(void **state) {
    check_value("JSON_OBJECT()", "STRING NOT NULL", "{}");
    check_value("JSON_OBJECT(:NULL, !'b', 1, !'a', 2)", "STRING NOT NULL", "{\"a\":2,\"b\":1}");
    check_value("JSON_OBJECT(:NULL, !'k', <BYTES>'hi')", "STRING NOT NULL", "{\"k\":\"aGk=\"}");
    check_value("JSON_OBJECT(:NULL, !'k', 1e0)", "STRING NOT NULL", "{\"k\":1.0}");
    check_value("JSON_OBJECT(:NULL, !'k', 1e20)", "STRING NOT NULL", "{\"k\":1.0E+20}");
    check_value("JSON_OBJECT(:NULL, !'k', 1.50)", "STRING NOT NULL", "{\"k\":1.50}");
    check_value("JSON_OBJECT(:NULL, !'k', JSON('{\"z\": [1]}'))", "STRING NOT NULL",
                "{\"k\":{\"z\":[1]}}");
    check_value("JSON_OBJECT(:NULL, !'k', '{\"z\": [1]}')", "STRING NOT NULL",
                "{\"k\":\"{\\\"z\\\": [1]}\"}");
    check_value("JSON_OBJECT(:NULL, !'k', JSON_ARRAY(:ABSENT, 1, 'x'))", "STRING NOT NULL",
                "{\"k\":[1,\"x\"]}");
    check_value("JSON_ARRAY(:ABSENT, 1)", "STRING NOT NULL", "[1]");
    check_fails("JSON_OBJECT(:NULL, !'k', <DATE>'2024-01-01')", ERR_VALIDATION,
                "Type 'DATE NOT NULL' is not scalar");
    check_fails("JSON_OBJECT(:NULL, !<STRING>NULL, 1)", ERR_VALIDATION, "must not be NULL");
    check_value("JSON_STRING(<TIMESTAMP(3)>'2024-01-01 10:00:00.5')", "STRING NOT NULL",
                "\"2024-01-01T10:00:00.5\"");
    check_value("JSON_STRING('Hello \"x\"')", "STRING NOT NULL", "\"Hello \\\"x\\\"\"");
    check_value("JSON_QUOTE('a\"b/é')", "STRING NOT NULL", "\"a\\\"b\\/\\u00e9\"");
    check_value("JSON_UNQUOTE('\"a\\tb\"')", "STRING NOT NULL", "a\tb");
    check_value("JSON_UNQUOTE('abc')", "STRING NOT NULL", "abc");
    check_fails("JSON('{')", ERR_RUNTIME, "Invalid JSON string");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_json), cmocka_unit_test(test_exists), cmocka_unit_test(test_value),
        cmocka_unit_test(test_query),   cmocka_unit_test(test_paths),  cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
