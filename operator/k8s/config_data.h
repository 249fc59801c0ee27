/* config_data.h - private to operator/k8s: what config.c has read. Strings are owned. */
#ifndef PENSTOCK_OPERATOR_K8S_CONFIG_DATA_H
#define PENSTOCK_OPERATOR_K8S_CONFIG_DATA_H

#include "base/core/json.h"
#include "operator/k8s/config.h"

/* A plug-in that makes credentials: client.authentication.k8s.io. */
struct k8s_exec {
    char *command; /* NULL = none */
    char **args;   /* without the command, NULL-terminated; NULL = none */
    char **env;    /* "NAME=value", NULL-terminated; NULL = none */
    char *info;    /* KUBERNETES_EXEC_INFO */
    char *hint;    /* installHint; NULL = none */
};

struct k8s_config {
    char *server, *ns;
    struct tls_options tls; /* its strings are ours */
    char *token, *token_file;
    char *user, *password;
    struct k8s_exec exec;
};

enum { K8S_CONFIG_FILE_MAX_BYTES = 4 << 20 };

/* A whole file, appended. Errors name it. */
int k8s_read_file(const char *path, size_t max_bytes, struct str *out,
                  struct err *err) ATTR_MUST_USE;
void k8s_wipe(char **secret); /* overwrites, frees, sets to NULL */

#endif
