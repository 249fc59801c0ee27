/* tls.c - OpenSSL contexts out of options. */
#define LOG_MODULE "tls"
#include "base/net/tls.h"

#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/tls_ctx.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX_BYTES = 1 << 20 };

int tls_err_set(struct err *err, int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, code, fmt, ap);
    va_end(ap);
    unsigned long e = ERR_get_error();
    if (e && err) {
        char reason[256];
        const char *text = ERR_reason_error_string(e);
        if (!text) {
            ERR_error_string_n(e, reason, sizeof(reason));
            text = reason;
        }
        char before[ERR_MSG_SIZE_BYTES];
        memcpy(before, err->msg, sizeof(before));
        err_set(err, code, "%s: %s", before, text);
    }
    ERR_clear_error();
    return code;
}

void tls_options_copy(struct tls_options *dst, const struct tls_options *src) {
    *dst = *src;
    dst->ca_file = mem_strdup(src->ca_file);
    dst->ca = mem_strdup(src->ca);
    dst->cert_file = mem_strdup(src->cert_file);
    dst->cert = mem_strdup(src->cert);
    dst->key_file = mem_strdup(src->key_file);
    dst->key = mem_strdup(src->key);
    dst->server_name = mem_strdup(src->server_name);
}

void tls_options_release(struct tls_options *o) {
    free((char *)o->ca_file);
    free((char *)o->ca);
    free((char *)o->cert_file);
    free((char *)o->cert);
    free((char *)o->key_file);
    free((char *)o->key);
    free((char *)o->server_name);
    *o = (struct tls_options){0};
}

/* A BIO over the text, or the file; NULL when both are unset. */
static int open_pem(const char *what, const char *text, const char *file, BIO **ret,
                    struct err *err) {
    *ret = NULL;
    if (text) {
        size_t len = strlen(text);
        if (len > PEM_MAX_BYTES)
            return err_set(err, ERR_VALIDATION, "TLS %s: %zu bytes are too many", what, len);
        *ret = BIO_new_mem_buf(text, (int)len);
        CHECK(*ret);
    } else if (file) {
        *ret = BIO_new_file(file, "r");
        if (!*ret) return tls_err_set(err, ERR_VALIDATION, "TLS %s: open %s", what, file);
    }
    return 0;
}

/* A password prompt would hang a server: an encrypted key is an error. */
static int no_password(char *buf, int size, int rwflag, void *u) {
    return 0;
}

static int load_ca(SSL_CTX *ctx, const struct tls_options *o, bool server, struct err *err) {
    BIO *bio;
    int rc = open_pem("CA certificate", o->ca, o->ca_file, &bio, err);
    if (rc) return rc;
    if (!bio) {
        if (!server && SSL_CTX_set_default_verify_paths(ctx) != 1)
            return tls_err_set(err, ERR_VALIDATION, "TLS: load the system's CA certificates");
        return 0;
    }
    int count = 0;
    X509 *cert;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    while ((cert = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        X509_STORE_add_cert(store, cert);
        if (server) SSL_CTX_add_client_CA(ctx, cert);
        X509_free(cert);
        count++;
    }
    BIO_free(bio);
    if (count == 0) {
        return tls_err_set(err, ERR_VALIDATION, "TLS CA certificate%s%s: no certificate in it",
                           o->ca ? "" : " ", o->ca ? "" : o->ca_file);
    }
    ERR_clear_error(); /* the end of the file */
    return 0;
}

static int load_chain(SSL_CTX *ctx, BIO *bio, struct err *err) {
    X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    if (!cert) return tls_err_set(err, ERR_VALIDATION, "TLS certificate: no certificate in it");
    int ok = SSL_CTX_use_certificate(ctx, cert);
    X509_free(cert);
    if (ok != 1) return tls_err_set(err, ERR_VALIDATION, "TLS certificate");
    while ((cert = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
            X509_free(cert);
            return tls_err_set(err, ERR_VALIDATION, "TLS certificate chain");
        }
    }
    ERR_clear_error();
    return 0;
}

static int load_key(SSL_CTX *ctx, BIO *bio, struct err *err) {
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (!key) {
        return tls_err_set(err, ERR_VALIDATION,
                           "TLS key: no private key in it, or one with a password");
    }
    int ok = SSL_CTX_use_PrivateKey(ctx, key);
    EVP_PKEY_free(key);
    if (ok != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        return tls_err_set(err, ERR_VALIDATION, "TLS key: it doesn't belong to the certificate");
    }
    return 0;
}

static int load_identity(SSL_CTX *ctx, const struct tls_options *o, bool server, struct err *err) {
    BIO *cert = NULL, *key = NULL;
    int rc = open_pem("certificate", o->cert, o->cert_file, &cert, err);
    if (!rc) rc = open_pem("key", o->key, o->key_file, &key, err);
    if (!rc && !cert != !key) {
        rc = err_set(err, ERR_VALIDATION, "TLS: %s is set without %s",
                     cert ? "a certificate" : "a key", cert ? "its key" : "its certificate");
    } else if (!rc && !cert && server) {
        rc = err_set(err, ERR_VALIDATION, "TLS: a server needs a certificate and a key");
    } else if (!rc && cert) {
        rc = load_chain(ctx, cert, err);
        if (!rc) rc = load_key(ctx, key, err);
    }
    BIO_free(cert);
    BIO_free(key);
    return rc;
}

int tls_ctx_new(const struct tls_options *o, bool server, SSL_CTX **ret_ctx, struct err *err) {
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ctx) return tls_err_set(err, ERR_NET, "TLS: make a context");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    int rc = load_ca(ctx, o, server, err);
    if (!rc) rc = load_identity(ctx, o, server, err);
    if (!rc && server && o->require_peer_cert && !o->ca && !o->ca_file) {
        rc = err_set(err, ERR_VALIDATION,
                     "TLS: clients must show a certificate, but no CA to check it by is set");
    }
    if (rc) {
        SSL_CTX_free(ctx);
        return rc;
    }
    if (server) {
        if (o->require_peer_cert)
            SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        static const unsigned char session_id[] = "penstock";
        SSL_CTX_set_session_id_context(ctx, session_id, sizeof(session_id) - 1);
    } else {
        SSL_CTX_set_verify(ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
        if (o->insecure) log_warn("server certificates aren't checked (insecure is set)");
    }
    *ret_ctx = ctx;
    return 0;
}

int tls_expect_name(SSL *ssl, const char *name, struct err *err) {
    unsigned char addr[16];
    bool ip = inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    int ok =
        ip ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
           : X509_VERIFY_PARAM_set1_host(param, name, 0) && SSL_set_tlsext_host_name(ssl, name);
    return ok ? 0 : tls_err_set(err, ERR_INVALID, "TLS: server name '%s'", name);
}

int tls_options_check(const struct tls_options *o, struct err *err) {
    SSL_CTX *ctx;
    int rc = tls_ctx_new(o, o->enabled, &ctx, err);
    if (rc) return rc;
    X509 *cert = SSL_CTX_get0_certificate(ctx);
    if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
        rc = err_set(err, ERR_VALIDATION, "TLS certificate: it has expired");
    else if (cert && X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        rc = err_set(err, ERR_VALIDATION, "TLS certificate: it isn't valid yet");
    SSL_CTX_free(ctx);
    return rc;
}

int tls_cert_expires_s(const char *cert, long long *ret_s, struct err *err) {
    BIO *bio = BIO_new_mem_buf(cert, -1);
    CHECK(bio);
    X509 *x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (!x) return tls_err_set(err, ERR_VALIDATION, "TLS certificate: no certificate in it");
    int days, seconds;
    int ok = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x));
    X509_free(x);
    if (ok != 1) return tls_err_set(err, ERR_VALIDATION, "TLS certificate: its end");
    *ret_s = (long long)days * 86400 + seconds;
    return 0;
}
