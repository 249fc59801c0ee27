/* config.h - where the API server is and who we are: the pod's service account, or a kubeconfig.
 *
 * Service account: KUBERNETES_SERVICE_HOST and _PORT, and the folder that the kubelet mounts
 * (token, ca.crt, namespace). Its token file is read again as it rotates, and at once when the
 * server answers 401. Kubeconfig: contexts; clusters with certificate-authority(-data),
 * insecure-skip-tls-verify; users with client-certificate(-data) and client-key(-data), token,
 * tokenFile, username and password, or an exec plug-in (client.authentication.k8s.io/v1 and
 * v1beta1), run again when its credential has expired or was refused. proxy-url, tls-server-name,
 * auth-provider and impersonation are refused with ERR_UNSUPPORTED. */
#ifndef PENSTOCK_OPERATOR_K8S_CONFIG_H
#define PENSTOCK_OPERATOR_K8S_CONFIG_H

#include "base/core/attr.h"
#include "base/core/err.h"
#include "base/net/tls.h"

#include <stdbool.h>

struct k8s_config;

struct k8s_config_options {
    /* A file. NULL: the files that $KUBECONFIG lists, the first that has a thing counting; without
     * that the service account if this is a pod; else ~/.kube/config. */
    const char *kubeconfig;
    const char *context;             /* of the kubeconfig; NULL = its current-context */
    const char *ns;                  /* instead of the context's or the service account's */
    const char *service_account_dir; /* NULL = where the kubelet mounts it */
};

/* Errors say which file and field. ERR_NOT_FOUND: there is neither; ERR_VALIDATION, ERR_PARSE,
 * ERR_PERMISSION, ERR_UNSUPPORTED. No network. */
int k8s_config_load(const struct k8s_config_options *o, struct k8s_config **ret,
                    struct err *err) ATTR_MUST_USE;
void k8s_config_free(struct k8s_config *c); /* NULL is fine */

/* For tests and tools: a server without TLS or with `tls`, and a token (NULL: none). Copied. */
struct k8s_config *k8s_config_plain(const char *server_url, const char *ns, const char *token,
                                    const struct tls_options *tls);

const char *k8s_config_server(const struct k8s_config *c); /* "https://10.96.0.1:443" */
/* The namespace that we are in; "default" if nothing says. */
const char *k8s_config_namespace(const struct k8s_config *c);

#endif
