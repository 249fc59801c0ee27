/* tls_cert.c - a certificate authority and certificates of our own, for TLS between a job's pods.
 */
#include "base/net/tls.h"

#include "base/core/mem.h"
#include "base/core/str.h"
#include "base/net/tls_ctx.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

void tls_identity_release(struct tls_identity *id) {
    free(id->cert);
    if (id->key) OPENSSL_cleanse(id->key, strlen(id->key));
    free(id->key);
    *id = (struct tls_identity){0};
}

static char *take_bio(BIO *bio) {
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = mem_strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static int to_pem(X509 *cert, EVP_PKEY *key, struct tls_identity *ret, struct err *err) {
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
    CHECK(c && k);
    bool ok = PEM_write_bio_X509(c, cert) &&
              PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
    struct tls_identity id = {take_bio(c), take_bio(k)};
    if (!ok) {
        tls_identity_release(&id);
        return tls_err_set(err, ERR_INTERNAL, "write a certificate");
    }
    *ret = id;
    return 0;
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!ext) return false;
    bool ok = X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* Subject, validity, serial number and public key; everything but extensions and signature. */
static X509 *cert_begin(const char *common_name, int days, EVP_PKEY *key, X509 *issuer) {
    X509 *cert = X509_new();
    CHECK(cert);
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof(serial)) != 1) {
        X509_free(cert);
        return NULL;
    }
    serial[0] &= 0x7F; /* positive */
    BIGNUM *bn = BN_bin2bn(serial, sizeof(serial), NULL);
    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
    BN_free(bn);
    X509_set_version(cert, X509_VERSION_3);
    /* Five minutes back, for clocks that differ. */
    X509_gmtime_adj(X509_getm_notBefore(cert), -300);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long)(days ? days : TLS_DAYS_DEFAULT) * 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"penstock", -1, -1,
                               0);
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1) {
        X509_free(cert);
        return NULL;
    }
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
    return cert;
}

int tls_make_ca(const char *common_name, int days, struct tls_identity *ret_ca, struct err *err) {
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? cert_begin(common_name, days, key, NULL) : NULL;
    bool ok = cert && add_ext(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_ext(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_ext(cert, cert, NID_subject_key_identifier, "hash") &&
              X509_sign(cert, key, EVP_sha256()) > 0;
    int rc = ok ? to_pem(cert, key, ret_ca, err)
                : tls_err_set(err, ERR_INTERNAL, "make the CA certificate '%s'", common_name);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

/* "DNS:a,DNS:b,IP:c" */
static int subject_names(const char *const *names, size_t n, struct str *out, struct err *err) {
    if (n == 0 || n > TLS_NAMES_MAX) {
        return err_set(err, ERR_INVALID, "a certificate needs 1 to %d names, not %zu",
                       TLS_NAMES_MAX, n);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char addr[16];
        bool ip =
            inet_pton(AF_INET, names[i], addr) == 1 || inet_pton(AF_INET6, names[i], addr) == 1;
        /* A comma would begin another entry. */
        if (!ip && (!names[i][0] || strpbrk(names[i], ",: \t\n")))
            return err_set(err, ERR_INVALID, "'%s' is neither a DNS name nor an address", names[i]);
        str_addf(out, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", names[i]);
    }
    return 0;
}

static int read_ca(const struct tls_identity *ca, X509 **ret_cert, EVP_PKEY **ret_key,
                   struct err *err) {
    BIO *c = BIO_new_mem_buf(ca->cert, -1), *k = BIO_new_mem_buf(ca->key, -1);
    CHECK(c && k);
    X509 *cert = PEM_read_bio_X509(c, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
    BIO_free(c);
    BIO_free(k);
    if (cert && key && X509_check_private_key(cert, key) == 1) {
        *ret_cert = cert;
        *ret_key = key;
        return 0;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls_err_set(err, ERR_VALIDATION, "the CA's certificate and key");
}

int tls_make_leaf(const struct tls_identity *ca, const char *const *names, size_t n_names, int days,
                  struct tls_identity *ret_leaf, struct err *err) {
    ERR_clear_error();
    AUTO_STR san = STR_INIT;
    X509 *issuer = NULL;
    EVP_PKEY *issuer_key = NULL;
    int rc = subject_names(names, n_names, &san, err);
    if (!rc) rc = read_ca(ca, &issuer, &issuer_key, err);
    if (rc) return rc;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? cert_begin(names[0], days, key, issuer) : NULL;
    bool ok = cert && add_ext(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
              add_ext(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
              add_ext(cert, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
              add_ext(cert, issuer, NID_subject_key_identifier, "hash") &&
              add_ext(cert, issuer, NID_authority_key_identifier, "keyid") &&
              add_ext(cert, issuer, NID_subject_alt_name, str_text(&san)) &&
              X509_sign(cert, issuer_key, EVP_sha256()) > 0;
    rc = ok ? to_pem(cert, key, ret_leaf, err)
            : tls_err_set(err, ERR_INTERNAL, "make a certificate for '%s'", names[0]);
    X509_free(cert);
    EVP_PKEY_free(key);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    return rc;
}
