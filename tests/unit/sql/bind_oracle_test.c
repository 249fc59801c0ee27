/* bind_oracle_test.c - every query and wrong statement of tests/data/flinksql: what the resolved
 * schema is, and what is refused, as Flink does it. */
#include "sql/planner.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { CASES_MAX = 2000 };

struct tally {
    int right, wrong;
};

static void wrong(struct tally *t, const char *id, const char *what, const char *got,
                  const char *want) {
    t->wrong++;
    printf("%s: %s\n    got  %s\n    want %s\n", id, what, got, want);
}

static const char *class_of(int rc) {
    if (!rc) return "none";
    return rc == ERR_PARSE ? "parse" : rc == ERR_RUNTIME ? "runtime" : "validation";
}

static bool set_up(struct sql_kit *k, struct tally *t, const char *id, const char *sql) {
    char *text = sql_kit_replace(sql, "${DIR}", "/nowhere");
    int rc = sql_kit_run(k, text);
    free(text);
    if (rc) wrong(t, id, sql, k->err.msg, "ok");
    return rc == 0;
}

static bool set_up_all(struct sql_kit *k, struct tally *t, const char *id, const cJSON *list,
                       const char *member) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const char *sql = member ? json_opt_str(item, member, "") : cJSON_GetStringValue(item);
        if (!set_up(k, t, id, sql)) return false;
    }
    return true;
}

static void set_mode(struct sql_kit *k, const char *mode) {
    if (!strcmp(mode, "batch"))
        assert_ok(session_set(k->session, "execution.runtime-mode", "BATCH", &k->err), &k->err);
}

/* ---- queries ---- */

static bool create_sinks(struct sql_kit *k, struct tally *t, const char *id, const cJSON *sinks) {
    const cJSON *s, *c;
    cJSON_ArrayForEach(s, sinks) {
        AUTO_STR sql = STR_INIT;
        str_addf(&sql, "CREATE TABLE `%s` (", json_opt_str(s, "name", ""));
        cJSON_ArrayForEach(c, json_opt(s, "columns")) {
            str_addf(&sql, "%s`%s` %s", c->prev && c != json_opt(s, "columns")->child ? ", " : "",
                     json_opt_str(c, "name", ""), json_opt_str(c, "type", ""));
        }
        const cJSON *pk = json_opt(s, "primary_key");
        if (pk) {
            str_add(&sql, ", PRIMARY KEY (");
            cJSON_ArrayForEach(c, pk) {
                str_addf(&sql, "%s`%s`", c == pk->child ? "" : ", ", cJSON_GetStringValue(c));
            }
            str_add(&sql, ") NOT ENFORCED");
        }
        str_add(&sql, ") WITH ('connector' = 'print')");
        if (!set_up(k, t, id, str_text(&sql))) return false;
    }
    return true;
}

static void check_schema(struct sql_kit *k, struct tally *t, const char *id, const cJSON *want) {
    AUTO_STR text = STR_INIT;
    const cJSON *c;
    cJSON_ArrayForEach(c, want)
        str_addf(&text, "%s%s", c == want->child ? "" : ", ", cJSON_GetStringValue(c));
    const char *got = sql_kit_schema(k);
    if (!strcmp(got, str_text(&text)))
        t->right++;
    else
        wrong(t, id, "schema", got, str_text(&text));
}

static void run_query(struct tally *t, const char *file) {
    char path[300];
    snprintf(path, sizeof(path), "flinksql/queries/%s", file);
    AUTO_JSON *j = sql_kit_json(path);
    const char *id = json_opt_str(j, "id", file);
    struct sql_kit k;
    sql_kit_init(&k);
    set_mode(&k, json_opt_str(j, "mode", "streaming"));
    const cJSON *c, *expect = json_opt(j, "expect"), *query = json_opt(j, "query");
    bool ok = true;
    cJSON_ArrayForEach(c, json_opt(j, "config"))
        assert_ok(session_set(k.session, c->string, cJSON_GetStringValue(c), &k.err), &k.err);
    ok = set_up_all(&k, t, id, json_opt(j, "tables"), "ddl") &&
         set_up_all(&k, t, id, json_opt(j, "setup"), NULL);
    if (ok && !query) ok = create_sinks(&k, t, id, json_opt(j, "sinks"));
    int rc = 0;
    const char *sql = query ? cJSON_GetStringValue(query) : "";
    if (ok && query) rc = sql_kit_run(&k, sql);
    cJSON_ArrayForEach(c, json_opt(j, "inserts")) {
        sql = cJSON_GetStringValue(c);
        if (ok && !rc) rc = sql_kit_run(&k, sql);
    }
    const char *error = expect ? json_opt_str(expect, "error", "") : "none";
    /* What Flink finds while it plans or runs is not the binder's to find. */
    bool later = expect && strcmp(json_opt_str(expect, "phase", ""), "validate") != 0;
    if (ok && rc && strcmp(class_of(rc), error) != 0) {
        wrong(t, id, sql, k.err.msg, error);
    } else if (ok && !rc && expect && !later) {
        wrong(t, id, sql, "bound", error);
    } else if (ok && !rc && query && json_opt(j, "query_schema")) {
        check_schema(&k, t, id, json_opt(j, "query_schema"));
    } else if (ok) {
        t->right++;
    }
    sql_kit_release(&k);
}

static void test_queries(void **state) {
    (void)state;
    struct tally t = {0};
    DIR *d = opendir("tests/data/flinksql/queries");
    assert_non_null(d);
    char *names[CASES_MAX];
    int n = 0;
    for (struct dirent *e; (e = readdir(d)) && n < CASES_MAX;)
        if (strstr(e->d_name, ".json")) names[n++] = strdup(e->d_name);
    closedir(d);
    for (int i = 0; i < n; i++) {
        run_query(&t, names[i]);
        free(names[i]);
    }
    printf("queries: %d right, %d wrong\n", t.right, t.wrong);
    assert_true(n > 100);
    assert_int_equal(t.wrong, 0);
}

/* ---- lines of JSON ---- */

static int each_line(const char *path, void (*f)(struct tally *t, const cJSON *j),
                     struct tally *t) {
    char *text = sql_kit_file(path), *save = NULL;
    int n = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        AUTO_JSON *j = cJSON_Parse(line);
        assert_non_null(j);
        f(t, j);
        n++;
    }
    free(text);
    return n;
}

/* Some of what is wrong is found by the planner only. */
static int plan(struct sql_kit *k) {
    struct planner_input in = {.name = "test",
                               .n_sinks = k->result.n_sinks,
                               .sinks = k->result.sinks,
                               .session = k->session,
                               .parallelism = 1};
    struct plan *p;
    return k->result.n_sinks ? planner_plan(&k->arena, &in, &p, &k->err) : 0;
}

static void run_error(struct tally *t, const cJSON *j) {
    const char *id = json_opt_str(j, "id", ""), *want = json_opt_str(j, "error", "");
    struct sql_kit k;
    sql_kit_init(&k);
    set_mode(&k, json_opt_str(j, "mode", "streaming"));
    char *std = sql_kit_file("flinksql/errors_setup.sql");
    const cJSON *setup = json_opt(j, "setup");
    bool ok = cJSON_IsArray(setup) ? set_up_all(&k, t, id, setup, NULL) : set_up(&k, t, id, std);
    free(std);
    const char *sql = json_opt_str(j, "sql", "");
    int rc = ok ? sql_kit_run(&k, sql) : 0;
    if (ok && !rc) rc = plan(&k);
    const char *got = class_of(rc);
    bool runs = !rc && !strcmp(want, "runtime"); /* fails once it runs */
    if (ok && strcmp(got, want) != 0 && !runs) {
        wrong(t, id, sql, rc ? k.err.msg : "bound", want);
    } else if (ok) {
        t->right++;
        if (rc && !k.err.line) wrong(t, id, "no place", k.err.msg, "line:column");
    }
    if (getenv("SHOW")) printf("%s [%s] %d:%d %s\n", sql, got, k.err.line, k.err.column, k.err.msg);
    sql_kit_release(&k);
}

static void test_errors(void **state) {
    (void)state;
    struct tally t = {0};
    int n = each_line("flinksql/errors.jsonl", run_error, &t);
    printf("errors: %d right, %d wrong\n", t.right, t.wrong);
    assert_true(n > 100);
    assert_int_equal(t.wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
