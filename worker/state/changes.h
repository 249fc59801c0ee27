/* changes.h - what of a numbered set of rows a checkpoint has to write: the rows changed since the
 * newest complete checkpoint (the base), and of the snapshot under way those not yet copied. One
 * bit per row and set; taking a snapshot swaps sets, whatever their size.
 *
 *   dirty     changed since the last snapshot began
 *   pending   of the snapshot under way, still to be copied: by the walk, or just before a change
 *   sent      what the last snapshot holds: it is taken again if its checkpoint didn't complete,
 *             which the next one's base tells
 *   saved     in some snapshot: its removal must be told
 *
 * Removed keys are kept as encoded records in the same way. One thread. */
#ifndef PENSTOCK_WORKER_STATE_CHANGES_H
#define PENSTOCK_WORKER_STATE_CHANGES_H

#include "worker/state/state_part.h"

struct bits {
    uint64_t *words;
    uint32_t n_words;
};

struct changes {
    struct bits dirty, pending, sent, saved;
    /* GONE entries (uint32 length in front) of keys removed since the last snapshot began; before
     */
    struct str gone, sent_gone;
    size_t gone_at;             /* of the one being added */
    size_t gone_to_send;        /* bytes at the end of sent_gone */
    struct str early;           /* PUT entries, each behind its length, until those are sent */
    struct state_sink *sink;    /* of the snapshot under way */
    bool cleared, sent_cleared; /* all rows were removed at once */
    bool active;                /* a snapshot is under way */
    uint64_t checkpoint;        /* the last snapshot's */
    uint32_t walk;              /* word of pending at which the walk goes on */
};

void changes_release(struct changes *c);

static inline bool bits_has(const struct bits *b, uint32_t i) {
    return i / 64 < b->n_words && (b->words[i / 64] >> i % 64 & 1);
}
void bits_set(struct bits *b, uint32_t i);
static inline void bits_drop(struct bits *b, uint32_t i) {
    if (i / 64 < b->n_words) b->words[i / 64] &= ~(1ull << i % 64);
}

/* Row is about to change, or is new. True: it belongs to the snapshot under way and isn't copied
 * yet: copy it first; the mark is taken away. */
static inline bool changes_touch(struct changes *c, uint32_t row) {
    if (row / 64 < c->dirty.n_words)
        c->dirty.words[row / 64] |= 1ull << row % 64;
    else
        bits_set(&c->dirty, row);
    if (!c->active || !bits_has(&c->pending, row)) return false;
    bits_drop(&c->pending, row);
    return true;
}
/* Row goes (after changes_touch). NULL, or its removal must be told: the caller appends its GONE
 * entry to the string, then calls changes_told. */
struct str *changes_remove(struct changes *c, uint32_t row);
void changes_told(struct changes *c);
/* The same, and nobody is told. */
static inline void changes_drop(struct changes *c, uint32_t row) {
    bits_drop(&c->dirty, row);
    bits_drop(&c->saved, row);
}
/* All rows go at once. */
void changes_clear(struct changes *c);

/* A snapshot begins; one still under way is given up. base: the newest complete checkpoint. full:
 * all rows, not what changed since it. What stands in front of its rows goes to the sink: that all
 * rows of the base are to be forgotten, at once; which ones, by changes_send_gone. */
void changes_begin(struct changes *c, uint64_t checkpoint, uint64_t base, bool full,
                   struct state_sink *sink);
/* Sends up to *n GONE entries and takes them off *n; true: that was all. */
bool changes_send_gone(struct changes *c, uint32_t *n);
/* The PUT entry of a row whose mark was taken away. It goes behind the GONE entries: a key may have
 * gone and come again. */
void changes_put(struct changes *c, struct sv entry);
/* The next row to copy; its mark is taken away. False: all are copied, the snapshot is over. */
bool changes_next(struct changes *c, uint32_t *ret_row);
/* The snapshot under way is given up; its rows come back with the next one. */
void changes_cancel(struct changes *c);
/* All rows were just restored from a checkpoint: nothing is dirty, everything is saved. */
void changes_restored(struct changes *c, struct bits *live /* takes */);
void bits_release(struct bits *b);

#endif
