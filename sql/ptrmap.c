/* ptrmap.c - open addressing with linear probing. */
#include "sql/ptrmap.h"

#include <stdint.h>

void ptrmap_init(struct ptrmap *m, struct arena *a) {
    *m = (struct ptrmap){.arena = a};
}

static size_t slot_of(const struct ptrmap *m, const void *key) {
    size_t i = ((uintptr_t)key >> 4) * 0x9E3779B97F4A7C15ull >> 20 & (m->cap - 1);
    while (m->slots[i].key && m->slots[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *ptrmap_get(const struct ptrmap *m, const void *key) {
    return m->cap ? m->slots[slot_of(m, key)].value : NULL;
}

void ptrmap_put(struct ptrmap *m, const void *key, void *value) {
    if (2 * (m->n + 1) > m->cap) {
        struct ptrmap old = *m;
        m->cap = m->cap ? 2 * m->cap : 64;
        m->slots = arena_zalloc(m->arena, m->cap * sizeof *m->slots);
        for (size_t i = 0; i < old.cap; i++)
            if (old.slots[i].key) {
                size_t to = slot_of(m, old.slots[i].key);
                m->slots[to].key = old.slots[i].key;
                m->slots[to].value = old.slots[i].value;
            }
    }
    size_t i = slot_of(m, key);
    if (!m->slots[i].key) m->n++;
    m->slots[i].key = key;
    m->slots[i].value = value;
}
