/* operator_test.c - operators, conditionals, mathematics, constructors: types and values. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/err.h"
#include "tests/unit/vector/func/func_kit.h"

#include <stddef.h>

struct good {
    const char *call, *type, *value;
};
struct bad {
    const char *call;
    int code;
    const char *part;
};

static void run_good(const struct good *t, size_t n) {
    for (size_t i = 0; i < n; i++)
        check_value(t[i].call, t[i].type, t[i].value);
}

static void run_bad(const struct bad *t, size_t n) {
    for (size_t i = 0; i < n; i++)
        check_fails(t[i].call, t[i].code, t[i].part);
}

static void test_integers(void **state) {
    static const struct good t[] = {
        {"+(1, 1)", "INT NOT NULL", "2"},
        {"+(<TINYINT>'127', <TINYINT>'1')", "TINYINT NOT NULL", "-128"},
        {"+(<TINYINT>'127', <SMALLINT>'1')", "SMALLINT NOT NULL", "128"},
        {"+(9223372036854775807, 1)", "BIGINT NOT NULL", "-9223372036854775808"},
        {"-(-2147483647, 2)", "INT NOT NULL", "2147483647"},
        {"*(<INT>NULL, 0)", "INT", "NULL"},
        {"/(-7, 2)", "INT NOT NULL", "-3"},
        {"/(<INT>'-2147483648', -1)", "INT NOT NULL", "-2147483648"},
        {"/(<TINYINT>'10', <TINYINT>'4')", "TINYINT NOT NULL", "2"},
        {"%(-7, 3)", "INT NOT NULL", "-1"},
        {"MOD(<BIGINT>'1000000000123', 123)", "INT NOT NULL", "100"},
        {"MOD(7, <BIGINT>'5')", "BIGINT NOT NULL", "2"},
        {"%(<BIGINT>'-9223372036854775808', <BIGINT>'-1')", "BIGINT NOT NULL", "0"},
        {"NEGATE(<INT>'-2147483648')", "INT NOT NULL", "-2147483648"},
        {"ABS(<TINYINT>'-5')", "TINYINT NOT NULL", "5"},
        {"SIGN(<BIGINT>'-3')", "BIGINT NOT NULL", "-1"},
        {"FLOOR(5)", "INT NOT NULL", "5"},
        {"ROUND(-1250, -2)", "INT NOT NULL", "-1300"},
        {"ROUND(<TINYINT>'99', -1)", "TINYINT NOT NULL", "100"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_decimals(void **state) {
    static const struct good t[] = {
        {"*(1.25, 3.5)", "DECIMAL(6, 3) NOT NULL", "4.375"},
        {"/(10.00, 3.0)", "DECIMAL(9, 6) NOT NULL", "3.333333"},
        {"/(1.0, 3)", "DECIMAL(13, 12) NOT NULL", "0.333333333333"},
        {"/(2, 3.0)", "DECIMAL(17, 6) NOT NULL", "0.666667"},
        {"/(-2, 3.0)", "DECIMAL(17, 6) NOT NULL", "-0.666667"},
        {"/(<DECIMAL(38, 10)>'1', <DECIMAL(38, 10)>'3')", "DECIMAL(38, 6) NOT NULL", "0.333333"},
        {"*(<DECIMAL(20, 10)>'9.99', <DECIMAL(30, 15)>'2.5')", "DECIMAL(38, 12) NOT NULL",
         "24.975000000000"},
        {"+(<DECIMAL(5, 2)>'5', <BIGINT>'7')", "DECIMAL(22, 2) NOT NULL", "12.00"},
        {"-(1.1, <DECIMAL(5, 4)>'1.1')", "DECIMAL(6, 4) NOT NULL", "0.0000"},
        {"+(<DECIMAL(38, 0)>'99999999999999999999999999999999999999', 1.0)",
         "DECIMAL(38, 1) NOT NULL", "NULL"},
        {"+(<DECIMAL(38, 0)>'5000000000000000000000000000000000000', "
         "<DECIMAL(38, 8)>'0.00000051')",
         "DECIMAL(38, 6) NOT NULL", "NULL"},
        {"+(<DECIMAL(38, 0)>'30000000000000000000000000000000', <DECIMAL(38, 8)>'0.00000051')",
         "DECIMAL(38, 6) NOT NULL", "30000000000000000000000000000000.000001"},
        {"-(<DECIMAL(38, 0)>'30000000000000000000000000000000', <DECIMAL(38, 8)>'0.00000051')",
         "DECIMAL(38, 6) NOT NULL", "29999999999999999999999999999999.999999"},
        {"*(<DECIMAL(38, 18)>'12345678901234567890.5', <DECIMAL(38, 18)>'2.5')",
         "DECIMAL(38, 6) NOT NULL", "30864197253086419726.250000"},
        {"*(<DECIMAL(38, 38)>'0.5', <DECIMAL(38, 38)>'0.5')", "DECIMAL(38, 37) NOT NULL",
         "0.2500000000000000000000000000000000000"},
        {"/(<DECIMAL(38, 18)>'12345678901234567890.5', <DECIMAL(10, 9)>'0.5')",
         "DECIMAL(38, 9) NOT NULL", "24691357802469135781.000000000"},
        {"%(7, 2.5)", "DECIMAL(2, 1) NOT NULL", "2.0"},
        {"%(-7.25, 2)", "DECIMAL(3, 2) NOT NULL", "-1.25"},
        {"NEGATE(1.5)", "DECIMAL(2, 1) NOT NULL", "-1.5"},
        {"ROUND(3.5)", "DECIMAL(2, 0) NOT NULL", "4"},
        {"FLOOR(-1234.5)", "DECIMAL(5, 0) NOT NULL", "-1235"},
        {"CEIL(1234.01)", "DECIMAL(6, 0) NOT NULL", "1235"},
        {"ABS(-1.5)", "DECIMAL(2, 1) NOT NULL", "1.5"},
        {"SIGN(-1.5)", "DECIMAL(2, 1) NOT NULL", "-1.0"},
    };
    run_good(t, ARRAY_LEN(t));
    check_literal("ROUND(-2.345, 2)", "DECIMAL(4, 2) NOT NULL", "-2.35");
    check_literal("ROUND(1234.5678, 6)", "DECIMAL(8, 4) NOT NULL", "1234.5678");
    check_literal("TRUNCATE(<DECIMAL(10, 4)>'-1234.5678', 1)", "DECIMAL(8, 1) NOT NULL", "-1234.5");
    check_literal("TRUNCATE(<DECIMAL(10, 4)>'-1234.5678', NEGATE(2))", "DECIMAL(7, 0) NOT NULL",
                  "-1200");
    check_value("ROUND(9.996, +(1, 1))", "DECIMAL(4, 3) NOT NULL", "NULL"); /* 10.000 */
    check_value("ROUND(1.236, +(1, 1))", "DECIMAL(4, 3) NOT NULL", "1.240");
}

static void test_reals(void **state) {
    static const struct good t[] = {
        {"+(0.1e0, 0.2e0)", "DOUBLE NOT NULL", "0.30000000000000004"},
        {"+(<FLOAT>'1', <DOUBLE>'1')", "FLOAT NOT NULL", "2.0"},
        {"+(<DOUBLE>'1', <FLOAT>'1')", "DOUBLE NOT NULL", "2.0"},
        {"+(1.5, <FLOAT>'7')", "DOUBLE NOT NULL", "8.5"},
        {"+(1, <FLOAT>'7')", "FLOAT NOT NULL", "8.0"},
        {"/(1e0, 0)", "DOUBLE NOT NULL", "Infinity"},
        {"/(0e0, 0)", "DOUBLE NOT NULL", "NaN"},
        {"POWER(2, 10)", "DOUBLE NOT NULL", "1024.0"},
        {"SQRT(2)", "DOUBLE NOT NULL", "1.4142135623730951"},
        {"LN(0)", "DOUBLE NOT NULL", "-Infinity"},
        {"LOG(2, 8)", "DOUBLE NOT NULL", "3.0"},
        {"LOG10(1000)", "DOUBLE NOT NULL", "3.0"},
        {"LOG2(8)", "DOUBLE NOT NULL", "3.0"},
        {"COT(0)", "DOUBLE NOT NULL", "Infinity"},
        {"ATAN2(-1, 0)", "DOUBLE NOT NULL", "-1.5707963267948966"},
        {"RADIANS(180)", "DOUBLE NOT NULL", "3.141592653589793"},
        {"PI()", "DOUBLE NOT NULL", "3.141592653589793"},
        {"ROUND(2.675e0, 2)", "DOUBLE NOT NULL", "2.68"},
        {"ROUND(1.005e0, 2)", "DOUBLE NOT NULL", "1.01"},
        {"ROUND(-2.5e0)", "DOUBLE NOT NULL", "-3.0"},
        {"ROUND(99.99e0, 1)", "DOUBLE NOT NULL", "100.0"},
        {"ROUND(0.04e0, 1)", "DOUBLE NOT NULL", "0.0"},
        {"ROUND(0.06e0, 1)", "DOUBLE NOT NULL", "0.1"},
        {"ROUND(12345.6e0, -3)", "DOUBLE NOT NULL", "12000.0"},
        {"TRUNCATE(42.99e0)", "DOUBLE NOT NULL", "42.0"},
        {"TRUNCATE(-1.239e0, 2)", "DOUBLE NOT NULL", "-1.23"},
        {"CEIL(-1.2e0)", "DOUBLE NOT NULL", "-1.0"},
        {"FLOOR(-1.7e0)", "DOUBLE NOT NULL", "-2.0"},
        {"ABS(<FLOAT>'-1.5')", "FLOAT NOT NULL", "1.5"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_failures(void **state) {
    static const struct bad t[] = {
        {"/(1, 0)", ERR_RUNTIME, "/ by zero"},
        {"%(1, 0)", ERR_RUNTIME, "/ by zero"},
        {"/(1.5, 0)", ERR_RUNTIME, "Division by zero"},
        {"MOD(1.5, 0)", ERR_RUNTIME, "Division by zero"},
        {"+('5', 1)", ERR_VALIDATION, "<CHAR(1)> + <INT>"},
        {"%(7.5e0, 2)", ERR_VALIDATION, "EXACT_NUMERIC"},
        {"+(1, <NULL>NULL)", ERR_VALIDATION, "Illegal use of 'NULL'"},
        {"AND(TRUE, 'true')", ERR_VALIDATION, "AND"},
        {"NOT(1)", ERR_VALIDATION, "NOT"},
        {"=(TRUE, 1)", ERR_VALIDATION, "COMPARABLE_TYPE"},
        {"=('5.0', 5)", ERR_VALIDATION, "implicit type conversion"},
        {"<(<DATE>'2024-01-01', <TIMESTAMP(3)>'2024-01-01 00:00:00')", ERR_VALIDATION, "<DATE>"},
        {"<(ROW(1, 2), ROW(1, 3))", ERR_VALIDATION, "Comparable type expected"},
        {"CASE(TRUE, 1, 'x')", ERR_VALIDATION, "Illegal mixing of types"},
        {"IF(1, 'a', 'b')", ERR_VALIDATION, "IF"},
        {"COALESCE('a', 1)", ERR_VALIDATION, "Invalid input arguments"},
        {"GREATEST(1, 'a')", ERR_VALIDATION, "Can not compare INT NOT NULL with CHAR(1) NOT NULL"},
        {"ABS('5')", ERR_VALIDATION, "ABS"},
        {"RAND_INTEGER(0)", ERR_RUNTIME, "bound must be positive"},
        {"ITEM(ARRAY(1, 2), <BIGINT>'2')", ERR_VALIDATION, "Integer expression type expected"},
        {"FIELD(ROW(1, 2), :f0)", ERR_VALIDATION, "Unknown field 'f0'"},
        {"NULLIFF(1, 2)", ERR_VALIDATION, "did you mean 'NULLIF'"},
        {"ABS(1, 2)", ERR_VALIDATION, "was expecting 1 argument, got 2"},
    };
    run_bad(t, ARRAY_LEN(t));
}

static void test_comparisons(void **state) {
    static const struct good t[] = {
        {"<(1, 2.0)", "BOOLEAN NOT NULL", "TRUE"},
        {"=(<FLOAT>'0.1', <DOUBLE>'0.1')", "BOOLEAN NOT NULL", "TRUE"},
        {"<(<FLOAT>'0.1', <DOUBLE>'0.1')", "BOOLEAN NOT NULL", "FALSE"},
        {"=(<TINYINT>'1', <BIGINT>'1')", "BOOLEAN NOT NULL", "TRUE"},
        {"=(<DECIMAL(10, 2)>'12.30', <DECIMAL(10, 1)>'12.3')", "BOOLEAN NOT NULL", "TRUE"},
        {">(<DECIMAL(38, 0)>'99999999999999999999999999999999999999', <DECIMAL(38, 38)>'0.5')",
         "BOOLEAN NOT NULL", "TRUE"},
        {"<(<DECIMAL(38, 0)>'-99999999999999999999999999999999999999', <DECIMAL(38, 38)>'-0.5')",
         "BOOLEAN NOT NULL", "TRUE"},
        {"=(1.5, 1.5e0)", "BOOLEAN NOT NULL", "TRUE"},
        {"<('5', 10)", "BOOLEAN NOT NULL", "TRUE"},
        {"<('a', 'b')", "BOOLEAN NOT NULL", "TRUE"},
        {"=('a', 'a ')", "BOOLEAN NOT NULL", "FALSE"},
        {"<>('a rather long text', 'a rather long text')", "BOOLEAN NOT NULL", "FALSE"},
        {"<(<BYTES>'a', <BYTES>'b')", "BOOLEAN NOT NULL", "TRUE"},
        {"=(<DATE>'2024-01-01', '2024-01-01')", "BOOLEAN NOT NULL", "TRUE"},
        {"=(<TIMESTAMP(3)>'2024-01-01 00:00:00', <TIMESTAMP(9)>'2024-01-01 00:00:00')",
         "BOOLEAN NOT NULL", "TRUE"},
        {">(TRUE, FALSE)", "BOOLEAN NOT NULL", "TRUE"},
        {"=(ROW(1, 'a'), ROW(1, 'a'))", "BOOLEAN NOT NULL", "TRUE"},
        {"=(ARRAY(1, 2), ARRAY(1, 3))", "BOOLEAN NOT NULL", "FALSE"},
        {"=(1, <INT>NULL)", "BOOLEAN", "NULL"},
        {"=(1, <NULL>NULL)", "BOOLEAN", "NULL"},
        {"IS DISTINCT FROM(<INT>NULL, <INT>NULL)", "BOOLEAN NOT NULL", "FALSE"},
        {"IS NOT DISTINCT FROM(1, <INT>NULL)", "BOOLEAN NOT NULL", "FALSE"},
        {"IS NOT DISTINCT FROM(<INT>NULL, <NULL>NULL)", "BOOLEAN NOT NULL", "TRUE"},
        {"<(<INTERVAL DAY TO SECOND(3)>NULL, <INTERVAL DAY TO SECOND(3)>NULL)", "BOOLEAN", "NULL"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_in(void **state) {
    static const struct good t[] = {
        {"IN(1, 1, 2, 3)", "BOOLEAN NOT NULL", "TRUE"},
        {"IN(4, 1, <INT>NULL)", "BOOLEAN", "NULL"},
        {"IN(1, 1, <NULL>NULL)", "BOOLEAN", "TRUE"},
        {"IN(<INT>NULL, 1, 2)", "BOOLEAN", "NULL"},
        {"IN(1, 1.0, 2.0)", "BOOLEAN NOT NULL", "TRUE"},
        {"IN(1, 1, <BIGINT>'2', 3.5)", "BOOLEAN NOT NULL", "TRUE"},
        {"IN('b', 'a', 'bb', 'b', 'a long item in the list')", "BOOLEAN NOT NULL", "TRUE"},
        {"IN('a long item in the list', 'a', 'a long item in the list')", "BOOLEAN NOT NULL",
         "TRUE"},
        {"IN(<DATE>'2024-01-01', '2024-01-01')", "BOOLEAN NOT NULL", "TRUE"},
        {"IN(ROW(1, 2), ROW(1, 2), ROW(3, 4))", "BOOLEAN NOT NULL", "TRUE"},
        {"IN(7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", "BOOLEAN NOT NULL", "TRUE"},
        {"IN(77, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", "BOOLEAN NOT NULL", "FALSE"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_logic(void **state) {
    static const struct good t[] = {
        {"AND(FALSE, <BOOLEAN>NULL)", "BOOLEAN", "FALSE"},
        {"AND(TRUE, <BOOLEAN>NULL)", "BOOLEAN", "NULL"},
        {"OR(<BOOLEAN>NULL, TRUE)", "BOOLEAN", "TRUE"},
        {"OR(<BOOLEAN>NULL, FALSE, FALSE)", "BOOLEAN", "NULL"},
        {"NOT(<BOOLEAN>NULL)", "BOOLEAN", "NULL"},
        {"IS TRUE(<BOOLEAN>NULL)", "BOOLEAN NOT NULL", "FALSE"},
        {"IS NOT TRUE(<BOOLEAN>NULL)", "BOOLEAN NOT NULL", "TRUE"},
        {"IS NULL(<INT>NULL)", "BOOLEAN NOT NULL", "TRUE"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_conditionals(void **state) {
    static const struct good t[] = {
        {"CASE(<BOOLEAN>NULL, 1, 2)", "INT NOT NULL", "2"},
        {"CASE(TRUE, 1, 2.5)", "DECIMAL(11, 1) NOT NULL", "1.0"},
        {"CASE(TRUE, 'a', 'bcd')", "VARCHAR(3) NOT NULL", "a"},
        {"CASE(FALSE, 'a', TRUE, 'a string that is long', 'bcd')", "VARCHAR(21) NOT NULL",
         "a string that is long"},
        {"CASE(TRUE, <FLOAT>'1', <DECIMAL(10, 2)>'2')", "DOUBLE NOT NULL", "1.0"},
        {"CASE(TRUE, ARRAY(1), ARRAY(2.5))", "ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL", "[1.0]"},
        {"CASE(FALSE, 1, <NULL>NULL)", "INT", "NULL"},
        {"CASE(FALSE, ROW(1, 'x'), TRUE, ROW(2, 'y'), ROW(3, 'z'))",
         "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL", "(2, y)"},
        {"COALESCE(<NULL>NULL, 'default')", "CHAR(7) NOT NULL", "default"},
        {"COALESCE(<INT>NULL, <BIGINT>NULL)", "BIGINT", "NULL"},
        {"COALESCE(<STRING>NULL, 'the second of them', 'c')", "STRING NOT NULL",
         "the second of them"},
        {"COALESCE(<DATE>NULL, <TIMESTAMP(0)>'2024-01-01 10:00:00')", "DATE NOT NULL",
         "2024-01-01"},
        {"COALESCE(<ARRAY<INT>>NULL, ARRAY(1, 2))", "ARRAY<INT> NOT NULL", "[1, 2]"},
        {"COALESCE(1, /(1, 0))", "INT NOT NULL", "1"},
        {"IFNULL(<INT>NULL, 5)", "INT NOT NULL", "5"},
        {"NULLIF(5, 5)", "INT", "NULL"},
        {"NULLIF(5, <NULL>NULL)", "INT", "5"},
        {"NULLIF(1, 1.0)", "INT", "NULL"},
        {"IF(>(5, 3), 5, 3)", "INT NOT NULL", "5"},
        {"IF(<BOOLEAN>NULL, 'a', 'b')", "CHAR(1)", "b"},
        {"GREATEST(1, 2.5, <DOUBLE>'3')", "DOUBLE NOT NULL", "3.0"},
        {"LEAST('b', 'B', 'aa')", "VARCHAR(2) NOT NULL", "B"},
        {"LEAST('a', <STRING>NULL)", "STRING", "NULL"},
        {"TYPEOF('abc')", "STRING", "CHAR(3) NOT NULL"},
    };
    run_good(t, ARRAY_LEN(t));
}

static void test_time(void **state) {
    check_value("+(<DATE>'2024-01-31', <INTERVAL MONTH>NULL)", "DATE", "NULL");
    check_value("+(<TIMESTAMP(3)>NULL, <INTERVAL SECOND(3)>NULL)", "TIMESTAMP(3)", "NULL");
    check_fails("-(<DATE>'2024-03-01', <DATE>'2024-02-01')", ERR_VALIDATION, "<DATE> - <DATE>");
    check_value("MINUS_DATE(<TIMESTAMP(0)>'2024-03-01 00:00:00', "
                "<TIMESTAMP(3)>'2024-02-29 22:30:00', :\"DAY TO SECOND\")",
                "INTERVAL SECOND(3) NOT NULL", "+0 01:30:00.000");
    check_value("MINUS_DATE(<DATE>'2024-03-31', <DATE>'2023-02-28', :MONTH)",
                "INTERVAL MONTH NOT NULL", "+1-01");
    check_value("MINUS_DATE(<DATE>'2023-02-28', <DATE>'2024-03-31', :MONTH)",
                "INTERVAL MONTH NOT NULL", "-1-01");
    check_value("+(<DATE>'2024-01-31', MINUS_DATE(<DATE>'2024-02-01', <DATE>'2024-01-01', :MONTH))",
                "DATE NOT NULL", "2024-02-29");
    check_value("-(<DATE>'2024-03-31', MINUS_DATE(<DATE>'2024-02-01', <DATE>'2024-01-01', :MONTH))",
                "DATE NOT NULL", "2024-02-29");
    check_value("+(MINUS_DATE(<DATE>'2024-01-03', <DATE>'2024-01-01', :DAY), "
                "<TIMESTAMP(9)>'2024-02-28 10:00:00.123456789')",
                "TIMESTAMP(9) NOT NULL", "2024-03-01 10:00:00.123456789");
    check_value("*(MINUS_DATE(<DATE>'2024-01-03', <DATE>'2024-01-01', :DAY), 3)",
                "INTERVAL SECOND(3) NOT NULL", "+6 00:00:00.000");
    check_value("-(<TIME(0)>'00:30:00', MINUS_DATE(<TIMESTAMP(0)>'2024-01-01 01:00:00', "
                "<TIMESTAMP(0)>'2024-01-01 00:00:00', :HOUR))",
                "TIME(0) NOT NULL", "23:30:00");
    check_value("+(<TIMESTAMP(0)>'2024-01-31 12:00:00', "
                "MINUS_DATE(<TIMESTAMP(3)>'2024-01-01 00:00:01.5', "
                "<TIMESTAMP(3)>'2024-01-01 00:00:00', :SECOND))",
                "TIMESTAMP(0) NOT NULL", "2024-01-31 12:00:01");
    check_value("NEGATE(MINUS_DATE(<DATE>'2024-01-03', <DATE>'2024-01-01', :DAY))",
                "INTERVAL SECOND(3) NOT NULL", "-2 00:00:00.000");
}

static void test_nested(void **state) {
    static const struct good t[] = {
        {"ROW(1, 'a')", "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL", "(1, a)"},
        {"ARRAY(1, <NULL>NULL)", "ARRAY<INT> NOT NULL", "[1, NULL]"},
        {"ARRAY('a', 'bcd')", "ARRAY<VARCHAR(3) NOT NULL> NOT NULL", "[a, bcd]"},
        {"MAP('a', 1)", "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL", "{a=1}"},
        {"MAP('a', 1, 'a', 2)", "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL", "{a=2}"},
        {"ITEM(ARRAY(1, 2, 3), 3)", "INT", "3"},
        {"ITEM(ARRAY(1, 2, 3), 4)", "INT", "-1"},
        {"ITEM(ARRAY(1, <INT>NULL), 4)", "INT", "NULL"},
        {"ITEM(ARRAY(1, 2), <INT>NULL)", "INT", "NULL"},
        {"ITEM(<ARRAY<INT>>NULL, 1)", "INT", "NULL"},
        {"ITEM(MAP(1, 'x', 2, 'y'), 2)", "CHAR(1)", "y"},
        {"ITEM(MAP('a', 1), 'z')", "INT", "-1"},
        {"ITEM(<MAP<STRING, INT>>NULL, 'a')", "INT", "NULL"},
        {"FIELD(ROW(1, 'a'), :EXPR$1)", "CHAR(1) NOT NULL", "a"},
        {"FIELD(<ROW<`a` INT NOT NULL>>NULL, :a)", "INT", "NULL"},
        {"CARDINALITY(ARRAY(1, 2, 3))", "INT NOT NULL", "3"},
        {"CARDINALITY(<MAP<INT, INT>>NULL)", "INT", "NULL"},
    };
    run_good(t, ARRAY_LEN(t));
    check_literal_fails("ITEM(ARRAY(1, 2), 0)", ERR_VALIDATION, "starting at 1 but was 0");
    check_fails("MAP('a', 1, 'b')", ERR_VALIDATION, "even number");
    check_fails("ARRAY(1, 'x')", ERR_VALIDATION, "same type");
}

/* java.util.Random(5).nextInt(10) is 7 at first. */
static void test_random(void **state) {
    check_value("RAND_INTEGER(5, 10)", "INT NOT NULL", "7");
    check_value("=(RAND(42), RAND(42))", "BOOLEAN NOT NULL", "TRUE");
    check_value("CHAR_LENGTH(UUID())", "INT NOT NULL", "36");
    check_value("BIN(-1)", "STRING NOT NULL",
                "1111111111111111111111111111111111111111111111111111111111111111");
    check_value("BIN(10)", "STRING NOT NULL", "1010");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),    cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_reals),       cmocka_unit_test(test_failures),
        cmocka_unit_test(test_comparisons), cmocka_unit_test(test_in),
        cmocka_unit_test(test_logic),       cmocka_unit_test(test_conditionals),
        cmocka_unit_test(test_time),        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
