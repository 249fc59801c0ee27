/* row_pack.c - packing and unpacking. */
#include "worker/state/row_pack.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct pack_field {
    const struct type *type;
    enum phys phys;
    uint32_t offset, size;
    uint32_t text;           /* strings: the how manieth */
    struct row_pack *nested; /* ROW: its fields; LIST, MAP: one "row" per element */
};

struct row_pack {
    int n;
    uint32_t fixed_bytes; /* up to where strings end */
    bool has_nested;
    struct pack_field *fields;
    int n_texts; /* string fields */
    int *texts;
};

struct ref {
    uint32_t offset, len;
};

enum {
    NULLS_AT = 4,
    NARROW_MAX_BYTES = 0xFFFF,
    ROW_MAX_BYTES = 0x7FFFFFFF,
    READ_BLOCK = 32, /* rows read together: they stay in the first-level cache */
    LINE_BYTES = 64,
    PREFETCH_LINES = 4
};

static uint32_t align_up(uint32_t n, uint32_t a) {
    return (n + a - 1) / a * a;
}

static struct row_pack *pack_of_children(struct arena *a, const struct type *t) {
    int n = type_stored_children(t);
    const struct type **types = ARENA_NEW_N(a, const struct type *, n + 1);
    for (int i = 0; i < n; i++)
        types[i] = type_stored_child(t, i);
    return row_pack_new(a, types, n);
}

struct row_pack *row_pack_new(struct arena *a, const struct type *const *types, int n) {
    struct row_pack *p = ARENA_NEW(a, struct row_pack);
    p->n = n;
    p->fields = ARENA_NEW_N(a, struct pack_field, n + 1);
    p->texts = ARENA_NEW_N(a, int, n + 1);
    uint32_t at = NULLS_AT + (uint32_t)(n + 7) / 8;
    for (int i = 0; i < n; i++) {
        struct pack_field *f = &p->fields[i];
        f->type = types[i];
        f->phys = type_phys(types[i]);
        f->size = (uint32_t)phys_size_bytes(f->phys);
        if (f->phys == PHYS_STR) {
            f->size = 0;
            f->text = (uint32_t)p->n_texts;
            p->texts[p->n_texts++] = i;
        }
        if (f->phys >= PHYS_LIST) {
            f->size = sizeof(struct ref);
            f->nested = pack_of_children(a, types[i]);
            p->has_nested = true;
        }
        f->offset = at;
        at += f->size;
    }
    p->fixed_bytes = at;
    return p;
}

struct row_pack *row_pack_of_schema(struct arena *a, const struct schema *s) {
    const struct type **types = ARENA_NEW_N(a, const struct type *, s->n + 1);
    for (int i = 0; i < s->n; i++)
        types[i] = s->fields[i].type;
    return row_pack_new(a, types, s->n);
}

/* ---- strings ---- */

static bool is_wide(const char *packed) {
    uint32_t n;
    memcpy(&n, packed, 4);
    return n & ROW_PACK_WIDE;
}

/* Where strings begin. */
static uint32_t texts_at(const struct row_pack *p, bool wide) {
    return p->fixed_bytes + (uint32_t)p->n_texts * (wide ? 4 : 2);
}

static inline uint32_t get_end(const struct row_pack *p, const char *packed, bool wide,
                               uint32_t text) {
    const char *at = packed + p->fixed_bytes + (size_t)text * (wide ? 4 : 2);
    uint16_t narrow;
    uint32_t end;
    if (wide) return memcpy(&end, at, 4), end;
    return memcpy(&narrow, at, 2), narrow;
}

static inline void put_end(const struct row_pack *p, char *packed, bool wide, uint32_t text,
                           uint32_t end) {
    char *at = packed + p->fixed_bytes + (size_t)text * (wide ? 4 : 2);
    uint16_t narrow = (uint16_t)end;
    if (wide)
        memcpy(at, &end, 4);
    else
        memcpy(at, &narrow, 2);
}

static inline struct ref get_text(const struct row_pack *p, const char *packed, uint32_t text) {
    bool wide = unlikely(is_wide(packed));
    uint32_t from = text ? get_end(p, packed, wide, text - 1) : texts_at(p, wide);
    return (struct ref){from, get_end(p, packed, wide, text) - from};
}

/* With `bytes` of strings. */
static uint32_t flat_size(const struct row_pack *p, uint64_t bytes) {
    uint64_t n = bytes + texts_at(p, false);
    if (n > NARROW_MAX_BYTES) n = bytes + texts_at(p, true);
    CHECKF(n <= ROW_MAX_BYTES, "a row of %llu bytes", (unsigned long long)n);
    return (uint32_t)n;
}

int row_pack_check(const struct row_pack *p, const char *packed, size_t len, struct err *err) {
    bool good = len >= p->fixed_bytes && row_pack_size(packed) == len,
         wide = good && is_wide(packed);
    uint32_t from = texts_at(p, wide);
    good &= len >= from && (wide || len <= NARROW_MAX_BYTES) && (wide || !p->has_nested);
    for (uint32_t k = 0; good && k < (uint32_t)p->n_texts; k++) {
        uint32_t end = get_end(p, packed, wide, k);
        good = end >= from && end <= len;
        from = end;
    }
    for (int i = 0; good && i < p->n; i++) {
        if (!p->fields[i].nested || packed[NULLS_AT + i / 8] >> (i % 8) & 1) continue;
        struct ref r;
        memcpy(&r, packed + p->fields[i].offset, sizeof r);
        good = r.offset <= len && r.len <= len - r.offset;
    }
    return good ? 0 : err_set(err, ERR_CORRUPT, "a packed row has wrong lengths");
}

char *row_pack_take(const struct row_pack *p, struct sv *in, struct var_memory *var,
                    uint32_t head_bytes, struct err *err) {
    struct sv row;
    if (in->len < 4 || !sv_cut(in, row_pack_size(in->ptr), &row)) {
        (void)err_set(err, ERR_CORRUPT, "a packed row is cut off");
        return NULL;
    }
    char *block = var_alloc(var, head_bytes + row.len), *own = block + head_bytes;
    memcpy(own, row.ptr, row.len);
    if (!row_pack_check(p, own, row.len, err)) return own;
    var_free(var, block, head_bytes + row.len);
    return NULL;
}

/* ---- packing ---- */

/* Strings are mostly short: blocks of 16 bytes that overlap at the end cost less than a call. */
static inline void copy_text(char *dst, const char *src, size_t n) {
    if (n >= 16) {
        if (n > 256) {
            memcpy(dst, src, n);
            return;
        }
        for (size_t i = 0; i + 16 < n; i += 16)
            memcpy(dst + i, src + i, 16);
        memcpy(dst + n - 16, src + n - 16, 16);
    } else if (n >= 8) {
        memcpy(dst, src, 8);
        memcpy(dst + n - 8, src + n - 8, 8);
    } else if (n >= 4) {
        memcpy(dst, src, 4);
        memcpy(dst + n - 4, src + n - 4, 4);
    } else if (n) {
        dst[0] = src[0];
        dst[n / 2] = src[n / 2];
        dst[n - 1] = src[n - 1];
    }
}

static inline void copy_value(char *dst, const void *data, uint32_t row, uint32_t size) {
    const char *src = (const char *)data + (size_t)row * size;
    switch (size) {
    case 8:
        memcpy(dst, src, 8);
        break;
    case 4:
        memcpy(dst, src, 4);
        break;
    case 16:
        memcpy(dst, src, 16);
        break;
    case 2:
        memcpy(dst, src, 2);
        break;
    case 1:
        *dst = *src;
        break;
    default:
        break;
    }
}

static void put_ref(struct str *out, size_t start, const struct pack_field *f, size_t at,
                    size_t len) {
    struct ref r = {(uint32_t)(at - start), (uint32_t)len};
    memcpy(out->ptr + start + f->offset, &r, sizeof r);
}

static void add_zeros(struct str *out, size_t n) {
    str_reserve(out, n);
    memset(out->ptr + out->len, 0, n);
    out->len += n;
}

/* Elements of a list: count, then one packed row of the children per element. */
static void add_elements(const struct pack_field *f, const struct column *c, uint32_t row,
                         struct str *out, size_t start) {
    const uint32_t *offsets = c->data;
    uint32_t from = offsets[row], n = offsets[row + 1] - from;
    add_zeros(out, align_up((uint32_t)out->len, 16) - out->len);
    size_t at = out->len;
    add_zeros(out, 16);
    memcpy(out->ptr + at, &n, sizeof n);
    for (uint32_t i = 0; i < n; i++)
        row_pack_add(f->nested, c->children, from + i, out);
    put_ref(out, start, f, at, out->len - at);
}

static void add_field(const struct pack_field *f, const struct column *c, uint32_t row,
                      struct str *out, size_t start) {
    if (f->phys == PHYS_ROW) {
        size_t at = row_pack_add(f->nested, c->children, row, out);
        put_ref(out, start, f, at, out->len - at);
    } else if (f->phys == PHYS_LIST || f->phys == PHYS_MAP) {
        add_elements(f, c, row, out, start);
    } else if (f->size) {
        memcpy(out->ptr + start + f->offset, (const char *)c->data + (size_t)row * f->size,
               f->size);
    }
}

static uint32_t flat_bytes(const struct row_pack *p, const struct column *cols, uint32_t row) {
    uint64_t n = 0;
    for (int k = 0; k < p->n_texts; k++) {
        const struct column *c = &cols[p->texts[k]];
        if (col_is_valid(c, row)) n += COL_DATA(c, struct strv)[row].len;
    }
    return flat_size(p, n);
}

static void flat_write(const struct row_pack *p, const struct column *cols, uint32_t row,
                       uint32_t size, char *dst) {
    bool wide = size > NARROW_MAX_BYTES;
    uint32_t at = texts_at(p, wide), head = wide ? size | ROW_PACK_WIDE : size;
    memset(dst, 0, p->fixed_bytes);
    memcpy(dst, &head, sizeof head);
    for (int i = 0; i < p->n; i++) {
        const struct pack_field *f = &p->fields[i];
        bool null = f->phys == PHYS_NULL || !col_is_valid(&cols[i], row);
        if (null) dst[NULLS_AT + i / 8] |= (char)(1 << (i % 8));
        if (f->phys == PHYS_STR) {
            const struct strv *s = &COL_DATA(&cols[i], struct strv)[row];
            if (!null) {
                copy_text(dst + at, strv_data(s), s->len);
                at += s->len;
            }
            put_end(p, dst, wide, f->text, at);
        } else if (!null) {
            copy_value(dst + f->offset, cols[i].data, row, f->size);
        }
    }
}

uint32_t row_pack_bytes(const struct row_pack *p, const struct column *cols, uint32_t row) {
    if (!p->has_nested) return flat_bytes(p, cols, row);
    AUTO_STR tmp = STR_INIT;
    row_pack_add(p, cols, row, &tmp);
    return (uint32_t)tmp.len;
}

void row_pack_put(const struct row_pack *p, const struct column *cols, uint32_t row, uint32_t size,
                  char *dst) {
    if (!p->has_nested) {
        flat_write(p, cols, row, size, dst);
        return;
    }
    AUTO_STR tmp = STR_INIT;
    row_pack_add(p, cols, row, &tmp);
    CHECK(tmp.len == size);
    memcpy(dst, tmp.ptr, size);
}

void row_pack_prefetch(const struct row_pack *p, const struct column *cols, uint32_t row) {
    for (int k = 0; k < p->n_texts; k++) {
        const struct strv *s = &COL_DATA(&cols[p->texts[k]], struct strv)[row];
        if (s->len <= STRV_INLINE_MAX_BYTES) continue;
        mem_prefetch(s->u.ref.ptr);
        if (s->len > LINE_BYTES / 2) mem_prefetch(s->u.ref.ptr + s->len - 1);
    }
}

size_t row_pack_add(const struct row_pack *p, const struct column *cols, uint32_t row,
                    struct str *out) {
    add_zeros(out, (16 - out->len % 16) % 16);
    size_t start = out->len;
    if (!p->has_nested) {
        uint32_t n = flat_bytes(p, cols, row);
        str_reserve(out, n);
        flat_write(p, cols, row, n, out->ptr + start);
        out->len += n;
        return start;
    }
    add_zeros(out, texts_at(p, true));
    for (int i = 0; i < p->n; i++) {
        bool null = p->fields[i].phys == PHYS_NULL || !col_is_valid(&cols[i], row);
        if (null) out->ptr[start + NULLS_AT + (size_t)i / 8] |= (char)(1 << (i % 8));
        if (p->fields[i].phys != PHYS_STR) continue;
        if (!null) str_add_sv(out, strv_sv(&COL_DATA(&cols[i], struct strv)[row]));
        put_end(p, out->ptr + start, true, p->fields[i].text, (uint32_t)(out->len - start));
    }
    for (int i = 0; i < p->n; i++)
        if (!(out->ptr[start + NULLS_AT + (size_t)i / 8] >> (i % 8) & 1))
            add_field(&p->fields[i], &cols[i], row, out, start);
    CHECKF(out->len - start <= ROW_MAX_BYTES, "a row of %zu bytes", out->len - start);
    uint32_t size = (uint32_t)(out->len - start) | ROW_PACK_WIDE;
    memcpy(out->ptr + start, &size, sizeof size);
    return start;
}

/* ---- packing by columns ---- */

bool row_pack_has_nested(const struct row_pack *p) {
    return p->has_nested;
}

void row_pack_sizes(const struct row_pack *p, const struct column *cols, const uint32_t *rows,
                    uint32_t n, uint32_t *ret_sizes) {
    uint32_t least = texts_at(p, false);
    uint64_t sum = 0; /* whether any row can be wide */
    for (uint32_t i = 0; i < n; i++)
        ret_sizes[i] = least;
    for (int k = 0; k < p->n_texts; k++) {
        const struct column *c = &cols[p->texts[k]];
        const struct strv *s = c->data;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = rows ? rows[i] : i;
            uint32_t len = col_is_valid(c, row) ? s[row].len : 0;
            ret_sizes[i] += len;
            sum += len;
        }
    }
    for (uint32_t i = 0; sum > NARROW_MAX_BYTES / 2 && i < n; i++)
        if (sum > UINT32_MAX || ret_sizes[i] > NARROW_MAX_BYTES)
            ret_sizes[i] = flat_bytes(p, cols, rows ? rows[i] : i);
}

static void mark_nulls(const struct column *c, int i, const uint32_t *rows, uint32_t n,
                       char *const *dst) {
    for (uint32_t k = 0; k < n; k++)
        if (!col_is_valid(c, rows ? rows[k] : k)) dst[k][NULLS_AT + i / 8] |= (char)(1 << (i % 8));
}

#define WRITE(ctype)                                                                               \
    for (uint32_t k = 0; k < n; k++) {                                                             \
        uint32_t row = rows ? rows[k] : k;                                                         \
        if (col_is_valid(c, row))                                                                  \
            memcpy(dst[k] + f->offset, (const ctype *)c->data + row, sizeof(ctype));               \
    }                                                                                              \
    break

static void write_fixed(const struct pack_field *f, const struct column *c, const uint32_t *rows,
                        uint32_t n, char *const *dst) {
    switch (f->size) {
    case 1:
        WRITE(uint8_t);
    case 2:
        WRITE(uint16_t);
    case 4:
        WRITE(uint32_t);
    case 8:
        WRITE(uint64_t);
    case 16:
        WRITE(i128);
    default:
        break;
    }
}

/* ends[k]: where the bytes of row k end so far. */
static void write_strings(const struct row_pack *p, const struct pack_field *f,
                          const struct column *c, const uint32_t *rows, uint32_t n,
                          const uint32_t *sizes, uint32_t *ends, char *const *dst) {
    const struct strv *s = c->data;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t row = rows ? rows[k] : k;
        if (col_is_valid(c, row)) {
            copy_text(dst[k] + ends[k], strv_data(&s[row]), s[row].len);
            ends[k] += s[row].len;
        }
        put_end(p, dst[k], unlikely(sizes[k] > NARROW_MAX_BYTES), f->text, ends[k]);
    }
}

void row_pack_write(const struct row_pack *p, const struct column *cols, const uint32_t *rows,
                    uint32_t n, const uint32_t *sizes, char *const *dst) {
    AUTO_FREE uint32_t *ends = mem_alloc(sizeof *ends * ((size_t)n + 1));
    for (uint32_t k = 0; k < n; k++) {
        bool wide = sizes[k] > NARROW_MAX_BYTES;
        uint32_t head = wide ? sizes[k] | ROW_PACK_WIDE : sizes[k];
        memset(dst[k], 0, p->fixed_bytes);
        memcpy(dst[k], &head, sizeof head);
        ends[k] = texts_at(p, wide);
    }
    for (int i = 0; i < p->n; i++) {
        const struct pack_field *f = &p->fields[i];
        if (f->phys == PHYS_STR)
            write_strings(p, f, &cols[i], rows, n, sizes, ends, dst);
        else if (f->phys != PHYS_NULL)
            write_fixed(f, &cols[i], rows, n, dst);
        if (cols[i].valid || f->phys == PHYS_NULL) mark_nulls(&cols[i], i, rows, n, dst);
    }
}

/* ---- reading ---- */

static bool is_null(const char *packed, int i) {
    return packed[NULLS_AT + i / 8] >> (i % 8) & 1;
}

static struct ref get_ref(const char *packed, const struct pack_field *f) {
    struct ref r;
    memcpy(&r, packed + f->offset, sizeof r);
    return r;
}

static uint32_t element_count(const char *packed, const struct pack_field *f) {
    uint32_t n;
    memcpy(&n, packed + get_ref(packed, f).offset, sizeof n);
    return n;
}

/* Addresses of the elements of all rows' lists, behind one another. */
static const char **list_elements(const struct pack_field *f, int i, const char *const *packed,
                                  uint32_t n, uint32_t *offsets) {
    offsets[0] = 0;
    for (uint32_t r = 0; r < n; r++)
        offsets[r + 1] =
            offsets[r] + (packed[r] && !is_null(packed[r], i) ? element_count(packed[r], f) : 0);
    const char **all = mem_calloc((size_t)offsets[n] + 1, sizeof *all);
    for (uint32_t r = 0; r < n; r++) {
        if (!packed[r] || is_null(packed[r], i)) continue;
        const char *at = packed[r] + get_ref(packed[r], f).offset + 16;
        for (uint32_t e = offsets[r]; e < offsets[r + 1]; e++) {
            all[e] = at;
            at += align_up(row_pack_size(at), 16);
        }
    }
    return all;
}

static void read_children(const struct pack_field *f, const char *const *packed, uint32_t n,
                          struct column *c) {
    for (int k = 0; k < c->n_children; k++)
        col_release(&c->children[k]);
    row_pack_read(f->nested, packed, n, c->children);
}

static void read_nested(const struct pack_field *f, int i, const char *const *packed, uint32_t n,
                        struct column *c) {
    if (f->phys != PHYS_ROW) {
        AUTO_FREE const char **all = list_elements(f, i, packed, n, c->data);
        read_children(f, all, COL_DATA(c, uint32_t)[n], c);
        return;
    }
    AUTO_FREE const char **rows = mem_calloc((size_t)n + 1, sizeof *rows);
    for (uint32_t r = 0; r < n; r++)
        if (packed[r] && !is_null(packed[r], i)) rows[r] = packed[r] + get_ref(packed[r], f).offset;
    read_children(f, rows, n, c);
}

/* twins (may be NULL): the row to take the string from that is there already; a row's own number
 * where it is to be copied. */
static inline void read_texts(const struct row_pack *p, int i, const char *const *packed,
                              const uint32_t *twins, uint32_t from, uint32_t to, struct column *c) {
    uint32_t text = p->fields[i].text;
    struct strv *d = COL_DATA(c, struct strv);
    size_t bytes = 0;
    for (uint32_t r = from; r < to; r++) {
        if (!packed[r] || is_null(packed[r], i) || (twins && twins[r] != r)) continue;
        uint32_t len = get_text(p, packed[r], text).len;
        if (len > STRV_INLINE_MAX_BYTES) bytes += len;
    }
    char *at = bytes ? (char *)heap_alloc(col_heap(c), bytes) : NULL;
    for (uint32_t r = from; r < to; r++) {
        if (twins && twins[r] != r) {
            d[r] = d[twins[r]];
            continue;
        }
        if (!packed[r] || is_null(packed[r], i)) {
            d[r] = strv_borrow("", 0);
            continue;
        }
        struct ref ref = get_text(p, packed[r], text);
        const char *src = packed[r] + ref.offset;
        if (ref.len > STRV_INLINE_MAX_BYTES) {
            copy_text(at, src, ref.len);
            src = at;
            at += ref.len;
        }
        d[r] = strv_borrow(src, ref.len);
    }
}

static void read_values(const struct row_pack *p, int i, const char *const *packed,
                        const uint32_t *twins, uint32_t from, uint32_t to, struct column *c) {
    static const char zero[16];
    const struct pack_field *f = &p->fields[i];
    if (f->phys == PHYS_STR) {
        if (twins)
            read_texts(p, i, packed, twins, from, to, c);
        else
            read_texts(p, i, packed, NULL, from, to, c);
    } else if (f->size == 8) {
        for (uint32_t r = from; r < to; r++)
            memcpy((char *)c->data + (size_t)r * 8,
                   packed[r] && !is_null(packed[r], i) ? packed[r] + f->offset : zero, 8);
    } else if (f->size) {
        for (uint32_t r = from; r < to; r++)
            memcpy((char *)c->data + (size_t)r * f->size,
                   packed[r] && !is_null(packed[r], i) ? packed[r] + f->offset : zero, f->size);
    }
    for (uint32_t r = from; r < to; r++)
        if (unlikely(!packed[r] || is_null(packed[r], i))) col_set_null(c, r);
}

static void read_nulls(int i, const char *const *packed, uint32_t n, struct column *c) {
    for (uint32_t r = 0; r < n; r++)
        if (!packed[r] || is_null(packed[r], i)) col_set_null(c, r);
}

void row_pack_read_column(const struct row_pack *p, int i, const char *const *packed, uint32_t n,
                          struct column *c) {
    const struct pack_field *f = &p->fields[i];
    col_init(c, f->type, n);
    if (f->nested) {
        read_nested(f, i, packed, n, c);
        read_nulls(i, packed, n, c);
    } else {
        read_values(p, i, packed, NULL, 0, n, c);
    }
}

static void prefetch_rows(const char *const *packed, uint32_t from, uint32_t to) {
    for (uint32_t r = from; r < to; r++)
        for (int l = 0; packed[r] && l < PREFETCH_LINES; l++)
            mem_prefetch(packed[r] + l * LINE_BYTES);
}

/* Hot keys bring the same packed row many times: which row each is the same as, as far as a glance
 * tells. Returns how many are another's. */
static uint32_t find_twins(const char *const *packed, uint32_t n, uint32_t *twins) {
    enum { SLOTS_LOG = 10, GLANCE_ROWS = 128 };
    uint32_t n_twins = 0;
    uint32_t seen[1 << SLOTS_LOG] = {0}; /* row + 1 */
    for (uint32_t r = 0; r < n; r++) {
        if (r == GLANCE_ROWS && n_twins < GLANCE_ROWS / 16) return 0;
        uint64_t hash = (uint64_t)(uintptr_t)packed[r] * 0x9E3779B97F4A7C15ull;
        uint32_t *slot = &seen[hash >> (64 - SLOTS_LOG)];
        bool same = *slot && packed[*slot - 1] == packed[r];
        twins[r] = same ? *slot - 1 : r;
        if (!same) *slot = r + 1;
        n_twins += same;
    }
    return n_twins;
}

/* Block by block, each row's fields while the row is in the cache. */
void row_pack_read(const struct row_pack *p, const char *const *packed, uint32_t n,
                   struct column *ret_cols) {
    for (int i = 0; i < p->n; i++) {
        if (p->fields[i].nested)
            row_pack_read_column(p, i, packed, n, &ret_cols[i]);
        else
            col_init(&ret_cols[i], p->fields[i].type, n);
    }
    bool look = p->n_texts && n > READ_BLOCK;
    AUTO_FREE uint32_t *some = look ? mem_alloc(sizeof *some * ((size_t)n + 1)) : NULL;
    const uint32_t *twins = look && find_twins(packed, n, some) > n / 8 ? some : NULL;
    prefetch_rows(packed, 0, MIN(n, READ_BLOCK));
    for (uint32_t from = 0; from < n; from += READ_BLOCK) {
        uint32_t to = MIN(from + READ_BLOCK, n);
        prefetch_rows(packed, to, MIN(to + READ_BLOCK, n));
        for (int i = 0; i < p->n; i++)
            if (!p->fields[i].nested) read_values(p, i, packed, twins, from, to, &ret_cols[i]);
    }
}

bool row_pack_is_null(const char *packed, int column) {
    return is_null(packed, column);
}

const void *row_pack_fixed(const struct row_pack *p, const char *packed, int column) {
    return is_null(packed, column) ? NULL : packed + p->fields[column].offset;
}

struct sv row_pack_text(const struct row_pack *p, const char *packed, int column) {
    if (is_null(packed, column)) return (struct sv){NULL, 0};
    struct ref r = get_text(p, packed, p->fields[column].text);
    return (struct sv){packed + r.offset, r.len};
}

/* ---- comparison ---- */

static int cmp_f64(double x, double y) { /* NaN largest and equal to itself */
    if (x != x || y != y) return (x != x) - (y != y);
    return x < y ? -1 : x > y;
}

#define CMP(ctype)                                                                                 \
    do {                                                                                           \
        ctype x, y;                                                                                \
        memcpy(&x, a, sizeof x);                                                                   \
        memcpy(&y, b, sizeof y);                                                                   \
        return x < y ? -1 : x > y;                                                                 \
    } while (0)

/* Of numbers, times and truth values. */
static int cmp_fixed(enum phys phys, const char *a, const char *b) {
    switch (phys) {
    case PHYS_BOOL:
        CMP(uint8_t);
    case PHYS_I8:
        CMP(int8_t);
    case PHYS_I16:
        CMP(int16_t);
    case PHYS_I32:
        CMP(int32_t);
    case PHYS_I64:
        CMP(int64_t);
    case PHYS_I128:
        CMP(i128);
    case PHYS_F32: {
        float x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return cmp_f64(x, y);
    }
    default: {
        double x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return cmp_f64(x, y);
    }
    }
}

static int cmp_columns(const struct row_pack *p, const char *a, const char *b, int i) {
    struct column ca, cb;
    row_pack_read_column(p, i, (const char *const[]){a}, 1, &ca);
    row_pack_read_column(p, i, (const char *const[]){b}, 1, &cb);
    int c = col_cmp(&ca, 0, &cb, 0);
    col_release(&ca);
    col_release(&cb);
    return c;
}

int row_pack_cmp(const struct row_pack *p, const char *a, const char *b, int i) {
    const struct pack_field *f = &p->fields[i];
    bool na = is_null(a, i), nb = is_null(b, i);
    if (na || nb) return (int)nb - (int)na;
    if (f->phys == PHYS_STR) return sv_cmp(row_pack_text(p, a, i), row_pack_text(p, b, i));
    if (f->nested) return cmp_columns(p, a, b, i);
    return cmp_fixed(f->phys, a + f->offset, b + f->offset);
}

int row_pack_cmp_value(const struct row_pack *p, const char *packed, int i, const struct column *c,
                       uint32_t row) {
    const struct pack_field *f = &p->fields[i];
    bool na = is_null(packed, i), nb = !col_is_valid(c, row);
    if (na || nb) return (int)nb - (int)na;
    if (f->phys == PHYS_STR)
        return sv_cmp(row_pack_text(p, packed, i), strv_sv(&COL_DATA(c, struct strv)[row]));
    if (!f->nested)
        return cmp_fixed(f->phys, packed + f->offset,
                         (const char *)c->data + (size_t)row * f->size);
    struct column held;
    row_pack_read_column(p, i, &packed, 1, &held);
    int order = col_cmp(&held, 0, c, row);
    col_release(&held);
    return order;
}

bool row_pack_eq(const struct row_pack *p, const char *a, const char *b) {
    uint32_t size = row_pack_size(a);
    if (size == row_pack_size(b) && !memcmp(a, b, size)) return true;
    for (int i = 0; i < p->n; i++)
        if (row_pack_cmp(p, a, b, i)) return false;
    return true;
}

bool row_pack_eq_value(const struct row_pack *p, const char *packed, int i, const struct column *c,
                       uint32_t row) {
    const struct pack_field *f = &p->fields[i];
    bool null = is_null(packed, i);
    if (null || !col_is_valid(c, row)) return null && !col_is_valid(c, row);
    const char *value = (const char *)c->data + (size_t)row * f->size;
    if (f->phys == PHYS_STR) {
        const struct strv *v = &COL_DATA(c, struct strv)[row];
        return sv_eq(row_pack_text(p, packed, i), (struct sv){strv_data(v), v->len});
    }
    if (!f->nested && f->phys != PHYS_F32 && f->phys != PHYS_F64)
        return !memcmp(packed + f->offset, value, f->size);
    struct column held;
    row_pack_read_column(p, i, &packed, 1, &held);
    bool eq = col_eq(&held, 0, c, row);
    col_release(&held);
    return eq;
}
