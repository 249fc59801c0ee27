/* digest.h - digests of bytes as text, over openssl. */
#ifndef PENSTOCK_BASE_CORE_DIGEST_H
#define PENSTOCK_BASE_CORE_DIGEST_H

#include <stddef.h>

enum { DIGEST_SHA256_HEX_BYTES = 65, DIGEST_MD5_BASE64_BYTES = 25 }; /* with the NUL */

void digest_sha256_hex(const void *p, size_t n, char ret[DIGEST_SHA256_HEX_BYTES]);
void digest_md5_base64(const void *p, size_t n, char ret[DIGEST_MD5_BASE64_BYTES]);

#endif
