/* gate_test.c - what comes on single channels, turned into what holds for all. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "worker/gate.h"

enum { CHANNELS = 3 };

struct bench {
    struct gate *gate;
    struct channel *ch[CHANNELS];
    struct task_metrics metrics;
    _Atomic int wakes;
};

static const struct field fields[1] = {{"x", NULL}};
static struct schema schema = {0, fields};

static void wake_task(void *self) {
    atomic_fetch_add(&((struct bench *)self)->wakes, 1);
}
static void no_wake(void *self, uint32_t arg) {
}

static void setup_starts(struct bench *b, const int *ports, const enum channel_start *starts, int n,
                         int n_ports) {
    memset(b, 0, sizeof(*b));
    const struct schema *schemas[4] = {&schema, &schema, &schema, &schema};
    b->gate = gate_new(n_ports, schemas, wake_task, b, &b->metrics);
    for (int i = 0; i < n; i++) {
        b->ch[i] = channel_new((struct channel_id){0, (uint16_t)i, 0, 0}, 64, 1 << 20);
        channel_set_producer(b->ch[i], (struct channel_peer){no_wake, NULL, 0});
        gate_add_channel(b->gate, b->ch[i], ports[i], starts ? starts[i] : CHANNEL_ACTIVE);
    }
    gate_ready(b->gate);
}

static void setup_ports(struct bench *b, const int *ports, int n, int n_ports) {
    setup_starts(b, ports, NULL, n, n_ports);
}

static void setup(struct bench *b) {
    static const int ports[CHANNELS] = {0, 0, 0};
    setup_ports(b, ports, CHANNELS, 1);
}

static void release(struct bench *b) {
    gate_free(b->gate);
    for (int i = 0; i < CHANNELS; i++)
        channel_unref(b->ch[i]);
}

static void push(struct bench *b, int ch, struct elem e) {
    channel_push(b->ch[ch], &e);
}
static void push_wm(struct bench *b, int ch, int64_t wm) {
    push(b, ch, (struct elem){.kind = ELEM_WATERMARK, .u.wm = wm});
}
static void push_idle(struct bench *b, int ch, bool idle) {
    push(b, ch, (struct elem){.kind = ELEM_IDLE, .u.idle = idle});
}
static void push_barrier(struct bench *b, int ch, uint64_t id) {
    push(b, ch, (struct elem){.kind = ELEM_BARRIER, .u.barrier = {.id = id}});
}
static void push_end(struct bench *b, int ch) {
    push_wm(b, ch, WATERMARK_MAX);
    push(b, ch, (struct elem){.kind = ELEM_END});
}
/* A batch of no columns and `rows` rows, told apart by its split. */
static void push_batch(struct bench *b, int ch, uint32_t rows, const struct wm_step *steps,
                       uint32_t n_steps, uint32_t split) {
    struct batch *batch = batch_new(0);
    batch->n = rows;
    batch->split = split;
    if (n_steps) batch_set_steps(batch, steps, n_steps);
    push(b, ch, (struct elem){.kind = ELEM_BATCH, .rows = rows, .u.batch = batch});
}

static struct gate_event next(struct bench *b) {
    struct gate_event e;
    struct err err = ERR_INIT;
    assert_ok(gate_next(b->gate, &e, &err), &err);
    return e;
}
static void expect_nothing(struct bench *b) {
    assert_int_equal(next(b).kind, GATE_NOTHING);
}
static void expect_wm(struct bench *b, int64_t wm) {
    struct gate_event e = next(b);
    assert_int_equal(e.kind, GATE_WATERMARK);
    assert_true(e.u.wm == wm);
}

static void least_watermark_counts(void **state) {
    struct bench b;
    setup(&b);
    push_wm(&b, 0, 10);
    push_wm(&b, 1, 20);
    expect_nothing(&b);
    push_wm(&b, 2, 15);
    expect_wm(&b, 10);
    expect_nothing(&b);
    push_wm(&b, 0, 30);
    expect_wm(&b, 15);
    push_wm(&b, 2, 14); /* falls: ignored */
    push_wm(&b, 2, 40);
    expect_wm(&b, 20);
    expect_nothing(&b);
    assert_true(metric_get_i64(&b.metrics.watermark) == 20);
    release(&b);
}

static void steps_become_combined_steps(void **state) {
    struct bench b;
    setup(&b);
    push_wm(&b, 1, 25);
    push_wm(&b, 2, 35);
    expect_nothing(&b);
    struct wm_step steps[] = {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}};
    push_batch(&b, 0, 5, steps, 5, 0);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_BATCH);
    static const struct wm_step want[] = {{1, 10}, {2, 20}, {3, 25}};
    assert_int_equal(e.u.batch->n_steps, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(e.u.batch->steps[i].row, want[i].row);
        assert_true(e.u.batch->steps[i].wm == want[i].wm);
    }
    batch_unref(e.u.batch);
    push_wm(&b, 1, 60); /* channel 0 stands at 50, channel 2 at 35 */
    expect_wm(&b, 35);
    push_wm(&b, 2, 70);
    expect_wm(&b, 50);
    release(&b);
}

/* A batch that others share must not change under them. */
static void shared_batches_are_not_written(void **state) {
    struct bench b;
    setup(&b);
    struct wm_step steps[] = {{1, 10}};
    struct batch *batch = batch_new(0);
    batch->n = 2;
    batch_set_steps(batch, steps, 1);
    push(&b, 0, (struct elem){.kind = ELEM_BATCH, .rows = 2, .u.batch = batch_ref(batch)});
    struct gate_event e = next(&b);
    assert_int_equal(e.u.batch->n_steps, 0);
    assert_int_equal(batch->n_steps, 1);
    batch_unref(e.u.batch);
    batch_unref(batch);
    release(&b);
}

static void idle_channels_do_not_count(void **state) {
    struct bench b;
    setup(&b);
    push_wm(&b, 0, 10);
    push_wm(&b, 1, 20);
    push_idle(&b, 2, true);
    expect_wm(&b, 10);
    push_idle(&b, 0, true);
    expect_wm(&b, 20);
    push_idle(&b, 1, true);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_IDLE);
    assert_true(e.u.idle);
    /* Active again, but behind: it doesn't count until it has caught up. */
    push_idle(&b, 0, false);
    e = next(&b);
    assert_int_equal(e.kind, GATE_IDLE);
    assert_false(e.u.idle);
    push_idle(&b, 1, false);
    push_wm(&b, 1, 30);
    expect_wm(&b, 30);
    push_wm(&b, 0, 25);
    expect_nothing(&b);
    push_wm(&b, 0, 32);
    push_wm(&b, 1, 40);
    expect_wm(&b, 32);
    expect_nothing(&b);
    release(&b);
}

static void ends_free_the_watermark(void **state) {
    static const int ports[CHANNELS] = {0, 1, 1};
    struct bench b;
    setup_ports(&b, ports, CHANNELS, 2);
    push_wm(&b, 1, 10);
    push_wm(&b, 2, 20);
    push_end(&b, 0);
    expect_wm(&b, 10);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_END);
    assert_int_equal(e.port, 0);
    push_end(&b, 1);
    expect_wm(&b, 20);
    expect_nothing(&b);
    assert_false(gate_all_ended(b.gate));
    push_end(&b, 2);
    expect_wm(&b, WATERMARK_MAX);
    e = next(&b);
    assert_int_equal(e.kind, GATE_END);
    assert_int_equal(e.port, 1);
    assert_true(gate_all_ended(b.gate));
    release(&b);
}

/* A source without splits says nothing in time: the others' rows must not wait for its end. */
static void empty_channels_do_not_count(void **state) {
    static const int ports[CHANNELS] = {0, 0, 0};
    static const enum channel_start starts[CHANNELS] = {CHANNEL_EMPTY, CHANNEL_ACTIVE,
                                                        CHANNEL_EMPTY};
    struct bench b;
    setup_starts(&b, ports, starts, CHANNELS, 1);
    struct wm_step steps[] = {{1, 10}, {2, 20}};
    push_batch(&b, 1, 3, steps, 2, 0);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_BATCH);
    assert_int_equal(e.u.batch->n_steps, 2);
    batch_unref(e.u.batch);
    push_end(&b, 0);
    expect_nothing(&b);
    push_end(&b, 1); /* channel 2 is empty, if not yet ended: time is over, and nothing is idle */
    expect_wm(&b, WATERMARK_MAX);
    expect_nothing(&b);
    push_end(&b, 2);
    assert_int_equal(next(&b).kind, GATE_END);
    release(&b);
}

static void channels_may_begin_idle(void **state) {
    static const int ports[CHANNELS] = {0, 0, 0};
    static const enum channel_start starts[CHANNELS] = {CHANNEL_IDLE, CHANNEL_ACTIVE, CHANNEL_IDLE};
    struct bench b;
    setup_starts(&b, ports, starts, CHANNELS, 1);
    push_wm(&b, 1, 10);
    expect_wm(&b, 10);
    push_idle(&b, 0, false);
    push_wm(&b, 0, 5); /* behind: doesn't count */
    push_wm(&b, 1, 20);
    expect_wm(&b, 20);
    push_wm(&b, 0, 25);
    expect_nothing(&b);
    push_wm(&b, 1, 30);
    expect_wm(&b, 25);
    expect_nothing(&b);
    release(&b);
}

/* All begin idle: what is behind knows; it is told when one becomes active. */
static void gates_may_begin_idle(void **state) {
    static const int ports[CHANNELS] = {0, 0, 0};
    static const enum channel_start starts[CHANNELS] = {CHANNEL_IDLE, CHANNEL_IDLE, CHANNEL_IDLE};
    struct bench b;
    setup_starts(&b, ports, starts, CHANNELS, 1);
    expect_nothing(&b);
    push_idle(&b, 2, false);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_IDLE);
    assert_false(e.u.idle);
    push_wm(&b, 2, 7);
    expect_wm(&b, 7);
    release(&b);
}

/* Ended channels don't take an idle one's rows to be late. */
static void time_ends_with_the_last_channel(void **state) {
    struct bench b;
    setup(&b);
    push_wm(&b, 0, 10);
    push_wm(&b, 1, 20);
    push_wm(&b, 2, 15);
    expect_wm(&b, 10);
    push_idle(&b, 0, true);
    expect_wm(&b, 15);
    push_end(&b, 2);
    expect_wm(&b, 20);
    push_wm(&b, 1, 30);
    expect_wm(&b, 30);
    push_end(&b, 1);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_IDLE);
    assert_true(e.u.idle);
    expect_nothing(&b);
    push_idle(&b, 0, false);
    assert_int_equal(next(&b).kind, GATE_IDLE);
    push_wm(&b, 0, 40);
    expect_wm(&b, 40);
    push_idle(&b, 0, true);
    assert_int_equal(next(&b).kind, GATE_IDLE);
    push_end(&b, 0);
    expect_wm(&b, WATERMARK_MAX);
    assert_int_equal(next(&b).kind, GATE_END);
    release(&b);
}

/* An empty port (global routing, subtask 1) ends at once. */
static void ports_without_channels_end(void **state) {
    static const int ports[CHANNELS] = {1, 1, 1};
    struct bench b;
    setup_ports(&b, ports, CHANNELS, 2);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_END);
    assert_int_equal(e.port, 0);
    expect_nothing(&b);
    release(&b);
    setup_ports(&b, ports, 0, 1);
    expect_wm(&b, WATERMARK_MAX);
    assert_int_equal(next(&b).kind, GATE_END);
    assert_true(gate_all_ended(b.gate));
    gate_free(b.gate);
}

/* What follows a barrier on one channel waits until it has come on all. */
static void barriers_align(void **state) {
    struct bench b;
    setup(&b);
    push_barrier(&b, 0, 1);
    push_batch(&b, 0, 1, NULL, 0, 100); /* behind the barrier */
    push_batch(&b, 1, 1, NULL, 0, 11);
    push_batch(&b, 2, 1, NULL, 0, 12);
    int seen = 0;
    for (int i = 0; i < 2; i++) {
        struct gate_event e = next(&b);
        assert_int_equal(e.kind, GATE_BATCH);
        seen += (int)e.u.batch->split;
        batch_unref(e.u.batch);
    }
    assert_int_equal(seen, 23);
    expect_nothing(&b);
    push_barrier(&b, 1, 1);
    expect_nothing(&b);
    push_barrier(&b, 2, 1);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_BARRIER);
    assert_int_equal(e.u.barrier.id, 1);
    e = next(&b);
    assert_int_equal(e.kind, GATE_BATCH);
    assert_int_equal(e.u.batch->split, 100);
    batch_unref(e.u.batch);
    expect_nothing(&b);
    assert_int_equal(metric_get(&b.metrics.barriers), 1);
    release(&b);
}

static void newer_barriers_win_and_ends_count(void **state) {
    struct bench b;
    setup(&b);
    push_barrier(&b, 0, 1);
    push_barrier(&b, 1, 2); /* 1 was given up */
    push_batch(&b, 0, 1, NULL, 0, 7);
    struct gate_event e = next(&b);
    assert_int_equal(e.kind, GATE_BATCH); /* channel 0 is read again */
    batch_unref(e.u.batch);
    push_barrier(&b, 2, 1); /* outdated */
    push_barrier(&b, 2, 2);
    expect_nothing(&b);
    push_end(&b, 0);
    /* Channel 0 ended: it counts as delivered. */
    e = next(&b);
    assert_int_equal(e.kind, GATE_BARRIER);
    assert_int_equal(e.u.barrier.id, 2);
    expect_nothing(&b);
    release(&b);
}

static void many_channels_take_turns(void **state) {
    enum { MANY = 150, EACH = 4 };
    struct task_metrics m = {0};
    const struct schema *s = &schema;
    struct bench b = {0};
    struct gate *g = gate_new(1, &s, wake_task, &b, &m);
    struct channel *ch[MANY];
    for (int i = 0; i < MANY; i++) {
        ch[i] = channel_new((struct channel_id){0, (uint16_t)i, 0, 0}, EACH, 1 << 20);
        channel_set_producer(ch[i], (struct channel_peer){no_wake, NULL, 0});
        gate_add_channel(g, ch[i], 0, CHANNEL_ACTIVE);
    }
    gate_ready(g);
    for (int k = 0; k < EACH; k++)
        for (int i = 0; i < MANY; i++) {
            struct batch *batch = batch_new(0);
            batch->split = (uint32_t)i;
            struct elem e = {.kind = ELEM_BATCH, .u.batch = batch};
            channel_push(ch[i], &e);
        }
    int got[MANY] = {0}, most = 0;
    for (int n = 0; n < MANY * EACH; n++) {
        struct gate_event e;
        struct err err = ERR_INIT;
        assert_ok(gate_next(g, &e, &err), &err);
        assert_int_equal(e.kind, GATE_BATCH);
        int i = (int)e.u.batch->split;
        got[i]++;
        most = MAX(most, got[i]);
        batch_unref(e.u.batch);
        if (n < 64) assert_int_equal(most, 1); /* within a word each has its turn first */
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal(got[i], EACH);
    gate_free(g);
    for (int i = 0; i < MANY; i++)
        channel_unref(ch[i]);
}

static void wakes_reach_the_task(void **state) {
    struct bench b;
    setup(&b);
    expect_nothing(&b);
    push_wm(&b, 0, 1);
    push_wm(&b, 1, 1);
    assert_int_equal(b.wakes, 2);
    release(&b);
}

/* Restored at 100: time stands there on every channel, and goes on when the least of them does. */
static void restored_time_holds_on_all_channels(void **state) {
    struct bench b;
    setup(&b);
    gate_restore(b.gate, 100);
    assert_true(metric_get_i64(&b.metrics.watermark) == 100);
    expect_nothing(&b);
    push_wm(&b, 0, 40); /* upstream restored at less */
    push_wm(&b, 1, 150);
    expect_nothing(&b); /* the others still stand at 100 */
    push_wm(&b, 2, 130);
    push_wm(&b, 0, 120);
    expect_wm(&b, 120);
    expect_nothing(&b);
    release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_watermark_counts),
        cmocka_unit_test(steps_become_combined_steps),
        cmocka_unit_test(shared_batches_are_not_written),
        cmocka_unit_test(idle_channels_do_not_count),
        cmocka_unit_test(ends_free_the_watermark),
        cmocka_unit_test(empty_channels_do_not_count),
        cmocka_unit_test(channels_may_begin_idle),
        cmocka_unit_test(gates_may_begin_idle),
        cmocka_unit_test(time_ends_with_the_last_channel),
        cmocka_unit_test(ports_without_channels_end),
        cmocka_unit_test(restored_time_holds_on_all_channels),
        cmocka_unit_test(barriers_align),
        cmocka_unit_test(newer_barriers_win_and_ends_count),
        cmocka_unit_test(many_channels_take_turns),
        cmocka_unit_test(wakes_reach_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
