/* job.c - one job's life: deploying → running → committing → finished, with cancelling and failing
 * on the way. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/deploy.h"
#include "coordinator/discovery.h"
#include "coordinator/settle.h"
#include "sql/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long until progress is told next: soon at first, for jobs that are over soon. */
enum { PROGRESS_FIRST_MS = 150, PROGRESS_MAX_MS = 500 };

const char *job_state_name(enum job_state s) {
    static const char *const names[] = {"deploying", "running", "committing", "cancelling",
                                        "finished",  "failed",  "cancelled"};
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
    discovery_free(j);
    if (j->plan) {
        int n_ops = 0;
        for (int v = 0; v < j->plan->n_vertices; v++) {
            free(j->tasks[v]);
            n_ops += j->plan->vertices[v].n_ops;
        }
        for (int i = 0; i < n_ops; i++)
            cJSON_Delete(j->committables[i]);
    }
    load_free(j);
    free(j->tasks);
    free(j->committables);
    free(j->op_base);
    free(j->worker_used);
    free(j->worker_deployed);
    arena_release(&j->arena);
    free(j);
}

static void tell_workers(struct job *j, const char *type) {
    for (int w = 0; w < j->n_workers; w++) {
        if (!j->worker_used[w]) continue;
        cJSON *m = control_new(type);
        json_set_str(m, "job", j->id);
        json_set_i64(m, "attempt", (int64_t)j->attempt);
        worker_send(j->coord->workers[w], m);
    }
}

static void on_progress(void *arg) {
    struct job *j = arg;
    client_send(j->coord, load_progress(j));
    j->progress_ms = MIN(2 * j->progress_ms, PROGRESS_MAX_MS);
    net_timer_set(j->progress, j->progress_ms);
}

static void end_job(struct job *j, enum job_state state) {
    j->state = state;
    j->end_ns = clock_mono_ns();
    net_timer_cancel(j->progress);
    discovery_stop(j);
    tell_workers(j, MSG_RELEASE);
    if (state == JOB_FAILED && !j->coord->client) /* a client is told, and tells */
        log_error("job failed", KV_STR("job", j->id), KV_STR("name", j->name), KV_ERR(&j->error));
    else
        log_info("job ended", KV_STR("job", j->id), KV_STR("name", j->name),
                 KV_STR("state", job_state_name(state)),
                 KV_I64("ms", (j->end_ns - j->start_ns) / 1000000));
    client_send(j->coord, load_end(j));
    script_job_ended(j->coord, j);
}

static bool all_tasks(const struct job *j, bool (*f)(enum task_state s)) {
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (!f(j->tasks[v][s].state)) return false;
    return true;
}

static bool is_finished(enum task_state s) {
    return s == TASK_FINISHED;
}

static bool is_terminal(enum task_state s) {
    return s >= TASK_FINISHED;
}

static void on_settled(struct job *j, bool commit, const struct err *err) {
    if (!commit) {
        if (err) log_warn("cannot remove uncommitted output", KV_STR("job", j->id), KV_ERR(err));
        end_job(j, j->outcome);
    } else if (err) {
        j->error = *err;
        end_job(j, JOB_FAILED);
    } else {
        tell_workers(j, MSG_COMMITTED);
        end_job(j, JOB_FINISHED);
    }
}

/* Every task has ended: settles what the sinks prepared. */
static void finish_if_over(struct job *j) {
    if (j->settlement) return;
    if (j->state == JOB_RUNNING && all_tasks(j, is_finished)) {
        j->state = JOB_COMMITTING;
        settle_begin(j, true, on_settled);
    } else if (j->state == JOB_CANCELLING && all_tasks(j, is_terminal)) {
        settle_begin(j, false, on_settled);
    }
}

static void begin_cancel(struct job *j, enum job_state outcome, const struct err *why) {
    /* The first reason counts, and a commit that has begun is not taken back. */
    if (job_is_over(j) || j->state == JOB_CANCELLING || j->state == JOB_COMMITTING) return;
    j->state = JOB_CANCELLING;
    j->outcome = outcome;
    discovery_stop(j);
    if (why) j->error = *why;
    tell_workers(j, MSG_CANCEL);
    finish_if_over(j);
}

void job_cancel(struct job *j) {
    begin_cancel(j, JOB_CANCELLED, NULL);
}

void job_on_deployed(struct job *j, int worker) {
    if (j->state != JOB_DEPLOYING || worker >= j->n_workers) return;
    j->worker_deployed[worker] = true;
    for (int w = 0; w < j->n_workers; w++)
        if (j->worker_used[w] && !j->worker_deployed[w]) return;
    j->state = JOB_RUNNING;
    tell_workers(j, MSG_START);
    discovery_start(j);
}

static int find_task(struct job *j, const cJSON *msg, int worker, int *ret_v, int *ret_s,
                     struct err *err) {
    int rc = json_get_int(msg, "v", ret_v, err);
    if (!rc) rc = json_get_int(msg, "s", ret_s, err);
    if (rc) return rc;
    if (*ret_v < 0 || *ret_v >= j->plan->n_vertices || *ret_s < 0 ||
        *ret_s >= j->plan->vertices[*ret_v].parallelism ||
        j->tasks[*ret_v][*ret_s].worker != worker)
        return err_set(err, ERR_PROTOCOL, "no task %d/%d of job %s on this worker", *ret_v, *ret_s,
                       j->id);
    return 0;
}

static void take_committables(struct job *j, int v, const cJSON *msg) {
    const cJSON *c;
    cJSON_ArrayForEach(c, json_opt(msg, "committables")) {
        int op = (int)json_opt_i64(c, "op", -1);
        const cJSON *value = json_opt(c, "value");
        if (op < 0 || op >= j->plan->vertices[v].n_ops || !value) continue;
        cJSON_AddItemToArray(j->committables[j->op_base[v] + op], cJSON_Duplicate(value, true));
    }
}

void job_on_task(struct job *j, int worker, const cJSON *msg) {
    struct err err = ERR_INIT;
    int v, s;
    const char *state;
    int rc = find_task(j, msg, worker, &v, &s, &err);
    if (!rc) rc = json_get_str(msg, "state", &state, &err);
    if (rc) {
        log_error("bad task report", KV_STR("job", j->id), KV_ERR(&err));
        return;
    }
    struct job_task *t = &j->tasks[v][s];
    if (is_terminal(t->state)) return;
    if (!strcmp(state, "running")) {
        t->state = TASK_RUNNING;
    } else if (!strcmp(state, "finished")) {
        t->state = TASK_FINISHED;
        take_committables(j, v, msg);
    } else if (!strcmp(state, "cancelled")) {
        t->state = TASK_CANCELLED;
    } else {
        t->state = TASK_FAILED;
        control_error_from_json(json_opt(msg, "error"), &err, NULL);
        log_info("task failed", KV_STR("job", j->id), KV_STR("vertex", j->plan->vertices[v].name),
                 KV_I64("subtask", s), KV_ERR(&err));
        begin_cancel(j, JOB_FAILED, &err);
    }
    finish_if_over(j);
}

void job_on_worker_lost(struct job *j, struct worker *w, const char *why) {
    if (w->number >= j->n_workers || !j->worker_used[w->number]) return;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (j->tasks[v][s].worker == w->number && !is_terminal(j->tasks[v][s].state))
                j->tasks[v][s].state = TASK_FAILED;
    struct err err = ERR_INIT;
    err_set(&err, ERR_UNAVAILABLE, "%s", why);
    /* Its peers may have missed it first: what they say of a cut connection comes from this. */
    if (j->state == JOB_CANCELLING && j->outcome == JOB_FAILED && j->error.code == ERR_NET)
        j->error = err;
    begin_cancel(j, JOB_FAILED, &err);
    finish_if_over(j);
}

static void make_tables(struct job *j) {
    struct plan *p = j->plan;
    j->n_workers = j->coord->n_workers;
    j->worker_used = mem_calloc((size_t)j->n_workers + 1, sizeof(bool));
    j->worker_deployed = mem_calloc((size_t)j->n_workers + 1, sizeof(bool));
    j->tasks = mem_calloc((size_t)p->n_vertices + 1, sizeof *j->tasks);
    j->op_base = mem_calloc((size_t)p->n_vertices + 1, sizeof *j->op_base);
    int n_ops = 0;
    for (int v = 0; v < p->n_vertices; v++) {
        j->op_base[v] = n_ops;
        n_ops += p->vertices[v].n_ops;
        j->tasks[v] = mem_calloc((size_t)p->vertices[v].parallelism, sizeof **j->tasks);
        for (int s = 0; s < p->vertices[v].parallelism; s++)
            j->tasks[v][s].load.watermark = WATERMARK_MIN;
    }
    j->committables = mem_calloc((size_t)n_ops + 1, sizeof *j->committables);
    for (int i = 0; i < n_ops; i++)
        j->committables[i] = cJSON_CreateArray();
    load_init(j);
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

static void tell_client(struct job *j) {
    cJSON *e = control_new(EVENT_JOB);
    json_set_i64(e, "index", j->index);
    json_set_str(e, "job", j->id);
    json_set_str(e, "name", j->name);
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
    j->attempt = 1;
    j->arena = *stmt;
    arena_init(stmt);
    j->name = arena_strdup(&j->arena, name);
    new_id(j->id);
    j->start_ns = clock_mono_ns();
    int rc = job_plan(c, &j->arena, j->name, sinks, n_sinks, &j->plan, err);
    if (!rc) {
        make_tables(j);
        rc = place_tasks(j, err);
    }
    cJSON **frames = NULL;
    if (!rc && (rc = deploy_frames(j, &frames, err)) && err->cls == ERR_CLASS_USER)
        rc = err->code = ERR_RUNTIME; /* the statement is right; what it reads isn't there */
    if (rc) {
        job_free(j);
        return rc;
    }
    MEM_GROW(c->jobs, c->n_jobs, c->cap_jobs);
    c->jobs[c->n_jobs++] = j;
    tell_client(j);
    for (int w = 0; w < j->n_workers; w++)
        if (frames[w]) worker_send(c->workers[w], frames[w]);
    free(frames);
    j->progress = net_timer_new(c->loop, on_progress, j);
    j->progress_ms = PROGRESS_FIRST_MS;
    net_timer_set(j->progress, j->progress_ms);
    *ret = j;
    return 0;
}
