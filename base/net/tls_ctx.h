/* tls_ctx.h - private to base/net: OpenSSL contexts out of tls_options. */
#ifndef PENSTOCK_BASE_NET_TLS_CTX_H
#define PENSTOCK_BASE_NET_TLS_CTX_H

#include "base/net/tls.h"

#include <openssl/ssl.h>

/* TLS 1.2 and up. The caller frees (SSL_CTX_free). */
int tls_ctx_new(const struct tls_options *o, bool server, SSL_CTX **ret_ctx,
                struct err *err) ATTR_MUST_USE;
/* Has an SSL check the peer's name (DNS name or IP address) and send it as SNI. */
int tls_expect_name(SSL *ssl, const char *name, struct err *err) ATTR_MUST_USE;

/* err_set with the oldest reason in OpenSSL's queue behind the text; empties the queue. */
int tls_err_set(struct err *err, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Copies options, strings included; freed by tls_options_release. */
void tls_options_copy(struct tls_options *dst, const struct tls_options *src);
void tls_options_release(struct tls_options *o);

#endif
