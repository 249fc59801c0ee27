/* failover.c - a failed job starts again: from its last checkpoint, after a pause, on the workers
 * that there are. */
#define LOG_MODULE "coordinator"
#include "coordinator/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing.h"
#include "coordinator/restart.h"
#include "coordinator/settle.h"
#include "sql/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long a new worker is waited for where the others have room for all tasks: whoever launches
 * workers needs about a tenth of it. */
enum { REPLACEMENT_WAIT_MS = 1000, ASK_AGAIN_MS = 300 };

static int64_t now_ms(void) {
    return clock_mono_ns() / 1000000;
}

static void on_timer(void *arg) {
    struct job *j = arg;
    j->restart_due = true;
    failover_go_on(j);
}

int failover_init(struct job *j, struct err *err) {
    const struct session *session = j->coord->session;
    const struct session_settings *s = session_settings(session);
    struct restart_options o = {
        .attempts = s->restart_attempts,
        .delay_ms = s->restart_delay_ms,
        .max_failures = s->restart_rate_max,
        .interval_ms = s->restart_rate_interval_ms,
        .initial_ms = s->restart_exp_initial_ms,
        .max_ms = s->restart_exp_max_ms,
        .calm_ms = s->restart_exp_calm_ms,
        .multiplier = s->restart_exp_multiplier,
        .jitter = s->restart_exp_jitter,
        .at_once = !session_is_set(session, "restart-strategy.exponential-delay.initial-backoff")};
    int rc = restart_parse_kind(s->restart_strategy, checkpointing_wanted(j), &o.kind, err);
    if (rc) return rc;
    if (o.kind == RESTART_EXPONENTIAL) o.attempts = s->restart_exp_attempts;
    if (o.kind == RESTART_FAILURE_RATE) o.delay_ms = s->restart_rate_delay_ms;
    if (j->plan->result) o.kind = RESTART_NONE; /* rows that were shown can't be taken back */
    uint64_t seed;
    CHECK(getentropy(&seed, sizeof seed) == 0);
    j->restart = mem_zalloc(sizeof *j->restart);
    restart_init(j->restart, &o, seed);
    j->restart_timer = net_timer_new(j->coord->loop, on_timer, j);
    j->restart_due = true;
    return 0;
}

void failover_free(struct job *j) {
    free(j->restart);
    net_timer_free(j->restart_timer);
}

static void note_failure(struct job *j, const struct err *err) {
    struct job_failure *f = &j->failures[j->n_failures++ % JOB_FAILURES_KEPT];
    *f = (struct job_failure){.attempt = j->attempt, .wall_ms = clock_wall_ms()};
    snprintf(f->text, sizeof f->text, "%.255s", err->msg);
}

static void tell_restart(struct job *j, const struct err *err, int64_t delay_ms) {
    log_warn("job restarts", KV_STR("job", j->id), KV_STR("name", j->name),
             KV_I64("delay_ms", delay_ms), KV_ERR(err));
    cJSON *e = control_new(EVENT_RESTART);
    json_set_i64(e, "index", j->index);
    json_set_str(e, "job", j->id);
    json_set_u64(e, "attempt", j->attempt);
    json_set_i64(e, "delayMs", delay_ms);
    json_set(e, "error", control_error_to_json(err, "runtime"));
    if (j->ck) json_set_bool(e, "checkpoint", checkpointing_has_any(j));
    client_send(j->coord, e);
}

/* What another attempt wouldn't change. */
static bool is_final(const struct job *j, const struct err *err) {
    return err->cls == ERR_CLASS_USER &&
           (err->code == ERR_UNSUPPORTED || (err->code == ERR_VALIDATION && !j->n_restarts));
}

void failover_on_failure(struct job *j, const struct err *err) {
    if (job_is_over(j) || j->state == JOB_CANCELLING) return;
    if (j->state == JOB_COMMITTING) return; /* all its tasks have finished */
    note_failure(j, err);
    int64_t delay =
        is_final(j, err) || j->coord->stopping ? -1 : restart_failed(j->restart, now_ms());
    if (delay < 0) {
        attempt_cancel(j, JOB_FAILED, err);
        return;
    }
    tell_restart(j, err, delay);
    j->n_restarts++;
    j->restart_due = delay == 0;
    j->restore_due = !j->ck;
    j->recommitted = false;
    j->wait_workers_since_ms = 0;
    /* With checkpoints the log is asked, and its answer goes on. */
    if (delay || !j->ck) net_timer_set(j->restart_timer, delay);
    attempt_cancel(j, JOB_RESTARTING, err);
    if (j->ck && !job_is_over(j)) checkpointing_restart(j, err->msg);
}

/* ---- the next attempt ---- */

static void on_recommitted(struct job *j, const struct err *err) {
    if (j->state == JOB_CANCELLING) {
        if (err) /* the checkpoint still holds it */
            checkpointing_warn(j, "what a checkpoint's sinks prepared can't be committed", err);
        attempt_check_over(j);
        return;
    }
    if (err) {
        failover_on_failure(j, err);
        return;
    }
    j->recommitted = true;
    failover_go_on(j);
}

static void tell_missing_workers(struct job *j, int missing) {
    cJSON *e = control_new(EVENT_WORKERS);
    json_set_i64(e, "missing", missing);
    client_send(j->coord, e);
}

/* Workers that have gone are waited for: shortly if the others have room, else for as long as at
 * the job's start; and asked for again and again, as new ones may die, too. true: go on. */
static bool enough_workers(struct job *j, struct err *ret_err) {
    struct coordinator *c = j->coord;
    int missing = c->opts.workers - c->n_registered;
    if (missing <= 0) return true;
    if (!j->wait_workers_since_ms) j->wait_workers_since_ms = now_ms();
    int64_t wait = c->n_registered ? REPLACEMENT_WAIT_MS : c->opts.worker_timeout_ms;
    int64_t left = j->wait_workers_since_ms + wait - now_ms();
    if (left > 0) {
        tell_missing_workers(j, missing);
        net_timer_set(j->restart_timer, MIN(left, ASK_AGAIN_MS));
        return false;
    }
    if (c->n_registered) return true;
    err_set(ret_err, ERR_UNAVAILABLE, "no worker has come in place of those lost within %lld s",
            (long long)c->opts.worker_timeout_ms / 1000);
    return false;
}

static void fail(struct job *j, const struct err *err) {
    note_failure(j, err);
    j->error = *err;
    job_end(j, JOB_FAILED);
}

void failover_go_on(struct job *j) {
    if (j->state != JOB_CREATED && j->state != JOB_RESTARTING) return;
    if (!j->restart_due || !j->restore_due || j->settlement) return;
    struct err err = ERR_INIT;
    if (!j->recommitted && checkpointing_from(j)) {
        settle_begin(j, SETTLE_CHECKPOINT, settle_lists_of_body(j, checkpointing_from(j)),
                     on_recommitted);
        return;
    }
    if (!enough_workers(j, &err)) {
        if (err.code) fail(j, &err);
        return;
    }
    uint64_t attempt = j->ck ? j->next_attempt : j->attempt + 1;
    int rc = attempt_begin(j, attempt, &err);
    if (!rc) return;
    if (err.cls == ERR_CLASS_USER) err.code = ERR_RUNTIME; /* what the job reads isn't there */
    j->state = JOB_RESTARTING;
    failover_on_failure(j, &err);
}

cJSON *failover_json(const struct job *j) {
    cJSON *list = cJSON_CreateArray();
    int kept = MIN(j->n_failures, JOB_FAILURES_KEPT);
    for (int i = 1; i <= kept; i++) {
        const struct job_failure *f = &j->failures[(j->n_failures - i) % JOB_FAILURES_KEPT];
        cJSON *o = cJSON_CreateObject();
        json_set_u64(o, "attempt", f->attempt);
        json_set_i64(o, "time", f->wall_ms);
        json_set_str(o, "message", f->text);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}
