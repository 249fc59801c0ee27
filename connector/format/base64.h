/* base64.h - RFC 4648 base64, as JSON and CSV carry BYTES. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_BASE64_H
#define PENSTOCK_CONNECTOR_FORMAT_BASE64_H

#include "base/core/str.h"

/* Appends. With padding. */
void base64_encode(const void *p, size_t n, struct str *out);
/* Writes at most n / 4 * 3 + 3 bytes; padding may be left out. Returns the length, -1 if p is no
 * base64. */
long base64_decode(const char *p, size_t n, uint8_t *dst);

#endif
