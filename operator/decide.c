/* decide.c - deletion, suspension, upgrades, failures, in that order. */
#include "operator/decide.h"

#include <stdio.h>
#include <string.h>

struct context {
    struct arena *a;
    const struct job *job;
    const struct observed *seen;
    const struct job_status *before;
    struct job_status *st;
    struct decision *d;
    int64_t now;
};

static const struct observed_run NO_RUN;

/* ---- small things ---- */

static struct action *act(struct context *c, enum action_kind kind, int64_t run) {
    static struct action overflow;
    if (c->d->n_actions == ACTIONS_MAX) { /* the rest comes the next time */
        c->d->again_ms = 0;
        return &overflow;
    }
    struct action *x = &c->d->actions[c->d->n_actions++];
    *x = (struct action){.kind = kind, .run = run};
    return x;
}

static void event(struct context *c, bool warning, const char *reason, const char *text) {
    struct action *x = act(c, ACTION_EVENT, c->st->run.number);
    x->warning = warning;
    x->reason = reason;
    x->text = text;
}

static void again(struct context *c, int64_t ms) {
    if (c->d->again_ms < 0 || ms < c->d->again_ms) c->d->again_ms = ms > 0 ? ms : 0;
}

static void say(struct context *c, enum job_state state, const char *message) {
    c->st->state = state;
    c->st->message = message;
}

static void condition(struct context *c, enum condition_type t, bool on, const char *reason,
                      const char *message) {
    struct condition *x = &c->st->conditions[t];
    const struct condition *was = &c->before->conditions[t];
    x->since_ms = was->reason && was->on == on ? was->since_ms : c->now;
    x->on = on;
    x->reason = reason;
    x->message = message;
}

static void stall(struct context *c, const char *reason, const char *message) {
    const struct condition *was = &c->before->conditions[COND_STALLED];
    if (!was->on || !was->reason || strcmp(was->reason, reason)) event(c, true, reason, message);
    condition(c, COND_STALLED, true, reason, message);
}

static void phase(struct context *c, struct run_ref *r, enum run_phase p) {
    if (r->phase == p) return;
    r->phase = p;
    r->since_ms = c->now;
}

static const struct observed_run *find(const struct context *c, const struct run_ref *r) {
    for (int i = 0; r->phase != RUN_NONE && i < c->seen->n_runs; i++)
        if (c->seen->runs[i].number == r->number) return &c->seen->runs[i];
    return &NO_RUN;
}

static bool over(const struct observed_run *r) {
    return r->engine.state >= ENGINE_FINISHED ||
           (r->coordinator.name && r->coordinator.state == POD_OVER);
}

/* Its coordinator was there and is no more. */
static bool lost(const struct run_ref *r, const struct observed_run *o) {
    return (r->phase == RUN_STARTED || r->phase == RUN_STOPPING) &&
           (!o->coordinator.name || o->coordinator.deleting);
}

static bool delete_pod(struct context *c, const struct observed_pod *p) {
    if (!p->name || p->deleting || c->d->n_actions >= DECIDE_PODS_AT_ONCE) return false;
    for (int i = 0; i < c->d->n_actions; i++)
        if (c->d->actions[i].kind == ACTION_DELETE_POD && !strcmp(c->d->actions[i].name, p->name))
            return false;
    struct action *x = act(c, ACTION_DELETE_POD, 0);
    x->name = p->name;
    x->now = p->state == POD_OVER;
    return true;
}

/* Also those that are over, unless they are to be kept for their logs. */
static void delete_run(struct context *c, const struct observed_run *r, bool keep_ended) {
    if (!(keep_ended && r->coordinator.state == POD_OVER)) delete_pod(c, &r->coordinator);
    for (int i = 0; i < r->n_workers; i++)
        if (!(keep_ended && r->workers[i].state == POD_OVER)) delete_pod(c, &r->workers[i]);
}

/* Pods of runs that are none of ours any more. */
static void delete_strays(struct context *c) {
    for (int i = 0; i < c->seen->n_runs; i++) {
        const struct observed_run *r = &c->seen->runs[i];
        bool mine = (c->st->run.phase != RUN_NONE && r->number == c->st->run.number) ||
                    (c->st->candidate.phase != RUN_NONE && r->number == c->st->candidate.number);
        if (!mine) delete_run(c, r, false);
    }
}

static bool any_pod(const struct observed *seen) {
    for (int i = 0; i < seen->n_runs; i++)
        if (seen->runs[i].coordinator.name || seen->runs[i].n_workers) return true;
    return false;
}

static bool run_is_live(const struct observed_run *r) {
    if (r->coordinator.name && r->coordinator.state != POD_OVER) return true;
    for (int w = 0; w < r->n_workers; w++)
        if (r->workers[w].state != POD_OVER) return true;
    return false;
}

static bool any_live_pod(const struct observed *seen) {
    for (int i = 0; i < seen->n_runs; i++)
        if (run_is_live(&seen->runs[i])) return true;
    return false;
}

/* ConfigMaps of specs that no run needs, or may need. */
static void delete_specs(struct context *c) {
    const struct run_ref *used[] = {&c->st->run, &c->st->candidate, &c->st->stable, &c->before->run,
                                    &c->before->candidate};
    for (int i = 0; i < c->seen->n_specs; i++) {
        bool keep = !strcmp(c->seen->specs[i], c->job->hash);
        for (size_t k = 0; k < ARRAY_LEN(used); k++)
            keep |= used[k]->phase != RUN_NONE && !strcmp(used[k]->hash, c->seen->specs[i]);
        if (!keep) act(c, ACTION_DELETE_SPEC, 0)->hash = c->seen->specs[i];
    }
}

/* ---- runs ---- */

static int64_t next_number(const struct context *c) {
    int64_t n = c->st->run.number;
    if (c->st->candidate.number > n) n = c->st->candidate.number;
    if (c->st->stable.number > n) n = c->st->stable.number;
    for (int i = 0; i < c->seen->n_runs; i++)
        if (c->seen->runs[i].number > n) n = c->seen->runs[i].number;
    return n + 1;
}

static struct run_ref new_run(struct context *c) {
    struct run_ref r = {.phase = RUN_PREPARED,
                        .number = next_number(c),
                        .generation = c->job->generation,
                        .workers = c->job->workers,
                        .parallelism = c->job->parallelism,
                        .since_ms = c->now};
    r.origin = r.number;
    r.image = c->job->image;
    memcpy(r.hash, c->job->hash, sizeof r.hash);
    return r;
}

/* Makes what is missing of the run's pods. */
static void make_pods(struct context *c, const struct run_ref *r, bool with_workers) {
    const struct observed_run *o = find(c, r);
    if (!c->seen->base_ready) return; /* comes with the next look */
    if (!c->seen->spec_ready && !strcmp(r->hash, c->job->hash))
        act(c, ACTION_MAKE_SPEC, r->number)->hash = r->hash;
    if (!o->coordinator.name && r->phase == RUN_PREPARED) {
        struct action *x = act(c, ACTION_MAKE_COORDINATOR, r->number);
        x->hash = r->hash;
        x->workers = r->workers;
        x->fresh = r->fresh;
        x->origin = r->origin;
    }
    if (!with_workers || !o->coordinator.ip || over(o)) return; /* they call the coordinator */
    bool taken[JOB_WORKERS_MAX * 2] = {0};
    int live = 0;
    for (int i = 0; i < o->n_workers; i++) {
        const struct observed_pod *w = &o->workers[i];
        if (w->index >= 0 && w->index < (int)ARRAY_LEN(taken)) taken[w->index] = true;
        if (w->state == POD_OVER)
            delete_pod(c, w);
        else if (!w->deleting)
            live++;
    }
    for (int i = 0; live < r->workers && i < (int)ARRAY_LEN(taken); i++) {
        if (taken[i]) continue;
        if (c->d->n_actions >= DECIDE_PODS_AT_ONCE) {
            again(c, 0);
            return;
        }
        struct action *x = act(c, ACTION_MAKE_WORKER, r->number);
        x->hash = r->hash;
        x->index = i;
        live++;
    }
}

static const char *engine_text(enum engine_state s) {
    static const char *const texts[] = {"the coordinator doesn't answer yet",
                                        "the script is being compiled",
                                        "compiled",
                                        "waiting for workers",
                                        "tasks are being deployed",
                                        "running",
                                        "stopping",
                                        "finished",
                                        "failed",
                                        "cancelled"};
    return texts[s];
}

/* What a start waits for: the first pod that says why it isn't running, or the engine's state. */
static const char *waits_for(struct context *c, const struct run_ref *r) {
    const struct observed_run *o = find(c, r);
    if (!o->coordinator.name) return "the coordinator's pod is being made";
    if (o->coordinator.state != POD_RUNNING)
        return o->coordinator.why
                   ? arena_printf(c->a, "pod %s: %s", o->coordinator.name, o->coordinator.why)
                   : "the coordinator's pod is starting";
    for (int i = 0; i < o->n_workers; i++)
        if (o->workers[i].state != POD_RUNNING && o->workers[i].why)
            return arena_printf(c->a, "pod %s: %s", o->workers[i].name, o->workers[i].why);
    if (o->engine.state == ENGINE_WAITING || o->engine.state == ENGINE_PREPARED)
        return arena_printf(c->a, "%d of %d workers have registered", o->engine.registered,
                            r->workers);
    return engine_text(o->engine.state);
}

static void take_figures(struct context *c, const struct observed_run *o) {
    const struct observed_engine *e = &o->engine;
    if (e->records_in >= 0) c->st->records_in = e->records_in;
    if (e->records_out >= 0) c->st->records_out = e->records_out;
    if (e->state == ENGINE_RUNNING) c->st->watermark = e->watermark;
    if (e->checkpoint.id) c->st->checkpoint = e->checkpoint;
    if (e->plan) c->st->plan = e->plan;
}

static void show_run(struct context *c) {
    const struct observed_run *o = find(c, &c->st->run);
    bool alive = c->st->run.phase != RUN_NONE && c->st->run.phase != RUN_ENDED;
    c->st->workers_wanted = alive ? c->st->run.workers : 0;
    c->st->workers_ready = 0;
    for (int i = 0; alive && i < o->n_workers; i++)
        c->st->workers_ready += o->workers[i].ready && !o->workers[i].deleting;
    c->st->parallelism = alive ? c->st->run.parallelism : 0;
    bool ready = alive && o->engine.state == ENGINE_RUNNING;
    condition(c, COND_READY, ready, ready ? "Running" : job_state_text(c->st->state),
              ready ? "all tasks run" : c->st->message);
}

/* Would stopping the run lose state that is to be kept? Sets the condition. */
static bool would_lose_state(struct context *c, const char *what) {
    const struct observed_run *o = find(c, &c->st->run);
    if (c->job->upgrade == UPGRADE_STATELESS || o->engine.checkpoints) return false;
    if (o->engine.state != ENGINE_RUNNING && o->engine.state != ENGINE_UNKNOWN) return false;
    if (o->engine.state == ENGINE_UNKNOWN && c->st->checkpoint.id) return false;
    stall(c, "NoCheckpoint",
          arena_printf(c->a,
                       "%s would lose the job's state: it takes no checkpoints. Set "
                       "spec.checkpoint (interval and storage), or give the state up with "
                       "'spec.job.upgradeMode: stateless'",
                       what));
    return true;
}

static void ask_to_stop(struct context *c, const struct observed_run *o) {
    struct action *x = act(c, ACTION_STOP, c->st->run.number);
    x->checkpoint = c->job->upgrade != UPGRADE_STATELESS && o->engine.checkpoints;
    x->savepoint = x->checkpoint && c->job->upgrade == UPGRADE_SAVEPOINT && !c->job->deleting;
}

static void stop_run(struct context *c, const struct observed_run *o) {
    /* One that hasn't answered yet is asked when it does (stopped): whether it takes checkpoints
     * isn't known before. */
    if (o->engine.state != ENGINE_UNKNOWN) ask_to_stop(c, o);
    phase(c, &c->st->run, RUN_STOPPING);
    again(c, 1000);
}

static int64_t stop_limit(const struct context *c) {
    return c->job->upgrade == UPGRADE_SAVEPOINT ? DECIDE_SAVEPOINT_MS : DECIDE_STOP_MS;
}

/* The run is being stopped: true when it is over. Past the time its pods are deleted; what it goes
 * on from is then its last completed checkpoint. */
static bool stopped(struct context *c, int64_t limit_ms) {
    const struct observed_run *o = find(c, &c->st->run);
    if (over(o) || lost(&c->st->run, o)) return true;
    int64_t left = c->st->run.since_ms + limit_ms - c->now;
    if (left <= 0) {
        event(c, true, "StopTimedOut", "the job didn't stop in time: its pods are deleted");
        return true;
    }
    bool running = o->engine.state >= ENGINE_PREPARED && o->engine.state <= ENGINE_RUNNING;
    if (running && c->now > c->st->run.since_ms) /* the request may have been lost */
        ask_to_stop(c, o);
    again(c, left < 1000 ? left : 1000);
    return false;
}

static void drop_candidate(struct context *c) {
    if (c->st->candidate.phase == RUN_NONE) return;
    delete_run(c, find(c, &c->st->candidate), false);
    c->st->candidate = (struct run_ref){0};
}

/* ---- deletion ---- */

static void decide_deletion(struct context *c) {
    say(c, STATE_DELETING, "its pods are being removed");
    if (!c->job->has_finalizer) return;
    int64_t since = c->now - c->job->deleted_ms;
    const struct observed_run *o = find(c, &c->st->run);
    drop_candidate(c);
    bool stopping = c->st->run.phase == RUN_STARTED || c->st->run.phase == RUN_STOPPING;
    if (stopping && o->coordinator.name && !o->coordinator.deleting && !over(o) &&
        since < DECIDE_DELETE_STOP_MS) {
        if (c->st->run.phase == RUN_STARTED)
            stop_run(c, o);
        else
            (void)stopped(c, DECIDE_DELETE_STOP_MS);
        again(c, DECIDE_DELETE_STOP_MS - since);
        return;
    }
    phase(c, &c->st->run, c->st->run.phase == RUN_NONE ? RUN_NONE : RUN_ENDED);
    for (int i = 0; i < c->seen->n_runs; i++)
        delete_run(c, &c->seen->runs[i], false);
    if (any_pod(c->seen) && since < DECIDE_DELETE_MS) {
        again(c, 1000);
        return;
    }
    act(c, ACTION_REMOVE_FINALIZER, 0); /* the rest goes with its owner */
}

/* ---- suspension and preview ---- */

static void decide_suspension(struct context *c) {
    const struct observed_run *o = find(c, &c->st->run);
    drop_candidate(c);
    if (c->st->run.phase == RUN_STARTED && !over(o) && !lost(&c->st->run, o)) {
        if (would_lose_state(c, "spec.job.state: suspending")) {
            say(c, STATE_RUNNING, "not suspended: see the condition Stalled");
            return;
        }
        stop_run(c, o);
        event(c, false, "Suspending", "the job is being stopped");
    }
    if (c->st->run.phase == RUN_STOPPING && !stopped(c, stop_limit(c))) {
        if (o->engine.stop_refused) {
            phase(c, &c->st->run, RUN_STARTED);
            stall(c, "StopRefused", o->engine.stop_refused);
            say(c, STATE_RUNNING, "not suspended: see the condition Stalled");
            return;
        }
        say(c, STATE_SUSPENDING, "the job is being stopped");
        return;
    }
    if (c->st->run.phase != RUN_NONE) {
        if (c->before->state == STATE_FINISHED || o->engine.state == ENGINE_FINISHED) {
            phase(c, &c->st->run, RUN_ENDED);
            say(c, STATE_FINISHED, "the job has finished");
            return;
        }
        phase(c, &c->st->run, RUN_ENDED);
    }
    for (int i = 0; i < c->seen->n_runs; i++)
        delete_run(c, &c->seen->runs[i], false);
    if (any_live_pod(c->seen)) {
        say(c, STATE_SUSPENDING, "its pods are being removed");
        return;
    }
    c->st->restarts = 0;
    c->st->failed_ms = 0;
    if (c->before->state != STATE_SUSPENDED)
        event(c, false, "Suspended",
              "the job is stopped; set spec.job.state: running to resume it");
    say(c, STATE_SUSPENDED,
        c->st->checkpoint.id ? arena_printf(c->a, "stopped; goes on from checkpoint %lld",
                                            (long long)c->st->checkpoint.id)
                             : "stopped; begins anew");
}

static void decide_preview(struct context *c) {
    struct run_ref *r = &c->st->candidate;
    bool running = c->st->run.phase == RUN_STARTED;
    enum job_state otherwise = running ? STATE_RUNNING : STATE_PREVIEWED;
    if (r->phase == RUN_NONE && !strcmp(c->st->rejected_hash, c->job->hash)) {
        say(c, running ? STATE_RUNNING : STATE_FAILED, c->st->rejected_message);
        return;
    }
    if (r->phase != RUN_NONE && strcmp(r->hash, c->job->hash)) drop_candidate(c);
    if (r->phase == RUN_NONE &&
        (c->st->observed_generation != c->before->observed_generation || !c->st->plan)) {
        *r = new_run(c);
    }
    if (r->phase == RUN_NONE) {
        say(c, c->before->state, c->before->message);
        return;
    }
    const struct observed_run *o = find(c, r);
    if (over(o)) {
        const char *why = o->engine.error ? o->engine.error : o->coordinator.why;
        memcpy(c->st->rejected_hash, r->hash, sizeof r->hash);
        c->st->rejected_generation = r->generation;
        c->st->rejected_message = why;
        event(c, true, "PreviewFailed", why ? why : "the coordinator ended");
        drop_candidate(c);
        say(c, running ? STATE_RUNNING : STATE_FAILED, why);
    } else if (o->engine.plan) {
        c->st->plan = o->engine.plan;
        event(c, false, "Previewed", "the plan is in status.plan");
        drop_candidate(c);
        say(c, otherwise, "the plan is in status.plan; set spec.job.state: running to run it");
    } else {
        make_pods(c, r, false);
        say(c, running ? STATE_RUNNING : STATE_STARTING, waits_for(c, r));
        again(c, DECIDE_WAIT_MS);
    }
}

/* ---- failures ---- */

static int64_t backoff_ms(int restarts) {
    int64_t ms = DECIDE_BACKOFF_MIN_MS;
    for (int i = 1; i < restarts && ms < DECIDE_BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < DECIDE_BACKOFF_MAX_MS ? ms : DECIDE_BACKOFF_MAX_MS;
}

static bool has_stable(const struct context *c) {
    return c->st->stable.phase != RUN_NONE && strcmp(c->st->stable.hash, c->st->run.hash);
}

static void reject(struct context *c, const struct run_ref *r, const char *why) {
    memcpy(c->st->rejected_hash, r->hash, sizeof r->hash);
    c->st->rejected_generation = r->generation;
    c->st->rejected_message = why;
    if (c->st->stable.phase != RUN_NONE || r == &c->st->candidate)
        condition(c, COND_UPGRADE_REJECTED, true, "Failed", why);
}

/* The run's job has failed, or its coordinator is gone. */
static void run_failed(struct context *c, const struct observed_run *o) {
    const char *why = o->engine.error      ? o->engine.error
                      : o->coordinator.why ? o->coordinator.why
                                           : "the coordinator's pod is gone";
    bool proven = c->st->stable.phase != RUN_NONE && !strcmp(c->st->stable.hash, c->st->run.hash);
    if (c->st->run.phase == RUN_STARTED && o->engine.state == ENGINE_UNKNOWN &&
        c->now - c->st->run.since_ms > DECIDE_RESTARTS_RESET_MS)
        c->st->restarts = 0;
    phase(c, &c->st->run, RUN_ENDED);
    c->st->failed_ms = c->now;
    bool give_up = o->engine.user_error ||
                   (!proven && has_stable(c) && c->st->restarts + 1 >= DECIDE_UNPROVEN_FAILURES);
    if (give_up && has_stable(c)) {
        reject(c, &c->st->run, why);
        event(c, true, "RolledBack",
              arena_printf(c->a,
                           "the spec of generation %lld failed, the last stable one "
                           "(generation %lld) runs again: %s",
                           (long long)c->st->run.generation, (long long)c->st->stable.generation,
                           why));
    } else if (give_up) {
        reject(c, &c->st->run, why);
        event(c, true, "Failed", why);
    } else {
        c->st->restarts++;
        event(c, true, "Restarting", arena_printf(c->a, "restart %d: %s", c->st->restarts, why));
    }
    c->st->failure = why;
}

static void run_finished(struct context *c) {
    phase(c, &c->st->run, RUN_ENDED);
    if (c->before->state != STATE_FINISHED) event(c, false, "Finished", "the job has finished");
    say(c, STATE_FINISHED, "the job has finished");
    struct run_ref r = c->st->run;
    c->st->stable = r;
}

/* ---- running ---- */

static bool is_rejected(const struct context *c, const char *hash) {
    return *c->st->rejected_hash && !strcmp(c->st->rejected_hash, hash);
}

/* Nothing runs: begins a run, unless the job is over, given up, or waits for a restart. */
static void begin(struct context *c) {
    struct run_ref *r = &c->st->run;
    bool same = r->phase == RUN_ENDED && !strcmp(r->hash, c->job->hash);
    bool back = is_rejected(c, c->job->hash);
    bool finished = r->phase == RUN_ENDED && c->st->state == STATE_FINISHED &&
                    job_is_of(c->job, r->hash, r->image);
    bool given_up = back && (c->st->stable.phase == RUN_NONE || is_rejected(c, c->st->stable.hash));
    if (finished || given_up)
        for (int i = 0; i < c->seen->n_runs; i++)
            delete_run(c, &c->seen->runs[i], true);
    if (finished) return;
    if (given_up) {
        say(c, STATE_FAILED, c->st->rejected_message);
        condition(c, COND_STALLED, true, "Failed", c->st->rejected_message);
        return;
    }
    int64_t wait = c->st->failed_ms && c->st->restarts
                       ? c->st->failed_ms + backoff_ms(c->st->restarts) - c->now
                       : 0;
    if (wait > 0 && (same || back)) {
        say(c, STATE_STARTING,
            arena_printf(c->a, "restart %d after a failure: %s", c->st->restarts,
                         c->st->failure ? c->st->failure : ""));
        again(c, wait);
        return;
    }
    if (any_live_pod(c->seen)) { /* of runs before: two may not write at once */
        delete_strays(c);
        for (int i = 0; i < c->seen->n_runs; i++)
            delete_run(c, &c->seen->runs[i], true);
        say(c, STATE_STARTING, "pods of the run before are being removed");
        again(c, 1000);
        return;
    }
    struct run_ref fresh = new_run(c);
    if (back) {
        memcpy(fresh.hash, c->st->stable.hash, sizeof fresh.hash);
        fresh.generation = c->st->stable.generation;
        fresh.image = c->st->stable.image;
        fresh.workers = c->st->stable.workers;
        fresh.parallelism = c->st->stable.parallelism;
    }
    /* A restart after a failure goes on, whatever the mode. */
    bool restart = (same && c->st->restarts) || back;
    fresh.fresh = c->job->upgrade == UPGRADE_STATELESS && !restart;
    if (restart && !strcmp(fresh.hash, r->hash)) {
        fresh.fresh = r->fresh;
        fresh.origin = r->origin;
    }
    if (!restart) c->st->restarts = 0;
    *r = fresh;
    c->st->log_levels = NULL;
    c->st->records_in = c->st->records_out = -1;
    c->st->watermark = NULL;
    make_pods(c, r, true);
    say(c, STATE_STARTING, waits_for(c, r));
    again(c, DECIDE_WAIT_MS);
}

static void candidate_failed(struct context *c, const char *why) {
    reject(c, &c->st->candidate, why);
    event(c, true, "UpgradeRejected",
          arena_printf(c->a, "the changed spec can't run, the one before goes on: %s", why));
    drop_candidate(c);
}

/* The candidate takes over: the run is over. */
static void hand_over(struct context *c) {
    delete_run(c, find(c, &c->st->run), false);
    c->st->run = c->st->candidate;
    c->st->candidate = (struct run_ref){0};
    c->st->restarts = 0;
    c->st->log_levels = NULL;
    c->st->records_in = c->st->records_out = -1;
    act(c, ACTION_START, c->st->run.number);
    phase(c, &c->st->run, RUN_STARTED);
    event(c, false, "Upgraded",
          arena_printf(c->a, "run %lld, with the spec of generation %lld, takes over",
                       (long long)c->st->run.number, (long long)c->st->run.generation));
    say(c, STATE_UPGRADING, "the new run starts");
    again(c, DECIDE_WAIT_MS);
}

/* The spec has changed in a way that takes new pods. */
static void upgrade(struct context *c) {
    struct run_ref *r = &c->st->candidate;
    const struct observed_run *o = find(c, &c->st->run);
    if (r->phase != RUN_NONE && strcmp(r->hash, c->job->hash)) drop_candidate(c);
    if (c->st->run.phase == RUN_STARTED && would_lose_state(c, "the changed spec")) {
        drop_candidate(c);
        say(c, STATE_RUNNING, "the changed spec isn't applied: see the condition Stalled");
        return;
    }
    if (r->phase == RUN_NONE) {
        *r = new_run(c);
        r->fresh = c->job->upgrade == UPGRADE_STATELESS;
        event(c, false, "Upgrading", "new pods are made beside those that run");
    }
    const struct observed_run *n = find(c, r);
    if (over(n)) {
        const char *why = n->engine.error      ? n->engine.error
                          : n->coordinator.why ? n->coordinator.why
                                               : "the coordinator ended";
        candidate_failed(c, why);
        say(c, STATE_RUNNING, "the changed spec was rejected");
        return;
    }
    if (c->now - r->since_ms > DECIDE_CANDIDATE_MS) {
        candidate_failed(c, arena_printf(c->a, "not ready within %d s: %s",
                                         DECIDE_CANDIDATE_MS / 1000, waits_for(c, r)));
        say(c, STATE_RUNNING, "the changed spec was rejected");
        return;
    }
    make_pods(c, r, true);
    bool ready = n->engine.state == ENGINE_PREPARED && n->engine.registered >= r->workers;
    if (c->st->run.phase == RUN_STOPPING) {
        if (o->engine.stop_refused && !over(o)) {
            phase(c, &c->st->run, RUN_STARTED);
            stall(c, "StopRefused", o->engine.stop_refused);
            drop_candidate(c);
            say(c, STATE_RUNNING, "the changed spec isn't applied: see the condition Stalled");
            return;
        }
        if (stopped(c, stop_limit(c))) {
            if (over(o) || !run_is_live(o)) {
                hand_over(c);
                return;
            }
            delete_run(c, o, false); /* two may not write at once */
            again(c, 500);
        }
        say(c, STATE_UPGRADING, "the run before is being stopped");
        return;
    }
    if (ready) {
        stop_run(c, o);
        say(c, STATE_UPGRADING, "the run before is being stopped");
        return;
    }
    say(c, STATE_UPGRADING, arena_printf(c->a, "new pods: %s", waits_for(c, r)));
    again(c, DECIDE_WAIT_MS);
}

static void prove(struct context *c, const struct observed_run *o) {
    struct run_ref *r = &c->st->run;
    int64_t left = r->since_ms + DECIDE_STABLE_MS - c->now;
    bool known = c->st->stable.phase != RUN_NONE && !strcmp(c->st->stable.hash, r->hash);
    if (!known && left > 0 && !(o->engine.checkpoint.id && c->now - r->since_ms > 5000)) {
        again(c, left);
        return;
    }
    if (!known || c->st->stable.number != r->number) {
        c->st->stable = *r;
        c->st->stable.phase = RUN_STARTED;
    }
    if (c->st->restarts && c->now - r->since_ms > DECIDE_RESTARTS_RESET_MS) c->st->restarts = 0;
}

static void follow_log(struct context *c) {
    const char *was = c->st->log_levels ? c->st->log_levels : "info";
    if (!strcmp(was, c->job->log_levels)) return;
    act(c, ACTION_SET_LOG, c->st->run.number)->text = c->job->log_levels;
    c->st->log_levels = c->job->log_levels;
}

/* The run is what the spec wants, or what was gone back to. */
static void keep_running(struct context *c) {
    struct run_ref *r = &c->st->run;
    const struct observed_run *o = find(c, r);
    drop_candidate(c);
    if (o->engine.state == ENGINE_FINISHED) {
        run_finished(c);
        return;
    }
    if (over(o) || lost(r, o)) {
        if (r->phase == RUN_STOPPING || o->engine.state == ENGINE_CANCELLED)
            phase(c, r, RUN_ENDED); /* on purpose, but it is wanted again */
        else
            run_failed(c, o);
        begin(c);
        return;
    }
    make_pods(c, r, true);
    bool go = o->engine.state == ENGINE_PREPARED;
    if (go) act(c, ACTION_START, r->number);
    if (r->phase == RUN_PREPARED && o->engine.state > ENGINE_PREPARED) phase(c, r, RUN_STARTED);
    if (r->phase == RUN_STOPPING) { /* wanted again, but it stops already */
        if (stopped(c, stop_limit(c))) {
            phase(c, r, RUN_ENDED);
            begin(c);
        } else {
            say(c, STATE_STARTING, "the run before is being stopped");
        }
        return;
    }
    if (o->engine.state == ENGINE_RUNNING) {
        follow_log(c);
        prove(c, o);
        again(c, DECIDE_FIGURES_MS);
        if (c->before->state == STATE_STARTING && c->st->run.number != c->before->stable.number)
            event(c, false, "Running", "all tasks run");
        say(c, STATE_RUNNING,
            is_rejected(c, c->job->hash)
                ? arena_printf(c->a, "the last stable spec runs; the changed one failed: %s",
                               c->st->rejected_message ? c->st->rejected_message : "")
                : NULL);
        return;
    }
    say(c,
        c->before->state == STATE_RUNNING && o->engine.state == ENGINE_UNKNOWN ? STATE_RUNNING
        : c->before->state == STATE_UPGRADING                                  ? STATE_UPGRADING
                                                                               : STATE_STARTING,
        waits_for(c, r));
    again(c, DECIDE_WAIT_MS);
}

static void decide_running(struct context *c) {
    struct run_ref *r = &c->st->run;
    if (r->phase == RUN_NONE || r->phase == RUN_ENDED) {
        begin(c);
        return;
    }
    bool same = !strcmp(r->hash, c->job->hash);
    const struct observed_run *o = find(c, r);
    bool upgrading = !same && !is_rejected(c, c->job->hash);
    if (!upgrading) {
        keep_running(c);
        return;
    }
    if (o->engine.state == ENGINE_FINISHED) { /* before the changed spec took over */
        drop_candidate(c);
        run_finished(c);
        again(c, 0); /* a changed spec begins then, a changed default image doesn't */
        return;
    }
    if (c->st->candidate.phase != RUN_NONE ||
        (r->phase == RUN_STARTED && !over(o) && !lost(r, o))) {
        upgrade(c);
        return;
    }
    if (r->phase == RUN_STOPPING && !stopped(c, stop_limit(c))) {
        say(c, STATE_UPGRADING, "the run before is being stopped");
        return;
    }
    phase(c, r, RUN_ENDED); /* it hasn't begun, or is over: there is nothing to hand over */
    begin(c);
}

void decide(struct arena *a, const struct job *job, const struct observed *seen,
            const struct job_status *before, int64_t now_ms, struct decision *ret) {
    *ret = (struct decision){.again_ms = -1};
    ret->status = *before;
    struct context c = {.a = a,
                        .job = job,
                        .seen = seen,
                        .before = before,
                        .st = &ret->status,
                        .d = ret,
                        .now = now_ms};
    take_figures(&c, find(&c, &before->run));
    if (job->deleting) {
        decide_deletion(&c);
        show_run(&c);
        return;
    }
    if (job->paused) {
        condition(&c, COND_STALLED, true, "Paused",
                  "spec.paused: the operator leaves the job alone; set it to false to go on");
        show_run(&c);
        return;
    }
    if (!job->has_finalizer) act(&c, ACTION_ADD_FINALIZER, 0);
    if (job->problem) {
        stall(&c, "SpecIncomplete", job->problem);
        if (before->run.phase == RUN_NONE) say(&c, STATE_PENDING, job->problem);
        show_run(&c);
        again(&c, 10000);
        return;
    }
    condition(&c, COND_STALLED, false, "None", "");
    if (seen->refused) stall(&c, "Refused", seen->refused);
    if (*c.st->rejected_hash && strcmp(c.st->rejected_hash, job->hash) &&
        before->observed_generation != job->generation) { /* changed again: another try */
        c.st->rejected_hash[0] = '\0';
        c.st->rejected_message = NULL;
        condition(&c, COND_UPGRADE_REJECTED, false, "None", "");
    }
    c.st->observed_generation = job->generation;
    if (!seen->base_ready && job->goal != GOAL_SUSPENDED) act(&c, ACTION_MAKE_BASE, 0);
    if (job->goal == GOAL_SUSPENDED)
        decide_suspension(&c);
    else if (job->goal == GOAL_PREVIEW)
        decide_preview(&c);
    else
        decide_running(&c);
    delete_strays(&c);
    delete_specs(&c);
    show_run(&c);
}
