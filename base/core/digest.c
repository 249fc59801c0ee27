/* digest.c - see digest.h. */
#include "base/core/digest.h"

#include "base/core/err.h"

#include <openssl/evp.h>

static unsigned run(const EVP_MD *md, const void *p, size_t n, unsigned char *out) {
    unsigned len = 0;
    CHECK(EVP_Digest(n ? p : "", n, out, &len, md, NULL) == 1);
    return len;
}

void digest_sha256_hex(const void *p, size_t n, char ret[DIGEST_SHA256_HEX_BYTES]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = run(EVP_sha256(), p, n, raw);
    for (unsigned i = 0; i < len; i++) {
        ret[2 * i] = hex[raw[i] >> 4];
        ret[2 * i + 1] = hex[raw[i] & 15];
    }
    ret[2 * len] = 0;
}

void digest_md5_base64(const void *p, size_t n, char ret[DIGEST_MD5_BASE64_BYTES]) {
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = run(EVP_md5(), p, n, raw);
    EVP_EncodeBlock((unsigned char *)ret, raw, (int)len);
}
