/* lookup_full.c - reading a lookup table whole, beside the task. */
#define LOG_MODULE "lookup"
#include "worker/lookup_full.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "vector/program.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_POLL_MS = 10 }; /* between polls of a source that waits without saying how long */

/* Contents: the store and what it refers to. */
struct contents {
    struct arena arena;
    struct join_store *store;
};

struct lookup_full {
    struct lookup_full_options o;
    const struct connector_desc *desc;
    struct thread thread;
    struct contents *current; /* the op's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    bool stop, woken, failed;
    struct contents *next; /* read, not yet taken */
    struct err err;        /* of the first reading */
};

static void contents_free(struct contents *c) {
    if (!c) return;
    join_store_free(c->store);
    arena_release(&c->arena);
    free(c);
}

/* ---- on the thread ---- */

static void source_wakes(void *self) {
    struct lookup_full *f = self;
    pthread_mutex_lock(&f->lock);
    f->woken = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void source_skipped(void *self, struct sv raw, const char *place, const struct err *why) {
    struct lookup_full *f = self;
    log_warn("record skipped", KV_STR("table", f->o.table->name), KV_STR("place", place),
             KV_STR("error", why->msg));
}

/* Until woken, stopped or the time has come. False: stop. */
static bool wait_until(struct lookup_full *f, int64_t mono_ns) {
    pthread_mutex_lock(&f->lock);
    while (!f->stop && !f->woken) {
        int64_t left = mono_ns - clock_mono_ns();
        if (left <= 0) break;
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        int64_t ns = at.tv_nsec + left % 1000000000;
        at.tv_sec += left / 1000000000 + ns / 1000000000;
        at.tv_nsec = ns % 1000000000;
        pthread_cond_timedwait(&f->changed, &f->lock, &at);
    }
    f->woken = false;
    bool go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static int hold_rows(struct lookup_full *f, struct contents *c, struct program *filter,
                     const struct batch *b, struct err *err) {
    AUTO_FREE uint32_t *rows = mem_calloc((size_t)b->n + 1, sizeof *rows);
    AUTO_FREE uint64_t *hashes = mem_calloc((size_t)b->n + 1, sizeof *hashes);
    AUTO_FREE struct join_key **keys = mem_calloc((size_t)b->n + 1, sizeof(*keys));
    uint32_t n = b->n;
    if (filter) {
        int rc = program_select(filter, b->cols, b->n_cols, b->n, rows, &n, NULL, err);
        if (rc) return rc;
    } else {
        for (uint32_t i = 0; i < n; i++)
            rows[i] = i;
    }
    const struct column *cols[STATE_KEYS_MAX];
    for (int k = 0; k < f->o.n_keys; k++) {
        cols[k] = &b->cols[f->o.keys[k]];
        col_hash(cols[k], hashes, b->n);
    }
    join_store_hold(c->store, cols, hashes, rows, n, keys);
    for (uint32_t i = 0; i < n; i++)
        join_store_add(c->store, keys[i], b, rows[i], 0);
    return 0;
}

static struct batch *keep_columns(const struct lookup_full *f, struct batch *b, const int *keep) {
    struct batch *out = batch_new(f->o.schema->n);
    out->n = b->n;
    for (int i = 0; i < out->n_cols; i++)
        col_ref(&out->cols[i], &b->cols[keep[i]]);
    batch_unref(b);
    return out;
}

static int read_all(struct lookup_full *f, struct contents *c, struct source *s, const int *keep,
                    struct program *filter, struct err *err) {
    for (;;) {
        struct batch *b = NULL;
        int64_t wake_ns = 0;
        int status = s->ops->poll(s, &b, &wake_ns, err);
        int rc = status < 0 ? status : 0;
        if (b && keep) b = keep_columns(f, b, keep);
        if (b && !rc) rc = hold_rows(f, c, filter, b, err);
        batch_unref(b);
        if (rc || status == SOURCE_END) return rc;
        int64_t until = status != SOURCE_WAIT ? 0
                        : wake_ns             ? wake_ns
                                              : clock_mono_ns() + WAIT_POLL_MS * 1000000LL;
        if (!wait_until(f, until)) return err_set(err, ERR_CANCELLED, "the task ends");
    }
}

static int add_splits(struct lookup_full *f, const struct connector_table *t, struct source *s,
                      struct err *err) {
    cJSON *splits = NULL;
    int rc = f->desc->enumerate ? f->desc->enumerate(t, 1, &splits, err) : 0;
    const cJSON *split;
    cJSON_ArrayForEach(split, splits) {
        if (!rc) rc = s->ops->add_split(s, split, err);
    }
    cJSON_Delete(splits);
    if (!rc) s->ops->no_more_splits(s);
    return rc;
}

static int read_source(struct lookup_full *f, struct contents *c, struct program *filter,
                       struct err *err) {
    struct connector_table t = *f->o.table;
    const int *keep = NULL;
    if (!(f->desc->caps & CONNECTOR_PROJECTION) && t.n_projection >= 0) {
        keep = t.projection;
        t.n_projection = -1;
    }
    struct source_ctx ctx = {.parallelism = 1,
                             .env = f->o.env,
                             .produced = connector_produced(&c->arena, &t),
                             .batch_rows = f->o.batch_rows,
                             .wake_self = f,
                             .wake = source_wakes,
                             .report_self = f,
                             .skipped = source_skipped};
    struct source *s = NULL;
    int rc = f->desc->source_new(&t, &ctx, &s, err);
    if (rc) return rc;
    rc = add_splits(f, &t, s, err);
    if (!rc) rc = read_all(f, c, s, keep, filter, err);
    s->ops->free(s);
    return rc;
}

static int read_contents(struct lookup_full *f, struct contents **ret, struct err *err) {
    struct contents *c = mem_zalloc(sizeof *c);
    arena_init(&c->arena);
    c->store = join_store_new(&c->arena, f->o.schema, f->o.keys, f->o.n_keys);
    struct program *filter = NULL;
    const struct expr *e;
    int rc = f->o.filter ? expr_from_json(&c->arena, f->o.filter, &e, err) : 0;
    if (!rc && f->o.filter) rc = program_new(&e, 1, f->o.env, &filter, err);
    if (!rc) rc = read_source(f, c, filter, err);
    program_free(filter);
    if (rc) {
        contents_free(c);
        return err_wrap(err, "reading lookup table '%s'", f->o.table->name);
    }
    *ret = c;
    return 0;
}

/* Hands over what was read, or the error. False: there is no sense in going on. */
static bool publish(struct lookup_full *f, struct contents *c, const struct err *err, bool first) {
    pthread_mutex_lock(&f->lock);
    bool stop = f->stop;
    if (c) {
        struct contents *old = f->next;
        f->next = c;
        c = old;
    } else if (first) {
        f->failed = true;
        f->err = *err;
    }
    pthread_mutex_unlock(&f->lock);
    contents_free(c);
    if (!stop) f->o.wake(f->o.wake_self);
    return !stop && !(first && err->code);
}

static void run(void *arg) {
    struct lookup_full *f = arg;
    for (bool first = true;; first = false) {
        struct err err = ERR_INIT;
        struct contents *c = NULL;
        int64_t started = clock_mono_ns();
        int rc = read_contents(f, &c, &err);
        if (rc && !first && rc != ERR_CANCELLED)
            log_warn("lookup table not read again", KV_STR("table", f->o.table->name),
                     KV_STR("error", err.msg));
        if (!publish(f, c, &err, first) || !f->o.reload_ms) return;
        int64_t from = f->o.fixed_rate ? started : clock_mono_ns();
        int64_t until = from + f->o.reload_ms * 1000000;
        while (clock_mono_ns() < until)
            if (!wait_until(f, until)) return;
    }
}

/* ---- on the task's thread ---- */

int lookup_full_new(const struct lookup_full_options *opts, struct lookup_full **ret,
                    struct err *err) {
    struct lookup_full *f = mem_zalloc(sizeof *f);
    f->o = *opts;
    f->desc = connector_find(connector_table_option(opts->table, "connector"));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, &attr);
    pthread_condattr_destroy(&attr);
    int rc = thread_start(&f->thread, "lookup", run, f, err);
    if (rc) {
        lookup_full_free(f);
        return rc;
    }
    *ret = f;
    return 0;
}

void lookup_full_free(struct lookup_full *f) {
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    thread_join(&f->thread);
    contents_free(f->current);
    contents_free(f->next);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int lookup_full_take(struct lookup_full *f, struct join_store **ret, struct err *err) {
    struct contents *old = NULL;
    pthread_mutex_lock(&f->lock);
    int rc = f->failed ? f->err.code : 0;
    if (rc && err) *err = f->err;
    if (f->next) {
        old = f->current;
        f->current = f->next;
        f->next = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    contents_free(old);
    *ret = f->current ? f->current->store : NULL;
    return rc;
}
