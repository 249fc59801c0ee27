/* bind_golden_test.c - statements and the logical plans or errors they give, kept in
 * tests/data/bind/(name).txt: blocks of SQL, a line "----", and what is expected, parted by lines
 * "====". The first block of a file is run in front of each other one. With BIND_GOLDEN_WRITE=1 in
 * the environment the files are written anew, to be read before they are committed. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct golden {
    int right, wrong;
    struct str out;
};

/* Schema and plan, rows, or the note of the last statement; or the error with its place. */
static void render(struct sql_kit *k, int rc, struct str *out) {
    const struct statement_result *r = &k->result;
    if (rc) {
        str_addf(out, "%s %d:%d: %s\n", err_code_name(rc), k->err.line, k->err.column, k->err.msg);
        return;
    }
    if (r->kind == STATEMENT_DONE)
        str_addf(out, "%s%s%s\n", r->what, r->text ? ": " : "", r->text ? r->text : "");
    for (int i = 0; r->kind == STATEMENT_ROWS && i < r->n_rows; i++)
        for (int c = 0; c < r->schema->n; c++) {
            const char *cell = r->cells[i * r->schema->n + c];
            str_addf(out, "%s%s", cell ? cell : "NULL", c == r->schema->n - 1 ? "\n" : " | ");
        }
    if (r->kind == STATEMENT_QUERY) str_addf(out, "%s\n", sql_kit_schema(k));
    str_add(out, sql_kit_plan(k));
}

static void run_block(struct golden *g, const char *set_up, const char *sql, const char *want) {
    struct sql_kit k;
    sql_kit_init(&k);
    assert_ok(sql_kit_run(&k, set_up), &k.err);
    AUTO_STR got = STR_INIT;
    render(&k, sql_kit_run(&k, sql), &got);
    str_addf(&g->out, "====\n%s----\n%s", sql, str_text(&got));
    if (!strcmp(str_text(&got), want)) {
        g->right++;
    } else {
        g->wrong++;
        printf("%s---- got\n%s---- want\n%s\n", sql, str_text(&got), want);
    }
    sql_kit_release(&k);
}

static void run_file(struct golden *g, const char *name) {
    char path[300];
    snprintf(path, sizeof(path), "bind/%s", name);
    char *text = sql_kit_file(path), *next;
    char *set_up = text;
    str_clear(&g->out);
    next = strstr(text, "====\n");
    assert_non_null(next);
    *next = 0;
    str_add(&g->out, set_up);
    for (char *block = next + 5; block; block = next) {
        next = strstr(block, "====\n");
        if (next) {
            *next = 0;
            next += 5;
        }
        char *want = strstr(block, "----\n");
        const char *expected = "";
        if (want) {
            *want = 0;
            expected = want + 5;
        }
        run_block(g, set_up, block, expected);
    }
    if (getenv("BIND_GOLDEN_WRITE")) {
        char full[512];
        snprintf(full, sizeof(full), "tests/data/%s", path);
        FILE *f = fopen(full, "wb");
        assert_non_null(f);
        fputs(str_text(&g->out), f);
        fclose(f);
    }
    free(text);
}

static void test_golden(void **state) {
    (void)state;
    struct golden g = {0};
    DIR *d = opendir("tests/data/bind");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".txt")) run_file(&g, e->d_name);
    closedir(d);
    str_release(&g.out);
    printf("%d right, %d wrong\n", g.right, g.wrong);
    assert_true(g.right + g.wrong > 50);
    assert_int_equal(g.wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
