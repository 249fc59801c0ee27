/* sql_fuzz.c - any bytes as an SQL script: no crash, errors have a place within the text, and what
 * parses prints as text that parses to the same. */
#include "sql/parse.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const char *text, size_t len, const struct err *err) {
    struct str shown = STR_INIT;
    CHECK(err->msg[0]);
    CHECK(err->line >= 1 && err->column >= 1);
    sql_error_render(text, len, err, NULL, &shown);
    CHECK(shown.len);
    str_release(&shown);
}

static void check_print(struct arena *arena, const struct ast *stmt) {
    struct str once = STR_INIT, twice = STR_INIT;
    struct sql_script again = {0};
    struct err err = ERR_INIT;
    ast_print(stmt, &once);
    int rc = sql_parse_script(arena, str_text(&once), once.len, &again, &err);
    CHECKF(rc == 0, "printed text does not parse: %s: %s", err.msg, str_text(&once));
    CHECK(again.n_stmts == 1);
    ast_print(again.stmts[0].ast, &twice);
    CHECKF(once.len == twice.len && memcmp(once.ptr, twice.ptr, once.len) == 0, "%s\n%s",
           str_text(&once), str_text(&twice));
    str_release(&once);
    str_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct sql_reader r;
    struct sql_statement stmt;
    struct arena arena;
    struct err err = ERR_INIT;
    int rc;
    arena_init(&arena);
    sql_reader_init(&r, text, size);
    while ((rc = sql_next_statement(&r, &arena, &stmt, &err)) != 0) {
        CHECK(stmt.span.begin <= stmt.span.end && stmt.span.end <= size);
        if (rc > 0)
            check_print(&arena, stmt.ast);
        else
            check_error(text, size, &err);
        err_clear(&err);
        arena_clear(&arena);
    }
    arena_release(&arena);
    return 0;
}
