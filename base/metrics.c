/* metrics.c - the registry of time series and its text form. */
#define LOG_MODULE "metrics"
#include "base/metrics.h"

#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/queue.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct metric_desc metrics_table[METRIC_COUNT] = {
#define METRIC(id, name, type, unit, labels, help)                                                 \
    [METRIC_##id] = {name, METRIC_TYPE_##type, METRIC_UNIT_##unit, labels, help},
#include "base/metrics_list.def"
#undef METRIC
};

const char *metric_type_name(enum metric_type type) {
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[type];
}

/* All values are relaxed atomics: a reader may see one series a moment before another, which no one
 * can tell from having asked a moment earlier. */
struct series {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t value; /* count, or a gauge's double as bits */
    _Atomic uint64_t sum;                              /* histogram: a double as bits */
    _Atomic uint64_t *buckets;                         /* histogram: METRIC_BUCKETS + 1 */
    struct metrics *owner;
    enum metric_id id;
    int refs; /* guarded by the registry's lock */
    bool shown;
    char *labels; /* as exposed, and the key in the registry: a="x",b="y" */
};

struct collector {
    metrics_collect_fn fn;
    void *self;
};

struct metrics {
    pthread_mutex_t lock; /* guards series; nothing is called while it is held */
    struct map series[METRIC_COUNT];
    size_t n_series;
    _Atomic uint64_t n_dropped;
    pthread_mutex_t collect_lock; /* one exposition at a time; guards collectors */
    struct collector *collectors;
    size_t n_collectors, cap_collectors;
};

static uint64_t bits_of(double v) {
    uint64_t u;
    memcpy(&u, &v, sizeof(u));
    return u;
}

static double double_of(uint64_t u) {
    double v;
    memcpy(&v, &u, sizeof(v));
    return v;
}

static double bucket_bound(enum metric_unit unit, int i) {
    return unit == METRIC_UNIT_SECONDS ? ldexp(0.001, i) : ldexp(1, 2 * i);
}

struct metrics *metrics_new(void) {
    struct metrics *m = mem_zalloc(sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->collect_lock, NULL);
    for (int i = 0; i < METRIC_COUNT; i++)
        map_init(&m->series[i]);
    return m;
}

static void series_free(void *arg) {
    struct series *s = arg;
    free(s->buckets);
    free(s->labels);
    free(s);
}

void metrics_free(struct metrics *m) {
    if (!m) return;
    for (int i = 0; i < METRIC_COUNT; i++)
        map_release(&m->series[i], series_free);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->collect_lock);
    free(m->collectors);
    free(m);
}

/* ---- series ---------------------------------------------------------------------------------- */

/* \ and " and line ends are escaped (Prometheus' exposition formats, "Comments, help text, and type
 * information"); bytes that aren't UTF-8 become U+FFFD. */
static void add_label_value(struct str *out, const char *v) {
    for (size_t i = 0, len = strlen(v); i < len;) {
        size_t n = utf8_char_len(v + i, len - i);
        if (v[i] == '\\' || v[i] == '"') {
            str_addf(out, "\\%c", v[i]);
        } else if (v[i] == '\n') {
            str_add(out, "\\n");
        } else if (n == 0) {
            str_add_utf8(out, 0xFFFD);
            n = 1;
        } else {
            str_add_n(out, v + i, n);
        }
        i += n;
    }
}

static void add_labels(struct str *out, enum metric_id id, const char *const *values) {
    const char *name = metrics_table[id].labels;
    size_t n = 0;
    for (; *name; n++) {
        size_t len = strcspn(name, ",");
        CHECKF(values[n], "metric %s has the labels %s: one value is missing",
               metrics_table[id].name, metrics_table[id].labels);
        str_addf(out, "%s%.*s=\"", n ? "," : "", (int)len, name);
        add_label_value(out, values[n]);
        str_add_char(out, '"');
        name += len + (name[len] == ',');
    }
    CHECKF(!values[n], "metric %s has the labels %s: too many values", metrics_table[id].name,
           metrics_table[id].labels);
}

static struct series *series_new(struct metrics *m, enum metric_id id, const char *labels) {
    struct series *s = mem_aligned(CACHE_LINE_BYTES, sizeof(*s));
    memset(s, 0, sizeof(*s));
    s->owner = m;
    s->id = id;
    s->refs = 1;
    s->labels = mem_strdup(labels);
    if (metrics_table[id].type == METRIC_TYPE_HISTOGRAM)
        s->buckets = mem_calloc(METRIC_BUCKETS + 1, sizeof(*s->buckets));
    return s;
}

struct series *metrics_series(struct metrics *m, enum metric_id id, const char *const *labels) {
    AUTO_STR text = STR_INIT;
    add_labels(&text, id, labels);
    bool first_dropped = false;
    pthread_mutex_lock(&m->lock);
    struct series *s = map_get(&m->series[id], str_text(&text));
    if (s) {
        s->refs++;
    } else {
        s = series_new(m, id, str_text(&text));
        if (m->n_series < METRICS_SERIES_MAX) {
            map_put(&m->series[id], s->labels, s);
            s->shown = true;
            m->n_series++;
        } else {
            first_dropped = atomic_fetch_add_explicit(&m->n_dropped, 1, memory_order_relaxed) == 0;
        }
    }
    pthread_mutex_unlock(&m->lock);
    if (first_dropped)
        log_warn("too many time series: further ones aren't shown",
                 KV_I64("max", METRICS_SERIES_MAX), KV_STR("metric", metrics_table[id].name));
    return s;
}

void series_release(struct series *s) {
    if (!s) return;
    struct metrics *m = s->owner;
    pthread_mutex_lock(&m->lock);
    bool last = --s->refs == 0;
    if (last && s->shown) {
        map_remove(&m->series[s->id], s->labels);
        m->n_series--;
    }
    pthread_mutex_unlock(&m->lock);
    if (last) series_free(s);
}

void series_add(struct series *s, uint64_t n) {
    atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
}

void series_set(struct series *s, double v) {
    atomic_store_explicit(&s->value, bits_of(v), memory_order_relaxed);
}

static void add_double(_Atomic uint64_t *at, double v) {
    uint64_t old = atomic_load_explicit(at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(at, &old, bits_of(double_of(old) + v),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void series_observe(struct series *s, double v) {
    enum metric_unit unit = metrics_table[s->id].unit;
    int i = 0;
    while (i < METRIC_BUCKETS && !(v <= bucket_bound(unit, i)))
        i++;
    atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->value, 1, memory_order_relaxed);
    add_double(&s->sum, v);
}

uint64_t series_count(const struct series *s) {
    return atomic_load_explicit(&s->value, memory_order_relaxed);
}

double series_value(const struct series *s) {
    return double_of(atomic_load_explicit(&s->value, memory_order_relaxed));
}

/* ---- exposition ------------------------------------------------------------------------------ */

struct metrics_writer {
    struct str out[METRIC_COUNT]; /* lines of each metric, so that they come out together */
};

static void add_number(struct str *out, double v) {
    if (isnan(v)) {
        str_add(out, "NaN");
    } else if (isinf(v)) {
        str_add(out, v > 0 ? "+Inf" : "-Inf");
    } else if (v == floor(v) && fabs(v) < 1e15) {
        str_add_i64(out, (int64_t)v);
    } else {
        char buf[32];
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(buf, sizeof(buf), "%.*g", digits, v);
            if (strtod(buf, NULL) == v) break;
        }
        str_add(out, buf);
    }
}

static void add_sample(struct str *out, const char *name, const char *suffix, const char *labels) {
    str_addf(out, "%s%s", name, suffix);
    if (*labels) str_addf(out, "{%s}", labels);
    str_add_char(out, ' ');
}

static void add_count(struct str *out, const char *name, const char *suffix, const char *labels,
                      uint64_t n) {
    add_sample(out, name, suffix, labels);
    str_add_u64(out, n);
    str_add_char(out, '\n');
}

/* bounds NULL: the table's. */
static void add_histogram(struct str *out, enum metric_id id, const char *labels,
                          const double *bounds, const uint64_t *counts, size_t n_bounds,
                          double sum) {
    const struct metric_desc *d = &metrics_table[id];
    uint64_t total = 0;
    for (size_t i = 0; i <= n_bounds; i++) {
        total += counts[i];
        str_addf(out, "%s_bucket{%s%sle=\"", d->name, labels, *labels ? "," : "");
        add_number(out, i == n_bounds ? INFINITY
                        : bounds      ? bounds[i]
                                      : bucket_bound(d->unit, (int)i));
        str_add(out, "\"} ");
        str_add_u64(out, total);
        str_add_char(out, '\n');
    }
    add_sample(out, d->name, "_sum", labels);
    add_number(out, sum);
    str_add_char(out, '\n');
    add_count(out, d->name, "_count", labels, total);
}

static void add_series(struct str *out, const struct series *s) {
    const struct metric_desc *d = &metrics_table[s->id];
    if (d->type == METRIC_TYPE_HISTOGRAM) {
        uint64_t counts[METRIC_BUCKETS + 1];
        for (int i = 0; i <= METRIC_BUCKETS; i++)
            counts[i] = atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        double sum = double_of(atomic_load_explicit(&s->sum, memory_order_relaxed));
        add_histogram(out, s->id, s->labels, NULL, counts, METRIC_BUCKETS, sum);
        return;
    }
    if (d->type == METRIC_TYPE_COUNTER && d->unit != METRIC_UNIT_SECONDS) {
        add_count(out, d->name, "", s->labels, series_count(s));
        return;
    }
    double v = d->type == METRIC_TYPE_COUNTER ? (double)series_count(s) / 1e9 : series_value(s);
    if (isnan(v)) return;
    add_sample(out, d->name, "", s->labels);
    add_number(out, v);
    str_add_char(out, '\n');
}

void metrics_emit(struct metrics_writer *w, enum metric_id id, const char *const *labels,
                  double v) {
    CHECKF(metrics_table[id].type != METRIC_TYPE_HISTOGRAM, "metric %s is a histogram",
           metrics_table[id].name);
    if (isnan(v)) return;
    AUTO_STR text = STR_INIT;
    add_labels(&text, id, labels);
    add_sample(&w->out[id], metrics_table[id].name, "", str_text(&text));
    add_number(&w->out[id], v);
    str_add_char(&w->out[id], '\n');
}

void metrics_emit_histogram(struct metrics_writer *w, enum metric_id id, const char *const *labels,
                            const double *bounds, const uint64_t *counts, size_t n_bounds,
                            double sum) {
    CHECKF(metrics_table[id].type == METRIC_TYPE_HISTOGRAM, "metric %s is no histogram",
           metrics_table[id].name);
    AUTO_STR text = STR_INIT;
    add_labels(&text, id, labels);
    add_histogram(&w->out[id], id, str_text(&text), bounds, counts, n_bounds, sum);
}

void metrics_add_collector(struct metrics *m, metrics_collect_fn fn, void *self) {
    pthread_mutex_lock(&m->collect_lock);
    MEM_GROW(m->collectors, m->n_collectors, m->cap_collectors);
    m->collectors[m->n_collectors++] = (struct collector){fn, self};
    pthread_mutex_unlock(&m->collect_lock);
}

void metrics_remove_collector(struct metrics *m, metrics_collect_fn fn, void *self) {
    pthread_mutex_lock(&m->collect_lock);
    for (size_t i = 0; i < m->n_collectors; i++) {
        if (m->collectors[i].fn != fn || m->collectors[i].self != self) continue;
        m->collectors[i] = m->collectors[--m->n_collectors];
        break;
    }
    pthread_mutex_unlock(&m->collect_lock);
}

static void add_help(struct str *out, const char *help) {
    for (; *help; help++) { /* in help only \ and line ends are escaped */
        if (*help == '\\') {
            str_add(out, "\\\\");
        } else if (*help == '\n') {
            str_add(out, "\\n");
        } else {
            str_add_char(out, *help);
        }
    }
}

void metrics_text(struct metrics *m, struct str *out) {
    struct metrics_writer *w = mem_zalloc(sizeof(*w));
    pthread_mutex_lock(&m->collect_lock);
    for (size_t i = 0; i < m->n_collectors; i++)
        m->collectors[i].fn(m->collectors[i].self, w);
    pthread_mutex_unlock(&m->collect_lock);
    uint64_t dropped = atomic_load_explicit(&m->n_dropped, memory_order_relaxed);
    if (dropped) metrics_emit(w, METRIC_METRICS_DROPPED, NO_LABELS, (double)dropped);
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < METRIC_COUNT; i++) {
        struct map_entry e;
        for (size_t pos = 0; map_next(&m->series[i], &pos, &e);)
            add_series(&w->out[i], e.value);
    }
    pthread_mutex_unlock(&m->lock);
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_desc *d = &metrics_table[i];
        if (w->out[i].len) {
            str_addf(out, "# HELP %s ", d->name);
            add_help(out, d->help);
            str_addf(out, "\n# TYPE %s %s\n", d->name, metric_type_name(d->type));
            str_add_sv(out, str_view(&w->out[i]));
        }
        str_release(&w->out[i]);
    }
    free(w);
}

void metrics_docs(struct str *out) {
    str_add(out, "# Metrics\n\n"
                 "The coordinator serves these at `/metrics` in Prometheus' text form. Made from\n"
                 "`base/metrics_list.def` by `make docs`.\n\n"
                 "| name | type | labels | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_desc *d = &metrics_table[i];
        str_addf(out, "| `%s` | %s | ", d->name, metric_type_name(d->type));
        for (const char *p = d->labels; *p;) {
            size_t len = strcspn(p, ",");
            str_addf(out, "%s`%.*s`", p == d->labels ? "" : ", ", (int)len, p);
            p += len + (p[len] == ',');
        }
        str_addf(out, " | %s |\n", d->help);
    }
    str_addf(
        out,
        "\nHistograms of seconds have the buckets 1 ms, 2 ms, 4 ms … %.0f s, unless their owner "
        "keeps its own.\nA registry shows at most %d time series; "
        "`%s` counts those left out.\n",
        bucket_bound(METRIC_UNIT_SECONDS, METRIC_BUCKETS - 1), METRICS_SERIES_MAX,
        metrics_table[METRIC_METRICS_DROPPED].name);
}
