/* hash.c - message digests (OpenSSL) and HASH_CODE. */
#include "vector/func/args.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

enum digest { MD5, SHA1, SHA224, SHA256, SHA384, SHA512, DIGESTS };

static EVP_MD *fetched[DIGESTS];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

/* Never freed: EVP_md5() and the like would look them up anew for every value. */
static void fetch_all(void) {
    static const char *const names[DIGESTS] = {"MD5",    "SHA1",   "SHA224",
                                               "SHA256", "SHA384", "SHA512"};
    for (int i = 0; i < DIGESTS; i++) {
        fetched[i] = EVP_MD_fetch(NULL, names[i], NULL);
        CHECKF(fetched[i] != NULL, "OpenSSL has no %s", names[i]);
    }
}

static const EVP_MD *digest_of(enum digest d) {
    pthread_once(&fetch_once, fetch_all);
    return fetched[d];
}

static const EVP_MD *sha2_of(int64_t bits) {
    switch (bits) {
    case 256:
        return digest_of(SHA256);
    case 224:
        return digest_of(SHA224);
    case 384:
        return digest_of(SHA384);
    case 512:
        return digest_of(SHA512);
    default:
        return NULL;
    }
}

/* Lower-case hexadecimal digest of v into row i. */
static int put_digest(struct kernel_call *k, struct heap *h, EVP_MD_CTX *ctx, const EVP_MD *md,
                      uint32_t i, struct sv v, struct err *err) {
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestInit_ex(ctx, md, NULL) != 1 || EVP_DigestUpdate(ctx, v.ptr, v.len) != 1 ||
        EVP_DigestFinal_ex(ctx, sum, &n) != 1)
        return kernel_fail(k, i, err, "%s: the digest failed", k->call->func->name);
    char *d = (char *)heap_alloc(h, n * 2);
    for (unsigned j = 0; j < n; j++) {
        d[j * 2] = hex[sum[j] >> 4];
        d[j * 2 + 1] = hex[sum[j] & 15];
    }
    RET_STR(k)[i] = strv_borrow(d, n * 2);
    return 0;
}

static void free_ctx(EVP_MD_CTX **ctx) {
    EVP_MD_CTX_free(*ctx);
}

static int digest(struct kernel_call *k, const EVP_MD *md, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(free_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(ctx != NULL);
    for (uint32_t i = 0; i < k->n; i++) {
        int rc = put_digest(k, h, ctx, md, i, arg_sv(&s, i), err);
        if (rc) return rc;
    }
    return 0;
}

static int kernel_md5(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(MD5), err);
}
static int kernel_sha1(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(SHA1), err);
}
static int kernel_sha224(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(SHA224), err);
}
static int kernel_sha256(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(SHA256), err);
}
static int kernel_sha384(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(SHA384), err);
}
static int kernel_sha512(struct kernel_call *k, struct err *err) {
    return digest(k, digest_of(SHA512), err);
}

static int kernel_sha2(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), bits = kernel_arg(k, 1);
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(free_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(ctx != NULL);
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) {
            RET_STR(k)[i] = (struct strv){0};
            continue;
        }
        const EVP_MD *md = sha2_of(arg_i32(&bits, i));
        if (!md)
            return kernel_fail(k, i, err,
                               "Unsupported algorithm: SHA2 knows 224, 256, 384 and 512 bits");
        int rc = put_digest(k, h, ctx, md, i, arg_sv(&s, i), err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- HASH_CODE: the absolute of Java's hashCode --------------------------------------------- */

static int32_t fold64(uint64_t v) {
    return (int32_t)(v ^ v >> 32);
}

/* Four units at a time: the multiplications don't wait for one another. */
static uint32_t hash_ascii(const unsigned char *p, size_t n) {
    uint32_t h = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        h = h * 923521 + p[i] * 29791u + p[i + 1] * 961u + p[i + 2] * 31u + p[i + 3];
    for (; i < n; i++)
        h = h * 31 + p[i];
    return h;
}

/* String.hashCode runs over UTF-16 units. */
static int32_t hash_string(struct sv v) {
    if (text_is_ascii(v.ptr, v.len))
        return (int32_t)hash_ascii((const unsigned char *)v.ptr, v.len);
    uint32_t h = 0;
    for (size_t i = 0; i < v.len;) {
        uint32_t len, cp = text_utf8_decode(v.ptr + i, v.len - i, &len);
        i += len;
        if (cp >= 0x10000) {
            h = h * 31 + (0xD800 | (cp - 0x10000) >> 10);
            cp = 0xDC00 | ((cp - 0x10000) & 0x3FF);
        }
        h = h * 31 + cp;
    }
    return (int32_t)h;
}

static int32_t hash_value(const struct column *c, uint32_t row) {
    switch (c->phys) {
    case PHYS_BOOL:
        return COL_DATA(c, uint8_t)[row] ? 1231 : 1237;
    case PHYS_I8:
        return COL_DATA(c, int8_t)[row];
    case PHYS_I16:
        return COL_DATA(c, int16_t)[row];
    case PHYS_I32:
        return COL_DATA(c, int32_t)[row];
    case PHYS_I64:
        return fold64((uint64_t)COL_DATA(c, int64_t)[row]);
    case PHYS_F32: {
        int32_t bits;
        memcpy(&bits, &COL_DATA(c, float)[row], 4);
        return bits;
    }
    case PHYS_F64: {
        uint64_t bits;
        memcpy(&bits, &COL_DATA(c, double)[row], 8);
        return fold64(bits);
    }
    case PHYS_I128: {
        i128 v = COL_DATA(c, i128)[row];
        return fold64((uint64_t)v ^ (uint64_t)(v >> 64));
    }
    default:
        return hash_string(strv_sv(&COL_DATA(c, struct strv)[row]));
    }
}

static int kernel_hash_code(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        int32_t v = hash_value(s.col, arg_row(&s, i));
        COL_DATA(k->ret, int32_t)[i] = v < 0 ? (int32_t)(0 - (uint32_t)v) : v;
    }
    return 0;
}

#define HASH_FUNC(sym, name_, sig, doc_, n, flags_, args_, ret_, kernel_)                          \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "hash",                                            \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = n,                                                 \
                                    .max_args = n,                                                 \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS | (flags_),             \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = func_bind_spec,                                        \
                                    .kernel = kernel_}

HASH_FUNC(md5, "MD5", "MD5(string)", "The MD5 digest, 32 hexadecimal digits.", 1, 0, "[cb]",
          "CHAR(32)", kernel_md5);
HASH_FUNC(sha1, "SHA1", "SHA1(string)", "The SHA-1 digest, 40 hexadecimal digits.", 1, 0, "[cb]",
          "CHAR(40)", kernel_sha1);
HASH_FUNC(sha224, "SHA224", "SHA224(string)", "The SHA-224 digest, 56 hexadecimal digits.", 1, 0,
          "[cb]", "CHAR(56)", kernel_sha224);
HASH_FUNC(sha256, "SHA256", "SHA256(string)", "The SHA-256 digest, 64 hexadecimal digits.", 1, 0,
          "[cb]", "CHAR(64)", kernel_sha256);
HASH_FUNC(sha384, "SHA384", "SHA384(string)", "The SHA-384 digest, 96 hexadecimal digits.", 1, 0,
          "[cb]", "CHAR(96)", kernel_sha384);
HASH_FUNC(sha512, "SHA512", "SHA512(string)", "The SHA-512 digest, 128 hexadecimal digits.", 1, 0,
          "[cb]", "CHAR(128)", kernel_sha512);
HASH_FUNC(sha2, "SHA2", "SHA2(string, bits)", "The SHA-2 digest of 224, 256, 384 or 512 bits.", 2,
          FUNC_CAN_FAIL, "[cb]i", "VARCHAR(128)", kernel_sha2);
HASH_FUNC(hash_code, "HASH_CODE", "HASH_CODE(value)", "The absolute value of Java's hashCode.", 1,
          0, "[cbBnTdtz]", "INT", kernel_hash_code);
