/* sim_int.h - inside the simulator. */
#ifndef PENSTOCK_TESTS_UNIT_COORDINATOR_CHECKPOINT_SIM_INT_H
#define PENSTOCK_TESTS_UNIT_COORDINATOR_CHECKPOINT_SIM_INT_H

#include "coordinator/checkpoint/protocol.h"
#include "tests/unit/coordinator/checkpoint/sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

uint64_t sim_rnd(struct sim *s);
int64_t sim_upto(struct sim *s, int64_t n); /* 0..n-1 */
bool sim_chance(struct sim *s, int percent);
void sim_violation(struct sim *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
void sim_trace(struct sim *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
struct ev *sim_post(struct sim *s, int64_t delay, enum ev_kind kind);
struct ev *sim_take(struct sim *s); /* the next; the caller frees */
void sim_send(struct sim *s, enum ev_kind to, const struct msg *m);
void sim_txn_commit(struct sim *s, int number);
struct slot *sim_slot_find(struct sim *s, uint64_t seq);
struct slot *sim_newest_checkpoint(struct sim *s);
/* a: one of the log and file actions; its outcome comes to the coordinator as an event. */
void sim_storage_ask(struct sim *s, int coord, const struct ckpt_action *a,
                     const struct slot *slot);
void sim_storage_happens(struct sim *s, struct ev *e);
void sim_coord_answer(struct sim *s, const struct ev *e, enum ckpt_created created);
/* Carries out what the protocol of a coordinator wants. */
void sim_pump(struct sim *s, int coord);
void sim_worker_hears(struct sim *s, const struct msg *m);
void sim_worker_barrier(struct sim *s, const struct msg *m);
void sim_worker_written(struct sim *s, const struct msg *m);
void sim_worker_loaded(struct sim *s, const struct msg *m);

#endif
