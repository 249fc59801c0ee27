/* objects.c - ServiceAccount, Service, PodDisruptionBudget, NetworkPolicy, ConfigMap, Pods. */
#include "operator/objects.h"

#include "base/core/digest.h"
#include "base/proto/manifest.h"
#include "operator/k8s/meta.h"
#include "operator/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void objects_coordinator_name(const char *job, int64_t run, struct str *out) {
    str_addf(out, "%s-%lld-coordinator", job, (long long)run);
}

void objects_spec_name(const char *job, const char *hash, struct str *out) {
    str_addf(out, "%s-%s", job, hash);
}

void objects_keys_name(const char *job, struct str *out) {
    str_addf(out, "%s-keys", job);
}

void objects_server_name(const char *job, const char *ns, struct str *out) {
    str_addf(out, "coordinator.%s.%s", job, ns);
}

/* ---- JSON that is easier to read as text ---- */

/* fmt must make valid JSON. */
static cJSON *ATTR_PRINTF(1, 2) json_of(const char *fmt, ...) {
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    cJSON *j = NULL;
    struct err err = ERR_INIT;
    int rc = json_parse(str_text(&text), text.len, &j, &err);
    CHECKF(!rc, "%s: %s", err.msg, str_text(&text));
    return j;
}

static cJSON *selector(const struct job *job, const char *role, int64_t run) {
    cJSON *s = cJSON_CreateObject();
    json_set_str(s, JOB_LABEL, job->name);
    if (role) json_set_str(s, JOB_LABEL_ROLE, role);
    AUTO_STR number = STR_INIT;
    str_add_i64(&number, run);
    if (run) json_set_str(s, JOB_LABEL_RUN, str_text(&number));
    return s;
}

void objects_adopt(cJSON *object, const struct job *job, const char *role, int64_t run) {
    k8s_meta_set_label(object, "app.kubernetes.io/name", "penstock");
    k8s_meta_set_label(object, "app.kubernetes.io/instance", job->name);
    k8s_meta_set_label(object, "app.kubernetes.io/managed-by", "penstock-operator");
    AUTO_JSON *more = selector(job, role, run);
    const cJSON *l;
    cJSON_ArrayForEach(l, more) k8s_meta_set_label(object, l->string, l->valuestring);
    struct err err = ERR_INIT;
    int rc = k8s_set_controller(object, job->object, false, &err);
    CHECKF(!rc, "%s", err.msg);
}

static cJSON *new_object(const struct job *job, const struct k8s_resource *r, const char *name) {
    return k8s_object_new(r, job->ns, name);
}

/* ---- beside the pods ---- */

static cJSON *service_account(const struct job *job) {
    cJSON *o = new_object(job, K8S_SERVICEACCOUNTS, job->name);
    json_set_bool(o, "automountServiceAccountToken", false);
    objects_adopt(o, job, NULL, 0);
    return o;
}

static cJSON *service(const struct job *job, int64_t run) {
    cJSON *o = new_object(job, K8S_SERVICES, job->name);
    cJSON *spec = json_of("{\"type\":\"ClusterIP\",\"ports\":[{\"name\":\"rest\",\"port\":%d,"
                          "\"targetPort\":\"rest\",\"protocol\":\"TCP\"}]}",
                          OBJECTS_REST_PORT);
    json_set(spec, "selector", selector(job, JOB_ROLE_COORDINATOR, run));
    json_set(o, "spec", spec);
    objects_adopt(o, job, NULL, 0);
    return o;
}

static cJSON *disruption_budget(const struct job *job) {
    cJSON *o = new_object(job, K8S_PODDISRUPTIONBUDGETS, job->name);
    /* One at a time: a drain goes on, and the job comes back in between. All pods but one of
     * workers and coordinator, as a number: maxUnavailable would be reckoned from the FlinkJob's
     * scale subresource, which counts the parallelism. */
    cJSON *spec = json_of("{\"minAvailable\":%d}", job->workers);
    json_set(cJSON_AddObjectToObject(spec, "selector"), "matchLabels", selector(job, NULL, 0));
    json_set(o, "spec", spec);
    objects_adopt(o, job, NULL, 0);
    return o;
}

static cJSON *network_policy(const struct job *job, const struct job_defaults *d) {
    cJSON *o = new_object(job, K8S_NETWORKPOLICIES, job->name);
    cJSON *spec = json_of("{\"policyTypes\":[\"Ingress\"]}");
    json_set(cJSON_AddObjectToObject(spec, "podSelector"), "matchLabels", selector(job, NULL, 0));
    cJSON *from = cJSON_CreateArray(), *own = cJSON_CreateObject();
    json_set(cJSON_AddObjectToObject(own, "podSelector"), "matchLabels", selector(job, NULL, 0));
    cJSON_AddItemToArray(from, own);
    cJSON *rules = cJSON_AddArrayToObject(spec, "ingress"), *rule = cJSON_CreateObject();
    json_set(rule, "from", from);
    cJSON_AddItemToArray(rules, rule);
    if (d->operator_ns)
        cJSON_AddItemToArray(
            rules, json_of("{\"from\":[{\"namespaceSelector\":{\"matchLabels\":{"
                           "\"kubernetes.io/metadata.name\":\"%s\"}},\"podSelector\":{"
                           "\"matchLabels\":{\"app.kubernetes.io/name\":\"penstock-operator\"}}}],"
                           "\"ports\":[{\"protocol\":\"TCP\",\"port\":%d}]}",
                           d->operator_ns, OBJECTS_REST_PORT));
    /* Whoever gathers metrics, out of namespaces that are marked for it. */
    cJSON_AddItemToArray(
        rules, json_of("{\"from\":[{\"namespaceSelector\":{\"matchLabels\":{"
                       "\"penstock.dev/metrics\":\"true\"}}}],\"ports\":[{\"protocol\":\"TCP\","
                       "\"port\":%d}]}",
                       OBJECTS_REST_PORT));
    json_set(o, "spec", spec);
    objects_adopt(o, job, NULL, 0);
    return o;
}

cJSON *objects_base(const struct job *job, const struct job_defaults *d, int64_t run) {
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, service_account(job));
    cJSON_AddItemToArray(list, service(job, run));
    cJSON_AddItemToArray(list, disruption_budget(job));
    if (job->isolation != ISOLATION_NONE) cJSON_AddItemToArray(list, network_policy(job, d));
    return list;
}

void objects_base_hash(const struct job *job, const struct job_defaults *d, int64_t run,
                       char ret[JOB_HASH_BYTES]) {
    AUTO_JSON *list = objects_base(job, d, run);
    AUTO_STR text = STR_INIT;
    json_print(list, &text);
    char hex[DIGEST_SHA256_HEX_BYTES];
    digest_sha256_hex(str_text(&text), text.len, hex);
    memcpy(ret, hex, JOB_HASH_BYTES - 1);
    ret[JOB_HASH_BYTES - 1] = '\0';
}

/* ---- specs ---- */

#define SPEC_KEY "spec.json" /* what the coordinator reads */
#define JOB_KEY "job.json"   /* the FlinkJob's spec without the script */

cJSON *objects_spec(const struct job *job) {
    AUTO_STR name = STR_INIT, text = STR_INIT;
    objects_spec_name(job->name, job->hash, &name);
    cJSON *o = new_object(job, K8S_CONFIGMAPS, str_text(&name));
    cJSON *data = cJSON_AddObjectToObject(o, "data");
    json_set_str(data, SPEC_KEY, job->spec_text);
    AUTO_JSON *spec = cJSON_Duplicate(job->spec, true);
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "sql");
    json_set_str(spec, "image", job->image); /* the operator's own may be another by then */
    json_print(spec, &text);
    json_set_str(data, JOB_KEY, str_text(&text));
    json_set_bool(o, "immutable", true);
    objects_adopt(o, job, "spec", 0);
    k8s_meta_set_label(o, "penstock.dev/hash", job->hash);
    return o;
}

int objects_spec_read(const cJSON *config_map, const cJSON *object, cJSON **ret, struct err *err) {
    const char *text = json_opt_str(json_opt(config_map, "data"), JOB_KEY, NULL);
    cJSON *spec = NULL;
    if (!text)
        return err_set(err, ERR_CORRUPT, "ConfigMap %s has no %s", k8s_meta_name(config_map),
                       JOB_KEY);
    int rc = json_parse(text, strlen(text), &spec, err);
    if (rc) return err_wrap(err, "ConfigMap %s, %s", k8s_meta_name(config_map), JOB_KEY);
    static const char *const kept[] = {"apiVersion", "kind", "metadata"};
    cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        json_set(o, kept[i], cJSON_Duplicate(json_opt(object, kept[i]), true));
    json_set(o, "spec", spec);
    json_set_str(spec, "sql", "-"); /* what runs is in SPEC_KEY */
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "sqlFrom");
    *ret = o;
    return 0;
}

/* ---- pods ---- */

static cJSON *container(const struct job *job, const char *program) {
    cJSON *c = json_of(
        "{\"name\":\"penstock\",\"imagePullPolicy\":\"%s\",\"command\":[\"%s\"],\"args\":[],"
        "\"terminationMessagePolicy\":\"FallbackToLogsOnError\","
        "\"securityContext\":{\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,"
        "\"runAsNonRoot\":true,\"capabilities\":{\"drop\":[\"ALL\"]},\"seccompProfile\":{\"type\":"
        "\"RuntimeDefault\"}},"
        "\"volumeMounts\":[{\"name\":\"tls\",\"mountPath\":\"/etc/penstock/tls\",\"readOnly\":true}"
        ",{\"name\":\"tmp\",\"mountPath\":\"/tmp\"}]}",
        json_opt_str(job->spec, "imagePullPolicy", "IfNotPresent"), program);
    json_set_str(c, "image", job->image);
    cJSON *env = cJSON_AddArrayToObject(c, "env");
    AUTO_STR keys = STR_INIT;
    objects_keys_name(job->name, &keys);
    cJSON_AddItemToArray(env, json_of("{\"name\":\"PENSTOCK_TOKEN\",\"valueFrom\":{\"secretKeyRef\""
                                      ":{\"name\":\"%s\",\"key\":\"token\"}}}",
                                      str_text(&keys)));
    cJSON_AddItemToArray(
        env, json_of("{\"name\":\"POD_IP\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\","
                     "\"fieldPath\":\"status.podIP\"}}}"));
    return c;
}

static void set_arg(cJSON *c, const char *arg) {
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(c, "args"), cJSON_CreateString(arg));
}

static void ATTR_PRINTF(2, 3) set_argf(cJSON *c, const char *fmt, ...) {
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    set_arg(c, str_text(&text));
}

static void set_probe(cJSON *c, const char *kind, const char *path, int port, bool tls,
                      int period_s, int failures) {
    json_set(c, kind,
             json_of("{\"httpGet\":{\"path\":\"%s\",\"port\":%d,\"scheme\":\"%s\"},"
                     "\"periodSeconds\":%d,\"failureThreshold\":%d,\"timeoutSeconds\":5}",
                     path, port, tls ? "HTTPS" : "HTTP", period_s, failures));
}

/* A request is the one given, else the limit given, else the default; limit = request, for what
 * isolation limits. */
static void set_resources(const struct job *job, const char *part, cJSON *c) {
    bool coordinator = !strcmp(part, "coordinator");
    cJSON *r = cJSON_AddObjectToObject(c, "resources");
    cJSON *requests = json_of("{\"cpu\":\"%s\",\"memory\":\"%s\"}", coordinator ? "100m" : "500m",
                              coordinator ? "128Mi" : "512Mi");
    const cJSON *given = json_opt(json_opt(job->spec, part), "resources");
    cJSON *limits = json_opt(given, "limits") ? cJSON_Duplicate(json_opt(given, "limits"), true)
                                              : cJSON_CreateObject();
    overlay_merge(requests, limits); /* as Kubernetes does: unset requests are the limits */
    overlay_merge(requests, json_opt(given, "requests"));
    static const char *const names[] = {"memory", "cpu"};
    int limited = job->isolation == ISOLATION_NONE       ? 0
                  : job->isolation == ISOLATION_STANDARD ? 1
                                                         : 2;
    for (int i = 0; i < limited; i++)
        if (!json_opt(limits, names[i]))
            json_set(limits, names[i], cJSON_Duplicate(json_opt(requests, names[i]), true));
    json_set(r, "requests", requests);
    json_set(r, "limits", limits);
}

/* Secrets of spec.fileSystems, each once, as a volume and its mount. */
static void mount_secrets(const struct job *job, cJSON *volumes, cJSON *mounts) {
    const cJSON *row;
    int n = 0;
    cJSON_ArrayForEach(row, json_opt(job->spec, "fileSystems")) {
        const char *name = json_opt_str(json_opt(row, "secret"), "name", NULL);
        if (!name) continue;
        AUTO_STR path = STR_INIT;
        str_addf(&path, "%s/%s", JOB_SECRETS_DIR, name);
        const cJSON *m;
        bool there = false;
        cJSON_ArrayForEach(m, mounts) there |=
            !strcmp(json_opt_str(m, "mountPath", ""), str_text(&path));
        if (there) continue;
        cJSON *volume = json_of("{\"name\":\"secret-%d\",\"secret\":{\"defaultMode\":288}}", n);
        json_set_str(cJSON_GetObjectItemCaseSensitive(volume, "secret"), "secretName", name);
        cJSON_AddItemToArray(volumes, volume);
        cJSON *mount = json_of("{\"name\":\"secret-%d\",\"readOnly\":true}", n);
        json_set_str(mount, "mountPath", str_text(&path));
        cJSON_AddItemToArray(mounts, mount);
        n++;
    }
}

static cJSON *pod(const struct job *job, const char *name, const char *part, const char *role,
                  int64_t run, cJSON *c /* takes */, cJSON *volumes /* takes */) {
    cJSON *o = new_object(job, K8S_PODS, name);
    AUTO_STR keys = STR_INIT;
    objects_keys_name(job->name, &keys);
    cJSON *tls = json_of("{\"name\":\"tls\",\"secret\":{\"secretName\":\"%s\",\"defaultMode\":288,"
                         "\"items\":[]}}",
                         str_text(&keys));
    static const char *const files[] = {"ca.crt", "tls.crt", "tls.key"};
    size_t n_files = strcmp(role, JOB_ROLE_WORKER) ? ARRAY_LEN(files) : 1; /* it only trusts */
    for (size_t i = 0; i < n_files; i++)
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(
                                 cJSON_GetObjectItemCaseSensitive(tls, "secret"), "items"),
                             json_of("{\"key\":\"%s\",\"path\":\"%s\"}", files[i], files[i]));
    cJSON_AddItemToArray(volumes, tls);
    cJSON_AddItemToArray(volumes, json_of("{\"name\":\"tmp\",\"emptyDir\":{}}"));
    mount_secrets(job, volumes, cJSON_GetObjectItemCaseSensitive(c, "volumeMounts"));
    set_resources(job, part, c);
    cJSON *spec = json_of("{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
                          "\"enableServiceLinks\":false,\"terminationGracePeriodSeconds\":%d,"
                          "\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65532,"
                          "\"runAsGroup\":65532,\"fsGroup\":65532,\"seccompProfile\":{\"type\":"
                          "\"RuntimeDefault\"}}}",
                          OBJECTS_GRACE_S);
    json_set_str(spec, "serviceAccountName", job->name);
    const cJSON *pull = json_opt(job->spec, "imagePullSecrets");
    if (pull) json_set(spec, "imagePullSecrets", cJSON_Duplicate(pull, true));
    if (job->isolation == ISOLATION_STRICT)
        json_set_str(spec, "priorityClassName", "penstock-isolated");
    json_set(spec, "volumes", volumes);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(spec, "containers"), c);
    cJSON *spread = json_of("{\"maxSkew\":1,\"topologyKey\":\"kubernetes.io/hostname\","
                            "\"whenUnsatisfiable\":\"ScheduleAnyway\"}");
    json_set(cJSON_AddObjectToObject(spread, "labelSelector"), "matchLabels",
             selector(job, role, run));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(spec, "topologySpreadConstraints"), spread);
    json_set(o, "spec", spec);
    const cJSON *overlay = json_opt(json_opt(job->spec, part), "podTemplate"), *field;
    cJSON_ArrayForEach(field, overlay) { /* not the names and kinds that are ours to give */
        cJSON *mine = cJSON_GetObjectItemCaseSensitive(o, field->string);
        if (!strcmp(field->string, "spec") && cJSON_IsObject(field)) overlay_merge(spec, field);
        if (strcmp(field->string, "metadata") || !cJSON_IsObject(field)) continue;
        static const char *const parts[] = {"labels", "annotations"};
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            const cJSON *p = json_opt(field, parts[i]);
            if (!cJSON_IsObject(p)) continue; /* job_read has said so */
            if (!json_opt(mine, parts[i])) cJSON_AddObjectToObject(mine, parts[i]);
            overlay_merge(cJSON_GetObjectItemCaseSensitive(mine, parts[i]), p);
        }
    }
    objects_adopt(o, job, role, run);
    return o;
}

cJSON *objects_coordinator(const struct job *job, int64_t run, int64_t origin, const char *hash,
                           bool fresh) {
    AUTO_STR name = STR_INIT, spec = STR_INIT;
    objects_coordinator_name(job->name, run, &name);
    objects_spec_name(job->name, hash, &spec);
    cJSON *c = container(job, "/usr/bin/penstock-coordinator");
    set_arg(c, "--hold");
    set_argf(c, "--spec=/etc/penstock/job/%s", SPEC_KEY);
    set_arg(c, "--listen=$(POD_IP)");
    set_argf(c, "--port=%d", OBJECTS_REST_PORT);
    set_argf(c, "--workers=%d", job->workers);
    set_arg(c, "--tls=/etc/penstock/tls");
    set_arg(c, "--result=/dev/termination-log");
    /* A job that is deleted and made anew is another one, and so is one of another namespace. */
    set_argf(c, "--checkpoint-name=%s.%s.%s", job->ns, job->name, job->uid);
    set_argf(c, "--run-id=%s-%lld", job->uid, (long long)origin);
    if (fresh) set_arg(c, "--fresh");
    json_set(c, "ports",
             json_of("[{\"name\":\"rest\",\"containerPort\":%d,\"protocol\":\"TCP\"}]",
                     OBJECTS_REST_PORT));
    set_probe(c, "readinessProbe", "/healthz", OBJECTS_REST_PORT, true, 2, 3);
    set_probe(c, "livenessProbe", "/healthz", OBJECTS_REST_PORT, true, 10, 6);
    cJSON_AddItemToArray(
        cJSON_GetObjectItemCaseSensitive(c, "volumeMounts"),
        json_of("{\"name\":\"job\",\"mountPath\":\"/etc/penstock/job\",\"readOnly\":true}"));
    cJSON *volumes = cJSON_CreateArray();
    cJSON_AddItemToArray(volumes,
                         json_of("{\"name\":\"job\",\"configMap\":{\"name\":\"%s\",\"items\":[{"
                                 "\"key\":\"%s\",\"path\":\"%s\"}]}}",
                                 str_text(&spec), SPEC_KEY, SPEC_KEY));
    return pod(job, str_text(&name), "coordinator", JOB_ROLE_COORDINATOR, run, c, volumes);
}

cJSON *objects_worker(const struct job *job, int64_t run, int index, const char *coordinator_ip) {
    AUTO_STR name = STR_INIT, server = STR_INIT;
    str_addf(&name, "%s-%lld-worker-%d", job->name, (long long)run, index);
    objects_server_name(job->name, job->ns, &server);
    cJSON *c = container(job, "/usr/bin/penstock-worker");
    bool v6 = strchr(coordinator_ip, ':') != NULL;
    set_argf(c, "--coordinator=wss://%s%s%s:%d", v6 ? "[" : "", coordinator_ip, v6 ? "]" : "",
             OBJECTS_REST_PORT);
    set_argf(c, "--server-name=%s", str_text(&server));
    set_arg(c, "--tls=/etc/penstock/tls");
    set_argf(c, "--id=w%d", index);
    set_arg(c, "--host=$(POD_IP)");
    set_argf(c, "--slots=%d", job->slots);
    set_arg(c, "--connect-for=120");
    set_argf(c, "--health-port=%d", OBJECTS_HEALTH_PORT);
    set_argf(c, "--log=%s", job->log_levels);
    if (!strcmp(json_opt_str(json_opt(job->spec, "log"), "format", ""), "json"))
        set_arg(c, "--log-json");
    set_probe(c, "readinessProbe", "/readyz", OBJECTS_HEALTH_PORT, false, 2, 3);
    set_probe(c, "livenessProbe", "/healthz", OBJECTS_HEALTH_PORT, false, 10, 6);
    cJSON *o = pod(job, str_text(&name), "workers", JOB_ROLE_WORKER, run, c, cJSON_CreateArray());
    AUTO_STR number = STR_INIT;
    str_add_i64(&number, index);
    k8s_meta_set_label(o, "penstock.dev/index", str_text(&number));
    return o;
}
