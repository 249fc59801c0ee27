/* attempt.c - one attempt at running a job: its tasks from deployment to their end. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing.h"
#include "coordinator/deploy.h"
#include "coordinator/discovery.h"
#include "coordinator/settle.h"

#include <stdlib.h>

/* ---- tables ---- */

void attempt_make_tables(struct job *j) {
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
    load_init(j);
}

void attempt_free_tables(struct job *j) {
    load_free(j);
    for (int v = 0; j->tasks && v < j->plan->n_vertices; v++) {
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            cJSON_Delete(j->tasks[v][s].committables);
        free(j->tasks[v]);
    }
    free(j->tasks);
    free(j->op_base);
    free(j->worker_used);
    free(j->worker_deployed);
    j->tasks = NULL;
}

/* ---- the beginning ---- */

int attempt_begin(struct job *j, uint64_t attempt, struct err *err) {
    attempt_free_tables(j);
    attempt_make_tables(j);
    discovery_free(j);
    j->attempt = attempt;
    int rc = place_tasks(j, err);
    if (rc) return rc;
    cJSON **frames = NULL;
    rc = deploy_frames(j, &frames, err);
    if (rc) return rc;
    j->state = JOB_DEPLOYING;
    for (int w = 0; w < j->n_workers; w++)
        if (frames[w]) worker_send(j->coord->workers[w], frames[w]);
    free(frames);
    return 0;
}

void attempt_on_deployed(struct job *j, int worker) {
    if (j->state != JOB_DEPLOYING || worker >= j->n_workers) return;
    j->worker_deployed[worker] = true;
    for (int w = 0; w < j->n_workers; w++)
        if (j->worker_used[w] && !j->worker_deployed[w]) return;
    j->state = JOB_RUNNING;
    job_tell_workers(j, MSG_START, 0);
    discovery_start(j);
    if (j->ck) checkpointing_started(j);
}

/* ---- the end ---- */

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

bool attempt_all_finished(const struct job *j) {
    return all_tasks(j, is_finished);
}

static void on_committed(struct job *j, const struct err *err) {
    if (err) {
        j->error = *err;
        job_end(j, JOB_FAILED);
    } else {
        job_tell_workers(j, MSG_COMMITTED, 0);
        job_end(j, JOB_FINISHED);
    }
}

static void after_cancel(struct job *j) {
    if (j->outcome == JOB_RESTARTING) {
        j->state = JOB_RESTARTING;
        job_tell_workers(j, MSG_RELEASE, 0);
        failover_go_on(j);
    } else {
        job_end(j, j->outcome);
    }
}

static void on_aborted(struct job *j, const struct err *err) {
    if (err) log_warn("cannot remove uncommitted output", KV_STR("job", j->id), KV_ERR(err));
    after_cancel(j);
}

static void abort_output(struct job *j) {
    cJSON **lists = settle_lists_of_tasks(j);
    if (j->ck) checkpointing_leave_out_held(j, lists);
    settle_begin(j, SETTLE_ABORT, lists, on_aborted);
}

void attempt_check_over(struct job *j) {
    if (j->settlement) return;
    if (j->state == JOB_RUNNING && attempt_all_finished(j)) {
        if (j->ck && checkpointing_is_stopping(j)) return;
        j->state = JOB_COMMITTING;
        if (j->ck)
            checkpointing_finish(j);
        else
            settle_begin(j, SETTLE_END, settle_lists_of_tasks(j), on_committed);
    } else if (j->state == JOB_CANCELLING && all_tasks(j, is_terminal)) {
        /* What a checkpoint may come to hold is committed by whoever starts from it; what none
         * holds is swept up by later commits. */
        if (j->ck && !checkpointing_may_abort(j))
            after_cancel(j);
        else
            abort_output(j);
    }
}

/* None runs. */
static void cancel_tasks(struct job *j) {
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (!is_terminal(j->tasks[v][s].state)) j->tasks[v][s].state = TASK_CANCELLED;
}

void attempt_cancel(struct job *j, enum job_state outcome, const struct err *why) {
    if (job_is_over(j)) return;
    if (j->state == JOB_CANCELLING) { /* the first reason counts, but a restart can be called off */
        if (j->outcome == JOB_RESTARTING) j->outcome = outcome;
        return;
    }
    /* A commit that has begun is not taken back; with checkpoints it is made again. */
    if (j->state == JOB_COMMITTING && !(j->ck && outcome == JOB_RESTARTING)) return;
    bool runs = j->state == JOB_DEPLOYING || j->state == JOB_RUNNING || j->state == JOB_COMMITTING;
    if (why) j->error = *why;
    discovery_stop(j);
    if (!runs && outcome == JOB_RESTARTING) return;
    if (!runs && !j->settlement) {
        job_end(j, outcome);
        return;
    }
    j->state = JOB_CANCELLING;
    j->outcome = outcome;
    if (runs)
        job_tell_workers(j, MSG_CANCEL, 0);
    else
        cancel_tasks(j); /* a commit is under way: over with it */
    attempt_check_over(j);
}

/* ---- tasks ---- */

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

static void on_task_failed(struct job *j, int v, int s, const cJSON *msg) {
    struct err err = ERR_INIT;
    control_error_from_json(json_opt(msg, "error"), &err, NULL);
    log_info("task failed", KV_STR("job", j->id), KV_STR("vertex", j->plan->vertices[v].name),
             KV_I64("subtask", s), KV_ERR(&err));
    failover_on_failure(j, &err);
}

void attempt_on_task(struct job *j, int worker, const cJSON *msg) {
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
        const cJSON *list = json_opt(msg, "committables");
        if (list) t->committables = cJSON_Duplicate(list, true);
    } else if (!strcmp(state, "cancelled")) {
        t->state = TASK_CANCELLED;
    } else {
        t->state = TASK_FAILED;
        on_task_failed(j, v, s, msg);
    }
    attempt_check_over(j);
}

void attempt_on_worker_lost(struct job *j, struct worker *w, const char *why) {
    if (j->state == JOB_CREATED || j->state == JOB_RESTARTING) {
        failover_go_on(j); /* it may wait for workers */
        return;
    }
    if (w->number >= j->n_workers || !j->worker_used[w->number]) return;
    bool ran = !j->ck || j->state == JOB_DEPLOYING;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (j->tasks[v][s].worker == w->number && !is_terminal(j->tasks[v][s].state)) {
                j->tasks[v][s].state = TASK_FAILED;
                ran = true;
            }
    if (!ran) {
        checkpointing_on_worker_lost(j, w->number);
        return;
    }
    struct err err = ERR_INIT;
    err_set(&err, ERR_UNAVAILABLE, "%s", why);
    /* Its peers may have missed it first: what they say of a cut connection comes from this. */
    if (j->state == JOB_CANCELLING && j->outcome == JOB_FAILED && j->error.code == ERR_NET)
        j->error = err;
    failover_on_failure(j, &err);
    attempt_check_over(j);
}
