/* rig.h - a coordinator on a thread of its own, and peers (workers, clients) that the test plays by
 * hand over real connections. */
#ifndef PENSTOCK_TESTS_UNIT_COORDINATOR_RIG_H
#define PENSTOCK_TESTS_UNIT_COORDINATOR_RIG_H

#include "base/core/thread.h"
#include "base/net/http_client.h"
#include "base/net/ws_client.h"
#include "base/proto/control.h"
#include "coordinator/coordinator.h"

#define RIG_TOKEN "a-token"

struct rig {
    struct arena arena;
    struct net_loop *loop, *peer_loop;
    struct thread thread;
    struct coordinator *coordinator;
    struct http_client *http;
    int port;
};

struct peer {
    struct rig *rig;
    struct ws_conn *conn; /* NULL: closed */
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t cond;
    cJSON *frames; /* not yet taken */
    bool opened, closed;
    int close_code;
    char close_reason[256];
};

/* opts.spec is made of sql. */
void rig_start(struct rig *r, const char *sql, struct coordinator_options opts);
/* Waits until the coordinator has ended by itself; how many statements failed, and whether it was
 * cancelled. */
int rig_end(struct rig *r, bool *ret_cancelled);

/* Connects to path; returns when open. */
void peer_open(struct peer *p, struct rig *r, const char *path);
/* A JSON frame. */
void peer_send(struct peer *p, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The next frame of that type, those before it are dropped; owned by the caller. */
cJSON *peer_expect(struct peer *p, const char *type);
/* The next frame of one of these types, ended by NULL. */
cJSON *peer_expect_any(struct peer *p, const char *const *types);
void peer_wait_closed(struct peer *p);
void peer_close(struct peer *p);
void peer_release(struct peer *p);

/* Status of a request with the rig's token, NULL body = none; the answer in *ret_body, if wanted.
 */
int rig_call(struct rig *r, const char *method, const char *path, const char *token,
             const struct sv *body, cJSON **ret_body);
/* Asks until the field of the answer is `want`. */
void rig_await(struct rig *r, const char *path, const char *field, const char *want);

#endif
