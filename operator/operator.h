/* operator.h - watches FlinkJobs and FlinkSnapshots, and brings the cluster to what they say. All
 * of it on one net_loop. */
#ifndef PENSTOCK_OPERATOR_OPERATOR_H
#define PENSTOCK_OPERATOR_OPERATOR_H

#include "base/net/http_server.h"
#include "operator/job.h"
#include "operator/k8s/client.h"

struct operator;

enum {
    OPERATOR_RESYNC_MS = 60000,  /* each job is looked at so often, whatever happens */
    OPERATOR_BASE_MS = 600000,   /* services and the like are applied anew so often */
    OPERATOR_FIGURES_MS = 10000, /* a status that differs in figures alone is written so often */
    OPERATOR_CONCURRENCY = 16
};

struct operator_options {
    struct net_loop *loop;
    struct k8s_client *client;
    struct job_defaults defaults;  /* copied, but for the strings, which are borrowed */
    const char *const *namespaces; /* NULL-terminated; NULL or empty = all */
    const char *identity;          /* of this process */
};

/* Begins to watch; nothing is changed before operator_start. */
int operator_new(const struct operator_options *o, struct operator** ret,
                 struct err *err) ATTR_MUST_USE;
/* We lead: work begins as soon as everything has been listed (operator_synced). */
void operator_start(struct operator* op);
void operator_stop(struct operator* op); /* nothing new is begun */
/* Nothing is in work: it may be closed. */
bool operator_idle(const struct operator* op);
bool operator_synced(const struct operator* op);
void operator_print_metrics(struct operator* op, struct str *out);
/* Before the loop is freed, when idle; then free, behind the loop or on no thread but its. */
void operator_close(struct operator* op);
void operator_free(struct operator* op); /* NULL is fine */

#endif
