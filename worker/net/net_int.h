/* net_int.h - inside worker/net: the network thread's structs. All belong to that thread but where
 * said otherwise. Only net.c, net_job.c and conn.c include this. */
#ifndef PENSTOCK_WORKER_NET_NET_INT_H
#define PENSTOCK_WORKER_NET_NET_INT_H

#include "base/core/thread.h"
#include "worker/net/frame.h"
#include "worker/net/net.h"

enum {
    NET_STAGING_BYTES = 64 << 10,
    NET_OUT_MAX_BYTES = 512 << 10, /* queued on a connection before channels are asked for more */
    NET_READ_TURN_BYTES = 1 << 20, /* read from one connection before others have their turn */
    NET_PENDING_MAX = 256,         /* connections that have not said hello */
    NET_HELLO_TIMEOUT_MS = 10000,
    NET_CONNECT_TIMEOUT_MS = 30000, /* all attempts to reach a peer together */
    NET_RETRY_MIN_MS = 10,
    NET_RETRY_MAX_MS = 500,
    NET_DRAIN_TIMEOUT_MS = 30000, /* of what finished tasks have left to send */
    NET_CLOSE_TIMEOUT_MS = 2000   /* for the peer's end of the connection */
};

/* A channel with one end at a peer. */
struct net_channel {
    struct channel *ch;
    struct net_job *job;
    int peer;
    bool sends; /* the network is the ring's consumer; else its producer */
    bool ended; /* the end has passed */
    bool ready; /* sends: in conn's list of channels that may have something to send */
    struct net_channel *next_ready;
    uint64_t seq;                   /* of the next element */
    uint64_t sent_bytes;            /* sends; elements: seq */
    struct frame_credit credit;     /* sends: granted */
    uint64_t credit_first;          /* sends: elements granted to begin with */
    atomic_bool dirty;              /* any thread: in net's dirty stack */
    struct net_channel *next_dirty; /* of the stack */
};

enum conn_state {
    CONN_DIALING, /* connect() under way */
    CONN_GREETED, /* hello sent, welcome awaited */
    CONN_PENDING, /* accepted, hello awaited */
    CONN_OPEN,
    CONN_CLOSING /* all said: waits for the peer's end */
};

struct out_frame {
    uint8_t head[FRAME_HEADER_BYTES + FRAME_CONTROL_MAX_BYTES];
    uint32_t head_len, body_len;
    struct buffer *body;
};

struct conn {
    struct net *net;
    struct conn *next; /* net's list */
    int fd;
    enum conn_state state;
    struct net_job *job; /* NULL while CONN_PENDING */
    int peer;
    int64_t deadline_ns; /* of the state; INT64_MAX = none */
    bool dead;           /* closed; freed at the end of the round */
    /* Reading. */
    uint8_t *staging;
    uint32_t start, end;
    bool in_body; /* cur's payload goes straight to body */
    struct frame cur;
    struct buffer *body;
    uint32_t body_have;
    /* Writing: ring of frames. */
    struct out_frame *out;
    uint32_t out_head, out_n, out_cap;
    uint64_t out_bytes;
    uint32_t out_done; /* bytes of the first frame that are written */
    bool want_write;   /* EPOLLOUT is on */
    struct net_channel *ready, **ready_tail;
};

struct net_peer {
    char *id, *host;
    int port;
    struct conn *conn;
    bool used, lost;
    int open_channels; /* both directions, not ended */
    int64_t retry_ns, give_up_ns, backoff_ms;
    bool resolving;
};

struct net_job {
    struct net *net;
    struct net_job *next;
    char *job_id, *token;
    uint64_t attempt;
    int self, n_peers;
    struct net_peer *peers;
    bool started;
    enum net_close { NET_RUNNING, NET_DRAINING, NET_SHUTTING, NET_CLOSED } closing;
    int64_t close_deadline_ns;
    int n_channels, cap_channels;
    struct net_channel **channels; /* by id and direction once started */
    void *owner;
    void (*peer_lost)(void *owner, int peer, const struct err *err);
};

struct net {
    struct thread thread;
    int epoll, event, listener, port;
    bool stop;
    struct conn *conns;
    int n_pending;
    struct net_job *jobs;
    struct io_pool *resolver;
    _Atomic(struct net_channel *) dirty; /* any thread pushes */
    atomic_bool parked;                  /* in epoll_wait, or about to be: write to event */
    pthread_mutex_t lock;
    pthread_cond_t called;             /* with lock: a net_call or net_job_close is done */
    struct net_cmd *cmds, **cmds_tail; /* under lock */
};

/* Runs fn on the network thread. The caller keeps cmd alive until fn has run. */
struct net_cmd {
    void (*fn)(void *arg);
    void *arg;
    struct net_cmd *next;
};
void net_post(struct net *n, struct net_cmd *cmd);
/* Runs fn and waits for it; not on the network thread. */
void net_call(struct net *n, void (*fn)(void *arg), void *arg);
/* channel_peer.wake of a ring's network side: self is the net_channel. */
void net_channel_wake(void *self, uint32_t arg);

/* ---- net_job.c ---- */

struct net_job *net_find_job(struct net *n, const char *job_id, uint64_t attempt);
/* Dials, gives up, as time goes by. Returns when to be called again. */
int64_t net_job_tick(struct net_job *j, int64_t now_ns);
struct net_channel *net_job_channel(struct net_job *j, uint64_t id, bool sends);
void net_job_conn_open(struct net_job *j, struct conn *c);
/* The connection is gone: err says why. Tries again while it was not open and there is time. */
void net_job_conn_gone(struct net_job *j, struct conn *c, bool may_retry, const struct err *err);
void net_job_channel_ended(struct net_channel *nc);
void net_job_handle_dirty(struct net_channel *nc);
/* The job has been taken off the list; whoever waits for it is told. Last touch. */
void net_job_closed(struct net_job *j);

/* ---- conn.c ---- */

/* fd is taken. */
struct conn *conn_new(struct net *n, int fd, enum conn_state state, int64_t deadline_ns);
void conn_event(struct conn *c, uint32_t events);
void conn_deadline(struct conn *c);
void conn_free(struct conn *c);
void conn_add_ready(struct conn *c, struct net_channel *nc);
void conn_send_credit(struct conn *c, struct net_channel *nc);
/* Moves elements from ready channels to the socket as far as it takes them. */
void conn_pump(struct conn *c);
/* Ends it: the peer learns by the closed socket; the job by net_job_conn_gone. */
void conn_fail(struct conn *c, bool may_retry, const struct err *err);
/* Says no more and waits for the peer to do the same. */
void conn_shutdown(struct conn *c);
int conn_dial(struct net_job *j, int peer, const void *sockaddr, unsigned len,
              struct err *err) ATTR_MUST_USE;

#endif
