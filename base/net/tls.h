/* tls.h - TLS options shared by server and clients, and making certificates of our own (for TLS
 * between a job's pods). All text is PEM. */
#ifndef PENSTOCK_BASE_NET_TLS_H
#define PENSTOCK_BASE_NET_TLS_H

#include "base/core/attr.h"
#include "base/core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Of each pair, the file (path) or the PEM text; both NULL = unset. Everything is copied by who
 * takes the options. */
struct tls_options {
    bool enabled;                 /* server: serve TLS. Clients go by the URL's scheme. */
    const char *ca_file, *ca;     /* whom to trust; unset = the system's list */
    const char *cert_file, *cert; /* our certificate (chain) */
    const char *key_file, *key;
    bool require_peer_cert; /* server: clients must show a certificate signed by ca */
    bool insecure;          /* client: don't check the server's certificate. Logged as a warning. */
    const char *server_name; /* client: expected name, where it isn't the URL's host */
};

/* Loads the pairs and checks that certificate and key belong together and when the certificate
 * ends. ERR_VALIDATION says what to mend. */
int tls_options_check(const struct tls_options *o, struct err *err) ATTR_MUST_USE;

/* A certificate and its key; freed by tls_identity_release. */
struct tls_identity {
    char *cert, *key;
};
void tls_identity_release(struct tls_identity *id);

enum { TLS_DAYS_DEFAULT = 365, TLS_NAMES_MAX = 64 };

/* A self-signed certificate authority (ECDSA P-256). days 0 = TLS_DAYS_DEFAULT. */
int tls_make_ca(const char *common_name, int days, struct tls_identity *ret_ca,
                struct err *err) ATTR_MUST_USE;
/* A certificate signed by ca, good as server and as client. `names`: DNS names and IP addresses
 * ("127.0.0.1", "*.job.svc") that it is valid for; names[0] is the common name. */
int tls_make_leaf(const struct tls_identity *ca, const char *const *names, size_t n_names, int days,
                  struct tls_identity *ret_leaf, struct err *err) ATTR_MUST_USE;
/* Seconds until the first certificate in `cert` ends; negative if it has. */
int tls_cert_expires_s(const char *cert, long long *ret_s, struct err *err) ATTR_MUST_USE;

#endif
