/* kafka_rig.h - runs one source or sink of a kafka table, as a task would: against the mock cluster
 * in unit tests, against a broker in tests/services/kafka_check.c. */
#ifndef PENSTOCK_TESTS_UNIT_CONNECTOR_KAFKA_KAFKA_RIG_H
#define PENSTOCK_TESTS_UNIT_CONNECTOR_KAFKA_KAFKA_RIG_H

#include "connector/kafka/kafka.h"
#include "tests/unit/connector/harness.h"

#include "base/core/json.h"
#include "base/core/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *servers;

struct waker {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static struct waker waker = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static void wake(void *self) {
    pthread_mutex_lock(&waker.lock);
    waker.woken = true;
    pthread_cond_signal(&waker.cond);
    pthread_mutex_unlock(&waker.lock);
}

static void wait_for_wake(void) {
    pthread_mutex_lock(&waker.lock);
    while (!waker.woken)
        pthread_cond_wait(&waker.cond, &waker.lock);
    waker.woken = false;
    pthread_mutex_unlock(&waker.lock);
}

static struct str letters;

static void skipped(void *self, struct sv raw, const char *place, const struct err *why) {
    str_addf(&letters, "%s: %.*s\n", place, (int)raw.len, raw.ptr);
}

/* One table of the mock cluster. */
struct run {
    struct harness h;
    const struct connector_desc *desc;
    struct err err;
    struct source *source;
    struct sink *sink;
    struct str out;
};

static const char *const *with_servers(const char *const *options) {
    static const char *all[64];
    int n = 0;
    for (; options[n]; n++)
        all[n] = options[n];
    all[n++] = "properties.bootstrap.servers";
    all[n++] = servers;
    all[n] = NULL;
    return all;
}

static void run_init(struct run *r, const char *columns, const char *const *options) {
    memset(r, 0, sizeof *r);
    harness_init(&r->h, columns, with_servers(options));
    r->desc = connector_find(connector_table_option(&r->h.table, "connector"));
    assert_non_null(r->desc);
}

static void run_release(struct run *r) {
    if (r->source) r->source->ops->free(r->source);
    if (r->sink) r->sink->ops->free(r->sink);
    str_release(&r->out);
    harness_release(&r->h);
}

static cJSON *list_splits(struct run *r) {
    cJSON *splits;
    if (r->desc->enumerate(&r->h.table, 1, &splits, &r->err)) fail_msg("%s", r->err.msg);
    return splits;
}

static void open_source(struct run *r, const cJSON *splits, uint32_t batch_rows) {
    struct source_ctx ctx = {.parallelism = 1,
                             .env = &r->h.env,
                             .produced = r->h.table.schema,
                             .batch_rows = batch_rows,
                             .wake = wake,
                             .skipped = skipped};
    if (r->desc->source_new(&r->h.table, &ctx, &r->source, &r->err)) fail_msg("%s", r->err.msg);
    const cJSON *s;
    cJSON_ArrayForEach(s, splits) if (r->source->ops->add_split(r->source, s, &r->err))
        fail_msg("%s", r->err.msg);
    r->source->ops->no_more_splits(r->source);
}

/* Up to so many batches; their rows go to out. What the last poll said. */
static int read_batches(struct run *r, int n) {
    int64_t wake_ns;
    for (;;) {
        struct batch *b = NULL;
        int status = r->source->ops->poll(r->source, &b, &wake_ns, &r->err);
        if (status == SOURCE_DATA) {
            harness_print(b, &r->out);
            batch_unref(b);
            if (--n == 0) return status;
        } else if (status == SOURCE_WAIT) {
            wait_for_wake();
        } else if (status != SOURCE_MORE) {
            return status;
        }
    }
}

/* All rows of a table, sorted if it has several partitions. */
static const char *read_all(struct run *r, uint32_t batch_rows) {
    AUTO_JSON *splits = list_splits(r);
    open_source(r, splits, batch_rows);
    int status = read_batches(r, INT32_MAX);
    if (status < 0) fail_msg("%s", r->err.msg);
    assert_int_equal(status, SOURCE_END);
    return str_text(&r->out);
}

ATTR_UNUSED static void open_sink(struct run *r, uint64_t attempt) {
    struct sink_ctx ctx = {.parallelism = 1,
                           .env = &r->h.env,
                           .job_id = "j",
                           .op_uid = "sink",
                           .attempt = attempt,
                           .wake = wake};
    r->h.table.sink_mode = CHANGELOG_ALL;
    if (r->desc->sink_new(&r->h.table, &ctx, &r->sink, &r->err)) fail_msg("%s", r->err.msg);
}

ATTR_UNUSED static int write_rows(struct run *r, const char *json, const char *const *kinds) {
    struct batch *b = harness_batch(&r->h, json, kinds);
    int rc;
    while ((rc = r->sink->ops->write(r->sink, b, &r->err)) == SINK_BUSY)
        wait_for_wake();
    batch_unref(b);
    return rc;
}

ATTR_UNUSED static int prepare(struct run *r, uint64_t checkpoint, bool end, cJSON **committable) {
    int rc;
    *committable = NULL;
    while ((rc = r->sink->ops->prepare(r->sink, checkpoint, end, committable, &r->err)) ==
           SINK_BUSY)
        wait_for_wake();
    return rc;
}

#define BOUNDED(topic)                                                                             \
    "connector", "kafka", "topic", topic, "scan.startup.mode", "earliest-offset",                  \
        "scan.bounded.mode", "latest-offset"

#endif
