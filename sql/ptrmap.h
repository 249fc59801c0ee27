/* ptrmap.h - from addresses to pointers, for passes over plans whose nodes are shared. Entries live
 * in an arena; iteration is not offered, since addresses have no stable order. */
#ifndef PENSTOCK_SQL_PTRMAP_H
#define PENSTOCK_SQL_PTRMAP_H

#include "base/core/arena.h"

struct ptrmap {
    struct arena *arena;
    size_t n, cap; /* cap: a power of two, or 0 */
    struct {
        const void *key;
        void *value;
    } * slots;
};

void ptrmap_init(struct ptrmap *m, struct arena *a);
void *ptrmap_get(const struct ptrmap *m, const void *key); /* NULL if absent */
void ptrmap_put(struct ptrmap *m, const void *key, void *value);

#endif
