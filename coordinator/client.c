/* client.c - the connection to whoever runs the job: events out, cancel in. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/log.h"

static void ack(struct coordinator *c, const char *job, int worker, int64_t seq) {
    cJSON *j = control_new(MSG_ACK);
    json_set_str(j, "job", job);
    json_set_i64(j, "seq", seq);
    struct worker *w = worker_get(c, worker);
    if (w) {
        worker_send(w, j);
    } else {
        cJSON_Delete(j);
    }
}

static int send_event(struct coordinator *c, const cJSON *event, struct err *err) {
    AUTO_STR text = STR_INIT;
    json_print(event, &text);
    return ws_send_text(c->client, str_view(&text), err);
}

/* Sends what is held, in order, as far as there is room. */
static void flush_held(struct coordinator *c) {
    cJSON *h;
    while (c->client && (h = c->held->child)) {
        struct err err = ERR_INIT;
        if (send_event(c, cJSON_GetObjectItemCaseSensitive(h, "event"), &err) == ERR_BUDGET) return;
        if (cJSON_GetObjectItemCaseSensitive(h, "seq"))
            ack(c, json_opt_str(h, "job", ""), (int)json_opt_i64(h, "worker", 0),
                json_opt_i64(h, "seq", 0));
        cJSON_Delete(cJSON_DetachItemViaPointer(c->held, h));
    }
    if (c->done) coordinator_wind_up(c);
}

void client_send(struct coordinator *c, cJSON *event) {
    if (!c->client) {
        cJSON_Delete(event);
        return;
    }
    struct err err = ERR_INIT;
    if (!c->held->child && send_event(c, event, &err) != ERR_BUDGET) {
        cJSON_Delete(event);
        return;
    }
    cJSON *h = cJSON_CreateObject();
    json_set(h, "event", event);
    cJSON_AddItemToArray(c->held, h);
}

void client_forward(struct coordinator *c, struct worker *w, struct job *j, cJSON *event,
                    int64_t seq) {
    if (!c->client) { /* nobody reads: taken all the same, or the job would stand still */
        cJSON_Delete(event);
        ack(c, j->id, w->number, seq);
        return;
    }
    cJSON *h = cJSON_CreateObject();
    json_set(h, "event", event);
    json_set_str(h, "job", j->id);
    json_set_i64(h, "worker", w->number);
    json_set_i64(h, "seq", seq);
    cJSON_AddItemToArray(c->held, h);
    flush_held(c);
}

/* With the place in the job's file. */
static cJSON *error_json(const struct coordinator *c, const struct err *err, const char *stage) {
    struct err shown = *err;
    job_spec_place(c->opts.spec, &shown.line, &shown.column);
    return control_error_to_json(&shown, stage);
}

static void add_rendered(cJSON *j, const struct job_spec *spec, const struct err *err) {
    AUTO_STR text = STR_INIT, where = STR_INIT;
    job_spec_print_place(spec, err->line, err->column, &where);
    sql_error_render(spec->sql, strlen(spec->sql), err, str_text(&where), &text);
    json_set_str(j, "rendered", str_text(&text));
}

void client_statement_error(struct coordinator *c, int index, const struct ast_span *span,
                            const struct err *err, const char *stage) {
    cJSON *j = control_new(EVENT_ERROR);
    json_set_i64(j, "index", index);
    if (span) client_add_span(c, j, span);
    json_set(j, "error", error_json(c, err, stage));
    if (err->line) add_rendered(j, c->opts.spec, err);
    client_send(c, j);
}

void client_add_span(const struct coordinator *c, cJSON *event, const struct ast_span *span) {
    enum { SHOWN_BYTES = 400 };
    int line = span->line, column = span->column;
    job_spec_place(c->opts.spec, &line, &column);
    json_set_i64(event, "line", line);
    json_set_i64(event, "column", column);
    AUTO_STR sql = STR_INIT;
    size_t n = span->end > span->begin ? span->end - span->begin : 0;
    str_add_n(&sql, c->opts.spec->sql + span->begin, MIN(n, (size_t)SHOWN_BYTES));
    json_set_str(event, "sql", str_text(&sql));
}

static void on_open(void *self, struct ws_conn *conn) {
    struct coordinator *c = self;
    if (c->client) {
        ws_close(conn, WS_CLOSE_TRY_LATER, "another client is connected");
        return;
    }
    c->client = conn;
    script_advance(c);
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct coordinator *c = self;
    struct err err = ERR_INIT;
    const char *type;
    AUTO_JSON *j = NULL;
    if (binary || control_parse(data, len, &j, &type, &err)) {
        ws_close(conn, WS_CLOSE_POLICY, "not a frame of the control protocol");
        return;
    }
    if (!strcmp(type, CLIENT_CANCEL)) {
        const char *id = json_opt_str(j, "job", NULL);
        struct job *job = id ? job_find(c, id) : NULL;
        if (job)
            job_cancel(job);
        else if (!id)
            coordinator_stop(c);
    }
}

static void on_writable(void *self, struct ws_conn *conn) {
    flush_held(self);
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct coordinator *c = self;
    if (!c || conn != c->client) return; /* NULL: freed, the loop closes what is left */
    c->client = NULL;
    cJSON *h;
    while ((h = c->held->child)) { /* credit for what nobody will read */
        if (cJSON_GetObjectItemCaseSensitive(h, "seq"))
            ack(c, json_opt_str(h, "job", ""), (int)json_opt_i64(h, "worker", 0),
                json_opt_i64(h, "seq", 0));
        cJSON_Delete(cJSON_DetachItemViaPointer(c->held, h));
    }
    if (c->done) coordinator_wind_up(c);
    if (c->opts.wait_client && !c->done) {
        log_info("client left: stopping", KV_I64("code", code), KV_STR("reason", reason));
        coordinator_stop(c);
    }
}

const struct ws_ops client_ws_ops = {on_open, on_message, on_writable, on_close};
