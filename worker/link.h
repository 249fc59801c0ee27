/* link.h - the worker's connection to its coordinator: registers, obeys (deploy, start, cancel,
 * release...), reports. Lives on one net_loop; the jobs' callbacks come from executor threads and
 * post to it. */
#ifndef PENSTOCK_WORKER_LINK_H
#define PENSTOCK_WORKER_LINK_H

#include "base/net/net_loop.h"
#include "base/net/tls.h"
#include "worker/worker.h"

struct link;

struct link_options {
    const char *url;        /* ws://host:port of the coordinator */
    const char *token;      /* the job's */
    const char *id;         /* "w0" */
    const char *host;       /* where other workers reach this one */
    int slots;              /* told to the coordinator; 0 = as many as it likes */
    int64_t connect_for_ms; /* tries again for so long until the coordinator is there; 0 = once */
    struct tls_options tls; /* for wss */
};

/* Begins to connect. When the coordinator says MSG_SHUTDOWN or goes, the loop stops. */
int link_new(struct net_loop *loop, struct worker *w, const struct link_options *opts,
             struct link **ret, struct err *err) ATTR_MUST_USE;
/* Has the coordinator taken this worker? On the loop's thread. */
bool link_is_registered(const struct link *l);
/* After the loop: 0 if the coordinator ended it, else the reason. */
int link_result(const struct link *l, struct err *err) ATTR_MUST_USE;
/* Cancels and frees all jobs. After the loop has stopped. */
void link_free(struct link *l);

#endif
