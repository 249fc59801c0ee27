/* agent.c - orders about checkpoints to tasks and file, and what comes of them back. */
#define LOG_MODULE "checkpoint"
#include "worker/checkpoint/agent.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/proto/control.h"
#include "fs/stores.h"
#include "worker/checkpoint/state_file.h"
#include "worker/job_runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

struct snapshot_agent {
    struct snapshot_agent_opts opts;
    struct state_file_writer *files;
    pthread_mutex_t lock;
    struct job_runtime *rt; /* under lock; NULL: no tasks (any more) */
    uint64_t triggered;     /* under lock: the last one */
    int64_t triggered_ns;   /* under lock: when */
};

static cJSON *frame_of(const char *type, uint64_t checkpoint) {
    cJSON *f = control_new(type);
    json_set_u64(f, "checkpoint", checkpoint);
    return f;
}

static void decline(struct snapshot_agent *a, uint64_t checkpoint, const char *reason) {
    log_warn("checkpoint declined", KV_U64("checkpoint", checkpoint), KV_STR("reason", reason));
    cJSON *f = frame_of(MSG_DECLINED, checkpoint);
    json_set_str(f, "reason", reason);
    a->opts.tell(a->opts.self, f);
}

/* On the writer's thread. */
static void on_written(void *self, struct state_file_result *r) {
    struct snapshot_agent *a = self;
    pthread_mutex_lock(&a->lock);
    bool timed = a->triggered == r->checkpoint;
    int64_t ms = timed ? (clock_mono_ns() - a->triggered_ns) / NS_PER_MS : 0;
    if (r->err && a->rt) job_runtime_abort(a->rt, r->checkpoint);
    pthread_mutex_unlock(&a->lock);
    if (r->err) {
        decline(a, r->checkpoint, r->err->msg);
        cJSON_Delete(r->tasks);
        return;
    }
    cJSON *f = frame_of(MSG_ACKED, r->checkpoint);
    if (r->any)
        json_set_str(f, "file", r->file.name);
    else
        json_set(f, "file", cJSON_CreateNull());
    json_set_u64(f, "bytes", r->bytes);
    json_set_i64(f, "ms", ms);
    json_set(f, "tasks", r->tasks);
    a->opts.tell(a->opts.self, f);
}

int snapshot_agent_new(const struct snapshot_agent_opts *opts, struct snapshot_agent **ret,
                       struct err *err) {
    struct snapshot_agent *a = mem_zalloc(sizeof *a);
    a->opts = *opts;
    pthread_mutex_init(&a->lock, NULL);
    struct state_file_opts so = {
        .dir = opts->dir, .worker_id = opts->worker_id, .self = a, .done = on_written};
    int rc = fs_find(opts->dir, &so.fs, err);
    if (!rc) rc = state_file_writer_new(&so, &a->files, err);
    if (rc) {
        snapshot_agent_free(a);
        return err_wrap(err, "checkpoints in %s", opts->dir);
    }
    *ret = a;
    return 0;
}

void snapshot_agent_free(struct snapshot_agent *a) {
    if (!a) return;
    state_file_writer_free(a->files);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct state_file_writer *snapshot_agent_files(struct snapshot_agent *a) {
    return a->files;
}

void snapshot_agent_attach(struct snapshot_agent *a, struct job_runtime *rt) {
    pthread_mutex_lock(&a->lock);
    a->rt = rt;
    pthread_mutex_unlock(&a->lock);
}

static enum barrier_kind kind_of(const char *name) {
    return !strcmp(name, "stop")        ? BARRIER_STOP
           : !strcmp(name, "savepoint") ? BARRIER_SAVEPOINT
                                        : BARRIER_CHECKPOINT;
}

void snapshot_agent_trigger(struct snapshot_agent *a, const cJSON *msg) {
    struct barrier b = {.kind = kind_of(json_opt_str(msg, "kind", "checkpoint")),
                        .trigger_ms = clock_wall_ms(),
                        .full = json_opt_bool(msg, "full", false)};
    struct err err = ERR_INIT;
    int rc = json_get_u64(msg, "checkpoint", &b.id, &err);
    if (!rc) rc = json_get_u64(msg, "epoch", &b.epoch, &err);
    if (!rc) rc = json_get_u64(msg, "base", &b.base, &err);
    if (!rc && !b.id) rc = err_set(&err, ERR_PROTOCOL, "checkpoint 0");
    pthread_mutex_lock(&a->lock);
    struct job_runtime *rt = a->rt;
    if (!rc && rt) {
        a->triggered = b.id;
        a->triggered_ns = clock_mono_ns();
    }
    pthread_mutex_unlock(&a->lock);
    if (rc || !rt) {
        decline(a, b.id, rc ? err.msg : "the job's tasks aren't running");
        return;
    }
    /* Tasks that finished long ago answer at once: the file is begun before they are asked. A
     * barrier of another worker's may have come before: then it is begun already. */
    state_file_begin(a->files, b.epoch, b.id, job_runtime_task_count(rt));
    job_runtime_barrier(rt, &b);
}

void snapshot_agent_abort(struct snapshot_agent *a, const cJSON *msg) {
    uint64_t checkpoint = (uint64_t)json_opt_i64(msg, "checkpoint", 0);
    state_file_abandon(a->files, checkpoint);
    pthread_mutex_lock(&a->lock);
    if (a->rt) job_runtime_abort(a->rt, checkpoint);
    pthread_mutex_unlock(&a->lock);
}

void snapshot_agent_committed(struct snapshot_agent *a, uint64_t checkpoint) {
    a->opts.tell(a->opts.self, frame_of(MSG_COMMIT_DONE, checkpoint));
}
