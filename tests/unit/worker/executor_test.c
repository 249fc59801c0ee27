/* executor_test.c - turns, wakes and due times. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/clock.h"
#include "worker/executor.h"

#include <pthread.h>

struct counter {
    struct runnable r;
    _Atomic int turns, wakes_seen, posted;
    _Atomic bool in_turn, done;
    int again;          /* turns to ask for at once */
    int64_t wait_ns;    /* then: wait that long; 0 = for a wake */
    _Atomic int end_at; /* posted wakes after which it is done */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static enum turn_result turn(struct runnable *r, int64_t now_ns, int64_t *ret_wake_ns) {
    struct counter *c = (struct counter *)r;
    CHECK(!atomic_exchange(&c->in_turn, true)); /* never two turns at once */
    int posted = atomic_load(&c->posted);
    pthread_mutex_lock(&lock);
    atomic_store(&c->wakes_seen, posted);
    atomic_fetch_add(&c->turns, 1);
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
    atomic_store(&c->in_turn, false);
    if (c->end_at && posted >= c->end_at) return TURN_DONE;
    if (c->again && --c->again) return TURN_AGAIN;
    if (c->wait_ns) *ret_wake_ns = now_ns + c->wait_ns;
    return TURN_WAIT;
}

static void done(struct runnable *r) {
    pthread_mutex_lock(&lock);
    atomic_store(&((struct counter *)r)->done, true);
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
}

static const struct runnable_ops ops = {turn, done};

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        pthread_mutex_lock(&lock);                                                                 \
        while (!(condition))                                                                       \
            pthread_cond_wait(&cond, &lock);                                                       \
        pthread_mutex_unlock(&lock);                                                               \
    } while (0)

static struct executor_pool *pool(int n) {
    struct executor_pool *p;
    struct err err = ERR_INIT;
    assert_ok(executor_pool_new(n, &p, &err), &err);
    return p;
}

static void post(struct counter *c) {
    atomic_fetch_add(&c->posted, 1);
    runnable_wake(&c->r);
}

static void turns_follow_wakes(void **state) {
    struct executor_pool *p = pool(1);
    struct counter c = {.again = 5, .end_at = 1000000};
    runnable_init(&c.r, &ops, executor_pool_get(p, 0));
    post(&c);
    AWAIT(c.turns == 5);
    post(&c);
    AWAIT(c.turns == 6);
    c.end_at = 3;
    post(&c);
    AWAIT(c.done);
    assert_true(runnable_is_done(&c.r));
    runnable_wake(&c.r); /* nothing happens */
    executor_pool_free(p);
    assert_int_equal(c.turns, 7);
}

static void due_times_are_kept(void **state) {
    enum { N = 20 };
    struct executor_pool *p = pool(1);
    struct counter c[N];
    memset(c, 0, sizeof(c));
    int64_t start_ns = clock_mono_ns();
    for (int i = 0; i < N; i++) {
        c[i].wait_ns = (1 + (i * 7) % N) * 1000000;
        runnable_init(&c[i].r, &ops, executor_pool_get(p, 0));
        runnable_wake(&c[i].r);
    }
    for (int i = 0; i < N; i++) {
        AWAIT(c[i].turns >= 3);
        assert_true(clock_mono_ns() - start_ns >= 2 * c[i].wait_ns);
    }
    for (int i = 0; i < N; i++) {
        c[i].end_at = 1;
        post(&c[i]);
        AWAIT(c[i].done);
    }
    executor_pool_free(p);
}

/* Many threads wake many runnables: each wake is followed by a turn that sees it. */
struct storm {
    struct counter *c;
    int n;
};
static void *wake_all(void *arg) {
    struct storm *s = arg;
    for (int round = 0; round < 2000; round++)
        for (int i = 0; i < s->n; i++)
            post(&s->c[i]);
    return NULL;
}

static void no_wake_is_lost(void **state) {
    enum { N = 8, THREADS = 4 };
    struct executor_pool *p = pool(3);
    struct counter c[N];
    memset(c, 0, sizeof(c));
    for (int i = 0; i < N; i++) {
        c[i].end_at = 2000 * THREADS;
        runnable_init(&c[i].r, &ops, executor_pool_get(p, i % 3));
    }
    struct storm s = {c, N};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake_all, &s), 0);
    for (int i = 0; i < N; i++)
        AWAIT(c[i].done);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    executor_pool_free(p);
}

static void idle_executors_sleep(void **state) {
    struct executor_pool *p = pool(2);
    struct counter c = {0}, timed = {.wait_ns = 20000000};
    runnable_init(&c.r, &ops, executor_pool_get(p, 0));
    runnable_init(&timed.r, &ops, executor_pool_get(p, 1));
    post(&c);
    post(&timed);
    AWAIT(timed.turns >= 4); /* 60 ms and more */
    for (int i = 0; i < 2; i++) {
        struct executor_stats s = executor_stats(executor_pool_get(p, i));
        assert_true(s.turns <= 8);
        assert_true(s.busy_ns < 20000000);
    }
    c.end_at = timed.end_at = 1;
    post(&c);
    post(&timed);
    AWAIT(c.done && timed.done);
    executor_pool_free(p);
}

static void pools_have_limits(void **state) {
    struct executor_pool *p;
    struct err err = ERR_INIT;
    assert_err(executor_pool_new(0, &p, &err), ERR_INVALID, &err, "must be 1 to 1024");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_follow_wakes), cmocka_unit_test(due_times_are_kept),
        cmocka_unit_test(no_wake_is_lost),    cmocka_unit_test(idle_executors_sleep),
        cmocka_unit_test(pools_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
