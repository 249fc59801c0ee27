/* match_state.h - what MATCH_RECOGNIZE keeps of a partition: rows that wait for their time, rows
 * that runs have taken, the runs. All of it lies in the var memory of the table whose row the
 * struct is; a packed row lies behind its header. One thread. */
#ifndef PENSTOCK_WORKER_MATCH_STATE_H
#define PENSTOCK_WORKER_MATCH_STATE_H

#include "worker/match_pattern.h"
#include "worker/state/row_pack.h"
#include "worker/state/var_memory.h"

struct match_row {
    int64_t time;
    int64_t arrival;     /* rising over the op */
    uint64_t holds;      /* conditions known to hold, a bit per variable */
    uint32_t size_bytes; /* with this header */
    uint32_t spare;      /* the packed row is aligned to 16 bytes */
};

static inline struct match_row *match_row_of(const char *packed) {
    return (struct match_row *)packed - 1;
}

struct match_runs {
    char *data; /* n of match_run_bytes, by start */
    uint32_t n, cap;
};

struct match_rows {
    char **rows; /* [from, n): packed */
    uint32_t from, n, cap;
    uint32_t unsorted; /* waiting rows: the order has to be made */
};

/* Payload of a partition's row; all zeros but for `queued` is a new one. */
struct match_key {
    int64_t next;   /* number of the row that is processed next */
    int64_t queued; /* when the op looks at it again; INT64_MAX: nothing waits */
    struct match_rows waiting;
    struct match_rows taken; /* up to the last one processed */
    struct match_runs runs;
    struct match_runs done; /* matches that wait for an earlier run to end */
};

void match_rows_add(struct match_rows *r, struct var_memory *var, char *packed);
/* Forgets the first k rows, which the caller frees. */
void match_rows_drop(struct match_rows *r, struct var_memory *var, uint32_t k);

static inline struct match_run *match_run_at(const struct match_runs *r, size_t run_bytes,
                                             uint32_t i) {
    return (struct match_run *)(r->data + run_bytes * i);
}
/* Room for one more in front of number i, which the caller fills. */
struct match_run *match_runs_insert(struct match_runs *r, struct var_memory *var, size_t run_bytes,
                                    uint32_t i);
/* Keeps the runs for which `keep` says so. */
void match_runs_filter(struct match_runs *r, size_t run_bytes,
                       bool (*keep)(const struct match_run *run, int64_t arg), int64_t arg);
void match_runs_free(struct match_runs *r, struct var_memory *var, size_t run_bytes);

/* Number of the first row that a run or match begins with; INT64_MAX if there is none. */
int64_t match_first_start(const struct match_key *k);
/* When the partition is to be looked at again: the first waiting row's time, or when WITHIN ends
 * the earliest run; INT64_MAX: never. */
int64_t match_next_look(const struct match_key *k, int64_t within_ms);
bool match_key_is_empty(const struct match_key *k);
void match_key_free(struct match_key *k, struct var_memory *var, size_t run_bytes);
/* As bytes, appended, and back into a new one, for checkpoints. A loaded one isn't queued. */
void match_key_save(const struct match_key *k, size_t run_bytes, struct str *out);
int match_key_load(struct match_key *k, size_t run_bytes, struct sv bytes, struct var_memory *var,
                   struct err *err) ATTR_MUST_USE;

#endif
