/* worker.h - what the jobs of one worker process share: executor threads and the network. */
#ifndef PENSTOCK_WORKER_WORKER_H
#define PENSTOCK_WORKER_WORKER_H

#include "worker/executor.h"

struct worker;
struct net;

struct worker_opts {
    int executors;    /* threads; 0 = one per CPU this process may use */
    const char *host; /* address to listen on for other workers; NULL = no network */
    int port;         /* 0 = any free one */
};

int worker_new(const struct worker_opts *opts, struct worker **ret, struct err *err) ATTR_MUST_USE;
/* Every job_runtime must have been freed. */
void worker_free(struct worker *w);
struct executor_pool *worker_executors(struct worker *w);
struct net *worker_net(struct worker *w); /* NULL without network */
int worker_port(const struct worker *w);  /* 0 without network */

#endif
