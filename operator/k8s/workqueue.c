/* workqueue.c - see workqueue.h. Ready keys stand in a list, delayed ones have a timer. */
#include "operator/k8s/workqueue.h"

#include "base/core/clock.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "operator/k8s/backoff.h"

#include <stdlib.h>
#include <string.h>

struct key {
    struct k8s_queue *queue;
    char *name;
    struct key *next, **prev; /* prev NULL = not ready */
    struct net_timer *timer;  /* NULL until the key is delayed for the first time */
    bool working, again;      /* again: added while in work */
    bool delayed;
    int64_t due_ns; /* delayed */
    int64_t ready_ns;
    int failures;
};

struct k8s_queue {
    struct k8s_queue_options o;
    struct map keys;
    struct key *ready, **ready_tail;
    struct net_timer *turn; /* hands out work, from the loop */
    bool running;
    struct k8s_queue_stats stats;
};

static void hand_out(void *arg);

struct k8s_queue *k8s_queue_new(const struct k8s_queue_options *o) {
    struct k8s_queue *q = mem_zalloc(sizeof *q);
    q->o = *o;
    if (q->o.concurrency <= 0) q->o.concurrency = K8S_QUEUE_CONCURRENCY;
    if (!q->o.backoff_min_ms) q->o.backoff_min_ms = K8S_QUEUE_BACKOFF_MIN_MS;
    if (!q->o.backoff_max_ms) q->o.backoff_max_ms = K8S_QUEUE_BACKOFF_MAX_MS;
    map_init(&q->keys);
    q->ready_tail = &q->ready;
    q->turn = net_timer_new(o->loop, hand_out, q);
    return q;
}

static void key_free(void *p) {
    struct key *k = p;
    net_timer_free(k->timer);
    free(k->name);
    free(k);
}

void k8s_queue_free(struct k8s_queue *q) {
    if (!q) return;
    net_timer_free(q->turn);
    map_release(&q->keys, key_free);
    free(q);
}

/* ---- states of a key ------------------------------------------------------------------------- */

static void push_ready(struct key *k) {
    struct k8s_queue *q = k->queue;
    k->next = NULL;
    k->prev = q->ready_tail;
    *q->ready_tail = k;
    q->ready_tail = &k->next;
    k->ready_ns = clock_mono_ns();
    q->stats.ready++;
    if (q->running) net_timer_set(q->turn, 0);
}

static void remove_ready(struct key *k) {
    struct k8s_queue *q = k->queue;
    *k->prev = k->next;
    if (k->next) {
        k->next->prev = k->prev;
    } else {
        q->ready_tail = k->prev;
    }
    k->prev = NULL;
    q->stats.ready--;
}

static void undelay(struct key *k) {
    if (!k->delayed) return;
    k->delayed = false;
    k->queue->stats.delayed--;
    net_timer_cancel(k->timer);
}

/* Nothing is known of it but its name: it goes. */
static void drop_if_idle(struct key *k) {
    struct k8s_queue *q = k->queue;
    if (k->prev || k->delayed || k->working || k->failures) return;
    map_remove(&q->keys, k->name);
    key_free(k);
}

static struct key *get_key(struct k8s_queue *q, const char *name) {
    struct key *k = map_get(&q->keys, name);
    if (k) return k;
    CHECKF(map_size(&q->keys) < K8S_QUEUE_KEYS_MAX, "work queue: more than %d keys",
           K8S_QUEUE_KEYS_MAX);
    k = mem_zalloc(sizeof *k);
    k->queue = q;
    k->name = mem_strdup(name);
    map_put(&q->keys, name, k);
    return k;
}

static void make_ready(struct key *k) {
    undelay(k);
    if (k->working) {
        k->again = true;
    } else if (!k->prev) {
        push_ready(k);
    }
}

static void delay_over(void *arg) {
    make_ready(arg);
}

static void make_delayed(struct key *k, int64_t delay_ms) {
    int64_t due_ns = clock_mono_ns() + delay_ms * 1000000;
    if (k->prev || k->again) return; /* it comes sooner anyway */
    if (k->delayed && k->due_ns <= due_ns) return;
    if (!k->timer) k->timer = net_timer_new(k->queue->o.loop, delay_over, k);
    if (!k->delayed) k->queue->stats.delayed++;
    k->delayed = true;
    k->due_ns = due_ns;
    net_timer_set(k->timer, delay_ms);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void hand_out(void *arg) {
    struct k8s_queue *q = arg;
    /* Those that are ready by now: work that is done and ready again at once waits for a turn. */
    size_t n = q->stats.ready;
    while (n-- > 0 && q->running && q->ready && q->stats.working < (size_t)q->o.concurrency) {
        struct key *k = q->ready;
        remove_ready(k);
        k->working = true;
        q->stats.working++;
        q->stats.worked++;
        int64_t wait_ms = (clock_mono_ns() - k->ready_ns) / 1000000;
        q->stats.wait_max_ms = MAX(q->stats.wait_max_ms, wait_ms);
        q->o.work(q->o.self, k->name); /* may end it */
    }
    if (q->running && q->ready && q->stats.working < (size_t)q->o.concurrency)
        net_timer_set(q->turn, 0);
}

void k8s_queue_start(struct k8s_queue *q) {
    q->running = true;
    net_timer_set(q->turn, 0);
}

void k8s_queue_pause(struct k8s_queue *q) {
    q->running = false;
    net_timer_cancel(q->turn);
}

void k8s_queue_add(struct k8s_queue *q, const char *key) {
    q->stats.added++;
    make_ready(get_key(q, key));
}

void k8s_queue_add_after(struct k8s_queue *q, const char *key, int64_t delay_ms) {
    q->stats.added++;
    struct key *k = get_key(q, key);
    if (delay_ms <= 0) {
        make_ready(k);
    } else {
        make_delayed(k, delay_ms);
    }
}

void k8s_queue_done(struct k8s_queue *q, const char *key, enum k8s_work_result result,
                    int64_t again_ms) {
    struct key *k = map_get(&q->keys, key);
    CHECKF(k && k->working, "work queue: %s isn't in work", key);
    bool again = k->again;
    k->working = k->again = false;
    q->stats.working--;
    int64_t delay_ms = again_ms;
    if (result == K8S_WORK_DONE) {
        k->failures = 0;
    } else {
        k->failures++;
        q->stats.retries++;
        int64_t backoff_ms = k8s_backoff_ms(q->o.backoff_min_ms, q->o.backoff_max_ms, k->failures);
        delay_ms = MAX(backoff_ms, again_ms);
    }
    if (again) {
        make_ready(k);
    } else if (delay_ms >= 0) {
        make_delayed(k, delay_ms);
    }
    drop_if_idle(k);
    if (q->running) net_timer_set(q->turn, 0);
}

void k8s_queue_forget(struct k8s_queue *q, const char *key) {
    struct key *k = map_get(&q->keys, key);
    if (!k) return;
    undelay(k);
    if (k->prev) remove_ready(k);
    k->again = false;
    k->failures = 0;
    drop_if_idle(k);
}

int k8s_queue_failures(const struct k8s_queue *q, const char *key) {
    const struct key *k = map_get(&q->keys, key);
    return k ? k->failures : 0;
}

void k8s_queue_get_stats(const struct k8s_queue *q, struct k8s_queue_stats *ret) {
    *ret = q->stats;
    if (q->ready) ret->oldest_ms = (clock_mono_ns() - q->ready->ready_ns) / 1000000;
}
