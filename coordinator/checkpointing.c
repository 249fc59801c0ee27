/* checkpointing.c - see checkpointing.h. */
#define LOG_MODULE "checkpoint"
#include "coordinator/checkpointing.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "coordinator/checkpointing_int.h"
#include "coordinator/discovery.h"
#include "coordinator/settle.h"
#include "fs/stores.h"
#include "sql/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum { RETRY_MS = 200, RETRY_MAX_MS = 10000, TAG_FINISH = 0 /* of the last checkpoint */ };

bool checkpointing_wanted(const struct job *j) {
    const struct session_settings *s = session_settings(j->coord->session);
    return s->cp_interval_ms > 0 && !j->plan->config.batch_mode && !j->plan->result;
}

void checkpointing_warn(struct job *j, const char *what, const struct err *err) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "%s: %s", what, err->msg);
    log_warn(what, KV_STR("job", j->id), KV_ERR(err));
    cJSON *e = control_new(EVENT_WARNING);
    json_set_str(e, "text", str_text(&text));
    client_send(j->coord, e);
}

static void fail_job(struct job *j, const struct err *err) {
    if (job_is_over(j)) return;
    attempt_cancel(j, JOB_FAILED, err);
}

/* ---- history ---- */

static struct entry *newest_entry(struct checkpointing *k, uint64_t checkpoint) {
    if (!k->n_history) return NULL;
    struct entry *e = &k->history[(k->n_history - 1) % CHECKPOINTING_HISTORY];
    return e->checkpoint == checkpoint ? e : NULL;
}

static void end_entry(struct checkpointing *k, uint64_t checkpoint, bool ok, const char *reason) {
    struct entry *e = newest_entry(k, checkpoint);
    if (!e || e->ended) return;
    e->ended = true;
    e->ok = ok;
    e->ms = (clock_mono_ns() - k->trigger_ns) / 1000000;
    snprintf(e->reason, sizeof e->reason, "%s", reason);
    if (ok)
        k->figures.completed++;
    else
        k->figures.failed++;
}

/* ---- from where ---- */

/* Where it starts is known: that it fits is checked once, in front of the first attempt. */
static void check_and_restart(struct checkpointing *k) {
    struct job *j = k->job;
    struct err err = ERR_INIT;
    if (k->from) {
        bool allow = session_settings(j->coord->session)->restore_ignore_unclaimed;
        if (ckpt_body_check(k->from, j->plan, allow, &err)) {
            fail_job(j, &err);
            return;
        }
    }
    ckpt_agent_restart(k->agent, "begin");
}

static void on_foreign(void *self, const struct copy_result *r) {
    struct checkpointing *k = self;
    k->copy = NULL;
    if (job_is_over(k->job)) return;
    if (r->err) {
        fail_job(k->job, r->err);
        return;
    }
    k->from = cJSON_Duplicate(r->body, true);
    k->from_id = r->checkpoint;
    check_and_restart(k);
}

/* From another directory, if the settings name one; else from nothing. */
static void start_from_path(struct checkpointing *k) {
    struct job *j = k->job;
    const char *path = session_settings(j->coord->session)->restore_path;
    if (!path || !*path) {
        check_and_restart(k);
        return;
    }
    k->from_dir = mem_strdup(path);
    struct err err = ERR_INIT;
    if (copy_read(j->coord->loop, j->coord->io, path, on_foreign, k, &k->copy, &err))
        fail_job(j, &err);
}

/* Of an earlier run of this job: files in the making carry its id. */
static void take_identity(struct checkpointing *k, const cJSON *body) {
    const char *id = json_opt_str(body, "job", "");
    if (strlen(id) == 16) strcpy(k->job->id, id);
}

/* What another run has left isn't started from: its input was read to its end, or that was asked
 * for. A coordinator that takes over within a run goes on. */
static bool begins_anew(const struct checkpointing *k, const cJSON *body) {
    const struct coordinator_options *o = &k->job->coord->opts;
    bool own_run = o->run_id && !strcmp(o->run_id, json_opt_str(body, "run", ""));
    if (own_run || k->figures.completed) return false;
    return o->fresh || o->from_path || o->spec->stateless || json_opt_bool(body, "finished", false);
}

/* The job begins anew. What its last run had completed is made visible before, if it isn't; it may
 * have been taken away since. */
static void on_past_run_committed(struct job *j, const struct err *err) {
    if (j->state == JOB_CANCELLING) {
        attempt_check_over(j);
        return;
    }
    if (err && (err->cls == ERR_CLASS_RETRY || err->code == ERR_PERMISSION)) {
        struct err why = *err;
        err_wrap(&why,
                 "output that the last run completed can't be made visible (to give it up, delete "
                 "%s)",
                 j->ck->dir);
        fail_job(j, &why);
        return;
    }
    if (err) checkpointing_warn(j, "output of the last run isn't there any more", err);
    if (j->coord->opts.from_path)
        start_from_path(j->ck);
    else
        check_and_restart(j->ck);
}

static void on_lead(void *self, const cJSON *body) {
    struct checkpointing *k = self;
    struct job *j = k->job;
    if (body) take_identity(k, body);
    job_tell_client(j);
    if (body && begins_anew(k, body)) {
        bool end = json_opt_bool(body, "finished", false);
        settle_begin(j, end ? SETTLE_END : SETTLE_CHECKPOINT, settle_lists_of_body(j, body),
                     on_past_run_committed);
    } else if (body) {
        k->from = cJSON_Duplicate(body, true);
        k->from_dir = mem_strdup(k->dir);
        check_and_restart(k);
    } else {
        start_from_path(k);
    }
}

static void on_restore(void *self, uint64_t attempt, uint64_t checkpoint, const cJSON *body) {
    struct checkpointing *k = self;
    struct job *j = k->job;
    /* The log's newest, unless it says nothing yet and the job starts from another directory, or it
     * is of a run whose input was read to its end. */
    bool own = body && !begins_anew(k, body);
    if (own) {
        cJSON_Delete(k->from);
        free(k->from_dir);
        k->from = cJSON_Duplicate(body, true);
        k->from_dir = mem_strdup(k->dir);
        k->from_id = checkpoint;
    }
    k->has_base = own;
    if (k->from) {
        k->figures.restored++;
        log_info("restoring", KV_STR("job", j->id), KV_U64("checkpoint", k->from_id),
                 KV_STR("dir", k->from_dir), KV_U64("attempt", attempt));
    }
    cJSON_Delete(k->carried);
    k->carried = NULL;
    k->finish = false;
    j->next_attempt = attempt;
    j->restore_due = true;
    failover_go_on(j);
}

/* ---- one checkpoint ---- */

/* A worker that was lost when all its tasks had finished: nothing is missing. */
static bool is_gone(const struct job *j, int worker) {
    return !j->coord->workers[worker]->conn;
}

/* One answer for all: barriers carry it from worker to worker, and a task takes it from the first
 * that arrives. */
static bool wants_full(const struct checkpointing *k) {
    const struct job *j = k->job;
    const cJSON *base = k->has_base ? ckpt_agent_body(k->agent) : NULL;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (j->tasks[v][s].state != TASK_FINISHED && ckpt_body_wants_full(base, j->plan, v, s))
                return true;
    return false;
}

static void send_trigger(const struct checkpointing *k, int worker, const struct ckpt_action *a,
                         bool full) {
    static const char *const kinds[] = {"checkpoint", "savepoint", "stop"};
    cJSON *f = control_new(MSG_TRIGGER);
    json_set_str(f, "job", k->job->id);
    json_set_u64(f, "attempt", a->attempt);
    json_set_u64(f, "epoch", ckpt_agent_epoch(k->agent));
    json_set_u64(f, "checkpoint", a->checkpoint);
    json_set_u64(f, "base", a->base);
    json_set_str(f, "kind", kinds[a->ckpt_kind]);
    json_set_bool(f, "full", full);
    worker_send(k->job->coord->workers[worker], f);
}

static void begin_entry(struct checkpointing *k, const struct ckpt_action *a) {
    struct entry *e = &k->history[k->n_history++ % CHECKPOINTING_HISTORY];
    *e = (struct entry){.checkpoint = a->checkpoint,
                        .attempt = a->attempt,
                        .kind = a->ckpt_kind,
                        .wall_ms = clock_wall_ms()};
    k->trigger_ns = clock_mono_ns();
}

static void on_trigger(void *self, const struct ckpt_action *a) {
    struct checkpointing *k = self;
    struct job *j = k->job;
    begin_entry(k, a);
    ckpt_body_free(k->body);
    k->body = ckpt_body_new(j->plan, k->has_base ? ckpt_agent_body(k->agent) : NULL);
    k->id = a->checkpoint;
    k->finish = attempt_all_finished(j);
    if (k->carried) ckpt_body_carry_committables(k->body, k->carried);
    for (int v = 0; v < j->plan->n_vertices; v++) {
        /* As handed out in front of the barrier: what comes behind it isn't in the sources' answer
         * yet, and will be found again. */
        AUTO_JSON *seen = discovery_seen(j, v);
        if (seen) ckpt_body_set_seen(k->body, v, seen);
    }
    bool full = wants_full(k);
    for (int i = 0; i < k->n_participants; i++)
        if (!is_gone(j, k->participants[i])) send_trigger(k, k->participants[i], a, full);
    for (int i = 0; i < k->n_participants; i++)
        if (is_gone(j, k->participants[i]))
            ckpt_agent_acked(k->agent, a->attempt, a->checkpoint, (uint32_t)i, NULL, 0);
}

static void on_abort(void *self, const struct ckpt_action *a) {
    struct checkpointing *k = self;
    end_entry(k, a->checkpoint, false, a->reason);
    log_warn("checkpoint failed", KV_STR("job", k->job->id), KV_U64("checkpoint", a->checkpoint),
             KV_STR("reason", a->reason));
    if (k->body && k->id == a->checkpoint) {
        cJSON_Delete(k->carried);
        k->carried = ckpt_body_take_committables(k->body);
        ckpt_body_free(k->body);
        k->body = NULL;
    }
    for (int i = 0; i < k->n_participants; i++) {
        cJSON *f = control_new(MSG_ABORT);
        json_set_str(f, "job", k->job->id);
        json_set_u64(f, "attempt", a->attempt);
        json_set_u64(f, "checkpoint", a->checkpoint);
        worker_send(k->job->coord->workers[k->participants[i]], f);
    }
}

static int participant_of(const struct checkpointing *k, int worker) {
    for (int i = 0; i < k->n_participants; i++)
        if (k->participants[i] == worker) return i;
    return -1;
}

/* Tasks of the worker that don't appear in its answer have finished, which it has said before. */
static int check_tasks(const struct checkpointing *k, int worker, struct err *err) {
    const struct job *j = k->job;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++) {
            if (j->tasks[v][s].worker != worker || ckpt_body_has_task(k->body, v, s)) continue;
            if (j->tasks[v][s].state != TASK_FINISHED)
                return err_set(err, ERR_PROTOCOL, "task %d of '%s' runs and is not in it", s,
                               j->plan->vertices[v].name);
        }
    return 0;
}

static void add_figures(struct checkpointing *k, const cJSON *msg) {
    struct entry *e = newest_entry(k, k->id);
    if (!e) return;
    e->bytes += json_opt_i64(msg, "bytes", 0);
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(msg, "tasks")) {
        e->max_sync_ms = MAX(e->max_sync_ms, json_opt_i64(t, "syncMs", 0));
        e->max_align_ms = MAX(e->max_align_ms, json_opt_i64(t, "alignMs", 0));
    }
}

void checkpointing_on_acked(struct job *j, int worker, const cJSON *msg) {
    struct checkpointing *k = j->ck;
    uint64_t checkpoint = 0;
    struct err err = ERR_INIT;
    int i = participant_of(k, worker);
    if (json_get_u64(msg, "checkpoint", &checkpoint, &err) || i < 0) return;
    struct ckpt_file *files = NULL, late;
    size_t n = 0;
    if (k->body && checkpoint == k->id) {
        int rc = ckpt_body_add(k->body, msg, &files, &n, &err);
        if (!rc) rc = check_tasks(k, worker, &err);
        if (rc) {
            err_wrap(&err, "what worker %s wrote can't be used", j->coord->workers[worker]->id);
            ckpt_agent_declined(k->agent, j->attempt, checkpoint, (uint32_t)i, err.msg);
            free(files);
            return;
        }
        add_figures(k, msg);
        ckpt_agent_acked(k->agent, j->attempt, checkpoint, (uint32_t)i, files, n);
    } else { /* too late: its file is removed */
        const char *name = json_opt_str(msg, "file", NULL);
        n = name && strlen(name) <= CKPT_FILE_NAME_MAX;
        if (n) strcpy(late.name, name);
        ckpt_agent_acked(k->agent, j->attempt, checkpoint, (uint32_t)i, &late, n);
    }
    free(files);
}

void checkpointing_on_declined(struct job *j, int worker, const cJSON *msg) {
    struct checkpointing *k = j->ck;
    int i = participant_of(k, worker);
    AUTO_STR text = STR_INIT;
    str_addf(&text, "worker %s: %s", j->coord->workers[worker]->id,
             json_opt_str(msg, "reason", "no reason given"));
    if (i >= 0)
        ckpt_agent_declined(k->agent, j->attempt, (uint64_t)json_opt_i64(msg, "checkpoint", 0),
                            (uint32_t)i, str_text(&text));
}

static cJSON *make_body(void *self, uint64_t checkpoint) {
    struct checkpointing *k = self;
    struct job *j = k->job;
    static const char *const kinds[] = {"checkpoint", "savepoint", "stop"};
    CHECK(k->body && checkpoint == k->id);
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (!ckpt_body_has_task(k->body, v, s) && j->tasks[v][s].committables)
                ckpt_body_add_committables(k->body, v, j->tasks[v][s].committables);
    cJSON *body = ckpt_body_make(k->body);
    const struct entry *e = newest_entry(k, checkpoint);
    json_set_str(body, "job", j->id);
    json_set_str(body, "name", j->name);
    json_set_str(body, "run", j->coord->opts.run_id);
    json_set_str(body, "release", PENSTOCK_VERSION);
    json_set_i64(body, "time", clock_wall_ms());
    json_set_str(body, "kind", kinds[e ? e->kind : CKPT_PERIODIC]);
    if (k->finish) json_set_bool(body, "finished", true);
    return body;
}

/* What finished tasks had prepared for the end is part of it now. */
static void forget_committables(struct checkpointing *k) {
    struct job *j = k->job;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            if (!ckpt_body_task_runs(k->body, v, s)) {
                cJSON_Delete(j->tasks[v][s].committables);
                j->tasks[v][s].committables = NULL;
            }
}

static void on_completed(void *self, const struct ckpt_action *a, const cJSON *body) {
    struct checkpointing *k = self;
    struct entry *e = newest_entry(k, a->checkpoint);
    end_entry(k, a->checkpoint, true, "");
    if (e) e->state_bytes = ckpt_body_state_bytes(body);
    if (e) {
        k->figures.last_ms = e->ms;
        k->figures.last_bytes = e->bytes;
        k->figures.last_wall_ms = clock_wall_ms();
        k->figures.state_bytes = e->state_bytes;
    }
    log_debug("checkpoint complete", KV_STR("job", k->job->id), KV_U64("checkpoint", a->checkpoint),
              KV_I64("ms", e ? e->ms : 0), KV_I64("bytes", e ? e->bytes : 0));
    if (k->body && k->id == a->checkpoint) {
        forget_committables(k);
        ckpt_body_free(k->body);
        k->body = NULL;
        cJSON_Delete(k->carried);
        k->carried = NULL;
        k->has_base = true;
    }
}

/* ---- committing ---- */

static void tell_committed(struct checkpointing *k, uint64_t checkpoint) {
    struct job *j = k->job;
    for (int i = 0; i < k->n_participants; i++) {
        cJSON *f = control_new(MSG_COMMITTED);
        json_set_str(f, "job", j->id);
        json_set_u64(f, "attempt", j->attempt);
        json_set_u64(f, "checkpoint", checkpoint);
        worker_send(j->coord->workers[k->participants[i]], f);
    }
    for (int i = 0; i < k->n_participants; i++)
        if (is_gone(j, k->participants[i]))
            ckpt_agent_committed(k->agent, j->attempt, checkpoint, (uint32_t)i);
}

/* Waiting won't mend it. */
static void commit_failed(struct job *j, const struct err *err) {
    struct err why = *err;
    err_wrap(&why, "what a checkpoint's sinks prepared can't be committed");
    if (j->state == JOB_COMMITTING) j->state = JOB_RUNNING; /* to be done again */
    failover_on_failure(j, &why);
}

static void on_committed(struct job *j, const struct err *err) {
    struct checkpointing *k = j->ck;
    uint64_t checkpoint = k->committing;
    k->committing = 0;
    bool runs = j->state == JOB_RUNNING || j->state == JOB_COMMITTING;
    if (err && runs && err->cls != ERR_CLASS_RETRY) {
        commit_failed(j, err);
        return;
    }
    if (err) /* it is tried again, until it works or the job is restarted */
        checkpointing_warn(j, "what a checkpoint's sinks prepared can't be committed", err);
    else
        k->committed = checkpoint;
    if (!err && runs) tell_committed(k, checkpoint);
    if (!err && k->committing_end && j->state == JOB_COMMITTING) {
        job_tell_workers(j, MSG_COMMITTED, 0);
        job_end(j, JOB_FINISHED);
        return;
    }
    attempt_check_over(j);
    failover_go_on(j);
}

static void on_commit(void *self, uint64_t attempt, uint64_t checkpoint, const cJSON *body) {
    struct checkpointing *k = self;
    struct job *j = k->job;
    if (j->state != JOB_RUNNING && j->state != JOB_COMMITTING) return;
    if (k->committed == checkpoint) {
        tell_committed(k, checkpoint);
        return;
    }
    if (j->settlement) return; /* asked again later */
    k->committing = checkpoint;
    k->committing_end = json_opt_bool(body, "finished", false);
    settle_begin(j, k->committing_end ? SETTLE_END : SETTLE_CHECKPOINT,
                 settle_lists_of_body(j, body), on_committed);
}

void checkpointing_on_commit_done(struct job *j, int worker, const cJSON *msg) {
    struct checkpointing *k = j->ck;
    int i = participant_of(k, worker);
    if (i >= 0)
        ckpt_agent_committed(k->agent, j->attempt, (uint64_t)json_opt_i64(msg, "checkpoint", 0),
                             (uint32_t)i);
}

/* ---- the attempt ---- */

void checkpointing_restart(struct job *j, const char *reason) {
    ckpt_agent_restart(j->ck->agent, reason);
}

static void on_restart(void *self, const char *reason) {
    struct checkpointing *k = self;
    struct err err = ERR_INIT;
    err_set(&err, ERR_RUNTIME, "too many checkpoints failed: %s", reason);
    if (k->job->state == JOB_COMMITTING) k->job->state = JOB_RUNNING; /* to be done again */
    failover_on_failure(k->job, &err);
}

void checkpointing_started(struct job *j) {
    struct checkpointing *k = j->ck;
    free(k->participants);
    k->participants = mem_calloc((size_t)j->n_workers + 1, sizeof *k->participants);
    k->n_participants = 0;
    for (int w = 0; w < j->n_workers; w++)
        if (j->worker_used[w]) k->participants[k->n_participants++] = w;
    ckpt_agent_started(k->agent, j->attempt, (uint32_t)k->n_participants);
}

void checkpointing_on_worker_lost(struct job *j, int worker) {
    struct checkpointing *k = j->ck;
    int i = participant_of(k, worker);
    if (i < 0) return;
    if (k->body) ckpt_agent_acked(k->agent, j->attempt, k->id, (uint32_t)i, NULL, 0);
    ckpt_agent_committed(k->agent, j->attempt, k->committed, (uint32_t)i);
}

void checkpointing_finish(struct job *j) {
    ckpt_agent_request(j->ck->agent, CKPT_PERIODIC, TAG_FINISH);
}

bool checkpointing_is_stopping(const struct job *j) {
    return j->ck->stopping;
}

bool checkpointing_may_abort(struct job *j) {
    struct checkpointing *k = j->ck;
    if (j->outcome == JOB_RESTARTING) return false;
    ckpt_agent_restart(k->agent, "the job is being cancelled");
    return !ckpt_agent_in_progress(k->agent);
}

void checkpointing_leave_out_held(const struct job *j, cJSON **lists) {
    settle_lists_leave_out(j, lists, ckpt_agent_body(j->ck->agent));
    settle_lists_leave_out(j, lists, j->ck->from);
}

const cJSON *checkpointing_from(const struct job *j) {
    return j->ck ? j->ck->from : NULL;
}

bool checkpointing_has_any(const struct job *j) {
    return j->ck->from || ckpt_agent_newest(j->ck->agent);
}

cJSON *checkpointing_frame(const struct job *j) {
    const struct checkpointing *k = j->ck;
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "dir", k->dir);
    json_set_i64(o, "timeoutMs", k->opts.timeout_ms);
    json_set_i64(o, "unalignedAfterMs", k->unaligned_after_ms);
    return o;
}

cJSON *checkpointing_restore_frame(const struct job *j) {
    const struct checkpointing *k = j->ck;
    return k->from ? ckpt_body_restore(k->from, k->from_dir, k->from_id) : NULL;
}

/* ---- life ---- */

static void on_store(void *self, const struct err *err) {
    struct checkpointing *k = self;
    if (err)
        checkpointing_warn(k->job, "the checkpoint store fails", err);
    else
        log_info("the checkpoint store works again", KV_STR("job", k->job->id));
}

static void on_over(void *self, bool fenced, const struct err *err) {
    struct checkpointing *k = self;
    log_error("checkpoints end", KV_STR("job", k->job->id), KV_ERR(err));
    if (fenced)
        job_fenced(k->job, err);
    else
        fail_job(k->job, err);
}

static const struct ckpt_agent_ops agent_ops = {
    .lead = on_lead,
    .restore = on_restore,
    .trigger = on_trigger,
    .abort = on_abort,
    .body = make_body,
    .completed = on_completed,
    .commit = on_commit,
    .request_done = checkpointing_request_done,
    .restart = on_restart,
    .store = on_store,
    .over = on_over,
};

/* A manifest's job has one directory, whatever its run; a script's jobs each their own. */
static int job_dir(const struct job *j, struct str *out, struct err *err) {
    const struct coordinator_options *o = &j->coord->opts;
    const char *root = session_settings(j->coord->session)->cp_dir;
    if (!root || !*root) root = o->checkpoint_dir;
    if (!root || !*root)
        return err_set(err, ERR_VALIDATION,
                       "the job takes checkpoints and doesn't say where they go: set "
                       "'execution.checkpointing.dir' (in spec.config)");
    size_t n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        n--;
    str_add_n(out, root, n);
    if (o->script)
        str_addf(out, "/%s", j->id);
    else
        str_addf(out, "/%s", o->checkpoint_name ? o->checkpoint_name : o->spec->name);
    return 0;
}

/* The same for all coordinators of a run, so that one finds what another left behind; another in
 * the next run, whose log may be empty and whose attempts count from the beginning again: output is
 * named by job and attempt. Where the log has a checkpoint its job's id counts: take_identity. */
static void set_identity(struct job *j, const char *dir) {
    const struct coordinator_options *o = &j->coord->opts;
    if (o->script || !o->run_id) return; /* as made: at random */
    AUTO_STR text = STR_INIT;
    str_addf(&text, "%s\n%s", dir, o->run_id);
    snprintf(j->id, sizeof j->id, "%016llx",
             (unsigned long long)XXH3_64bits(str_text(&text), text.len));
}

int checkpointing_new(struct job *j, struct err *err) {
    const struct session_settings *s = session_settings(j->coord->session);
    AUTO_STR dir = STR_INIT;
    struct fs *fs;
    int rc = job_dir(j, &dir, err);
    if (!rc) rc = fs_find(str_text(&dir), &fs, err);
    if (rc) return err_wrap(err, "checkpoints");
    set_identity(j, str_text(&dir));
    struct checkpointing *k = j->ck = mem_zalloc(sizeof *k);
    k->job = j;
    k->fs = fs;
    k->dir = mem_strdup(str_text(&dir));
    k->unaligned_after_ms = s->cp_unaligned ? s->cp_aligned_timeout_ms : -1;
    k->opts = (struct ckpt_options){.interval_ms = s->cp_interval_ms,
                                    .min_pause_ms = s->cp_pause_ms,
                                    .timeout_ms = s->cp_timeout_ms,
                                    .retry_ms = RETRY_MS,
                                    .retry_max_ms = RETRY_MAX_MS,
                                    .tolerable_failures = (int)s->cp_tolerable,
                                    .retained = (int)s->cp_retained};
    k->agent = ckpt_agent_new(j->coord->loop, j->coord->io, k->fs, k->dir, &k->opts, &agent_ops, k);
    return 0;
}

void checkpointing_stop(struct job *j) {
    if (j->ck) ckpt_agent_stop(j->ck->agent);
}

void checkpointing_free(struct job *j) {
    struct checkpointing *k = j->ck;
    if (!k) return;
    copy_forget(k->copy);
    ckpt_agent_free(k->agent);
    ckpt_body_free(k->body);
    cJSON_Delete(k->from);
    cJSON_Delete(k->carried);
    checkpointing_free_requests(k);
    free(k->participants);
    free(k->from_dir);
    free(k->dir);
    free(k);
    j->ck = NULL;
}
