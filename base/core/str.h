/* str.h - a growing byte string (struct str) and a borrowed one (struct sv). */
#ifndef PENSTOCK_BASE_CORE_STR_H
#define PENSTOCK_BASE_CORE_STR_H

#include "base/core/attr.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; not NUL-terminated. */
struct sv {
    const char *ptr;
    size_t len;
};

#define SV_LIT(s) ((struct sv){(s), sizeof(s) - 1})
struct sv sv_from(const char *s); /* NULL gives the empty view */
bool sv_eq(struct sv a, struct sv b);
bool sv_eq_str(struct sv a, const char *b);
bool sv_ieq(struct sv a, const char *b); /* ASCII case-insensitive */
int sv_cmp(struct sv a, struct sv b);    /* bytewise */
struct sv sv_trim(struct sv s);          /* ASCII white space on both sides */
bool sv_starts(struct sv s, const char *prefix);
/* The first n bytes, which s loses: as a view; copied out. False: there aren't so many. */
bool sv_cut(struct sv *s, size_t n, struct sv *ret);
bool sv_take(struct sv *s, void *to, size_t n);

/* Length of the well-formed UTF-8 character at s (1-4 bytes), 0 if there is none. */
size_t utf8_char_len(const char *s, size_t avail_bytes);
bool sv_is_utf8(struct sv s);

/* Owned and always NUL-terminated once it holds anything; s.ptr is NULL before. Zero is a valid
 * initial value. */
struct str {
    char *ptr;
    size_t len, cap;
};

#define STR_INIT                                                                                   \
    { 0 }
void str_release(struct str *s);
void str_clear(struct str *s);
void str_reserve(struct str *s, size_t extra_bytes);
void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *p, size_t n);
void str_add_sv(struct str *s, struct sv v);
void str_add_char(struct str *s, char c);
void str_add_utf8(struct str *s, uint32_t code_point);
void str_addf(struct str *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
void str_vaddf(struct str *s, const char *fmt, va_list ap);
void str_add_u64(struct str *s, uint64_t v);
void str_add_i64(struct str *s, int64_t v);
void str_truncate(struct str *s, size_t len);
struct sv str_view(const struct str *s);
const char *str_text(const struct str *s); /* never NULL */
char *str_take(struct str *s);             /* the caller frees; s is empty afterwards */
#define AUTO_STR ATTR_CLEANUP(str_release) struct str

/* The word of `words` (n of them) nearest to `text` by edit distance, ignoring ASCII case, or NULL
 * if none is near enough (distance at most a third of the length, at least 1). For "did you
 * mean". */
const char *str_nearest(const char *text, const char *const *words, size_t n);

#endif
