/* map.c - string-keyed hash map in insertion order: a dense array of entries plus an
 * open-addressing index into it. */
#include "base/core/map.h"

#include "base/core/attr.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Index slots hold entry + 1; the slot of a removed entry keeps pointing at it (key NULL), so that
 * probing goes on past it until the next rebuild. */

void map_init(struct map *m) {
    *m = (struct map){0};
}

void map_init_icase(struct map *m) {
    *m = (struct map){.ignore_case = true};
}

void map_release(struct map *m, void (*free_value)(void *)) {
    for (size_t i = 0; i < m->n_entries; i++) {
        if (!m->entries[i].key) continue;
        if (free_value) free_value(m->entries[i].value);
        free(m->entries[i].key);
    }
    free(m->entries);
    free(m->index);
    *m = (struct map){.ignore_case = m->ignore_case};
}

/* FNV-1a, then mixed so that the low bits depend on all. */
static uint64_t map_hash(const struct map *m, const char *key) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const unsigned char *p = (const unsigned char *)key; *p; p++) {
        unsigned char c = *p;
        if (m->ignore_case && c >= 'A' && c <= 'Z') c = (unsigned char)(c + ('a' - 'A'));
        h = (h ^ c) * 0x100000001b3u;
    }
    return h ^ (h >> 32);
}

static bool map_same(const struct map *m, const char *a, const char *b) {
    if (!m->ignore_case) return strcmp(a, b) == 0;
    for (; *a && *b; a++, b++) {
        unsigned char ca = (unsigned char)*a, cb = (unsigned char)*b;
        if (ca >= 'A' && ca <= 'Z') ca = (unsigned char)(ca + 32);
        if (cb >= 'A' && cb <= 'Z') cb = (unsigned char)(cb + 32);
        if (ca != cb) return false;
    }
    return *a == *b;
}

static struct map_entry *map_find(const struct map *m, const char *key) {
    if (!m->n_index) return NULL;
    size_t mask = m->n_index - 1;
    for (size_t i = map_hash(m, key) & mask; m->index[i]; i = (i + 1) & mask) {
        struct map_entry *e = &m->entries[m->index[i] - 1];
        if (e->key && map_same(m, e->key, key)) return e;
    }
    return NULL;
}

static void map_index_put(struct map *m, size_t entry) {
    size_t mask = m->n_index - 1, i = map_hash(m, m->entries[entry].key) & mask;
    while (m->index[i])
        i = (i + 1) & mask;
    m->index[i] = entry + 1;
}

/* Squeezes removed entries out, makes room for more, and rebuilds the index (at most half full). */
static void map_rebuild(struct map *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->n_entries; i++) {
        if (m->entries[i].key) m->entries[n++] = m->entries[i];
    }
    m->n_entries = n;
    m->cap = MAX(n * 2, (size_t)8);
    m->entries = mem_reallocarray(m->entries, m->cap, sizeof(*m->entries));
    free(m->index);
    m->n_index = 16;
    while (m->n_index < m->cap * 2)
        m->n_index *= 2;
    m->index = mem_calloc(m->n_index, sizeof(*m->index));
    for (size_t i = 0; i < n; i++)
        map_index_put(m, i);
}

void *map_get(const struct map *m, const char *key) {
    const struct map_entry *e = map_find(m, key);
    return e ? e->value : NULL;
}

bool map_has(const struct map *m, const char *key) {
    return map_find(m, key) != NULL;
}

void *map_put(struct map *m, const char *key, void *value) {
    struct map_entry *e = map_find(m, key);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if (m->n_entries == m->cap) map_rebuild(m);
    m->entries[m->n_entries] = (struct map_entry){mem_strdup(key), value};
    map_index_put(m, m->n_entries++);
    m->n_live++;
    return NULL;
}

void *map_remove(struct map *m, const char *key) {
    struct map_entry *e = map_find(m, key);
    if (!e) return NULL;
    void *old = e->value;
    free(e->key);
    *e = (struct map_entry){0};
    m->n_live--;
    return old;
}

size_t map_size(const struct map *m) {
    return m->n_live;
}

bool map_next(const struct map *m, size_t *pos, struct map_entry *ret_entry) {
    while (*pos < m->n_entries) {
        const struct map_entry *e = &m->entries[(*pos)++];
        if (!e->key) continue;
        *ret_entry = *e;
        return true;
    }
    return false;
}
