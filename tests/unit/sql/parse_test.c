/* parse_test.c - scripts, places, errors, reserved words and limits of the SQL parser. */
#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

static int parse(struct arena *a, const char *text, struct sql_script *s, struct err *err) {
    *err = (struct err)ERR_INIT;
    *s = (struct sql_script){0};
    return sql_parse_script(a, text, strlen(text), s, err);
}

static bool accepts(const char *text) {
    struct arena a;
    struct err err;
    struct sql_script s;
    arena_init(&a);
    int rc = parse(&a, text, &s, &err);
    arena_release(&a);
    return rc == 0;
}

/* ---- scripts -------------------------------------------------------------------------------- */

static void script_gives_statements_with_their_places(void **state) {
    static const char text[] = "-- first\n"
                               "USE c;;\n"
                               "  SELECT 'a;b', `x;y`\n"
                               "  FROM t; /* ; */\n"
                               "EXECUTE STATEMENT SET BEGIN\n"
                               "INSERT INTO a SELECT CASE WHEN x THEN 1 END FROM b;\n"
                               "INSERT INTO c SELECT 1;\n"
                               "END;\n"
                               "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END; QUIT";
    static const enum ast_kind kinds[] = {AST_USE, AST_QUERY, AST_STATEMENT_SET, AST_STATEMENT_SET,
                                          AST_CLIENT};
    struct arena a;
    struct err err;
    struct sql_script s;
    arena_init(&a);
    assert_int_equal(parse(&a, text, &s, &err), 0);
    assert_int_equal(s.n_stmts, ARRAY_LEN(kinds));
    for (size_t i = 0; i < s.n_stmts; i++)
        assert_int_equal(s.stmts[i].ast->kind, kinds[i]);
    const struct ast_span *q = &s.stmts[1].span;
    assert_int_equal(q->line, 3);
    assert_int_equal(q->column, 3);
    assert_int_equal(q->end_line, 4);
    assert_int_equal(q->end_column, 8);
    assert_memory_equal(text + q->begin, "SELECT 'a;b'", 12);
    assert_int_equal(text[q->end], ';');
    assert_int_equal(AST_TO(statement_set, s.stmts[2].ast)->inserts.n, 2);
    arena_release(&a);
}

/* In time that grows with its length: with the square of it, this would take minutes. */
static void long_string_is_one_token(void **state) {
    enum { LEN = 12 << 20 };
    char *text = malloc(LEN + 16);
    memcpy(text, "SELECT '", 8);
    memset(text + 8, 'x', LEN);
    memcpy(text + 8 + LEN, "', 1", 5);
    struct arena a;
    struct err err;
    struct sql_script s;
    arena_init(&a);
    assert_int_equal(parse(&a, text, &s, &err), 0);
    assert_int_equal(s.n_stmts, 1);
    assert_int_equal(s.stmts[0].span.end, LEN + 12);
    arena_release(&a);
    free(text);
}

static void empty_scripts_have_no_statements(void **state) {
    static const char *const texts[] = {"", " \n\t", ";", ";;;", "-- x", "/* x */ ;", "// x\n;"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena a;
        struct err err;
        struct sql_script s;
        arena_init(&a);
        assert_int_equal(parse(&a, texts[i], &s, &err), 0);
        assert_int_equal(s.n_stmts, 0);
        arena_release(&a);
    }
}

static void reader_goes_on_behind_a_broken_statement(void **state) {
    static const char text[] = "SELECT 1;\nSELEC 2;\nSELECT 'x;y' FROM WHERE;\nSELECT # ;SELECT 3";
    static const int want[] = {1, -1, -1, -1, 1};
    static const int lines[] = {1, 2, 3, 4, 4};
    struct sql_reader r;
    struct sql_statement stmt;
    struct arena a;
    struct err err = ERR_INIT;
    size_t n = 0;
    int rc;
    arena_init(&a);
    sql_reader_init(&r, text, sizeof(text) - 1);
    while ((rc = sql_next_statement(&r, &a, &stmt, &err)) != 0) {
        assert_true(n < ARRAY_LEN(want));
        assert_int_equal(rc > 0 ? 1 : -1, want[n]);
        assert_int_equal(stmt.span.line, lines[n]);
        assert_int_equal(stmt.ast != NULL, rc > 0);
        if (rc < 0) assert_int_equal(err.line, lines[n]);
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(want));
    arena_release(&a);
}

static void nodes_know_their_place(void **state) {
    static const char text[] = "SELECT é, foo(a,\n  b + 10) FROM t";
    struct arena a;
    struct err err;
    struct sql_script s;
    arena_init(&a);
    assert_int_equal(parse(&a, text, &s, &err), 0);
    const struct ast_select *sel = AST_TO(select, AST_TO(query, s.stmts[0].ast)->body);
    const struct ast *call = sel->items[1].expr;
    assert_int_equal(call->span.line, 1);
    assert_int_equal(call->span.column, 11); /* characters, not bytes */
    assert_int_equal(call->span.end_line, 2);
    assert_int_equal(call->span.end_column, 9);
    const struct ast *sum = AST_TO(call, call)->args.items[1];
    assert_int_equal(sum->kind, AST_BINARY);
    assert_memory_equal(text + sum->span.begin, "b + 10", 6);
    assert_int_equal(sum->span.end - sum->span.begin, 6);
    arena_release(&a);
}

static void parts_parse_alone(void **state) {
    struct arena a;
    struct err err = ERR_INIT;
    struct ast *expr;
    struct ast_query *query;
    struct ast_type *type;
    arena_init(&a);
    assert_int_equal(sql_parse_expr(&a, "a + 1", 5, &expr, &err), 0);
    assert_int_equal(expr->kind, AST_BINARY);
    assert_int_equal(sql_parse_query(&a, "VALUES 1", 8, &query, &err), 0);
    assert_int_equal(query->body->kind, AST_VALUES);
    assert_int_equal(sql_parse_type(&a, "ROW<a INT NOT NULL>", 19, &type, &err), 0);
    assert_int_equal(type->kind, AST_TYPE_ROW);
    assert_true(type->fields[0].type->not_null);
    assert_int_equal(sql_parse_expr(&a, "a +", 3, &expr, &err), ERR_PARSE);
    assert_int_equal(sql_parse_type(&a, "INT; INT", 8, &type, &err), ERR_PARSE);
    assert_int_equal(sql_parse_query(&a, "USE x", 5, &query, &err), ERR_PARSE);
    arena_release(&a);
}

/* ---- errors --------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    int code, line, column;
    const char *message; /* a part of it */
} errors[] = {
    {"SELECT a FROM", ERR_PARSE, 1, 13, "unexpected the end of the statement, expected a name"},
    {"SELEC a FROM t", ERR_PARSE, 1, 1, "expected a statement; did you mean SELECT?"},
    {"SELECT a\nFORM t", ERR_PARSE, 2, 6, "unexpected 't', expected FROM"},
    {"SELECT a\nFORM t", ERR_PARSE, 2, 6, "did you mean FROM in place of 'FORM'?"},
    {"SELECT value FROM t", ERR_PARSE, 1, 8,
     "VALUE is a reserved word: to use it as a name, write "
     "`value`"},
    {"SELECT a FROM t GROUP a", ERR_PARSE, 1, 23, "unexpected 'a', expected BY"},
    {"SELECT (a FROM t", ERR_PARSE, 1, 11, "unexpected 'FROM', expected ')' or ','"},
    {"SELECT 'abc", ERR_PARSE, 1, 8, "the string that starts here is not closed"},
    {"SELECT `abc\n` FROM t", ERR_PARSE, 1, 8, "a ` is missing on this line"},
    {"SELECT 1 /* x", ERR_PARSE, 1, 10, "'*/' is missing"},
    {"SELECT \"a\" FROM t", ERR_PARSE, 1, 8, "names are quoted with ` and strings with '"},
    {"SELECT a # b", ERR_PARSE, 1, 10, "unexpected character '#'"},
    {"SELECT a \xe2\x80\x99", ERR_PARSE, 1, 10, "(U+2019)"},
    {"SELECT a \xff", ERR_PARSE, 1, 10, "not UTF-8"},
    {"SELECT 'a\xff'", ERR_PARSE, 1, 8, "not UTF-8 in this text"},
    {"SET k = \xff", ERR_PARSE, 1, 9, "not UTF-8"},
    {"SELECT a != b", ERR_PARSE, 1, 10, "write '<>'"},
    {"SELECT a FROM t MINUS SELECT b FROM u", ERR_PARSE, 1, 17, "write EXCEPT"},
    {"SELECT 'a' 'b'", ERR_VALIDATION, 1, 12, "must start on a new line"},
    {"SELECT X'0'", ERR_VALIDATION, 1, 8, "even number"},
    {"SELECT X'0G'", ERR_PARSE, 1, 8, "hexadecimal digits only"},
    {"SELECT _klingon'a'", ERR_PARSE, 1, 8, "character set"},
    {"SELECT U&'\\12'", ERR_PARSE, 1, 8, "code of a character"},
    {"SELECT U&'\\0000'", ERR_PARSE, 1, 8, "code of a character"},
    {"SELECT E'a\\0'", ERR_PARSE, 1, 8, "names no character"},
    {"SELECT DECIMAL 'x'", ERR_PARSE, 1, 16, "DECIMAL takes a number"},
    {"SELECT INTERVAL '1' FORTNIGHT", ERR_PARSE, 1, 21, "expected a time unit"},
    {"SELECT INTERVAL '1' MONTH TO DAY", ERR_PARSE, 1, 30, "MONTH TO DAY is no interval"},
    {"SELECT CAST(a AS DECIMAL(99999999999))", ERR_PARSE, 1, 26, "is too large"},
    {"SELECT LISTAGG(a ORDER BY b)", ERR_PARSE, 1, 27, "takes no ORDER BY"},
    {"SELECT JSON_VALUE(a, 'b' NULL ON EMPTY ERROR ON EMPTY)", ERR_PARSE, 1, 40, "given twice"},
    {"SELECT /*+ h(a, 'k' = 'v') */ 1", ERR_PARSE, 1, 14, "must be all names"},
    {"SELECT STREAM a FROM t", ERR_UNSUPPORTED, 1, 8, "SELECT STREAM"},
    {"SELECT * FROM t PIVOT (SUM(a) FOR b IN (1))", ERR_UNSUPPORTED, 1, 17, "PIVOT"},
    {"MERGE INTO t AS x USING u ON TRUE", ERR_UNSUPPORTED, 1, 1, "MERGE"},
    {"CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a,\n WATERMARK FOR a AS a)", ERR_PARSE, 2,
     2, "one WATERMARK at most"},
    {"CREATE TABLE t (a, b INT)", ERR_PARSE, 1, 17, "column 'a' has no type"},
    {"CREATE TABLE t (a INT) WITH (connector = 'x')", ERR_PARSE, 1, 30, "expected a string or ')'"},
    {"CREATE SYSTEM FUNCTION f AS 'x'", ERR_PARSE, 1, 8, "SYSTEM needs TEMPORARY"},
    {"DROP TABLE t CASCADE", ERR_PARSE, 1, 14, "only DROP DATABASE"},
    {"STOP JOB 'x' WITH DRAIN", ERR_PARSE, 1, 14, "WITH SAVEPOINT"},
    {"EXPLAIN CREATE TABLE t (a INT)", ERR_PARSE, 1, 9, "AS query"},
    {"EXECUTE STATEMENT SET BEGIN SELECT 1; END", ERR_PARSE, 1, 29, "expected INSERT or UPSERT"},
    {"SET = v", ERR_PARSE, 1, 1, "the key of SET is empty"},
    {"SET k", ERR_PARSE, 1, 5, "SET takes a key and a value"},
    {"SELECT LAG(a IGNORE NULLS)", ERR_PARSE, 1, 8, "behind the parentheses"},
    {"SELECT a FROM t 'x\ny' z", ERR_PARSE, 1, 17, "unexpected 'x y'"},
    {"SELECT CAST(a AS INT NOT NULL)", ERR_PARSE, 1, 22, "unexpected 'NOT'"},
    {"SELECT a FROM t LIMIT 1, 2", ERR_PARSE, 1, 24, "unexpected ','"},
    {"SELECT a FROM t OFFSET 1 LIMIT 2", ERR_PARSE, 1, 26, "unexpected 'LIMIT'"},
    {"SELECT a FROM (t)", ERR_PARSE, 1, 17, "unexpected ')'"},
    {"SELECT a FROM t LEFT SEMI JOIN u ON TRUE", ERR_PARSE, 1, 22, "unexpected 'SEMI'"},
    {"SELECT 1 WHERE TRUE", ERR_PARSE, 1, 10, "unexpected 'WHERE'"},
};

static void errors_say_where_and_what(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct arena a;
        struct err err;
        struct sql_script s;
        arena_init(&a);
        int rc = parse(&a, errors[i].text, &s, &err);
        if (rc != errors[i].code || err.line != errors[i].line || err.column != errors[i].column ||
            !strstr(err.msg, errors[i].message))
            fail_msg("%s: %s %d:%d %s", errors[i].text, err_code_name(rc), err.line, err.column,
                     err.msg);
        arena_release(&a);
    }
}

static void error_is_shown_below_its_line(void **state) {
    static const char text[] = "SELECT 1;\nSELECT\ta b c\nFROM t;";
    struct arena a;
    struct err err;
    struct sql_script s;
    AUTO_STR out = STR_INIT;
    arena_init(&a);
    assert_int_equal(parse(&a, text, &s, &err), ERR_PARSE);
    sql_error_render(text, sizeof(text) - 1, &err, NULL, &out);
    assert_string_equal(str_text(&out),
                        "2:12: unexpected 'c', expected FROM, ',' or the end of the statement\n"
                        "  SELECT a b c\n"
                        "             ^\n");
    arena_release(&a);
}

static void error_in_a_long_line_is_cut_around_its_place(void **state) {
    AUTO_STR text = STR_INIT;
    AUTO_STR out = STR_INIT;
    struct err err = ERR_INIT;
    for (int i = 0; i < 300; i++)
        str_add(&text, i == 200 ? "#" : "x");
    assert_int_equal(err_set_at(&err, ERR_PARSE, 1, 201, "here"), ERR_PARSE);
    sql_error_render(str_text(&text), text.len, &err, NULL, &out);
    const char *shown = strchr(str_text(&out), '\n') + 1;
    const char *caret = strchr(shown, '\n') + 1;
    assert_int_equal(shown[strchr(caret, '^') - caret], '#');
    assert_true(strlen(shown) < 300);
}

/* ---- words ---------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    bool reserved;
} words[] = {
#define R(word, token) {#word, true},
#define N(word, token) {#word, false},
#include "sql/keyword.def"
#undef R
#undef N
};

static void reserved_words_are_no_names(void **state) {
    static const char *const forms[] = {"SELECT a AS %s FROM t",   "SELECT t.%s FROM t",
                                        "SELECT * FROM %s",        "SELECT * FROM t AS %s",
                                        "CREATE TABLE %s (a INT)", "INSERT INTO t (%s) SELECT 1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(sql_word_is_reserved(words[i].word), words[i].reserved);
        for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
            char bare[200], quoted[64], name[200];
            snprintf(quoted, sizeof(quoted), "`%s`", words[i].word);
            snprintf(bare, sizeof(bare), forms[k], words[i].word);
            snprintf(name, sizeof(name), forms[k], quoted);
            if (accepts(bare) == words[i].reserved) fail_msg("%s", bare);
            if (!accepts(name)) fail_msg("%s", name);
        }
    }
    assert_false(sql_word_is_reserved("foo"));
    assert_true(sql_word_is_reserved("Select"));
}

static void words_of_common_columns(void **state) {
    static const char *const free_words[] = {"data",   "type",    "name", "key",  "level",  "state",
                                             "source", "version", "plan", "week", "quarter"};
    static const char *const taken[] = {"value",  "user",      "day",   "count",
                                        "time",   "timestamp", "order", "comment",
                                        "result", "dateTime",  "per",   "ln"};
    for (size_t i = 0; i < ARRAY_LEN(free_words); i++) {
        char text[100];
        snprintf(text, sizeof(text), "CREATE TABLE t (%s STRING)", free_words[i]);
        assert_true(accepts(text));
    }
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        char text[100];
        snprintf(text, sizeof(text), "CREATE TABLE t (%s STRING)", taken[i]);
        assert_false(accepts(text));
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

/* before, n times open, middle, n times close. */
static char *nested(const char *before, const char *open, int n, const char *middle,
                    const char *close) {
    struct str s = STR_INIT;
    str_add(&s, before);
    for (int i = 0; i < n; i++)
        str_add(&s, open);
    str_add(&s, middle);
    for (int i = 0; i < n; i++)
        str_add(&s, close);
    return str_take(&s);
}

static void nesting_has_a_limit(void **state) {
    static const struct {
        const char *before, *open, *middle, *close;
    } forms[] = {
        {"SELECT ", "(", "1", ")"},
        {"SELECT ", "(1 + ", "1", ")"},
        {"SELECT ", "f(", "1", ")"},
        {"SELECT ", "NOT ", "TRUE", ""},
        {"SELECT ", "- ", "1", ""},
        {"SELECT ", "CASE WHEN TRUE THEN ", "1", " END"},
        {"SELECT ", "ARRAY[", "1", "]"},
        {"", "SELECT * FROM (", "SELECT 1", ")"},
        {"SELECT * FROM ", "(", "a CROSS JOIN b", ")"},
        {"CREATE TABLE t (a ", "ARRAY<", "INT", ">"},
        {"CREATE TABLE t (a ", "ROW<a ", "INT", ">"},
        {"SELECT CAST(a AS INT", " ARRAY", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct arena a;
        struct err err;
        struct sql_script s;
        char *deep =
            nested(forms[i].before, forms[i].open, 100000, forms[i].middle, forms[i].close);
        arena_init(&a);
        int rc = parse(&a, deep, &s, &err);
        if (rc != ERR_PARSE || !strstr(err.msg, "nested too deeply"))
            fail_msg("%s%s...: %d %s", forms[i].before, forms[i].open, rc, err.msg);
        free(deep);
        arena_release(&a);
    }
    char *fine = nested("SELECT ", "(1 + ", SQL_DEPTH_MAX - 10, "1", ")");
    assert_true(accepts(fine));
    free(fine);
}

static void long_chains_are_no_nesting(void **state) {
    char *fine = nested("SELECT a", " OR a", 2000, "", " + a");
    assert_true(accepts(fine));
    free(fine);
    char *deep = nested("SELECT a", " OR a", SQL_DEPTH_COST_MAX + 10, "", "");
    assert_false(accepts(deep));
    free(deep);
    char *list = nested("SELECT a", ", a", 50000, "", "");
    assert_true(accepts(list));
    free(list);
}

static void names_and_scripts_have_limits(void **state) {
    char *fine = nested("SELECT ", "x", SQL_NAME_MAX_CHARS, "", "");
    char *longer = nested("SELECT ", "é", SQL_NAME_MAX_CHARS + 1, "", "");
    assert_true(accepts(fine));
    assert_false(accepts(longer));
    free(fine);
    free(longer);
    char *huge = nested("SELECT 1;", " ", SQL_SCRIPT_MAX_BYTES, "", "");
    assert_false(accepts(huge));
    free(huge);
}

static bool count_one(void *self, struct ast *child) {
    ++*(int *)self;
    return ast_each_child(child, count_one, self);
}

static void walk_reaches_every_node(void **state) {
    static const char text[] = "WITH w AS (SELECT 1) SELECT f(a) OVER (PARTITION BY b ORDER BY c) "
                               "FROM t JOIN (SELECT 2) AS u ON t.x = u.y WHERE a IN (3, 4)";
    struct arena a;
    struct err err;
    struct sql_script s;
    int n = 0;
    arena_init(&a);
    assert_int_equal(parse(&a, text, &s, &err), 0);
    assert_true(count_one(&n, s.stmts[0].ast));
    /* query; w: query select 1; select: call a window b c; join t derived query select 2 = t.x u.y;
     * in a 3 4 */
    assert_int_equal(n, 1 + 3 + 1 + 5 + 9 + 4);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_gives_statements_with_their_places),
        cmocka_unit_test(long_string_is_one_token),
        cmocka_unit_test(empty_scripts_have_no_statements),
        cmocka_unit_test(reader_goes_on_behind_a_broken_statement),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(parts_parse_alone),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(error_is_shown_below_its_line),
        cmocka_unit_test(error_in_a_long_line_is_cut_around_its_place),
        cmocka_unit_test(reserved_words_are_no_names),
        cmocka_unit_test(words_of_common_columns),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(long_chains_are_no_nesting),
        cmocka_unit_test(names_and_scripts_have_limits),
        cmocka_unit_test(walk_reaches_every_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
