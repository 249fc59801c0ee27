/* checkpointing_int.h - what checkpointing.c and checkpointing_told.c share. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINTING_INT_H
#define PENSTOCK_COORDINATOR_CHECKPOINTING_INT_H

#include "coordinator/checkpoint/body.h"
#include "coordinator/checkpoint/copy.h"
#include "coordinator/checkpointing.h"

enum request_state { REQUEST_RUNNING, REQUEST_COPYING, REQUEST_DONE, REQUEST_FAILED };

struct request {
    uint64_t tag; /* from 1 */
    enum ckpt_kind kind;
    enum request_state state;
    uint64_t checkpoint;
    char *dir; /* of a copy; NULL: where checkpoints go */
    char *error;
};

struct entry { /* of the history */
    uint64_t checkpoint, attempt;
    enum ckpt_kind kind;
    bool ended, ok;
    int64_t wall_ms, ms, bytes, state_bytes, max_sync_ms, max_align_ms;
    char reason[200];
};

struct checkpointing {
    struct job *job;
    struct ckpt_agent *agent;
    struct fs *fs;
    char *dir;
    struct ckpt_options opts;
    int64_t unaligned_after_ms;
    cJSON *from;       /* to start from: of an attempt that hasn't begun, or of the running one */
    char *from_dir;    /* where its files are; another than dir: state doesn't build on it */
    uint64_t from_id;  /* its checkpoint */
    struct copy *copy; /* reads a foreign directory, or writes a savepoint; NULL: none */
    bool has_base;     /* the newest checkpoint is one that the running attempt builds on */
    bool stopping;     /* a stop has been asked for */
    int *participants; /* worker numbers of the attempt */
    int n_participants;
    /* the one in progress */
    struct ckpt_body *body;
    uint64_t id;
    cJSON *carried; /* committables of those that came to nothing */
    int64_t trigger_ns;
    bool finish;                    /* it is the last one: every task has finished */
    uint64_t committing, committed; /* by the settlement under way; the last one that was */
    bool committing_end;
    struct request requests[CHECKPOINTING_REQUESTS]; /* ring */
    uint64_t n_requests;
    struct entry history[CHECKPOINTING_HISTORY]; /* ring */
    uint64_t n_history;
    struct checkpointing_figures figures;
};

/* checkpointing_told.c */
void checkpointing_request_done(void *self, const struct ckpt_action *a);
void checkpointing_free_requests(struct checkpointing *k);

#endif
