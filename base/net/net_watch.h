/* net_watch.h - private to base/net: sockets on a net_loop. All on the loop's thread, or before it
 * runs. */
#ifndef PENSTOCK_BASE_NET_NET_WATCH_H
#define PENSTOCK_BASE_NET_NET_WATCH_H

#include "base/core/thread.h"
#include "base/net/net_loop.h"

#include <stdint.h>

struct net_watch;

/* Calls fn(arg, events) whenever fd has some of `events` (EPOLLIN, EPOLLOUT; EPOLLERR and EPOLLHUP
 * come unasked). fd stays the caller's. ERR_UNAVAILABLE beyond the loop's max_fds. */
int net_watch_new(struct net_loop *loop, int fd, uint32_t events,
                  void (*fn)(void *arg, uint32_t events), void *arg, struct net_watch **ret_watch,
                  struct err *err) ATTR_MUST_USE;
void net_watch_set(struct net_watch *w, uint32_t events);
/* fn isn't called again, even for events already fetched. Before closing fd. NULL is fine. */
void net_watch_free(struct net_watch *w);

/* Something that lives on the loop: its `release` is called by net_loop_free, on the freeing
 * thread, unless it was unlinked before. Newest first. */
struct net_member {
    struct net_member *next, **prev;
    void (*release)(struct net_member *m);
};
void net_member_link(struct net_loop *loop, struct net_member *m,
                     void (*release)(struct net_member *m));
void net_member_unlink(struct net_member *m); /* nothing if not linked */

/* Something to do at the turn's end, before the loop sleeps: what was written during a turn goes
 * out together. Linking again is harmless. fn may unlink and free it. */
struct net_defer {
    struct net_defer *next, **prev; /* prev NULL = not linked */
    void (*fn)(struct net_defer *d);
};
void net_defer_link(struct net_loop *loop, struct net_defer *d, void (*fn)(struct net_defer *d));
void net_defer_unlink(struct net_defer *d); /* nothing if not linked */

/* ERR_UNAVAILABLE while net_loop_free is at work: nothing new may be put on the loop. */
int net_loop_check_alive(const struct net_loop *loop, struct err *err) ATTR_MUST_USE;

/* For name look-ups and the like; made by the first call, ended before the loop is freed. */
int net_loop_pool(struct net_loop *loop, struct io_pool **ret_pool, struct err *err) ATTR_MUST_USE;

#endif
