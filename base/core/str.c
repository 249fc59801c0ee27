/* str.c - growing byte strings and borrowed views. */
#include "base/core/str.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static inline char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct sv sv_from(const char *s) {
    return s ? (struct sv){s, strlen(s)} : (struct sv){0};
}

bool sv_eq(struct sv a, struct sv b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool sv_eq_str(struct sv a, const char *b) {
    return sv_eq(a, sv_from(b));
}

bool sv_ieq(struct sv a, const char *b) {
    struct sv v = sv_from(b);
    if (a.len != v.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(v.ptr[i])) return false;
    }
    return true;
}

int sv_cmp(struct sv a, struct sv b) {
    size_t n = MIN(a.len, b.len);
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c) return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool ascii_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct sv sv_trim(struct sv s) {
    while (s.len && ascii_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && ascii_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool sv_starts(struct sv s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.len >= n && (n == 0 || memcmp(s.ptr, prefix, n) == 0);
}

bool sv_cut(struct sv *s, size_t n, struct sv *ret) {
    if (s->len < n) return false;
    *ret = (struct sv){s->ptr, n};
    s->ptr += n;
    s->len -= n;
    return true;
}

bool sv_take(struct sv *s, void *to, size_t n) {
    struct sv v;
    if (!sv_cut(s, n, &v)) return false;
    if (n) memcpy(to, v.ptr, n);
    return true;
}

void str_release(struct str *s) {
    free(s->ptr);
    *s = (struct str)STR_INIT;
}

void str_clear(struct str *s) {
    s->len = 0;
    if (s->ptr) s->ptr[0] = '\0';
}

void str_reserve(struct str *s, size_t extra_bytes) {
    size_t need = s->len + extra_bytes + 1;
    CHECKF(need > s->len, "string of %zu + %zu bytes", s->len, extra_bytes);
    if (need <= s->cap) return;
    s->cap = MAX(MAX(need, s->cap * 2), (size_t)64);
    s->ptr = mem_realloc(s->ptr, s->cap);
    s->ptr[s->len] = '\0';
}

void str_add(struct str *s, const char *text) {
    str_add_n(s, text, strlen(text));
}

void str_add_n(struct str *s, const void *p, size_t n) {
    str_reserve(s, n);
    if (n) memcpy(s->ptr + s->len, p, n);
    s->len += n;
    s->ptr[s->len] = '\0';
}

void str_add_sv(struct str *s, struct sv v) {
    str_add_n(s, v.ptr, v.len);
}

void str_add_char(struct str *s, char c) {
    str_add_n(s, &c, 1);
}

void str_add_utf8(struct str *s, uint32_t cp) {
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) cp = 0xFFFD;
    char b[4];
    size_t n;
    if (cp < 0x80) {
        b[0] = (char)cp;
        n = 1;
    } else if (cp < 0x800) {
        b[0] = (char)(0xC0 | cp >> 6);
        b[1] = (char)(0x80 | (cp & 0x3F));
        n = 2;
    } else if (cp < 0x10000) {
        b[0] = (char)(0xE0 | cp >> 12);
        b[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        b[2] = (char)(0x80 | (cp & 0x3F));
        n = 3;
    } else {
        b[0] = (char)(0xF0 | cp >> 18);
        b[1] = (char)(0x80 | (cp >> 12 & 0x3F));
        b[2] = (char)(0x80 | (cp >> 6 & 0x3F));
        b[3] = (char)(0x80 | (cp & 0x3F));
        n = 4;
    }
    str_add_n(s, b, n);
}

void str_addf(struct str *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(s, fmt, ap);
    va_end(ap);
}

void str_vaddf(struct str *s, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    str_reserve(s, 64);
    int n = vsnprintf(s->ptr + s->len, s->cap - s->len, fmt, ap);
    CHECKF(n >= 0, "format %s", fmt);
    if ((size_t)n >= s->cap - s->len) {
        str_reserve(s, (size_t)n);
        vsnprintf(s->ptr + s->len, s->cap - s->len, fmt, again);
    }
    va_end(again);
    s->len += (size_t)n;
}

void str_add_u64(struct str *s, uint64_t v) {
    char buf[20];
    size_t i = sizeof(buf);
    do {
        buf[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    str_add_n(s, buf + i, sizeof(buf) - i);
}

void str_add_i64(struct str *s, int64_t v) {
    if (v < 0) str_add_char(s, '-');
    str_add_u64(s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void str_truncate(struct str *s, size_t len) {
    if (len >= s->len) return;
    s->len = len;
    s->ptr[len] = '\0';
}

struct sv str_view(const struct str *s) {
    return (struct sv){s->ptr ? s->ptr : "", s->len};
}

const char *str_text(const struct str *s) {
    return s->ptr ? s->ptr : "";
}

char *str_take(struct str *s) {
    char *p = s->ptr ? s->ptr : mem_strdup("");
    *s = (struct str)STR_INIT;
    return p;
}

size_t utf8_char_len(const char *s, size_t avail) {
    const unsigned char *p = (const unsigned char *)s;
    if (avail == 0) return 0;
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || avail < n) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0; /* overlong */
    if (p[0] == 0xED && p[1] > 0x9F) return 0; /* surrogate */
    if (p[0] == 0xF0 && p[1] < 0x90) return 0; /* overlong */
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0; /* beyond U+10FFFF */
    return n;
}

bool sv_is_utf8(struct sv s) {
    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_char_len(s.ptr + i, s.len - i);
        if (n == 0) return false;
    }
    return true;
}

enum { NEAREST_LEN_MAX = 128 };

/* Edit distance (insert, delete, replace, swap of neighbours) of a and b, both at most
 * NEAREST_LEN_MAX bytes; limit + 1 as soon as it must exceed limit. */
static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb, size_t limit) {
    size_t rows[3][NEAREST_LEN_MAX + 1];
    size_t *before = rows[0], *prev = rows[1], *cur = rows[2];
    for (size_t j = 0; j <= nb; j++)
        prev[j] = j;
    for (size_t i = 1; i <= na; i++) {
        cur[0] = i;
        size_t least = cur[0];
        for (size_t j = 1; j <= nb; j++) {
            char ca = ascii_lower(a[i - 1]), cb = ascii_lower(b[j - 1]);
            size_t d = prev[j - 1] + (ca != cb);
            d = MIN(d, prev[j] + 1);
            d = MIN(d, cur[j - 1] + 1);
            if (i > 1 && j > 1 && ca == ascii_lower(b[j - 2]) && ascii_lower(a[i - 2]) == cb)
                d = MIN(d, before[j - 2] + 1);
            cur[j] = d;
            least = MIN(least, d);
        }
        if (least > limit) return limit + 1;
        size_t *t = before;
        before = prev;
        prev = cur;
        cur = t;
    }
    return prev[nb];
}

const char *str_nearest(const char *text, const char *const *words, size_t n) {
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > NEAREST_LEN_MAX) return NULL;
    size_t best = MAX(len / 3, (size_t)1) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t wl = strlen(words[i]);
        if (wl > NEAREST_LEN_MAX) continue;
        size_t d = edit_distance(text, len, words[i], wl, best - 1);
        if (d < best) {
            best = d;
            found = words[i];
        }
        if (best == 0) break;
    }
    return found;
}
