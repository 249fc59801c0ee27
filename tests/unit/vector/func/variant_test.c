/* variant_test.c - functions of VARIANTs and BITMAPs. */
#include "base/core/err.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/vector/func/func_kit.h"

static void test_parse(void **state) {
    check_value("PARSE_JSON(' {\"b\" : [1, \"x\", null, 2.50], \"a\":{\"c\":true}}')",
                "VARIANT NOT NULL", "{\"a\":{\"c\":true},\"b\":[1,\"x\",null,2.50]}");
    check_value("PARSE_JSON('\"a\\u00e9\\n\"')", "VARIANT NOT NULL", "\"aé\\n\"");
    check_value("PARSE_JSON('null')", "VARIANT NOT NULL", "null");
    check_value("PARSE_JSON(<STRING>NULL)", "VARIANT", "NULL");
    check_value("PARSE_JSON('{\"a\":1,\"a\":2}', TRUE)", "VARIANT NOT NULL", "{\"a\":2}");
    check_fails("PARSE_JSON('{\"a\":1,\"b\":{\"c\":1,\"c\":2}}')", ERR_RUNTIME,
                "VARIANT_DUPLICATE_KEY: 'c'");
    check_fails("PARSE_JSON('[1, 2')", ERR_RUNTIME,
                "Failed to parse json string: [1, 2: JSON: unexpected end of input in an array");
    check_fails("PARSE_JSON('')", ERR_RUNTIME, "unexpected end of input");
    check_value("TRY_PARSE_JSON('[1, 2')", "VARIANT", "NULL");
    check_value("TRY_PARSE_JSON('{\"a\":1,\"a\":2}')", "VARIANT", "NULL");
    check_value("TRY_PARSE_JSON('5')", "VARIANT", "5");
    check_fails("PARSE_JSON(5)", ERR_VALIDATION, "PARSE_JSON");
}

/* Integers of 64 bits, decimals up to 38 digits as written, doubles beyond. */
static void test_numbers(void **state) {
    check_value("PARSE_JSON('-0')", "VARIANT NOT NULL", "0");
    check_value("PARSE_JSON('-0.00')", "VARIANT NOT NULL", "0.00");
    check_value("PARSE_JSON('0.0000001')", "VARIANT NOT NULL", "0.0000001");
    check_value("PARSE_JSON('9223372036854775808')", "VARIANT NOT NULL", "9223372036854775808");
    check_value("PARSE_JSON('1e2')", "VARIANT NOT NULL", "100.0");
    check_value("PARSE_JSON('123456789012345678901234567890123456789')", "VARIANT NOT NULL",
                "1.2345678901234568E38");
    check_fails("PARSE_JSON('1e999')", ERR_RUNTIME, "beyond DOUBLE");
    check_value("JSON_STRING(PARSE_JSON('[0.0000001, 1e2]'))", "STRING NOT NULL",
                "[0.0000001,100.0]");
}

static void test_access(void **state) {
#define V "PARSE_JSON('{\"a\":[10,{\"k\":\"x,]}\\\\\\\"\"},[]],\"b\":null,\"q\\\"\":1}')"
    check_value("ITEM(" V ", 'a')", "VARIANT", "[10,{\"k\":\"x,]}\\\\\\\"\"},[]]");
    check_value("ITEM(" V ", 'b')", "VARIANT", "null");
    check_value("ITEM(" V ", 'q\"')", "VARIANT", "1");
    check_value("ITEM(" V ", 'k')", "VARIANT", "NULL");
    check_value("ITEM(ITEM(" V ", 'a'), 1)", "VARIANT", "10");
    check_value("ITEM(ITEM(" V ", 'a'), 3)", "VARIANT", "[]");
    check_value("ITEM(ITEM(" V ", 'a'), 4)", "VARIANT", "NULL");
    check_value("ITEM(ITEM(" V ", 'a'), 0)", "VARIANT", "NULL");
    check_value("ITEM(ITEM(ITEM(" V ", 'a'), 2), 'k')", "VARIANT", "\"x,]}\\\\\\\"\"");
    check_value("ITEM(<VARIANT>NULL, 'a')", "VARIANT", "NULL");
    check_fails("ITEM(" V ", 1)", ERR_RUNTIME, "requires an array variant");
    check_fails("ITEM(PARSE_JSON('[1]'), 'a')", ERR_RUNTIME, "requires an object variant");
    check_fails("ITEM(" V ", 1.5)", ERR_VALIDATION, "<VARIANT>[<CHARACTER>|<INTEGER>]");
}

static void test_bitmaps(void **state) {
#define B(s) "BITMAP_BUILD(ARRAY(" s "))"
    check_value(B("5, 1, 3, 1"), "BITMAP NOT NULL", "{1,3,5}");
    check_value(B("-1, <INT>NULL, 0"), "BITMAP NOT NULL", "{0,4294967295}");
    check_value("BITMAP_BUILD(<ARRAY<INT>>NULL)", "BITMAP", "NULL");
    check_fails("BITMAP_BUILD(1)", ERR_VALIDATION, "BITMAP_BUILD(<ARRAY<INT>>)");
    check_value("BITMAP_TO_STRING(BITMAP_AND(" B("1, 2, 3") ", " B("2, 3, 4") "))",
                "STRING NOT NULL", "{2,3}");
    check_value("BITMAP_OR(" B("1") ", " B("9") ")", "BITMAP NOT NULL", "{1,9}");
    check_value("BITMAP_XOR(" B("1, 2") ", " B("2, 3") ")", "BITMAP NOT NULL", "{1,3}");
    check_value("BITMAP_ANDNOT(" B("1, 2") ", " B("2, 3") ")", "BITMAP NOT NULL", "{1}");
    check_value("BITMAP_OR(" B("1") ", <BITMAP>NULL)", "BITMAP", "NULL");
    check_value("BITMAP_CARDINALITY(" B("1, 2, 2, 70000") ")", "BIGINT NOT NULL", "3");
    check_value("BITMAP_TO_ARRAY(" B("3, -1, 70000") ")", "ARRAY<INT> NOT NULL", "[3, 70000, -1]");
    check_value("BITMAP_TO_BYTES(" B("7") ")", "BYTES NOT NULL",
                "x'3a30000001000000000000001000000007"
                "00'");
    check_value("BITMAP_FROM_BYTES(BITMAP_TO_BYTES(" B("7, 8, 9, 10, 11") "))", "BITMAP NOT NULL",
                "{7,8,9,10,11}");
    check_fails("BITMAP_FROM_BYTES(<BYTES>'invalid')", ERR_RUNTIME,
                "Failed to deserialize bitmap from bytes");
    check_fails("BITMAP_CARDINALITY(1)", ERR_VALIDATION, "BITMAP_CARDINALITY");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_bitmaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
