/* state.h - what the operator's files share. */
#ifndef PENSTOCK_OPERATOR_STATE_H
#define PENSTOCK_OPERATOR_STATE_H

#include "base/core/map.h"
#include "base/metrics.h"
#include "operator/engine.h"
#include "operator/k8s/cache.h"
#include "operator/k8s/events.h"
#include "operator/k8s/workqueue.h"
#include "operator/operator.h"

/* What is remembered of a FlinkJob between two looks, and can be found out again. */
struct track {
    char *uid; /* whose this is: a job that was deleted may be made anew under its name */
    struct job_keys keys;
    int64_t keys_ns;                /* when they were read */
    bool keys_gone;                 /* their Secret was deleted: to be made again, from `keys` */
    bool keys_known;                /* asked for: token NULL = there is no Secret */
    char base_hash[JOB_HASH_BYTES]; /* as last applied */
    int64_t base_ns;                /* and when */
    int64_t written_ns;             /* of the status */
    char *refused;                  /* what the API server refused the last time */
};

struct operator{
    struct operator_options o;
    struct k8s_cache *jobs, *pods, *specs, *snapshots;
    struct k8s_queue *queue, *snapshot_queue;
    struct k8s_events *events;
    struct engines *engines;
    struct map tracks; /* key → struct track */
    bool started;
    struct metrics *metrics;
    struct series *reconciles, *failures, *actions, *reconcile_time;
};

struct track *operator_track(struct operator* op, const char *key);
void operator_free_track(void *track);

/* metrics.c */
void operator_metrics_init(struct operator* op);

/* reconcile.c: `work` of the queues. */
void reconcile_job(void *op, const char *key);
/* snapshots.c */
void reconcile_snapshot(void *op, const char *key);

#endif
