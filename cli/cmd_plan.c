/* cmd_plan.c - penstock plan and penstock validate: compile without running. */
#include "cli/cli.h"

#include "base/core/mem.h"
#include "sql/parse.h"
#include "sql/planner.h"
#include "sql/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const modes[] = {"streaming", "batch", "automatic", NULL};
static const char *const formats[] = {"text", "json", "dot", NULL};

static const struct cli_option plan_options[] = {
    {"execute", 'e', "SQL", "plan this text in place of a file", NULL},
    {"parallelism", 'p', "N", "subtasks of each vertex", NULL},
    {"mode", 'm', "MODE", "streaming, batch or automatic", modes},
    {"set", 's', "KEY=VALUE", "a setting, as SET makes it; may be repeated", NULL},
    {"output", 'o', "FORMAT", "text, json or dot (Graphviz)", formats},
    {NULL, 0, NULL, NULL, NULL}};

static const struct cli_option validate_options[] = {
    {"execute", 'e', "SQL", "check this text in place of a file", NULL},
    {"parallelism", 'p', "N", "subtasks of each vertex", NULL},
    {"mode", 'm', "MODE", "streaming, batch or automatic", modes},
    {"set", 's', "KEY=VALUE", "a setting, as SET makes it; may be repeated", NULL},
    {NULL, 0, NULL, NULL, NULL}};

/* A script being compiled. */
struct compile {
    struct arena arena;
    struct job_spec *spec;
    bool script;
    struct session *session;
    const struct rel **sinks; /* of a manifest, or of the statement in hand */
    int n_sinks;
    const char *format; /* NULL: validate only */
    int n_plans;
};

static void report(const struct compile *c, const struct err *err) {
    AUTO_STR text = STR_INIT, where = STR_INIT;
    if (err->line) job_spec_print_place(c->spec, err->line, err->column, &where);
    sql_error_render(c->spec->sql, strlen(c->spec->sql), err, str_text(&where), &text);
    fputs(str_text(&text), stderr);
}

static void on_warning(void *self, const char *text) {
    fprintf(stderr, "warning: %s\n", text);
}

static void print_plan(struct compile *c, const struct plan *p) {
    AUTO_STR out = STR_INIT;
    if (!strcmp(c->format, "json")) {
        AUTO_JSON *j = plan_to_public_json(p);
        json_print_pretty(j, &out);
        str_add_char(&out, '\n');
    } else if (!strcmp(c->format, "dot")) {
        plan_print_dot(p, &out);
    } else {
        if (c->n_plans) str_add_char(&out, '\n');
        plan_print_text(p, &out);
    }
    fwrite(str_text(&out), 1, out.len, stdout);
}

static int plan_sinks(struct compile *c, struct err *err) {
    struct vertex_override *edits =
        ARENA_NEW_N(&c->arena, struct vertex_override, c->spec->n_edits);
    for (int i = 0; i < c->spec->n_edits; i++)
        edits[i] = (struct vertex_override){.uid = c->spec->edits[i].uid,
                                            .parallelism = c->spec->edits[i].parallelism,
                                            .slot_group = c->spec->edits[i].slot_group,
                                            .chain = c->spec->edits[i].chain};
    const char *p = session_is_set(c->session, "parallelism.default")
                        ? session_get(c->session, "parallelism.default")
                        : NULL;
    struct planner_input in = {.name = c->spec->name,
                               .n_sinks = c->n_sinks,
                               .sinks = c->sinks,
                               .session = c->session,
                               .parallelism = p ? atoi(p) : c->spec->parallelism,
                               .max_parallelism = c->spec->max_parallelism,
                               .n_overrides = c->spec->n_edits,
                               .overrides = edits};
    struct plan *plan;
    int rc = planner_plan(&c->arena, &in, &plan, err);
    if (rc) return rc;
    if (c->format) print_plan(c, plan);
    c->n_plans++;
    return 0;
}

static int one_statement(struct compile *c, const struct sql_statement *stmt, struct err *err) {
    struct statement_result r = {0};
    int rc = session_execute(c->session, &c->arena, stmt->ast, c->spec->sql, &r, err);
    if (rc || r.kind == STATEMENT_DONE || r.kind == STATEMENT_ROWS) return rc;
    if (!c->script && r.kind == STATEMENT_QUERY)
        return err_set_at(err, ERR_VALIDATION, stmt->span.line, stmt->span.column,
                          "a FlinkJob has no place for the result of a SELECT: write it to a table "
                          "with INSERT INTO");
    int base = c->script ? 0 : c->n_sinks;
    c->sinks = mem_reallocarray(c->sinks, (size_t)(base + r.n_sinks), sizeof *c->sinks);
    memcpy(c->sinks + base, r.sinks, sizeof *c->sinks * (size_t)r.n_sinks);
    c->n_sinks = base + r.n_sinks;
    return c->script ? plan_sinks(c, err) : 0;
}

/* Goes through all statements and reports every error. Returns the number of errors. */
static int compile_script(struct compile *c) {
    struct sql_reader reader;
    sql_reader_init(&reader, c->spec->sql, strlen(c->spec->sql));
    int errors = 0;
    for (;;) {
        struct sql_statement stmt = {0};
        struct err err = ERR_INIT;
        int rc = sql_next_statement(&reader, &c->arena, &stmt, &err);
        if (rc == 0) break;
        if (rc > 0) rc = one_statement(c, &stmt, &err);
        if (rc < 0) {
            report(c, &err);
            errors++;
        }
    }
    struct err err = ERR_INIT;
    if (!c->script && !errors) {
        int rc = c->n_sinks
                     ? plan_sinks(c, &err)
                     : err_set(&err, ERR_VALIDATION,
                               "the script has no INSERT statement: there is nothing to run");
        if (rc) {
            report(c, &err);
            errors++;
        }
    }
    return errors;
}

static int set_up(struct compile *c, struct err *err) {
    static const char *const names[] = {NULL, "streaming", "batch", "automatic"};
    c->session = session_new();
    session_on_warning(c->session, on_warning, NULL);
    session_set_directory(c->session, c->spec->directory);
    int rc = 0;
    if (c->spec->mode)
        rc = session_set(c->session, "execution.runtime-mode", names[c->spec->mode], err);
    for (int i = 0; !rc && i < c->spec->n_settings; i++)
        rc = session_set(c->session, c->spec->settings[i].key, c->spec->settings[i].value, err);
    return rc;
}

static int compile_command(const struct cli_command *cmd, int argc, char **argv, bool print) {
    struct cli_args args;
    int rc = cli_parse(cmd, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct compile c = {0};
    arena_init(&c.arena);
    struct err err = ERR_INIT;
    const char *format = cli_value(&args, "output");
    if (print) c.format = format ? format : "text";
    int code = CLI_USAGE;
    rc = cli_read_job(&c.arena, &args, &c.spec, &c.script, &err);
    if (!rc) rc = set_up(&c, &err);
    if (rc) {
        cli_complain(&args, "%s", err.msg);
    } else {
        code = compile_script(&c) ? CLI_FAILED : CLI_OK;
        if (code == CLI_OK && !print)
            fprintf(stderr, "valid: %d job%s\n", c.n_plans, c.n_plans == 1 ? "" : "s");
    }
    session_free(c.session);
    free(c.sinks);
    arena_release(&c.arena);
    return code;
}

static int run_plan(int argc, char **argv) {
    return compile_command(&cli_cmd_plan, argc, argv, true);
}

static int run_validate(int argc, char **argv) {
    return compile_command(&cli_cmd_validate, argc, argv, false);
}

const struct cli_command cli_cmd_plan = {
    "plan", "Compile a job or script and print its plan, without running it.", run_plan,
    plan_options, "FILE|-"};
const struct cli_command cli_cmd_validate = {
    "validate", "Check a job or script and report every error, without running it.", run_validate,
    validate_options, "FILE|-"};
