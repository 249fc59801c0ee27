/* job.c - FlinkJobs read from the API server's JSON, which its schema has checked. */
#include "operator/job.h"

#include "base/core/digest.h"
#include "base/proto/manifest.h"
#include "operator/k8s/meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int choice(const cJSON *spec, const char *key, const char *const *names) {
    const char *v = json_opt_str(spec, key, "");
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], v)) return i;
    return 0;
}

int64_t quantity_milli(const cJSON *q) {
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"", 1e3},
                 {"m", 1},
                 {"k", 1e6},
                 {"M", 1e9},
                 {"G", 1e12},
                 {"T", 1e15},
                 {"Ki", 1024e3},
                 {"Mi", 1048576e3},
                 {"Gi", 1073741824e3},
                 {"Ti", 1099511627776e3}};
    if (cJSON_IsNumber(q)) return (int64_t)(q->valuedouble * 1e3);
    if (!cJSON_IsString(q)) return -1;
    char *end;
    double v = strtod(q->valuestring, &end);
    if (end == q->valuestring || v < 0) return -1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (!strcmp(end, units[i].suffix) && v * units[i].factor < 9e18)
            return (int64_t)(v * units[i].factor);
    return -1;
}

/* Slots that the job needs: its parallelism for each slot group that it may have. */
static int slots_needed(const cJSON *spec, int parallelism) {
    enum { GROUPS_MAX = 64 };
    const char *names[GROUPS_MAX];
    int width[GROUPS_MAX], n = 1;
    names[0] = "default";
    width[0] = parallelism;
    const cJSON *v;
    cJSON_ArrayForEach(v, json_opt(json_opt(spec, "plan"), "vertices")) {
        const char *group = json_opt_str(v, "slotGroup", "default");
        int p = (int)json_opt_i64(v, "parallelism", parallelism), i = 0;
        while (i < n && strcmp(names[i], group))
            i++;
        if (i == n) {
            if (n == GROUPS_MAX) continue;
            names[n] = group;
            width[n++] = 0;
        }
        if (width[i] < p) width[i] = p;
    }
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += width[i];
    return sum;
}

static void size_workers(const cJSON *spec, struct job *j) {
    const cJSON *w = json_opt(spec, "workers"), *r = json_opt(w, "resources");
    int need = slots_needed(spec, j->parallelism);
    j->workers = (int)json_opt_i64(w, "replicas", 0);
    j->slots = (int)json_opt_i64(w, "slots", 0);
    if (!j->slots && j->workers) {
        j->slots = (need + j->workers - 1) / j->workers;
    } else if (!j->slots) {
        int64_t cpu = quantity_milli(json_opt(json_opt(r, "limits"), "cpu"));
        if (cpu < 0) cpu = quantity_milli(json_opt(json_opt(r, "requests"), "cpu"));
        j->slots = cpu < 2000 ? 1 : (int)(cpu / 1000 > need ? need : cpu / 1000);
    }
    if (!j->workers) j->workers = (need + j->slots - 1) / j->slots;
}

void job_hash_with(const struct job *j, const char *image, char ret[JOB_HASH_BYTES]) {
    char hex[DIGEST_SHA256_HEX_BYTES];
    AUTO_STR text = STR_INIT;
    ret[0] = '\0';
    if (!j->spec_text) return;
    str_addf(&text, "%s\n%s\n%lld", j->spec_text, image,
             (long long)json_opt_i64(j->spec, "restartNonce", 0));
    digest_sha256_hex(str_text(&text), text.len, hex);
    memcpy(ret, hex, JOB_HASH_BYTES - 1);
    ret[JOB_HASH_BYTES - 1] = '\0';
}

bool job_is_of(const struct job *j, const char *hash, const char *image) {
    char other[JOB_HASH_BYTES];
    if (!strcmp(hash, j->hash)) return true;
    if (!image || json_opt(j->spec, "image")) return false;
    job_hash_with(j, image, other);
    return !strcmp(hash, other);
}

static int make_spec(struct arena *a, const char *sql, struct job *j, struct err *err) {
    struct job_spec *s;
    int rc = job_spec_of_object(a, j->object, sql, &s, err);
    if (rc) return rc;
    j->log_levels = s->log_levels;
    s->log_levels = "info"; /* changes without a restart */
    s->stateless = false;   /* said to each coordinator: --fresh */
    s->workers = j->workers;
    s->slots = j->slots;
    AUTO_JSON *json = job_spec_to_json(s);
    AUTO_STR text = STR_INIT;
    json_print(json, &text);
    j->spec_text = arena_strdup(a, str_text(&text));
    job_hash_with(j, j->image, j->hash);
    return 0;
}

/* Parts of pod templates that must be mappings, which the schema leaves open. NULL: they are. */
static const char *template_problem(struct arena *a, const cJSON *spec) {
    static const char *const pods[] = {"workers", "coordinator"}, *const parts[] = {"labels",
                                                                                    "annotations"};
    for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
        const cJSON *t = json_opt(json_opt(spec, pods[i]), "podTemplate"),
                    *meta = json_opt(t, "metadata");
        if (meta && !cJSON_IsObject(meta))
            return arena_printf(a, "spec.%s.podTemplate.metadata must be a mapping", pods[i]);
        if (json_opt(t, "spec") && !cJSON_IsObject(json_opt(t, "spec")))
            return arena_printf(a, "spec.%s.podTemplate.spec must be a mapping", pods[i]);
        for (size_t k = 0; k < ARRAY_LEN(parts); k++)
            if (json_opt(meta, parts[k]) && !cJSON_IsObject(json_opt(meta, parts[k])))
                return arena_printf(a, "spec.%s.podTemplate.metadata.%s must be a mapping", pods[i],
                                    parts[k]);
    }
    return NULL;
}

int job_read(struct arena *a, const cJSON *object, const char *sql, const struct job_defaults *d,
             struct job *ret, struct err *err) {
    static const char *const goals[] = {"running", "suspended", "preview", NULL};
    static const char *const upgrades[] = {"last-checkpoint", "savepoint", "stateless", NULL};
    static const char *const isolations[] = {"none", "standard", "strict", NULL};
    struct job j = {.object = object, .spec = json_opt(object, "spec")};
    j.ns = k8s_meta_ns(object);
    j.name = k8s_meta_name(object);
    j.uid = k8s_meta_uid(object);
    j.generation = k8s_meta_generation(object);
    j.deleting = k8s_meta_deleting(object);
    j.has_finalizer = k8s_has_finalizer(object, JOB_FINALIZER);
    const char *deleted = json_opt_str(json_opt(object, "metadata"), "deletionTimestamp", NULL);
    if (deleted && k8s_time_parse(deleted, &j.deleted_ms, err)) return err->code;
    j.goal = (enum job_goal)choice(json_opt(j.spec, "job"), "state", goals);
    j.upgrade = (enum job_upgrade)choice(json_opt(j.spec, "job"), "upgradeMode", upgrades);
    j.isolation = json_opt(j.spec, "isolation")
                      ? (enum job_isolation)choice(j.spec, "isolation", isolations)
                      : ISOLATION_STANDARD;
    j.paused = json_opt_bool(j.spec, "paused", false);
    j.parallelism = (int)json_opt_i64(j.spec, "parallelism", 1);
    j.image = json_opt_str(j.spec, "image", d->image);
    size_workers(j.spec, &j);
    const cJSON *ref = json_opt(json_opt(j.spec, "sqlFrom"), "configMapKeyRef");
    j.problem = template_problem(a, j.spec);
    if (j.problem) {
        j.log_levels = "info";
    } else if (ref && !sql) {
        j.problem = arena_printf(
            a,
            "spec.sqlFrom: there is no ConfigMap '%s' with a key '%s' in namespace '%s': make it",
            json_opt_str(ref, "name", ""), json_opt_str(ref, "key", ""), j.ns);
        j.log_levels = "info";
    } else if (j.workers > JOB_WORKERS_MAX) {
        j.problem = arena_printf(a,
                                 "spec.workers: the job would take %d workers, and may have %d: "
                                 "raise 'slots', or the CPUs in 'resources'",
                                 j.workers, JOB_WORKERS_MAX);
        j.log_levels = "info";
    } else {
        int rc = make_spec(a, sql, &j, err);
        if (rc) return rc;
    }
    *ret = j;
    return 0;
}
