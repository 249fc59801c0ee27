/* sorted_set.h - an ordered set in var memory: a B-tree of 16-byte entries that also knows how many
 * lie in front of each (so "the k-th" and "what place" cost O(log n)). It has no size limit that
 * matters, and a small set takes little: its only node grows with it.
 *
 * An entry is a 64-bit prefix of what it is ordered by, and a word of the user's: a count, or an
 * item elsewhere in var memory, which decides where prefixes are equal. A set is plain data that
 * may lie in a payload of a state table; all zeros is the empty set. One thread. */
#ifndef PENSTOCK_WORKER_STATE_SORTED_SET_H
#define PENSTOCK_WORKER_STATE_SORTED_SET_H

#include "worker/state/var_memory.h"

struct sorted_entry {
    uint64_t prefix;
    union {
        int64_t count;
        void *item;
    } u;
};

/* Of two entries with equal prefixes. cmp NULL: the prefix is all there is. */
struct sorted_order {
    int (*cmp)(const void *self, const struct sorted_entry *a, const struct sorted_entry *b);
    const void *self;
};

struct sorted_node;
struct sorted_set {
    struct sorted_node *root;
    uint64_t n;
};

/* How many entries stand in front of key; *ret_at (may be NULL) = the first that doesn't, NULL at
 * the end. It may be written to where that doesn't change the order; valid until the set
 * changes. */
uint64_t sorted_set_lower(const struct sorted_set *s, const struct sorted_order *o,
                          const struct sorted_entry *key, struct sorted_entry **ret_at);
/* How many entries stand in front of key or are equal to it. */
uint64_t sorted_set_upper(const struct sorted_set *s, const struct sorted_order *o,
                          const struct sorted_entry *key);
/* The entry equal to key, NULL; as ret_at above. */
struct sorted_entry *sorted_set_find(const struct sorted_set *s, const struct sorted_order *o,
                                     const struct sorted_entry *key);
/* The i-th from 0 on, NULL if there are fewer. */
struct sorted_entry *sorted_set_at(const struct sorted_set *s, uint64_t i);
/* Copies up to n entries from the i-th on; returns how many. */
uint32_t sorted_set_read(const struct sorted_set *s, uint64_t i, uint32_t n,
                         struct sorted_entry *ret);

/* Behind those that are equal to it. */
void sorted_set_insert(struct sorted_set *s, const struct sorted_order *o, struct sorted_entry e,
                       struct var_memory *var);
/* The i-th, which there must be. */
struct sorted_entry sorted_set_take(struct sorted_set *s, uint64_t i, struct var_memory *var);
/* Frees the nodes; items are the user's. */
void sorted_set_release(struct sorted_set *s, struct var_memory *var);

#endif
