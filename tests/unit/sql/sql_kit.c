/* sql_kit.c - running SQL through a session in tests. */
#include "tests/unit/sql/sql_kit.h"

#include "sql/parse.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

void sql_kit_init(struct sql_kit *k) {
    memset(k, 0, sizeof(*k));
    k->session = session_new();
    arena_init(&k->arena);
}

void sql_kit_release(struct sql_kit *k) {
    session_free(k->session);
    arena_release(&k->arena);
}

int sql_kit_run(struct sql_kit *k, const char *sql) {
    struct sql_reader r;
    struct sql_statement stmt;
    int rc;
    err_clear(&k->err);
    sql_reader_init(&r, sql, strlen(sql));
    while ((rc = sql_next_statement(&r, &k->arena, &stmt, &k->err)) > 0) {
        rc = session_execute(k->session, &k->arena, stmt.ast, sql, &k->result, &k->err);
        if (rc) return rc;
    }
    return rc;
}

const char *sql_kit_schema(struct sql_kit *k) {
    struct str s = STR_INIT;
    const struct schema *schema = k->result.schema;
    for (int i = 0; schema && i < schema->n; i++) {
        str_addf(&s, "%s%s ", i ? ", " : "", schema->fields[i].name);
        type_print(schema->fields[i].type, &s);
    }
    const char *text = arena_strdup(&k->arena, str_text(&s));
    str_release(&s);
    return text;
}

const char *sql_kit_plan(struct sql_kit *k) {
    struct str s = STR_INIT;
    for (int i = 0; i < k->result.n_sinks; i++)
        rel_print(k->result.sinks[i], &s);
    const char *text = arena_strdup(&k->arena, str_text(&s));
    str_release(&s);
    return text;
}

char *sql_kit_file(const char *path) {
    char full[512];
    snprintf(full, sizeof(full), "tests/data/%s", path);
    FILE *f = fopen(full, "rb");
    if (!f) fail_msg("open %s (tests run from the top folder)", full);
    struct str s = STR_INIT;
    char buf[65536];
    size_t n;
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        str_add_n(&s, buf, n);
    fclose(f);
    return str_take(&s);
}

cJSON *sql_kit_json(const char *path) {
    char *text = sql_kit_file(path);
    cJSON *j = cJSON_Parse(text);
    if (!j) fail_msg("%s is no JSON", path);
    free(text);
    return j;
}

char *sql_kit_replace(const char *text, const char *from, const char *to) {
    struct str s = STR_INIT;
    str_add(&s, "");
    for (const char *p; (p = strstr(text, from)); text = p + strlen(from)) {
        str_add_n(&s, text, (size_t)(p - text));
        str_add(&s, to);
    }
    str_add(&s, text);
    return str_take(&s);
}
