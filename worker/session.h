/* session.h - session windows per key: runs of rows of which none is further than the gap from the
 * next. A row that lies between two sessions makes them one. A session is over when the watermark
 * passes its end; it takes no rows then, and leaves with what it held.
 *
 * A key's row in the state table points to its sessions, blocks of the table's var memory: the
 * newest at once, since nearly every row extends that, the others in an array sorted by start. What
 * a session holds (accumulators, rows) lies behind its struct and is its op's. One thread. */
#ifndef PENSTOCK_WORKER_SESSION_H
#define PENSTOCK_WORKER_SESSION_H

#include "worker/state/state_table.h"
#include "worker/state/time_queue.h"
#include "worker/window.h"

struct session {
    int64_t start, end; /* ms of the window's clock; end: the last row's time + gap */
    char *key;          /* payload of the key's row */
    uint64_t gone;      /* merged into another; its block waits to come out of the queue */
    /* What follows lies where a group of agg_state has its header. */
    int64_t rows; /* added less taken back: the op counts */
    void *reserved;
};

/* Payload of a key's row. */
struct session_key {
    struct session *newest;
    struct session **others; /* [from, n): sorted by start, all before newest's */
    uint32_t from, n, cap;
    uint32_t removed; /* session_forget */
};

struct session_ops {
    /* A new block's payload, zeroed. May be NULL. */
    void (*init)(void *self, struct session *s);
    /* Frees what the session holds, not the block. May be NULL. */
    void (*release)(void *self, struct session *s);
    /* dst takes over what src holds; src is released then. */
    int (*merge)(void *self, struct session *dst, struct session *src, struct err *err);
    /* What the session holds as bytes, appended, and back into a new one, for checkpoints. */
    void (*save)(void *self, const struct session *s, struct str *out);
    int (*load)(void *self, struct session *s, struct sv bytes, struct err *err);
    /* Two sessions are about to become one: rows that were assigned are to be put into theirs.
     * May be NULL. */
    int (*settle)(void *self, struct err *err);
};

struct session_set {
    const struct window *window;
    int64_t gap;
    uint32_t block_bytes;
    const struct session_ops *ops;
    void *self;
    struct state_table *keys;
    struct time_queue queue; /* by fire time */
    uint64_t n;              /* sessions there are */
};

/* payload_bytes: behind struct session. key_types are borrowed. */
void session_set_init(struct session_set *ss, const struct window *w, int64_t gap, int n_keys,
                      const struct type *const *key_types, uint32_t payload_bytes,
                      const struct session_ops *ops, void *self);
void session_set_release(struct session_set *ss);
/* `keys` has been loaded from a checkpoint. */
void session_set_restored(struct session_set *ss);

/* Reads WINDOW of docs/plan.md: time column, clock, gap. */
int session_window_read(const cJSON *j, const struct op_ctx *ctx, struct window *ret,
                        int64_t *ret_gap, struct err *err) ATTR_MUST_USE;

/* The session of a row with time t on the window's clock, made or extended; NULL if the row is
 * late: it meets no open session, and its own would be over. key: what state_table_upsert gave. wm:
 * the watermark in front of the row. */
int session_place(struct session_set *ss, char *key, int64_t t, int64_t wm, struct session **ret,
                  struct err *err) ATTR_MUST_USE;

static inline bool session_open(const struct session_set *ss, int64_t end, int64_t wm) {
    return (ss->window->zone ? window_fire_time(ss->window, end) : end - 1) > wm;
}

/* The same, with the common case at hand: the row extends its key's newest session. */
static inline int session_assign(struct session_set *ss, char *key, int64_t t, int64_t wm,
                                 struct session **ret, struct err *err) {
    struct session *s = ((struct session_key *)key)->newest;
    if (likely(s && t >= s->start && t <= s->end && session_open(ss, s->end, wm))) {
        s->end = MAX(s->end, t + ss->gap);
        *ret = s;
        return 0;
    }
    return session_place(ss, key, t, wm, ret, err);
}

/* Keys of late rows: those that have no session leave the table. Entries may repeat. */
void session_forget(struct session_set *ss, char *const *keys, uint32_t n);

/* Up to max sessions that are over at wm, by end; each must be given to session_drop then. Fewer
 * than max: no more are. */
uint32_t session_take_due(struct session_set *ss, int64_t wm, struct session **ret, uint32_t max);
/* Takes a session out and frees it, and its key if it was the last one. */
void session_drop(struct session_set *ss, struct session *s);
/* When the next session may be over (its fire time); INT64_MAX if there is none. */
int64_t session_next_due(const struct session_set *ss);

#endif
