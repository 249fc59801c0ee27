/* sim.c - coordinators, faults, and a run from end to end. */
#include "tests/unit/coordinator/checkpoint/sim_int.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct msg to_worker(int coord, const struct coord *c, enum msg_kind kind, int worker) {
    return (struct msg){.kind = kind, .coord = coord, .worker = worker, .epoch = c->epoch};
}

/* ---- coordinator's shell ---- */

static void coord_restart(struct sim *s, int ci, const char *why) {
    struct coord *c = &s->coords[ci];
    sim_trace(s, "c%d restarts the job: %s", ci, why);
    c->running = c->deploying = 0;
    c->leading = false;
    ckpt_restart(c->c, why);
}

static void ask_all(struct sim *s, int ci, enum msg_kind kind, const struct ckpt_action *a) {
    for (int w = 0; w < WORKERS; w++) {
        struct msg m = to_worker(ci, &s->coords[ci], kind, w);
        if (a) {
            m.attempt = a->attempt;
            m.checkpoint = a->checkpoint;
            m.base = a->base;
            m.ckpt_kind = a->ckpt_kind;
        }
        sim_send(s, E_TO_WORKER, &m);
    }
}

static void deploy(struct sim *s, int ci, const struct ckpt_action *a) {
    struct coord *c = &s->coords[ci];
    c->epoch = ckpt_attempt_epoch(a->attempt);
    c->deploying = a->attempt;
    c->running = 0;
    c->deploy_deadline = s->now + 3000;
    memset(c->deployed, 0, sizeof c->deployed);
    s->r->restores++;
    struct slot *sl = a->checkpoint ? sim_slot_find(s, a->record.seq) : NULL;
    if (a->checkpoint && (!sl || sl->rec.checkpoint != a->checkpoint)) {
        /* A zombie may ask for what its successor has pruned: its workers are fenced anyway. */
        coord_restart(s, ci, "the record is gone");
        return;
    }
    sim_trace(s, "c%d deploys attempt %" PRIx64 " from checkpoint %" PRIu64, ci, a->attempt,
              a->checkpoint);
    for (int w = 0; w < WORKERS; w++) {
        struct msg m = to_worker(ci, c, M_DEPLOY, w);
        m.attempt = a->attempt;
        m.checkpoint = a->checkpoint;
        if (sl) m.part = sl->parts[w];
        sim_send(s, E_TO_WORKER, &m);
    }
}

static void carry_out(struct sim *s, int ci, struct ckpt_action *a) {
    struct coord *c = &s->coords[ci];
    switch (a->kind) {
    case CKPT_CREATE_SLOT: {
        struct slot sl = {.rec = a->record};
        sl.rec.files = NULL;
        if (a->record.kind == CKPT_RECORD_CHECKPOINT) memcpy(sl.parts, c->acks, sizeof sl.parts);
        sim_storage_ask(s, ci, a, &sl);
        break;
    }
    case CKPT_LIST_SLOTS:
    case CKPT_READ_SLOT:
    case CKPT_DELETE_SLOT:
    case CKPT_LIST_FILES:
    case CKPT_DELETE_FILE:
        sim_storage_ask(s, ci, a, NULL);
        break;
    case CKPT_LEAD:
        c->epoch = ckpt_epoch(c->c);
        c->leading = true;
        c->lead_deadline = s->now + 300;
        sim_trace(s, "c%d leads, epoch %" PRIu64 ", newest checkpoint %" PRIu64, ci, c->epoch,
                  a->checkpoint);
        memset(c->here, 0, sizeof c->here);
        ask_all(s, ci, M_WHO, NULL);
        break;
    case CKPT_RESTORE:
        deploy(s, ci, a);
        break;
    case CKPT_TRIGGER:
        c->acks_of = a->checkpoint;
        sim_trace(s, "c%d triggers %" PRIu64 " on base %" PRIu64, ci, a->checkpoint, a->base);
        ask_all(s, ci, M_TRIGGER, a);
        break;
    case CKPT_ABORT:
        s->r->aborted++;
        sim_trace(s, "c%d aborts %" PRIu64 ": %s", ci, a->checkpoint, a->reason);
        ask_all(s, ci, M_ABORT, a);
        break;
    case CKPT_COMMIT:
        ask_all(s, ci, M_COMMIT, a);
        break;
    case CKPT_COMPLETED:
        s->r->checkpoints++;
        break;
    case CKPT_REQUEST_DONE:
        if (a->ok)
            c->stop_ok = true;
        else
            c->stop_failed = true;
        break;
    case CKPT_RESTART:
        c->running = 0;
        break;
    case CKPT_FENCED:
        sim_trace(s, "c%d is fenced", ci);
        s->r->fenced++;
        c->done = true;
        break;
    case CKPT_FAIL:
        sim_violation(s, "coordinator %d gives up: %s", ci, a->reason);
        break;
    }
}

void sim_pump(struct sim *s, int ci) {
    struct coord *c = &s->coords[ci];
    struct ckpt_action a;
    while (!s->ended && !c->done && ckpt_next(c->c, &a))
        carry_out(s, ci, &a);
    if (c->done) {
        c->alive = false;
        return;
    }
    if (c->tick_set) return;
    int64_t due = ckpt_due_ms(c->c);
    c->tick_set = true;
    sim_post(s, MAX(1, MIN(due == INT64_MAX ? 1000 : due - s->now, 1000)), E_TICK)->msg.coord = ci;
}

static void coord_start(struct sim *s) {
    if (s->n_coords == COORDS_MAX) return;
    int ci = s->n_coords++;
    struct coord *c = &s->coords[ci];
    static const struct ckpt_options opts = {.interval_ms = 1000,
                                             .min_pause_ms = 100,
                                             .timeout_ms = 4000,
                                             .retry_ms = 50,
                                             .retry_max_ms = 1000,
                                             .tolerable_failures = 3,
                                             .retained = 2};
    c->alive = true;
    c->c = ckpt_new(&opts, sim_rnd(s) | 1, s->now);
    sim_trace(s, "c%d starts", ci);
    sim_post(s, 500, E_PING)->msg.coord = ci;
    sim_pump(s, ci);
}

static void coord_hears(struct sim *s, const struct msg *m) {
    struct coord *c = &s->coords[m->coord];
    int w = m->worker;
    c->heard_ms[w] = s->now;
    struct ckpt_file files[CHAIN_MAX];
    for (int i = 0; i < m->part.n_chain; i++)
        files[i] = s->files[m->part.chain[i]].name;
    switch (m->kind) {
    case M_ACK:
        if (m->checkpoint == ckpt_in_progress(c->c) && m->attempt == c->running)
            c->acks[w] = m->part;
        ckpt_acked(c->c, m->attempt, m->checkpoint, (uint32_t)w, files, (size_t)m->part.n_chain);
        break;
    case M_DECLINE:
        ckpt_declined(c->c, m->attempt, m->checkpoint, (uint32_t)w, "write failed");
        break;
    case M_COMMITTED:
        ckpt_committed(c->c, m->attempt, m->checkpoint, (uint32_t)w);
        break;
    case M_DEPLOYED:
        if (m->attempt != c->deploying) break;
        c->deployed[w] = true;
        for (int i = 0; i < WORKERS; i++)
            if (!c->deployed[i]) return;
        c->running = c->deploying;
        c->deploying = 0;
        for (int i = 0; i < WORKERS; i++) {
            struct msg go = to_worker(m->coord, c, M_START, i);
            go.attempt = c->running;
            sim_send(s, E_TO_WORKER, &go);
            c->heard_ms[i] = s->now;
        }
        ckpt_attempt_started(c->c, c->running, WORKERS);
        break;
    case M_HERE:
        c->here[w] = true;
        c->here_attempt[w] = m->attempt;
        c->here_running[w] = m->running;
        c->here_seen[w] = m->checkpoint;
        if (c->running && m->attempt != c->running)
            coord_restart(s, m->coord, "a worker lost its tasks");
        break;
    default:
        break;
    }
    sim_pump(s, m->coord);
}

static void coord_ping(struct sim *s, int ci) {
    struct coord *c = &s->coords[ci];
    sim_post(s, 500, E_PING)->msg.coord = ci;
    if (c->leading && s->now >= c->lead_deadline) {
        bool same = true;
        uint64_t seen = 0;
        for (int w = 0; w < WORKERS; w++) {
            same &= c->here[w] && c->here_running[w] && c->here_attempt[w] == c->here_attempt[0];
            seen = MAX(seen, c->here_seen[w]);
        }
        c->leading = false;
        if (same && ckpt_attempt_adopted(c->c, c->here_attempt[0], WORKERS, seen)) {
            sim_trace(s, "c%d adopts attempt %" PRIx64, ci, c->here_attempt[0]);
            c->running = c->here_attempt[0];
            for (int w = 0; w < WORKERS; w++)
                c->heard_ms[w] = s->now;
        } else {
            coord_restart(s, ci, "workers have no common attempt");
        }
    }
    if (c->deploying && s->now > c->deploy_deadline) coord_restart(s, ci, "deployment timed out");
    for (int w = 0; w < WORKERS && c->running; w++)
        if (s->now - c->heard_ms[w] > 4000) coord_restart(s, ci, "a worker is silent");
    if (c->running) ask_all(s, ci, M_WHO, NULL);
    sim_pump(s, ci);
}

/* ---- faults ---- */

static int leaders(struct sim *s) {
    int n = 0;
    for (int i = 0; i < s->n_coords; i++)
        n += s->coords[i].alive && s->coords[i].paused_until <= s->now;
    return n;
}

static void fault(struct sim *s) {
    if (!s->faulty) return;
    sim_post(s, 200 + sim_upto(s, 4000), E_FAULT);
    int what = (int)sim_upto(s, 3);
    if (what == 0 && s->f.worker_crashes) {
        int w = (int)sim_upto(s, WORKERS);
        struct worker *k = &s->workers[w];
        if (!k->up) return;
        sim_trace(s, "w%d crashes", w);
        int life = k->life + 1;
        memset(k, 0, sizeof *k);
        k->life = life;
        sim_post(s, 100 + sim_upto(s, 2000), E_WORKER_UP)->msg.worker = w;
    } else {
        for (int i = s->n_coords - 1; i >= 0; i--) {
            struct coord *c = &s->coords[i];
            if (!c->alive || c->paused_until > s->now) continue;
            if (what == 1 && s->f.coordinator_crashes) {
                sim_trace(s, "c%d crashes", i);
                c->alive = false;
            } else if (what == 2 && s->f.coordinator_pauses) {
                c->paused_until = s->now + sim_upto(s, 12000);
                sim_trace(s, "c%d sleeps until %" PRId64, i, c->paused_until);
            }
            return;
        }
    }
}

/* Starts a coordinator when none is awake, and sometimes one too many. */
static void supervise(struct sim *s) {
    sim_post(s, 200 + sim_upto(s, 1500), E_SUPERVISE);
    if (!leaders(s) || (s->faulty && s->f.coordinator_pauses && sim_chance(s, 2))) coord_start(s);
}

static void handle(struct sim *s, struct ev *e) {
    struct coord *c = &s->coords[e->msg.coord];
    bool for_coord = e->kind == E_TO_COORD || e->kind == E_TICK || e->kind == E_PING ||
                     e->kind == E_STORAGE_DONE;
    if (for_coord) {
        if (!c->alive) return;
        if (c->paused_until > s->now) {
            struct ev *later = sim_post(s, c->paused_until - s->now, e->kind);
            int64_t t = later->t;
            uint64_t order = later->order;
            *later = *e;
            later->t = t;
            later->order = order;
            return;
        }
        ckpt_tick(c->c, s->now);
    }
    switch (e->kind) {
    case E_TO_WORKER:
        sim_worker_hears(s, &e->msg);
        break;
    case E_TO_COORD:
        coord_hears(s, &e->msg);
        break;
    case E_TICK:
        c->tick_set = false;
        sim_pump(s, e->msg.coord);
        break;
    case E_PING:
        coord_ping(s, e->msg.coord);
        break;
    case E_STORAGE:
        sim_storage_happens(s, e);
        break;
    case E_STORAGE_DONE:
        sim_coord_answer(s, e, (enum ckpt_created)e->file);
        break;
    case E_BARRIER:
        sim_worker_barrier(s, &e->msg);
        break;
    case E_WRITTEN:
        sim_worker_written(s, &e->msg);
        break;
    case E_LOADED:
        sim_worker_loaded(s, &e->msg);
        break;
    case E_FAULT:
        fault(s);
        break;
    case E_WORKER_UP:
        s->workers[e->msg.worker].up = true;
        break;
    case E_SUPERVISE:
        supervise(s);
        break;
    }
}

static void run_until(struct sim *s, int64_t until, bool (*done)(struct sim *s)) {
    while (!s->ended && s->n_heap && s->heap[0]->t <= until && !(done && done(s))) {
        struct ev *e = sim_take(s);
        s->now = e->t;
        handle(s, e);
        free(e);
    }
    if (!done && s->now < until) s->now = until;
}

static struct coord *leader(struct sim *s) {
    for (int i = s->n_coords - 1; i >= 0; i--)
        if (s->coords[i].alive && ckpt_leads(s->coords[i].c)) return &s->coords[i];
    return NULL;
}

static bool stopped(struct sim *s) {
    for (int i = 0; i < s->n_coords; i++)
        if (s->coords[i].alive && s->coords[i].stop_ok) return true;
    return false;
}

/* After the calm: no more than what the retained checkpoints name, and the one in progress. */
static void check_leftovers(struct sim *s) {
    size_t files = 0, records = 0;
    for (size_t i = 0; i < s->n_files; i++)
        files += !s->files[i].gone;
    for (size_t i = 0; i < s->n_slots; i++)
        records += !s->slots[i].gone;
    if (files > 3 * WORKERS * CHAIN_MAX) sim_violation(s, "%zu files are left", files);
    if (records > 4) sim_violation(s, "%zu records are left", records);
}

void sim_run(uint64_t seed, const struct sim_faults *faults, int64_t faulty_ms, int64_t calm_ms,
             bool trace_on, struct sim_result *ret) {
    struct sim *s = mem_zalloc(sizeof *s);
    *ret = (struct sim_result){.ok = true};
    s->r = ret;
    s->f = *faults;
    s->trace = trace_on;
    s->rng = seed * 0x9E3779B97F4A7C15ull + 0x1234567;
    for (int i = 0; i < 8; i++)
        sim_rnd(s);
    for (int w = 0; w < WORKERS; w++)
        s->workers[w].up = true;
    s->faulty = true;
    coord_start(s);
    sim_post(s, 1000, E_FAULT);
    sim_post(s, 1000, E_SUPERVISE);
    run_until(s, faulty_ms, NULL);
    s->faulty = false;
    uint64_t done = ret->checkpoints;
    run_until(s, faulty_ms + calm_ms, NULL);
    if (ret->ok && ret->checkpoints < done + 5)
        sim_violation(s, "only %" PRIu64 " checkpoints in %" PRId64 " ms without faults",
                      ret->checkpoints - done, calm_ms);
    if (ret->ok) check_leftovers(s);
    struct coord *c = ret->ok ? leader(s) : NULL;
    if (ret->ok && !c) sim_violation(s, "nobody leads");
    if (c) {
        ckpt_request(c->c, CKPT_STOP, 7);
        sim_pump(s, (int)(c - s->coords));
        run_until(s, s->now + 10000, stopped);
        if (ret->ok && !stopped(s)) sim_violation(s, "the stop didn't come to an end");
        for (int w = 0; w < WORKERS && ret->ok; w++)
            if (s->committed_to[w] != s->workers[w].pos)
                sim_violation(s, "stopped with %" PRIu64 " of %" PRIu64 " committed",
                              s->committed_to[w], s->workers[w].pos);
    }
    while (s->n_heap)
        free(sim_take(s));
    for (int i = 0; i < s->n_coords; i++)
        ckpt_free(s->coords[i].c);
    free(s->heap);
    free(s->slots);
    free(s->files);
    free(s->txns);
    free(s);
}
