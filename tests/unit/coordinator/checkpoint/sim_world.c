/* sim_world.c - time, network, sink and storage of the simulator. */
#include "tests/unit/coordinator/checkpoint/sim_int.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sim_rnd(struct sim *s) {
    s->rng ^= s->rng << 13;
    s->rng ^= s->rng >> 7;
    s->rng ^= s->rng << 17;
    return s->rng * 0x2545F4914F6CDD1Dull >> 11;
}

int64_t sim_upto(struct sim *s, int64_t n) {
    return (int64_t)(sim_rnd(s) % (uint64_t)n);
}

bool sim_chance(struct sim *s, int percent) {
    return sim_upto(s, 100) < percent;
}

void sim_violation(struct sim *s, const char *fmt, ...) {
    if (!s->r->ok) return;
    va_list ap;
    va_start(ap, fmt);
    int n = snprintf(s->r->violation, sizeof s->r->violation, "at %" PRId64 " ms: ", s->now);
    vsnprintf(s->r->violation + n, sizeof s->r->violation - (size_t)n, fmt, ap);
    va_end(ap);
    s->r->ok = false;
    s->ended = true;
}

void sim_trace(struct sim *s, const char *fmt, ...) {
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

struct ev *sim_post(struct sim *s, int64_t delay, enum ev_kind kind) {
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

struct ev *sim_take(struct sim *s) {
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

void sim_send(struct sim *s, enum ev_kind to, const struct msg *m) {
    if (s->faulty && s->f.message_loss && sim_chance(s, 4)) return;
    int64_t delay = 1 + sim_upto(s, 5);
    if (s->faulty && s->f.slow_messages && sim_chance(s, 10)) delay = sim_upto(s, 3000);
    sim_post(s, delay, to)->msg = *m;
    if (s->faulty && s->f.message_loss && sim_chance(s, 3))
        sim_post(s, delay + sim_upto(s, 2000), to)->msg = *m;
}

/* ---- sink ---- */

void sim_txn_commit(struct sim *s, int number) {
    struct txn *t = &s->txns[number];
    if (t->state == TXN_COMMITTED) return;
    if (t->state == TXN_ABORTED) {
        sim_violation(s,
                      "lost: transaction %d of checkpoint %" PRIu64 " is complete but was aborted",
                      number, t->checkpoint);
        return;
    }
    if (t->from != s->committed_to[t->part]) {
        sim_violation(s,
                      "%s: partition %d has %" PRIu64 " committed, now comes %" PRIu64 "..%" PRIu64,
                      t->from < s->committed_to[t->part] ? "doubled" : "lost", t->part,
                      s->committed_to[t->part], t->from, t->to);
        return;
    }
    s->r->committed_rows += t->to - t->from;
    s->committed_to[t->part] = t->to;
    t->state = TXN_COMMITTED;
}

/* ---- storage ---- */

struct slot *sim_slot_find(struct sim *s, uint64_t seq) {
    for (size_t i = s->n_slots; i-- > 0;)
        if (!s->slots[i].gone && s->slots[i].rec.seq == seq) return &s->slots[i];
    return NULL;
}

struct slot *sim_newest_checkpoint(struct sim *s) {
    struct slot *top = NULL;
    for (size_t i = 0; i < s->n_slots; i++)
        if (!s->slots[i].gone && (!top || s->slots[i].rec.seq > top->rec.seq)) top = &s->slots[i];
    return !top || !top->rec.checkpoint_seq ? NULL : sim_slot_find(s, top->rec.checkpoint_seq);
}

static int file_find(struct sim *s, const char *name) {
    for (size_t i = s->n_files; i-- > 0;)
        if (!strcmp(s->files[i].name.name, name)) return (int)i;
    return -1;
}

static void file_delete(struct sim *s, const char *name) {
    int n = file_find(s, name);
    if (n < 0 || s->files[n].gone) return;
    struct slot *top = sim_newest_checkpoint(s);
    for (int p = 0; top && p < WORKERS; p++)
        for (int i = 0; i < top->parts[p].n_chain; i++)
            if (top->parts[p].chain[i] == n)
                sim_violation(s, "%s is deleted, and the newest checkpoint %" PRIu64 " needs it",
                              name, top->rec.checkpoint);
    s->files[n].gone = true;
}

void sim_storage_ask(struct sim *s, int coord, const struct ckpt_action *a,
                     const struct slot *slot) {
    bool bad = s->faulty && s->f.storage_errors;
    int64_t delay = 1 + sim_upto(s, 20);
    if (bad && sim_chance(s, 5)) delay = sim_upto(s, 3000);
    int fate = bad ? (int)sim_upto(s, 100) : 99;
    /* <5: refused; <10: done, no answer in time; <14: not done, no answer; <18: done later than the
     * answer "unknown". */
    bool late = fate >= 14 && fate < 18;
    if (late) {
        struct ev *early = sim_post(s, delay, E_STORAGE);
        early->msg.coord = coord;
        early->action = *a;
        early->answer = early->failed = true;
        delay += sim_upto(s, 3000);
    }
    struct ev *e = sim_post(s, delay, E_STORAGE);
    e->msg.coord = coord;
    e->action = *a;
    if (slot) e->slot = *slot;
    e->apply = fate >= 14 || (fate >= 5 && fate < 10);
    e->answer = !late;
    e->failed = fate < 14;
}

void sim_coord_answer(struct sim *s, const struct ev *e, enum ckpt_created created) {
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
        struct slot *sl = e->failed ? NULL : sim_slot_find(s, a->seq);
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
    sim_pump(s, e->msg.coord);
}

void sim_storage_happens(struct sim *s, struct ev *e) {
    enum ckpt_created created = CKPT_CREATED;
    const struct ckpt_action *a = &e->action;
    if (e->apply) {
        if (a->kind == CKPT_CREATE_SLOT) {
            if (sim_slot_find(s, a->seq)) {
                created = CKPT_EXISTS;
            } else {
                sim_trace(s, "slot %" PRIu64 ": %s %" PRIu64 " by epoch %" PRIu64, a->seq,
                          e->slot.rec.kind == CKPT_RECORD_LEADER ? "leader, after" : "checkpoint",
                          e->slot.rec.checkpoint, e->slot.rec.epoch);
                MEM_GROW(s->slots, s->n_slots, s->cap_slots);
                s->slots[s->n_slots++] = e->slot;
            }
        } else if (a->kind == CKPT_DELETE_SLOT) {
            struct slot *sl = sim_slot_find(s, a->seq);
            if (sl) sl->gone = true;
        } else if (a->kind == CKPT_DELETE_FILE) {
            file_delete(s, a->file.name);
        }
    }
    if (!e->answer) return;
    struct coord *c = &s->coords[e->msg.coord];
    if (!c->alive) return;
    if (c->paused_until > s->now) {
        struct ev *later = sim_post(s, c->paused_until - s->now, E_STORAGE_DONE);
        int64_t t = later->t;
        uint64_t order = later->order;
        *later = *e;
        later->t = t;
        later->order = order;
        later->kind = E_STORAGE_DONE;
        later->file = (int)created;
        return;
    }
    sim_coord_answer(s, e, created);
}
