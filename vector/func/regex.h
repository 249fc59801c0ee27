/* regex.h - Java's regular expressions by way of PCRE2 with its JIT. One owner at a time. */
#ifndef PENSTOCK_VECTOR_FUNC_REGEX_H
#define PENSTOCK_VECTOR_FUNC_REGEX_H

#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>

struct regex;

/* Compiles Java syntax. ERR_RUNTIME with the place and what is wrong. */
int regex_new(struct sv pattern, struct regex **ret, struct err *err) ATTR_MUST_USE;
/* Compiles what is PCRE2 syntax already, for matching whole subjects. */
int regex_new_whole(struct sv pcre_pattern, struct regex **ret, struct err *err) ATTR_MUST_USE;
void regex_free(struct regex *re);
int regex_group_count(const struct regex *re);
/* Searches s from byte `from` on; the match is read by regex_group until the next search. */
bool regex_find(struct regex *re, struct sv s, size_t from);
/* Group g of the last match (0 = all of it); false if it took no part. */
bool regex_group(const struct regex *re, int g, size_t *ret_begin, size_t *ret_end);

/* for (size_t pos = 0; regex_next(re, s, &pos);) - all matches as Matcher.find gives them. */
bool regex_next(struct regex *re, struct sv s, size_t *pos);

/* String.split: parts between matches, at most `limit` (0 = all, trailing empty ones dropped).
 * Calls part for each. */
void regex_split(struct regex *re, struct sv s, int limit, void (*part)(void *self, struct sv),
                 void *self);

/* Compiled patterns of one call: a literal one, or the last few that rows brought. */
struct regex_cache;
struct regex_cache *regex_cache_new(void);
void regex_cache_free(struct regex_cache *c);
/* The compiled pattern, NULL with err set if it is malformed. Lives until the cache forgets it,
 * which is not before 16 other patterns came. */
struct regex *regex_cache_get(struct regex_cache *c, struct sv pattern, struct err *err);

/* Appends Java's pattern in PCRE2's syntax. ERR_RUNTIME for what PCRE2 cannot express. */
int regex_from_java(struct sv java, struct str *out, struct err *err) ATTR_MUST_USE;

#endif
