/* sampler.c - differences between reports, folded over subtasks. */
#include "coordinator/load/sampler.h"

#include "base/core/histogram.h"
#include "base/core/mem.h"
#include "coordinator/load/backpressure.h"
#include "coordinator/load/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures in the history ---- */

enum vertex_figure {
    V_IN,
    V_OUT,
    V_BUSY,
    V_BUSY_MAX,
    V_IDLE,
    V_BLOCKED,
    V_WAITING,
    V_READY,
    V_QUEUE,
    V_LAG,
    V_COUNT
};
static const char *const vertex_names[V_COUNT] = {
    "recordsInPerS", "recordsOutPerS", "busy",  "busyMax",       "idle",
    "backpressured", "waiting",        "ready", "queuedBatches", "watermarkLagMs"};
static const enum history_fold vertex_folds[V_COUNT] = {
    [V_BUSY_MAX] = HISTORY_MAX, [V_QUEUE] = HISTORY_MAX, [V_LAG] = HISTORY_MAX};

enum edge_figure { E_RECORDS, E_BYTES, E_BLOCKED, E_BLOCKED_MAX, E_EPISODES, E_COUNT };
static const char *const edge_names[E_COUNT] = {"recordsPerS", "bytesPerS", "blocked", "blockedMax",
                                                "episodes"};
static const enum history_fold edge_folds[E_COUNT] = {
    [E_BLOCKED_MAX] = HISTORY_MAX, [E_EPISODES] = HISTORY_SUM};

/* ---- what was reported ---- */

struct task_counts {
    int64_t busy, idle, blocked, waiting, ready; /* ms */
    int64_t in, out, queue, watermark;
};
struct task_now {
    struct task_counts counts;
    struct bp_task share;
    float in, out;  /* records a second */
    cJSON *latency; /* histogram_to_json's; NULL: not measured */
    bool known;     /* share and rates are there */
};

struct sender { /* one subtask's side of an edge */
    int64_t records, bytes, episodes, last_blocked_ms, lengths[6];
    float records_s, bytes_s;
    cJSON *hot_keys; /* of hot_keys_to_json (worker/exchange/hot_keys.h); NULL: none is hot */
};
struct edge_now {
    struct sender *from;
    int64_t *blocked_ms; /* [from * n_to + to]; -1: there is no such channel */
    float *blocked;      /* share */
    int64_t ticked;      /* episodes as of the last tick */
    int n_from, n_to;
};

struct sampler {
    const struct plan *plan;
    struct task_now **tasks; /* [vertex][subtask] */
    struct edge_now *edges;
    struct history *vertices_past, *edges_past;
};

struct sampler *sampler_new(const struct plan *plan) {
    struct sampler *s = mem_zalloc(sizeof *s);
    s->plan = plan;
    s->tasks = mem_calloc((size_t)plan->n_vertices + 1, sizeof *s->tasks);
    for (int v = 0; v < plan->n_vertices; v++)
        s->tasks[v] = mem_calloc((size_t)plan->vertices[v].parallelism, sizeof **s->tasks);
    s->edges = mem_calloc((size_t)plan->n_edges + 1, sizeof *s->edges);
    for (int i = 0; i < plan->n_edges; i++) {
        struct edge_now *e = &s->edges[i];
        e->n_from = plan->vertices[plan->edges[i].from].parallelism;
        e->n_to = plan->vertices[plan->edges[i].to].parallelism;
        size_t channels = (size_t)e->n_from * (size_t)e->n_to;
        e->from = mem_calloc((size_t)e->n_from, sizeof *e->from);
        e->blocked_ms = mem_calloc(channels, sizeof *e->blocked_ms);
        e->blocked = mem_calloc(channels, sizeof *e->blocked);
        memset(e->blocked_ms, -1, channels * sizeof *e->blocked_ms);
    }
    s->vertices_past = history_new(plan->n_vertices, vertex_folds, V_COUNT);
    s->edges_past = history_new(plan->n_edges, edge_folds, E_COUNT);
    return s;
}

void sampler_free(struct sampler *s) {
    if (!s) return;
    for (int v = 0; v < s->plan->n_vertices; v++) {
        for (int i = 0; i < s->plan->vertices[v].parallelism; i++)
            cJSON_Delete(s->tasks[v][i].latency);
        free(s->tasks[v]);
    }
    for (int i = 0; i < s->plan->n_edges; i++) {
        for (int k = 0; k < s->edges[i].n_from; k++)
            cJSON_Delete(s->edges[i].from[k].hot_keys);
        free(s->edges[i].from);
        free(s->edges[i].blocked_ms);
        free(s->edges[i].blocked);
    }
    free(s->tasks);
    free(s->edges);
    history_free(s->vertices_past);
    history_free(s->edges_past);
    free(s);
}

/* Growth since then; all of it for a counter that began anew. */
static int64_t since(int64_t now, int64_t before) {
    return now < before ? now : now - before;
}

static void read_edge(struct edge_now *e, int from, const cJSON *out, int64_t ms) {
    struct sender *s = &e->from[from];
    int64_t records = json_opt_i64(out, "records", 0), bytes = json_opt_i64(out, "bytes", 0);
    s->records_s = (float)since(records, s->records) * 1000 / (float)ms;
    s->bytes_s = (float)since(bytes, s->bytes) * 1000 / (float)ms;
    s->records = records;
    s->bytes = bytes;
    s->episodes = json_opt_i64(out, "episodes", 0);
    s->last_blocked_ms = json_opt_i64(out, "lastBlockedMs", 0);
    const cJSON *x = json_opt(out, "hotKeys");
    cJSON_Delete(s->hot_keys);
    s->hot_keys = x ? cJSON_Duplicate(x, true) : NULL;
    int i = 0;
    cJSON_ArrayForEach(x, json_opt(out, "episodeLengths")) {
        if (i < (int)ARRAY_LEN(s->lengths)) s->lengths[i++] = (int64_t)x->valuedouble;
    }
    cJSON_ArrayForEach(x, json_opt(out, "channels")) {
        int64_t to = json_opt_i64(x, "to", -1);
        if (to < 0 || to >= e->n_to) continue;
        int64_t at = (int64_t)from * e->n_to + to, blocked = json_opt_i64(x, "blockedMs", 0);
        int64_t grown = since(blocked, MAX(e->blocked_ms[at], 0));
        e->blocked[at] = MIN((float)grown / (float)ms, 1);
        e->blocked_ms[at] = blocked;
    }
}

/* Sources take records from the outside. */
static int64_t records_in(const struct plan_vertex *v, const cJSON *task) {
    if (v->n_inputs) return json_opt_i64(task, "recordsIn", 0);
    const cJSON *ops = json_opt(task, "ops");
    return json_opt_i64(ops ? ops->child : NULL, "recordsOut", 0);
}

void sampler_report(struct sampler *s, const cJSON *task) {
    const struct plan *plan = s->plan;
    int64_t v = json_opt_i64(task, "vertex", -1), sub = json_opt_i64(task, "subtask", -1);
    if (v < 0 || v >= plan->n_vertices || sub < 0 || sub >= plan->vertices[v].parallelism) return;
    struct task_now *t = &s->tasks[v][sub];
    struct task_counts c = {.busy = json_opt_i64(task, "busyMs", 0),
                            .idle = json_opt_i64(task, "idleMs", 0),
                            .blocked = json_opt_i64(task, "backpressuredMs", 0),
                            .waiting = json_opt_i64(task, "waitingMs", 0),
                            .ready = json_opt_i64(task, "readyMs", 0),
                            .in = records_in(&plan->vertices[v], task),
                            .watermark = json_opt_i64(task, "watermark", WATERMARK_MIN)};
    const cJSON *x = json_opt(task, "latency");
    cJSON_Delete(t->latency);
    t->latency = x ? cJSON_Duplicate(x, true) : NULL;
    cJSON_ArrayForEach(x, json_opt(task, "outputs")) c.out += json_opt_i64(x, "records", 0);
    cJSON_ArrayForEach(x, json_opt(task, "inputs")) c.queue += json_opt_i64(x, "queued", 0);
    const struct task_counts *b = &t->counts;
    int64_t busy = since(c.busy, b->busy), idle = since(c.idle, b->idle),
            blocked = since(c.blocked, b->blocked), waiting = since(c.waiting, b->waiting),
            ready = since(c.ready, b->ready);
    int64_t ms = busy + idle + blocked + waiting + ready;
    if (ms <= 0) return; /* the same moment once more */
    float f = 1 / (float)ms;
    t->share = (struct bp_task){(float)busy * f, (float)idle * f, (float)blocked * f,
                                (float)waiting * f, (float)ready * f};
    t->in = (float)since(c.in, b->in) * 1000 * f;
    t->out = (float)since(c.out, b->out) * 1000 * f;
    t->counts = c;
    t->known = true;
    cJSON_ArrayForEach(x, json_opt(task, "outputs")) {
        int64_t e = json_opt_i64(x, "edge", -1);
        if (e >= 0 && e < plan->n_edges && plan->edges[e].from == v)
            read_edge(&s->edges[e], (int)sub, x, ms);
    }
}

/* ---- folded over subtasks ---- */

static void fold_vertex(const struct sampler *s, int v, int64_t now_ms, float *ret) {
    int known = 0, n = s->plan->vertices[v].parallelism;
    for (int f = 0; f < V_COUNT; f++)
        ret[f] = 0;
    ret[V_LAG] = NAN;
    for (int i = 0; i < n; i++) {
        const struct task_now *t = &s->tasks[v][i];
        if (!t->known) continue;
        known++;
        ret[V_IN] += t->in;
        ret[V_OUT] += t->out;
        ret[V_BUSY] += t->share.busy;
        ret[V_BUSY_MAX] = MAX(ret[V_BUSY_MAX], t->share.busy);
        ret[V_IDLE] += t->share.idle;
        ret[V_BLOCKED] += t->share.blocked;
        ret[V_WAITING] += t->share.waiting;
        ret[V_READY] += t->share.ready;
        ret[V_QUEUE] += (float)t->counts.queue;
        int64_t wm = t->counts.watermark;
        if (wm == WATERMARK_MIN || wm == WATERMARK_MAX) continue;
        float lag = (float)(now_ms - wm);
        ret[V_LAG] = isnan(ret[V_LAG]) ? lag : MAX(ret[V_LAG], lag);
    }
    static const enum vertex_figure means[] = {V_BUSY, V_IDLE, V_BLOCKED, V_WAITING, V_READY};
    for (size_t i = 0; i < ARRAY_LEN(means); i++)
        ret[means[i]] /= (float)MAX(known, 1);
    for (int f = 0; f < V_COUNT && !known; f++)
        ret[f] = NAN;
}

static int64_t episodes_of(const struct edge_now *e) {
    int64_t n = 0;
    for (int i = 0; i < e->n_from; i++)
        n += e->from[i].episodes;
    return n;
}

static void fold_edge(const struct edge_now *e, float *ret) {
    for (int f = 0; f < E_COUNT; f++)
        ret[f] = 0;
    for (int i = 0; i < e->n_from; i++) {
        ret[E_RECORDS] += e->from[i].records_s;
        ret[E_BYTES] += e->from[i].bytes_s;
    }
    int n = 0;
    for (int i = 0; i < e->n_from * e->n_to; i++) {
        if (e->blocked_ms[i] < 0) continue;
        n++;
        ret[E_BLOCKED] += e->blocked[i];
        ret[E_BLOCKED_MAX] = MAX(ret[E_BLOCKED_MAX], e->blocked[i]);
    }
    ret[E_BLOCKED] /= (float)MAX(n, 1);
    ret[E_EPISODES] = (float)since(episodes_of(e), e->ticked);
}

void sampler_tick(struct sampler *s, int64_t now_ms) {
    for (int v = 0; v < s->plan->n_vertices; v++) {
        float figures[V_COUNT];
        fold_vertex(s, v, now_ms, figures);
        history_add(s->vertices_past, v, now_ms, figures);
    }
    for (int i = 0; i < s->plan->n_edges; i++) {
        float figures[E_COUNT];
        fold_edge(&s->edges[i], figures);
        s->edges[i].ticked = episodes_of(&s->edges[i]);
        history_add(s->edges_past, i, now_ms, figures);
    }
}

/* ---- as JSON ---- */

static double rounded(float v) { /* four digits say enough */
    char text[32];
    snprintf(text, sizeof text, "%.4g", (double)v);
    return strtod(text, NULL);
}

static void set_figures(cJSON *o, const char *const *names, const float *values, int n) {
    for (int f = 0; f < n; f++)
        if (!isnan(values[f])) cJSON_AddNumberToObject(o, names[f], rounded(values[f]));
}

static cJSON *task_json(const struct task_now *t, int subtask) {
    cJSON *o = cJSON_CreateObject();
    json_set_i64(o, "subtask", subtask);
    const float values[] = {t->in,         t->out,           t->share.busy,
                            t->share.idle, t->share.blocked, t->share.waiting,
                            t->share.ready};
    static const char *const names[] = {"recordsInPerS", "recordsOutPerS", "busy", "idle",
                                        "backpressured", "waiting",        "ready"};
    set_figures(o, names, values, ARRAY_LEN(values));
    return o;
}

static cJSON *latency_json(const struct task_now *tasks, int n) {
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}};
    struct histogram_sum *sum = mem_zalloc(sizeof *sum);
    for (int i = 0; i < n; i++)
        histogram_sum_add(sum, tasks[i].latency);
    cJSON *o = sum->count ? cJSON_CreateObject() : NULL;
    if (o) {
        json_set_i64(o, "count", (int64_t)sum->count);
        cJSON_AddNumberToObject(o, "mean", rounded((float)sum->sum_ns / 1e6f / (float)sum->count));
        for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
            cJSON_AddNumberToObject(
                o, quantiles[i].name,
                rounded((float)histogram_quantile_ns(sum, quantiles[i].q) / 1e6f));
        cJSON_AddNumberToObject(o, "max", rounded((float)sum->max_ns / 1e6f));
    }
    free(sum);
    return o;
}

static cJSON *vertices_json(const struct sampler *s, int64_t now_ms) {
    cJSON *list = cJSON_CreateArray();
    for (int v = 0; v < s->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &s->plan->vertices[v];
        cJSON *o = cJSON_CreateObject(), *tasks = cJSON_CreateArray();
        float figures[V_COUNT];
        json_set_str(o, "uid", pv->uid);
        json_set_str(o, "name", pv->name);
        json_set_i64(o, "parallelism", pv->parallelism);
        fold_vertex(s, v, now_ms, figures);
        set_figures(o, vertex_names, figures, V_COUNT);
        cJSON *latency = latency_json(s->tasks[v], pv->parallelism);
        if (latency) json_set(o, "latencyMs", latency);
        for (int i = 0; i < pv->parallelism; i++)
            if (s->tasks[v][i].known) cJSON_AddItemToArray(tasks, task_json(&s->tasks[v][i], i));
        json_set(o, "tasks", tasks);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *channels_json(const struct edge_now *e) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < e->n_from * e->n_to; i++) {
        if (e->blocked_ms[i] <= 0) continue;
        cJSON *o = cJSON_CreateObject();
        json_set_i64(o, "from", i / e->n_to);
        json_set_i64(o, "to", i % e->n_to);
        json_set_i64(o, "blockedMs", e->blocked_ms[i]);
        cJSON_AddNumberToObject(o, "blocked", rounded(e->blocked[i]));
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

/* [{"key", "share"}...] over all senders. A sender that has no hot key counts
 * like the others. */
static cJSON *hot_keys_json(const struct edge_now *e) {
    cJSON *list = cJSON_CreateArray();
    double records = 0;
    for (int i = 0; i < e->n_from; i++)
        records += e->from[i].records_s;
    for (int i = 0; i < e->n_from && records > 0; i++) {
        double sampled = (double)json_opt_i64(e->from[i].hot_keys, "sampled", 0);
        const cJSON *k;
        cJSON_ArrayForEach(k, json_opt(e->from[i].hot_keys, "keys")) {
            const char *key = json_opt_str(k, "key", "");
            double share = e->from[i].records_s / records * (double)json_opt_i64(k, "count", 0) /
                           MAX(sampled, 1);
            cJSON *known = NULL, *x;
            cJSON_ArrayForEach(x, list) {
                if (!strcmp(json_opt_str(x, "key", ""), key)) known = x;
            }
            if (!known) {
                known = cJSON_CreateObject();
                json_set_str(known, "key", key);
                cJSON_AddNumberToObject(known, "share", 0);
                cJSON_AddItemToArray(list, known);
            }
            cJSON *total = cJSON_GetObjectItemCaseSensitive(known, "share");
            cJSON_SetNumberValue(total, rounded((float)(total->valuedouble + share)));
        }
    }
    return list;
}

/* The hottest key on its way into a vertex; NULL: none. */
static const cJSON *hottest(const struct sampler *s, int vertex, cJSON **ret_owner) {
    const cJSON *best = NULL, *k;
    *ret_owner = NULL;
    for (int i = 0; i < s->plan->n_edges; i++) {
        if (s->plan->edges[i].to != vertex) continue;
        cJSON *keys = hot_keys_json(&s->edges[i]);
        const cJSON *of_edge = NULL;
        cJSON_ArrayForEach(k, keys) {
            const cJSON *most = of_edge ? of_edge : best;
            if (!most || json_opt(k, "share")->valuedouble > json_opt(most, "share")->valuedouble)
                of_edge = k;
        }
        if (of_edge) {
            cJSON_Delete(*ret_owner);
            *ret_owner = keys;
            best = of_edge;
        } else {
            cJSON_Delete(keys);
        }
    }
    return best;
}

static cJSON *edges_json(const struct sampler *s) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < s->plan->n_edges; i++) {
        const struct plan_edge *pe = &s->plan->edges[i];
        const struct edge_now *e = &s->edges[i];
        cJSON *o = cJSON_CreateObject(), *lengths = cJSON_CreateArray();
        float figures[E_COUNT];
        fold_edge(e, figures);
        json_set_i64(o, "edge", i);
        json_set_str(o, "from", s->plan->vertices[pe->from].uid);
        json_set_str(o, "to", s->plan->vertices[pe->to].uid);
        set_figures(o, edge_names, figures, E_EPISODES);
        int64_t blocked_ms = 0, last_ms = 0;
        for (int k = 0; k < e->n_from * e->n_to; k++)
            blocked_ms += MAX(e->blocked_ms[k], 0);
        for (int k = 0; k < e->n_from; k++)
            last_ms = MAX(last_ms, e->from[k].last_blocked_ms);
        json_set_i64(o, "blockedMs", blocked_ms);
        json_set_i64(o, "episodes", episodes_of(e));
        for (size_t l = 0; l < ARRAY_LEN(e->from->lengths); l++) {
            int64_t n = 0;
            for (int k = 0; k < e->n_from; k++)
                n += e->from[k].lengths[l];
            cJSON_AddItemToArray(lengths, json_i64(n));
        }
        json_set(o, "episodeLengths", lengths);
        if (last_ms) json_set_i64(o, "lastBlockedMs", last_ms);
        json_set(o, "channels", channels_json(e));
        cJSON *hot = hot_keys_json(e);
        if (hot->child)
            json_set(o, "hotKeys", hot);
        else
            cJSON_Delete(hot);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void add_hot_key(const struct sampler *s, int vertex, struct str *out) {
    AUTO_JSON *owner = NULL;
    const cJSON *key = hottest(s, vertex, &owner);
    if (key)
        str_addf(out, " (key %s alone makes %d %% of them)", json_opt_str(key, "key", ""),
                 (int)lround(json_opt(key, "share")->valuedouble * 100));
}

static void advice(const struct sampler *s, const struct bp_cause *c, struct str *out) {
    const struct plan_vertex *v = &s->plan->vertices[c->vertex];
    const struct plan_op *last = &v->ops[v->n_ops - 1];
    int percent = (int)lroundf(c->share * 100);
    switch (c->reason) {
    case BP_BUSY:
        str_addf(out, "is busy %d %% of the time: a higher parallelism spreads its work", percent);
        break;
    case BP_HOT:
        str_addf(out,
                 "is busy %d %% of the time while its other subtasks have time: its rows are "
                 "spread unevenly, or its host is slow",
                 percent);
        add_hot_key(s, c->vertex, out);
        break;
    case BP_OUTSIDE:
        str_addf(out, "waits %d %% of the time for the outside world (%s)", percent, last->name);
        break;
    case BP_CPU:
        str_addf(out,
                 "could work but waits %d %% of the time for a core: more workers or cores "
                 "would help",
                 percent);
        break;
    }
}

static cJSON *causes_json(const struct sampler *s) {
    enum { CAUSES_MAX = 16 };
    const struct plan *p = s->plan;
    struct bp_vertex *vertices = mem_calloc((size_t)p->n_vertices + 1, sizeof *vertices);
    struct bp_edge *edges = mem_calloc((size_t)p->n_edges + 1, sizeof *edges);
    struct bp_cause causes[CAUSES_MAX];
    for (int v = 0; v < p->n_vertices; v++) {
        int n = p->vertices[v].parallelism;
        struct bp_task *tasks = mem_calloc((size_t)n, sizeof *tasks);
        for (int i = 0; i < n; i++)
            tasks[i] = s->tasks[v][i].share;
        vertices[v] = (struct bp_vertex){n, tasks};
    }
    for (int i = 0; i < p->n_edges; i++)
        edges[i] = (struct bp_edge){p->edges[i].from, p->edges[i].to, s->edges[i].n_from,
                                    s->edges[i].n_to, s->edges[i].blocked};
    int n = backpressure_causes(vertices, p->n_vertices, edges, p->n_edges, causes, CAUSES_MAX);
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        const struct plan_vertex *v = &p->vertices[causes[i].vertex];
        const struct plan_vertex *victim = &p->vertices[causes[i].victim];
        cJSON *o = cJSON_CreateObject();
        AUTO_STR text = STR_INIT;
        json_set_str(o, "vertex", v->uid);
        json_set_str(o, "name", v->name);
        json_set_i64(o, "subtask", causes[i].subtask);
        json_set_str(o, "reason", bp_reason_names[causes[i].reason]);
        cJSON_AddNumberToObject(o, "share", rounded(causes[i].share));
        cJSON_AddNumberToObject(o, "blocked", rounded(causes[i].blocked));
        json_set_str(o, "victim", victim->uid);
        str_addf(&text, "%s, subtask %d of %d, ", v->name, causes[i].subtask + 1, v->parallelism);
        advice(s, &causes[i], &text);
        str_addf(&text, "; it keeps %s waiting %d %% of the time", victim->name,
                 (int)lroundf(causes[i].blocked * 100));
        json_set_str(o, "text", str_text(&text));
        cJSON_AddItemToArray(list, o);
    }
    for (int v = 0; v < p->n_vertices; v++)
        free((void *)vertices[v].tasks);
    free(vertices);
    free(edges);
    return list;
}

cJSON *sampler_load(const struct sampler *s, int64_t now_ms) {
    cJSON *o = cJSON_CreateObject();
    json_set_i64(o, "at", now_ms);
    json_set(o, "vertices", vertices_json(s, now_ms));
    json_set(o, "edges", edges_json(s));
    json_set(o, "causes", causes_json(s));
    return o;
}

static void series_text(const struct history *h, int series, const char *const *names, int n,
                        int64_t since_ms, struct str *out) {
    AUTO_FREE int64_t *times = NULL;
    AUTO_FREE float *values = NULL;
    int64_t step_ms;
    size_t count = history_read(h, series, since_ms, &times, &values, &step_ms);
    str_addf(out, "\"stepMs\":%lld,\"times\":[", (long long)step_ms);
    for (size_t i = 0; i < count; i++)
        str_addf(out, i ? ",%lld" : "%lld", (long long)times[i]);
    str_add(out, "],\"figures\":{");
    for (int f = 0; f < n; f++) {
        str_addf(out, f ? ",\"%s\":[" : "\"%s\":[", names[f]);
        for (size_t i = 0; i < count; i++) {
            float v = values[i * (size_t)n + (size_t)f];
            if (i) str_add_char(out, ',');
            if (isnan(v))
                str_add(out, "null");
            else
                str_addf(out, "%.4g", (double)v);
        }
        str_add_char(out, ']');
    }
    str_add(out, "}}");
}

void sampler_history(const struct sampler *s, int64_t since_ms, struct str *out) {
    const struct plan *p = s->plan;
    str_add(out, "{\"vertices\":[");
    for (int v = 0; v < p->n_vertices; v++) {
        str_add(out, v ? ",{\"uid\":" : "{\"uid\":");
        json_quote(out, sv_from(p->vertices[v].uid));
        str_add_char(out, ',');
        series_text(s->vertices_past, v, vertex_names, V_COUNT, since_ms, out);
    }
    str_add(out, "],\"edges\":[");
    for (int i = 0; i < p->n_edges; i++) {
        str_addf(out, i ? ",{\"edge\":%d," : "{\"edge\":%d,", i);
        series_text(s->edges_past, i, edge_names, E_COUNT, since_ms, out);
    }
    str_add(out, "]}\n");
}
