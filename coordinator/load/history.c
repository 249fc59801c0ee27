/* history.c - one ring per series and resolution; a sample goes to all of them at once, each
 * folding until its step is over. */
#include "coordinator/load/history.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const int64_t history_step_ms[HISTORY_LEVELS] = {1000, 10000, 60000};
static const uint32_t kept[HISTORY_LEVELS] = {600, 720, 1440};

struct ring {
    uint32_t first, n, cap; /* of samples; cap grows up to kept[] */
    int64_t *times;
    float *values;
    /* The step under way. */
    int64_t time;
    float sum[HISTORY_FIGURES_MAX];
    uint32_t count[HISTORY_FIGURES_MAX];
    bool open;
};

struct history {
    int n_series, n_figures;
    enum history_fold folds[HISTORY_FIGURES_MAX];
    struct ring *rings; /* [series][level] */
};

struct history *history_new(int n_series, const enum history_fold *folds, int n_figures) {
    CHECK(n_figures > 0 && n_figures <= HISTORY_FIGURES_MAX);
    struct history *h = mem_zalloc(sizeof *h);
    h->n_series = n_series;
    h->n_figures = n_figures;
    memcpy(h->folds, folds, sizeof *folds * (size_t)n_figures);
    h->rings = mem_calloc((size_t)n_series * HISTORY_LEVELS + 1, sizeof *h->rings);
    return h;
}

void history_free(struct history *h) {
    if (!h) return;
    for (int i = 0; i < h->n_series * HISTORY_LEVELS; i++) {
        free(h->rings[i].times);
        free(h->rings[i].values);
    }
    free(h->rings);
    free(h);
}

size_t history_max_bytes(int n_series, int n_figures) {
    size_t samples = 0;
    for (int l = 0; l < HISTORY_LEVELS; l++)
        samples += kept[l];
    return (size_t)n_series * (sizeof(struct ring) * HISTORY_LEVELS +
                               samples * (sizeof(int64_t) + sizeof(float) * (size_t)n_figures));
}

static float folded(const struct history *h, const struct ring *r, int figure) {
    if (!r->count[figure]) return NAN;
    return h->folds[figure] == HISTORY_MEAN ? r->sum[figure] / (float)r->count[figure]
                                            : r->sum[figure];
}

/* Twice the room; the ring lies straight in it. */
static void grow(const struct history *h, struct ring *r, uint32_t most) {
    uint32_t cap = MIN(MAX(2 * r->cap, 64u), most);
    size_t row = (size_t)h->n_figures;
    int64_t *times = mem_calloc(cap, sizeof *times);
    float *values = mem_calloc(cap * row, sizeof *values);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t at = (r->first + i) % r->cap;
        times[i] = r->times[at];
        memcpy(values + i * row, r->values + at * row, sizeof *values * row);
    }
    free(r->times);
    free(r->values);
    r->times = times;
    r->values = values;
    r->cap = cap;
    r->first = 0;
}

static void close_step(const struct history *h, struct ring *r, uint32_t most) {
    if (r->n == r->cap && r->cap < most) grow(h, r, most);
    if (r->n == r->cap) {
        r->first = (r->first + 1) % r->cap;
        r->n--;
    }
    uint32_t at = (r->first + r->n++) % r->cap;
    r->times[at] = r->time;
    for (int f = 0; f < h->n_figures; f++)
        r->values[(size_t)at * (size_t)h->n_figures + (size_t)f] = folded(h, r, f);
    memset(r->sum, 0, sizeof r->sum);
    memset(r->count, 0, sizeof r->count);
    r->open = false;
}

void history_add(struct history *h, int series, int64_t time_ms, const float *values) {
    CHECK(series >= 0 && series < h->n_series);
    for (int l = 0; l < HISTORY_LEVELS; l++) {
        struct ring *r = &h->rings[series * HISTORY_LEVELS + l];
        int64_t start = time_ms - time_ms % history_step_ms[l];
        if (r->open && start > r->time) close_step(h, r, kept[l]);
        if (!r->open) r->time = MAX(start, r->time);
        r->open = true;
        for (int f = 0; f < h->n_figures; f++) {
            if (isnan(values[f])) continue;
            if (h->folds[f] == HISTORY_MAX && r->count[f])
                r->sum[f] = MAX(r->sum[f], values[f]);
            else
                r->sum[f] += values[f];
            r->count[f]++;
        }
    }
}

/* The finest ring that holds since_ms, or all there ever was. */
static const struct ring *ring_for(const struct history *h, int series, int64_t since_ms,
                                   int *ret_level) {
    const struct ring *rings = &h->rings[series * HISTORY_LEVELS];
    for (int l = 0; l < HISTORY_LEVELS; l++) {
        const struct ring *r = &rings[l];
        *ret_level = l;
        if (r->n < kept[l] || r->times[r->first] <= since_ms) return r;
    }
    return &rings[HISTORY_LEVELS - 1];
}

size_t history_read(const struct history *h, int series, int64_t since_ms, int64_t **ret_times,
                    float **ret_values, int64_t *ret_step_ms) {
    CHECK(series >= 0 && series < h->n_series);
    int level = 0;
    const struct ring *r = ring_for(h, series, since_ms, &level);
    size_t row = (size_t)h->n_figures, n = 0;
    *ret_step_ms = history_step_ms[level];
    *ret_times = mem_calloc(r->n + 1, sizeof **ret_times);
    *ret_values = mem_calloc((r->n + 1) * row, sizeof **ret_values);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t at = (r->first + i) % r->cap;
        if (r->times[at] + history_step_ms[level] <= since_ms) continue;
        (*ret_times)[n] = r->times[at];
        memcpy(*ret_values + n * row, r->values + at * row, sizeof **ret_values * row);
        n++;
    }
    return n;
}
