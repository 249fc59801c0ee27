/* type_test.c - type texts go round, equality, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/str.h"
#include "vector/type.h"

#include <string.h>

static struct arena arena;

static void expect_round(const char *text, const char *want) {
    struct err err = ERR_INIT;
    const struct type *t;
    if (type_parse(&arena, text, &t, &err)) fail_msg("%s: %s", text, err.msg);
    assert_string_equal(type_text_of(&arena, t), want);
    const struct type *again;
    assert_int_equal(type_parse(&arena, want, &again, &err), 0);
    assert_true(type_eq(t, again));
    assert_true(type_eq(t, type_copy(&arena, t)));
}

static void test_round_trip(void **state) {
    static const char *const same[] = {"INT",
                                       "INT NOT NULL",
                                       "BOOLEAN",
                                       "TINYINT",
                                       "SMALLINT",
                                       "BIGINT",
                                       "FLOAT",
                                       "DOUBLE",
                                       "DECIMAL(10, 2)",
                                       "DECIMAL(38, 38) NOT NULL",
                                       "CHAR(3)",
                                       "CHAR(0)",
                                       "VARCHAR(0)",
                                       "VARCHAR(20)",
                                       "STRING",
                                       "BINARY(4)",
                                       "VARBINARY(7)",
                                       "BYTES",
                                       "DATE",
                                       "TIME(0)",
                                       "TIME(3)",
                                       "TIMESTAMP(3)",
                                       "TIMESTAMP(6) NOT NULL",
                                       "TIMESTAMP_LTZ(9)",
                                       "NULL",
                                       "INTERVAL SECOND(3)",
                                       "INTERVAL DAY(2) TO SECOND(6)",
                                       "INTERVAL MONTH",
                                       "INTERVAL YEAR(4) TO MONTH",
                                       "INTERVAL HOUR TO MINUTE",
                                       "ARRAY<INT NOT NULL>",
                                       "MAP<STRING NOT NULL, ARRAY<INT>>",
                                       "MULTISET<STRING> NOT NULL",
                                       "ROW<`a` INT NOT NULL, `b` ROW<`c` STRING>> NOT NULL",
                                       "ROW<`a``b` INT 'it''s a doc'>",
                                       "TIMESTAMP(3) *ROWTIME*",
                                       "TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*",
                                       "ROW<>"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        expect_round(same[i], same[i]);
}

static void test_other_spellings(void **state) {
    static const char *const pairs[][2] = {
        {"integer", "INT"},
        {"varchar(2147483647)", "STRING"},
        {"VARCHAR", "VARCHAR(1)"},
        {"character varying(5)", "VARCHAR(5)"},
        {"decimal", "DECIMAL(10, 0)"},
        {"NUMERIC(5)", "DECIMAL(5, 0)"},
        {"double precision", "DOUBLE"},
        {"timestamp", "TIMESTAMP(6)"},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL", "TIMESTAMP_LTZ(3) NOT NULL"},
        {"TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP(6)"},
        {"INT ARRAY", "ARRAY<INT>"},
        {"INT NOT NULL ARRAY NOT NULL MULTISET", "MULTISET<ARRAY<INT NOT NULL> NOT NULL>"},
        {"ROW(a INT, `b c` STRING)", "ROW<`a` INT, `b c` STRING>"},
        {"ROW<INT, DECIMAL(3, 1)>", "ROW<`f0` INT, `f1` DECIMAL(3, 1)>"},
        {"ROW<a ARRAY<ROW<x INT>>>", "ROW<`a` ARRAY<ROW<`x` INT>>>"},
        {"interval day to second", "INTERVAL DAY(2) TO SECOND(6)"},
        {"  INT  NULL ", "INT"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        expect_round(pairs[i][0], pairs[i][1]);
}

static void test_bad_text(void **state) {
    static const char *const bad[] = {"",
                                      "INTT",
                                      "DECIMAL(39, 0)",
                                      "DECIMAL(5, 6)",
                                      "VARCHAR(-1)",
                                      "ARRAY<INT",
                                      "MAP<INT>",
                                      "ROW<a>",
                                      "TIME(10)",
                                      "INT INT",
                                      "INT NOT",
                                      "ROW<a INT b INT>",
                                      "TIMESTAMP(3",
                                      "INTERVAL DAY TO MONTH",
                                      "`INT`",
                                      "INTERVAL"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        const struct type *t;
        if (type_parse(&arena, bad[i], &t, &err) != ERR_PARSE) fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(err.msg, "column"));
    }
    /* Nesting is bounded. */
    AUTO_STR deep = STR_INIT;
    for (int i = 0; i < 100; i++)
        str_add(&deep, "ARRAY<");
    struct err err = ERR_INIT;
    const struct type *t;
    assert_int_equal(type_parse(&arena, str_text(&deep), &t, &err), ERR_PARSE);
    assert_non_null(strstr(err.msg, "nesting"));
}

static void test_equality(void **state) {
    const struct type *i = type_of(TYPE_INT), *in = type_of_not_null(TYPE_INT);
    assert_true(type_eq(i, type_with_null(&arena, in, true)));
    assert_false(type_eq(i, in));
    assert_true(type_eq_ignore_null(type_array(&arena, i, true), type_array(&arena, in, false)));
    assert_false(type_eq(type_array(&arena, i, true), type_array(&arena, in, true)));
    assert_false(type_eq(type_decimal(&arena, 5, 1, true), type_decimal(&arena, 5, 2, true)));
    assert_int_equal(type_phys(type_time(&arena, TYPE_TIMESTAMP, 3, true)), PHYS_I64);
    assert_int_equal(type_phys(type_time(&arena, TYPE_TIMESTAMP, 4, true)), PHYS_I128);
    const struct type *ms = type_multiset(&arena, i, true);
    assert_int_equal(type_stored_children(ms), 2);
    assert_int_equal(type_stored_child(ms, 1)->kind, TYPE_INT);
}

static int setup(void **state) {
    arena_init(&arena);
    return 0;
}

static int teardown(void **state) {
    arena_release(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_equality),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
