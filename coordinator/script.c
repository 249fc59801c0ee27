/* script.c - a script's statements in order. A bare script runs each INSERT or SELECT when the one
 * before has ended (an unbounded INSERT goes on in the background, as in Flink); a manifest's
 * INSERTs all run as one job. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "sql/planner.h"
#include "sql/settings.h"

static const char *stage_of(const struct err *err) {
    switch (err->code) {
    case ERR_PARSE:
        return "parse";
    case ERR_VALIDATION:
    case ERR_UNSUPPORTED:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_INVALID:
        return "validation";
    default:
        return "runtime";
    }
}

static void script_fail(struct coordinator *c, const struct sql_statement *stmt,
                        const struct err *err) {
    c->n_failed++;
    if (!c->error.code) c->error = *err;
    log_debug("statement refused", KV_I64("statement", c->n_statements), KV_ERR(err));
    client_statement_error(c, c->n_statements, stmt ? &stmt->span : NULL, err, stage_of(err));
    if (!c->client)
        log_error("statement refused", KV_I64("line", err->line), KV_I64("column", err->column),
                  KV_ERR(err));
    if (!c->opts.keep_going || !c->opts.script) c->script_done = true;
}

static cJSON *schema_event(const struct schema *s) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; s && i < s->n; i++) {
        AUTO_STR type = STR_INIT;
        type_print(s->fields[i].type, &type);
        cJSON *f = cJSON_CreateObject();
        json_set_str(f, "name", s->fields[i].name);
        json_set_str(f, "type", str_text(&type));
        cJSON_AddItemToArray(list, f);
    }
    return list;
}

static cJSON *cells_event(const struct statement_result *r) {
    cJSON *rows = cJSON_CreateArray();
    int n = r->schema ? r->schema->n : 0;
    for (int i = 0; i < r->n_rows; i++) {
        cJSON *row = cJSON_CreateArray();
        for (int k = 0; k < n; k++) {
            const char *cell = r->cells[i * n + k];
            cJSON_AddItemToArray(row, cell ? cJSON_CreateString(cell) : cJSON_CreateNull());
        }
        cJSON_AddItemToArray(rows, row);
    }
    return rows;
}

static void tell_statement(struct coordinator *c, const struct sql_statement *stmt,
                           const struct statement_result *r) {
    static const char *const kinds[] = {"done", "rows", "query", "insert"};
    cJSON *e = control_new(EVENT_STATEMENT);
    json_set_i64(e, "index", c->n_statements);
    client_add_span(c, e, &stmt->span);
    json_set_str(e, "kind", kinds[r->kind]);
    json_set_str(e, "what", r->what);
    json_set_str(e, "text", r->text);
    if (r->kind == STATEMENT_ROWS || r->kind == STATEMENT_QUERY)
        json_set(e, "schema", schema_event(r->schema));
    if (r->kind == STATEMENT_ROWS) json_set(e, "rows", cells_event(r));
    client_send(c, e);
}

static const char *job_name(struct coordinator *c) {
    return session_is_set(c->session, "pipeline.name") ? session_get(c->session, "pipeline.name")
                                                       : c->opts.spec->name;
}

static int run_job(struct coordinator *c, const struct rel *const *sinks, int n_sinks, bool query,
                   struct err *err) {
    struct job *j;
    int rc = job_start(c, c->n_statements, &c->stmt_arena, sinks, n_sinks, job_name(c), &j, err);
    if (rc) return rc;
    j->foreground = query || j->plan->config.bounded || !c->opts.script ||
                    session_settings(c->session)->dml_sync;
    if (j->foreground) c->n_foreground++;
    return 0;
}

/* One statement of a bare script. */
static int run_statement(struct coordinator *c, const struct sql_statement *stmt, struct err *err) {
    struct statement_result r = {0};
    int rc = session_execute(c->session, &c->stmt_arena, stmt->ast, c->opts.spec->sql, &r, err);
    if (rc) return rc;
    if (!c->opts.script) {
        if (r.kind == STATEMENT_QUERY)
            return err_set_at(err, ERR_VALIDATION, stmt->span.line, stmt->span.column,
                              "a FlinkJob has no place for the result of a SELECT: write it to a "
                              "table with INSERT INTO, or run the script itself with "
                              "'penstock run FILE.sql'");
        for (int i = 0; r.kind == STATEMENT_INSERT && i < r.n_sinks; i++) {
            MEM_GROW(c->sinks, c->n_sinks, c->cap_sinks);
            c->sinks[c->n_sinks++] = r.sinks[i];
        }
        return 0;
    }
    if (r.kind == STATEMENT_DONE || r.kind == STATEMENT_ROWS) {
        tell_statement(c, stmt, &r);
        return 0;
    }
    tell_statement(c, stmt, &r);
    return run_job(c, r.sinks, r.n_sinks, r.kind == STATEMENT_QUERY, err);
}

static void run_manifest(struct coordinator *c) {
    struct err err = ERR_INIT;
    int rc = c->n_sinks ? run_job(c, c->sinks, c->n_sinks, false, &err)
                        : err_set(&err, ERR_VALIDATION,
                                  "the script has no INSERT statement: there is nothing to run");
    if (rc) script_fail(c, NULL, &err);
}

/* With opts.hold: what there is to run, before anything runs. */
static void preview_manifest(struct coordinator *c) {
    struct err err = ERR_INIT;
    struct plan *p;
    struct arena a ATTR_CLEANUP(arena_release);
    arena_init(&a);
    int rc = c->n_sinks ? job_plan(c, &a, job_name(c), c->sinks, c->n_sinks, &p, &err)
                        : err_set(&err, ERR_VALIDATION,
                                  "the script has no INSERT statement: there is nothing to run");
    if (rc)
        script_fail(c, NULL, &err);
    else
        c->plan = operate_plan_summary(p);
}

static void next_statement(struct coordinator *c) {
    struct sql_statement stmt = {0};
    struct err err = ERR_INIT;
    if (c->opts.script) arena_clear(&c->stmt_arena);
    int rc = sql_next_statement(&c->reader, &c->stmt_arena, &stmt, &err);
    if (rc == 0 && c->opts.hold) {
        c->compiled = true;
        preview_manifest(c);
        return;
    }
    if (rc == 0) {
        c->script_done = true;
        if (!c->opts.script) run_manifest(c);
        return;
    }
    if (rc > 0) rc = run_statement(c, &stmt, &err);
    if (rc < 0) script_fail(c, &stmt, &err);
    c->n_statements++;
}

static int apply_settings(struct coordinator *c, struct err *err) {
    static const char *const modes[] = {NULL, "streaming", "batch", "automatic"};
    const struct job_spec *s = c->opts.spec;
    int rc = 0;
    if (s->mode) rc = session_set(c->session, "execution.runtime-mode", modes[s->mode], err);
    for (int i = 0; !rc && i < s->n_settings; i++) {
        rc = session_set(c->session, s->settings[i].key, s->settings[i].value, err);
        if (rc) return err_wrap(err, c->opts.script ? "--set" : "spec.config or --set");
    }
    return rc;
}

static bool anything_runs(const struct coordinator *c) {
    for (int i = 0; i < c->n_jobs; i++)
        if (!job_is_over(c->jobs[i])) return true;
    return false;
}

static void finish(struct coordinator *c) {
    c->done = true;
    cJSON *e = control_new(EVENT_DONE);
    json_set_i64(e, "failed", c->n_failed);
    json_set_bool(e, "cancelled", c->cancelled);
    json_set_i64(e, "statements", c->n_statements);
    client_send(c, e);
    for (int i = 0; i < c->n_workers; i++)
        if (c->workers[i]->conn) worker_send(c->workers[i], control_new(MSG_SHUTDOWN));
    coordinator_wind_up(c);
}

static void compile(struct coordinator *c) {
    struct err err = ERR_INIT;
    if (apply_settings(c, &err)) script_fail(c, NULL, &err);
    while (!c->script_done && !c->compiled)
        next_statement(c);
    c->begun = c->script_done; /* it failed: there is no more to wait for */
}

/* opts.hold: compiled, told to start, and the workers there? */
static void advance_held(struct coordinator *c) {
    if (!c->compiled && !c->script_done && !c->stopping) compile(c);
    if (c->begun || !c->told_start || c->n_registered < c->opts.workers) return;
    c->begun = c->script_done = true;
    run_manifest(c);
}

void script_advance(struct coordinator *c) {
    if (c->done) return;
    if (c->opts.hold) {
        advance_held(c);
        if (c->begun && !anything_runs(c)) finish(c);
        return;
    }
    if (!c->begun) {
        if (c->n_registered < c->opts.workers || (c->opts.wait_client && !c->client)) return;
        c->begun = true;
        net_timer_cancel(c->worker_timer);
        struct err err = ERR_INIT;
        if (apply_settings(c, &err)) script_fail(c, NULL, &err);
    }
    while (!c->script_done && !c->stopping && c->n_foreground == 0)
        next_statement(c);
    if ((c->script_done || c->stopping) && !anything_runs(c)) finish(c);
}

void script_job_ended(struct coordinator *c, struct job *j) {
    if (j->foreground) c->n_foreground--;
    if (j->state == JOB_FAILED) {
        if (!c->error.code) c->error = j->error;
        c->n_failed++;
        if (!c->opts.keep_going) c->script_done = true;
    }
    if (j->state == JOB_CANCELLED) c->cancelled = true;
    if ((j->state == JOB_CANCELLED || j->state == JOB_STOPPED) && j->foreground)
        c->script_done = true;
    net_timer_set(c->advance_timer, 0); /* not from within the job's own callbacks */
}
