/* state_table_save.c - snapshots of a state table, and rows back from them.
 *
 * Entry: kind, hash (8 bytes), NULL bits of the keys, keys that aren't NULL (fixed ones as they
 * are, strings as uint32 length and bytes); PUT: time of the last write (8 bytes, with ttl), then
 * the payload as save_payload gives it. Little-endian. */
#include "worker/state/state_table_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

void state_table_add_key(const struct state_table *t, const char *row, enum state_entry kind,
                         struct str *out) {
    uint32_t nulls = (uint32_t)(t->n_fields + 7) / 8;
    str_reserve(out, 9 + nulls + t->row_bytes);
    str_add_char(out, (char)kind);
    str_add_n(out, &((const struct row_head *)row)->hash, 8);
    str_add_n(out, row + t->null_offset, nulls);
    for (int k = 0; k < t->n_fields; k++) {
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

static void save_row(struct state_table *t, char *row) {
    struct str *out = &t->scratch;
    str_clear(out);
    state_table_add_key(t, row, STATE_PUT, out);
    if (t->desc.ttl_ms) str_add_n(out, stamp_of(t, row), 8);
    char *payload = row + t->payload_offset;
    if (t->desc.save_payload)
        t->desc.save_payload(t->desc.self, payload, out);
    else
        str_add_n(out, payload, t->desc.payload_size_bytes);
    t->sink->entry(t->sink, str_view(out));
}

void state_table_row_changes(struct state_table *t, uint32_t row) {
    if (changes_touch(t->changes, row)) save_row(t, row_at(t, row));
}

void state_table_row_goes(struct state_table *t, uint32_t row) {
    state_table_row_changes(t, row);
    if (!changes_remove(t->changes, row)) return;
    struct str *gone = &t->changes->gone;
    size_t at = gone->len;
    str_add_n(gone, "\0\0\0\0", 4);
    state_table_add_key(t, row_at(t, row), STATE_GONE, gone);
    uint32_t len = (uint32_t)(gone->len - at - 4);
    memcpy(gone->ptr + at, &len, 4);
}

void state_table_all_go(struct state_table *t) {
    uint32_t row;
    while (changes_next(t->changes, &row))
        if (((struct row_head *)row_at(t, row))->live) save_row(t, row_at(t, row));
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

static struct bits live_rows(const struct state_table *t) {
    struct bits live = {0};
    if (t->n_rows) bits_set(&live, t->n_rows - 1);
    for (uint32_t r = 0; r < t->n_rows; r++) {
        if (((const struct row_head *)row_at(t, r))->live)
            bits_set(&live, r);
        else
            bits_drop(&live, r);
    }
    return live;
}

void state_table_track(struct state_table *t) {
    if (!t->changes) t->changes = mem_zalloc(sizeof *t->changes);
    for (uint32_t r = 0; r < t->n_rows; r++)
        if (((const struct row_head *)row_at(t, r))->live) changes_touch(t->changes, r);
}

void state_table_snapshot_begin(struct state_table *t, uint64_t checkpoint, uint64_t base,
                                bool full, struct state_sink *sink) {
    CHECK(t->changes);
    t->sink = sink;
    struct bits live = {0};
    if (full) live = live_rows(t);
    struct changes_head head = changes_begin(t->changes, checkpoint, base, full ? &live : NULL);
    char clear = STATE_CLEAR;
    if (head.cleared) sink->entry(sink, (struct sv){&clear, 1});
    for (size_t at = 0; at < head.gone.len;) {
        uint32_t len;
        memcpy(&len, head.gone.ptr + at, 4);
        sink->entry(sink, (struct sv){head.gone.ptr + at + 4, len});
        at += 4 + len;
    }
    str_release(&head.gone);
}

bool state_table_snapshot_step(struct state_table *t, uint32_t n) {
    uint32_t row;
    for (uint32_t i = 0; i < n; i++) {
        if (!changes_next(t->changes, &row)) return true;
        char *at = row_at(t, row);
        /* A row of a snapshot that came to nothing may be gone by now. */
        if (row < t->n_rows && ((struct row_head *)at)->live) save_row(t, at);
    }
    return false;
}

void state_table_snapshot_cancel(struct state_table *t) {
    if (t->changes) changes_cancel(t->changes);
}

/* ---- back ---- */

static int short_entry(struct err *err) {
    return err_set(err, ERR_CORRUPT, "an entry of the state ends too early");
}

int state_table_read_key(const struct state_table *t, struct sv *in, char *row, struct err *err) {
    memset(row, 0, t->row_bytes);
    uint32_t nulls = (uint32_t)(t->n_fields + 7) / 8;
    if (!sv_take(in, &((struct row_head *)row)->hash, 8) ||
        !sv_take(in, row + t->null_offset, nulls))
        return short_entry(err);
    for (int k = 0; k < t->n_fields; k++) {
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

static void clear_range(struct state_table *t, const struct state_range *of) {
    for (uint32_t r = 0; r < t->n_rows; r++) {
        const struct row_head *h = (const struct row_head *)row_at(t, r);
        if (!h->live) continue;
        uint32_t group = key_group_of(h->hash, of->max_parallelism);
        if (group >= of->first && group <= of->last)
            state_table_remove(t, row_at(t, r) + t->payload_offset);
    }
}

int state_table_load(struct state_table *t, const struct state_range *of, struct sv entry,
                     struct err *err) {
    if (!entry.len) return short_entry(err);
    enum state_entry kind = (enum state_entry)entry.ptr[0];
    struct sv in = {entry.ptr + 1, entry.len - 1};
    if (kind == STATE_CLEAR) {
        clear_range(t, of);
        return 0;
    }
    AUTO_FREE char *key = mem_aligned(16, t->row_bytes);
    int rc = state_table_read_key(t, &in, key, err);
    if (rc) return rc;
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

void state_table_loaded(struct state_table *t) {
    if (!t->changes) return;
    struct bits live = live_rows(t);
    changes_restored(t->changes, &live);
}

/* ---- as a part ---- */

static void part_track(void *part) {
    state_table_track(part);
}
static void part_begin(void *part, uint64_t checkpoint, uint64_t base, bool full,
                       struct state_sink *sink) {
    state_table_snapshot_begin(part, checkpoint, base, full, sink);
}
static bool part_step(void *part, uint32_t n) {
    return state_table_snapshot_step(part, n);
}
static void part_cancel(void *part) {
    state_table_snapshot_cancel(part);
}
static int part_load(void *part, const struct state_range *of, struct sv entry, struct err *err) {
    return state_table_load(part, of, entry, err);
}
static void part_loaded(void *part) {
    state_table_loaded(part);
}

const struct state_part_ops state_table_part = {part_track,  part_begin, part_step,
                                                part_cancel, part_load,  part_loaded};
