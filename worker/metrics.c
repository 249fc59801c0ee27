/* metrics.c - counters as JSON. */
#include "worker/metrics.h"

const int64_t episode_bounds_ms[EPISODE_BUCKETS - 1] = {1, 10, 100, 1000, 10000};
const char *const task_phase_names[PHASE_COUNT] = {"readyMs", "idleMs", "backpressuredMs",
                                                   "waitingMs"};

enum { NS_PER_MS = 1000000 };

void metrics_episode(struct edge_metrics *e, struct channel_metrics *c, int64_t length_ns,
                     int64_t wall_ms) {
    int bucket = 0;
    while (bucket < EPISODE_BUCKETS - 1 && length_ns >= episode_bounds_ms[bucket] * NS_PER_MS)
        bucket++;
    metric_add(&c->blocked_ns, (uint64_t)length_ns);
    metric_add(&c->episodes, 1);
    metric_set(&c->blocked_since_ns, 0);
    metric_add(&e->episodes, 1);
    metric_add(&e->episode_lengths[bucket], 1);
    metric_set(&e->last_blocked_ms, wall_ms);
}

static void set_count(cJSON *obj, const char *key, const metric *m) {
    json_set_i64(obj, key, (int64_t)metric_get(m));
}

void metrics_task_to_json(const struct task_metrics *m, int64_t now_ns, cJSON *ret_obj) {
    set_count(ret_obj, "recordsIn", &m->records_in);
    set_count(ret_obj, "bytesIn", &m->bytes_in);
    set_count(ret_obj, "batchesIn", &m->batches_in);
    set_count(ret_obj, "turns", &m->turns);
    json_set_i64(ret_obj, "busyMs", (int64_t)(metric_get(&m->busy_ns) / NS_PER_MS));
    int64_t since = metric_get_i64(&m->phase_since_ns);
    for (int p = 0; p < PHASE_COUNT; p++) {
        int64_t ns = (int64_t)metric_get(&m->phase_ns[p]);
        if (since && metric_get_i64(&m->phase) == p && now_ns > since) ns += now_ns - since;
        json_set_i64(ret_obj, task_phase_names[p], ns / NS_PER_MS);
    }
    json_set_i64(ret_obj, "watermark", metric_get_i64(&m->watermark));
    set_count(ret_obj, "barriers", &m->barriers);
    json_set_i64(ret_obj, "alignMs", (int64_t)(metric_get(&m->align_ns) / NS_PER_MS));
}

void metrics_op_to_json(const struct op_metrics *m, cJSON *ret_obj) {
    set_count(ret_obj, "recordsIn", &m->records_in);
    set_count(ret_obj, "recordsOut", &m->records_out);
    set_count(ret_obj, "batchesIn", &m->batches_in);
    set_count(ret_obj, "lateRecords", &m->late_records);
    set_count(ret_obj, "errors", &m->errors);
    set_count(ret_obj, "bytes", &m->bytes);
    json_set_i64(ret_obj, "stateBytes", metric_get_i64(&m->state_bytes));
    json_set_i64(ret_obj, "stateEntries", metric_get_i64(&m->state_entries));
    json_set_i64(ret_obj, "watermark", metric_get_i64(&m->watermark));
}

void metrics_edge_to_json(const struct edge_metrics *m, cJSON *ret_obj) {
    set_count(ret_obj, "records", &m->records);
    set_count(ret_obj, "bytes", &m->bytes);
    set_count(ret_obj, "batches", &m->batches);
    set_count(ret_obj, "watermarks", &m->watermarks);
    set_count(ret_obj, "episodes", &m->episodes);
    cJSON *lengths = cJSON_CreateArray();
    for (int i = 0; i < EPISODE_BUCKETS; i++)
        cJSON_AddItemToArray(lengths, json_i64((int64_t)metric_get(&m->episode_lengths[i])));
    json_set(ret_obj, "episodeLengths", lengths);
    json_set_i64(ret_obj, "lastBlockedMs", metric_get_i64(&m->last_blocked_ms));
}

void metrics_channel_to_json(const struct channel_metrics *m, int64_t now_ns, cJSON *ret_obj) {
    set_count(ret_obj, "records", &m->records);
    set_count(ret_obj, "batches", &m->batches);
    set_count(ret_obj, "episodes", &m->episodes);
    int64_t ns = (int64_t)metric_get(&m->blocked_ns);
    int64_t since = metric_get_i64(&m->blocked_since_ns);
    if (since && now_ns > since) ns += now_ns - since;
    json_set_i64(ret_obj, "blockedMs", ns / NS_PER_MS);
}
