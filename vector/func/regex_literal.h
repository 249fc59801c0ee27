/* regex_literal.h - a text that every match of a regular expression holds, so that subjects without
 * it need no matching. */
#ifndef PENSTOCK_VECTOR_FUNC_REGEX_LITERAL_H
#define PENSTOCK_VECTOR_FUNC_REGEX_LITERAL_H

#include "base/core/str.h"

struct regex_literal {
    struct str text; /* empty: none is known */
    size_t pivot;    /* its character to look for first */
    int lead_bytes;  /* a match has at most so many in front of it; -1: any number */
};

/* Of a well-formed pattern in Java's syntax. Takes the easy cases: what it isn't sure of gives
 * none. */
void regex_literal_of(struct sv java, struct regex_literal *ret);
void regex_literal_release(struct regex_literal *l);
/* Where the text begins in s, from byte `from` on; -1: nowhere. */
ptrdiff_t regex_literal_find(const struct regex_literal *l, struct sv s, size_t from);

#endif
