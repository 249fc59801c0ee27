/* backpressure.c - from each blocked edge downstream, along the channels that are blocked most. */
#include "coordinator/load/backpressure.h"

#include "base/core/attr.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

const char *const bp_reason_names[BP_CPU + 1] = {"busy", "hot", "outside", "cpu"};

/* One subtask works at least so many times what the others do on average. */
#define HOT_FACTOR 2

/* The destination of the edge that is waited for the longest; *ret: how long. */
static int slowest_task(const struct bp_edge *e, float *ret) {
    int slowest = 0;
    *ret = 0;
    for (int to = 0; to < e->n_to; to++) {
        float most = 0;
        for (int from = 0; from < e->n_from; from++)
            most = MAX(most, e->blocked[from * e->n_to + to]);
        if (most > *ret) {
            *ret = most;
            slowest = to;
        }
    }
    return slowest;
}

static const struct bp_edge *most_blocked_out(const struct bp_edge *edges, int n_edges,
                                              int vertex) {
    const struct bp_edge *most = NULL;
    float share = BP_BLOCKED_MIN;
    for (int i = 0; i < n_edges; i++) {
        float s;
        if (edges[i].from != vertex) continue;
        slowest_task(&edges[i], &s);
        if (s < share) continue;
        share = s;
        most = &edges[i];
    }
    return most;
}

static bool is_hot(const struct bp_vertex *v, int task) {
    float others = 0;
    for (int i = 0; i < v->n_tasks; i++)
        others += i == task ? 0 : v->tasks[i].busy;
    return v->n_tasks > 1 && v->tasks[task].busy * (float)(v->n_tasks - 1) > HOT_FACTOR * others;
}

static void explain(const struct bp_vertex *v, struct bp_cause *c) {
    const struct bp_task *t = &v->tasks[c->subtask];
    c->reason = BP_BUSY;
    c->share = t->busy;
    if (t->waiting > c->share) {
        c->reason = BP_OUTSIDE;
        c->share = t->waiting;
    }
    if (t->ready > c->share) {
        c->reason = BP_CPU;
        c->share = t->ready;
    }
    if (c->reason == BP_BUSY && is_hot(v, c->subtask)) c->reason = BP_HOT;
}

static int by_blocked(const void *a, const void *b) {
    const struct bp_cause *x = a, *y = b;
    return x->blocked < y->blocked ? 1 : x->blocked > y->blocked ? -1 : x->vertex - y->vertex;
}

/* Vertices that something blocked flows into aren't where it begins. */
static bool is_furthest(const struct bp_edge *edges, int n_edges, int vertex) {
    for (int i = 0; i < n_edges; i++) {
        float s;
        if (edges[i].to != vertex) continue;
        slowest_task(&edges[i], &s);
        if (s >= BP_BLOCKED_MIN) return false;
    }
    return true;
}

int backpressure_causes(const struct bp_vertex *vertices, int n_vertices,
                        const struct bp_edge *edges, int n_edges, struct bp_cause *ret, int max) {
    struct bp_cause *found = mem_calloc((size_t)n_vertices + 1, sizeof *found);
    bool *known = mem_calloc((size_t)n_vertices + 1, sizeof *known);
    for (int i = 0; i < n_edges; i++) {
        const struct bp_edge *e = &edges[i];
        float share;
        int task = slowest_task(e, &share), victim = e->from;
        if (share < BP_BLOCKED_MIN) continue;
        const struct bp_edge *next;
        while ((next = most_blocked_out(edges, n_edges, e->to))) {
            e = next;
            task = slowest_task(e, &share);
        }
        struct bp_cause *c = &found[e->to];
        if (!known[e->to] || share > c->blocked) {
            int first = known[e->to] ? c->victim : victim;
            *c = (struct bp_cause){
                .vertex = e->to, .subtask = task, .blocked = share, .victim = first};
        }
        known[e->to] = true;
        if (is_furthest(edges, n_edges, victim)) c->victim = victim;
    }
    int n = 0;
    for (int v = 0; v < n_vertices; v++) {
        if (!known[v]) continue;
        explain(&vertices[v], &found[v]);
        found[n++] = found[v];
    }
    qsort(found, (size_t)n, sizeof *found, by_blocked);
    n = MIN(n, max);
    memcpy(ret, found, sizeof *ret * (size_t)n);
    free(found);
    free(known);
    return n;
}
