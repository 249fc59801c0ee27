/* workqueue.h - which keys ("namespace/name") are to be worked on, and when.
 *
 * A key is in the queue once, however often it is added. It is never worked on twice at the same
 * time: added meanwhile, it comes again when its work is done. Of several delays the earliest
 * counts. Work is asynchronous: `work` begins it, k8s_queue_done ends it, at once or later.
 *
 *     static void work(void *self, const char *key) { ... begin_reconcile(op, key); }
 *     ... finally: k8s_queue_done(op->queue, key, K8S_WORK_DONE, 30000);
 */
#ifndef PENSTOCK_OPERATOR_K8S_WORKQUEUE_H
#define PENSTOCK_OPERATOR_K8S_WORKQUEUE_H

#include "base/net/net_loop.h"

#include <stddef.h>

struct k8s_queue;

enum {
    K8S_QUEUE_CONCURRENCY = 8,
    K8S_QUEUE_BACKOFF_MIN_MS = 100,
    K8S_QUEUE_BACKOFF_MAX_MS = 60000,
    K8S_QUEUE_KEYS_MAX = 1 << 17 /* keys known at once; beyond is a bug (CHECK) */
};

enum k8s_work_result {
    K8S_WORK_DONE, /* forgets failures; comes again after again_ms, or when added */
    K8S_WORK_RETRY /* failed: again after the key's backoff, or after again_ms if that is longer */
};

struct k8s_queue_options {
    struct net_loop *loop;
    int concurrency; /* keys in work at once; 0 = K8S_QUEUE_CONCURRENCY */
    int64_t backoff_min_ms,
        backoff_max_ms; /* doubled per failure in a row, with jitter; 0 = above */
    /* On the loop's thread, never from within another call here. key lives until it is done. */
    void (*work)(void *self, const char *key);
    void *self;
};

/* Doesn't call work before k8s_queue_start (caches fill first, leadership comes first). */
struct k8s_queue *k8s_queue_new(const struct k8s_queue_options *o);
/* What is in work is forgotten: k8s_queue_done mustn't come for it any more. NULL is fine. Not from
 * `work`. */
void k8s_queue_free(struct k8s_queue *q);
void k8s_queue_start(struct k8s_queue *q);
/* No further work is begun until k8s_queue_start; keys stay. */
void k8s_queue_pause(struct k8s_queue *q);

void k8s_queue_add(struct k8s_queue *q, const char *key);
void k8s_queue_add_after(struct k8s_queue *q, const char *key, int64_t delay_ms);
/* Only for a key in work. again_ms < 0: only when added. */
void k8s_queue_done(struct k8s_queue *q, const char *key, enum k8s_work_result result,
                    int64_t again_ms);
/* Forgets a key that isn't in work, and its failures and delays; one in work won't come again
 * unless added from here on. For objects that are gone. */
void k8s_queue_forget(struct k8s_queue *q, const char *key);
int k8s_queue_failures(const struct k8s_queue *q, const char *key); /* in a row */

struct k8s_queue_stats {
    size_t ready, delayed, working;
    uint64_t added, worked, retries;
    int64_t wait_max_ms; /* longest a ready key has waited for its turn */
    int64_t oldest_ms;   /* how long the oldest ready key waits by now; 0 = none */
};
void k8s_queue_get_stats(const struct k8s_queue *q, struct k8s_queue_stats *ret);

#endif
