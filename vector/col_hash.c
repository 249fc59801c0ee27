/* col_hash.c - hashes of columns. Numbers go through two rounds of xor-shift and multiplication
 * (Pelle Evensen's "moremur" constants), which vectorise; strings through multiplications to 128
 * bits whose halves are folded (Wang Yi, "wyhash"). Both are good in high and low bits. The result
 * is part of the format of checkpoints and of the exchange: it must never change for a value. */
#include "vector/column.h"

#include "base/core/mem.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "string hashes read little-endian words");

#define K0 0x9e3779b97f4a7c15ull
#define K1 0xe7037ed1a0b428dbull
#define K2 0x8ebc6af09c88c6e3ull
#define K3 0x589965cc75374cc3ull
#define NULL_WORD 0x1d8e4e27c47d124full

static inline uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t mix(uint64_t seed, uint64_t word) {
    uint64_t x = (word + K0) ^ seed;
    x ^= x >> 27;
    x *= 0x3c79ac492ba7b653ull;
    x ^= x >> 33;
    x *= 0x1c69b3f74ac4ae35ull;
    return x ^ x >> 27;
}

static inline uint64_t mix2(uint64_t seed, uint64_t w0, uint64_t w1) {
    return fold(fold(w0 ^ K0, w1 ^ K1) ^ seed, K2);
}

static inline uint64_t read64(const void *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* More than 12 bytes. The last 16 are read again where the length is not a multiple. */
static uint64_t hash_long(uint64_t seed, const char *p, uint32_t len) {
    uint64_t h0 = seed ^ len, h1 = seed ^ K3;
    const char *end = p + len;
    if (len < 16) return mix2(seed ^ K3, read64(p) ^ (uint64_t)len << 56, read64(end - 8));
    while (end - p > 32) {
        h0 = fold(read64(p) ^ K0, read64(p + 8) ^ h0);
        h1 = fold(read64(p + 16) ^ K2, read64(p + 24) ^ h1);
        p += 32;
    }
    if (end - p > 16) h0 = fold(read64(p) ^ K1, read64(p + 8) ^ h0);
    h1 = fold(read64(end - 16) ^ K3, read64(end - 8) ^ h1);
    return fold(h0 ^ K0, h1 ^ K1);
}

static inline uint64_t hash_strv(uint64_t seed, const struct strv *s) {
    if (s->len <= STRV_INLINE_MAX_BYTES) return mix2(seed, read64(s), read64((const char *)s + 8));
    return hash_long(seed, s->u.ref.ptr, s->len);
}

static inline uint64_t f64_word(double v) {
    if (v == 0) v = 0; /* -0.0 */
    if (isnan(v)) return 0x7ff8000000000000ull;
    uint64_t w;
    memcpy(&w, &v, 8);
    return w;
}

static inline uint64_t hash_i128(uint64_t seed, const i128 *v) {
    return mix2(seed, (uint64_t)*v, (uint64_t)(*v >> 64));
}

/* WORD makes the word of value v. NULLs are patched in where there are any. */
#define DEF_HASH(name, ctype, WORD)                                                                \
    ATTR_KERNEL static void hash_##name(const void *data, uint64_t *restrict hash, uint32_t n) {   \
        const ctype *restrict s = data;                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            ctype v = s[i];                                                                        \
            hash[i] = mix(hash[i], WORD);                                                          \
        }                                                                                          \
    }                                                                                              \
    static void hash_nulls_##name(const void *data, const uint64_t *valid, uint64_t *hash,         \
                                  uint32_t n) {                                                    \
        const ctype *s = data;                                                                     \
        for (uint32_t at = 0; at < n; at += 64) {                                                  \
            uint32_t len = n - at < 64 ? n - at : 64;                                              \
            uint64_t nulls = ~valid[at / 64], seeds[64];                                           \
            if (len < 64) nulls &= ~(~0ull << len);                                                \
            if (nulls) memcpy(seeds, hash + at, len * sizeof(*hash));                              \
            hash_##name(s + at, hash + at, len);                                                   \
            for (; nulls; nulls &= nulls - 1) {                                                    \
                uint32_t i = (uint32_t)__builtin_ctzll(nulls);                                     \
                hash[at + i] = mix(seeds[i], NULL_WORD);                                           \
            }                                                                                      \
        }                                                                                          \
    }

DEF_HASH(bool, uint8_t, (uint64_t)v)
DEF_HASH(i8, int8_t, (uint64_t)v)
DEF_HASH(i16, int16_t, (uint64_t)v)
DEF_HASH(i32, int32_t, (uint64_t)v)
DEF_HASH(i64, int64_t, (uint64_t)v)
DEF_HASH(f32, float, f64_word((double)v))
DEF_HASH(f64, double, f64_word(v))

#define HASH_WITH(name)                                                                            \
    do {                                                                                           \
        if (c->valid)                                                                              \
            hash_nulls_##name(c->data, c->valid, hash, n);                                         \
        else                                                                                       \
            hash_##name(c->data, hash, n);                                                         \
    } while (0)

/* FN hashes one value into a seed. */
#define HASH_LOOP(ctype, FN)                                                                       \
    do {                                                                                           \
        const ctype *s = c->data;                                                                  \
        for (uint32_t i = 0; i < n; i++)                                                           \
            hash[i] = col_is_valid(c, i) ? FN(hash[i], &s[i]) : mix(hash[i], NULL_WORD);           \
    } while (0)

static uint64_t hash_range(const struct column *child, uint32_t from, uint32_t n, uint64_t seed,
                           bool ordered);

/* One row of any type; slow path of nested ones. */
static uint64_t hash_row(const struct column *c, uint32_t row, uint64_t seed) {
    if (!col_is_valid(c, row)) return mix(seed, NULL_WORD);
    switch (c->phys) {
    case PHYS_BOOL:
        return mix(seed, COL_DATA(c, uint8_t)[row]);
    case PHYS_I8:
        return mix(seed, (uint64_t)COL_DATA(c, int8_t)[row]);
    case PHYS_I16:
        return mix(seed, (uint64_t)COL_DATA(c, int16_t)[row]);
    case PHYS_I32:
        return mix(seed, (uint64_t)COL_DATA(c, int32_t)[row]);
    case PHYS_I64:
        return mix(seed, (uint64_t)COL_DATA(c, int64_t)[row]);
    case PHYS_I128:
        return hash_i128(seed, &COL_DATA(c, i128)[row]);
    case PHYS_F32:
        return mix(seed, f64_word((double)COL_DATA(c, float)[row]));
    case PHYS_F64:
        return mix(seed, f64_word(COL_DATA(c, double)[row]));
    case PHYS_STR:
        return hash_strv(seed, &COL_DATA(c, struct strv)[row]);
    case PHYS_LIST:
    case PHYS_MAP: {
        const uint32_t *off = c->data;
        return hash_range(c, off[row], off[row + 1] - off[row], seed, c->phys == PHYS_LIST);
    }
    case PHYS_ROW:
        for (int i = 0; i < c->n_children; i++)
            seed = hash_row(&c->children[i], row, seed);
        return seed;
    default:
        return seed;
    }
}

/* Elements of one LIST (in order) or entries of one MAP (in any order). */
static uint64_t hash_range(const struct column *c, uint32_t from, uint32_t n, uint64_t seed,
                           bool ordered) {
    uint64_t sum = 0, h = mix(seed, n);
    for (uint32_t i = 0; i < n; i++) {
        if (ordered) {
            h = hash_row(&c->children[0], from + i, h);
            continue;
        }
        uint64_t entry = hash_row(&c->children[0], from + i, 0);
        sum += hash_row(&c->children[1], from + i, entry);
    }
    return ordered ? h : mix(h, sum);
}

static void hash_struct(const struct column *c, uint64_t *hash, uint32_t n) {
    AUTO_FREE uint64_t *before = NULL;
    if (c->valid) before = mem_dup(hash, n * sizeof(*hash));
    for (int i = 0; i < c->n_children; i++)
        col_hash(&c->children[i], hash, n);
    for (uint32_t i = 0; i < n && before; i++)
        if (!col_is_valid(c, i)) hash[i] = mix(before[i], NULL_WORD);
}

void col_hash(const struct column *c, uint64_t *hash, uint32_t n) {
    switch (c->phys) {
    case PHYS_BOOL:
        HASH_WITH(bool);
        return;
    case PHYS_I8:
        HASH_WITH(i8);
        return;
    case PHYS_I16:
        HASH_WITH(i16);
        return;
    case PHYS_I32:
        HASH_WITH(i32);
        return;
    case PHYS_I64:
        HASH_WITH(i64);
        return;
    case PHYS_F32:
        HASH_WITH(f32);
        return;
    case PHYS_F64:
        HASH_WITH(f64);
        return;
    case PHYS_I128:
        HASH_LOOP(i128, hash_i128);
        return;
    case PHYS_STR:
        HASH_LOOP(struct strv, hash_strv);
        return;
    case PHYS_ROW:
        hash_struct(c, hash, n);
        return;
    default: /* LIST, MAP, NULL */
        for (uint32_t i = 0; i < n; i++)
            hash[i] = hash_row(c, i, hash[i]);
    }
}

void col_hash_rows(const struct column *c, const uint32_t *rows, uint64_t *hash, uint32_t n) {
    if (!rows) {
        col_hash(c, hash, n);
        return;
    }
    struct column some;
    col_gather(&some, c, rows, n);
    col_hash(&some, hash, n);
    col_release(&some);
}
