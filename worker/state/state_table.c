/* state_table.c - open addressing with batched probing. */
#include "worker/state/state_table.h"

#include "worker/state/state_table_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static uint32_t align_up(uint32_t n, uint32_t a) {
    return (n + a - 1) / a * a;
}

static void lay_out(struct state_table *t) {
    const struct state_desc *d = &t->desc;
    t->null_offset = offsetof(struct row_head, live) + 1;
    uint32_t at = t->null_offset + (uint32_t)(d->n_keys + 7) / 8;
    t->fixed = true;
    for (int i = 0; i < d->n_keys; i++) {
        struct key_field *f = &t->fields[i];
        f->phys = type_phys(d->key_types[i]);
        f->size = (uint32_t)phys_size_bytes(f->phys);
        CHECKF(f->size || f->phys == PHYS_NULL, "state key of a nested type");
        if (f->phys == PHYS_STR) t->fixed = false;
        uint32_t a = f->size > 8 && f->phys != PHYS_STR ? 16
                     : f->size > 8                      ? 8
                     : f->size                          ? f->size
                                                        : 1;
        at = align_up(at, a);
        f->offset = at;
        at += f->size;
    }
    t->stamp_offset = align_up(at, 8);
    if (d->ttl_ms) at = t->stamp_offset + 8;
    uint32_t align = d->payload_align_bytes ? d->payload_align_bytes : 16;
    CHECK(align == 8 || align == 16);
    for (int i = 0; i < d->n_keys; i++)
        if (t->fields[i].phys == PHYS_I128) align = 16;
    t->payload_offset = align_up(at, align);
    t->row_bytes = align_up(t->payload_offset + d->payload_size_bytes, align);
}

static void dir_new(struct state_table *t, uint64_t slots) {
    t->dir = mem_pages(slots * sizeof *t->dir);
    memset(t->dir, 0xFF, slots * sizeof *t->dir);
    t->mask = slots - 1;
    t->n_used = 0;
}

struct state_table *state_table_new(const struct state_desc *desc) {
    struct state_table *t = mem_zalloc(sizeof *t);
    CHECK(desc->n_keys <= STATE_KEYS_MAX);
    t->desc = *desc;
    if (desc->owner) desc->owner->owns = true;
    t->n_fields = desc->n_keys;
    t->fields = mem_calloc((size_t)desc->n_keys + 1, sizeof *t->fields);
    lay_out(t);
    var_init(&t->var);
    dir_new(t, DIR_MIN);
    return t;
}

static void free_row_contents(struct state_table *t, char *row) {
    if (t->desc.free_payload) t->desc.free_payload(t->desc.self, row + t->payload_offset, &t->var);
    for (int i = 0; !t->fixed && i < t->n_fields; i++) {
        if (t->fields[i].phys != PHYS_STR || row_null(t, row, i)) continue;
        struct strv *s = row_str(row, &t->fields[i]);
        if (s->len > STRV_INLINE_MAX_BYTES) var_free(&t->var, (void *)s->u.ref.ptr, s->len);
    }
}

static void free_all_contents(struct state_table *t) {
    if (!t->desc.free_payload && !t->var.n_large) return; /* what keys have lies in var's pages */
    for (uint32_t r = 0; r < t->n_rows; r++) {
        char *row = row_at(t, r);
        if (((struct row_head *)row)->live) free_row_contents(t, row);
    }
}

void state_table_clear(struct state_table *t) {
    if (t->changes) state_table_all_go(t);
    free_all_contents(t);
    var_clear(&t->var);
    for (uint32_t i = 1; i < t->n_pages; i++)
        free(t->pages[i]);
    if (t->n_pages > 1) t->n_pages = 1;
    t->n_rows = t->n_free = 0;
    t->n_live = 0;
    if (t->mask + 1 > 4096) {
        free(t->dir);
        dir_new(t, DIR_MIN);
    } else {
        memset(t->dir, 0xFF, (t->mask + 1) * sizeof *t->dir);
    }
    t->n_used = 0;
}

void state_table_free(struct state_table *t) {
    if (!t) return;
    free_all_contents(t);
    var_release(&t->var);
    for (uint32_t i = 0; i < t->n_pages; i++)
        free(t->pages[i]);
    free(t->free_rows);
    free(t->fields);
    free(t->dir);
    if (t->changes) changes_release(t->changes);
    free(t->changes);
    str_release(&t->scratch);
    free(t);
}

/* ---- probing ---- */

static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)hash;
}

/* Room for n more at a load of at most one half. Entries know their slots in a directory of any
 * size: both are gone through in order, without a look at the rows. */
static void dir_reserve(struct state_table *t, uint64_t n) {
    uint64_t want = t->mask + 1;
    if ((t->n_used + n) * 2 <= want) return;
    while ((t->n_live + n) * 2 > want)
        want *= 2;
    CHECKF(want <= 1ull << 32, "more than 2^31 keys in one subtask's state");
    struct entry *old = t->dir;
    uint64_t n_old = t->mask + 1;
    dir_new(t, want);
    for (uint64_t i = 0; i < n_old; i++) {
        if (old[i].row >= ENTRY_GONE) continue;
        uint64_t s = old[i].tag & t->mask;
        while (t->dir[s].row != ENTRY_EMPTY)
            s = (s + 1) & t->mask;
        t->dir[s] = old[i];
        t->n_used++;
    }
    free(old);
}

static bool fields_equal(const struct state_table *t, const char *row,
                         const struct column *const *keys, uint32_t i) {
    for (int k = 0; k < t->n_fields; k++) {
        const struct key_field *f = &t->fields[k];
        bool null = !col_is_valid(keys[k], i);
        if (null != row_null(t, row, k)) return false;
        if (null) continue;
        const char *at = row + f->offset;
        switch (f->phys) {
        case PHYS_BOOL:
        case PHYS_I8:
            if (*(const int8_t *)at != COL_DATA(keys[k], int8_t)[i]) return false;
            break;
        case PHYS_I16:
            if (*(const int16_t *)at != COL_DATA(keys[k], int16_t)[i]) return false;
            break;
        case PHYS_I32:
            if (*(const int32_t *)at != COL_DATA(keys[k], int32_t)[i]) return false;
            break;
        case PHYS_I64:
            if (*(const int64_t *)at != COL_DATA(keys[k], int64_t)[i]) return false;
            break;
        case PHYS_I128:
            if (*(const i128 *)at != COL_DATA(keys[k], i128)[i]) return false;
            break;
        case PHYS_F32: {
            float a = *(const float *)at, b = COL_DATA(keys[k], float)[i];
            if (a != b && !(a != a && b != b)) return false;
            break;
        }
        case PHYS_F64: {
            double a = *(const double *)at, b = COL_DATA(keys[k], double)[i];
            if (a != b && !(a != a && b != b)) return false;
            break;
        }
        case PHYS_STR:
            if (!strv_eq((const struct strv *)at, &COL_DATA(keys[k], struct strv)[i])) return false;
            break;
        default:
            break;
        }
    }
    return true;
}

static bool any_null(const struct column *c) {
    uint64_t missing = 0;
    if (!c->valid) return false;
    uint32_t words = c->n / 64, rest = c->n % 64;
    for (uint32_t i = 0; i < words; i++)
        missing |= ~c->valid[i];
    if (rest) missing |= ~c->valid[words] & ((1ull << rest) - 1);
    return missing != 0;
}

/* Keys of few 8-byte integers, none of them NULL in the batch, are the common hot case. Returns how
 * many, 0 for other keys; their data. */
static int key_words(const struct state_table *t, const struct column *const *keys,
                     const int64_t **words) {
    if (!t->n_fields || t->n_fields > WORDS_MAX) return 0;
    for (int k = 0; k < t->n_fields; k++) {
        if (t->fields[k].phys != PHYS_I64 || any_null(keys[k])) return 0;
        words[k] = keys[k]->data;
    }
    return t->n_fields;
}

static uint32_t take_row(struct state_table *t) {
    if (t->n_free && !t->loads) return t->free_rows[--t->n_free];
    if (t->n_rows == page_start(t->n_pages)) {
        CHECKF(t->n_pages < PAGES_MAX - 1, "more than 2^31 keys in one subtask's state");
        t->pages[t->n_pages] = mem_pages(((size_t)1 << (PAGE0_LOG + t->n_pages)) * t->row_bytes);
        t->n_pages++;
    }
    return t->n_rows++;
}

static void put_field(struct state_table *t, char *row, int k, const void *src, bool null) {
    const struct key_field *f = &t->fields[k];
    if (null) {
        row[t->null_offset + k / 8] |= (char)(1 << (k % 8));
        return;
    }
    if (f->phys != PHYS_STR) {
        memcpy(row + f->offset, src, f->size);
        return;
    }
    const struct strv *s = src;
    struct strv *d = row_str(row, f);
    *d = *s;
    if (s->len > STRV_INLINE_MAX_BYTES) {
        char *p = var_alloc(&t->var, s->len);
        memcpy(p, s->u.ref.ptr, s->len);
        d->u.ref.ptr = p;
    }
}

static char *new_row(struct state_table *t, uint64_t hash, uint32_t *ret_row) {
    *ret_row = take_row(t);
    char *row = row_at(t, *ret_row);
    memset(row, 0, t->row_bytes);
    ((struct row_head *)row)->hash = hash;
    ((struct row_head *)row)->live = 1;
    if (t->desc.ttl_ms) *stamp_of(t, row) = t->now_ms;
    t->n_live++;
    if (t->changes) changes_touch(t->changes, *ret_row);
    return row;
}

static char *insert_key(struct state_table *t, const struct column *const *keys, uint32_t i,
                        uint64_t hash, uint64_t slot) {
    uint32_t r;
    char *row = new_row(t, hash, &r);
    for (int k = 0; k < t->n_fields; k++) {
        const struct key_field *f = &t->fields[k];
        put_field(t, row, k, (const char *)keys[k]->data + (size_t)i * f->size,
                  !col_is_valid(keys[k], i));
    }
    t->dir[slot] = (struct entry){tag_of(hash), r};
    t->n_used++;
    return row;
}

/* The first field's place is that of a word, the others follow it. */
static inline bool words_equal(const char *row, uint32_t at, uint32_t null_at,
                               const int64_t *const *words, int n, uint32_t i) {
    const int64_t *held = (const int64_t *)(row + at);
    if (held[0] != words[0][i] || row[null_at]) return false;
    for (int k = 1; k < n; k++)
        if (held[k] != words[k][i]) return false;
    return true;
}

static inline char *probe_words(const struct state_table *t, const int64_t *const *words, int n,
                                uint32_t i, uint64_t hash, uint64_t *ret_slot) {
    uint32_t at = t->fields[0].offset, null_at = t->null_offset;
    for (uint64_t s = hash & t->mask;; s = (s + 1) & t->mask) {
        struct entry e = t->dir[s];
        *ret_slot = s;
        if (e.row == ENTRY_EMPTY) return NULL;
        if (e.tag != tag_of(hash) || e.row == ENTRY_GONE) continue;
        char *row = row_at(t, e.row);
        if (words_equal(row, at, null_at, words, n, i)) return row;
    }
}

static char *probe(const struct state_table *t, const struct column *const *keys, uint32_t i,
                   uint64_t hash, uint64_t *ret_slot) {
    for (uint64_t s = hash & t->mask;; s = (s + 1) & t->mask) {
        struct entry e = t->dir[s];
        *ret_slot = s;
        if (e.row == ENTRY_EMPTY) return NULL;
        if (e.tag != tag_of(hash) || e.row == ENTRY_GONE) continue;
        char *row = row_at(t, e.row);
        if (fields_equal(t, row, keys, i)) return row;
    }
}

static uint32_t row_number(const uint32_t *rows, uint32_t i) {
    return rows ? rows[i] : i;
}

static char *probe_any(const struct state_table *t, const struct column *const *keys,
                       const int64_t *const *words, int n_words, uint32_t i, uint64_t hash,
                       uint64_t *ret_slot) {
    if (n_words == 1) return probe_words(t, words, 1, i, hash, ret_slot);
    if (n_words == 2) return probe_words(t, words, 2, i, hash, ret_slot);
    if (n_words) return probe_words(t, words, n_words, i, hash, ret_slot);
    return probe(t, keys, i, hash, ret_slot);
}

/* Brings the directory lines, then the rows they point to, into the cache. */
static void prefetch_block(const struct state_table *t, const uint64_t *hashes,
                           const uint32_t *rows, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++)
        mem_prefetch(&t->dir[hashes[row_number(rows, i)] & t->mask]);
    for (uint32_t i = from; i < to; i++) {
        uint64_t hash = hashes[row_number(rows, i)];
        struct entry e = t->dir[hash & t->mask];
        if (e.row >= ENTRY_GONE || e.tag != tag_of(hash)) continue;
        const char *row = row_at(t, e.row), *end = row + MIN(t->row_bytes, ROW_LINES * LINE_BYTES);
        for (const char *p = row; p < end; p += LINE_BYTES)
            mem_prefetch_write(p);
        mem_prefetch_write(end - 1);
    }
}

/* Tables below this size lie in the cache anyway. */
enum { PREFETCH_MIN_ROWS = 2048 };

/* A row whose time is up begins anew. */
static void renew_row(struct state_table *t, char *row) {
    char *payload = row + t->payload_offset;
    if (t->desc.free_payload) t->desc.free_payload(t->desc.self, payload, &t->var);
    memset(payload, 0, t->desc.payload_size_bytes);
    *stamp_of(t, row) = t->now_ms;
}

void state_table_upsert(struct state_table *t, const struct column *const *keys,
                        const uint64_t *hashes, const uint32_t *rows, uint32_t n, char **payloads,
                        uint8_t *fresh) {
    dir_reserve(t, n);
    const int64_t *words[WORDS_MAX];
    int n_words = key_words(t, keys, words);
    bool cached = t->n_live < PREFETCH_MIN_ROWS, marks = t->changes && !t->desc.marks_writes;
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = MIN(from + BLOCK, n);
        if (!cached) prefetch_block(t, hashes, rows, from, to);
        for (uint32_t i = from; i < to; i++) {
            uint32_t r = row_number(rows, i);
            uint64_t slot;
            char *row = probe_any(t, keys, words, n_words, r, hashes[r], &slot);
            bool expired = row && row_expired(t, row);
            if (fresh) fresh[i] = !row || expired;
            if (!row) {
                row = insert_key(t, keys, r, hashes[r], slot);
            } else {
                if (marks || (expired && t->changes)) state_table_row_changes(t, t->dir[slot].row);
                if (expired) renew_row(t, row);
            }
            payloads[i] = row + t->payload_offset;
        }
    }
}

void state_table_find(struct state_table *t, const struct column *const *keys,
                      const uint64_t *hashes, const uint32_t *rows, uint32_t n, char **payloads) {
    const int64_t *words[WORDS_MAX];
    int n_words = key_words(t, keys, words);
    bool cached = t->n_live < PREFETCH_MIN_ROWS, marks = t->changes && !t->desc.marks_writes;
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = MIN(from + BLOCK, n);
        if (!cached) prefetch_block(t, hashes, rows, from, to);
        for (uint32_t i = from; i < to; i++) {
            uint32_t r = row_number(rows, i);
            uint64_t slot;
            char *row = probe_any(t, keys, words, n_words, r, hashes[r], &slot);
            payloads[i] = row && !row_expired(t, row) ? row + t->payload_offset : NULL;
            if (marks && payloads[i]) state_table_row_changes(t, t->dir[slot].row);
        }
    }
}

/* ---- rows of another table as keys ---- */

static bool rows_equal(const struct state_table *t, const char *a, const char *b) {
    uint32_t nulls = (uint32_t)(t->n_fields + 7) / 8;
    if (memcmp(a + t->null_offset, b + t->null_offset, nulls) != 0) return false;
    for (int k = 0; k < t->n_fields; k++) {
        const struct key_field *f = &t->fields[k];
        if (row_null(t, a, k)) continue;
        if (f->phys == PHYS_STR) {
            if (!strv_eq(row_str(a, f), row_str(b, f))) return false;
        } else if (f->phys == PHYS_F64) {
            double x = *(const double *)(a + f->offset), y = *(const double *)(b + f->offset);
            if (x != y && !(x != x && y != y)) return false;
        } else if (f->phys == PHYS_F32) {
            float x = *(const float *)(a + f->offset), y = *(const float *)(b + f->offset);
            if (x != y && !(x != x && y != y)) return false;
        } else if (memcmp(a + f->offset, b + f->offset, f->size) != 0) {
            return false;
        }
    }
    return true;
}

char *state_table_find_row(const struct state_table *t, const char *src) {
    uint64_t hash = ((const struct row_head *)src)->hash;
    for (uint64_t s = hash & t->mask;; s = (s + 1) & t->mask) {
        struct entry e = t->dir[s];
        if (e.row == ENTRY_EMPTY) return NULL;
        if (e.tag != tag_of(hash) || e.row == ENTRY_GONE) continue;
        char *row = row_at(t, e.row);
        if (rows_equal(t, row, src)) return row;
    }
}

static char *upsert_row(struct state_table *t, const char *src, uint8_t *fresh) {
    uint64_t hash = ((const struct row_head *)src)->hash;
    uint64_t s = hash & t->mask;
    for (;; s = (s + 1) & t->mask) {
        struct entry e = t->dir[s];
        if (e.row == ENTRY_EMPTY) break;
        if (e.tag != tag_of(hash) || e.row == ENTRY_GONE) continue;
        char *row = row_at(t, e.row);
        if (!rows_equal(t, row, src)) continue;
        if (t->changes) state_table_row_changes(t, e.row);
        return *fresh = 0, row;
    }
    uint32_t r;
    char *row = new_row(t, hash, &r);
    for (int k = 0; k < t->n_fields; k++)
        put_field(t, row, k, src + t->fields[k].offset, row_null(t, src, k));
    t->dir[s] = (struct entry){tag_of(hash), r};
    t->n_used++;
    *fresh = 1;
    return row;
}

char *state_table_place_row(struct state_table *t, const char *src, uint8_t *ret_fresh) {
    dir_reserve(t, 1);
    return upsert_row(t, src, ret_fresh);
}

void state_table_upsert_rows(struct state_table *t, const struct state_table *from,
                             char *const *from_payloads, uint32_t n, char **payloads,
                             uint8_t *fresh) {
    CHECK(t->n_fields == from->n_fields && t->payload_offset == from->payload_offset);
    dir_reserve(t, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t f;
        if (i + 16 < n) {
            const struct row_head *h = (const struct row_head *)row_of(from, from_payloads[i + 16]);
            mem_prefetch(&t->dir[h->hash & t->mask]);
        }
        payloads[i] = upsert_row(t, row_of(from, from_payloads[i]), &f) + t->payload_offset;
        if (fresh) fresh[i] = f;
    }
}

/* ---- removal, scans ---- */

void state_table_remove(struct state_table *t, char *payload) {
    char *row = row_of(t, payload);
    struct row_head *h = (struct row_head *)row;
    CHECK(h->live);
    for (uint64_t s = h->hash & t->mask;; s = (s + 1) & t->mask) {
        struct entry *e = &t->dir[s];
        CHECK(e->row != ENTRY_EMPTY);
        if (e->row == ENTRY_GONE || e->tag != tag_of(h->hash) || row_at(t, e->row) != row) continue;
        if (t->changes) state_table_row_goes(t, e->row);
        MEM_GROW(t->free_rows, t->n_free, t->cap_free);
        t->free_rows[t->n_free++] = e->row;
        /* An entry in front of an empty one ends every probe that reaches it. */
        if (t->dir[(s + 1) & t->mask].row == ENTRY_EMPTY) {
            e->row = ENTRY_EMPTY;
            t->n_used--;
        } else {
            e->row = ENTRY_GONE;
        }
        break;
    }
    free_row_contents(t, row);
    h->live = 0;
    t->n_live--;
}

void state_table_age(struct state_table *t, int64_t now_ms, uint32_t n) {
    if (!t->desc.ttl_ms) return;
    t->now_ms = MAX(t->now_ms, now_ms);
    for (n = MIN(n, t->n_rows); n > 0; n--) {
        if (t->age_row >= t->n_rows) t->age_row = 0;
        char *row = row_at(t, t->age_row++);
        if (((struct row_head *)row)->live && row_expired(t, row))
            state_table_remove(t, row + t->payload_offset);
    }
}

void state_table_touch(struct state_table *t, char *const *payloads, uint32_t n) {
    for (uint32_t i = 0; t->desc.ttl_ms && i < n; i++)
        if (payloads[i]) *stamp_of(t, row_of(t, payloads[i])) = t->now_ms;
}

void state_table_mark(struct state_table *t, char *const *payloads, uint32_t n) {
    for (uint32_t i = 0; t->changes && i < n; i++)
        if (payloads[i])
            state_table_row_changes(t, state_table_row_number(t, row_of(t, payloads[i])));
}

uint64_t state_table_count(const struct state_table *t) {
    return t->n_live;
}

size_t state_table_bytes(const struct state_table *t) {
    return (t->mask + 1) * sizeof *t->dir + (size_t)page_start(t->n_pages) * t->row_bytes +
           t->var.used_bytes + t->cap_free * sizeof *t->free_rows;
}

struct var_memory *state_table_var(struct state_table *t) {
    return &t->var;
}

uint32_t state_table_scan(const struct state_table *t, uint64_t *pos, char **payloads, uint32_t n) {
    uint32_t got = 0;
    while (*pos < t->n_rows && got < n) {
        char *row = row_at(t, (uint32_t)(*pos)++);
        if (((struct row_head *)row)->live && !row_expired(t, row))
            payloads[got++] = row + t->payload_offset;
    }
    return got;
}

uint64_t state_table_hash(const struct state_table *t, const char *payload) {
    return ((const struct row_head *)row_of(t, payload))->hash;
}

#define COPY_FIELD(ctype)                                                                          \
    for (uint32_t i = 0; i < n; i++)                                                               \
        COL_DATA(c, ctype)[i] = *(const ctype *)(row_of(t, payloads[i]) + f->offset);              \
    break

static void field_column(const struct state_table *t, int k, char *const *payloads, uint32_t n,
                         struct column *c) {
    const struct key_field *f = &t->fields[k];
    col_init(c, t->desc.key_types[k], n);
    switch (f->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        COPY_FIELD(int8_t);
    case PHYS_I16:
        COPY_FIELD(int16_t);
    case PHYS_I32:
    case PHYS_F32:
        COPY_FIELD(int32_t);
    case PHYS_I64:
    case PHYS_F64:
        COPY_FIELD(int64_t);
    case PHYS_I128:
        COPY_FIELD(i128);
    case PHYS_STR:
        for (uint32_t i = 0; i < n; i++) {
            const struct strv *s = row_str(row_of(t, payloads[i]), f);
            COL_DATA(c, struct strv)
            [i] =
                s->len <= STRV_INLINE_MAX_BYTES ? *s : strv_copy(col_heap(c), s->u.ref.ptr, s->len);
        }
        break;
    default:
        break;
    }
    for (uint32_t i = 0; i < n; i++)
        if (row_null(t, row_of(t, payloads[i]), k)) col_set_null(c, i);
}

void state_table_keys(const struct state_table *t, char *const *payloads, uint32_t n,
                      struct column *ret_cols) {
    for (int k = 0; k < t->n_fields; k++)
        field_column(t, k, payloads, n, &ret_cols[k]);
}
