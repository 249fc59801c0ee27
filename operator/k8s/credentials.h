/* credentials.h - private to operator/k8s: what a request shows to the server at this moment: a
 * token (of a file that rotates, of an exec plug-in) or a certificate. On the loop's thread. */
#ifndef PENSTOCK_OPERATOR_K8S_CREDENTIALS_H
#define PENSTOCK_OPERATOR_K8S_CREDENTIALS_H

#include "base/net/net_loop.h"
#include "operator/k8s/config_data.h"

struct k8s_credentials;

enum {
    K8S_TOKEN_MAX_BYTES = 256 << 10,
    K8S_EXEC_TIMEOUT_MS = 60000,
    K8S_EXEC_OUTPUT_MAX_BYTES = 1 << 20,
    K8S_EXEC_EARLY_MS = 10000 /* so long before it expires a credential is made anew */
};

/* config is borrowed. on_ready follows a k8s_credentials_get that said "wait". */
struct k8s_credentials *k8s_credentials_new(const struct k8s_config *config, struct net_loop *loop,
                                            void (*on_ready)(void *self), void *self);
void k8s_credentials_free(struct k8s_credentials *c); /* ends a plug-in that runs */

/* Borrowed until the next call. */
struct k8s_credential {
    const char *token;             /* NULL = none */
    const char *user, *password;   /* NULL = none */
    const struct tls_options *tls; /* NULL = the config's */
    uint64_t generation;           /* changes with what is in it */
};
/* 0 with *ret filled; 1: wait for on_ready; ERR_*: there is none (a file that can't be read, a
 * plug-in that failed). */
int k8s_credentials_get(struct k8s_credentials *c, struct k8s_credential *ret,
                        struct err *err) ATTR_MUST_USE;
/* The server answered 401 to those of that generation: they aren't used again, if there are others.
 */
void k8s_credentials_refused(struct k8s_credentials *c, uint64_t generation);
uint64_t k8s_credentials_loads(const struct k8s_credentials *c); /* how often they were read */

#endif
