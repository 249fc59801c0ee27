/* state_set.h - the state of one op in one subtask, as checkpoints see it: parts with names.
 *
 * An op adds its parts when it opens, and parts that come and go (the slices of windows) as it
 * makes and drops them; a part's namespace tells those of one name apart. The op keeps owning its
 * parts. A snapshot's entries go out in blocks: entries of one part and one range of key groups.
 *
 * Block: uint32 magic, uint32 bytes of the body, uint64 XXH3 of the body; body: uint16 length and
 * text of the op's uid, the same of the part's name, int64 namespace, uint32 first and last key
 * group, uint32 number of entries, entries (uint32 length, bytes). Little-endian. All on the task's
 * thread. */
#ifndef PENSTOCK_WORKER_STATE_STATE_SET_H
#define PENSTOCK_WORKER_STATE_STATE_SET_H

#include "worker/state/state_part.h"

enum {
    STATE_BLOCK_MAX_BYTES = 256 << 10, /* a block is closed when it gets larger */
    STATE_BUCKETS = 8,    /* ranges of key groups that a subtask's entries are put in */
    STATE_NAME_MAX = 255, /* bytes of an op's uid, of a part's name */
    STATE_BLOCK_HEAD_BYTES = 16
};

/* Where blocks go. */
struct block_sink {
    void (*block)(struct block_sink *self, struct sv bytes);
};

struct state_set;

/* range: the subtask's key groups. */
struct state_set *state_set_new(const char *op_uid, const struct state_range *range);
void state_set_free(struct state_set *s); /* NULL accepted */

/* track: changes are marked from now on (checkpoints are on); else parts are only listed. */
void state_set_track(struct state_set *s);
/* name: borrowed, of at most STATE_NAME_MAX bytes, stable between versions of the job. */
void state_set_add(struct state_set *s, const char *name, int64_t ns,
                   const struct state_part_ops *ops, void *part);
/* Before the part is freed or used for something else. */
void state_set_drop(struct state_set *s, const char *name, int64_t ns);
bool state_set_has(const struct state_set *s, const char *name, int64_t ns);

/* ---- taking a snapshot ---- */

void state_set_begin(struct state_set *s, uint64_t checkpoint, uint64_t base, bool full,
                     struct block_sink *out);
bool state_set_active(const struct state_set *s);
/* Copies up to n rows; true: done, all blocks are out. */
bool state_set_step(struct state_set *s, uint32_t n);
void state_set_cancel(struct state_set *s);

/* ---- restoring ---- */

/* The op's way to make a part that a snapshot has and the set doesn't (state_set_add it). May
 * refuse: ERR_CORRUPT for a name it doesn't know. */
typedef int (*state_make_fn)(void *self, const char *name, int64_t ns, struct err *err);

struct state_block {
    struct sv op_uid, name;
    int64_t ns;
    uint32_t first_group, last_group, n_entries;
    struct sv entries;
};
/* The next block of bytes, which moves on behind it; false at the end. ERR_CORRUPT: checksum,
 * lengths. */
int state_block_next(struct sv *bytes, struct state_block *ret, bool *ret_end,
                     struct err *err) ATTR_MUST_USE;
/* Applies the block's entries of this subtask's key groups; blocks in the order they were written.
 * only: leaves out those of other key groups, too; NULL: none. */
int state_set_load(struct state_set *s, const struct state_block *b, const struct state_range *only,
                   state_make_fn make, void *self, struct err *err) ATTR_MUST_USE;
void state_set_loaded(struct state_set *s);

#endif
