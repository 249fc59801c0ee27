/* config.c - see config.h. A kubeconfig is read as JSON made of its YAML. */
#include "operator/k8s/config.h"

#include "base/core/arena.h"
#include "base/core/mem.h"
#include "base/core/yaml.h"
#include "operator/k8s/config_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SERVICE_ACCOUNT_DIR[] = "/var/run/secrets/kubernetes.io/serviceaccount";
enum { KUBECONFIGS_MAX = 32 };

/* ---- small parts ----------------------------------------------------------------------------- */

void k8s_wipe(char **secret) {
    if (*secret) explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

int k8s_read_file(const char *path, size_t max_bytes, struct str *out, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                   : errno == EACCES || errno == EPERM ? ERR_PERMISSION
                                                       : ERR_IO;
        return err_set_errno(err, code, errno, "%s", path);
    }
    size_t begin = out->len;
    ssize_t n;
    do {
        str_reserve(out, 4096);
        n = read(fd, out->ptr + out->len, 4096);
        if (n > 0) out->len += (size_t)n;
    } while (n > 0 && out->len - begin <= max_bytes);
    int errnum = errno;
    close(fd);
    str_add_n(out, "", 0);
    if (n < 0) return err_set_errno(err, ERR_IO, errnum, "%s", path);
    if (out->len - begin > max_bytes)
        return err_set(err, ERR_VALIDATION, "%s is larger than %zu bytes", path, max_bytes);
    return 0;
}

static void free_list(char **list) {
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

void k8s_config_free(struct k8s_config *c) {
    if (!c) return;
    free(c->server);
    free(c->ns);
    free((char *)c->tls.ca_file);
    free((char *)c->tls.ca);
    free((char *)c->tls.cert_file);
    free((char *)c->tls.cert);
    free((char *)c->tls.key_file);
    k8s_wipe((char **)&c->tls.key);
    k8s_wipe(&c->token);
    free(c->token_file);
    free(c->user);
    k8s_wipe(&c->password);
    free(c->exec.command);
    free_list(c->exec.args);
    free_list(c->exec.env);
    free(c->exec.info);
    free(c->exec.hint);
    free(c);
}

const char *k8s_config_server(const struct k8s_config *c) {
    return c->server;
}

const char *k8s_config_namespace(const struct k8s_config *c) {
    return c->ns && *c->ns ? c->ns : "default";
}

struct k8s_config *k8s_config_plain(const char *server_url, const char *ns, const char *token,
                                    const struct tls_options *tls) {
    struct k8s_config *c = mem_zalloc(sizeof *c);
    size_t n = strlen(server_url);
    while (n && server_url[n - 1] == '/')
        n--;
    c->server = mem_strndup(server_url, n);
    c->ns = mem_strdup(ns);
    c->token = mem_strdup(token);
    if (tls) {
        c->tls = *tls;
        c->tls.ca_file = mem_strdup(tls->ca_file);
        c->tls.ca = mem_strdup(tls->ca);
        c->tls.cert_file = mem_strdup(tls->cert_file);
        c->tls.cert = mem_strdup(tls->cert);
        c->tls.key_file = mem_strdup(tls->key_file);
        c->tls.key = mem_strdup(tls->key);
        c->tls.server_name = NULL;
    }
    return c;
}

/* ---- in a pod -------------------------------------------------------------------------------- */

static bool in_cluster(void) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    return host && *host;
}

static int load_service_account(struct k8s_config *c, const char *dir, struct err *err) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    AUTO_STR server = STR_INIT;
    AUTO_STR path = STR_INIT;
    AUTO_STR text = STR_INIT;
    bool v6 = strchr(host, ':') != NULL;
    str_addf(&server, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
             port && *port ? port : "443");
    c->server = str_take(&server);
    str_addf(&path, "%s/token", dir);
    int rc = k8s_read_file(str_text(&path), K8S_CONFIG_FILE_MAX_BYTES, &text, err);
    if (rc) {
        return err_wrap(err, "the pod's service account (is automountServiceAccountToken off?)");
    }
    c->token_file = str_take(&path);
    str_addf(&path, "%s/ca.crt", dir);
    if (access(str_text(&path), R_OK) == 0) c->tls.ca_file = str_take(&path);
    str_clear(&path);
    str_clear(&text);
    str_addf(&path, "%s/namespace", dir);
    if (!c->ns && k8s_read_file(str_text(&path), 1024, &text, NULL) == 0) {
        struct sv ns = sv_trim(str_view(&text));
        c->ns = mem_strndup(ns.ptr, ns.len);
    }
    return 0;
}

/* ---- kubeconfig: the files ------------------------------------------------------------------- */

struct kube_file {
    char *path;
    cJSON *doc;
};

struct kube_files {
    struct kube_file files[KUBECONFIGS_MAX];
    size_t n;
};

static void kube_files_release(struct kube_files *k) {
    for (size_t i = 0; i < k->n; i++) {
        free(k->files[i].path);
        cJSON_Delete(k->files[i].doc);
    }
}

static int add_file(struct kube_files *k, const char *path, struct err *err) {
    AUTO_STR text = STR_INIT;
    struct arena arena;
    struct ynode **docs;
    int n_docs;
    int rc = k8s_read_file(path, K8S_CONFIG_FILE_MAX_BYTES, &text, err);
    if (rc) return rc;
    if (k->n == KUBECONFIGS_MAX)
        return err_set(err, ERR_VALIDATION, "KUBECONFIG lists more than %d files", KUBECONFIGS_MAX);
    arena_init(&arena);
    rc = yaml_parse(&arena, str_text(&text), text.len, &docs, &n_docs, err);
    if (!rc && (n_docs != 1 || docs[0]->kind != YNODE_MAP))
        rc = err_set(err, ERR_VALIDATION, "it isn't one mapping");
    if (!rc) k->files[k->n++] = (struct kube_file){mem_strdup(path), ynode_to_json(docs[0])};
    arena_release(&arena);
    return rc ? err_wrap(err, "kubeconfig %s", path) : 0;
}

/* Files of the list that don't exist are passed over, as kubectl does. */
static int add_listed(struct kube_files *k, const char *list, struct err *err) {
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ":");
        AUTO_FREE char *path = mem_strndup(p, n);
        p += n + (p[n] == ':');
        if (!*path) continue;
        int rc = add_file(k, path, err);
        if (rc && rc != ERR_NOT_FOUND) return rc;
    }
    return k->n ? 0 : err_set(err, ERR_NOT_FOUND, "KUBECONFIG=%s: no such file", list);
}

/* The entry `name` of a list, of the first file that has it. */
static const cJSON *find_entry(const struct kube_files *k, const char *list, const char *member,
                               const char *name, const struct kube_file **ret_file) {
    for (size_t i = 0; i < k->n; i++) {
        const cJSON *e;
        cJSON_ArrayForEach(e, json_opt(k->files[i].doc, list)) {
            if (strcmp(json_opt_str(e, "name", ""), name) != 0) continue;
            *ret_file = &k->files[i];
            return json_opt(e, member);
        }
    }
    return NULL;
}

/* A path in a file counts from that file's folder. */
static char *beside(const struct kube_file *f, const char *path) {
    const char *slash = strrchr(f->path, '/');
    if (*path == '/' || !slash) return mem_strdup(path);
    AUTO_STR s = STR_INIT;
    str_addf(&s, "%.*s/%s", (int)(slash - f->path), f->path, path);
    return str_take(&s);
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static char *base64_decode(const char *text) {
    struct str out = STR_INIT;
    unsigned bits = 0;
    int n_bits = 0;
    for (const char *p = text; *p && *p != '='; p++) {
        if (strchr("\r\n ", *p)) continue;
        int v = base64_value(*p);
        if (v < 0) {
            str_release(&out);
            return NULL;
        }
        bits = bits << 6 | (unsigned)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            str_add_char(&out, (char)(bits >> n_bits));
        }
    }
    str_add_n(&out, "", 0);
    return str_take(&out);
}

/* "client-key" and "client-key-data": the latter wins. */
static int read_pem(const struct kube_file *f, const cJSON *obj, const char *field,
                    const char **ret_file, const char **ret_pem, struct err *err) {
    AUTO_STR data_field = STR_INIT;
    str_addf(&data_field, "%s-data", field);
    const char *data = json_opt_str(obj, str_text(&data_field), NULL);
    const char *path = json_opt_str(obj, field, NULL);
    if (data && *data) {
        *ret_pem = base64_decode(data);
        if (*ret_pem) return 0;
        return err_set(err, ERR_VALIDATION, "%s: it isn't base64", str_text(&data_field));
    }
    if (path && *path) *ret_file = beside(f, path);
    return 0;
}

static int refuse(const cJSON *obj, const char *field, struct err *err) {
    if (!json_opt(obj, field)) return 0;
    return err_set(err, ERR_UNSUPPORTED, "'%s' isn't supported", field);
}

/* ---- kubeconfig: its parts ------------------------------------------------------------------- */

static int read_cluster(struct k8s_config *c, const struct kube_file *f, const cJSON *cluster,
                        struct err *err) {
    const char *server;
    int rc = json_get_str(cluster, "server", &server, err);
    if (!rc) rc = refuse(cluster, "proxy-url", err);
    if (!rc) rc = refuse(cluster, "tls-server-name", err);
    if (!rc) rc = read_pem(f, cluster, "certificate-authority", &c->tls.ca_file, &c->tls.ca, err);
    if (rc) return rc;
    c->tls.insecure = json_opt_bool(cluster, "insecure-skip-tls-verify", false);
    size_t n = strlen(server);
    while (n && server[n - 1] == '/')
        n--;
    c->server = mem_strndup(server, n);
    return 0;
}

/* What a plug-in is told, in its environment. */
static char *exec_info(const struct k8s_config *c, const cJSON *exec, const cJSON *cluster) {
    AUTO_JSON *info = cJSON_CreateObject();
    json_set_str(info, "apiVersion", json_opt_str(exec, "apiVersion", ""));
    json_set_str(info, "kind", "ExecCredential");
    cJSON *spec = cJSON_AddObjectToObject(info, "spec");
    json_set_bool(spec, "interactive", false);
    if (json_opt_bool(exec, "provideClusterInfo", false)) {
        cJSON *about = cJSON_AddObjectToObject(spec, "cluster");
        json_set_str(about, "server", c->server);
        const char *ca = json_opt_str(cluster, "certificate-authority-data", NULL);
        if (ca) json_set_str(about, "certificate-authority-data", ca);
        if (c->tls.insecure) json_set_bool(about, "insecure-skip-tls-verify", true);
    }
    AUTO_STR text = STR_INIT;
    json_print(info, &text);
    return str_take(&text);
}

static int read_exec(struct k8s_config *c, const struct kube_file *f, const cJSON *exec,
                     const cJSON *cluster, struct err *err) {
    const char *command, *version;
    int rc = json_get_str(exec, "command", &command, err);
    if (!rc) rc = json_get_str(exec, "apiVersion", &version, err);
    if (rc) return rc;
    if (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
        strcmp(version, "client.authentication.k8s.io/v1beta1") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "apiVersion '%s': expected client.authentication.k8s.io/v1", version);
    if (strcmp(json_opt_str(exec, "interactiveMode", ""), "Always") == 0)
        return err_set(err, ERR_UNSUPPORTED, "interactiveMode Always: there is no terminal");
    const cJSON *args = json_opt(exec, "args"), *env = json_opt(exec, "env"), *e;
    c->exec.command = strchr(command, '/') ? beside(f, command) : mem_strdup(command);
    c->exec.args = mem_calloc((size_t)cJSON_GetArraySize(args) + 1, sizeof(char *));
    c->exec.env = mem_calloc((size_t)cJSON_GetArraySize(env) + 1, sizeof(char *));
    size_t n = 0;
    cJSON_ArrayForEach(e, args) {
        if (!cJSON_IsString(e)) return err_set(err, ERR_VALIDATION, "args: must be strings");
        c->exec.args[n++] = mem_strdup(e->valuestring);
    }
    n = 0;
    cJSON_ArrayForEach(e, env) {
        AUTO_STR pair = STR_INIT;
        str_addf(&pair, "%s=%s", json_opt_str(e, "name", ""), json_opt_str(e, "value", ""));
        c->exec.env[n++] = str_take(&pair);
    }
    c->exec.info = exec_info(c, exec, cluster);
    c->exec.hint = mem_strdup(json_opt_str(exec, "installHint", NULL));
    return 0;
}

static int read_user(struct k8s_config *c, const struct kube_file *f, const cJSON *user,
                     const cJSON *cluster, struct err *err) {
    static const char *const refused[] = {"auth-provider", "as", "as-uid", "as-groups",
                                          "as-user-extra"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int rc = refuse(user, refused[i], err);
        if (rc) return rc;
    }
    int rc = read_pem(f, user, "client-certificate", &c->tls.cert_file, &c->tls.cert, err);
    if (!rc) rc = read_pem(f, user, "client-key", &c->tls.key_file, &c->tls.key, err);
    if (rc) return rc;
    const char *token_file = json_opt_str(user, "tokenFile", NULL);
    if (token_file && *token_file) {
        c->token_file = beside(f, token_file);
    } else {
        c->token = mem_strdup(json_opt_str(user, "token", NULL));
    }
    c->user = mem_strdup(json_opt_str(user, "username", NULL));
    c->password = mem_strdup(json_opt_str(user, "password", NULL));
    const cJSON *exec = json_opt(user, "exec");
    if (!exec) return 0;
    rc = read_exec(c, f, exec, cluster, err);
    return rc ? err_wrap(err, "exec") : 0;
}

static const char *current_context(const struct kube_files *k) {
    for (size_t i = 0; i < k->n; i++) {
        const char *name = json_opt_str(k->files[i].doc, "current-context", "");
        if (*name) return name;
    }
    return "";
}

static int read_context(struct k8s_config *c, const struct kube_files *k, const char *name,
                        struct err *err) {
    const struct kube_file *f;
    if (!*name) return err_set(err, ERR_VALIDATION, "no context is given, and none is current");
    const cJSON *context = find_entry(k, "contexts", "context", name, &f);
    if (!context) return err_set(err, ERR_NOT_FOUND, "there is no context '%s'", name);
    const char *cluster_name = json_opt_str(context, "cluster", "");
    const char *user_name = json_opt_str(context, "user", "");
    if (!c->ns) c->ns = mem_strdup(json_opt_str(context, "namespace", NULL));
    const cJSON *cluster = find_entry(k, "clusters", "cluster", cluster_name, &f);
    if (!cluster)
        return err_set(err, ERR_NOT_FOUND, "context '%s': there is no cluster '%s'", name,
                       cluster_name);
    int rc = read_cluster(c, f, cluster, err);
    if (rc) return err_wrap(err, "%s: cluster '%s'", f->path, cluster_name);
    if (!*user_name) return 0;
    const cJSON *user = find_entry(k, "users", "user", user_name, &f);
    if (!user)
        return err_set(err, ERR_NOT_FOUND, "context '%s': there is no user '%s'", name, user_name);
    rc = read_user(c, f, user, cluster, err);
    return rc ? err_wrap(err, "%s: user '%s'", f->path, user_name) : 0;
}

static int add_files(struct kube_files *k, const struct k8s_config_options *o, struct err *err) {
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (o->kubeconfig) return add_file(k, o->kubeconfig, err);
    if (list && *list) return add_listed(k, list, err);
    AUTO_STR path = STR_INIT;
    str_addf(&path, "%s/.kube/config", home ? home : "");
    int rc = add_file(k, str_text(&path), err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND,
                       "no Kubernetes: this is no pod (KUBERNETES_SERVICE_HOST), KUBECONFIG isn't "
                       "set, and there is no %s",
                       str_text(&path));
    return rc;
}

static int load_kubeconfig(struct k8s_config *c, const struct k8s_config_options *o,
                           struct err *err) {
    struct kube_files k = {0};
    int rc = add_files(&k, o, err);
    if (!rc) {
        rc = read_context(c, &k, o->context ? o->context : current_context(&k), err);
        if (rc) err_wrap(err, "kubeconfig");
    }
    kube_files_release(&k);
    return rc;
}

int k8s_config_load(const struct k8s_config_options *o, struct k8s_config **ret, struct err *err) {
    struct k8s_config *c = mem_zalloc(sizeof *c);
    const char *list = getenv("KUBECONFIG");
    c->ns = mem_strdup(o->ns);
    int rc;
    if (!o->kubeconfig && !(list && *list) && in_cluster()) {
        rc = load_service_account(
            c, o->service_account_dir ? o->service_account_dir : SERVICE_ACCOUNT_DIR, err);
    } else {
        rc = load_kubeconfig(c, o, err);
    }
    if (!rc && strncmp(c->server, "http", 4) == 0 && (c->tls.ca || c->tls.ca_file || c->tls.cert))
        rc = tls_options_check(&c->tls, err);
    if (rc) {
        k8s_config_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}
