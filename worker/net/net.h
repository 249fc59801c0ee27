/* net.h - the network of a worker: one thread with epoll moves frames between channel rings and TCP
 * connections, one connection per pair of workers of a job (docs/wire.md).
 *
 *   net.c      the thread, listening, wakes
 *   net_job.c  a job's peers and channels: dialling, losing, closing
 *   conn.c     one connection: handshake, reading, writing
 *   wire.h    batches as bytes;  frame.h  frames around them
 *
 * Sending: the network consumes the sender's ring as far as the receiver has given credit.
 * Receiving: it produces into the receiver's ring, whose room is the credit it gave. */
#ifndef PENSTOCK_WORKER_NET_NET_H
#define PENSTOCK_WORKER_NET_NET_H

#include "worker/exchange/channel.h"

struct net;
struct net_job;

/* Listens on host:port (0 = any free one) and starts the thread. */
int net_new(const char *host, int port, struct net **ret, struct err *err) ATTR_MUST_USE;
/* Every job must be closed. NULL is fine. */
void net_free(struct net *n);
int net_port(const struct net *n);

struct net_peer_addr {
    const char *id, *host;
    int port;
};

struct net_job_opts {
    const char *job_id, *token; /* copied */
    uint64_t attempt;
    int self, n_peers;                 /* peers: the job's workers, this one among them */
    const struct net_peer_addr *peers; /* copied */
    /* A connection broke, could not be made, or its peer broke the protocol; err names the peer.
     * Once per peer, on the network thread. No further element will come from it. */
    void *owner;
    void (*peer_lost)(void *owner, int peer, const struct err *err);
};

int net_job_open(struct net *n, const struct net_job_opts *opts, struct net_job **ret,
                 struct err *err) ATTR_MUST_USE;
/* Registers a channel whose consumer (producer) is at the peer; sets ch's consumer (producer) to
 * the network. Before net_job_start. Reference is taken. */
void net_job_send(struct net_job *j, struct channel *ch, int peer);
void net_job_receive(struct net_job *j, struct channel *ch, int peer);
/* Connects to the peers there are channels with: the worker of the lower index dials. */
void net_job_start(struct net_job *j);
/* drain: first sends what finished tasks have left in their channels (for at most
 * NET_DRAIN_TIMEOUT_MS), so that the peers get it. After it returns the network touches none of the
 * job's channels and makes no callback. NULL is fine. Not on the network thread. */
void net_job_close(struct net_job *j, bool drain);

#endif
