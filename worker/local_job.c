/* local_job.c - a deployed job: its plan and places read, its runtime made, its state restored;
 * what its tasks say as frames, the coordinator's orders as calls. */
#define LOG_MODULE "worker"
#include "worker/local_job.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "base/proto/control.h"
#include "fs/stores.h"
#include "vector/func/tz.h"
#include "worker/checkpoint/agent.h"
#include "worker/checkpoint/restore.h"
#include "worker/job_runtime.h"
#include "worker/outbox.h"
#include "worker/process_stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

struct local_job {
    struct local_job_opts opts;
    struct arena arena; /* plan, spec */
    char *id;
    uint64_t attempt;
    struct plan *plan;
    const struct tz *zone;
    struct job_runtime *rt;
    struct outbox *out;
    struct snapshot_agent *agent; /* NULL: it takes no checkpoints */
    /* While it is being restored. */
    struct thread restoring;
    cJSON *restore_json;
    struct restore *restore;
    atomic_bool broken; /* couldn't be restored: its tasks have been said to have failed */
    atomic_int running; /* tasks not yet in a final state */
    pthread_mutex_t mutex;
    cJSON **committables; /* per place: what its sinks prepared for the end; under mutex */
    int n_places;
    struct task_place *places;
};

static cJSON *job_frame(const struct local_job *j, const char *type) {
    cJSON *f = control_new(type);
    json_set_str(f, "job", j->id);
    json_set_i64(f, "attempt", (int64_t)j->attempt);
    return f;
}

cJSON *local_job_report(struct local_job *j) {
    cJSON *f = job_frame(j, MSG_REPORT);
    process_stats_add(f);
    json_set(f, "stats", job_runtime_stats(j->rt));
    json_set(f, "fileSystems", fs_stores_metrics(fs_used()));
    return f;
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
    if (!names[status] || atomic_load(&j->broken)) return;
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
        if (atomic_fetch_sub(&j->running, 1) == 1) outbox_frame(j->out, local_job_report(j));
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

static void on_committed(void *self, uint64_t checkpoint) {
    struct local_job *j = self;
    if (j->agent && checkpoint) snapshot_agent_committed(j->agent, checkpoint);
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

/* ---- making and freeing ---- */

void local_job_free(struct local_job *j) {
    if (!j) return;
    if (j->restore) restore_cancel(j->restore);
    thread_join(&j->restoring);
    if (j->agent) snapshot_agent_attach(j->agent, NULL);
    job_runtime_free(j->rt);
    j->rt = NULL;
    snapshot_agent_free(j->agent);
    restore_free(j->restore);
    cJSON_Delete(j->restore_json);
    if (j->out) outbox_free(j->out);
    for (int i = 0; i < j->n_places; i++)
        cJSON_Delete(j->committables[i]);
    free(j->committables);
    pthread_mutex_destroy(&j->mutex);
    free(j->id);
    arena_release(&j->arena);
    free(j);
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

static void tell(void *self, cJSON *frame) {
    struct local_job *j = self;
    json_set_str(frame, "job", j->id);
    json_set_u64(frame, "attempt", j->attempt);
    outbox_frame(j->out, frame);
}

static int make_agent(struct local_job *j, const cJSON *config, struct err *err) {
    const char *dir;
    if (!config) return 0;
    int rc = json_get_str(config, "dir", &dir, err);
    if (rc) return rc;
    struct snapshot_agent_opts opts = {.dir = arena_strdup(&j->arena, dir),
                                       .worker_id = j->opts.worker_id,
                                       .self = j,
                                       .tell = tell};
    return snapshot_agent_new(&opts, &j->agent, err);
}

static int read_restore(struct local_job *j, const cJSON *json, struct err *err) {
    if (!json) return 0;
    j->restore_json = cJSON_Duplicate(json, true);
    return restore_new(j->restore_json, &j->restore, err);
}

static int build(struct local_job *j, const cJSON *msg, struct err *err) {
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
    j->out = outbox_new(j->opts.loop, id, j->attempt, on_reader_ready, j);
    outbox_connect(j->out, j->opts.conn);
    if ((rc = plan_from_json(&j->arena, plan, &j->plan, err))) return rc;
    if ((rc = tz_get(j->plan->config.zone, &j->zone, err))) return rc;
    rc = read_workers(j, msg, &workers, &n_workers, err);
    if (!rc) rc = read_places(j, msg, err);
    if (!rc) rc = make_agent(j, json_opt(msg, "checkpoints"), err);
    if (!rc) rc = read_restore(j, json_opt(msg, "restore"), err);
    if (rc) return rc;
    const cJSON *tasks = json_opt(msg, "tasks");
    j->running = cJSON_GetArraySize(tasks);
    struct runtime_spec spec = {.plan = j->plan,
                                .job_id = j->id,
                                .token = arena_strdup(&j->arena, token),
                                .attempt = j->attempt,
                                .self = j->opts.number,
                                .n_workers = n_workers,
                                .workers = workers,
                                .n_places = j->n_places,
                                .places = j->places,
                                .files = j->agent ? snapshot_agent_files(j->agent) : NULL,
                                .callbacks = {.self = j,
                                              .task_status = on_status,
                                              .committable = on_committable,
                                              .committed = on_committed,
                                              .print_line = on_line,
                                              .collect = on_collect,
                                              .reader_full = on_reader_full}};
    rc = job_runtime_new(j->opts.worker, &spec, &j->rt, err);
    if (rc) return rc;
    if (j->agent) snapshot_agent_attach(j->agent, j->rt);
    add_splits(j, tasks);
    return 0;
}

/* ---- restoring ---- */

static void say_failed(struct local_job *j, const struct err *err) {
    atomic_store(&j->broken, true);
    for (int i = 0; i < j->n_places; i++)
        if (j->places[i].worker == j->opts.number)
            outbox_frame(j->out,
                         task_frame(j, j->places[i].vertex, j->places[i].subtask, "failed", err));
}

/* A thread of its own: storage blocks. */
static void restore_job(void *arg) {
    struct local_job *j = arg;
    struct err err = ERR_INIT;
    int64_t since_ns = clock_mono_ns();
    if (job_runtime_restore(j->rt, j->restore, &err)) {
        if (err.code != ERR_CANCELLED) say_failed(j, &err);
        return;
    }
    log_info("restored", KV_STR("job", j->id),
             KV_I64("ms", (clock_mono_ns() - since_ns) / NS_PER_MS));
    outbox_frame(j->out, job_frame(j, MSG_DEPLOYED));
}

int local_job_new(const struct local_job_opts *opts, const cJSON *msg, struct local_job **ret,
                  struct err *err) {
    struct local_job *j = mem_zalloc(sizeof *j);
    j->opts = *opts;
    arena_init(&j->arena);
    pthread_mutex_init(&j->mutex, NULL);
    int rc = build(j, msg, err);
    if (!rc && j->restore) {
        rc = thread_start(&j->restoring, "restore", restore_job, j, err);
    } else if (!rc) {
        outbox_frame(j->out, job_frame(j, MSG_DEPLOYED));
    }
    if (rc) {
        local_job_free(j);
        return rc;
    }
    *ret = j;
    return 0;
}

/* ---- orders ---- */

bool local_job_is(const struct local_job *j, const cJSON *msg) {
    return !strcmp(j->id, json_opt_str(msg, "job", "")) &&
           (!json_opt(msg, "attempt") || j->attempt == (uint64_t)json_opt_i64(msg, "attempt", -1));
}

bool local_job_runs(const struct local_job *j) {
    return atomic_load(&j->running) > 0;
}

void local_job_connect(struct local_job *j, struct ws_conn *conn) {
    outbox_connect(j->out, conn);
}

void local_job_pump(struct local_job *j) {
    outbox_pump(j->out);
}

/* Tasks that are being restored belong to that thread: they are broken off first. */
static void cancel(struct local_job *j) {
    if (j->restore) {
        restore_cancel(j->restore);
        thread_join(&j->restoring);
    }
    if (!atomic_load(&j->broken)) job_runtime_cancel(j->rt);
}

bool local_job_obey(struct local_job *j, const char *type, const cJSON *msg) {
    if (!strcmp(type, MSG_START))
        job_runtime_start(j->rt);
    else if (!strcmp(type, MSG_SPLITS))
        add_later_splits(j, msg);
    else if (!strcmp(type, MSG_CANCEL))
        cancel(j);
    else if (!strcmp(type, MSG_TRIGGER) && j->agent)
        snapshot_agent_trigger(j->agent, msg);
    else if (!strcmp(type, MSG_ABORT) && j->agent)
        snapshot_agent_abort(j->agent, msg);
    else if (!strcmp(type, MSG_COMMITTED))
        job_runtime_committed(j->rt, (uint64_t)json_opt_i64(msg, "checkpoint", 0));
    else if (!strcmp(type, MSG_ACK))
        outbox_ack(j->out, json_opt_i64(msg, "seq", 0));
    else
        return false;
    return true;
}
