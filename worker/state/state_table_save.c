/* state_table_save.c - snapshots of a state table, and rows back from them.
 *
 * Entry: kind, hash (8 bytes), NULL bits of the keys, keys that aren't NULL (fixed ones as they
 * are, strings as uint32 length and bytes); PUT: time of the last write (8 bytes, with ttl), then
 * the payload as save_payload gives it. Little-endian. */
#include "worker/state/state_table_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static char *owner_row(const struct state_table *t, const char *row) {
    char *payload;
    memcpy(&payload, row + t->fields[0].offset, sizeof payload);
    return row_of(t->desc.owner, payload);
}

/* The hash that says which key group a row is of. */
static uint64_t group_hash(const struct state_table *t, const char *row) {
    if (t->desc.owner) row = owner_row(t, row);
    return ((const struct row_head *)row)->hash;
}

/* Keys from field `first` on. */
static void add_fields(const struct state_table *t, const char *row, int first, struct str *out) {
    uint32_t nulls = (uint32_t)(t->n_fields + 7) / 8;
    str_add_n(out, row + t->null_offset, nulls);
    for (int k = first; k < t->n_fields; k++) {
        const struct key_field *f = &t->fields[k];
        if (row_null(t, row, k)) continue;
        if (f->phys != PHYS_STR) {
            str_add_n(out, row + f->offset, f->size);
            continue;
        }
        const struct strv *s = row_str(row, f);
        uint32_t len = s->len;
        str_add_n(out, &len, 4);
        str_add_n(out, strv_data(s), len);
    }
}

void state_table_add_key(const struct state_table *t, const char *row, enum state_entry kind,
                         struct str *out) {
    const struct state_table *owner = t->desc.owner;
    str_reserve(out, 16 + t->row_bytes + (owner ? owner->row_bytes : 0));
    str_add_char(out, (char)kind);
    uint64_t hash = group_hash(t, row);
    str_add_n(out, &hash, 8);
    if (owner) add_fields(owner, owner_row(t, row), 0, out);
    add_fields(t, row, owner ? 1 : 0, out);
}

/* A row that has, or may have, outlived its owner isn't told of: it is as good as absent. */
static bool is_stray(const struct state_table *t, char *row) {
    return t->desc.owner &&
           (row_expired(t, row) || !((const struct row_head *)owner_row(t, row))->live);
}

void state_table_save_row(struct state_table *t, char *row) {
    struct str *out = &t->scratch;
    if (is_stray(t, row)) return;
    str_clear(out);
    state_table_add_key(t, row, STATE_PUT, out);
    if (t->desc.ttl_ms) str_add_n(out, stamp_of(t, row), 8);
    char *payload = row + t->payload_offset;
    if (t->desc.save_payload)
        t->desc.save_payload(t->desc.self, payload, out);
    else
        str_add_n(out, payload, t->desc.payload_size_bytes);
    changes_put(t->changes, str_view(out));
}

void state_table_row_goes(struct state_table *t, uint32_t row) {
    state_table_row_changes(t, row);
    char *at = row_at(t, row);
    if (is_stray(t, at)) {
        changes_drop(t->changes, row);
        return;
    }
    struct str *gone = changes_remove(t->changes, row);
    if (!gone) return;
    state_table_add_key(t, at, STATE_GONE, gone);
    changes_told(t->changes);
}

void state_table_all_go(struct state_table *t) {
    uint32_t row, all = UINT32_MAX;
    changes_send_gone(t->changes, &all);
    while (changes_next(t->changes, &row))
        if (((struct row_head *)row_at(t, row))->live) state_table_save_row(t, row_at(t, row));
    changes_clear(t->changes);
}

uint32_t state_table_row_number(const struct state_table *t, const char *row) {
    for (uint32_t p = t->n_pages; p-- > 0;) {
        size_t bytes = ((size_t)1 << (PAGE0_LOG + p)) * t->row_bytes;
        if (row >= t->pages[p] && row < t->pages[p] + bytes)
            return page_start(p) + (uint32_t)((size_t)(row - t->pages[p]) / t->row_bytes);
    }
    CHECKF(false, "a row that isn't in its table");
    return 0;
}

/* Without a look at the rows, however many there are. */
static struct bits live_rows(const struct state_table *t) {
    struct bits live = {0};
    if (!t->n_rows) return live;
    bits_set(&live, t->n_rows - 1);
    memset(live.words, 0xFF, t->n_rows / 64 * sizeof *live.words);
    if (t->n_rows % 64) live.words[t->n_rows / 64] = (1ull << t->n_rows % 64) - 1;
    for (uint32_t i = 0; i < t->n_free; i++)
        bits_drop(&live, t->free_rows[i]);
    return live;
}

static void part_track(void *part) {
    struct state_table *t = part;
    if (!t->changes) t->changes = mem_zalloc(sizeof *t->changes);
    for (uint32_t r = 0; r < t->n_rows; r++)
        if (((const struct row_head *)row_at(t, r))->live) changes_touch(t->changes, r);
}

static void part_untrack(void *part) {
    struct state_table *t = part;
    changes_release(t->changes);
    free(t->changes);
    t->changes = NULL;
}

static void part_begin(void *part, uint64_t checkpoint, uint64_t base, bool full,
                       struct state_sink *sink) {
    struct state_table *t = part;
    CHECK(t->changes);
    changes_begin(t->changes, checkpoint, base, full, sink);
    /* A row's owner must not be told gone in front of it: all are, before anything else. */
    uint32_t all = UINT32_MAX;
    if (t->desc.owner || t->owns) changes_send_gone(t->changes, &all);
}

static bool part_step(void *part, uint32_t n) {
    struct state_table *t = part;
    uint32_t row;
    if (!changes_send_gone(t->changes, &n)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!changes_next(t->changes, &row)) return true;
        char *at = row_at(t, row);
        /* A row of a snapshot that came to nothing may be gone by now. */
        if (row < t->n_rows && ((struct row_head *)at)->live) state_table_save_row(t, at);
    }
    return false;
}

static void part_cancel(void *part) {
    struct state_table *t = part;
    if (t->changes) changes_cancel(t->changes);
}

/* ---- back ---- */

static int short_entry(struct err *err) {
    return err_set(err, ERR_CORRUPT, "an entry of the state ends too early");
}

static int read_fields(const struct state_table *t, int first, struct sv *in, char *row,
                       struct err *err) {
    if (!sv_take(in, row + t->null_offset, (uint32_t)(t->n_fields + 7) / 8))
        return short_entry(err);
    for (int k = first; k < t->n_fields; k++) {
        const struct key_field *f = &t->fields[k];
        if (row_null(t, row, k)) continue;
        if (f->phys != PHYS_STR) {
            if (!sv_take(in, row + f->offset, f->size)) return short_entry(err);
            continue;
        }
        uint32_t len;
        struct sv text;
        if (!sv_take(in, &len, 4) || !sv_cut(in, len, &text)) return short_entry(err);
        *row_str(row, f) = strv_borrow(text.ptr, len);
    }
    return 0;
}

int state_table_read_key(const struct state_table *t, struct sv *in, char *row, struct err *err) {
    memset(row, 0, t->row_bytes);
    if (!sv_take(in, &((struct row_head *)row)->hash, 8)) return short_entry(err);
    return read_fields(t, 0, in, row, err);
}

static uint64_t hash_of_image(const struct state_table *t, char *row) {
    uint64_t hash = 0;
    for (int k = 0; k < t->n_fields; k++) {
        uint64_t valid = !row_null(t, row, k);
        struct column c = {.type = t->desc.key_types[k],
                           .phys = t->fields[k].phys,
                           .n = 1,
                           .data = row + t->fields[k].offset,
                           .valid = &valid};
        col_hash(&c, &hash, 1);
    }
    return hash;
}

/* The owner's key comes first; one that isn't there yet is made, but for a row that is gone. */
static int read_owned_key(const struct state_table *t, enum state_entry kind, struct sv *in,
                          char *row, bool *ret_absent, struct err *err) {
    struct state_table *owner = t->desc.owner;
    AUTO_FREE char *image = mem_aligned(16, owner->row_bytes);
    uint8_t fresh;
    int rc = state_table_read_key(owner, in, image, err);
    if (rc) return rc;
    char *at = kind == STATE_PUT ? state_table_place_row(owner, image, &fresh)
                                 : state_table_find_row(owner, image);
    *ret_absent = !at;
    if (!at) return 0;
    memset(row, 0, t->row_bytes);
    at += owner->payload_offset;
    memcpy(row + t->fields[0].offset, &at, sizeof at);
    rc = read_fields(t, 1, in, row, err);
    if (!rc) ((struct row_head *)row)->hash = hash_of_image(t, row);
    return rc;
}

static void clear_range(struct state_table *t, const struct state_range *of) {
    for (uint32_t r = 0; r < t->n_rows; r++) {
        const struct row_head *h = (const struct row_head *)row_at(t, r);
        if (!h->live) continue;
        uint32_t group = key_group_of(group_hash(t, (const char *)h), of->max_parallelism);
        if (group >= of->first && group <= of->last)
            state_table_remove(t, row_at(t, r) + t->payload_offset);
    }
}

static int part_load(void *part, const struct state_range *of, struct sv entry, struct err *err) {
    struct state_table *t = part;
    t->loads = t->owns;
    if (!entry.len) return short_entry(err);
    enum state_entry kind = (enum state_entry)entry.ptr[0];
    struct sv in = {entry.ptr + 1, entry.len - 1};
    if (kind == STATE_CLEAR) {
        clear_range(t, of);
        return 0;
    }
    AUTO_FREE char *key = mem_aligned(16, t->row_bytes);
    bool absent = false;
    int rc = t->desc.owner ? read_owned_key(t, kind, &in, key, &absent, err)
                           : state_table_read_key(t, &in, key, err);
    if (rc || absent) return rc;
    if (kind == STATE_GONE) {
        char *row = state_table_find_row(t, key);
        if (row) state_table_remove(t, row + t->payload_offset);
        return 0;
    }
    if (kind != STATE_PUT) return err_set(err, ERR_CORRUPT, "state entry of unknown kind %d", kind);
    uint8_t fresh;
    char *row = state_table_place_row(t, key, &fresh), *payload = row + t->payload_offset;
    if (!fresh) {
        if (t->desc.free_payload) t->desc.free_payload(t->desc.self, payload, &t->var);
        memset(payload, 0, t->desc.payload_size_bytes);
    }
    if (t->desc.ttl_ms && !sv_take(&in, stamp_of(t, row), 8)) return short_entry(err);
    if (t->desc.load_payload) return t->desc.load_payload(t->desc.self, payload, in, &t->var, err);
    if (in.len != t->desc.payload_size_bytes)
        return err_set(err, ERR_CORRUPT, "a payload of %zu bytes where the state's are %u", in.len,
                       t->desc.payload_size_bytes);
    memcpy(payload, in.ptr, in.len);
    return 0;
}

/* Rows that outlived their owner: when a checkpoint is complete only after the next has begun, that
 * owners went is told again, though they have come again and what they own is written anew. */
static void drop_orphans(struct state_table *t) {
    for (uint32_t r = 0; r < t->n_rows; r++) {
        char *row = row_at(t, r);
        if (!((const struct row_head *)row)->live) continue;
        if (!((const struct row_head *)owner_row(t, row))->live)
            state_table_remove(t, row + t->payload_offset);
    }
}

static void part_loaded(void *part) {
    struct state_table *t = part;
    t->loads = false;
    if (t->desc.owner) drop_orphans(t);
    if (!t->changes) return;
    struct bits live = live_rows(t);
    changes_restored(t->changes, &live);
}

const struct state_part_ops state_table_part = {part_track, part_begin,  part_step,   part_cancel,
                                                part_load,  part_loaded, part_untrack};
