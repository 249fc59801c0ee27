/* sim_worker.c - the simulated workers. */
#include "tests/unit/coordinator/checkpoint/sim_int.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    sim_send(s, E_TO_COORD, &m);
}

static void worker_advance(struct sim *s, struct worker *k) {
    if (k->running && !k->halted) k->pos += (uint64_t)sim_upto(s, 50);
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
        sim_txn_commit(s, m->part.txns[i]);
    for (size_t i = 0; i < s->n_txns; i++)
        if (s->txns[i].part == m->worker && s->txns[i].state == TXN_PREPARED &&
            s->txns[i].attempt < m->attempt)
            s->txns[i].state = TXN_ABORTED;
    struct ev *e = sim_post(s, 1 + sim_upto(s, 50), E_LOADED);
    e->msg = *m;
    e->msg.worker_life = life;
}

void sim_worker_loaded(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || k->life != m->worker_life || k->attempt != m->attempt) return;
    if (s->faulty && s->f.storage_errors && sim_chance(s, 5)) return; /* times out */
    uint64_t at = 0;
    for (int i = 0; i < m->part.n_chain; i++) {
        const struct file *f = &s->files[m->part.chain[i]];
        struct slot *top = sim_newest_checkpoint(s);
        if (f->gone) {
            /* Pruned under a zombie's restore: it can't lead any more. */
            if (top && top->rec.checkpoint == m->checkpoint)
                sim_violation(s, "restore of checkpoint %" PRIu64 ": %s is gone", m->checkpoint,
                              f->name.name);
            return;
        }
        if (f->from != at)
            sim_violation(s, "restore: %s begins at %" PRIu64 ", not %" PRIu64, f->name.name,
                          f->from, at);
        at = f->to;
    }
    if (at != m->part.pos)
        sim_violation(s, "restore: state ends at %" PRIu64 ", position is %" PRIu64, at,
                      m->part.pos);
    k->pos = k->txn_from = m->part.pos;
    k->snaps[0] = (struct snap){m->checkpoint, m->part};
    k->n_snaps = 1;
    worker_says(s, m->worker, m->coord, M_DEPLOYED, 0, NULL);
}

void sim_worker_barrier(struct sim *s, const struct msg *m) {
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
    ckpt_file_name(m->epoch, m->checkpoint, id, (uint32_t)sim_rnd(s), &f->name);
    p.chain[p.n_chain++] = (int)s->n_files++;
    struct ev *e = sim_post(
        s, 1 + sim_upto(s, s->faulty && s->f.storage_errors && sim_chance(s, 10) ? 6000 : 100),
        E_WRITTEN);
    e->msg = *m;
    e->msg.part = p;
}

void sim_worker_written(struct sim *s, const struct msg *m) {
    struct worker *k = &s->workers[m->worker];
    if (!k->up || k->life != m->worker_life) return; /* died before the file was closed */
    struct file *f = &s->files[m->part.chain[m->part.n_chain - 1]];
    f->gone = false; /* it is there from now on, wanted or not */
    if (k->attempt != m->attempt) return;
    if (s->faulty && s->f.storage_errors && sim_chance(s, 5)) {
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

void sim_worker_hears(struct sim *s, const struct msg *m) {
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
        struct ev *e = sim_post(s, 1 + sim_upto(s, 40), E_BARRIER);
        e->msg = *m;
        e->msg.worker_life = k->life;
        break;
    }
    case M_COMMIT: {
        if (!mine) break;
        if (s->faulty && s->f.storage_errors && sim_chance(s, 10)) break; /* the sink is away */
        int n = 0;
        for (int i = 0; i < k->n_txns; i++) {
            if (s->txns[k->txns[i]].checkpoint <= m->checkpoint)
                sim_txn_commit(s, k->txns[i]);
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
