/* lookup_cache.c - a state table whose keys are also in a list by last use. */
#include "worker/lookup_cache.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* Payload of a key. */
struct cached {
    struct cached *newer, *older; /* by last use */
    char *rows;                   /* in the table's var memory; NULL: none */
    uint32_t n_rows, size_bytes;
    int64_t written_ms, used_ms;
};

struct lookup_cache {
    struct lookup_cache_options o;
    struct state_table *table;
    struct cached *newest, *oldest;
};

static void free_rows(void *self, char *payload, struct var_memory *var) {
    struct cached *e = (struct cached *)payload;
    if (e->rows) var_free(var, e->rows, e->size_bytes);
}

struct lookup_cache *lookup_cache_new(const struct lookup_cache_options *opts) {
    struct lookup_cache *c = mem_zalloc(sizeof *c);
    c->o = *opts;
    struct state_desc d = {.n_keys = opts->n_keys,
                           .key_types = opts->key_types,
                           .payload_size_bytes = sizeof(struct cached),
                           .free_payload = free_rows};
    c->table = state_table_new(&d);
    return c;
}

void lookup_cache_free(struct lookup_cache *c) {
    if (!c) return;
    state_table_free(c->table);
    free(c);
}

static void unlink_entry(struct lookup_cache *c, struct cached *e) {
    if (e->newer)
        e->newer->older = e->older;
    else
        c->newest = e->older;
    if (e->older)
        e->older->newer = e->newer;
    else
        c->oldest = e->newer;
}

static void link_newest(struct lookup_cache *c, struct cached *e) {
    e->newer = NULL;
    e->older = c->newest;
    if (c->newest)
        c->newest->newer = e;
    else
        c->oldest = e;
    c->newest = e;
}

static void drop(struct lookup_cache *c, struct cached *e) {
    unlink_entry(c, e);
    state_table_remove(c->table, (char *)e);
}

static bool expired(const struct lookup_cache *c, const struct cached *e, int64_t now_ms) {
    return (c->o.expire_write_ms && now_ms - e->written_ms >= c->o.expire_write_ms) ||
           (c->o.expire_access_ms && now_ms - e->used_ms >= c->o.expire_access_ms);
}

/* The columns of one row, for the table's calls by batch. */
static struct cached *find(struct lookup_cache *c, const struct column *const *keys, uint64_t hash,
                           uint32_t row, bool insert, uint8_t *fresh) {
    struct column views[STATE_KEYS_MAX];
    const struct column *cols[STATE_KEYS_MAX];
    for (int k = 0; k < c->o.n_keys; k++) {
        col_slice(&views[k], keys[k], row, 1);
        cols[k] = &views[k];
    }
    char *payload;
    if (insert)
        state_table_upsert(c->table, cols, &hash, NULL, 1, &payload, fresh);
    else
        state_table_find(c->table, cols, &hash, NULL, 1, &payload);
    for (int k = 0; k < c->o.n_keys; k++)
        col_release(&views[k]);
    return (struct cached *)payload;
}

bool lookup_cache_get(struct lookup_cache *c, const struct column *const *keys, uint64_t hash,
                      uint32_t row, int64_t now_ms, struct lookup_cached *ret) {
    struct cached *e = find(c, keys, hash, row, false, NULL);
    if (!e) return false;
    if (expired(c, e, now_ms)) {
        drop(c, e);
        return false;
    }
    unlink_entry(c, e);
    link_newest(c, e);
    e->used_ms = now_ms;
    *ret = (struct lookup_cached){e->rows, e->n_rows, e->size_bytes};
    return true;
}

void lookup_cache_put(struct lookup_cache *c, const struct column *const *keys, uint64_t hash,
                      uint32_t row, int64_t now_ms, const struct lookup_cached *what) {
    if (!what->n_rows && !c->o.missing) return;
    uint8_t fresh = 0;
    struct cached *e = find(c, keys, hash, row, true, &fresh);
    struct var_memory *var = state_table_var(c->table);
    if (!fresh) {
        unlink_entry(c, e);
        if (e->rows) var_free(var, e->rows, e->size_bytes);
        e->rows = NULL;
    }
    e->n_rows = what->n_rows;
    e->size_bytes = what->size_bytes;
    e->written_ms = e->used_ms = now_ms;
    if (what->n_rows) {
        e->rows = var_alloc(var, what->size_bytes);
        memcpy(e->rows, what->rows, what->size_bytes);
    }
    link_newest(c, e);
    while (c->oldest != e &&
           ((c->o.max_keys && (int64_t)state_table_count(c->table) > c->o.max_keys) ||
            expired(c, c->oldest, now_ms)))
        drop(c, c->oldest);
}

uint64_t lookup_cache_count(const struct lookup_cache *c) {
    return state_table_count(c->table);
}

size_t lookup_cache_bytes(const struct lookup_cache *c) {
    return state_table_bytes(c->table);
}
