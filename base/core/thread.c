/* thread.c - named threads and the pool for blocking work. */
#include "base/core/thread.h"

#include "base/core/mem.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

void thread_set_name(const char *name) {
    char cut[THREAD_NAME_MAX + 1];
    snprintf(cut, sizeof(cut), "%s", name);
    prctl(PR_SET_NAME, cut, 0, 0, 0);
}

static void *thread_main(void *arg) {
    struct thread *t = arg;
    thread_set_name(t->name);
    t->fn(t->arg);
    return NULL;
}

int thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg,
                 struct err *err) {
    *t = (struct thread){.fn = fn, .arg = arg};
    snprintf(t->name, sizeof(t->name), "%s", name);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
#ifndef PENSTOCK_SANITIZE /* sanitizers need more */
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
#endif
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&t->id, &attr, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc) return err_set_errno(err, ERR_UNAVAILABLE, rc, "start thread %s", t->name);
    t->started = true;
    return 0;
}

void thread_join(struct thread *t) {
    if (!t->started) return;
    pthread_join(t->id, NULL);
    t->started = false;
}

/* Whole CPUs of a cgroup quota, rounded up; 0 = no quota. */
static int cgroup_cpus(void) {
    long long quota = -1, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re"); /* version 2 */
    if (f) {
        if (fscanf(f, "%lld %lld", &quota, &period) != 2) quota = -1;
        fclose(f);
    } else {
        static const char *const files[] = {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
                                            "/sys/fs/cgroup/cpu/cpu.cfs_period_us"};
        long long *const values[] = {&quota, &period};
        for (int i = 0; i < 2; i++) {
            f = fopen(files[i], "re");
            if (!f) return 0;
            if (fscanf(f, "%lld", values[i]) != 1) quota = -1;
            fclose(f);
        }
    }
    if (quota <= 0 || period <= 0) return 0;
    return (int)((quota + period - 1) / period);
}

int thread_cpu_count(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    int quota = cgroup_cpus();
    if (quota && quota < n) n = quota;
    return MAX(n, 1);
}

bool owner_is_here(struct owner *o) {
    if (!o->bound) {
        o->id = pthread_self();
        o->bound = true;
    }
    return pthread_equal(o->id, pthread_self());
}

/* ---- pool ---------------------------------------------------------------------------------- */

struct pool_item {
    struct pool_item *next;
    uint64_t id;
    struct io_job job;
};

struct io_pool {
    pthread_mutex_t lock; /* guards all below; never held while a job runs or is dropped */
    pthread_cond_t work, idle;
    struct pool_item *head, **tail;
    size_t n_waiting, n_running, queue_max;
    uint64_t next_id;
    int n_threads, threads_max, n_sleeping;
    bool stopping;
    char name[THREAD_NAME_MAX + 1];
    struct thread threads[IO_POOL_THREADS_MAX];
};

int io_pool_new(const struct io_pool_options *opts, struct io_pool **ret_pool, struct err *err) {
    int threads_max = opts->threads_max ? opts->threads_max : 4;
    int queue_max = opts->queue_max ? opts->queue_max : IO_POOL_QUEUE_MAX;
    if (threads_max < 1 || threads_max > IO_POOL_THREADS_MAX || queue_max < 1) {
        return err_set(err, ERR_INVALID, "pool of %d threads and %d jobs: expected 1 to %d threads",
                       threads_max, queue_max, IO_POOL_THREADS_MAX);
    }
    struct io_pool *p = mem_zalloc(sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->tail = &p->head;
    p->threads_max = threads_max;
    p->queue_max = (size_t)queue_max;
    snprintf(p->name, sizeof(p->name), "%s", opts->name ? opts->name : "io");
    *ret_pool = p;
    return 0;
}

static void pool_main(void *arg) {
    struct io_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stopping) {
            p->n_sleeping++;
            pthread_cond_wait(&p->work, &p->lock);
            p->n_sleeping--;
        }
        struct pool_item *item = p->head;
        if (!item) break; /* stopping */
        p->head = item->next;
        if (!p->head) p->tail = &p->head;
        p->n_waiting--;
        p->n_running++;
        pthread_mutex_unlock(&p->lock);
        item->job.run(item->job.arg);
        free(item);
        pthread_mutex_lock(&p->lock);
        p->n_running--;
        if (p->n_running + p->n_waiting == 0) pthread_cond_broadcast(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
}

/* One more thread if nobody is free for the new job. Lock held. */
static int pool_grow(struct io_pool *p, struct err *err) {
    if (p->n_threads == p->threads_max || (size_t)p->n_sleeping > p->n_waiting) return 0;
    int rc = thread_start(&p->threads[p->n_threads], p->name, pool_main, p, err);
    if (rc) return p->n_threads ? 0 : rc; /* those that run will do */
    p->n_threads++;
    return 0;
}

int io_pool_submit(struct io_pool *p, const struct io_job *job, uint64_t *ret_id, struct err *err) {
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    if (p->stopping) {
        rc = err_set(err, ERR_UNAVAILABLE, "pool %s is shutting down", p->name);
    } else if (p->n_waiting == p->queue_max) {
        rc = err_set(err, ERR_UNAVAILABLE, "pool %s: %zu jobs are waiting already", p->name,
                     p->n_waiting);
    } else {
        rc = pool_grow(p, err);
    }
    if (!rc) {
        struct pool_item *item = mem_zalloc(sizeof(*item));
        item->id = ++p->next_id;
        item->job = *job;
        *p->tail = item;
        p->tail = &item->next;
        p->n_waiting++;
        if (ret_id) *ret_id = item->id;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void pool_drop(struct pool_item *item) {
    if (item->job.drop) item->job.drop(item->job.arg);
    free(item);
}

bool io_pool_cancel(struct io_pool *p, uint64_t id) {
    struct pool_item *found = NULL;
    pthread_mutex_lock(&p->lock);
    for (struct pool_item **at = &p->head; *at; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        found = *at;
        *at = found->next;
        if (!*at) p->tail = at;
        p->n_waiting--;
        if (p->n_running + p->n_waiting == 0) pthread_cond_broadcast(&p->idle);
        break;
    }
    pthread_mutex_unlock(&p->lock);
    if (found) pool_drop(found);
    return found != NULL;
}

void io_pool_drain(struct io_pool *p) {
    pthread_mutex_lock(&p->lock);
    while (p->n_running + p->n_waiting)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

size_t io_pool_pending(struct io_pool *p) {
    pthread_mutex_lock(&p->lock);
    size_t n = p->n_running + p->n_waiting;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void io_pool_free(struct io_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    struct pool_item *left = p->head;
    p->head = NULL;
    p->tail = &p->head;
    p->n_waiting = 0;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    while (left) {
        struct pool_item *next = left->next;
        pool_drop(left);
        left = next;
    }
    for (int i = 0; i < p->n_threads; i++)
        thread_join(&p->threads[i]);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
