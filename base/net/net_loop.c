/* net_loop.c - the event loop: epoll, closures from other threads, timers in a binary heap. */
#define LOG_MODULE "net"
#include "base/net/net_loop.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/net/net_watch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 64, NO_PLACE = -1 };

struct posted {
    void (*fn)(void *arg);
    void *arg;
};

struct posted_list {
    struct posted *items;
    size_t len, cap;
};

struct net_timer {
    struct net_loop *loop;
    int64_t due_ns, interval_ns; /* interval 0 = once */
    ptrdiff_t place;             /* in the heap; NO_PLACE = not set */
    void (*fn)(void *arg);
    void *arg;
};

struct net_watch {
    struct net_loop *loop;
    int fd;
    uint32_t events;
    void (*fn)(void *arg, uint32_t events); /* NULL once freed */
    void *arg;
    struct net_watch *next_dead;
};

struct net_loop {
    int epoll_fd, wake_fd;
    int n_fds, max_fds;
    struct thread thread;
    char name[THREAD_NAME_MAX + 1];
    /* Written by the loop's thread, read by others. Release on write, acquire on read: who sees
     * running sees owner. */
    atomic_bool running;
    pthread_t owner;
    atomic_bool stop;          /* relaxed: the wake-up behind it orders it */
    pthread_mutex_t lock;      /* guards posted; nothing is called while it is held */
    struct posted_list posted; /* by others */
    struct posted_list taken;  /* the loop's thread alone */
    struct net_timer **heap;   /* heap[0] is due first */
    size_t n_timers, cap_timers;
    struct net_watch *dead; /* freed behind the turn, when no fetched event names them */
    struct net_member *members;
    struct net_defer *deferred;
    struct io_pool *pool;
    bool freeing;
};

/* ---- life ----------------------------------------------------------------------------------- */

int net_loop_new(const struct net_loop_options *opts, struct net_loop **ret_loop, struct err *err) {
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) return err_set_errno(err, ERR_NET, errno, "make an event loop");
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN};
    if (wake_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &ev) != 0) {
        err_set_errno(err, ERR_NET, errno, "make an event loop");
        if (wake_fd >= 0) close(wake_fd);
        close(epoll_fd);
        return ERR_NET;
    }
    struct net_loop *loop = mem_zalloc(sizeof(*loop));
    loop->epoll_fd = epoll_fd;
    loop->wake_fd = wake_fd;
    loop->max_fds = opts->max_fds > 0 ? opts->max_fds : NET_LOOP_FDS_MAX;
    snprintf(loop->name, sizeof(loop->name), "%s", opts->name ? opts->name : "net");
    pthread_mutex_init(&loop->lock, NULL);
    loop->owner = pthread_self();
    *ret_loop = loop;
    return 0;
}

bool net_loop_is_here(const struct net_loop *loop) {
    return atomic_load_explicit(&loop->running, memory_order_acquire) &&
           pthread_equal(loop->owner, pthread_self());
}

static void wake(struct net_loop *loop) {
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the loop is awake anyway. */
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    (void)n;
}

/* Calls what had been posted by now; what the closures post has its turn after the sockets had
 * theirs, so that they can't starve them. Returns how many were called. */
static size_t run_posted(struct net_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    struct posted_list batch = loop->posted;
    loop->posted = loop->taken;
    loop->posted.len = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < batch.len; i++)
        batch.items[i].fn(batch.items[i].arg);
    loop->taken = batch;
    return batch.len;
}

static void free_dead(struct net_loop *loop) {
    while (loop->dead) {
        struct net_watch *w = loop->dead;
        loop->dead = w->next_dead;
        free(w);
    }
}

static void run_timers(struct net_loop *loop);

static void run_deferred(struct net_loop *loop) {
    /* Those linked by now; what they link waits for the next turn. */
    struct net_defer *batch = loop->deferred;
    loop->deferred = NULL;
    if (batch) batch->prev = &batch;
    while (batch) {
        struct net_defer *d = batch;
        net_defer_unlink(d);
        d->fn(d);
    }
}

/* In ms for epoll_wait, rounded up so that the timer is due when it returns. */
static int wait_ms(const struct net_loop *loop) {
    if (loop->deferred) return 0;
    if (!loop->n_timers) return -1;
    int64_t ns = loop->heap[0]->due_ns - clock_mono_ns();
    if (ns <= 0) return 0;
    return (int)MIN((ns + 999999) / 1000000, 60000);
}

static void turn(struct net_loop *loop) {
    run_deferred(loop);
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop));
    CHECKF(n >= 0 || errno == EINTR, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct net_watch *w = events[i].data.ptr;
        if (!w) {
            uint64_t count;
            ssize_t got = read(loop->wake_fd, &count, sizeof(count));
            (void)got;
        } else if (w->fn) {
            w->fn(w->arg, events[i].events);
        }
    }
    free_dead(loop);
    run_timers(loop);
    run_posted(loop);
}

void net_loop_run(struct net_loop *loop) {
    loop->owner = pthread_self();
    atomic_store_explicit(&loop->running, true, memory_order_release);
    run_posted(loop);
    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed))
        turn(loop);
    atomic_store_explicit(&loop->running, false, memory_order_release);
}

static void loop_main(void *arg) {
    net_loop_run(arg);
}

int net_loop_start(struct net_loop *loop, struct err *err) {
    return thread_start(&loop->thread, loop->name, loop_main, loop, err);
}

void net_loop_stop(struct net_loop *loop) {
    atomic_store_explicit(&loop->stop, true, memory_order_relaxed);
    wake(loop);
}

void net_loop_free(struct net_loop *loop) {
    if (!loop) return;
    net_loop_stop(loop);
    thread_join(&loop->thread);
    /* From here on this thread is the loop's. */
    loop->owner = pthread_self();
    atomic_store_explicit(&loop->running, true, memory_order_release);
    loop->freeing = true;
    io_pool_free(loop->pool);
    loop->pool = NULL;
    while (run_posted(loop) > 0)
        ;
    while (loop->members) {
        struct net_member *m = loop->members;
        net_member_unlink(m);
        m->release(m);
    }
    while (run_posted(loop) > 0)
        ;
    free_dead(loop);
    /* Timers outlive the loop only to be freed by their owners. */
    for (size_t i = 0; i < loop->n_timers; i++)
        loop->heap[i]->place = NO_PLACE;
    free(loop->heap);
    free(loop->posted.items);
    free(loop->taken.items);
    pthread_mutex_destroy(&loop->lock);
    close(loop->wake_fd);
    close(loop->epoll_fd);
    free(loop);
}

int net_loop_pool(struct net_loop *loop, struct io_pool **ret_pool, struct err *err) {
    if (!loop->pool) {
        struct io_pool_options opts = {.name = "net-lookup", .threads_max = 4};
        int rc = io_pool_new(&opts, &loop->pool, err);
        if (rc) return rc;
    }
    *ret_pool = loop->pool;
    return 0;
}

void net_defer_link(struct net_loop *loop, struct net_defer *d, void (*fn)(struct net_defer *d)) {
    if (d->prev) return;
    d->fn = fn;
    d->next = loop->deferred;
    d->prev = &loop->deferred;
    if (d->next) d->next->prev = &d->next;
    loop->deferred = d;
}

void net_defer_unlink(struct net_defer *d) {
    if (!d->prev) return;
    *d->prev = d->next;
    if (d->next) d->next->prev = d->prev;
    d->prev = NULL;
}

int net_loop_check_alive(const struct net_loop *loop, struct err *err) {
    if (!loop->freeing) return 0;
    return err_set(err, ERR_UNAVAILABLE, "event loop %s is shutting down", loop->name);
}

void net_member_link(struct net_loop *loop, struct net_member *m,
                     void (*release)(struct net_member *m)) {
    m->release = release;
    m->next = loop->members;
    m->prev = &loop->members;
    if (m->next) m->next->prev = &m->next;
    loop->members = m;
}

void net_member_unlink(struct net_member *m) {
    if (!m->prev) return;
    *m->prev = m->next;
    if (m->next) m->next->prev = m->prev;
    m->prev = NULL;
}

/* ---- posting -------------------------------------------------------------------------------- */

static bool post(struct net_loop *loop, void (*fn)(void *), void *arg, size_t max) {
    pthread_mutex_lock(&loop->lock);
    struct posted_list *l = &loop->posted;
    bool fits = l->len < max, first = l->len == 0;
    if (fits) {
        MEM_GROW(l->items, l->len, l->cap);
        l->items[l->len++] = (struct posted){fn, arg};
    }
    pthread_mutex_unlock(&loop->lock);
    if (fits && first) wake(loop); /* one is enough until the loop has taken the list */
    return fits;
}

int net_loop_post(struct net_loop *loop, void (*fn)(void *arg), void *arg, struct err *err) {
    if (post(loop, fn, arg, NET_LOOP_POSTED_MAX)) return 0;
    return err_set(err, ERR_UNAVAILABLE, "event loop %s: %d closures are waiting already",
                   loop->name, NET_LOOP_POSTED_MAX);
}

void net_loop_post_always(struct net_loop *loop, void (*fn)(void *arg), void *arg) {
    post(loop, fn, arg, SIZE_MAX);
}

struct called {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void run_called(void *arg) {
    struct called *c = arg;
    c->fn(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

void net_loop_call(struct net_loop *loop, void (*fn)(void *arg), void *arg) {
    /* A thread that was started owns the loop, even if it hasn't come round yet. */
    bool elsewhere =
        loop->thread.started || atomic_load_explicit(&loop->running, memory_order_acquire);
    if (!elsewhere || net_loop_is_here(loop)) {
        fn(arg);
        return;
    }
    struct called c = {fn, arg, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    post(loop, run_called, &c, SIZE_MAX); /* callers wait, so there are few */
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.cond, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_mutex_destroy(&c.lock);
    pthread_cond_destroy(&c.cond);
}

/* ---- sockets -------------------------------------------------------------------------------- */

int net_watch_new(struct net_loop *loop, int fd, uint32_t events,
                  void (*fn)(void *arg, uint32_t events), void *arg, struct net_watch **ret_watch,
                  struct err *err) {
    if (loop->n_fds == loop->max_fds) {
        return err_set(err, ERR_UNAVAILABLE, "event loop %s has %d sockets already", loop->name,
                       loop->max_fds);
    }
    struct net_watch *w = mem_zalloc(sizeof(*w));
    *w = (struct net_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        free(w);
        return err_set_errno(err, ERR_NET, errno, "watch a socket");
    }
    loop->n_fds++;
    *ret_watch = w;
    return 0;
}

void net_watch_set(struct net_watch *w, uint32_t events) {
    if (w->events == events) return;
    w->events = events;
    struct epoll_event ev = {.events = events, .data.ptr = w};
    int rc = epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
    CHECKF(rc == 0, "epoll_ctl: %s", strerror(errno));
}

void net_watch_free(struct net_watch *w) {
    if (!w) return;
    epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->loop->n_fds--;
    w->fn = NULL;
    w->next_dead = w->loop->dead;
    w->loop->dead = w;
}

/* ---- timers --------------------------------------------------------------------------------- */

static void heap_put(struct net_loop *loop, size_t i, struct net_timer *t) {
    loop->heap[i] = t;
    t->place = (ptrdiff_t)i;
}

static void heap_up(struct net_loop *loop, size_t i) {
    struct net_timer *t = loop->heap[i];
    while (i > 0 && loop->heap[(i - 1) / 2]->due_ns > t->due_ns) {
        heap_put(loop, i, loop->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(loop, i, t);
}

static void heap_down(struct net_loop *loop, size_t i) {
    struct net_timer *t = loop->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= loop->n_timers) break;
        if (child + 1 < loop->n_timers && loop->heap[child + 1]->due_ns < loop->heap[child]->due_ns)
            child++;
        if (loop->heap[child]->due_ns >= t->due_ns) break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, t);
}

static void heap_insert(struct net_loop *loop, struct net_timer *t) {
    MEM_GROW(loop->heap, loop->n_timers, loop->cap_timers);
    heap_put(loop, loop->n_timers++, t);
    heap_up(loop, loop->n_timers - 1);
}

static void heap_remove(struct net_loop *loop, struct net_timer *t) {
    size_t i = (size_t)t->place;
    struct net_timer *last = loop->heap[--loop->n_timers];
    t->place = NO_PLACE;
    if (last == t) return;
    heap_put(loop, i, last);
    heap_up(loop, i);
    heap_down(loop, (size_t)last->place);
}

static void run_timers(struct net_loop *loop) {
    if (!loop->n_timers) return;
    /* Those due by now, and none that they set: a timer that sets itself to 0 ms gives way to the
     * sockets. */
    int64_t now_ns = clock_mono_ns();
    while (loop->n_timers && loop->heap[0]->due_ns <= now_ns) {
        struct net_timer *t = loop->heap[0];
        heap_remove(loop, t);
        if (t->interval_ns) {
            t->due_ns = now_ns + t->interval_ns;
            heap_insert(loop, t);
        }
        t->fn(t->arg); /* may free t */
    }
}

struct net_timer *net_timer_new(struct net_loop *loop, void (*fn)(void *arg), void *arg) {
    struct net_timer *t = mem_zalloc(sizeof(*t));
    *t = (struct net_timer){.loop = loop, .place = NO_PLACE, .fn = fn, .arg = arg};
    return t;
}

void net_timer_free(struct net_timer *t) {
    if (!t) return;
    net_timer_cancel(t);
    free(t);
}

static void timer_set(struct net_timer *t, int64_t delay_ms, int64_t interval_ms) {
    net_timer_cancel(t);
    int64_t most_ms = INT64_MAX / 4000000;
    delay_ms = delay_ms < 0 ? 0 : MIN(delay_ms, most_ms);
    /* At least 1 ns ahead: see run_timers. */
    t->due_ns = clock_mono_ns() + (delay_ms ? delay_ms * 1000000 : 1);
    t->interval_ns = MIN(interval_ms, most_ms) * 1000000;
    heap_insert(t->loop, t);
}

void net_timer_set(struct net_timer *t, int64_t delay_ms) {
    timer_set(t, delay_ms, 0);
}

void net_timer_set_every(struct net_timer *t, int64_t interval_ms) {
    CHECKF(interval_ms > 0, "interval of %lld ms", (long long)interval_ms);
    timer_set(t, interval_ms, interval_ms);
}

void net_timer_cancel(struct net_timer *t) {
    if (t->place != NO_PLACE) heap_remove(t->loop, t);
}

bool net_timer_is_set(const struct net_timer *t) {
    return t->place != NO_PLACE;
}
