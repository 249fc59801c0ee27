/* net_loop_test.c - timers, posted closures, start and stop. */
#include "base/net/net_loop.h"

#include "base/core/clock.h"
#include "base/core/thread.h"
#include "tests/unit/cmocka_wrap.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct log {
    struct net_loop *loop;
    char text[256];
    sem_t sem;
};

static struct net_loop *new_loop(void) {
    struct net_loop *loop;
    struct err e = ERR_INIT;
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "test"}, &loop, &e), &e);
    return loop;
}

static void note(struct log *l, const char *word) {
    strncat(l->text, word, sizeof(l->text) - strlen(l->text) - 1);
}

static void note_a(void *arg) {
    note(arg, "a");
}
static void note_b(void *arg) {
    note(arg, "b");
}
static void note_c(void *arg) {
    note(arg, "c");
}
static void stop_loop(void *arg) {
    struct log *l = arg;
    net_loop_stop(l->loop);
}

static void timers_fire_in_order(void **state) {
    struct log l = {.loop = new_loop()};
    struct net_timer *a = net_timer_new(l.loop, note_a, &l), *b = net_timer_new(l.loop, note_b, &l),
                     *c = net_timer_new(l.loop, note_c, &l),
                     *end = net_timer_new(l.loop, stop_loop, &l);
    net_timer_set(c, 12);
    net_timer_set(a, 1);
    net_timer_set(b, 500);
    net_timer_set(b, 6); /* replaces */
    net_timer_set(end, 20);
    assert_true(net_timer_is_set(a));
    int64_t start = clock_mono_ns();
    net_loop_run(l.loop);
    assert_true(clock_mono_ns() - start >= 20000000);
    assert_string_equal(l.text, "abc");
    assert_false(net_timer_is_set(a));
    net_timer_set(a, 1);
    net_timer_cancel(a);
    assert_false(net_timer_is_set(a));
    net_timer_free(a);
    net_timer_free(b);
    net_timer_free(NULL);
    net_timer_set(c, 1000);
    net_loop_free(l.loop);
    net_timer_free(c); /* set when the loop went */
    net_timer_free(end);
}

struct ticker {
    struct net_loop *loop;
    struct net_timer *timer;
    int left;
};
static void tick(void *arg) {
    struct ticker *t = arg;
    if (--t->left) return;
    net_timer_free(t->timer); /* in its own callback */
    net_loop_stop(t->loop);
}

static void interval_until_freed_in_its_callback(void **state) {
    struct ticker t = {.loop = new_loop(), .left = 5};
    t.timer = net_timer_new(t.loop, tick, &t);
    net_timer_set_every(t.timer, 2);
    net_loop_run(t.loop);
    assert_int_equal(t.left, 0);
    net_loop_free(t.loop);
}

/* A heap against a plain sort. */
enum { TIMERS = 300 };
static struct heap_case {
    struct net_loop *loop;
    struct net_timer *timers[TIMERS];
    int64_t due[TIMERS];
    int64_t last_due, fired, wanted;
} heap_case;

struct numbered {
    int i;
};
static struct numbered numbers[TIMERS];

static void fired(void *arg) {
    int i = ((struct numbered *)arg)->i;
    struct heap_case *h = &heap_case;
    assert_true(h->due[i] >= h->last_due);
    h->last_due = h->due[i];
    if (++h->fired == h->wanted) net_loop_stop(h->loop);
}

static void many_timers_keep_their_order(void **state) {
    struct heap_case *h = &heap_case;
    memset(h, 0, sizeof(*h));
    h->loop = new_loop();
    unsigned seed = 3;
    for (int i = 0; i < TIMERS; i++) {
        numbers[i].i = i;
        h->timers[i] = net_timer_new(h->loop, fired, &numbers[i]);
    }
    for (int step = 0; step < 3000; step++) {
        seed = seed * 1664525 + 1013904223;
        int i = (int)(seed >> 8) % TIMERS;
        h->due[i] = (int64_t)(seed >> 20) % 5 * 10; /* in steps of 10 ms, so that setting order */
        if ((seed >> 27) % 4 == 0) {                /* within one step doesn't matter */
            net_timer_cancel(h->timers[i]);
        } else {
            net_timer_set(h->timers[i], h->due[i]);
        }
    }
    for (int i = 0; i < TIMERS; i++)
        h->wanted += net_timer_is_set(h->timers[i]);
    assert_true(h->wanted > 100);
    net_loop_run(h->loop);
    assert_int_equal(h->fired, h->wanted);
    for (int i = 0; i < TIMERS; i++)
        net_timer_free(h->timers[i]);
    net_loop_free(h->loop);
}

enum { POSTERS = 3, POSTS = 5000 };
static struct poster {
    struct net_loop *loop;
    int id, seen;
    struct post_item {
        struct poster *p;
        int n;
    } items[POSTS];
} posters[POSTERS];
static atomic_int posts_seen;

static void on_post(void *arg) {
    struct post_item *it = arg;
    assert_true(net_loop_is_here(it->p->loop));
    assert_int_equal(it->n, it->p->seen++);
    atomic_fetch_add(&posts_seen, 1);
}
static void post_all(void *arg) {
    struct poster *p = arg;
    struct err e = ERR_INIT;
    for (int i = 0; i < POSTS; i++) {
        p->items[i] = (struct post_item){p, i};
        assert_ok(net_loop_post(p->loop, on_post, &p->items[i], &e), &e);
    }
}
static void nothing(void *arg) {
}

static void posts_from_threads_come_in_order(void **state) {
    struct net_loop *loop = new_loop();
    struct thread t[POSTERS];
    struct err e = ERR_INIT;
    assert_false(net_loop_is_here(loop));
    assert_ok(net_loop_start(loop, &e), &e);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        assert_ok(thread_start(&t[i], "poster", post_all, &posters[i], &e), &e);
    }
    for (int i = 0; i < POSTERS; i++)
        thread_join(&t[i]);
    net_loop_call(loop, nothing, NULL); /* behind all posts */
    assert_int_equal(atomic_load(&posts_seen), POSTERS * POSTS);
    net_loop_free(loop);
}

static void free_runs_what_was_posted(void **state) {
    struct log l = {.loop = new_loop()};
    struct err e = ERR_INIT;
    assert_ok(net_loop_post(l.loop, note_a, &l, &e), &e);
    assert_ok(net_loop_post(l.loop, note_b, &l, &e), &e);
    net_loop_call(l.loop, note_c, &l); /* not running: at once */
    assert_string_equal(l.text, "c");
    net_loop_free(l.loop);
    assert_string_equal(l.text, "cab");
    net_loop_free(NULL);
}

static void posting_is_bounded(void **state) {
    struct log l = {.loop = new_loop()};
    struct err e = ERR_INIT;
    for (int i = 0; i < NET_LOOP_POSTED_MAX; i++)
        assert_ok(net_loop_post(l.loop, nothing, NULL, &e), &e);
    assert_err(net_loop_post(l.loop, nothing, NULL, &e), ERR_UNAVAILABLE, &e, "waiting already");
    net_loop_free(l.loop);
}

static void stop_before_run_returns_at_once(void **state) {
    struct net_loop *loop = new_loop();
    net_loop_stop(loop);
    net_loop_run(loop);
    net_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order),
        cmocka_unit_test(interval_until_freed_in_its_callback),
        cmocka_unit_test(many_timers_keep_their_order),
        cmocka_unit_test(posts_from_threads_come_in_order),
        cmocka_unit_test(free_runs_what_was_posted),
        cmocka_unit_test(posting_is_bounded),
        cmocka_unit_test(stop_before_run_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
