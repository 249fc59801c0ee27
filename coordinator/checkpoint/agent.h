/* agent.h - carries out what the checkpoint protocol decides (protocol.h): its questions to the
 * store on I/O threads, its timers, the bodies of manifests. What concerns tasks and workers goes
 * to the owner by ckpt_agent_ops.
 *
 * All on the loop's thread. The owner's functions are called one at a time, from within the calls
 * below or from the loop; they may call back, but not free the agent. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_AGENT_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_AGENT_H

#include "base/core/thread.h"
#include "base/net/net_loop.h"
#include "coordinator/checkpoint/store.h"

struct ckpt_agent;

/* body: of the newest complete checkpoint, borrowed until the next call; NULL: there is none. */
struct ckpt_agent_ops {
    /* The log is ours. Workers that still run are adopted (ckpt_agent_adopted), or
     * ckpt_agent_restart begins an attempt. */
    void (*lead)(void *self, const cJSON *body);
    /* Begin this attempt from there, commit its transactions again, then ckpt_agent_started. */
    void (*restore)(void *self, uint64_t attempt, uint64_t checkpoint, const cJSON *body);
    void (*trigger)(void *self, const struct ckpt_action *a);
    void (*abort)(void *self, const struct ckpt_action *a);
    /* What the manifest of the checkpoint, which all have acknowledged, holds; owned by the agent
     * from then on. May be asked again for the same one. */
    cJSON *(*body)(void *self, uint64_t checkpoint);
    void (*completed)(void *self, const struct ckpt_action *a, const cJSON *body);
    /* → ckpt_agent_committed of each participant; repeated until then. */
    void (*commit)(void *self, uint64_t attempt, uint64_t checkpoint, const cJSON *body);
    void (*request_done)(void *self, const struct ckpt_action *a);
    /* Too many checkpoints have failed. */
    void (*restart)(void *self, const char *reason);
    /* The store fails (err), or works again (NULL): said once for each change. */
    void (*store)(void *self, const struct err *err);
    /* Nothing more comes. fenced: another coordinator leads, workers are to be told nothing. */
    void (*over)(void *self, bool fenced, const struct err *err);
};

/* fs, ops, self and io are borrowed for the agent's life; fs and io until what runs in io has
 * ended, too. dir: the job's checkpoint directory. */
struct ckpt_agent *ckpt_agent_new(struct net_loop *loop, struct io_pool *io, struct fs *fs,
                                  const char *dir, const struct ckpt_options *opts,
                                  const struct ckpt_agent_ops *ops, void *self);
/* Calls nothing any more; what runs in the pool comes to its end by itself. NULL accepted. */
void ckpt_agent_free(struct ckpt_agent *a);
/* Nothing more is decided or reported; what is to be deleted by now still is. */
void ckpt_agent_stop(struct ckpt_agent *a);

/* Events, as in protocol.h. */
void ckpt_agent_restart(struct ckpt_agent *a, const char *reason);
void ckpt_agent_started(struct ckpt_agent *a, uint64_t attempt, uint32_t n_participants);
bool ckpt_agent_adopted(struct ckpt_agent *a, uint64_t attempt, uint32_t n_participants,
                        uint64_t seen);
void ckpt_agent_acked(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                      uint32_t participant, const struct ckpt_file *files, size_t n_files);
void ckpt_agent_declined(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                         uint32_t participant, const char *reason);
void ckpt_agent_committed(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                          uint32_t participant);
void ckpt_agent_request(struct ckpt_agent *a, enum ckpt_kind kind, uint64_t tag);

/* Files and records stay while a hold is open (somebody copies them); each hold is ended by one
 * release. */
void ckpt_agent_hold(struct ckpt_agent *a);
void ckpt_agent_release(struct ckpt_agent *a);

uint64_t ckpt_agent_newest(const struct ckpt_agent *a);      /* 0 = none */
uint64_t ckpt_agent_in_progress(const struct ckpt_agent *a); /* 0 = none */
uint64_t ckpt_agent_epoch(const struct ckpt_agent *a);       /* 0 before it leads */
const cJSON *ckpt_agent_body(const struct ckpt_agent *a);    /* of the newest; NULL = none */
uint64_t ckpt_agent_newest_seq(const struct ckpt_agent *a);  /* its slot; 0 = none */

#endif
