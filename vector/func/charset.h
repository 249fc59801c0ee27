/* charset.h - text in other encodings than UTF-8, for ENCODE and DECODE. */
#ifndef PENSTOCK_VECTOR_FUNC_CHARSET_H
#define PENSTOCK_VECTOR_FUNC_CHARSET_H

#include "base/core/err.h"
#include "base/core/str.h"

/* Appends UTF-8 text as bytes of the charset, unmappable characters as '?'. ERR_RUNTIME with the
 * charset's name if it is unknown. */
int charset_encode(const char *charset, struct sv text, struct str *out,
                   struct err *err) ATTR_MUST_USE;
/* Appends bytes of the charset as UTF-8, malformed ones as U+FFFD. */
int charset_decode(const char *charset, struct sv bytes, struct str *out,
                   struct err *err) ATTR_MUST_USE;

#endif
