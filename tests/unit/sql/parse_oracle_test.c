/* parse_oracle_test.c - every statement of tests/data/flinksql parses or is refused as Flink 2.3
 * does it, and what parses survives printing. */
#include "base/core/mem.h"
#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct tally {
    int parsed, refused, wrong;
};

static void print_all(const struct sql_script *s, struct str *out) {
    for (size_t i = 0; i < s->n_stmts; i++) {
        ast_print(s->stmts[i].ast, out);
        str_add(out, ";\n");
    }
}

static const char *round_trip(struct arena *a, const struct sql_script *s) {
    static char why[ERR_MSG_SIZE_BYTES + 200];
    AUTO_STR once = STR_INIT;
    AUTO_STR twice = STR_INIT;
    struct sql_script again = {0};
    struct err err = ERR_INIT;
    print_all(s, &once);
    if (sql_parse_script(a, str_text(&once), once.len, &again, &err)) {
        snprintf(why, sizeof(why), "printed text: %s", err.msg);
        return why;
    }
    print_all(&again, &twice);
    return strcmp(str_text(&once), str_text(&twice)) == 0 ? NULL : "prints differently again";
}

/* A place other than Flink's, for a reason. */
static bool other_place(const char *sql) {
    static const char *const sqls[] = {
        "SELECT * FORM ev",                              /* a star takes no alias: FORM is wrong */
        "SELECT TIMESTAMP FROM ev",                      /* Flink blames the word before */
        "SELECT `k FROM ev",                             /* where the name begins, not ends */
        "SELECT 1 == 1 AS v FROM (VALUES (1)) AS t0(x0)" /* the second sign is wrong */
    };
    for (size_t i = 0; i < ARRAY_LEN(sqls); i++)
        if (!strcmp(sqls[i], sql)) return true;
    return false;
}

static void check_place(struct tally *t, const char *sql, const struct err *err,
                        const char *message) {
    const char *p = strstr(message ? message : "", "at line ");
    int line, column;
    if (!p || sscanf(p, "at line %d, column %d", &line, &column) != 2 || other_place(sql)) return;
    if (line == err->line && column == err->column) return;
    printf("%s: got %d:%d, want %d:%d\n", sql, err->line, err->column, line, column);
    t->wrong++;
}

/* error: Flink's class, NULL if it has none. */
static void check(struct tally *t, const char *sql, const char *error, const char *message) {
    struct arena a;
    struct err err = ERR_INIT;
    struct sql_script s = {0};
    arena_init(&a);
    int rc = sql_parse_script(&a, sql, strlen(sql), &s, &err);
    const char *why = rc ? err.msg : round_trip(&a, &s);
    bool is_parse = error && !strcmp(error, "parse");
    bool is_validation = error && !strcmp(error, "validation"); /* found here already */
    bool refused = is_parse ? rc == ERR_PARSE : is_validation && rc && rc != ERR_PARSE;
    if (refused || (!is_parse && !why)) {
        t->parsed += rc == 0;
        t->refused += rc != 0;
        if (rc) check_place(t, sql, &err, message);
    } else {
        printf("%s\n    want %s, got %s\n", sql, error ? error : "none", why ? why : "parsed");
        t->wrong++;
    }
    arena_release(&a);
}

static void check_queries(struct tally *t) {
    DIR *dir = opendir("tests/data/flinksql/queries");
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strstr(e->d_name, ".json")) continue;
        char path[400];
        snprintf(path, sizeof(path), "flinksql/queries/%s", e->d_name);
        AUTO_JSON *j = sql_kit_json(path);
        const cJSON *c, *expect = json_opt(j, "expect");
        const char *error = expect ? json_opt_str(expect, "error", NULL) : NULL;
        const char *message = expect ? json_opt_str(expect, "message", NULL) : NULL;
        cJSON_ArrayForEach(c, json_opt(j, "tables"))
            check(t, json_opt_str(c, "ddl", ""), NULL, NULL);
        cJSON_ArrayForEach(c, json_opt(j, "setup")) check(t, cJSON_GetStringValue(c), NULL, NULL);
        cJSON_ArrayForEach(c, json_opt(j, "inserts"))
            check(t, cJSON_GetStringValue(c), error, NULL);
        if (json_opt(j, "query")) check(t, json_opt_str(j, "query", ""), error, message);
    }
    closedir(dir);
}

/* Calls fn with each line's object. */
static void each_line(struct tally *t, const char *path,
                      void (*fn)(struct tally *t, const cJSON *line)) {
    AUTO_FREE char *text = sql_kit_file(path);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line) continue;
        AUTO_JSON *j = cJSON_Parse(line);
        assert_non_null(j);
        fn(t, j);
    }
}

static void check_expression(struct tally *t, const cJSON *j) {
    AUTO_STR sql = STR_INIT;
    str_addf(&sql, "SELECT %s AS v FROM (VALUES (1)) AS t0(x0)", json_opt_str(j, "expr", ""));
    check(t, str_text(&sql), json_opt_str(j, "error", NULL), json_opt_str(j, "message", NULL));
}

static void check_wrong(struct tally *t, const cJSON *j) {
    const cJSON *c, *setup = json_opt(j, "setup");
    if (cJSON_IsArray(setup)) {
        cJSON_ArrayForEach(c, setup) check(t, cJSON_GetStringValue(c), NULL, NULL);
    }
    check(t, json_opt_str(j, "sql", ""), json_opt_str(j, "error", NULL),
          json_opt_str(j, "message", NULL));
}

static void report(const struct tally *t, int parsed_min, int refused_min) {
    printf("%d parsed, %d refused, %d wrong\n", t->parsed, t->refused, t->wrong);
    assert_int_equal(t->wrong, 0);
    assert_true(t->parsed >= parsed_min);
    assert_true(t->refused >= refused_min);
}

static void queries(void **state) {
    struct tally t = {0};
    check_queries(&t);
    AUTO_FREE char *setup = sql_kit_file("flinksql/errors_setup.sql");
    check(&t, setup, NULL, NULL);
    report(&t, 400, 2);
}

static void expressions(void **state) {
    struct tally t = {0};
    each_line(&t, "flinksql/expressions.jsonl", check_expression);
    report(&t, 1190, 2);
}

static void wrong_statements(void **state) {
    struct tally t = {0};
    each_line(&t, "flinksql/errors.jsonl", check_wrong);
    report(&t, 90, 18);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(expressions),
        cmocka_unit_test(wrong_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
