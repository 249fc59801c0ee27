/* metrics.h - every metric of the product in one table (metrics_list.def), a registry of time
 * series, and Prometheus' text form (version 0.0.4).
 *
 *     struct series *in = metrics_series(m, METRIC_TASK_RECORDS_IN, LABELS("flights", "a1b2",
 * "0")); series_add(in, batch->n);          // any thread, relaxed series_release(in); // the task
 * has ended: the series goes
 *
 * Values that are kept elsewhere are given by collectors, which are asked at each exposition. */
#ifndef PENSTOCK_BASE_METRICS_H
#define PENSTOCK_BASE_METRICS_H

#include "base/core/attr.h"
#include "base/core/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };
enum metric_unit {
    METRIC_UNIT_NONE,
    METRIC_UNIT_BYTES,
    METRIC_UNIT_SECONDS,
    METRIC_UNIT_TIMESTAMP,
    METRIC_UNIT_RATIO
};

enum metric_id {
#define METRIC(id, name, type, unit, labels, help) METRIC_##id,
#include "base/metrics_list.def"
#undef METRIC
    METRIC_COUNT
};

struct metric_desc {
    const char *name;
    enum metric_type type;
    enum metric_unit unit;
    const char *labels; /* comma-separated */
    const char *help;
};
extern const struct metric_desc metrics_table[METRIC_COUNT];
const char *metric_type_name(enum metric_type type); /* "counter" */

enum {
    METRIC_LABELS_MAX = 8,
    METRICS_SERIES_MAX = 50000, /* of a registry; further ones are counted, not shown */
    /* Histograms: 1 ms, then times 2 up to about 9 minutes for seconds; for others 1, times 4. */
    METRIC_BUCKETS = 20
};

struct metrics; /* a registry; all of it is thread-safe */
struct series;  /* one time series; alone on its cache lines */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m); /* with all its series; NULL is fine */

/* The values of the metric's labels, in the table's order. */
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LABELS ((const char *const[]){NULL})

/* The series of these label values, made if it is new; counted: each call wants a series_release.
 * CHECKs that the number of labels is the table's. */
struct series *metrics_series(struct metrics *m, enum metric_id id, const char *const *labels);
/* The last release removes the series from the exposition. NULL is fine. */
void series_release(struct series *s);

void series_add(struct series *s, uint64_t n);   /* counter; SECONDS: ns */
void series_set(struct series *s, double v);     /* gauge; NaN: absent from the exposition */
void series_observe(struct series *s, double v); /* histogram */
uint64_t series_count(const struct series *s);   /* of a counter, or a histogram's observations */
double series_value(const struct series *s);     /* of a gauge */

/* ---- exposition ---- */

struct metrics_writer;
/* Called at each exposition, on the thread that asks for it, one at a time. Emits values that are
 * kept elsewhere. */
typedef void (*metrics_collect_fn)(void *self, struct metrics_writer *w);
void metrics_add_collector(struct metrics *m, metrics_collect_fn fn, void *self);
/* Waits for an exposition under way. */
void metrics_remove_collector(struct metrics *m, metrics_collect_fn fn, void *self);
/* Counters and gauges, in the unit shown (seconds, not ns). */
void metrics_emit(struct metrics_writer *w, enum metric_id id, const char *const *labels, double v);
/* A histogram kept elsewhere: counts per bucket (not cumulated), the last one for values beyond the
 * last bound. */
void metrics_emit_histogram(struct metrics_writer *w, enum metric_id id, const char *const *labels,
                            const double *bounds, const uint64_t *counts, size_t n_bounds,
                            double sum);

/* Emits the process's metrics (PROCESS_*, BUILD_INFO, LOG_LINES) at each exposition. */
void metrics_add_process(struct metrics *m, const char *program);

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_text(struct metrics *m, struct str *out);
/* docs/metrics.md: the table for people. */
void metrics_docs(struct str *out);

#endif
