/* csv_index.c - see csv_index.h. */
#include "connector/format/csv_index.h"

#include "base/core/attr.h"

#include <stdbool.h>

/* Writes base + the number of each set bit; always eight at a time, which costs less than to count.
 */
ATTR_UNUSED static inline uint32_t *put_bits(uint64_t bits, uint32_t base, uint32_t *pos) {
    uint32_t n = (uint32_t)__builtin_popcountll(bits);
    for (uint32_t done = 0; done < n; done += 8) {
        for (int k = 0; k < 8; k++) {
            pos[done + (uint32_t)k] = base + (bits ? (uint32_t)__builtin_ctzll(bits) : 0);
            bits &= bits - 1;
        }
    }
    return pos + n;
}

#if defined(__x86_64__) && !defined(PENSTOCK_SANITIZE)
#include <immintrin.h>

__attribute__((target("avx512bw,avx512vl,bmi,popcnt"))) static uint32_t
index_avx512(const char *text, uint32_t n, const char *specials, uint32_t *pos) {
    uint32_t *p = pos;
    __m512i a = _mm512_set1_epi8(specials[0]), b = _mm512_set1_epi8(specials[1]);
    __m512i c = _mm512_set1_epi8(specials[2]), d = _mm512_set1_epi8(specials[3]);
    for (uint32_t i = 0; i < n; i += 64) {
        __m512i v = _mm512_loadu_si512(text + i);
        uint64_t bits = _mm512_cmpeq_epi8_mask(v, a) | _mm512_cmpeq_epi8_mask(v, b) |
                        _mm512_cmpeq_epi8_mask(v, c) | _mm512_cmpeq_epi8_mask(v, d);
        if (n - i < 64) bits &= (1ull << (n - i)) - 1;
        p = put_bits(bits, i, p);
    }
    return (uint32_t)(p - pos);
}

__attribute__((target("avx2,bmi,popcnt"))) static uint32_t
index_avx2(const char *text, uint32_t n, const char *specials, uint32_t *pos) {
    uint32_t *p = pos;
    __m256i a = _mm256_set1_epi8(specials[0]), b = _mm256_set1_epi8(specials[1]);
    __m256i c = _mm256_set1_epi8(specials[2]), d = _mm256_set1_epi8(specials[3]);
    for (uint32_t i = 0; i < n; i += 64) {
        uint64_t bits = 0;
        for (int half = 0; half < 2; half++) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(text + i + half * 32));
            __m256i hit =
                _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(v, a), _mm256_cmpeq_epi8(v, b)),
                                _mm256_or_si256(_mm256_cmpeq_epi8(v, c), _mm256_cmpeq_epi8(v, d)));
            bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (half * 32);
        }
        if (n - i < 64) bits &= (1ull << (n - i)) - 1;
        p = put_bits(bits, i, p);
    }
    return (uint32_t)(p - pos);
}
#define HAVE_X86 1
#endif

static uint32_t index_plain(const char *text, uint32_t n, const char *specials, uint32_t *pos) {
    uint32_t k = 0;
    bool special[256] = {0};
    for (int i = 0; i < CSV_SPECIALS_MAX; i++)
        special[(unsigned char)specials[i]] = true;
    for (uint32_t i = 0; i < n; i++) {
        if (special[(unsigned char)text[i]]) pos[k++] = i;
    }
    return k;
}

uint32_t csv_index(const char *text, uint32_t n, const char specials[CSV_SPECIALS_MAX],
                   uint32_t *pos) {
#ifdef HAVE_X86
    static int level; /* 0: not looked yet; written alike by every thread */
    int l = __atomic_load_n(&level, __ATOMIC_RELAXED);
    if (!l) {
        l = __builtin_cpu_supports("avx512bw") ? 3 : __builtin_cpu_supports("avx2") ? 2 : 1;
        __atomic_store_n(&level, l, __ATOMIC_RELAXED);
    }
    if (l == 3) return index_avx512(text, n, specials, pos);
    if (l == 2) return index_avx2(text, n, specials, pos);
#endif
    return index_plain(text, n, specials, pos);
}
