/* map.h - a string-keyed hash map for the control plane (names, options, registries); insertion
 * order is kept for iteration. Keys are copied, values are pointers the caller owns. Not for the
 * data path (that is worker/state). One thread at a time. */
#ifndef PENSTOCK_BASE_CORE_MAP_H
#define PENSTOCK_BASE_CORE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map_entry {
    char *key;
    void *value;
};

struct map {
    struct map_entry *entries; /* in insertion order; key NULL = removed */
    size_t n_entries, cap, n_live;
    size_t *index; /* open addressing, index into entries + 1 */
    size_t n_index;
    bool ignore_case; /* ASCII */
};

void map_init(struct map *m);
void map_init_icase(struct map *m);
void map_release(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
void *map_get(const struct map *m, const char *key);         /* NULL if absent */
bool map_has(const struct map *m, const char *key);
void *map_put(struct map *m, const char *key, void *value); /* returns the previous value */
void *map_remove(struct map *m, const char *key);
size_t map_size(const struct map *m);
/* for (size_t i = 0; map_next(m, &i, &e);) */
bool map_next(const struct map *m, size_t *pos, struct map_entry *ret_entry);

#endif
