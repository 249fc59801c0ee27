/* link.c - orders from the coordinator to job_runtime, and what comes of them back. */
#define LOG_MODULE "worker"
#include "worker/link.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/ws_client.h"
#include "base/proto/control.h"
#include "fs/stores.h"
#include "vector/func/tz.h"
#include "worker/job_runtime.h"
#include "worker/outbox.h"
#include "worker/process_stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long until the next report: soon at first, for jobs that are over soon. */
enum { REPORT_FIRST_MS = 100, REPORT_MAX_MS = 1000 };
enum { CONNECT_AGAIN_MS = 200 };

struct local_job {
    struct link *link;
    struct arena arena; /* plan, spec */
    char *id;
    uint64_t attempt;
    struct plan *plan;
    const struct tz *zone;
    struct job_runtime *rt;
    struct outbox *out;
    atomic_int running; /* tasks not yet in a final state */
    pthread_mutex_t mutex;
    cJSON **committables; /* per place: what its sinks prepared for the end; under mutex */
    int n_places;
    struct task_place *places;
};

struct link {
    struct net_loop *loop;
    struct worker *worker;
    struct link_options opts;
    struct ws_conn *conn;
    struct net_timer *report_timer, *connect_timer;
    int64_t connect_until_ns;
    bool registered;
    int report_ms;
    struct local_job **jobs;
    int n_jobs, cap_jobs;
    int number;
    bool shutdown;
    struct err error;
};

static void send(struct link *l, cJSON *frame /* takes */) {
    AUTO_STR text = STR_INIT;
    json_print(frame, &text);
    cJSON_Delete(frame);
    struct err err = ERR_INIT;
    if (l->conn && ws_send_text(l->conn, str_view(&text), &err))
        log_warn("frame not sent", KV_ERR(&err));
}

static cJSON *job_frame(const struct local_job *j, const char *type) {
    cJSON *f = control_new(type);
    json_set_str(f, "job", j->id);
    json_set_i64(f, "attempt", (int64_t)j->attempt);
    return f;
}

static cJSON *report_frame(struct local_job *j) {
    cJSON *f = job_frame(j, MSG_REPORT);
    process_stats_add(f);
    json_set(f, "stats", job_runtime_stats(j->rt));
    json_set(f, "fileSystems", fs_stores_metrics(fs_used()));
    return f;
}

static void on_report(void *arg) {
    struct link *l = arg;
    for (int i = 0; i < l->n_jobs; i++)
        if (l->jobs[i]->rt && l->jobs[i]->running > 0) send(l, report_frame(l->jobs[i]));
    l->report_ms = MIN(2 * l->report_ms, REPORT_MAX_MS);
    net_timer_set(l->report_timer, l->report_ms);
}

/* ---- callbacks of tasks, on executor threads ---- */

static int place_of(const struct local_job *j, int vertex, int subtask) {
    for (int i = 0; i < j->n_places; i++)
        if (j->places[i].vertex == vertex && j->places[i].subtask == subtask) return i;
    UNREACHABLE("task %d/%d is not here", vertex, subtask);
}

static cJSON *task_frame(const struct local_job *j, int vertex, int subtask, const char *state,
                         const struct err *err) {
    cJSON *f = job_frame(j, MSG_TASK);
    json_set_i64(f, "v", vertex);
    json_set_i64(f, "s", subtask);
    json_set_str(f, "state", state);
    if (err) json_set(f, "error", control_error_to_json(err, "runtime"));
    return f;
}

static void on_status(void *self, int vertex, int subtask, enum task_status status,
                      const struct err *err) {
    static const char *const names[] = {NULL, "running", "finished", "failed", "cancelled"};
    struct local_job *j = self;
    if (!names[status]) return;
    cJSON *f = task_frame(j, vertex, subtask, names[status], status == TASK_FAILED ? err : NULL);
    if (task_status_is_final(status)) {
        pthread_mutex_lock(&j->mutex);
        cJSON **list = &j->committables[place_of(j, vertex, subtask)];
        if (status == TASK_FINISHED && *list) {
            json_set(f, "committables", *list);
            *list = NULL;
        }
        pthread_mutex_unlock(&j->mutex);
        /* Final figures come in front of the last news. */
        if (atomic_fetch_sub(&j->running, 1) == 1) outbox_frame(j->out, report_frame(j));
    }
    outbox_frame(j->out, f);
}

static void on_committable(void *self, int vertex, int subtask, const struct plan_op *op,
                           uint64_t checkpoint, bool end, cJSON *committable) {
    struct local_job *j = self;
    cJSON *c = cJSON_CreateObject();
    json_set_i64(c, "op", op - j->plan->vertices[vertex].ops);
    json_set(c, "value", committable);
    pthread_mutex_lock(&j->mutex);
    cJSON **list = &j->committables[place_of(j, vertex, subtask)];
    if (!*list) *list = cJSON_CreateArray();
    cJSON_AddItemToArray(*list, c);
    pthread_mutex_unlock(&j->mutex);
}

static void on_line(void *self, struct sv line, bool to_stderr) {
    struct local_job *j = self;
    outbox_line(j->out, line, to_stderr);
}

static void on_collect(void *self, int vertex, int subtask, struct batch *b) {
    struct local_job *j = self;
    struct err err = ERR_INIT;
    if (outbox_rows(j->out, b, j->zone, &err))
        outbox_frame(j->out, task_frame(j, vertex, subtask, "failed", &err));
}

static bool on_reader_full(void *self) {
    struct local_job *j = self;
    return outbox_is_full(j->out);
}

static void on_reader_ready(void *self) { /* loop's thread */
    struct local_job *j = self;
    if (j->rt) job_runtime_reader_ready(j->rt);
}

/* ---- jobs ---- */

static struct local_job *find_job(struct link *l, const cJSON *msg) {
    const char *id = json_opt_str(msg, "job", "");
    uint64_t attempt = (uint64_t)json_opt_i64(msg, "attempt", -1);
    for (int i = 0; i < l->n_jobs; i++)
        if (!strcmp(l->jobs[i]->id, id) &&
            (!json_opt(msg, "attempt") || l->jobs[i]->attempt == attempt))
            return l->jobs[i];
    return NULL;
}

static void free_job(struct local_job *j) {
    job_runtime_free(j->rt);
    j->rt = NULL;
    outbox_free(j->out);
    for (int i = 0; i < j->n_places; i++)
        cJSON_Delete(j->committables[i]);
    free(j->committables);
    pthread_mutex_destroy(&j->mutex);
    free(j->id);
    arena_release(&j->arena);
    free(j);
}

static void drop_job(struct link *l, struct local_job *j) {
    for (int i = 0; i < l->n_jobs; i++) {
        if (l->jobs[i] != j) continue;
        memmove(&l->jobs[i], &l->jobs[i + 1], sizeof *l->jobs * (size_t)(l->n_jobs - i - 1));
        l->n_jobs--;
        break;
    }
    free_job(j);
}

static int read_workers(struct local_job *j, const cJSON *msg, struct worker_addr **ret, int *ret_n,
                        struct err *err) {
    const cJSON *list, *w;
    int rc = json_get_array(msg, "workers", &list, err);
    if (rc) return rc;
    *ret_n = cJSON_GetArraySize(list);
    struct worker_addr *a = *ret = ARENA_NEW_N(&j->arena, struct worker_addr, *ret_n);
    cJSON_ArrayForEach(w, list) {
        a->id = arena_strdup(&j->arena, json_opt_str(w, "id", "?"));
        a->host = arena_strdup(&j->arena, json_opt_str(w, "host", "127.0.0.1"));
        a->port = (int)json_opt_i64(w, "dataPort", 0);
        a++;
    }
    return 0;
}

static int read_places(struct local_job *j, const cJSON *msg, struct err *err) {
    const cJSON *list, *vertex, *w;
    int rc = json_get_array(msg, "placement", &list, err);
    if (rc) return rc;
    int n = 0, v = 0;
    cJSON_ArrayForEach(vertex, list) n += cJSON_GetArraySize(vertex);
    struct task_place *p = j->places = ARENA_NEW_N(&j->arena, struct task_place, n);
    cJSON_ArrayForEach(vertex, list) {
        int s = 0;
        cJSON_ArrayForEach(w, vertex) *p++ =
            (struct task_place){.vertex = v, .subtask = s++, .worker = w->valueint};
        v++;
    }
    const cJSON *idle;
    cJSON_ArrayForEach(idle, json_opt(msg, "idle")) {
        int iv = (int)json_opt_i64(idle, "v", -1), is = (int)json_opt_i64(idle, "s", -1);
        for (int i = 0; i < n; i++)
            if (j->places[i].vertex == iv && j->places[i].subtask == is)
                j->places[i].start =
                    json_opt_bool(idle, "moreSplits", false) ? CHANNEL_IDLE : CHANNEL_EMPTY;
    }
    j->n_places = n;
    j->committables = mem_calloc((size_t)n + 1, sizeof *j->committables);
    return 0;
}

static void add_splits(struct local_job *j, const cJSON *tasks) {
    const cJSON *t, *s;
    cJSON_ArrayForEach(t, tasks) {
        int v = (int)json_opt_i64(t, "v", -1), sub = (int)json_opt_i64(t, "s", -1);
        if (!json_opt(t, "splits")) continue;
        cJSON_ArrayForEach(s, json_opt(t, "splits"))
            job_runtime_add_split(j->rt, v, sub, cJSON_Duplicate(s, true));
        if (!json_opt_bool(t, "moreSplits", false)) job_runtime_no_more_splits(j->rt, v, sub);
    }
}

static void add_later_splits(struct local_job *j, const cJSON *msg) {
    const cJSON *s;
    cJSON_ArrayForEach(s, json_opt(msg, "splits"))
        job_runtime_add_split(j->rt, (int)json_opt_i64(msg, "v", -1),
                              (int)json_opt_i64(msg, "s", -1), cJSON_Duplicate(s, true));
}

static int build_job(struct link *l, struct local_job *j, const cJSON *msg, struct err *err) {
    const cJSON *plan;
    const char *id, *token;
    struct worker_addr *workers;
    int n_workers;
    int rc = json_get_str(msg, "job", &id, err);
    if (!rc) rc = json_get_str(msg, "token", &token, err);
    if (!rc) rc = json_get_u64(msg, "attempt", &j->attempt, err);
    if (!rc) rc = json_get_object(msg, "plan", &plan, err);
    if (rc) return rc;
    j->id = mem_strdup(id);
    j->out = outbox_new(l->loop, id, j->attempt, on_reader_ready, j);
    outbox_connect(j->out, l->conn);
    if ((rc = plan_from_json(&j->arena, plan, &j->plan, err))) return rc;
    if ((rc = tz_get(j->plan->config.zone, &j->zone, err))) return rc;
    rc = read_workers(j, msg, &workers, &n_workers, err);
    if (!rc) rc = read_places(j, msg, err);
    if (rc) return rc;
    const cJSON *tasks = json_opt(msg, "tasks");
    j->running = cJSON_GetArraySize(tasks);
    struct runtime_spec spec = {.plan = j->plan,
                                .job_id = j->id,
                                .token = arena_strdup(&j->arena, token),
                                .attempt = j->attempt,
                                .self = l->number,
                                .n_workers = n_workers,
                                .workers = workers,
                                .n_places = j->n_places,
                                .places = j->places,
                                .callbacks = {.self = j,
                                              .task_status = on_status,
                                              .committable = on_committable,
                                              .print_line = on_line,
                                              .collect = on_collect,
                                              .reader_full = on_reader_full}};
    rc = job_runtime_new(l->worker, &spec, &j->rt, err);
    if (!rc) add_splits(j, tasks);
    return rc;
}

static void fail_tasks(struct link *l, const cJSON *msg, const struct err *err) {
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(msg, "tasks")) {
        cJSON *f = control_new(MSG_TASK);
        json_set_str(f, "job", json_opt_str(msg, "job", ""));
        json_set_i64(f, "attempt", json_opt_i64(msg, "attempt", 0));
        json_set_i64(f, "v", json_opt_i64(t, "v", 0));
        json_set_i64(f, "s", json_opt_i64(t, "s", 0));
        json_set_str(f, "state", "failed");
        json_set(f, "error", control_error_to_json(err, "runtime"));
        send(l, f);
    }
}

static void deploy(struct link *l, const cJSON *msg) {
    struct local_job *j = mem_zalloc(sizeof *j);
    struct err err = ERR_INIT;
    j->link = l;
    arena_init(&j->arena);
    pthread_mutex_init(&j->mutex, NULL);
    if (fs_use(json_opt(msg, "fileSystems"), &err) || build_job(l, j, msg, &err)) {
        fail_tasks(l, msg, &err);
        free_job(j);
        return;
    }
    MEM_GROW(l->jobs, l->n_jobs, l->cap_jobs);
    l->jobs[l->n_jobs++] = j;
    send(l, job_frame(j, MSG_DEPLOYED));
}

static void set_log_levels(const cJSON *msg) {
    struct err err = ERR_INIT;
    if (log_parse_levels(json_opt_str(msg, "levels", ""), json_opt_i64(msg, "ttlMs", 0), &err))
        log_warn("log levels not changed", KV_ERR(&err));
}

static void shut_down(struct link *l) {
    l->shutdown = true;
    net_loop_stop(l->loop);
}

static void obey(struct link *l, const char *type, const cJSON *msg) {
    if (!strcmp(type, MSG_REGISTERED)) {
        l->number = (int)json_opt_i64(msg, "worker", 0);
        l->registered = true;
    } else if (!strcmp(type, MSG_DEPLOY)) {
        deploy(l, msg);
    } else if (!strcmp(type, MSG_SHUTDOWN)) {
        shut_down(l);
    } else if (!strcmp(type, MSG_LOG)) {
        set_log_levels(msg);
    } else {
        struct local_job *j = find_job(l, msg);
        if (!j) return; /* it never came to be here, or is gone */
        if (!strcmp(type, MSG_START)) {
            job_runtime_start(j->rt);
            l->report_ms = REPORT_FIRST_MS;
            net_timer_set(l->report_timer, l->report_ms);
        } else if (!strcmp(type, MSG_SPLITS)) {
            add_later_splits(j, msg);
        } else if (!strcmp(type, MSG_CANCEL)) {
            job_runtime_cancel(j->rt);
        } else if (!strcmp(type, MSG_COMMITTED)) {
            job_runtime_committed(j->rt, (uint64_t)json_opt_i64(msg, "checkpoint", 0));
        } else if (!strcmp(type, MSG_RELEASE)) {
            drop_job(l, j);
        } else if (!strcmp(type, MSG_ACK)) {
            outbox_ack(j->out, json_opt_i64(msg, "seq", 0));
        } else {
            log_warn("unknown order", KV_STR("type", type));
        }
    }
}

/* ---- the connection ---- */

static void on_open(void *self, struct ws_conn *conn) {
    struct link *l = self;
    cJSON *f = control_new(MSG_REGISTER);
    json_set_i64(f, "version", CONTROL_VERSION);
    json_set_str(f, "id", l->opts.id);
    json_set_i64(f, "pid", getpid());
    json_set_str(f, "host", l->opts.host);
    json_set_i64(f, "dataPort", worker_port(l->worker));
    json_set_i64(f, "slots", l->opts.slots);
    send(l, f);
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct link *l = self;
    struct err err = ERR_INIT;
    const char *type;
    AUTO_JSON *j = NULL;
    if (binary || control_parse(data, len, &j, &type, &err)) {
        log_error("bad frame from the coordinator", KV_ERR(&err));
        return;
    }
    obey(l, type, j);
}

static void on_writable(void *self, struct ws_conn *conn) {
    struct link *l = self;
    for (int i = 0; i < l->n_jobs; i++)
        outbox_pump(l->jobs[i]->out);
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct link *l = self;
    if (!l) return; /* freed: the loop closes what is left */
    l->conn = NULL;
    for (int i = 0; i < l->n_jobs; i++)
        outbox_connect(l->jobs[i]->out, NULL);
    if (!l->registered && clock_mono_ns() < l->connect_until_ns) {
        net_timer_set(l->connect_timer, CONNECT_AGAIN_MS);
        return;
    }
    if (!l->shutdown && code != WS_CLOSE_NORMAL)
        err_set(&l->error, ERR_UNAVAILABLE, "the coordinator has gone: %s",
                reason && *reason ? reason : "the connection was cut");
    net_loop_stop(l->loop);
}

static const struct ws_ops link_ops = {on_open, on_message, on_writable, on_close};

static int connect_link(struct link *l, struct err *err) {
    AUTO_STR url = STR_INIT;
    str_addf(&url, "%s" CONTROL_PATH_WORKER, l->opts.url);
    struct ws_connect_options o = {
        .url = str_text(&url), .bearer_token = l->opts.token, .tls = l->opts.tls};
    /* A plan is at most 1 MiB, its splits may be many; so may be what a row holds. */
    o.ws.message_max_bytes = o.ws.queue_max_bytes = CONTROL_MESSAGE_MAX_BYTES;
    return ws_connect(l->loop, &o, &link_ops, l, &l->conn, err);
}

static void on_connect_again(void *arg) {
    struct link *l = arg;
    if (connect_link(l, &l->error)) net_loop_stop(l->loop);
}

bool link_is_registered(const struct link *l) {
    return l->registered;
}

int link_new(struct net_loop *loop, struct worker *w, const struct link_options *opts,
             struct link **ret, struct err *err) {
    struct link *l = mem_zalloc(sizeof *l);
    l->loop = loop;
    l->worker = w;
    l->opts = *opts;
    l->report_timer = net_timer_new(loop, on_report, l);
    l->connect_timer = net_timer_new(loop, on_connect_again, l);
    l->connect_until_ns = clock_mono_ns() + opts->connect_for_ms * 1000000;
    int rc = connect_link(l, err);
    if (rc) {
        link_free(l);
        return rc;
    }
    *ret = l;
    return 0;
}

int link_result(const struct link *l, struct err *err) {
    if (l->error.code) *err = l->error;
    return l->error.code;
}

void link_free(struct link *l) {
    if (!l) return;
    while (l->n_jobs)
        drop_job(l, l->jobs[l->n_jobs - 1]);
    if (l->conn) ws_set_self(l->conn, NULL);
    free(l->jobs);
    net_timer_free(l->report_timer);
    net_timer_free(l->connect_timer);
    free(l);
}
