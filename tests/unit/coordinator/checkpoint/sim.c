#include "tests/unit/coordinator/checkpoint/sim.h"

#include "base/core/mem.h"
#include "coordinator/checkpoint/protocol.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 3, CHAIN_MAX = 4, TXNS_MAX = 48, COORDS_MAX = 512, SNAPS_MAX = 64 };

/* ---- what is said and stored ---- */

struct part_state { /* one worker's share of a checkpoint */
    uint64_t pos;
    int n_chain, chain[CHAIN_MAX]; /* file numbers */
    int n_txns, txns[TXNS_MAX];    /* transaction numbers */
};

struct slot {
    struct ckpt_record rec; /* files unused */
    struct part_state parts[WORKERS];
    bool gone;
};

struct file {
    struct ckpt_file name;
    uint64_t from, to;
    bool gone;
};

enum txn_state { TXN_PREPARED, TXN_COMMITTED, TXN_ABORTED };
struct txn {
    int part;
    uint64_t attempt, checkpoint, from, to;
    enum txn_state state;
};

enum msg_kind {
    M_TRIGGER,
    M_COMMIT,
    M_DEPLOY,
    M_START,
    M_WHO,
    M_ABORT,
    M_STOPPED, /* to workers */
    M_ACK,
    M_DECLINE,
    M_COMMITTED,
    M_DEPLOYED,
    M_HERE /* to coordinators */
};

struct msg {
    enum msg_kind kind;
    int coord, worker, worker_life;
    uint64_t epoch, attempt, checkpoint, base;
    enum ckpt_kind ckpt_kind;
    bool running;
    struct part_state part;
};

enum ev_kind {
    E_TO_WORKER,
    E_TO_COORD,
    E_TICK,
    E_PING,
    E_STORAGE,
    E_STORAGE_DONE,
    E_BARRIER,
    E_WRITTEN,
    E_LOADED,
    E_FAULT,
    E_WORKER_UP,
    E_SUPERVISE
};

struct ev {
    int64_t t;
    uint64_t order;
    enum ev_kind kind;
    struct msg msg;            /* also of a worker's own events */
    struct ckpt_action action; /* E_STORAGE*: the question */
    bool apply, answer, failed;
    struct slot slot; /* CKPT_CREATE_SLOT's content */
    int file;
};

struct coord {
    struct ckpt *c;
    bool alive, done;
    int64_t paused_until;
    uint64_t epoch;
    struct part_state acks[WORKERS];
    uint64_t acks_of;
    uint64_t deploying; /* attempt */
    int64_t deploy_deadline;
    bool deployed[WORKERS];
    uint64_t running; /* attempt; 0 = none */
    bool leading;     /* CKPT_LEAD seen, who runs isn't known yet */
    int64_t lead_deadline;
    bool here[WORKERS];
    uint64_t here_attempt[WORKERS], here_seen[WORKERS];
    bool here_running[WORKERS];
    int64_t heard_ms[WORKERS];
    bool stop_asked, stop_ok, stop_failed;
    bool tick_set;
};

struct snap {
    uint64_t checkpoint;
    struct part_state part;
};

struct worker {
    bool up;
    int life;
    uint64_t epoch, attempt, seen;
    bool running, halted; /* halted: behind a stop's barrier */
    uint64_t pos, txn_from;
    int n_txns, txns[TXNS_MAX];
    int n_snaps;
    struct snap snaps[SNAPS_MAX];
};

struct sim {
    uint64_t rng;
    struct sim_faults f;
    bool faulty, trace, ended;
    int64_t now;
    uint64_t order;
    struct ev **heap;
    size_t n_heap, cap_heap;
    struct coord coords[COORDS_MAX];
    int n_coords;
    struct worker workers[WORKERS];
    struct slot *slots;
    size_t n_slots, cap_slots;
    struct file *files;
    size_t n_files, cap_files;
    struct txn *txns;
    size_t n_txns, cap_txns;
    uint64_t committed_to[WORKERS];
    struct sim_result *r;
};

static uint64_t rnd(struct sim *s) {
    s->rng ^= s->rng << 13;
    s->rng ^= s->rng >> 7;
    s->rng ^= s->rng << 17;
    return s->rng * 0x2545F4914F6CDD1Dull >> 11;
}

static int64_t upto(struct sim *s, int64_t n) {
    return (int64_t)(rnd(s) % (uint64_t)n);
}

static bool chance(struct sim *s, int percent) {
    return upto(s, 100) < percent;
}

static void violation(struct sim *s, const char *fmt, ...) {
    if (!s->r->ok) return;
    va_list ap;
    va_start(ap, fmt);
    int n = snprintf(s->r->violation, sizeof s->r->violation, "at %" PRId64 " ms: ", s->now);
    vsnprintf(s->r->violation + n, sizeof s->r->violation - (size_t)n, fmt, ap);
    va_end(ap);
    s->r->ok = false;
    s->ended = true;
}

static void trace(struct sim *s, const char *fmt, ...) {
    if (!s->trace) return;
    va_list ap;
    va_start(ap, fmt);
    printf("%7" PRId64 " ", s->now);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

/* ---- events ---- */

static bool before(const struct ev *a, const struct ev *b) {
    return a->t != b->t ? a->t < b->t : a->order < b->order;
}

static struct ev *post(struct sim *s, int64_t delay, enum ev_kind kind) {
    struct ev *e = mem_zalloc(sizeof *e);
    e->t = s->now + delay;
    e->order = s->order++;
    e->kind = kind;
    MEM_GROW(s->heap, s->n_heap, s->cap_heap);
    size_t i = s->n_heap++;
    while (i && before(e, s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = e;
    return e;
}

static struct ev *take(struct sim *s) {
    struct ev *top = s->heap[0], *last = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= s->n_heap) break;
        if (k + 1 < s->n_heap && before(s->heap[k + 1], s->heap[k])) k++;
        if (!before(s->heap[k], last)) break;
        s->heap[i] = s->heap[k];
        i = k;
    }
    if (s->n_heap) s->heap[i] = last;
    return top;
}

static void send(struct sim *s, enum ev_kind to, const struct msg *m) {
    if (s->faulty && s->f.message_loss && chance(s, 4)) return;
    int64_t delay = 1 + upto(s, 5);
    if (s->faulty && s->f.slow_messages && chance(s, 10)) delay = upto(s, 3000);
    post(s, delay, to)->msg = *m;
    if (s->faulty && s->f.message_loss && chance(s, 3))
        post(s, delay + upto(s, 2000), to)->msg = *m;
}

static struct msg to_worker(int coord, const struct coord *c, enum msg_kind kind, int worker) {
    return (struct msg){.kind = kind, .coord = coord, .worker = worker, .epoch = c->epoch};
}

/* ---- sink ---- */

static void txn_commit(struct sim *s, int number) {
    struct txn *t = &s->txns[number];
    if (t->state == TXN_COMMITTED) return;
    if (t->state == TXN_ABORTED) {
        violation(s, "lost: transaction %d of checkpoint %" PRIu64 " is complete but was aborted",
                  number, t->checkpoint);
        return;
    }
    if (t->from != s->committed_to[t->part]) {
        violation(s, "%s: partition %d has %" PRIu64 " committed, now comes %" PRIu64 "..%" PRIu64,
                  t->from < s->committed_to[t->part] ? "doubled" : "lost", t->part,
                  s->committed_to[t->part], t->from, t->to);
        return;
    }
    s->r->committed_rows += t->to - t->from;
    s->committed_to[t->part] = t->to;
    t->state = TXN_COMMITTED;
}

/* ---- storage ---- */

static struct slot *slot_find(struct sim *s, uint64_t seq) {
    for (size_t i = s->n_slots; i-- > 0;)
        if (!s->slots[i].gone && s->slots[i].rec.seq == seq) return &s->slots[i];
    return NULL;
}

static struct slot *newest_checkpoint(struct sim *s) {
    struct slot *top = NULL;
    for (size_t i = 0; i < s->n_slots; i++)
        if (!s->slots[i].gone && (!top || s->slots[i].rec.seq > top->rec.seq)) top = &s->slots[i];
    return !top || !top->rec.checkpoint_seq ? NULL : slot_find(s, top->rec.checkpoint_seq);
}

static int file_find(struct sim *s, const char *name) {
    for (size_t i = s->n_files; i-- > 0;)
        if (!strcmp(s->files[i].name.name, name)) return (int)i;
    return -1;
}

static void file_delete(struct sim *s, const char *name) {
    int n = file_find(s, name);
    if (n < 0 || s->files[n].gone) return;
    struct slot *top = newest_checkpoint(s);
    for (int p = 0; top && p < WORKERS; p++)
        for (int i = 0; i < top->parts[p].n_chain; i++)
            if (top->parts[p].chain[i] == n)
                violation(s, "%s is deleted, and the newest checkpoint %" PRIu64 " needs it", name,
                          top->rec.checkpoint);
    s->files[n].gone = true;
}

static void storage_ask(struct sim *s, int coord, const struct ckpt_action *a,
                        const struct slot *slot) {
    bool bad = s->faulty && s->f.storage_errors;
    int64_t delay = 1 + upto(s, 20);
    if (bad && chance(s, 5)) delay = upto(s, 3000);
    int fate = bad ? (int)upto(s, 100) : 99;
    /* <5: refused; <10: done, no answer in time; <14: not done, no answer; <18: done later than the
     * answer "unknown". */
    bool late = fate >= 14 && fate < 18;
    if (late) {
        struct ev *early = post(s, delay, E_STORAGE);
        early->msg.coord = coord;
        early->action = *a;
        early->answer = early->failed = true;
        delay += upto(s, 3000);
    }
    struct ev *e = post(s, delay, E_STORAGE);
    e->msg.coord = coord;
    e->action = *a;
    if (slot) e->slot = *slot;
    e->apply = fate >= 14 || (fate >= 5 && fate < 10);
    e->answer = !late;
    e->failed = fate < 14;
}

static void pump(struct sim *s, int coord);

static void coord_answer(struct sim *s, const struct ev *e, enum ckpt_created created) {
    struct coord *c = &s->coords[e->msg.coord];
    const struct ckpt_action *a = &e->action;
    uint64_t *seqs = mem_alloc((s->n_slots + 1) * sizeof *seqs);
    struct ckpt_file *files = mem_alloc((s->n_files + 64) * sizeof *files);
    size_t n = 0;
    switch (a->kind) {
    case CKPT_LIST_SLOTS:
        for (size_t i = 0; i < s->n_slots; i++)
            if (!s->slots[i].gone) seqs[n++] = s->slots[i].rec.seq;
        ckpt_slots_listed(c->c, !e->failed, seqs, n);
        break;
    case CKPT_READ_SLOT: {
        struct slot *sl = e->failed ? NULL : slot_find(s, a->seq);
        if (!sl) {
            ckpt_slot_read(c->c, a->seq, e->failed ? ERR_IO : 0, NULL);
            break;
        }
        for (int p = 0; p < WORKERS; p++)
            for (int i = 0; i < sl->parts[p].n_chain; i++)
                files[n++] = s->files[sl->parts[p].chain[i]].name;
        struct ckpt_record rec = sl->rec;
        rec.files = files;
        rec.n_files = n;
        ckpt_slot_read(c->c, a->seq, 0, &rec);
        break;
    }
    case CKPT_CREATE_SLOT:
        ckpt_slot_created(c->c, a->seq, e->failed ? CKPT_UNKNOWN : created);
        break;
    case CKPT_LIST_FILES:
        for (size_t i = 0; i < s->n_files; i++)
            if (!s->files[i].gone) files[n++] = s->files[i].name;
        ckpt_files_listed(c->c, !e->failed, files, n);
        break;
    default:
        break;
    }
    free(seqs);
    free(files);
    pump(s, e->msg.coord);
}

static void storage_happens(struct sim *s, struct ev *e) {
    enum ckpt_created created = CKPT_CREATED;
    const struct ckpt_action *a = &e->action;
    if (e->apply) {
        if (a->kind == CKPT_CREATE_SLOT) {
            if (slot_find(s, a->seq)) {
                created = CKPT_EXISTS;
            } else {
                trace(s, "slot %" PRIu64 ": %s %" PRIu64 " by epoch %" PRIu64, a->seq,
                      e->slot.rec.kind == CKPT_RECORD_LEADER ? "leader, after" : "checkpoint",
                      e->slot.rec.checkpoint, e->slot.rec.epoch);
                MEM_GROW(s->slots, s->n_slots, s->cap_slots);
                s->slots[s->n_slots++] = e->slot;
            }
        } else if (a->kind == CKPT_DELETE_SLOT) {
            struct slot *sl = slot_find(s, a->seq);
            if (sl) sl->gone = true;
        } else if (a->kind == CKPT_DELETE_FILE) {
            file_delete(s, a->file.name);
        }
    }
    if (!e->answer) return;
    struct coord *c = &s->coords[e->msg.coord];
    if (!c->alive) return;
    if (c->paused_until > s->now) {
        struct ev *later = post(s, c->paused_until - s->now, E_STORAGE_DONE);
        int64_t t = later->t;
        uint64_t order = later->order;
        *later = *e;
        later->t = t;
        later->order = order;
        later->kind = E_STORAGE_DONE;
        later->file = (int)created;
        return;
    }
    coord_answer(s, e, created);
}

/* ---- coordinator's shell ---- */

static void coord_restart(struct sim *s, int ci, const char *why) {
    struct coord *c = &s->coords[ci];
    trace(s, "c%d restarts the job: %s", ci, why);
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
        send(s, E_TO_WORKER, &m);
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
    struct slot *sl = a->checkpoint ? slot_find(s, a->record.seq) : NULL;
    if (a->checkpoint && (!sl || sl->rec.checkpoint != a->checkpoint)) {
        /* A zombie may ask for what its successor has pruned: its workers are fenced anyway. */
        coord_restart(s, ci, "the record is gone");
        return;
    }
    trace(s, "c%d deploys attempt %" PRIx64 " from checkpoint %" PRIu64, ci, a->attempt,
          a->checkpoint);
    for (int w = 0; w < WORKERS; w++) {
        struct msg m = to_worker(ci, c, M_DEPLOY, w);
        m.attempt = a->attempt;
        m.checkpoint = a->checkpoint;
        if (sl) m.part = sl->parts[w];
        send(s, E_TO_WORKER, &m);
    }
}

static void carry_out(struct sim *s, int ci, struct ckpt_action *a) {
    struct coord *c = &s->coords[ci];
    switch (a->kind) {
    case CKPT_CREATE_SLOT: {
        struct slot sl = {.rec = a->record};
        sl.rec.files = NULL;
        if (a->record.kind == CKPT_RECORD_CHECKPOINT) memcpy(sl.parts, c->acks, sizeof sl.parts);
        storage_ask(s, ci, a, &sl);
        break;
    }
    case CKPT_LIST_SLOTS:
    case CKPT_READ_SLOT:
    case CKPT_DELETE_SLOT:
    case CKPT_LIST_FILES:
    case CKPT_DELETE_FILE:
        storage_ask(s, ci, a, NULL);
        break;
    case CKPT_LEAD:
        c->epoch = ckpt_epoch(c->c);
        c->leading = true;
        c->lead_deadline = s->now + 300;
        trace(s, "c%d leads, epoch %" PRIu64 ", newest checkpoint %" PRIu64, ci, c->epoch,
              a->checkpoint);
        memset(c->here, 0, sizeof c->here);
        ask_all(s, ci, M_WHO, NULL);
        break;
    case CKPT_RESTORE:
        deploy(s, ci, a);
        break;
    case CKPT_TRIGGER:
        c->acks_of = a->checkpoint;
        trace(s, "c%d triggers %" PRIu64 " on base %" PRIu64, ci, a->checkpoint, a->base);
        ask_all(s, ci, M_TRIGGER, a);
        break;
    case CKPT_ABORT:
        s->r->aborted++;
        trace(s, "c%d aborts %" PRIu64 ": %s", ci, a->checkpoint, a->reason);
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
        trace(s, "c%d is fenced", ci);
        s->r->fenced++;
        c->done = true;
        break;
    case CKPT_FAIL:
        violation(s, "coordinator %d gives up: %s", ci, a->reason);
        break;
    }
}

static void pump(struct sim *s, int ci) {
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
    post(s, MAX(1, MIN(due == INT64_MAX ? 1000 : due - s->now, 1000)), E_TICK)->msg.coord = ci;
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
    c->c = ckpt_new(&opts, rnd(s) | 1, s->now);
    trace(s, "c%d starts", ci);
    post(s, 500, E_PING)->msg.coord = ci;
    pump(s, ci);
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
            send(s, E_TO_WORKER, &go);
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
    pump(s, m->coord);
}

static void coord_ping(struct sim *s, int ci) {
    struct coord *c = &s->coords[ci];
    post(s, 500, E_PING)->msg.coord = ci;
    if (c->leading && s->now >= c->lead_deadline) {
        bool same = true;
        uint64_t seen = 0;
        for (int w = 0; w < WORKERS; w++) {
            same &= c->here[w] && c->here_running[w] && c->here_attempt[w] == c->here_attempt[0];
            seen = MAX(seen, c->here_seen[w]);
        }
        c->leading = false;
        if (same && ckpt_attempt_adopted(c->c, c->here_attempt[0], WORKERS, seen)) {
            trace(s, "c%d adopts attempt %" PRIx64, ci, c->here_attempt[0]);
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
    pump(s, ci);
}

/* ---- worker ---- */

static void worker_says(struct sim *s, int w, int coord, enum msg_kind kind, uint64_t checkpoint,
                        const struct part_state *part) {
    struct worker *k = &s->workers[w];
    struct msg m = {.kind = kind,
                    .coord = coord,
                    .worker = w,
                    .attempt = k->attempt,
                    .checkpoint = checkpoint,
                    .running = k->running};
    if (part) m.part = *part;
    send(s, E_TO_COORD, &m);
}

static void worker_advance(struct sim *s, struct worker *k) {
    if (k->running && !k->halted) k->pos += (uint64_t)upto(s, 50);
}

static void worker_deploy(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (m->attempt <= k->attempt) return;
    int life = k->life;
    uint64_t epoch = k->epoch;
    memset(k, 0, sizeof *k);
    k->up = true;
    k->life = life;
    k->epoch = epoch;
    k->attempt = m->attempt;
    k->seen = m->checkpoint;
    /* Fence what came before, but for what the checkpoint says is to be committed. */
    for (int i = 0; i < m->part.n_txns; i++)
        txn_commit(s, m->part.txns[i]);
    for (size_t i = 0; i < s->n_txns; i++)
        if (s->txns[i].part == m->worker && s->txns[i].state == TXN_PREPARED &&
            s->txns[i].attempt < m->attempt)
            s->txns[i].state = TXN_ABORTED;
    struct ev *e = post(s, 1 + upto(s, 50), E_LOADED);
    e->msg = *m;
    e->msg.worker_life = life;
}

static void worker_loaded(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || k->life != m->worker_life || k->attempt != m->attempt) return;
    if (s->faulty && s->f.storage_errors && chance(s, 5)) return; /* times out */
    uint64_t at = 0;
    for (int i = 0; i < m->part.n_chain; i++) {
        const struct file *f = &s->files[m->part.chain[i]];
        struct slot *top = newest_checkpoint(s);
        if (f->gone) {
            /* Pruned under a zombie's restore: it can't lead any more. */
            if (top && top->rec.checkpoint == m->checkpoint)
                violation(s, "restore of checkpoint %" PRIu64 ": %s is gone", m->checkpoint,
                          f->name.name);
            return;
        }
        if (f->from != at)
            violation(s, "restore: %s begins at %" PRIu64 ", not %" PRIu64, f->name.name, f->from,
                      at);
        at = f->to;
    }
    if (at != m->part.pos)
        violation(s, "restore: state ends at %" PRIu64 ", position is %" PRIu64, at, m->part.pos);
    k->pos = k->txn_from = m->part.pos;
    k->snaps[0] = (struct snap){m->checkpoint, m->part};
    k->n_snaps = 1;
    worker_says(s, m->worker, m->coord, M_DEPLOYED, 0, NULL);
}

static void worker_barrier(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || k->life != m->worker_life || k->attempt != m->attempt || !k->running) return;
    worker_advance(s, k);
    if (m->ckpt_kind == CKPT_STOP) k->halted = true;
    if (k->n_txns == TXNS_MAX || k->n_snaps == SNAPS_MAX) {
        worker_says(s, m->worker, m->coord, M_DECLINE, m->checkpoint, NULL);
        return;
    }
    MEM_GROW(s->txns, s->n_txns, s->cap_txns);
    s->txns[s->n_txns] =
        (struct txn){m->worker, k->attempt, m->checkpoint, k->txn_from, k->pos, TXN_PREPARED};
    k->txns[k->n_txns++] = (int)s->n_txns++;
    k->txn_from = k->pos;
    struct part_state p = {.pos = k->pos, .n_txns = k->n_txns};
    memcpy(p.txns, k->txns, sizeof p.txns);
    const struct snap *base = NULL;
    for (int i = 0; i < k->n_snaps; i++)
        if (k->snaps[i].checkpoint == m->base && m->base) base = &k->snaps[i];
    uint64_t from = 0;
    if (base && base->part.n_chain < CHAIN_MAX) {
        p.n_chain = base->part.n_chain;
        memcpy(p.chain, base->part.chain, sizeof p.chain);
        from = base->part.pos;
    }
    MEM_GROW(s->files, s->n_files, s->cap_files);
    struct file *f = &s->files[s->n_files];
    *f = (struct file){.from = from, .to = k->pos, .gone = true};
    char id[16];
    snprintf(id, sizeof id, "w%d", m->worker);
    ckpt_file_name(m->epoch, m->checkpoint, id, (uint32_t)rnd(s), &f->name);
    p.chain[p.n_chain++] = (int)s->n_files++;
    struct ev *e = post(
        s, 1 + upto(s, s->faulty && s->f.storage_errors && chance(s, 10) ? 6000 : 100), E_WRITTEN);
    e->msg = *m;
    e->msg.part = p;
}

static void worker_written(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || k->life != m->worker_life) return; /* died before the file was closed */
    struct file *f = &s->files[m->part.chain[m->part.n_chain - 1]];
    f->gone = false; /* it is there from now on, wanted or not */
    if (k->attempt != m->attempt) return;
    if (s->faulty && s->f.storage_errors && chance(s, 5)) {
        worker_says(s, m->worker, m->coord, M_DECLINE, m->checkpoint, NULL);
        return;
    }
    int n = 0;
    for (int i = 0; i < k->n_snaps; i++)
        if (k->snaps[i].checkpoint >= m->base) k->snaps[n++] = k->snaps[i];
    k->n_snaps = n;
    if (k->n_snaps < SNAPS_MAX) k->snaps[k->n_snaps++] = (struct snap){m->checkpoint, m->part};
    worker_says(s, m->worker, m->coord, M_ACK, m->checkpoint, &m->part);
}

static void worker_hears(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || m->epoch < k->epoch) return;
    k->epoch = m->epoch;
    bool mine = m->attempt == k->attempt && k->running;
    switch (m->kind) {
    case M_DEPLOY:
        worker_deploy(s, m);
        break;
    case M_START:
        if (m->attempt == k->attempt) k->running = true;
        break;
    case M_WHO:
        worker_says(s, m->worker, m->coord, M_HERE, k->seen, NULL);
        break;
    case M_TRIGGER: {
        if (!mine || m->checkpoint <= k->seen) break;
        k->seen = m->checkpoint;
        struct ev *e = post(s, 1 + upto(s, 40), E_BARRIER);
        e->msg = *m;
        e->msg.worker_life = k->life;
        break;
    }
    case M_COMMIT: {
        if (!mine) break;
        if (s->faulty && s->f.storage_errors && chance(s, 10)) break; /* the sink is away */
        int n = 0;
        for (int i = 0; i < k->n_txns; i++) {
            if (s->txns[k->txns[i]].checkpoint <= m->checkpoint)
                txn_commit(s, k->txns[i]);
            else
                k->txns[n++] = k->txns[i];
        }
        k->n_txns = n;
        worker_says(s, m->worker, m->coord, M_COMMITTED, m->checkpoint, NULL);
        break;
    }
    default:
        break;
    }
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
    post(s, 200 + upto(s, 4000), E_FAULT);
    int what = (int)upto(s, 3);
    if (what == 0 && s->f.worker_crashes) {
        int w = (int)upto(s, WORKERS);
        struct worker *k = &s->workers[w];
        if (!k->up) return;
        trace(s, "w%d crashes", w);
        int life = k->life + 1;
        memset(k, 0, sizeof *k);
        k->life = life;
        post(s, 100 + upto(s, 2000), E_WORKER_UP)->msg.worker = w;
    } else {
        for (int i = s->n_coords - 1; i >= 0; i--) {
            struct coord *c = &s->coords[i];
            if (!c->alive || c->paused_until > s->now) continue;
            if (what == 1 && s->f.coordinator_crashes) {
                trace(s, "c%d crashes", i);
                c->alive = false;
            } else if (what == 2 && s->f.coordinator_pauses) {
                c->paused_until = s->now + upto(s, 12000);
                trace(s, "c%d sleeps until %" PRId64, i, c->paused_until);
            }
            return;
        }
    }
}

/* Starts a coordinator when none is awake, and sometimes one too many. */
static void supervise(struct sim *s) {
    post(s, 200 + upto(s, 1500), E_SUPERVISE);
    if (!leaders(s) || (s->faulty && s->f.coordinator_pauses && chance(s, 2))) coord_start(s);
}

static void handle(struct sim *s, struct ev *e) {
    struct coord *c = &s->coords[e->msg.coord];
    bool for_coord = e->kind == E_TO_COORD || e->kind == E_TICK || e->kind == E_PING ||
                     e->kind == E_STORAGE_DONE;
    if (for_coord) {
        if (!c->alive) return;
        if (c->paused_until > s->now) {
            struct ev *later = post(s, c->paused_until - s->now, e->kind);
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
        worker_hears(s, &e->msg);
        break;
    case E_TO_COORD:
        coord_hears(s, &e->msg);
        break;
    case E_TICK:
        c->tick_set = false;
        pump(s, e->msg.coord);
        break;
    case E_PING:
        coord_ping(s, e->msg.coord);
        break;
    case E_STORAGE:
        storage_happens(s, e);
        break;
    case E_STORAGE_DONE:
        coord_answer(s, e, (enum ckpt_created)e->file);
        break;
    case E_BARRIER:
        worker_barrier(s, &e->msg);
        break;
    case E_WRITTEN:
        worker_written(s, &e->msg);
        break;
    case E_LOADED:
        worker_loaded(s, &e->msg);
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
        struct ev *e = take(s);
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
    if (files > 3 * WORKERS * CHAIN_MAX) violation(s, "%zu files are left", files);
    if (records > 4) violation(s, "%zu records are left", records);
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
        rnd(s);
    for (int w = 0; w < WORKERS; w++)
        s->workers[w].up = true;
    s->faulty = true;
    coord_start(s);
    post(s, 1000, E_FAULT);
    post(s, 1000, E_SUPERVISE);
    run_until(s, faulty_ms, NULL);
    s->faulty = false;
    uint64_t done = ret->checkpoints;
    run_until(s, faulty_ms + calm_ms, NULL);
    if (ret->ok && ret->checkpoints < done + 5)
        violation(s, "only %" PRIu64 " checkpoints in %" PRId64 " ms without faults",
                  ret->checkpoints - done, calm_ms);
    if (ret->ok) check_leftovers(s);
    struct coord *c = ret->ok ? leader(s) : NULL;
    if (ret->ok && !c) violation(s, "nobody leads");
    if (c) {
        ckpt_request(c->c, CKPT_STOP, 7);
        pump(s, (int)(c - s->coords));
        run_until(s, s->now + 10000, stopped);
        if (ret->ok && !stopped(s)) violation(s, "the stop didn't come to an end");
        for (int w = 0; w < WORKERS && ret->ok; w++)
            if (s->committed_to[w] != s->workers[w].pos)
                violation(s, "stopped with %" PRIu64 " of %" PRIu64 " committed",
                          s->committed_to[w], s->workers[w].pos);
    }
    while (s->n_heap)
        free(take(s));
    for (int i = 0; i < s->n_coords; i++)
        ckpt_free(s->coords[i].c);
    free(s->heap);
    free(s->slots);
    free(s->files);
    free(s->txns);
    free(s);
}
