/* histogram.c - the bucket of a time is its highest bit and the four bits behind that. */
#include "base/core/histogram.h"

#include "base/core/attr.h"

static int bucket_of(uint64_t ns) {
    if (ns < 1u << HISTOGRAM_MIN_BITS) return 0;
    int high = 63 - __builtin_clzll(ns);
    if (high >= HISTOGRAM_MAX_BITS) return HISTOGRAM_BUCKETS - 1;
    int sub = (int)(ns >> (high - HISTOGRAM_SUB_BITS)) & ((1 << HISTOGRAM_SUB_BITS) - 1);
    return 1 + ((high - HISTOGRAM_MIN_BITS) << HISTOGRAM_SUB_BITS) + sub;
}

uint64_t histogram_bound_ns(int bucket) {
    int high = (bucket >> HISTOGRAM_SUB_BITS) + HISTOGRAM_MIN_BITS;
    uint64_t sub = (uint64_t)bucket & ((1 << HISTOGRAM_SUB_BITS) - 1);
    return (1ull << high) + (sub << (high - HISTOGRAM_SUB_BITS));
}

static void add(_Atomic uint64_t *c, uint64_t v) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + v,
                          memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

void histogram_add(struct histogram *h, int64_t ns) {
    uint64_t v = (uint64_t)MAX(ns, 0);
    add(&h->counts[bucket_of(v)], 1);
    add(&h->sum_ns, v);
    if (v > get(&h->max_ns)) atomic_store_explicit(&h->max_ns, v, memory_order_relaxed);
}

cJSON *histogram_to_json(const struct histogram *h) {
    cJSON *o = cJSON_CreateObject(), *buckets = cJSON_CreateArray();
    json_set_i64(o, "sumNs", (int64_t)get(&h->sum_ns));
    json_set_i64(o, "maxNs", (int64_t)get(&h->max_ns));
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = get(&h->counts[i]);
        if (!n) continue;
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, json_i64(i));
        cJSON_AddItemToArray(pair, json_i64((int64_t)n));
        cJSON_AddItemToArray(buckets, pair);
    }
    json_set(o, "buckets", buckets);
    return o;
}

void histogram_sum_add(struct histogram_sum *s, const cJSON *h) {
    const cJSON *pair;
    cJSON_ArrayForEach(pair, json_opt(h, "buckets")) {
        const cJSON *bucket = pair->child, *count = bucket ? bucket->next : NULL;
        if (!cJSON_IsNumber(bucket) || !cJSON_IsNumber(count)) continue;
        if (bucket->valuedouble < 0 || bucket->valuedouble >= HISTOGRAM_BUCKETS) continue;
        uint64_t n = (uint64_t)MAX(count->valuedouble, 0);
        s->counts[(int)bucket->valuedouble] += n;
        s->count += n;
    }
    s->sum_ns += (uint64_t)MAX(json_opt_i64(h, "sumNs", 0), 0);
    s->max_ns = MAX(s->max_ns, (uint64_t)MAX(json_opt_i64(h, "maxNs", 0), 0));
}

uint64_t histogram_quantile_ns(const struct histogram_sum *s, double q) {
    if (!s->count) return 0;
    double want = q * (double)s->count;
    uint64_t seen = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += s->counts[i];
        if (seen && (double)seen >= want) return MIN(histogram_bound_ns(i), s->max_ns);
    }
    return s->max_ns;
}
