/* planner_test.c - golden plans: each tests/sql/plan/NAME.sql is a script whose queries and inserts
 * are planned; NAME.plan holds what must come out: the text of the plans, or the error. uids are
 * numbered in order of appearance. A line "-- parallelism N" or "-- override VERTEX key=value..."
 * (VERTEX: how an op's name begins) in the script sets the planner's input; "-- rels" prints the
 * rewritten logical plan too. "-- table NAME source=insert|upsert|retract sink=insert|upsert|all
 * unbounded lookup fixed=N" gives a table a connector that behaves so. UPDATE_GOLDEN=1 rewrites the
 * .plan files. */
#include "sql/planner.h"

#include "base/core/mem.h"
#include "sql/parse.h"
#include "sql/session.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/sql/sql_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const char dir[] = "tests/sql/plan";

static char *read_file(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    AUTO_STR s = STR_INIT;
    char buf[4096];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        str_add_n(&s, buf, n);
    fclose(f);
    return s.len ? str_take(&s) : mem_strdup("");
}

static void add_error(struct str *out, int rc, const struct err *err) {
    str_addf(out, "error %s %d:%d: %s\n", err_code_name(rc), err->line, err->column, err->msg);
}

/* ---- connectors that behave as the script says ---- */

struct fake {
    char table[32];
    unsigned source, sink;
    bool bounded;
    int fixed;
    struct connector_desc desc;
};
static struct fake fakes[8];
static int n_fakes;

static const struct fake *fake_of(const struct connector_table *t) {
    for (int i = 0; i < n_fakes; i++)
        if (!strcmp(fakes[i].table, t->name)) return &fakes[i];
    fail_msg("no fake for %s", t->name);
    return NULL;
}

static int fake_bounded(const struct connector_table *t, bool *ret, struct err *err) {
    *ret = fake_of(t)->bounded;
    return 0;
}

static enum changelog_mode fake_source(const struct connector_table *t) {
    return (enum changelog_mode)fake_of(t)->source;
}

static enum changelog_mode fake_sink(const struct connector_table *t, enum changelog_mode in) {
    return (enum changelog_mode)(fake_of(t)->sink ? fake_of(t)->sink : in);
}

static int fake_parallelism(const struct connector_table *t) {
    return fake_of(t)->fixed;
}

static unsigned mode_at(const char *line, const char *end, const char *key) {
    const char *p = strstr(line, key);
    if (!p || p > end) return 0;
    p += strlen(key);
    return !strncmp(p, "insert", 6)    ? CHANGELOG_INSERT
           : !strncmp(p, "upsert", 6)  ? CHANGELOG_UPSERT
           : !strncmp(p, "retract", 7) ? CHANGELOG_ALL
                                       : 0;
}

static bool word_at(const char *line, const char *end, const char *word) {
    const char *p = strstr(line, word);
    return p && p < end;
}

static void read_fakes(const char *sql) {
    n_fakes = 0;
    for (const char *at = sql; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        struct fake *f = &fakes[n_fakes];
        if (sscanf(at, "-- table %31s", f->table) != 1) continue;
        const char *end = at + strcspn(at, "\n"), *fixed = strstr(at, "fixed=");
        f->source = mode_at(at, end, "source=");
        f->sink = mode_at(at, end, "sink=");
        f->bounded = !word_at(at, end, "unbounded");
        f->fixed = fixed && fixed < end ? atoi(fixed + 6) : 0;
        unsigned lookup = word_at(at, end, "lookup") ? CONNECTOR_LOOKUP : 0;
        f->desc = (struct connector_desc){.name = "fake",
                                          .caps = CONNECTOR_SOURCE | CONNECTOR_SINK | lookup,
                                          .is_bounded = fake_bounded,
                                          .source_mode = f->source ? fake_source : NULL,
                                          .sink_mode = fake_sink,
                                          .fixed_parallelism = fake_parallelism};
        n_fakes++;
    }
}

static void put_fakes(struct session *s) {
    for (int i = 0; i < n_fakes; i++) {
        struct ast_name name = {.text = fakes[i].table};
        struct ast_names path = {&name, 1};
        struct table_desc *t = (struct table_desc *)session_table(s, &path);
        if (t) t->connector = &fakes[i].desc;
    }
}

/* ---- the planner's input ---- */

/* "-- override VERTEX parallelism=3 slots=heavy chain=0" */
struct inputs {
    struct arena arena;
    struct planner_input in;
    struct vertex_override overrides[8];
    char names[8][64], groups[8][32];
};

static void read_directives(const char *sql, struct inputs *ret) {
    *ret = (struct inputs){.in = {.name = "test", .parallelism = 2}};
    ret->in.overrides = ret->overrides;
    for (const char *at = sql; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        sscanf(at, "-- parallelism %d", &ret->in.parallelism);
        struct vertex_override *o = &ret->overrides[ret->in.n_overrides];
        char *name = ret->names[ret->in.n_overrides], *group = ret->groups[ret->in.n_overrides];
        if (sscanf(at, "-- override %63s", name) != 1) continue;
        *o = (struct vertex_override){.uid = name, .chain = -1};
        const char *end = strchr(at, '\n'), *p;
        if ((p = strstr(at, "parallelism=")) && p < end) o->parallelism = atoi(p + 12);
        if ((p = strstr(at, "chain=")) && p < end) o->chain = atoi(p + 6);
        if ((p = strstr(at, "slots=")) && p < end && sscanf(p, "slots=%31s", group) == 1)
            o->slot_group = group;
        ret->in.n_overrides++;
    }
}

/* Names of vertices or ops in the overrides become uids, as a plan without overrides has them. */
static void resolve_overrides(struct arena *a, struct inputs *inputs) {
    struct planner_input plain = inputs->in;
    struct err err = ERR_INIT;
    struct plan *p = NULL;
    plain.n_overrides = 0;
    if (!inputs->in.n_overrides || planner_plan(a, &plain, &p, &err)) return;
    for (int i = 0; i < inputs->in.n_overrides; i++) {
        const char *name = inputs->names[i];
        for (int v = 0; v < p->n_vertices; v++)
            for (int k = 0; k < p->vertices[v].n_ops; k++)
                if (!strncmp(p->vertices[v].ops[k].name, name, strlen(name)))
                    inputs->overrides[i].uid = p->vertices[v].ops[k].uid;
    }
}

/* With the names that overrides have in the script. */
static void add_plan_error(struct str *out, int rc, const struct err *err,
                           const struct inputs *inputs) {
    AUTO_STR text = STR_INIT;
    add_error(&text, rc, err);
    for (int i = 0; i < inputs->in.n_overrides; i++) {
        AUTO_FREE char *now =
            sql_kit_replace(str_text(&text), inputs->overrides[i].uid, inputs->names[i]);
        str_clear(&text);
        str_add(&text, now);
    }
    str_add(out, str_text(&text));
}

/* Appends text with each uid of the plan as #1, #2... */
static void add_numbered(const struct plan *p, const char *text, struct str *out) {
    const char *uids[256];
    int n = 0;
    for (int v = 0; v < p->n_vertices; v++)
        for (int k = 0; k < p->vertices[v].n_ops; k++)
            uids[n++] = p->vertices[v].ops[k].uid;
    for (const char *at = text; *at;) {
        int found = -1;
        size_t len = 0;
        for (int i = 0; i < n; i++) /* the longest: one may begin with another */
            if (!strncmp(at, uids[i], strlen(uids[i])) && strlen(uids[i]) > len) {
                found = i;
                len = strlen(uids[i]);
            }
        if (found >= 0)
            str_addf(out, "#%d", found + 1);
        else
            str_add_char(out, *at);
        at += found >= 0 ? len : 1;
    }
}

static void check_json(struct plan *p, struct str *ret) {
    struct arena a;
    struct err err = ERR_INIT;
    arena_init(&a);
    p->config.query_start_ms = 0;
    AUTO_JSON *j = plan_to_json(p);
    json_print(j, ret);
    struct plan *back = NULL;
    assert_ok(plan_from_json(&a, j, &back, &err), &err);
    AUTO_JSON *back_json = plan_to_json(back);
    AUTO_STR again = STR_INIT;
    json_print(back_json, &again);
    assert_string_equal(str_text(ret), str_text(&again));
    arena_release(&a);
}

static void print_rels(const struct planner_input *in, struct str *out) {
    struct arena a;
    struct err err = ERR_INIT;
    arena_init(&a);
    const struct rel *sinks[16];
    assert_in_range(in->n_sinks, 1, ARRAY_LEN(sinks));
    if (!planner_optimize(&a, in, sinks, &err))
        for (int i = 0; i < in->n_sinks; i++)
            rel_print(sinks[i], out);
    arena_release(&a);
}

static void plan_twice(struct session *s, const char *sql, const struct statement_result *res,
                       struct str *out) {
    struct inputs inputs;
    read_directives(sql, &inputs);
    inputs.in.n_sinks = res->n_sinks;
    inputs.in.sinks = res->sinks;
    inputs.in.session = s;
    put_fakes(s);
    if (strstr(sql, "-- rels")) print_rels(&inputs.in, out);
    AUTO_STR first = STR_INIT, second = STR_INIT;
    for (int i = 0; i < 2; i++) { /* the same plan, byte for byte */
        struct arena a;
        struct err err = ERR_INIT;
        struct plan *p = NULL;
        arena_init(&a);
        if (!i) resolve_overrides(&inputs.arena, &inputs);
        int rc = planner_plan(&a, &inputs.in, &p, &err);
        if (rc && !i) add_plan_error(out, rc, &err, &inputs);
        if (!rc) {
            check_json(p, i ? &second : &first);
            AUTO_STR text = STR_INIT;
            plan_print_text(p, &text);
            if (!i) add_numbered(p, str_text(&text), out);
        }
        arena_release(&a);
    }
    arena_release(&inputs.arena);
    assert_string_equal(str_text(&first), str_text(&second));
}

static void run_script(const char *sql, struct str *out) {
    struct session *s = session_new();
    struct arena a;
    arena_init(&a);
    read_fakes(sql);
    struct sql_reader r;
    sql_reader_init(&r, sql, strlen(sql));
    struct sql_statement st;
    int rc;
    for (;;) {
        struct err err = ERR_INIT;
        rc = sql_next_statement(&r, &a, &st, &err);
        if (rc == 0) break;
        struct statement_result res = {0};
        if (rc > 0) rc = session_execute(s, &a, st.ast, sql, &res, &err);
        if (rc < 0)
            add_error(out, rc, &err);
        else if (res.kind == STATEMENT_QUERY || res.kind == STATEMENT_INSERT)
            plan_twice(s, sql, &res, out);
    }
    arena_release(&a);
    session_free(s);
}

/* Fails at the first line that differs. */
static void compare(const char *name, const char *want, const char *got) {
    for (int line = 1; *want || *got; line++) {
        int nw = (int)strcspn(want, "\n"), ng = (int)strcspn(got, "\n");
        if (nw != ng || strncmp(want, got, (size_t)nw))
            fail_msg("%s.plan:%d:\n  expected %.*s\n  got      %.*s", name, line, nw, want, ng,
                     got);
        want += nw + (want[nw] == '\n');
        got += ng + (got[ng] == '\n');
    }
}

static void golden(void **state) {
    const char *name = *state;
    AUTO_STR path = STR_INIT;
    str_addf(&path, "%s/%s.sql", dir, name);
    AUTO_FREE char *sql = read_file(str_text(&path));
    assert_non_null(sql);
    AUTO_STR got = STR_INIT;
    run_script(sql, &got);
    str_clear(&path);
    str_addf(&path, "%s/%s.plan", dir, name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(str_text(&path), "w");
        assert_non_null(f);
        fputs(str_text(&got), f);
        fclose(f);
        return;
    }
    AUTO_FREE char *want = read_file(str_text(&path));
    compare(name, want ? want : "", str_text(&got));
}

static int by_name(const void *x, const void *y) {
    const struct CMUnitTest *a = x, *b = y;
    return strcmp(a->name, b->name);
}

int main(void) {
    struct CMUnitTest tests[256];
    size_t n = 0;
    DIR *d = opendir(dir);
    if (!d) {
        perror(dir);
        return 1;
    }
    for (struct dirent *e; (e = readdir(d)) && n < ARRAY_LEN(tests);) {
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 4, ".sql")) continue;
        char *name = mem_strndup(e->d_name, len - 4);
        tests[n++] = (struct CMUnitTest){name, golden, NULL, NULL, name};
    }
    closedir(d);
    qsort(tests, n, sizeof *tests, by_name);
    int rc = _cmocka_run_group_tests("planner", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free((char *)tests[i].name);
    return n ? rc : 1;
}
