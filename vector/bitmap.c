/* bitmap.c - see bitmap.h. */
#include "vector/bitmap.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    COOKIE = 12346,
    COOKIE_WITH_RUNS = 12347, /* in the lower 16 bits; above them the number of containers - 1 */
    CONTAINERS_MAX = 65536,
    ARRAY_MAX = 4096,                /* values; more of them make a bit set */
    BITSET_BYTES = BITMAP_WORDS * 8, /* 65,536 bits */
    OFFSETS_FROM = 4,                /* containers from which runs come with offsets */
    PRINTED_MAX_BYTES = 512 * 1024
};

/* ---- little-endian numbers ------------------------------------------------------------------ */

static uint32_t get16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p) {
    return get16(p) | get16(p + 2) << 16;
}

static void put16(struct str *out, uint32_t v) {
    char b[2] = {(char)v, (char)(v >> 8)};
    str_add_n(out, b, 2);
}

static void put32(struct str *out, uint32_t v) {
    put16(out, v & 0xFFFF);
    put16(out, v >> 16);
}

/* ---- read ----------------------------------------------------------------------------------- */

int bitmap_open(struct bitmap_reader *r, struct sv bytes) {
    *r = (struct bitmap_reader){.p = (const uint8_t *)bytes.ptr,
                                .end = (const uint8_t *)bytes.ptr + bytes.len};
    if (bytes.len < 4) return -1;
    uint32_t cookie = get32(r->p);
    r->p += 4;
    bool offsets = true;
    if ((cookie & 0xFFFF) == COOKIE_WITH_RUNS) {
        r->n = (cookie >> 16) + 1;
        offsets = r->n >= OFFSETS_FROM;
        r->runs = r->p;
        if ((size_t)(r->end - r->p) < (r->n + 7) / 8) return -1;
        r->p += (r->n + 7) / 8;
    } else {
        if (cookie != COOKIE || r->end - r->p < 4) return -1;
        r->n = get32(r->p);
        r->p += 4;
    }
    size_t head = (size_t)r->n * (offsets ? 8 : 4);
    if (r->n > CONTAINERS_MAX || (size_t)(r->end - r->p) < head) return -1;
    r->keys = r->p;
    r->p += head;
    return 0;
}

static void set_range(uint64_t *words, uint32_t from, uint32_t last) {
    uint32_t f = from >> 6, l = last >> 6;
    uint64_t head = ~0ull << (from & 63), tail = ~0ull >> (63 - (last & 63));
    if (f == l) {
        words[f] |= head & tail;
        return;
    }
    words[f] |= head;
    for (uint32_t w = f + 1; w < l; w++)
        words[w] = ~0ull;
    words[l] |= tail;
}

static int read_runs(struct bitmap_reader *r, uint64_t *words) {
    if (r->end - r->p < 2) return -1;
    uint32_t n = get16(r->p);
    r->p += 2;
    if ((size_t)(r->end - r->p) < (size_t)n * 4) return -1;
    for (uint32_t i = 0; i < n; i++, r->p += 4) {
        uint32_t from = get16(r->p), last = from + get16(r->p + 2);
        if (last > 0xFFFF) return -1;
        set_range(words, from, last);
    }
    return 0;
}

int bitmap_next(struct bitmap_reader *r, uint16_t *ret_key, uint64_t *ret_words) {
    if (r->i == r->n) return 0;
    uint32_t i = r->i++, count = get16(r->keys + i * 4 + 2) + 1;
    uint16_t key = (uint16_t)get16(r->keys + i * 4);
    if (i && key <= get16(r->keys + i * 4 - 4)) return -1;
    memset(ret_words, 0, BITSET_BYTES);
    *ret_key = key;
    if (r->runs && (r->runs[i / 8] >> (i % 8) & 1)) return read_runs(r, ret_words) ? -1 : 1;
    size_t need = count > ARRAY_MAX ? BITSET_BYTES : (size_t)count * 2;
    if ((size_t)(r->end - r->p) < need) return -1;
    if (count > ARRAY_MAX) {
        for (int w = 0; w < BITMAP_WORDS; w++)
            ret_words[w] = get32(r->p + w * 8) | (uint64_t)get32(r->p + w * 8 + 4) << 32;
    } else {
        for (uint32_t v = 0; v < count; v++) {
            uint32_t bit = get16(r->p + (size_t)v * 2);
            ret_words[bit >> 6] |= 1ull << (bit & 63);
        }
    }
    r->p += need;
    return 1;
}

/* ---- write ---------------------------------------------------------------------------------- */

struct container {
    uint16_t key;
    bool run;
    uint32_t count, size_bytes;
};

struct writer {
    struct container *all;
    uint32_t n, cap;
    bool any_run;
    struct str data;
};

static void writer_release(struct writer *w) {
    free(w->all);
    str_release(&w->data);
}

#define AUTO_WRITER ATTR_CLEANUP(writer_release) struct writer

static void write_runs(const uint64_t *words, uint32_t n_runs, struct str *out) {
    put16(out, n_runs);
    for (uint32_t v = 0; v < 65536;) {
        uint64_t bits = words[v >> 6] >> (v & 63);
        if (!bits) {
            v = (v | 63) + 1;
            continue;
        }
        v += (uint32_t)__builtin_ctzll(bits);
        uint32_t from = v;
        while (v < 65536) {
            uint64_t gaps = ~words[v >> 6] >> (v & 63);
            if (gaps) {
                v += (uint32_t)__builtin_ctzll(gaps);
                break;
            }
            v = (v | 63) + 1;
        }
        put16(out, from);
        put16(out, v - 1 - from);
    }
}

static void write_array(const uint64_t *words, struct str *out) {
    for (uint32_t w = 0; w < BITMAP_WORDS; w++)
        for (uint64_t bits = words[w]; bits; bits &= bits - 1)
            put16(out, w * 64 + (uint32_t)__builtin_ctzll(bits));
}

static void write_bits(const uint64_t *words, struct str *out) {
    for (uint32_t w = 0; w < BITMAP_WORDS; w++) {
        put32(out, (uint32_t)words[w]);
        put32(out, (uint32_t)(words[w] >> 32));
    }
}

static uint32_t count_bits(const uint64_t *words, uint32_t *ret_runs) {
    uint32_t count = 0, runs = 0;
    uint64_t before = 0; /* the bit below */
    for (uint32_t w = 0; w < BITMAP_WORDS; w++) {
        count += (uint32_t)__builtin_popcountll(words[w]);
        runs += (uint32_t)__builtin_popcountll(words[w] & ~(words[w] << 1 | before));
        before = words[w] >> 63;
    }
    *ret_runs = runs;
    return count;
}

static void writer_add(struct writer *w, uint16_t key, const uint64_t *words) {
    uint32_t runs, count = count_bits(words, &runs);
    if (!count) return;
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 8;
        w->all = mem_realloc(w->all, w->cap * sizeof(*w->all));
    }
    uint32_t plain = count > ARRAY_MAX ? BITSET_BYTES : count * 2;
    size_t from = w->data.len;
    bool run = 2 + runs * 4 < plain;
    if (run)
        write_runs(words, runs, &w->data);
    else if (count > ARRAY_MAX)
        write_bits(words, &w->data);
    else
        write_array(words, &w->data);
    w->any_run |= run;
    w->all[w->n++] = (struct container){key, run, count, (uint32_t)(w->data.len - from)};
}

static void writer_finish(struct writer *w, struct str *out) {
    size_t start = out->len;
    bool offsets = !w->any_run || w->n >= OFFSETS_FROM;
    if (w->any_run) {
        put32(out, COOKIE_WITH_RUNS | (w->n - 1) << 16);
        for (uint32_t i = 0; i < w->n; i += 8) {
            unsigned flags = 0;
            for (uint32_t b = i; b < w->n && b < i + 8; b++)
                flags |= (unsigned)w->all[b].run << (b - i);
            str_add_char(out, (char)flags);
        }
    } else {
        put32(out, COOKIE);
        put32(out, w->n);
    }
    for (uint32_t i = 0; i < w->n; i++) {
        put16(out, w->all[i].key);
        put16(out, w->all[i].count - 1);
    }
    uint32_t at = (uint32_t)(out->len - start) + (offsets ? w->n * 4 : 0);
    for (uint32_t i = 0; i < w->n && offsets; i++) {
        put32(out, at);
        at += w->all[i].size_bytes;
    }
    str_add_n(out, str_text(&w->data), w->data.len);
}

/* ---- whole sets ----------------------------------------------------------------------------- */

void bitmap_build(const uint32_t *values, size_t n, struct str *out) {
    AUTO_WRITER w = {.data = STR_INIT};
    uint64_t words[BITMAP_WORDS];
    for (size_t i = 0; i < n;) {
        uint32_t key = values[i] >> 16;
        memset(words, 0, sizeof(words));
        for (; i < n && values[i] >> 16 == key; i++)
            words[(values[i] & 0xFFFF) >> 6] |= 1ull << (values[i] & 63);
        writer_add(&w, (uint16_t)key, words);
    }
    writer_finish(&w, out);
}

int bitmap_normalize(struct sv bytes, struct str *out) {
    AUTO_WRITER w = {.data = STR_INIT};
    struct bitmap_reader r;
    uint64_t words[BITMAP_WORDS];
    uint16_t key;
    int rc = bitmap_open(&r, bytes);
    if (rc) return rc;
    while ((rc = bitmap_next(&r, &key, words)) == 1)
        writer_add(&w, key, words);
    if (rc == 0) writer_finish(&w, out);
    return rc;
}

/* One of the two inputs: its container at hand. */
struct side {
    struct bitmap_reader r;
    bool more;
    uint16_t key;
    uint64_t words[BITMAP_WORDS];
};

static void advance(struct side *s) {
    s->more = bitmap_next(&s->r, &s->key, s->words) == 1;
}

static void begin(struct side *s, struct sv bytes) {
    if (bitmap_open(&s->r, bytes)) s->r.n = 0;
    advance(s);
}

static void combine_words(enum bitmap_op op, uint64_t *restrict a, const uint64_t *restrict b) {
    for (int w = 0; w < BITMAP_WORDS; w++)
        switch (op) {
        case BITMAP_OP_AND:
            a[w] &= b[w];
            break;
        case BITMAP_OP_OR:
            a[w] |= b[w];
            break;
        case BITMAP_OP_XOR:
            a[w] ^= b[w];
            break;
        case BITMAP_OP_ANDNOT:
            a[w] &= ~b[w];
        }
}

void bitmap_combine(enum bitmap_op op, struct sv a, struct sv b, struct str *out) {
    AUTO_WRITER w = {.data = STR_INIT};
    struct side x, y;
    begin(&x, a);
    begin(&y, b);
    while (x.more || y.more) {
        if (x.more && y.more && x.key == y.key) {
            combine_words(op, x.words, y.words);
            writer_add(&w, x.key, x.words);
            advance(&x);
            advance(&y);
        } else if (x.more && (!y.more || x.key < y.key)) {
            if (op != BITMAP_OP_AND) writer_add(&w, x.key, x.words);
            advance(&x);
        } else {
            if (op == BITMAP_OP_OR || op == BITMAP_OP_XOR) writer_add(&w, y.key, y.words);
            advance(&y);
        }
    }
    writer_finish(&w, out);
}

uint64_t bitmap_cardinality(struct sv bytes) {
    struct bitmap_reader r;
    uint64_t n = 0;
    if (bitmap_open(&r, bytes)) return 0;
    for (uint32_t i = 0; i < r.n; i++)
        n += get16(r.keys + i * 4 + 2) + 1;
    return n;
}

void bitmap_print(struct sv bytes, struct str *out) {
    struct bitmap_reader r;
    uint64_t words[BITMAP_WORDS];
    uint16_t key;
    size_t start = out->len;
    str_add_char(out, '{');
    if (bitmap_open(&r, bytes)) r.n = 0;
    while (bitmap_next(&r, &key, words) == 1)
        for (uint32_t w = 0; w < BITMAP_WORDS; w++)
            for (uint64_t bits = words[w]; bits; bits &= bits - 1) {
                if (out->len > start + 1) str_add_char(out, ',');
                if (out->len - start > PRINTED_MAX_BYTES) {
                    str_add(out, "...}");
                    return;
                }
                uint32_t low = w * 64 + (uint32_t)__builtin_ctzll(bits);
                str_add_i64(out, (int64_t)((uint32_t)key << 16 | low));
            }
    str_add_char(out, '}');
}
