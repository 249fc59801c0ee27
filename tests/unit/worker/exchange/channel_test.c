/* channel_test.c - the ring between two threads: order, bounds, wakes. */
#include "tests/unit/cmocka_wrap.h"

#include "worker/exchange/channel.h"

#include <pthread.h>
#include <stdlib.h>

static void count_wake(void *self, uint32_t arg) {
    atomic_fetch_add((_Atomic int *)self, 1);
}

static struct elem wm(int64_t v, uint64_t bytes) {
    return (struct elem){.kind = ELEM_WATERMARK, .size_bytes = bytes, .u.wm = v};
}

static void bounds_and_wakes(void **state) {
    _Atomic int produced = 0, consumed = 0;
    struct channel *ch = channel_new((struct channel_id){1, 2, 3, 0}, 5, 1000);
    channel_set_consumer(ch, (struct channel_peer){count_wake, &produced, 0});
    channel_set_producer(ch, (struct channel_peer){count_wake, &consumed, 0});
    assert_int_equal(channel_max_elems(ch), 8);
    struct elem e;
    assert_false(channel_pop(ch, &e));
    assert_true(channel_is_drained(ch));
    for (int i = 0; i < 8; i++) {
        assert_true(channel_has_room(ch));
        e = wm(i, 1);
        channel_push(ch, &e);
    }
    assert_int_equal(produced, 8);
    assert_false(channel_has_room(ch));
    assert_true(channel_wait(ch, CHANNEL_WAIT_ROOM));
    for (int i = 0; i < 8; i++) { /* woken once, when half is free */
        assert_true(channel_pop(ch, &e));
        assert_int_equal(e.u.wm, i);
        assert_int_equal(e.seq, i);
        assert_int_equal(consumed, i >= 3);
    }
    assert_false(channel_wait(ch, CHANNEL_WAIT_ROOM)); /* it has room: no wake will come */
    assert_true(channel_is_drained(ch));
    channel_unref(ch);
}

static void bytes_bound_too(void **state) {
    _Atomic int wakes = 0;
    struct channel *ch = channel_new((struct channel_id){0}, 8, 1000);
    channel_set_consumer(ch, (struct channel_peer){count_wake, &wakes, 0});
    channel_set_producer(ch, (struct channel_peer){count_wake, &wakes, 0});
    struct elem e = wm(0, 5000); /* one that is too large passes */
    assert_true(channel_has_room(ch));
    channel_push(ch, &e);
    assert_false(channel_has_room(ch));
    struct channel_load load = channel_load(ch);
    assert_int_equal(load.pushed_bytes - load.popped_bytes, 5000);
    assert_true(channel_wait(ch, CHANNEL_WAIT_EMPTY));
    wakes = 0;
    assert_true(channel_pop(ch, &e));
    assert_int_equal(wakes, 1);
    assert_true(channel_has_room(ch));
    channel_unref(ch);
}

/* A producer that hands out credit hears of each half of the room. */
static void credited_producers_hear_of_halves(void **state) {
    _Atomic int produced = 0, credit = 0;
    struct channel *ch = channel_new((struct channel_id){0}, 8, 1 << 20);
    channel_set_consumer(ch, (struct channel_peer){count_wake, &produced, 0});
    channel_set_producer(ch, (struct channel_peer){count_wake, &credit, 0});
    channel_set_credited(ch);
    for (int i = 0; i < 100; i++) {
        struct elem e = wm(i, 10);
        channel_push(ch, &e);
        assert_true(channel_pop(ch, &e));
    }
    assert_int_equal(credit, 25);
    channel_unref(ch);
}

static void what_is_left_is_released(void **state) {
    _Atomic int wakes = 0;
    struct channel *ch = channel_new((struct channel_id){0}, 4, 1 << 20);
    channel_set_consumer(ch, (struct channel_peer){count_wake, &wakes, 0});
    struct elem e = {.kind = ELEM_BATCH, .u.batch = batch_new(0)};
    channel_push(ch, &e);
    e = (struct elem){.kind = ELEM_FRAME, .u.frame.buf = buffer_new(10)};
    channel_push(ch, &e);
    channel_unref(ch); /* the leak checker sees the rest */
}

/* ---- two threads ---------------------------------------------------------------------------- */

struct side {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static void side_wake(void *self, uint32_t arg) {
    struct side *s = self;
    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
}

static void side_sleep(struct side *s) {
    pthread_mutex_lock(&s->lock);
    while (!s->woken)
        pthread_cond_wait(&s->cond, &s->lock);
    s->woken = false;
    pthread_mutex_unlock(&s->lock);
}

enum { ELEMS = 200000 };
static struct side producer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false},
                   consumer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static void *produce(void *arg) {
    struct channel *ch = arg;
    for (int i = 0; i < ELEMS; i++) {
        while (!channel_has_room(ch))
            if (channel_wait(ch, CHANNEL_WAIT_ROOM)) side_sleep(&producer);
        struct elem e = wm(i, (uint64_t)(i % 100));
        channel_push(ch, &e);
    }
    while (!channel_is_drained(ch))
        if (channel_wait(ch, CHANNEL_WAIT_EMPTY)) side_sleep(&producer);
    return NULL;
}

static void threads_pass_everything_in_order(void **state) {
    struct channel *ch = channel_new((struct channel_id){0}, 16, 700);
    channel_set_consumer(ch, (struct channel_peer){side_wake, &consumer, 0});
    channel_set_producer(ch, (struct channel_peer){side_wake, &producer, 0});
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, ch), 0);
    for (int i = 0; i < ELEMS; i++) {
        struct elem e;
        while (!channel_pop(ch, &e))
            side_sleep(&consumer);
        assert_int_equal(e.u.wm, i);
        assert_int_equal(e.seq, i);
    }
    pthread_join(thread, NULL);
    channel_unref(ch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_and_wakes),
        cmocka_unit_test(bytes_bound_too),
        cmocka_unit_test(credited_producers_hear_of_halves),
        cmocka_unit_test(what_is_left_is_released),
        cmocka_unit_test(threads_pass_everything_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
