/* state_table_int.h - inside a state table: state_table.c and state_table_save.c alone include
 * this. */
#ifndef PENSTOCK_WORKER_STATE_STATE_TABLE_INT_H
#define PENSTOCK_WORKER_STATE_STATE_TABLE_INT_H

#include "worker/state/changes.h"
#include "worker/state/state_table.h"

enum {
    DIR_MIN = 16,
    PAGE0_LOG =
        4, /* rows of the first page; each further page holds as many as all before it and these */
    PAGES_MAX = 28,
    BLOCK = 128, /* rows probed together */
    WORDS_MAX = 4,
    LINE_BYTES = 64,
    ROW_LINES = 4, /* of a row are prefetched */
    ENTRY_EMPTY = 0xFFFFFFFF,
    ENTRY_GONE = 0xFFFFFFFE
};

/* The lower half of the hash, whose lower bits are the slot number, and the row. */
struct entry {
    uint32_t tag, row;
};

struct key_field {
    enum phys phys;
    uint32_t offset, size;
};

struct state_table {
    struct state_desc desc;
    struct entry *dir;
    uint64_t mask;   /* slots - 1 */
    uint64_t n_used; /* slots not empty, gone ones included */
    uint64_t n_live;
    char *pages[PAGES_MAX]; /* page p holds 2^(PAGE0_LOG + p) rows: small tables stay small */
    uint32_t n_pages;
    uint32_t n_rows; /* ever placed, in pages */
    uint32_t *free_rows;
    uint32_t n_free, cap_free;
    uint32_t row_bytes, payload_offset, null_offset, stamp_offset;
    int64_t now_ms;   /* with ttl_ms */
    uint32_t age_row; /* where looking for rows whose time is up goes on */
    int n_fields;
    struct key_field *fields;
    bool fixed; /* no string among the keys */
    bool owns;  /* is the owner of another table's rows */
    bool loads; /* ... and is being loaded: rows that go leave their places empty, so that what they
                   owned is found to be without an owner */
    struct var_memory var;
    struct changes *changes; /* NULL: nobody takes checkpoints */
    struct str scratch;
};

/* Row header: the hash; a removed row has HASH_GONE in its liveness byte. */
struct row_head {
    uint64_t hash;
    uint8_t live;
};

static inline char *row_at(const struct state_table *t, uint32_t row) {
    uint32_t x = row + (1u << PAGE0_LOG), log = 31 - (uint32_t)__builtin_clz(x);
    return t->pages[log - PAGE0_LOG] + (size_t)(x - (1u << log)) * t->row_bytes;
}

/* First row of page p = rows of all pages in front of it. */
static inline uint32_t page_start(uint32_t p) {
    return (1u << (PAGE0_LOG + p)) - (1u << PAGE0_LOG);
}

static inline char *row_of(const struct state_table *t, const char *payload) {
    return (char *)payload - t->payload_offset;
}

static inline struct strv *row_str(const char *row, const struct key_field *f) {
    return (struct strv *)(row + f->offset);
}

static inline bool row_null(const struct state_table *t, const char *row, int i) {
    return row[t->null_offset + i / 8] >> (i % 8) & 1;
}

static inline int64_t *stamp_of(const struct state_table *t, char *row) {
    return (int64_t *)(row + t->stamp_offset);
}

static inline bool row_expired(const struct state_table *t, char *row) {
    if (!t->desc.ttl_ms || t->now_ms - *stamp_of(t, row) < t->desc.ttl_ms) return false;
    return !t->desc.may_expire || t->desc.may_expire(t->desc.self, row + t->payload_offset);
}

/* The number of a row that is in the table. */
uint32_t state_table_row_number(const struct state_table *t, const char *row);
/* src: an image of a row, of which head, NULL bits and keys count. The row with its key: NULL if
 * there is none; found or made (strings are copied). */
char *state_table_find_row(const struct state_table *t, const char *src);
char *state_table_place_row(struct state_table *t, const char *src, uint8_t *ret_fresh);

/* The key of a row as an entry begins with it: kind, hash, key. Appended. */
void state_table_add_key(const struct state_table *t, const char *row, enum state_entry kind,
                         struct str *out);
/* Behind the kind: the key as an image of a row, t->row_bytes long; strings point into `in`, which
 * moves on. Not for tables with an owner. ERR_CORRUPT. */
int state_table_read_key(const struct state_table *t, struct sv *in, char *row,
                         struct err *err) ATTR_MUST_USE;

/* With t->changes: before a row is changed, before it is removed, before all are. */
void state_table_save_row(struct state_table *t, char *row);
static inline void state_table_row_changes(struct state_table *t, uint32_t row) {
    if (changes_touch(t->changes, row)) state_table_save_row(t, row_at(t, row));
}
void state_table_row_goes(struct state_table *t, uint32_t row);
void state_table_all_go(struct state_table *t);

#endif
