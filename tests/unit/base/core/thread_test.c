/* thread_test.c - threads and the pool for blocking work. */
#include "base/core/thread.h"

#include "base/core/queue.h"
#include "tests/unit/cmocka_wrap.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static void look_around(void *arg) {
    char *name = arg;
    prctl(PR_GET_NAME, name, 0, 0, 0);
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    name[31] = sigismember(&set, SIGTERM) ? 'B' : '-';
}

static void thread_has_its_name_and_no_signals(void **state) {
    char seen[32] = {0};
    struct thread t;
    struct err e = ERR_INIT;
    assert_ok(thread_start(&t, "a-name-longer-than-fifteen", look_around, seen, &e), &e);
    thread_join(&t);
    thread_join(&t);
    assert_string_equal(seen, "a-name-longer-t");
    assert_int_equal(seen[31], 'B');
    assert_true(thread_cpu_count() >= 1);
}

static void check_not_owner(void *arg) {
    struct owner *o = arg;
    if (owner_is_here(o)) abort();
}

static void owner_is_the_first_thread(void **state) {
    struct owner o = {0};
    assert_true(owner_is_here(&o));
    struct thread t;
    struct err e = ERR_INIT;
    assert_ok(thread_start(&t, "other", check_not_owner, &o, &e), &e);
    thread_join(&t);
    assert_true(owner_is_here(&o));
    owner_assert(&o);
}

static atomic_int ran, dropped;
static void count_run(void *arg) {
    atomic_fetch_add(&ran, 1);
}
static void count_drop(void *arg) {
    atomic_fetch_add(&dropped, 1);
}

/* Blocks its pool thread until the gate's queue is fed; says that it has begun. */
struct gate {
    struct queue *begun, *go;
};
static void wait_gate(void *arg) {
    struct gate *g = arg;
    void *p;
    if (queue_push(g->begun, g, -1) != QUEUE_OK) abort();
    if (queue_pop(g->go, &p, -1) != QUEUE_OK) abort();
    atomic_fetch_add(&ran, 1);
}
static int setup(void **state) {
    static struct gate g;
    g = (struct gate){queue_new(16), queue_new(16)};
    *state = &g;
    atomic_store(&ran, 0);
    atomic_store(&dropped, 0);
    return 0;
}
static int teardown(void **state) {
    struct gate *g = *state;
    queue_free(g->begun);
    queue_free(g->go);
    return 0;
}

static void all_jobs_run_before_drain_returns(void **state) {
    struct io_pool *p;
    struct err e = ERR_INIT;
    assert_ok(io_pool_new(&(struct io_pool_options){.threads_max = 3}, &p, &e), &e);
    io_pool_drain(p);
    for (int i = 0; i < 2000; i++)
        assert_ok(io_pool_submit(p, &(struct io_job){count_run, count_drop, NULL}, NULL, &e), &e);
    io_pool_drain(p);
    assert_int_equal(atomic_load(&ran), 2000);
    assert_int_equal(io_pool_pending(p), 0);
    io_pool_free(p);
    assert_int_equal(atomic_load(&dropped), 0);
}

static void full_queue_refuses_and_cancel_drops(void **state) {
    struct gate *g = *state;
    struct io_pool *p;
    struct err e = ERR_INIT;
    void *got;
    assert_ok(io_pool_new(&(struct io_pool_options){.threads_max = 1, .queue_max = 2}, &p, &e), &e);
    uint64_t running, first, second;
    assert_ok(io_pool_submit(p, &(struct io_job){wait_gate, count_drop, g}, &running, &e), &e);
    assert_int_equal(queue_pop(g->begun, &got, -1), QUEUE_OK);
    struct io_job job = {count_run, count_drop, NULL};
    assert_ok(io_pool_submit(p, &job, &first, &e), &e);
    assert_ok(io_pool_submit(p, &job, &second, &e), &e);
    assert_err(io_pool_submit(p, &job, NULL, &e), ERR_UNAVAILABLE, &e, "2 jobs are waiting");
    assert_false(io_pool_cancel(p, running));
    assert_true(io_pool_cancel(p, second));
    assert_false(io_pool_cancel(p, second));
    assert_int_equal(atomic_load(&dropped), 1);
    assert_ok(io_pool_submit(p, &job, NULL, &e), &e); /* behind a cancelled tail */
    assert_true(io_pool_cancel(p, first));
    assert_int_equal(queue_push(g->go, g, 0), QUEUE_OK);
    io_pool_drain(p);
    assert_int_equal(atomic_load(&ran), 2);
    assert_int_equal(atomic_load(&dropped), 2);
    io_pool_free(p);
}

static void free_drops_what_waits(void **state) {
    struct gate *g = *state;
    struct io_pool *p;
    struct err e = ERR_INIT;
    void *got;
    assert_ok(io_pool_new(&(struct io_pool_options){.threads_max = 1}, &p, &e), &e);
    assert_ok(io_pool_submit(p, &(struct io_job){wait_gate, NULL, g}, NULL, &e), &e);
    assert_int_equal(queue_pop(g->begun, &got, -1), QUEUE_OK);
    for (int i = 0; i < 5; i++)
        assert_ok(io_pool_submit(p, &(struct io_job){count_run, count_drop, NULL}, NULL, &e), &e);
    assert_int_equal(queue_push(g->go, g, 0), QUEUE_OK);
    io_pool_free(p);
    io_pool_free(NULL);
    assert_int_equal(atomic_load(&ran) + atomic_load(&dropped), 6);
    assert_true(atomic_load(&ran) >= 1);
}

/* Blocked jobs don't hold up others while threads are left to start. */
static void threads_start_as_needed(void **state) {
    struct gate *g = *state;
    struct io_pool *p;
    struct err e = ERR_INIT;
    void *got;
    assert_ok(io_pool_new(&(struct io_pool_options){.threads_max = 4}, &p, &e), &e);
    for (int i = 0; i < 4; i++)
        assert_ok(io_pool_submit(p, &(struct io_job){wait_gate, NULL, g}, NULL, &e), &e);
    for (int i = 0; i < 4; i++) /* all four run at once */
        assert_int_equal(queue_pop(g->begun, &got, -1), QUEUE_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue_push(g->go, g, 0), QUEUE_OK);
    io_pool_free(p);
    assert_int_equal(atomic_load(&ran), 4);
}

static void bad_sizes_are_refused(void **state) {
    struct io_pool *p;
    struct err e = ERR_INIT;
    assert_err(io_pool_new(&(struct io_pool_options){.threads_max = 65}, &p, &e), ERR_INVALID, &e,
               "1 to 64");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_has_its_name_and_no_signals),
        cmocka_unit_test(owner_is_the_first_thread),
        cmocka_unit_test_setup_teardown(all_jobs_run_before_drain_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(full_queue_refuses_and_cancel_drops, setup, teardown),
        cmocka_unit_test_setup_teardown(free_drops_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_start_as_needed, setup, teardown),
        cmocka_unit_test(bad_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
