/* coll_test.c - functions of arrays and maps. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/vector/func/func_kit.h"

#define A123 "<ARRAY<INT>>NULL"

static void test_membership(void **state) {
    check_value("ARRAY_CONTAINS(ARRAY(1, 2, 3), 3)", "BOOLEAN NOT NULL", "TRUE");
    check_value("ARRAY_CONTAINS(ARRAY(1, <INT>NULL), <INT>NULL)", "BOOLEAN NOT NULL", "TRUE");
    check_value("ARRAY_CONTAINS(" A123 ", 1)", "BOOLEAN", "NULL");
    check_fails("ARRAY_CONTAINS(ARRAY(1, 2), 'x')", ERR_VALIDATION, "ARRAY_CONTAINS");
    check_value("ARRAY_POSITION(ARRAY('a', 'b', 'a'), 'b')", "INT NOT NULL", "2");
    check_value("ARRAY_POSITION(ARRAY(1), <INT>NULL)", "INT", "NULL");
    check_value("ARRAY_REMOVE(ARRAY(1, 2, 1, 3), 1)", "ARRAY<INT NOT NULL> NOT NULL", "[2, 3]");
    check_value("ARRAY_REMOVE(ARRAY(1, <INT>NULL), <INT>NULL)", "ARRAY<INT> NOT NULL", "[1]");
    check_value("ARRAY_APPEND(ARRAY(1, 2), <INT>NULL)", "ARRAY<INT>", "[1, 2, NULL]");
    check_value("ARRAY_APPEND(" A123 ", 2)", "ARRAY<INT>", "NULL");
    check_value("ARRAY_PREPEND(ARRAY('b'), 'a')", "ARRAY<CHAR(1) NOT NULL> NOT NULL", "[a, b]");
}

static void test_order(void **state) {
    check_value("ARRAY_REVERSE(ARRAY(1, 2, 3))", "ARRAY<INT NOT NULL> NOT NULL", "[3, 2, 1]");
#define A "ARRAY(1, 2, 3, 4, 5)"
    check_value("ARRAY_SLICE(" A ", 3)", "ARRAY<INT NOT NULL> NOT NULL", "[3, 4, 5]");
    check_value("ARRAY_SLICE(" A ", 2, 3)", "ARRAY<INT NOT NULL> NOT NULL", "[2, 3]");
    check_value("ARRAY_SLICE(" A ", -2, -1)", "ARRAY<INT NOT NULL> NOT NULL", "[4, 5]");
    check_value("ARRAY_SLICE(" A ", 0, 0)", "ARRAY<INT NOT NULL> NOT NULL", "[1]");
    check_value("ARRAY_SLICE(" A ", 4, 2)", "ARRAY<INT NOT NULL> NOT NULL", "[]");
    check_value("ARRAY_SLICE(" A ", 7, 9)", "ARRAY<INT NOT NULL> NOT NULL", "[]");
#define B "ARRAY(3, 1, <INT>NULL, 2)"
    check_value("ARRAY_SORT(" B ")", "ARRAY<INT> NOT NULL", "[NULL, 1, 2, 3]");
    check_value("ARRAY_SORT(" B ", !FALSE)", "ARRAY<INT> NOT NULL", "[3, 2, 1, NULL]");
    check_value("ARRAY_SORT(" B ", !TRUE, !FALSE)", "ARRAY<INT> NOT NULL", "[1, 2, 3, NULL]");
    check_value("ARRAY_MAX(" B ")", "INT", "3");
    check_value("ARRAY_MIN(ARRAY('b', 'B', 'a'))", "CHAR(1)", "B");
    check_value("ARRAY_MIN(ARRAY(<INT>NULL))", "INT", "NULL");
    check_value("ELEMENT(ARRAY(7))", "INT NOT NULL", "7");
    check_fails("ELEMENT(ARRAY(7, 8))", ERR_RUNTIME, "more than one element");
    check_value("ARRAY_JOIN(ARRAY('a', <STRING>NULL, 'c'), '-', !'null!')", "STRING NOT NULL",
                "a-null!-c");
    check_value("ARRAY_JOIN(ARRAY('a', <STRING>NULL, 'c'), '-')", "STRING NOT NULL", "a-c");
}

static void test_sets(void **state) {
    check_value("ARRAY_DISTINCT(ARRAY(3, 1, 3, <INT>NULL, 1, <INT>NULL))", "ARRAY<INT> NOT NULL",
                "[3, 1, NULL]");
    check_value("ARRAY_UNION(ARRAY(1, 2, 2), ARRAY(2, 3))", "ARRAY<INT NOT NULL> NOT NULL",
                "[1, 2, 3]");
    check_value("ARRAY_INTERSECT(ARRAY(1, 2, 2, 3), ARRAY(2, 3, 4))",
                "ARRAY<INT NOT NULL> NOT NULL", "[2, 3]");
    check_value("ARRAY_EXCEPT(ARRAY(1, 2, 2, 3), ARRAY(3, 4))", "ARRAY<INT NOT NULL> NOT NULL",
                "[1, 2]");
    check_value("ARRAY_CONCAT(ARRAY(1, 2), ARRAY(3), ARRAY(1))", "ARRAY<INT NOT NULL> NOT NULL",
                "[1, 2, 3, 1]");
    check_value("ARRAY_CONCAT(" A123 ", ARRAY(1))", "ARRAY<INT>", "NULL");
    check_value("ARRAY_UNION(ARRAY(1), ARRAY(2.5))", "ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL",
                "[1.0, 2.5]");
}

static void test_maps(void **state) {
    check_value("MAP_KEYS(MAP('a', 1, 'b', 2))", "ARRAY<CHAR(1) NOT NULL> NOT NULL", "[a, b]");
    check_value("MAP_VALUES(MAP('a', 1, 'b', 2))", "ARRAY<INT NOT NULL> NOT NULL", "[1, 2]");
    check_value("MAP_ENTRIES(MAP('a', 1))",
                "ARRAY<ROW<`key` CHAR(1) NOT NULL, `value` INT NOT NULL>> NOT NULL", "[(a, 1)]");
    check_value("MAP_FROM_ARRAYS(ARRAY('x', 'y'), ARRAY(1, 2))",
                "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL", "{x=1, y=2}");
    check_fails("MAP_FROM_ARRAYS(ARRAY('x', 'y'), ARRAY(1))", ERR_RUNTIME, "MAP_FROM_ARRAYS");
    check_value("MAP_UNION(MAP('a', 1, 'b', 2), MAP('b', 20, 'c', 3))",
                "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL", "{b=20, c=3, a=1}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_membership),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
