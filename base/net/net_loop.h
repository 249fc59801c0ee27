/* net_loop.h - one event loop per thread: sockets (epoll), timers, and closures posted from other
 * threads. HTTP servers and WebSocket connections live on a loop; everything about them is called
 * on the loop's thread. Starting one takes well below 1 ms; TLS is initialised by the first server
 * or connection that asks for it.
 *
 *     struct net_loop *loop;
 *     rc = net_loop_new(&(struct net_loop_options){.name = "rest"}, &loop, err);
 *     ... servers, clients, timers ...
 *     rc = net_loop_start(loop, err);   or net_loop_run(loop) on the calling thread
 *     net_loop_stop(loop);              from any thread
 *     net_loop_free(loop);              joins; closes all that is left
 */
#ifndef PENSTOCK_BASE_NET_NET_LOOP_H
#define PENSTOCK_BASE_NET_NET_LOOP_H

#include "base/core/attr.h"
#include "base/core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct net_loop;
struct net_timer;

enum {
    NET_LOOP_FDS_MAX = 4096,      /* default of max_fds */
    NET_LOOP_POSTED_MAX = 1 << 16 /* closures waiting at once */
};

struct net_loop_options {
    const char *name; /* of the thread, 15 characters; copied; NULL = "net" */
    int max_fds;      /* sockets at once; 0 = NET_LOOP_FDS_MAX. Further ones are refused. */
};

int net_loop_new(const struct net_loop_options *opts, struct net_loop **ret_loop,
                 struct err *err) ATTR_MUST_USE;

/* Runs the loop on the calling thread until net_loop_stop. Before it runs, the loop belongs to the
 * thread that made it. */
void net_loop_run(struct net_loop *loop);
/* Runs the loop on a thread of its own. */
int net_loop_start(struct net_loop *loop, struct err *err) ATTR_MUST_USE;
/* Makes net_loop_run return soon; again is harmless. Any thread, and from a signal handler. */
void net_loop_stop(struct net_loop *loop);
/* Stops, joins, calls on_close of every connection left, runs the closures still posted, and
 * frees. Servers and connections on the loop are gone afterwards. Not on the loop's thread. NULL is
 * fine. */
void net_loop_free(struct net_loop *loop);
bool net_loop_is_here(const struct net_loop *loop); /* is the caller on the loop's thread? */

/* Calls fn(arg) on the loop's thread, in the order posted. Any thread. ERR_UNAVAILABLE when
 * NET_LOOP_POSTED_MAX are waiting; fn is then not called. A closure posted before net_loop_free is
 * always called, the last ones by net_loop_free itself. */
int net_loop_post(struct net_loop *loop, void (*fn)(void *arg), void *arg,
                  struct err *err) ATTR_MUST_USE;
/* The same without its limit, for senders that are limited otherwise: answers to what the loop has
 * asked for. */
void net_loop_post_always(struct net_loop *loop, void (*fn)(void *arg), void *arg);
/* Posts and waits until fn has run. On the loop's thread, or before the loop runs, calls fn at
 * once. */
void net_loop_call(struct net_loop *loop, void (*fn)(void *arg), void *arg);

/* ---- timers, on the loop's thread ---- */

/* Not armed. fn(arg) may set, cancel or free the timer. */
struct net_timer *net_timer_new(struct net_loop *loop, void (*fn)(void *arg), void *arg);
/* Cancels; NULL is fine. Also after net_loop_free, which cancels all that are set. */
void net_timer_free(struct net_timer *t);
void net_timer_set(struct net_timer *t, int64_t delay_ms); /* once; again replaces */
/* Fires each interval; periods missed while the loop was busy are not made up for. */
void net_timer_set_every(struct net_timer *t, int64_t interval_ms);
void net_timer_cancel(struct net_timer *t);
bool net_timer_is_set(const struct net_timer *t);

#endif
