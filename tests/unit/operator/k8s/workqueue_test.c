/* workqueue_test.c - one key, one place, one work at a time. On a loop that the test turns itself,
 * with a clock of its own where time matters. */
#include "operator/k8s/workqueue.h"

#include "base/core/mem.h"
#include "base/core/str.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

static struct net_loop *loop;
static struct k8s_queue *queue;
static struct net_timer *stop_timer;
static struct str worked; /* keys in the order in which work began */
static int in_work, most_in_work;
static bool hold; /* work isn't done at once */
static enum k8s_work_result result;
static int64_t again_ms;

static void work(void *self, const char *key) {
    str_addf(&worked, "%s ", key);
    if (++in_work > most_in_work) most_in_work = in_work;
    if (hold) return;
    in_work--;
    k8s_queue_done(queue, key, result, again_ms);
}

static void done(const char *key) {
    in_work--;
    k8s_queue_done(queue, key, result, again_ms);
}

/* What the loop's thread does, step by step: closures that wait for a condition. */
static bool (*until)(void);
static int turns;
static void check_until(void *arg) {
    if (until()) {
        net_loop_stop(loop);
    } else {
        if (++turns > 20000) fail_msg("the condition never came: %s", str_text(&worked));
        net_timer_set(stop_timer, 1);
    }
}

static void new_loop(void) {
    struct err e = ERR_INIT;
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &loop, &e), &e);
    stop_timer = net_timer_new(loop, check_until, NULL);
}

static void run_until(bool (*fn)(void)) {
    until = fn;
    turns = 0;
    net_timer_set(stop_timer, 0);
    net_loop_run(loop);
}

static struct k8s_queue_stats stats(void) {
    struct k8s_queue_stats s;
    k8s_queue_get_stats(queue, &s);
    return s;
}

static int setup(void **state) {
    new_loop();
    queue = k8s_queue_new(&(struct k8s_queue_options){
        .loop = loop, .concurrency = 2, .backoff_min_ms = 8, .backoff_max_ms = 64, .work = work});
    str_clear(&worked);
    in_work = most_in_work = 0;
    hold = false;
    result = K8S_WORK_DONE;
    again_ms = -1;
    return 0;
}
static int teardown(void **state) {
    k8s_queue_free(queue);
    net_timer_free(stop_timer);
    net_loop_free(loop);
    str_release(&worked);
    return 0;
}

static bool idle(void) {
    struct k8s_queue_stats s = stats();
    return !s.ready && !s.delayed && !s.working;
}
static bool nothing_ready(void) {
    return !stats().ready;
}
static bool full(void) {
    return stats().working == 2;
}

static void once_however_often_it_is_added(void **state) {
    for (int i = 0; i < 5; i++) {
        k8s_queue_add(queue, "a/x");
        k8s_queue_add(queue, "a/y");
    }
    assert_string_equal(str_text(&worked), ""); /* not before it is started */
    k8s_queue_start(queue);
    run_until(idle);
    assert_string_equal(str_text(&worked), "a/x a/y ");
    assert_int_equal(stats().added, 10);
    assert_int_equal(stats().worked, 2);
}

/* Steps of a program on the loop, as net_loop_run runs only once. */
static int step;
static bool never_twice_step(void) {
    switch (step) {
    case 0:
        if (!full()) return false;
        assert_string_equal(str_text(&worked), "x y ");
        k8s_queue_add(queue, "x");
        k8s_queue_add(queue, "x");
        k8s_queue_add_after(queue, "y", 1);
        step++;
        return false;
    case 1:
        if (stats().delayed) return false;
        assert_string_equal(str_text(&worked), "x y "); /* both are in work, z has no place */
        assert_int_equal(stats().ready, 1);
        done("x");
        step++;
        return false;
    case 2:
        if (stats().working < 2) return false;
        assert_string_equal(str_text(&worked), "x y z "); /* x is behind z */
        hold = false;
        done("y");
        done("z");
        step++;
        return false;
    default:
        return idle();
    }
}

static void never_twice_at_the_same_time(void **state) {
    hold = true;
    step = 0;
    k8s_queue_add(queue, "x");
    k8s_queue_add(queue, "y");
    k8s_queue_add(queue, "z");
    k8s_queue_start(queue);
    run_until(never_twice_step);
    assert_string_equal(str_text(&worked), "x y z x y ");
    assert_int_equal(most_in_work, 2);
}

static void the_earliest_delay_counts(void **state) {
    k8s_queue_add_after(queue, "x", 60000);
    k8s_queue_add_after(queue, "x", 10);
    k8s_queue_add_after(queue, "x", 60000);
    k8s_queue_add_after(queue, "y", 60000);
    k8s_queue_add(queue, "y");
    k8s_queue_add_after(queue, "z", 60000);
    k8s_queue_forget(queue, "z");
    k8s_queue_add(queue, "w");
    k8s_queue_forget(queue, "w");
    k8s_queue_start(queue);
    run_until(idle);
    assert_string_equal(str_text(&worked), "y x ");
}

static bool six_failures(void) {
    if (k8s_queue_failures(queue, "x") == 6) result = K8S_WORK_DONE;
    return result == K8S_WORK_DONE && idle();
}

static void failures_back_off(void **state) {
    result = K8S_WORK_RETRY;
    k8s_queue_add(queue, "x");
    k8s_queue_start(queue);
    run_until(six_failures);
    assert_string_equal(str_text(&worked), "x x x x x x x ");
    assert_int_equal(stats().retries, 6);
    assert_int_equal(k8s_queue_failures(queue, "x"), 0);
}

static bool forgotten(void) {
    if (stats().delayed != 1) return false;
    assert_int_equal(k8s_queue_failures(queue, "x"), 1);
    k8s_queue_forget(queue, "x");
    assert_int_equal(k8s_queue_failures(queue, "x"), 0);
    return idle();
}

static void forgetting_drops_the_backoff(void **state) {
    result = K8S_WORK_RETRY;
    again_ms = 60000; /* longer than the backoff */
    k8s_queue_add(queue, "x");
    k8s_queue_start(queue);
    run_until(forgotten);
    assert_string_equal(str_text(&worked), "x ");
}

static bool three_times(void) {
    if (stats().worked == 3) again_ms = -1;
    return stats().worked == 4 && idle();
}

static void comes_again_when_asked_to(void **state) {
    again_ms = 2;
    k8s_queue_add(queue, "x");
    k8s_queue_start(queue);
    run_until(three_times);
    assert_int_equal(stats().retries, 0);
}

static bool paused(void) {
    if (stats().worked < 1) return false;
    if (step == 0) {
        k8s_queue_pause(queue);
        k8s_queue_add(queue, "y");
        step = 1;
        return false;
    }
    if (step++ < 20) {
        assert_int_equal(stats().worked, 1);
        return false;
    }
    if (step == 21) k8s_queue_start(queue);
    return idle();
}

static void a_pause_keeps_keys(void **state) {
    step = 0;
    k8s_queue_add(queue, "x");
    k8s_queue_start(queue);
    run_until(paused);
    assert_string_equal(str_text(&worked), "x y ");
}

static void freed_while_keys_are_in_work(void **state) {
    hold = true;
    k8s_queue_add(queue, "x");
    k8s_queue_add(queue, "y");
    k8s_queue_add(queue, "z");
    k8s_queue_add_after(queue, "w", 60000);
    k8s_queue_start(queue);
    run_until(full);
}

static void many_keys(void **state) {
    char key[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "ns-%d/job-%d", i % 7, i);
        k8s_queue_add(queue, key);
    }
    k8s_queue_start(queue);
    run_until(nothing_ready);
    assert_int_equal(stats().worked, 20000);
    assert_true(idle());
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(once_however_often_it_is_added),
        T(never_twice_at_the_same_time),
        T(the_earliest_delay_counts),
        T(failures_back_off),
        T(forgetting_drops_the_backoff),
        T(comes_again_when_asked_to),
        T(a_pause_keeps_keys),
        T(freed_while_keys_are_in_work),
        T(many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
