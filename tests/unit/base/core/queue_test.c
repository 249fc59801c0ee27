/* queue_test.c - rings and the blocking queue, alone and under threads. */
#include "base/core/queue.h"

#include "base/core/thread.h"
#include "tests/unit/cmocka_wrap.h"

#include <sched.h>

#define P(n) ((void *)(uintptr_t)(n))

enum { ROUNDS = 200000, PRODUCERS = 3 };

static void spsc_is_a_bounded_fifo(void **state) {
    struct spsc q;
    spsc_init(&q, 3);
    assert_int_equal(spsc_capacity(&q), 4);
    assert_null(spsc_pop(&q));
    uintptr_t in = 1, out = 1;
    for (int round = 0; round < 10; round++) {
        while (spsc_push(&q, P(in)))
            in++;
        assert_int_equal(spsc_len(&q), 4);
        assert_ptr_equal(spsc_peek(&q), P(out));
        for (int i = 0; i < 1 + round % 4; i++)
            assert_ptr_equal(spsc_pop(&q), P(out++));
    }
    while (spsc_pop(&q))
        out++;
    assert_int_equal(in, out);
    spsc_release(&q);
    spsc_init(&q, 1);
    assert_true(spsc_push(&q, P(1)));
    assert_false(spsc_push(&q, P(2)));
    assert_ptr_equal(spsc_pop(&q), P(1));
    assert_null(spsc_pop(&q));
    spsc_release(&q);
}

/* Each item is a heap-like cell whose content must be visible to the consumer. */
static uintptr_t cells[ROUNDS + 1];

static void spsc_producer(void *arg) {
    struct spsc *q = arg;
    for (uintptr_t i = 1; i <= ROUNDS; i++) {
        cells[i] = i * 3;
        while (!spsc_push(q, &cells[i]))
            sched_yield();
    }
}

static void spsc_between_two_threads(void **state) {
    struct spsc q;
    spsc_init(&q, 64);
    memset(cells, 0, sizeof(cells));
    struct thread t;
    struct err e = ERR_INIT;
    assert_ok(thread_start(&t, "producer", spsc_producer, &q, &e), &e);
    for (uintptr_t i = 1; i <= ROUNDS;) {
        uintptr_t *p = spsc_pop(&q);
        if (!p) {
            sched_yield();
            continue;
        }
        assert_ptr_equal(p, &cells[i]);
        assert_int_equal(*p, i * 3);
        assert_true(spsc_len(&q) <= 64);
        i++;
    }
    assert_null(spsc_pop(&q));
    thread_join(&t);
    spsc_release(&q);
}

static void mpsc_is_a_bounded_fifo(void **state) {
    struct mpsc q;
    mpsc_init(&q, 1);
    assert_int_equal(mpsc_capacity(&q), 2);
    uintptr_t in = 1, out = 1;
    for (int round = 0; round < 9; round++) {
        while (mpsc_push(&q, P(in)))
            in++;
        assert_int_equal(mpsc_len(&q), 2);
        assert_ptr_equal(mpsc_pop(&q), P(out++));
    }
    assert_ptr_equal(mpsc_pop(&q), P(out++));
    assert_null(mpsc_pop(&q));
    assert_int_equal(mpsc_len(&q), 0);
    assert_int_equal(in, out);
    mpsc_release(&q);
}

struct producer {
    struct mpsc *ring;
    struct queue *queue;
    uintptr_t id;
};

static void mpsc_producer(void *arg) {
    struct producer *p = arg;
    for (uintptr_t i = 1; i <= ROUNDS / PRODUCERS; i++) {
        while (!mpsc_push(p->ring, P(i << 8 | p->id)))
            sched_yield();
    }
}

/* Nothing is lost or doubled, and each producer's items come in its order. */
static void mpsc_from_many_threads(void **state) {
    struct mpsc q;
    mpsc_init(&q, 32);
    struct thread t[PRODUCERS];
    struct producer p[PRODUCERS];
    uintptr_t last[PRODUCERS] = {0};
    struct err e = ERR_INIT;
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){.ring = &q, .id = i};
        assert_ok(thread_start(&t[i], "producer", mpsc_producer, &p[i], &e), &e);
    }
    for (int n = 0; n < ROUNDS / PRODUCERS * PRODUCERS;) {
        uintptr_t v = (uintptr_t)mpsc_pop(&q);
        if (!v) {
            sched_yield();
            continue;
        }
        assert_int_equal(v >> 8, ++last[v & 0xFF]);
        n++;
    }
    for (int i = 0; i < PRODUCERS; i++)
        thread_join(&t[i]);
    assert_null(mpsc_pop(&q));
    mpsc_release(&q);
}

static void queue_limits_and_close(void **state) {
    struct queue *q = queue_new(2);
    void *p = NULL;
    assert_int_equal(queue_pop(q, &p, 0), QUEUE_EMPTY);
    assert_int_equal(queue_pop(q, &p, 5), QUEUE_TIMEOUT);
    assert_int_equal(queue_push(q, P(1), 0), QUEUE_OK);
    assert_int_equal(queue_push(q, P(2), -1), QUEUE_OK);
    assert_int_equal(queue_push(q, P(3), 0), QUEUE_FULL);
    assert_int_equal(queue_push(q, P(3), 5), QUEUE_TIMEOUT);
    assert_int_equal(queue_len(q), 2);
    queue_close(q);
    assert_int_equal(queue_push(q, P(3), 0), QUEUE_CLOSED);
    assert_int_equal(queue_pop(q, &p, -1), QUEUE_OK);
    assert_ptr_equal(p, P(1));
    assert_int_equal(queue_pop(q, &p, 0), QUEUE_OK);
    assert_ptr_equal(p, P(2));
    assert_int_equal(queue_pop(q, &p, -1), QUEUE_CLOSED);
    assert_int_equal(queue_pop(q, &p, 0), QUEUE_CLOSED);
    assert_ptr_equal(p, P(2)); /* untouched */
    queue_free(q);
    queue_free(NULL);
}

static void queue_producer(void *arg) {
    struct producer *p = arg;
    for (uintptr_t i = 1; i <= 20000; i++) {
        if (queue_push(p->queue, P(i << 8 | p->id), i % 3 ? -1 : 60000) != QUEUE_OK) return;
    }
}

struct consumer {
    struct queue *queue;
    uintptr_t sum, count;
};

static void queue_consumer(void *arg) {
    struct consumer *c = arg;
    void *p;
    while (queue_pop(c->queue, &p, -1) == QUEUE_OK) {
        c->sum += (uintptr_t)p >> 8;
        c->count++;
    }
}

static void queue_between_many_threads(void **state) {
    struct queue *q = queue_new(7);
    struct thread t[PRODUCERS + 2];
    struct producer p[PRODUCERS];
    struct consumer c[2] = {{q, 0, 0}, {q, 0, 0}};
    struct err e = ERR_INIT;
    for (int i = 0; i < 2; i++)
        assert_ok(thread_start(&t[PRODUCERS + i], "consumer", queue_consumer, &c[i], &e), &e);
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){.queue = q, .id = i};
        assert_ok(thread_start(&t[i], "producer", queue_producer, &p[i], &e), &e);
    }
    for (int i = 0; i < PRODUCERS; i++)
        thread_join(&t[i]);
    queue_close(q);
    for (int i = 0; i < 2; i++)
        thread_join(&t[PRODUCERS + i]);
    assert_int_equal(c[0].count + c[1].count, PRODUCERS * 20000);
    assert_int_equal(c[0].sum + c[1].sum, (uintptr_t)PRODUCERS * 20000 * 20001 / 2);
    queue_free(q);
}

static void blocked_producer(void *arg) {
    struct producer *p = arg;
    p->id = queue_push(p->queue, P(9), -1);
}

static void close_wakes_who_waits(void **state) {
    struct queue *full = queue_new(1), *empty = queue_new(1);
    assert_int_equal(queue_push(full, P(1), 0), QUEUE_OK);
    struct producer p = {.queue = full, .id = 99};
    struct consumer c = {.queue = empty};
    struct thread t[2];
    struct err e = ERR_INIT;
    assert_ok(thread_start(&t[0], "p", blocked_producer, &p, &e), &e);
    assert_ok(thread_start(&t[1], "c", queue_consumer, &c, &e), &e);
    queue_close(full);
    queue_close(empty);
    thread_join(&t[0]);
    thread_join(&t[1]);
    assert_int_equal(p.id, QUEUE_CLOSED);
    assert_int_equal(c.count, 0);
    queue_free(full);
    queue_free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spsc_is_a_bounded_fifo), cmocka_unit_test(spsc_between_two_threads),
        cmocka_unit_test(mpsc_is_a_bounded_fifo), cmocka_unit_test(mpsc_from_many_threads),
        cmocka_unit_test(queue_limits_and_close), cmocka_unit_test(queue_between_many_threads),
        cmocka_unit_test(close_wakes_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
