/* net_signals.c - signalfd on the loop. */
#include "base/net/net_signals.h"

#include "base/core/mem.h"
#include "base/net/net_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct net_signals {
    int fd;
    struct net_watch *watch;
    void (*fn)(void *arg, int signal);
    void *arg;
};

static void on_events(void *self, uint32_t events) {
    struct net_signals *s = self;
    struct signalfd_siginfo info;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) s->fn(s->arg, (int)info.ssi_signo);
}

int net_signals_new(struct net_loop *loop, const int *signals, void (*fn)(void *arg, int signal),
                    void *arg, struct net_signals **ret, struct err *err) {
    sigset_t set;
    sigemptyset(&set);
    for (; *signals; signals++)
        sigaddset(&set, *signals);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return err_set_errno(err, ERR_INTERNAL, errno, "watch signals");
    struct net_signals *s = mem_zalloc(sizeof *s);
    *s = (struct net_signals){.fd = fd, .fn = fn, .arg = arg};
    int rc = net_watch_new(loop, fd, EPOLLIN, on_events, s, &s->watch, err);
    if (rc) {
        close(fd);
        free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void net_signals_free(struct net_signals *s) {
    if (!s) return;
    net_watch_free(s->watch);
    close(s->fd);
    free(s);
}
