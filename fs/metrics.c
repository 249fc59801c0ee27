/* metrics.c - see metrics.h. */
#include "fs/metrics.h"

#include "base/core/clock.h"

const char *const fs_op_names[FS_OP_COUNT] = {
    [FS_OP_STAT] = "stat",       [FS_OP_OPEN] = "open",     [FS_OP_READ] = "read",
    [FS_OP_PUT] = "put",         [FS_OP_CREATE] = "create", [FS_OP_WRITE] = "write",
    [FS_OP_FINISH] = "finish",   [FS_OP_STAGE] = "stage",   [FS_OP_COMMIT] = "commit",
    [FS_OP_DISCARD] = "discard", [FS_OP_SWEEP] = "sweep",   [FS_OP_LIST] = "list",
    [FS_OP_DELETE] = "delete",   [FS_OP_RENAME] = "rename", [FS_OP_MKDIRS] = "mkdirs",
};

const double fs_latency_bounds_s[FS_LATENCY_BUCKETS - 1] = {0.001, 0.002, 0.004, 0.008, 0.016,
                                                            0.032, 0.064, 0.128, 0.256, 0.512,
                                                            1.024, 2.048, 4.096, 8.192, 16.384};

static void add(_Atomic uint64_t *at, uint64_t n) {
    atomic_fetch_add_explicit(at, n, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *at) {
    return atomic_load_explicit(at, memory_order_relaxed);
}

void fs_metrics_count(struct fs_metrics *m, enum fs_op op, int64_t begun_ns, int rc) {
    struct fs_op_metrics *o = &m->ops[op];
    int64_t ns = clock_mono_ns() - begun_ns;
    int bucket = 0;
    while (bucket < FS_LATENCY_BUCKETS - 1 && (double)ns > fs_latency_bounds_s[bucket] * 1e9)
        bucket++;
    add(&o->calls, 1);
    add(&o->ns, (uint64_t)ns);
    add(&o->latency[bucket], 1);
    if (rc < 0 && rc != ERR_NOT_FOUND && rc != ERR_EXISTS && rc != ERR_CANCELLED)
        add(&o->errors, 1);
}

cJSON *fs_metrics_to_json(const struct fs_metrics *m, const char *store) {
    cJSON *j = cJSON_CreateObject(), *ops = cJSON_AddArrayToObject(j, "ops");
    json_set_str(j, "store", store);
    json_set_u64(j, "requests", get(&m->requests));
    json_set_u64(j, "retries", get(&m->retries));
    json_set_u64(j, "throttledNs", get(&m->throttled_ns));
    json_set_u64(j, "bytesRead", get(&m->bytes_read));
    json_set_u64(j, "bytesWritten", get(&m->bytes_written));
    for (int i = 0; i < FS_OP_COUNT; i++) {
        const struct fs_op_metrics *o = &m->ops[i];
        if (!get(&o->calls)) continue;
        cJSON *one = cJSON_CreateObject(), *latency = cJSON_AddArrayToObject(one, "latency");
        json_set_str(one, "op", fs_op_names[i]);
        json_set_u64(one, "calls", get(&o->calls));
        json_set_u64(one, "errors", get(&o->errors));
        json_set_u64(one, "ns", get(&o->ns));
        for (int b = 0; b < FS_LATENCY_BUCKETS; b++)
            cJSON_AddItemToArray(latency, json_u64(get(&o->latency[b])));
        cJSON_AddItemToArray(ops, one);
    }
    return j;
}

static void emit_op(struct metrics_writer *w, const char *process, const char *store,
                    const cJSON *o) {
    const char *const *labels = LABELS(process, store, json_opt_str(o, "op", ""));
    uint64_t counts[FS_LATENCY_BUCKETS] = {0};
    const cJSON *latency = json_opt(o, "latency"), *c;
    int i = 0;
    cJSON_ArrayForEach(c, latency) {
        if (i < FS_LATENCY_BUCKETS) counts[i++] = (uint64_t)c->valuedouble;
    }
    metrics_emit(w, METRIC_FS_ERRORS, labels, json_opt_f64(o, "errors", 0));
    metrics_emit_histogram(w, METRIC_FS_LATENCY, labels, fs_latency_bounds_s, counts,
                           FS_LATENCY_BUCKETS - 1, json_opt_f64(o, "ns", 0) / 1e9);
}

void fs_metrics_emit(struct metrics_writer *w, const char *process, const cJSON *json) {
    const char *store = json_opt_str(json, "store", "");
    const char *const *labels = LABELS(process, store);
    metrics_emit(w, METRIC_FS_REQUESTS, labels, json_opt_f64(json, "requests", 0));
    metrics_emit(w, METRIC_FS_RETRIES, labels, json_opt_f64(json, "retries", 0));
    metrics_emit(w, METRIC_FS_THROTTLED, labels, json_opt_f64(json, "throttledNs", 0) / 1e9);
    metrics_emit(w, METRIC_FS_BYTES_READ, labels, json_opt_f64(json, "bytesRead", 0));
    metrics_emit(w, METRIC_FS_BYTES_WRITTEN, labels, json_opt_f64(json, "bytesWritten", 0));
    const cJSON *o;
    cJSON_ArrayForEach(o, json_opt(json, "ops")) emit_op(w, process, store, o);
}
