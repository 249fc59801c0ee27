/* value_text.h - the one writer behind value_print and CAST(... AS STRING) of nested types. */
#ifndef PENSTOCK_VECTOR_VALUE_TEXT_H
#define PENSTOCK_VECTOR_VALUE_TEXT_H

#include "vector/value.h"

enum value_text_mode {
    VALUE_TEXT_CANONICAL, /* BINARY as x'0102' */
    VALUE_TEXT_CAST       /* BINARY decoded as UTF-8, as CAST does */
};

/* Appends row's text, "NULL" for SQL NULL. tz: NULL = UTC. */
void value_text(const struct column *c, uint32_t row, const struct tz *tz,
                enum value_text_mode mode, struct str *out);
/* Appends bytes with malformed UTF-8 replaced by U+FFFD, as Java's decoder does. */
void value_text_utf8(const char *p, size_t n, struct str *out);

#endif
