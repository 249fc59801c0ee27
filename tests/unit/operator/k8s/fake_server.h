/* fake_server.h - private to the fake API server: its parts. All on the server's thread. */
#ifndef PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_SERVER_H
#define PENSTOCK_TESTS_UNIT_OPERATOR_K8S_FAKE_SERVER_H

#include "base/net/http_server.h"
#include "tests/unit/operator/k8s/fake_api.h"
#include "tests/unit/operator/k8s/fake_store.h"

struct fault {
    struct fault *next;
    struct fake_fault f; /* strings are ours */
};

/* A request that waits for its time, or for fake_api_release. */
struct held {
    struct held *next, **prev;
    struct fake_api *api;
    struct http_exchange *x;
    struct net_timer *timer; /* NULL: until released */
};

/* An answer that is cut once what there is of it has been sent. */
struct cutting {
    struct cutting *next, **prev;
    struct http_exchange *x;
    struct net_timer *timer;
};

struct watch {
    struct watch *next, **prev;
    struct fake_api *api;
    struct http_exchange *x;
    const struct k8s_resource *resource;
    char *ns, *labels, *fields;
    uint64_t told; /* version up to which events were sent */
    bool blocked, stalled;
    int repeats; /* how often the event behind `told` was sent already */
    struct net_timer *timeout, *cut;
};

struct fake_api {
    struct fake_api_options o;
    struct net_loop *loop;
    struct http_server *http;
    struct cutting *cutting;
    char url[64];
    char *token;
    /* The server's thread: */
    struct fake_store store;
    struct fault *faults;
    struct held *held;
    struct watch *watches;
    size_t n_watches;
    struct net_timer *bookmarks;
    struct map counts; /* "METHOD path[?watch]" -> uint64_t */
    bool stall;
    int repeat;
};

/* A path taken apart; ns, name and sub are "" if absent. */
struct target {
    const struct k8s_resource *resource;
    char *parts[8]; /* of the path behind the version */
    char *text;
    const char *ns, *name, *sub;
};

/* fake_watch.c */
void fake_watch_begin(struct fake_api *f, struct http_exchange *x, const struct target *t);
void fake_watch_pump_all(void *self); /* the store has an event */
void fake_watch_bookmark(struct watch *w);
void fake_watch_gone(struct watch *w); /* tells 410 and ends it */
void fake_watch_end(struct watch *w);
void fake_watch_cut(struct watch *w);

/* fake_api.c */
void fake_set_date(struct fake_api *f, struct http_exchange *x);
void fake_fault_free(struct fault *fault);
void fake_drop_cutting(struct cutting *c); /* breaks the answer off now */
void fake_release(struct held *h);         /* carries it out */
void fake_must(int rc, const struct err *err, const char *what);

#endif
