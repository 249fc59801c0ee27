/* net_signals.h - a process's signals as events of its loop, so that what they lead to runs where
 * everything else does, and only while the loop runs. */
#ifndef PENSTOCK_BASE_NET_NET_SIGNALS_H
#define PENSTOCK_BASE_NET_NET_SIGNALS_H

#include "base/net/net_loop.h"

struct net_signals;

/* fn(arg, signal) on the loop's thread for each of the signals (ended by 0) that comes; of several
 * equal ones that come at once, one may be told. Blocks them in the calling thread: call it before
 * any other thread is started, which takes the mask over. They stay blocked afterwards, so that one
 * that comes too late doesn't end the process. */
int net_signals_new(struct net_loop *loop, const int *signals, void (*fn)(void *arg, int signal),
                    void *arg, struct net_signals **ret, struct err *err) ATTR_MUST_USE;
/* Before net_loop_free, when the loop doesn't run or on its thread. NULL is fine. */
void net_signals_free(struct net_signals *s);

#endif
