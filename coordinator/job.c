/* job.c - one job's life: created → deploying → running → committing → finished, with cancelling,
 * restarting and failing on the way (attempt.c, failover.c). */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing.h"
#include "coordinator/discovery.h"
#include "coordinator/settle.h"
#include "sql/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long until progress is told next: soon at first, for jobs that are over soon. */
enum { PROGRESS_FIRST_MS = 150, PROGRESS_MAX_MS = 500 };

const char *job_state_name(enum job_state s) {
    static const char *const names[] = {"created",    "deploying",  "running",  "committing",
                                        "cancelling", "restarting", "finished", "stopped",
                                        "failed",     "cancelled"};
    return names[s];
}

bool job_is_over(const struct job *j) {
    return j->state >= JOB_FINISHED;
}

struct job *job_find(struct coordinator *c, const char *id) {
    for (int i = c->n_jobs - 1; i >= 0; i--)
        if (!strcmp(c->jobs[i]->id, id)) return c->jobs[i];
    return NULL;
}

void job_free(struct job *j) {
    if (!j) return;
    net_timer_free(j->progress);
    settle_forget(j);
    checkpointing_free(j);
    failover_free(j);
    discovery_free(j);
    attempt_free_tables(j);
    arena_release(&j->arena);
    free(j);
}

void job_tell_workers(struct job *j, const char *type, uint64_t checkpoint) {
    for (int w = 0; w < j->n_workers; w++) {
        if (!j->worker_used[w]) continue;
        cJSON *m = control_new(type);
        json_set_str(m, "job", j->id);
        json_set_u64(m, "attempt", j->attempt);
        if (checkpoint) json_set_u64(m, "checkpoint", checkpoint);
        worker_send(j->coord->workers[w], m);
    }
}

static void on_progress(void *arg) {
    struct job *j = arg;
    client_send(j->coord, load_progress(j));
    j->progress_ms = MIN(2 * j->progress_ms, PROGRESS_MAX_MS);
    net_timer_set(j->progress, j->progress_ms);
}

void job_end(struct job *j, enum job_state state) {
    if (job_is_over(j)) return;
    j->state = state;
    j->end_ns = clock_mono_ns();
    net_timer_cancel(j->progress);
    net_timer_cancel(j->restart_timer);
    discovery_stop(j);
    checkpointing_stop(j);
    job_tell_workers(j, MSG_RELEASE, 0);
    if (state == JOB_FAILED && !j->coord->client) /* a client is told, and tells */
        log_error("job failed", KV_STR("job", j->id), KV_STR("name", j->name), KV_ERR(&j->error));
    else
        log_info("job ended", KV_STR("job", j->id), KV_STR("name", j->name),
                 KV_STR("state", job_state_name(state)),
                 KV_I64("ms", (j->end_ns - j->start_ns) / 1000000));
    client_send(j->coord, load_end(j));
    script_job_ended(j->coord, j);
}

void job_cancel(struct job *j) {
    attempt_cancel(j, JOB_CANCELLED, NULL);
}

void job_stopped(struct job *j, uint64_t checkpoint) {
    j->stopped_at = checkpoint;
    attempt_cancel(j, checkpoint ? JOB_STOPPED : JOB_CANCELLED, NULL);
}

void job_fenced(struct job *j, const struct err *err) {
    struct coordinator *c = j->coord;
    c->fenced = true;
    j->error = *err;
    net_loop_stop(c->loop);
}

int job_plan(struct coordinator *c, struct arena *a, const char *name,
             const struct rel *const *sinks, int n_sinks, struct plan **ret, struct err *err) {
    const struct job_spec *spec = c->opts.spec;
    struct vertex_override *edits = ARENA_NEW_N(a, struct vertex_override, spec->n_edits);
    for (int i = 0; i < spec->n_edits; i++)
        edits[i] = (struct vertex_override){.uid = spec->edits[i].uid,
                                            .parallelism = spec->edits[i].parallelism,
                                            .slot_group = spec->edits[i].slot_group,
                                            .chain = spec->edits[i].chain};
    const char *p = session_is_set(c->session, "parallelism.default")
                        ? session_get(c->session, "parallelism.default")
                        : NULL;
    struct planner_input in = {.name = name,
                               .n_sinks = n_sinks,
                               .sinks = sinks,
                               .session = c->session,
                               .parallelism = p ? atoi(p) : spec->parallelism,
                               .max_parallelism = spec->max_parallelism,
                               .n_overrides = spec->n_edits,
                               .overrides = edits};
    return planner_plan(a, &in, ret, err);
}

static void new_id(char id[17]) {
    uint64_t r;
    CHECK(getentropy(&r, sizeof r) == 0);
    snprintf(id, 17, "%016llx", (unsigned long long)r);
}

void job_tell_client(struct job *j) {
    cJSON *e = control_new(EVENT_JOB);
    json_set_i64(e, "index", j->index);
    json_set_str(e, "job", j->id);
    json_set_str(e, "name", j->name);
    json_set_bool(e, "recoverable", j->ck && !j->coord->opts.script);
    json_set(e, "plan", plan_to_public_json(j->plan));
    client_send(j->coord, e);
}

void job_forget_old(struct coordinator *c) {
    int over = 0;
    for (int i = 0; i < c->n_jobs; i++)
        over += job_is_over(c->jobs[i]);
    for (int i = 0; i < c->n_jobs && over > COORDINATOR_JOBS_KEPT_MAX; i++) {
        if (!job_is_over(c->jobs[i])) continue;
        job_free(c->jobs[i]);
        memmove(&c->jobs[i], &c->jobs[i + 1], sizeof *c->jobs * (size_t)(c->n_jobs - i - 1));
        c->n_jobs--;
        over--;
        i--;
    }
}

int job_start(struct coordinator *c, int index, struct arena *stmt, const struct rel *const *sinks,
              int n_sinks, const char *name, struct job **ret, struct err *err) {
    struct job *j = mem_zalloc(sizeof *j);
    j->coord = c;
    j->index = index;
    j->arena = *stmt;
    arena_init(stmt);
    j->name = arena_strdup(&j->arena, name);
    new_id(j->id);
    j->start_ns = clock_mono_ns();
    int rc = job_plan(c, &j->arena, j->name, sinks, n_sinks, &j->plan, err);
    if (!rc) rc = failover_init(j, err);
    if (!rc) attempt_make_tables(j);
    if (!rc && checkpointing_wanted(j)) {
        rc = checkpointing_new(j, err);
    } else if (!rc) {
        j->restore_due = true;
        rc = attempt_begin(j, 1, err);
        if (rc && err->cls == ERR_CLASS_USER)
            rc = err->code = ERR_RUNTIME; /* the statement is right; what it reads isn't there */
    }
    if (rc) {
        job_free(j);
        return rc;
    }
    MEM_GROW(c->jobs, c->n_jobs, c->cap_jobs);
    c->jobs[c->n_jobs++] = j;
    if (!j->ck) job_tell_client(j); /* else when it has its id: checkpointing.c */
    j->progress = net_timer_new(c->loop, on_progress, j);
    j->progress_ms = PROGRESS_FIRST_MS;
    net_timer_set(j->progress, j->progress_ms);
    *ret = j;
    return 0;
}
