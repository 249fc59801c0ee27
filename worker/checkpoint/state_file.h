/* state_file.h - the file that a worker writes for one checkpoint: whatever the number of its tasks
 * and of their states, one file (no small files). Tasks hand pieces in from their threads; one
 * thread writes them, in the order in which they came, to any store.
 *
 * A piece is a run of blocks (worker/state/state_set.h) of one task; where it lies is told when the
 * task is done, and goes into the checkpoint's manifest. The file is visible once it is whole. */
#ifndef PENSTOCK_WORKER_CHECKPOINT_STATE_FILE_H
#define PENSTOCK_WORKER_CHECKPOINT_STATE_FILE_H

#include "base/core/json.h"
#include "base/proto/ckpt_file.h"
#include "fs/fs.h"

enum {
    STATE_FILE_TASKS_MAX = 4096,
    STATE_FILE_TIMEOUT_MS = 600000 /* of the whole write; a checkpoint's own limit comes first */
};
#define STATE_FILE_BACKLOG_BYTES (64ull << 20) /* handed in and not yet written: see _full */
/* Rows that change are copied all the same: when so much waits, the checkpoint fails. */
#define STATE_FILE_BACKLOG_MAX_BYTES (1ull << 30)

struct state_file_writer;

/* What comes of a checkpoint here; exactly one call for each that was begun and not abandoned, on
 * the writer's thread. */
struct state_file_result {
    uint64_t checkpoint;
    struct err *err; /* NULL: written */
    bool any;        /* false: no task had anything to write, and there is no file */
    struct ckpt_file file;
    uint64_t bytes;
    /* One per task, in the order they were done: {"v", "s", "pieces": [[offset, bytes]...], and
     * what the task added}. Owned by the receiver. */
    cJSON *tasks;
};
struct state_file_opts {
    struct fs *fs;              /* borrowed, as what follows */
    const char *dir;            /* the job's checkpoint directory */
    const char *worker_id;      /* part of the file's name */
    uint64_t backlog_max_bytes; /* 0 = STATE_FILE_BACKLOG_MAX_BYTES */
    void *self;
    void (*done)(void *self, struct state_file_result *r);
};

int state_file_writer_new(const struct state_file_opts *opts, struct state_file_writer **ret,
                          struct err *err) ATTR_MUST_USE;
/* Gives up what is open, waits for the thread. */
void state_file_writer_free(struct state_file_writer *w); /* NULL accepted */

/* All from any thread. */

/* n_tasks: how many will call _task_done. A checkpoint that is still open is abandoned. False if
 * this one is known already. */
bool state_file_begin(struct state_file_writer *w, uint64_t epoch, uint64_t checkpoint,
                      int n_tasks);
/* Blocks of a task; takes bytes. Ignored for a checkpoint that isn't open any more. */
void state_file_add(struct state_file_writer *w, uint64_t checkpoint, int vertex, int subtask,
                    struct str *bytes);
/* more (taken): members for the task's entry. */
void state_file_task_done(struct state_file_writer *w, uint64_t checkpoint, int vertex, int subtask,
                          cJSON *more);
/* done isn't called for it any more. */
void state_file_abandon(struct state_file_writer *w, uint64_t checkpoint);
/* So much waits for the store that tasks should copy no further rows for now. */
bool state_file_full(const struct state_file_writer *w);

#endif
