/* json_check.h - strict check that a text is one JSON value (RFC 8259). Used by json_parse. */
#ifndef PENSTOCK_BASE_CORE_JSON_CHECK_H
#define PENSTOCK_BASE_CORE_JSON_CHECK_H

#include "base/core/err.h"

#include <stddef.h>

/* 0, or ERR_PARSE with line and column. Stricter than the RFC in one point: \u0000 is refused,
 * because strings are NUL-terminated from here on. */
int json_check(const char *text, size_t len, struct err *err) ATTR_MUST_USE;

#endif
