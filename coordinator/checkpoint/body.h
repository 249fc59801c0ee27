/* body.h - what a checkpoint's manifest says of the job (docs/checkpoint-format.md, "body"): made
 * of the workers' acknowledgements, and read when a job starts from it. Pure.
 *
 * A task's state is a chain: the pieces of its last full snapshot and of those behind it, each in
 * some file. A snapshot that builds on the base makes the base's chain longer; a full one begins a
 * new chain. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_BODY_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_BODY_H

#include "base/core/json.h"
#include "base/proto/ckpt_file.h"
#include "sql/plan.h"

enum {
    BODY_CHAIN_FILES_MAX = 64, /* a longer chain is rewritten */
    /* One in whose files more has been added since the full snapshot than that had is rewritten,
     * too, once it has this many: so that what is read at a restore, and kept, stays in proportion
     * to the state. */
    BODY_CHAIN_FILES_MIN = 4
};

/* ---- making one ---- */

struct ckpt_body;

/* plan: borrowed for the body's life. base: the body of the checkpoint that snapshots build on,
 * copied; NULL: they all are full. */
struct ckpt_body *ckpt_body_new(const struct plan *plan, const cJSON *base);
void ckpt_body_free(struct ckpt_body *b); /* NULL accepted */
/* A worker's MSG_ACKED. *ret_files: all files that its tasks' state lies in, earlier ones too; the
 * caller's. ERR_PROTOCOL: it can't be used. */
int ckpt_body_add(struct ckpt_body *b, const cJSON *msg, struct ckpt_file **ret_files,
                  size_t *ret_n, struct err *err) ATTR_MUST_USE;
bool ckpt_body_has_task(const struct ckpt_body *b, int vertex, int subtask);
/* It has acknowledged, and had not come to its end. */
bool ckpt_body_task_runs(const struct ckpt_body *b, int vertex, int subtask);
/* What a task's sinks have prepared: array of {"op", "value"} as in MSG_TASK; copied. */
void ckpt_body_add_committables(struct ckpt_body *b, int vertex, const cJSON *list);
/* What sinks had prepared for a checkpoint that came to nothing belongs to the next: the
 * committables of one body (the caller's), added to another, each once. */
cJSON *ckpt_body_take_committables(struct ckpt_body *b);
void ckpt_body_carry_committables(struct ckpt_body *b, const cJSON *list);
/* Ids of the splits of a vertex's source that have been handed out so far (copied). */
void ckpt_body_set_seen(struct ckpt_body *b, int vertex, const cJSON *ids);
/* All of it, with "chains" and so on, without "job", "name", "time": the owner's. */
cJSON *ckpt_body_make(const struct ckpt_body *b);

/* ---- reading one ---- */

/* Whether a task's next snapshot has to be full: base doesn't hold its state as it is cut now, or
 * its chain is to be rewritten. base NULL: yes, if it has state at all. */
bool ckpt_body_wants_full(const cJSON *base, const struct plan *plan, int vertex, int subtask);
/* RESTORE of base/proto/control.h. */
cJSON *ckpt_body_restore(const cJSON *body, const char *dir, uint64_t checkpoint);
/* {"splits": per subtask, "seen"} of a source; NULL: the checkpoint doesn't know the op. */
const cJSON *ckpt_body_source(const cJSON *body, const char *op_uid);
/* What a subtask of a source gets, as an array (the caller's): at the same parallelism what it had,
 * else its share. */
cJSON *ckpt_body_splits(const cJSON *source, int subtask, int parallelism);
/* What the sinks of op had prepared: array; NULL: nothing. */
const cJSON *ckpt_body_prepared(const cJSON *body, const char *op_uid);
/* Bytes of state that it refers to. */
int64_t ckpt_body_state_bytes(const cJSON *body);

/* What of the body's state goes to which op of the plan: array of {"op": uid, "kind", "name",
 * "state": "kept" | "new" | "dropped"}, ops with state alone. */
cJSON *ckpt_body_map(const cJSON *body, const struct plan *plan);
/* ERR_VALIDATION: state would be dropped and that isn't allowed, or the number of key groups has
 * changed. The message lists what. */
int ckpt_body_check(const cJSON *body, const struct plan *plan, bool allow_dropped,
                    struct err *err) ATTR_MUST_USE;

#endif
