/* join_store.c - lists of packed rows behind a state table. */
#include "worker/state/join_store.h"

#include "worker/state/join_store_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct join_entry) % 16 == 0 && offsetof(struct join_entry, prev) % 16 == 0,
               "blocks are as large as they can be without padding");

struct join_store *join_store_new(struct arena *a, const struct schema *schema, const int *keys,
                                  int n_keys) {
    struct join_store *s = mem_zalloc(sizeof *s);
    s->n_keys = n_keys;
    s->dead_ms = INT64_MIN;
    s->before_bytes = offsetof(struct join_entry, prev);
    s->pack = row_pack_of_schema(a, schema);
    const struct type **types = ARENA_NEW_N(a, const struct type *, n_keys + 1);
    for (int i = 0; i < n_keys; i++)
        types[i] = schema->fields[keys[i]].type;
    struct state_desc d = {.n_keys = n_keys,
                           .key_types = types,
                           .payload_size_bytes = sizeof(struct join_key),
                           .payload_align_bytes = 8};
    s->table = state_table_new(&d);
    var_init(&s->rows);
    return s;
}

static void free_large(struct join_store *s) {
    if (!s->n_large) return;
    char *payloads[256];
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(s->table, &pos, payloads, 256))) {
        for (uint32_t i = 0; i < n; i++) {
            struct join_entry *e = ((struct join_key *)payloads[i])->first, *next;
            for (; e; e = next) {
                next = e->next;
                size_t bytes = entry_bytes(s, e);
                if (bytes > VAR_LARGE_BYTES) var_free(&s->rows, entry_block(s, e), bytes);
            }
        }
    }
}

void join_store_free(struct join_store *s) {
    if (!s) return;
    free_large(s);
    join_store_release_tracking(s);
    state_table_free(s->load_index);
    state_table_free(s->table);
    var_release(&s->rows);
    str_release(&s->scratch);
    free(s);
}

void join_store_keep_times(struct join_store *s) {
    CHECK(!s->n_rows);
    s->before_bytes = 0;
}

const struct row_pack *join_store_pack(const struct join_store *s) {
    return s->pack;
}

void join_store_find(struct join_store *s, const struct column *const *cols, const uint64_t *hashes,
                     const uint32_t *rows, uint32_t n, struct join_key **ret_keys) {
    state_table_find(s->table, cols, hashes, rows, n, (char **)ret_keys);
}

void join_store_hold(struct join_store *s, const struct column *const *cols, const uint64_t *hashes,
                     const uint32_t *rows, uint32_t n, struct join_key **ret_keys) {
    state_table_upsert(s->table, cols, hashes, rows, n, (char **)ret_keys, NULL);
}

void join_store_sweep(struct join_store *s, struct join_key **keys, uint32_t n) {
    static struct join_entry seen; /* marks keys that are in the list already */
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct join_key *key = keys[i];
        if (!key || key->first || key->last) continue;
        key->last = &seen;
        keys[k++] = key;
    }
    for (uint32_t i = 0; i < k; i++)
        state_table_remove(s->table, (char *)keys[i]);
}

struct join_entry *join_store_alloc(struct join_store *s, uint32_t packed_bytes, int64_t time) {
    size_t size = sizeof(struct join_entry) - s->before_bytes + packed_bytes;
    char *block = var_alloc(&s->rows, size);
    struct join_entry *e = (struct join_entry *)(block - s->before_bytes);
    if (!s->before_bytes) {
        e->time = time;
        e->seq = 0;
    }
    e->matches = e->slot = 0;
    s->n_large += size > VAR_LARGE_BYTES;
    return e;
}

static struct join_entry *new_entry(struct join_store *s, const struct batch *b, uint32_t row,
                                    int64_t time) {
    str_clear(&s->scratch);
    row_pack_add(s->pack, b->cols, row, &s->scratch);
    struct join_entry *e = join_store_alloc(s, (uint32_t)s->scratch.len, time);
    memcpy(join_entry_row(e), str_text(&s->scratch), s->scratch.len);
    return e;
}

void join_store_make(struct join_store *s, const struct batch *b, const uint32_t *rows, uint32_t n,
                     int64_t time, struct join_entry **ret_entries) {
    if (row_pack_has_nested(s->pack)) {
        for (uint32_t i = 0; i < n; i++)
            ret_entries[i] = new_entry(s, b, rows[i], time);
        return;
    }
    AUTO_FREE uint32_t *sizes = mem_alloc(sizeof *sizes * ((size_t)n + 1));
    AUTO_FREE char **packed = mem_alloc(sizeof *packed * ((size_t)n + 1));
    row_pack_sizes(s->pack, b->cols, rows, n, sizes);
    for (uint32_t i = 0; i < n; i++) {
        ret_entries[i] = join_store_alloc(s, sizes[i], time);
        packed[i] = join_entry_row(ret_entries[i]);
    }
    row_pack_write(s->pack, b->cols, rows, n, sizes, packed);
}

void join_store_link(struct join_store *s, struct join_key *k, struct join_entry *e) {
    e->key = k;
    e->next = NULL;
    e->prev = k->last;
    if (k->last)
        k->last->next = e;
    else
        k->first = e;
    k->last = e;
    s->n_rows++;
    if (s->tracking) join_store_comes(s, e);
}

struct join_entry *join_store_add(struct join_store *s, struct join_key *k, const struct batch *b,
                                  uint32_t row, int64_t time) {
    struct join_entry *e = new_entry(s, b, row, time);
    join_store_link(s, k, e);
    return e;
}

struct join_entry *join_store_insert(struct join_store *s, struct join_entry *before,
                                     const struct batch *b, uint32_t row, int64_t time) {
    struct join_entry *e = new_entry(s, b, row, time);
    e->key = before->key;
    s->n_rows++;
    e->prev = before->prev;
    e->next = before;
    if (before->prev)
        before->prev->next = e;
    else
        e->key->first = e;
    before->prev = e;
    if (s->tracking) join_store_comes(s, e);
    return e;
}

static bool join_entry_dead(const struct join_store *s, const struct join_entry *e) {
    return s->ttl_ms && e->time <= s->dead_ms;
}

static const char *pack_row(struct join_store *s, const struct batch *b, uint32_t row) {
    str_clear(&s->scratch);
    row_pack_add(s->pack, b->cols, row, &s->scratch);
    return str_text(&s->scratch);
}

struct join_entry *join_store_last_equal(struct join_store *s, const struct join_key *k,
                                         const struct batch *b, uint32_t row) {
    const char *packed = pack_row(s, b, row);
    for (struct join_entry *e = k->last; e; e = e->prev)
        if (!join_entry_dead(s, e) && row_pack_eq(s->pack, join_entry_row(e), packed)) return e;
    return NULL;
}

struct join_entry *join_store_first_equal(struct join_store *s, const struct join_key *k,
                                          const struct batch *b, uint32_t row) {
    const char *packed = pack_row(s, b, row);
    for (struct join_entry *e = k->first; e; e = e->next)
        if (!join_entry_dead(s, e) && row_pack_eq(s->pack, join_entry_row(e), packed)) return e;
    return NULL;
}

void join_store_unlink(struct join_store *s, struct join_entry *e) {
    struct join_key *k = e->key;
    if (s->tracking) join_store_goes(s, e);
    if (e->prev)
        e->prev->next = e->next;
    else
        k->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        k->last = e->prev;
    s->n_rows--;
}

void join_store_let_go(struct join_store *s, struct join_entry *e) {
    size_t bytes = entry_bytes(s, e);
    s->n_large -= bytes > VAR_LARGE_BYTES;
    var_free(&s->rows, entry_block(s, e), bytes);
}

void join_store_drop(struct join_store *s, struct join_entry *e) {
    struct join_key *k = e->key;
    join_store_remove(s, e);
    if (!k->first) state_table_remove(s->table, (char *)k);
}

void join_store_set_ttl(struct join_store *s, int64_t ttl_ms) {
    if (ttl_ms) join_store_keep_times(s);
    s->ttl_ms = ttl_ms;
}

int64_t join_store_now(const struct join_store *s) {
    return s->now_ms;
}

int64_t join_store_dead(const struct join_store *s) {
    return s->dead_ms;
}

void join_store_purge(struct join_store *s, struct join_key *k) {
    for (struct join_entry *e = s->ttl_ms ? k->first : NULL, *next; e; e = next) {
        next = e->next;
        if (e->time <= s->dead_ms) join_store_remove(s, e);
    }
}

void join_store_touch(struct join_store *s, struct join_key *k) {
    for (struct join_entry *e = s->ttl_ms ? k->first : NULL; e; e = e->next) {
        join_store_write(s, e);
        e->time = s->now_ms;
    }
}

void join_store_age(struct join_store *s, int64_t now_ms, uint32_t n) {
    struct join_key *keys[256];
    if (!s->ttl_ms) return;
    s->now_ms = MAX(s->now_ms, now_ms);
    s->dead_ms = s->now_ms - s->ttl_ms;
    while (n > 0) {
        uint32_t got = join_store_scan(s, &s->age_pos, keys, MIN(n, 256u));
        for (uint32_t i = 0; i < got; i++) {
            join_store_purge(s, keys[i]);
            if (!keys[i]->first) state_table_remove(s->table, (char *)keys[i]);
        }
        if (!got) { /* the end: goes on from the beginning next time */
            s->age_pos = 0;
            return;
        }
        n -= got;
    }
}

uint32_t join_store_scan(const struct join_store *s, uint64_t *pos, struct join_key **keys,
                         uint32_t n) {
    return state_table_scan(s->table, pos, (char **)keys, n);
}

uint64_t join_store_rows(const struct join_store *s) {
    return s->n_rows;
}

size_t join_store_bytes(const struct join_store *s) {
    return state_table_bytes(s->table) + s->rows.used_bytes;
}
