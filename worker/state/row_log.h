/* row_log.h - rows in order of arrival that only ever come, and go all at once: what waits for the
 * end of a window. The batches that they came in are shared, not copied. For checkpoints they
 * belong to the key group of some of their columns, and each is written once. One thread. */
#ifndef PENSTOCK_WORKER_STATE_ROW_LOG_H
#define PENSTOCK_WORKER_STATE_ROW_LOG_H

#include "worker/state/row_pack.h"
#include "worker/state/state_part.h"

/* Rows of one batch. */
struct row_log_part {
    struct batch *batch;
    uint32_t n;
    uint32_t *rows;
};

struct row_log {
    const struct row_pack *pack; /* borrowed, as are keys */
    const int *keys;
    int n_keys, n_cols;
    struct row_log_part *parts;
    uint32_t n_parts, cap_parts;
    uint64_t n_rows;
    /* Checkpoints: how many rows the base has, and the last snapshot; the one under way. */
    uint64_t base_rows, last_rows, last_checkpoint;
    struct state_sink *sink;
    bool active;
    uint64_t to_copy, at; /* rows; number of the next in the log */
    uint32_t at_part, at_row;
    /* A row's number, with its hash, is its name. Those that were loaded have 0, 1, ..; the others
     * go on behind the highest that was loaded. */
    uint64_t n_loaded, first_number;
    struct str scratch;
    /* While one is loaded: packed rows, each at a multiple of 16 bytes. */
    struct str loaded;
    struct row_log_place {
        uint64_t hash, number;
        size_t at;
    } * places;
    size_t n_places, cap_places;
};

/* pack: of the rows' n_cols columns; keys: which of them, in the order in which an exchange hashes
 * them. */
void row_log_init(struct row_log *l, const struct row_pack *pack, int n_cols, const int *keys,
                  int n_keys);
void row_log_release(struct row_log *l);
/* Rows of b, which is shared. */
void row_log_add(struct row_log *l, struct batch *b, const uint32_t *rows, uint32_t n);

extern const struct state_part_ops row_log_part_ops; /* part: a struct row_log */

#endif
