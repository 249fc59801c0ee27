/* join_store.c - lists of packed rows behind a state table. */
#include "worker/state/join_store.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct join_entry) % 16 == 0, "packed rows behind entries are aligned");

/* Payload of a key. */
struct key_rows {
    struct join_entry *first, *last;
};

struct join_store {
    int n_keys;
    const int *keys;
    struct row_pack *pack;
    struct state_table *table;
    struct var_memory rows;
    struct str scratch;
    uint64_t n_rows;
};

struct join_store *join_store_new(struct arena *a, const struct schema *schema, const int *keys,
                                  int n_keys) {
    struct join_store *s = mem_zalloc(sizeof *s);
    s->n_keys = n_keys;
    s->keys = keys;
    s->pack = row_pack_of_schema(a, schema);
    const struct type **types = ARENA_NEW_N(a, const struct type *, n_keys + 1);
    for (int i = 0; i < n_keys; i++)
        types[i] = schema->fields[keys[i]].type;
    struct state_desc d = {
        .n_keys = n_keys, .key_types = types, .payload_size_bytes = sizeof(struct key_rows)};
    s->table = state_table_new(&d);
    var_init(&s->rows);
    return s;
}

static void free_large(struct join_store *s) {
    char *payloads[256];
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(s->table, &pos, payloads, 256))) {
        for (uint32_t i = 0; i < n; i++) {
            struct join_entry *e = ((struct key_rows *)payloads[i])->first, *next;
            for (; e; e = next) {
                next = e->next;
                if (e->size_bytes > VAR_LARGE_BYTES) var_free(&s->rows, e, e->size_bytes);
            }
        }
    }
}

void join_store_free(struct join_store *s) {
    if (!s) return;
    free_large(s);
    state_table_free(s->table);
    var_release(&s->rows);
    str_release(&s->scratch);
    free(s);
}

const struct row_pack *join_store_pack(const struct join_store *s) {
    return s->pack;
}

void join_store_find(struct join_store *s, const struct column *const *keys, const uint64_t *hashes,
                     uint32_t n, struct join_entry **ret_first) {
    char **payloads = (char **)ret_first; /* each pointer is replaced by what it leads to */
    state_table_find(s->table, keys, hashes, NULL, n, payloads);
    for (uint32_t i = 0; i < n; i++)
        ret_first[i] = payloads[i] ? ((struct key_rows *)payloads[i])->first : NULL;
}

/* The key columns of one row as columns of one row, borrowed. */
static void key_views(const struct join_store *s, const struct batch *b, uint32_t row,
                      struct column *views, const struct column **keys) {
    for (int k = 0; k < s->n_keys; k++) {
        col_slice(&views[k], &b->cols[s->keys[k]], row, 1);
        keys[k] = &views[k];
    }
}

static void release_views(const struct join_store *s, struct column *views) {
    for (int k = 0; k < s->n_keys; k++)
        col_release(&views[k]);
}

static struct key_rows *find_key(struct join_store *s, const struct batch *b, uint32_t row,
                                 uint64_t hash, bool insert) {
    struct column views[STATE_KEYS_MAX];
    const struct column *keys[STATE_KEYS_MAX];
    char *payload;
    key_views(s, b, row, views, keys);
    if (insert)
        state_table_upsert(s->table, keys, &hash, NULL, 1, &payload, NULL);
    else
        state_table_find(s->table, keys, &hash, NULL, 1, &payload);
    release_views(s, views);
    return (struct key_rows *)payload;
}

struct join_entry *join_store_add(struct join_store *s, const struct batch *b, uint32_t row,
                                  uint64_t hash, int64_t time) {
    struct key_rows *k = find_key(s, b, row, hash, true);
    str_clear(&s->scratch);
    row_pack_add(s->pack, b->cols, row, &s->scratch);
    uint32_t size = (uint32_t)(sizeof(struct join_entry) + s->scratch.len);
    char *block = var_alloc(&s->rows, size);
    struct join_entry *e = (struct join_entry *)block;
    *e = (struct join_entry){.prev = k->last, .key = (char *)k, .time = time, .size_bytes = size};
    memcpy(join_entry_row(e), str_text(&s->scratch), s->scratch.len);
    if (k->last)
        k->last->next = e;
    else
        k->first = e;
    k->last = e;
    s->n_rows++;
    return e;
}

struct join_entry *join_store_first(struct join_store *s, const struct batch *b, uint32_t row,
                                    uint64_t hash) {
    struct key_rows *k = find_key(s, b, row, hash, false);
    return k ? k->first : NULL;
}

struct join_entry *join_store_find_row(struct join_store *s, const struct batch *b, uint32_t row,
                                       uint64_t hash) {
    struct key_rows *k = find_key(s, b, row, hash, false);
    if (!k) return NULL;
    str_clear(&s->scratch);
    row_pack_add(s->pack, b->cols, row, &s->scratch);
    for (struct join_entry *e = k->last; e; e = e->prev)
        if (row_pack_eq(s->pack, join_entry_row(e), str_text(&s->scratch))) return e;
    return NULL;
}

void join_store_remove(struct join_store *s, struct join_entry *e) {
    struct key_rows *k = (struct key_rows *)e->key;
    if (e->prev)
        e->prev->next = e->next;
    else
        k->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        k->last = e->prev;
    if (!k->first) state_table_remove(s->table, (char *)k);
    var_free(&s->rows, e, e->size_bytes);
    s->n_rows--;
}

uint64_t join_store_rows(const struct join_store *s) {
    return s->n_rows;
}

size_t join_store_bytes(const struct join_store *s) {
    return state_table_bytes(s->table) + s->rows.used_bytes;
}
