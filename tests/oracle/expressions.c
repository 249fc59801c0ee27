/* expressions.c - runs the recorded expressions of tests/data/flinksql/expressions.jsonl through
 * parser, binder and programs, and compares type, value or class of error with what Flink gave.
 *
 *   expressions [-v] [-g GROUP] [-i ID] FILE [KNOWN]
 *
 * KNOWN lists what is known to differ, "expressions/ID" and behind it the reason. Exit status 1 if
 * another one differs, or one of them does no longer. tests/oracle/run.py does the same through
 * `penstock run`; this one takes a second. */
#include "base/core/json.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "sql/parse.h"
#include "sql/session.h"
#include "vector/func/tz.h"
#include "vector/program.h"
#include "vector/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum verdict { PASS, FAIL, SKIP };

struct outcome {
    char *type;        /* NULL if it did not bind */
    char *value;       /* NULL for SQL NULL */
    const char *error; /* parse, validation, runtime; NULL for none */
    bool skipped;      /* needs more than one projection */
    char msg[ERR_MSG_SIZE_BYTES];
};

struct tally {
    int n[3];
};

static bool verbose;

/* ---- evaluation ----------------------------------------------------------------------------- */

static const char *class_of(int code, bool running) {
    if (code == ERR_PARSE) return "parse";
    return running || code == ERR_RUNTIME ? "runtime" : "validation";
}

static void set_error(struct outcome *o, const char *cls, const struct err *err) {
    o->error = cls;
    snprintf(o->msg, sizeof(o->msg), "%s", err->msg);
}

/* The projections above a VALUES, innermost first; false if there is anything else. */
static bool chain_of(const struct rel *r, const struct rel **ret, int *n) {
    for (*n = 0; r->kind == REL_SINK || r->kind == REL_PROJECT || r->kind == REL_SORT;
         r = r->inputs[0]) {
        if (r->kind == REL_SORT) return false;
        if (r->kind == REL_PROJECT && *n < 8) ret[(*n)++] = r;
    }
    ret[*n] = r;
    return r->kind == REL_VALUES && r->u.values.n_rows == 1;
}

static void evaluate(struct session *s, const struct rel *top, struct outcome *o) {
    const struct rel *chain[9];
    int n;
    struct err err = ERR_INIT;
    if (!chain_of(top, chain, &n)) {
        o->skipped = true;
        return;
    }
    int32_t n_cols = chain[n]->schema->n;
    struct column *cols = mem_calloc((size_t)n_cols, sizeof(*cols));
    for (int32_t i = 0; i < n_cols; i++)
        col_repeat(&cols[i], chain[n]->u.values.cells[i], chain[n]->schema->fields[i].type, 1);
    int rc = 0;
    while (n-- > 0 && !rc) {
        const struct rel *r = chain[n];
        struct program *p = NULL;
        struct column *out = mem_calloc((size_t)r->schema->n, sizeof(*out));
        rc = program_new(r->u.project.exprs, r->schema->n, session_env(s), &p, &err);
        if (!rc) rc = program_eval(p, cols, n_cols, 1, out, NULL, &err);
        program_free(p);
        for (int32_t i = 0; i < n_cols; i++)
            col_release(&cols[i]);
        free(cols);
        cols = out;
        n_cols = rc ? 0 : r->schema->n;
    }
    if (rc) {
        set_error(o, class_of(rc, true), &err);
    } else {
        AUTO_STR text = STR_INIT;
        if (value_print(&cols[0], 0, session_env(s)->zone, &text))
            o->value = mem_strndup(str_text(&text), text.len);
    }
    for (int32_t i = 0; i < n_cols; i++)
        col_release(&cols[i]);
    free(cols);
}

static void run(const char *expr, const char *zone, struct outcome *o) {
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    struct session *s = session_new();
    struct sql_script script = {0};
    struct statement_result r = {0};
    char *sql = arena_printf(&a, "SELECT %s AS v FROM (VALUES (1)) AS t0(x0)", expr);
    int rc = session_set(s, "execution.runtime-mode", "batch", &err);
    if (!rc && zone) rc = session_set(s, "table.local-time-zone", zone, &err);
    if (!rc) rc = sql_parse_script(&a, sql, strlen(sql), &script, &err);
    if (!rc) rc = session_execute(s, &a, script.stmts[0].ast, sql, &r, &err);
    if (rc) {
        set_error(o, class_of(rc, false), &err);
    } else {
        const struct rel *top = r.sinks[0];
        while (top->kind == REL_SINK)
            top = top->inputs[0];
        o->type = mem_strdup(type_text_of(&a, top->schema->fields[0].type));
        evaluate(s, top, o);
    }
    session_free(s);
    arena_release(&a);
}

/* ---- comparison ----------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* MAPs have no order: "{b=1, a=2}" and "{a=2, b=1}" are equal. Only whole values that are a MAP of
 * plain entries are looked into. */
static bool same_map(const char *x, const char *y) {
    if (*x != '{' || *y != '{' || strlen(x) != strlen(y)) return false;
    bool same = true;
    char *copy[2] = {mem_strdup(x + 1), mem_strdup(y + 1)}, *parts[2][64];
    int n[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        copy[i][strlen(copy[i]) - 1] = 0;
        char *save = NULL;
        for (char *p = strtok_r(copy[i], ",", &save); p && n[i] < 64;
             p = strtok_r(NULL, ",", &save))
            parts[i][n[i]++] = *p == ' ' ? p + 1 : p;
        qsort(parts[i], (size_t)n[i], sizeof(char *), by_text);
    }
    same = n[0] == n[1];
    for (int i = 0; same && i < n[0]; i++)
        same = strcmp(parts[0][i], parts[1][i]) == 0;
    free(copy[0]);
    free(copy[1]);
    return same;
}

static bool same_value(const cJSON *want, const char *got) {
    if (cJSON_IsNull(want)) return got == NULL;
    return got && (strcmp(want->valuestring, got) == 0 || same_map(want->valuestring, got));
}

static enum verdict judge(const cJSON *rec, const struct outcome *o, const char **why) {
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "type"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "error"));
    const cJSON *value = cJSON_GetObjectItem(rec, "value");
    bool null_ok = cJSON_IsTrue(cJSON_GetObjectItem(rec, "null_in_not_null"));
    if (o->skipped) return SKIP;
    *why = "class of error";
    if (error && null_ok && !o->error) return o->value == NULL ? PASS : FAIL;
    if (error) return o->error && strcmp(o->error, error) == 0 ? PASS : FAIL;
    if (o->error) return FAIL;
    *why = "type";
    if (type && (!o->type || strcmp(type, o->type) != 0)) return FAIL;
    if (cJSON_IsTrue(cJSON_GetObjectItem(rec, "nondeterministic"))) return PASS;
    *why = "value";
    return same_value(value, o->value) ? PASS : FAIL;
}

static void report(const cJSON *rec, const struct outcome *o, const char *why) {
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "type"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "error"));
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "message"));
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(rec, "value"));
    printf("%s [%s] %s: %s\n", cJSON_GetObjectItem(rec, "id")->valuestring,
           cJSON_GetObjectItem(rec, "group")->valuestring, why,
           cJSON_GetObjectItem(rec, "expr")->valuestring);
    printf("    want %s | %s\n", type ? type : "-", error ? error : value ? value : "NULL");
    if (error && message) printf("         %s\n", message);
    printf("    got  %s | %s\n", o->type ? o->type : "-",
           o->error   ? o->error
           : o->value ? o->value
                      : "NULL");
    if (o->error) printf("         %s\n", o->msg);
}

/* ---- files ---------------------------------------------------------------------------------- */

static char *read_line(FILE *f, size_t *cap, char **line) {
    ssize_t n = getline(line, cap, f);
    if (n < 0) return NULL;
    if (n && (*line)[n - 1] == '\n') (*line)[n - 1] = 0;
    return *line;
}

/* Ids of the list of known differences, which run.py shares. */
static void read_known(const char *path, struct map *known) {
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(2);
    }
    static const char part[] = "expressions/";
    char *line = NULL;
    size_t cap = 0;
    while (read_line(f, &cap, &line)) {
        line[strcspn(line, " \t#")] = 0;
        if (strncmp(line, part, strlen(part)) == 0) map_put(known, line + strlen(part), (void *)1);
    }
    free(line);
    fclose(f);
}

int main(int argc, char **argv) {
    const char *only_group = NULL, *only_id = NULL;
    int opt;
    while ((opt = getopt(argc, argv, "vg:i:")) != -1) {
        if (opt == 'v')
            verbose = true;
        else if (opt == 'g')
            only_group = optarg;
        else if (opt == 'i')
            only_id = optarg;
        else
            return 2;
    }
    if (optind >= argc) {
        fprintf(stderr, "usage: %s [-v] [-g GROUP] [-i ID] FILE [KNOWN]\n", argv[0]);
        return 2;
    }
    struct map known, groups;
    map_init(&known);
    map_init(&groups);
    if (optind + 1 < argc) read_known(argv[optind + 1], &known);
    FILE *f = fopen(argv[optind], "r");
    if (!f) {
        perror(argv[optind]);
        return 2;
    }
    char *line = NULL;
    size_t cap = 0;
    int surprises = 0;
    while (read_line(f, &cap, &line)) {
        cJSON *rec = cJSON_Parse(line);
        if (!rec) continue;
        const char *id = cJSON_GetObjectItem(rec, "id")->valuestring;
        const char *group = cJSON_GetObjectItem(rec, "group")->valuestring;
        if ((only_group && strcmp(group, only_group) != 0) ||
            (only_id && strcmp(id, only_id) != 0)) {
            cJSON_Delete(rec);
            continue;
        }
        struct outcome o = {0};
        const char *why = "";
        run(cJSON_GetObjectItem(rec, "expr")->valuestring,
            cJSON_GetStringValue(cJSON_GetObjectItem(rec, "tz")), &o);
        enum verdict v = judge(rec, &o, &why);
        struct tally *t = map_get(&groups, group);
        if (!t) map_put(&groups, group, t = mem_zalloc(sizeof(*t)));
        t->n[v]++;
        bool expected = (v == FAIL) == map_has(&known, id) || v == SKIP;
        surprises += !expected;
        if (v == FAIL && (!expected || verbose)) report(rec, &o, why);
        if (v == PASS && !expected) printf("%s passes now: take it off the list\n", id);
        free(o.type);
        free(o.value);
        cJSON_Delete(rec);
    }
    struct tally sum = {0};
    struct map_entry e;
    for (size_t i = 0; map_next(&groups, &i, &e);) {
        struct tally *t = e.value;
        printf("%-12s %4d of %4d, %d skipped\n", e.key, t->n[PASS], t->n[PASS] + t->n[FAIL],
               t->n[SKIP]);
        for (int j = 0; j < 3; j++)
            sum.n[j] += t->n[j];
    }
    printf("%-12s %4d of %4d, %d skipped\n", "all", sum.n[PASS], sum.n[PASS] + sum.n[FAIL],
           sum.n[SKIP]);
    free(line);
    fclose(f);
    map_release(&known, NULL);
    map_release(&groups, free);
    return surprises ? 1 : 0;
}
