/* worker.c - executors and network of a worker process. */
#include "worker/worker.h"

#include "base/core/mem.h"
#include "base/core/thread.h"
#include "worker/net/net.h"

#include <stdlib.h>

struct worker {
    struct executor_pool *executors;
    struct net *net;
};

int worker_new(const struct worker_opts *opts, struct worker **ret, struct err *err) {
    struct worker *w = mem_zalloc(sizeof(*w));
    int n = opts->executors ? opts->executors : thread_cpu_count();
    int rc = executor_pool_new(n, &w->executors, err);
    if (!rc && opts->host) rc = net_new(opts->host, opts->port, &w->net, err);
    if (rc) {
        worker_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void worker_free(struct worker *w) {
    if (!w) return;
    net_free(w->net);
    executor_pool_free(w->executors);
    free(w);
}

struct executor_pool *worker_executors(struct worker *w) {
    return w->executors;
}

struct net *worker_net(struct worker *w) {
    return w->net;
}

int worker_port(const struct worker *w) {
    return w->net ? net_port(w->net) : 0;
}
