/* output_test.c - one edge's output against channels that the test empties by hand. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "worker/exchange/output.h"

enum { DESTS_MAX = 4 };

struct bench {
    struct output o;
    struct edge_metrics metrics;
    struct plan_edge edge;
    struct schema schema;
    struct field fields[2];
    int key;
    struct channel *ch[DESTS_MAX];
    int n;
};

static void no_wake(void *self, uint32_t arg) {
}

static void setup(struct bench *b, enum routing routing, int n, uint32_t elems,
                  struct output_opts opts) {
    memset(b, 0, sizeof(*b));
    b->fields[0] = (struct field){"k", type_of(TYPE_BIGINT)};
    b->fields[1] = (struct field){"s", type_of(TYPE_VARCHAR)};
    b->schema = (struct schema){2, b->fields};
    b->edge = (struct plan_edge){.routing = routing,
                                 .n_keys = routing == ROUTING_HASH,
                                 .keys = &b->key,
                                 .schema = &b->schema};
    output_init(&b->o, &b->edge, 128, &opts, &b->metrics);
    b->n = n;
    for (int i = 0; i < n; i++) {
        b->ch[i] = channel_new((struct channel_id){0, 0, (uint16_t)i, 0}, elems, 1 << 20);
        channel_set_consumer(b->ch[i], (struct channel_peer){no_wake, NULL, 0});
        channel_set_producer(b->ch[i], (struct channel_peer){no_wake, NULL, 0});
        output_add_dest(&b->o, b->ch[i], false);
    }
    output_ready(&b->o);
}

static void release(struct bench *b) {
    output_release(&b->o);
    for (int i = 0; i < b->n; i++)
        channel_unref(b->ch[i]);
}

/* n rows of keys first.., strings of len bytes. */
static struct batch *rows(struct bench *b, int64_t first, uint32_t n, uint32_t len) {
    struct batch *out = batch_new(2);
    struct col_builder k, s;
    AUTO_FREE char *text = mem_alloc(len + 1);
    memset(text, 'x', len);
    col_builder_init(&k, b->fields[0].type, n);
    col_builder_init(&s, b->fields[1].type, n);
    for (uint32_t i = 0; i < n; i++) {
        col_add_int(&k, first + i);
        col_add_str(&s, text, len);
    }
    out->n = n;
    col_builder_finish(&k, &out->cols[0]);
    col_builder_finish(&s, &out->cols[1]);
    col_builder_release(&k);
    col_builder_release(&s);
    return out;
}

static void send(struct bench *b, struct batch *batch) {
    struct err err = ERR_INIT;
    assert_ok(output_batch(&b->o, batch, &err), &err);
}
static void send_wm(struct bench *b, int64_t wm) {
    struct err err = ERR_INIT;
    assert_ok(output_watermark(&b->o, wm, &err), &err);
}

/* Takes the next element of a channel, which must be a batch; returns its rows. */
static uint32_t take_rows(struct bench *b, int ch, struct batch **ret) {
    struct elem e;
    assert_true(channel_pop(b->ch[ch], &e));
    assert_int_equal(e.kind, ELEM_BATCH);
    uint32_t n = e.u.batch->n;
    assert_int_equal(n, e.rows);
    if (ret)
        *ret = e.u.batch;
    else
        batch_unref(e.u.batch);
    return n;
}

static const struct output_opts plain = {
    .target_rows = 100, .target_bytes = 1 << 20, .buffer_timeout_ns = 1000};

static void large_batches_pass_by_reference(void **state) {
    struct bench b;
    setup(&b, ROUTING_FORWARD, 1, 8, plain);
    struct batch *in = rows(&b, 0, 80, 3), *out;
    send(&b, in);
    take_rows(&b, 0, &out);
    assert_ptr_equal(in, out);
    batch_unref(out);
    release(&b);
    setup(&b, ROUTING_HASH, 1, 8, plain);
    in = rows(&b, 0, 80, 3);
    send(&b, in);
    take_rows(&b, 0, &out);
    assert_ptr_equal(in, out);
    assert_non_null(out->hashes); /* the receiver needn't hash again */
    batch_unref(out);
    release(&b);
}

static void small_batches_wait_for_each_other(void **state) {
    struct bench b;
    struct elem e;
    struct err err = ERR_INIT;
    int64_t wake;
    setup(&b, ROUTING_FORWARD, 1, 8, plain);
    b.o.now_ns = 5000;
    for (int i = 0; i < 9; i++)
        send(&b, rows(&b, i * 10, 10, 3));
    assert_false(channel_pop(b.ch[0], &e));
    send(&b, rows(&b, 90, 15, 3)); /* 105 rows: 100 go */
    assert_int_equal(take_rows(&b, 0, NULL), 100);
    /* The consumer is out of work: the rest goes when input runs dry. */
    assert_ok(output_dry(&b.o, &wake, &err), &err);
    assert_int_equal(take_rows(&b, 0, NULL), 5);
    /* It has work: the rest waits for it, or for the timeout. */
    send(&b, rows(&b, 0, 100, 3));
    send(&b, rows(&b, 0, 7, 3));
    assert_ok(output_dry(&b.o, &wake, &err), &err);
    assert_true(wake == 6000);
    assert_ok(output_expire(&b.o, &err), &err);
    assert_int_equal(take_rows(&b, 0, NULL), 100);
    assert_false(channel_pop(b.ch[0], &e));
    b.o.now_ns = 6000;
    assert_ok(output_expire(&b.o, &err), &err);
    assert_int_equal(take_rows(&b, 0, NULL), 7);
    release(&b);
}

static void no_timeout_no_waiting(void **state) {
    struct bench b;
    struct output_opts opts = plain;
    opts.buffer_timeout_ns = 0;
    setup(&b, ROUTING_HASH, 2, 8, opts);
    send(&b, rows(&b, 0, 3, 3));
    uint64_t n = 0;
    struct elem e;
    for (int i = 0; i < 2; i++)
        while (channel_pop(b.ch[i], &e)) {
            n += e.rows;
            elem_release(&e);
        }
    assert_int_equal(n, 3);
    release(&b);
}

/* Rows that are heavy come in lighter batches: one element never holds much more than half of what
 * the channel may. */
static void heavy_batches_are_divided(void **state) {
    static const enum routing routings[] = {ROUTING_FORWARD, ROUTING_HASH};
    for (size_t k = 0; k < ARRAY_LEN(routings); k++) {
        struct bench b;
        struct output_opts opts = {
            .target_rows = 4096, .target_bytes = 64 << 10, .buffer_timeout_ns = 1000};
        setup(&b, routings[k], 1, 64, opts);
        send(&b, rows(&b, 0, 1000, 1000)); /* 1 MB */
        struct err err = ERR_INIT;
        assert_ok(output_flush(&b.o, &err), &err);
        struct elem e;
        uint32_t n = 0;
        while (channel_pop(b.ch[0], &e)) {
            assert_true(e.size_bytes <= 66 << 10);
            n += e.rows;
            elem_release(&e);
        }
        assert_int_equal(n, 1000);
        release(&b);
    }
}

/* One destination takes nothing: the others get its share, until none is left. */
static void rebalance_goes_round_the_blocked(void **state) {
    struct bench b;
    setup(&b, ROUTING_REBALANCE, 3, 2, plain);
    for (int i = 0; i < 3; i++)
        send(&b, rows(&b, 0, 100, 3));
    assert_false(output_full(&b.o));
    for (int i = 0; i < 3; i++) /* the second element of each: all are full */
        send(&b, rows(&b, 0, 100, 3));
    assert_true(output_full(&b.o));
    take_rows(&b, 1, NULL);
    take_rows(&b, 1, NULL);
    output_poll(&b.o);
    assert_false(output_full(&b.o));
    send(&b, rows(&b, 500, 100, 3));
    take_rows(&b, 1, NULL);
    assert_int_equal(metric_get(&b.metrics.episodes), 1);
    release(&b);
}

static uint32_t drain(struct bench *b, int ch, int most) {
    struct elem e;
    uint32_t n = 0;
    for (int i = 0; i < most && channel_pop(b->ch[ch], &e); i++) {
        n += e.rows;
        elem_release(&e);
    }
    return n;
}

/* One of four takes a batch in every fourth step, the others one in each: it doesn't hold them up,
 * and where they could take more than comes, hardly anything waits for it. */
static void rebalance_follows_the_load(void **state) {
    enum { STEPS = 400 };
    for (int per_step = 3; per_step <= 4; per_step++) {
        struct bench b;
        setup(&b, ROUTING_REBALANCE, 4, 16, plain);
        uint32_t taken = 0, waits = 0;
        for (int step = 0; step < STEPS; step++) {
            output_poll(&b.o);
            for (int i = 0; i < per_step && !output_full(&b.o); i++)
                send(&b, rows(&b, 0, 100, 3));
            for (int c = 0; c < 4; c++)
                if (c || step % 4 == 0) taken += drain(&b, c, 1);
            waits = MAX(waits, channel_backlog(b.ch[0]));
        }
        /* In turn, each would get as little as the slowest takes. */
        uint32_t in_turn = STEPS / 4 * 4 * 100;
        assert_true(taken >= 2 * in_turn);
        if (per_step == 3) {
            assert_true(taken >= (uint32_t)STEPS * 3 * 100 - 4 * 100);
            assert_true(waits <= 2);
        }
        release(&b);
    }
}

/* With as little to do everywhere, rows stay in this process; not where that is busy. */
static void rebalance_prefers_this_process(void **state) {
    struct bench b;
    setup(&b, ROUTING_REBALANCE, 3, 16, plain);
    b.o.dests[0].remote = b.o.dests[2].remote = true;
    for (int i = 0; i < 6; i++) {
        send(&b, rows(&b, 0, 100, 3));
        assert_int_equal(drain(&b, 1, 16), 100);
    }
    for (int i = 0; i < 6; i++)
        send(&b, rows(&b, 0, 100, 3));
    for (int c = 0; c < 3; c++)
        assert_int_equal(drain(&b, c, 16), 200);
    /* The far end of a connection counts, not what the connection has taken. */
    channel_set_taken(b.ch[0], 0);
    channel_set_taken(b.ch[2], 2);
    assert_int_equal(channel_backlog(b.ch[0]), 2);
    assert_int_equal(channel_backlog(b.ch[2]), 0);
    release(&b);
}

/* A latency marker doesn't push rows out; it goes behind those that were collected before it. */
static void latency_markers_wait_with_the_rows(void **state) {
    static const enum routing routings[] = {ROUTING_HASH, ROUTING_REBALANCE};
    for (size_t r = 0; r < ARRAY_LEN(routings); r++) {
        struct bench b;
        struct output_opts opts = plain;
        opts.buffer_timeout_ns = 1000;
        opts.target_rows = 4096;
        setup(&b, routings[r], 2, 16, opts);
        output_latency(&b.o, &(struct latency_marker){.source_ns = 1}); /* nothing in front */
        send(&b, rows(&b, 0, 100, 3));
        for (int64_t i = 2; i < 4; i++)
            output_latency(&b.o, &(struct latency_marker){.source_ns = i});
        int64_t seen[4] = {0};
        for (int flushed = 0; flushed < 2; flushed++) {
            struct err err = ERR_INIT;
            if (flushed) assert_ok(output_flush(&b.o, &err), &err);
            for (int c = 0; c < 2; c++) {
                struct elem e;
                uint32_t n = 0;
                while (channel_pop(b.ch[c], &e)) {
                    n += e.rows;
                    if (e.kind == ELEM_LATENCY) {
                        seen[e.u.latency.source_ns]++;
                        assert_true(flushed ? n > 0 && e.u.latency.source_ns > 1
                                            : e.u.latency.source_ns == 1);
                    }
                    elem_release(&e);
                }
                assert_true(flushed || !n);
            }
        }
        int64_t ways = routings[r] == ROUTING_HASH ? 2 : 1;
        for (int i = 1; i < 4; i++)
            assert_int_equal(seen[i], ways);
        release(&b);
    }
}

/* What is given beyond the bound is kept, in order; watermarks meanwhile become one. */
static void overflow_keeps_order(void **state) {
    struct bench b;
    setup(&b, ROUTING_FORWARD, 1, 2, plain);
    for (int i = 0; i < 5; i++) {
        send(&b, rows(&b, i * 100, 100, 3));
        send_wm(&b, i);
    }
    assert_true(output_full(&b.o));
    assert_false(output_is_flushed(&b.o));
    int64_t next = 0, wm = -1;
    for (int turns = 0; !output_is_flushed(&b.o) || !channel_is_empty(b.ch[0]); turns++) {
        assert_true(turns < 100);
        struct elem e;
        while (channel_pop(b.ch[0], &e)) {
            if (e.kind == ELEM_BATCH) {
                assert_true(COL_DATA(&e.u.batch->cols[0], int64_t)[0] == next * 100);
                assert_true(wm < next);
                next++;
            } else {
                assert_true(e.u.wm > wm && e.u.wm < next);
                wm = e.u.wm;
            }
            elem_release(&e);
        }
        output_poll(&b.o);
    }
    assert_int_equal(next, 5);
    assert_int_equal(wm, 4);
    assert_false(output_full(&b.o));
    release(&b);
}

static void watermarks_coalesce_while_full(void **state) {
    struct bench b;
    setup(&b, ROUTING_FORWARD, 1, 2, plain);
    send(&b, rows(&b, 0, 100, 3));
    send(&b, rows(&b, 0, 100, 3));
    for (int i = 0; i < 1000; i++)
        send_wm(&b, i);
    assert_int_equal(b.o.dests[0].n, 0); /* none in overflow */
    take_rows(&b, 0, NULL);
    take_rows(&b, 0, NULL);
    output_poll(&b.o);
    struct elem e;
    assert_true(channel_pop(b.ch[0], &e));
    assert_int_equal(e.u.wm, 999);
    assert_false(channel_pop(b.ch[0], &e));
    release(&b);
}

/* A destination that got no rows gets the watermark; one that did gets it behind them. */
static void each_destination_gets_the_watermark(void **state) {
    struct bench b;
    setup(&b, ROUTING_HASH, 2, 8, plain);
    struct batch *in = rows(&b, 7, 1, 3); /* one row: one destination */
    batch_set_steps(in, &(struct wm_step){1, 42}, 1);
    send(&b, in);
    struct err err = ERR_INIT;
    assert_ok(output_flush(&b.o, &err), &err);
    int with_rows = 0;
    for (int i = 0; i < 2; i++) {
        struct elem e;
        assert_true(channel_pop(b.ch[i], &e));
        if (e.kind == ELEM_BATCH) {
            with_rows++;
            assert_int_equal(e.u.batch->n_steps, 1);
            assert_int_equal(e.u.batch->steps[0].row, 1);
            assert_true(e.u.batch->steps[0].wm == 42);
        } else {
            assert_int_equal(e.kind, ELEM_WATERMARK);
            assert_true(e.u.wm == 42);
        }
        elem_release(&e);
        assert_false(channel_pop(b.ch[i], &e));
    }
    assert_int_equal(with_rows, 1);
    release(&b);
}

static void shapes_of_edges(void **state) {
    int n = 0;
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 6; to++)
            n += edge_connects(ROUTING_RESCALE, 2, 6, from, to);
    assert_int_equal(n, 6);
    assert_true(edge_connects(ROUTING_RESCALE, 2, 6, 0, 2));
    assert_false(edge_connects(ROUTING_RESCALE, 2, 6, 0, 3));
    assert_true(edge_connects(ROUTING_RESCALE, 6, 2, 5, 1));
    assert_false(edge_connects(ROUTING_RESCALE, 6, 2, 5, 0));
    assert_true(edge_connects(ROUTING_FORWARD, 3, 3, 2, 2));
    assert_false(edge_connects(ROUTING_FORWARD, 3, 3, 2, 1));
    assert_true(edge_connects(ROUTING_GLOBAL, 3, 3, 2, 0));
    assert_false(edge_connects(ROUTING_GLOBAL, 3, 3, 2, 2));
    assert_true(edge_connects(ROUTING_BROADCAST, 3, 2, 2, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_batches_pass_by_reference),
        cmocka_unit_test(small_batches_wait_for_each_other),
        cmocka_unit_test(no_timeout_no_waiting),
        cmocka_unit_test(heavy_batches_are_divided),
        cmocka_unit_test(rebalance_goes_round_the_blocked),
        cmocka_unit_test(rebalance_follows_the_load),
        cmocka_unit_test(latency_markers_wait_with_the_rows),
        cmocka_unit_test(rebalance_prefers_this_process),
        cmocka_unit_test(overflow_keeps_order),
        cmocka_unit_test(watermarks_coalesce_while_full),
        cmocka_unit_test(each_destination_gets_the_watermark),
        cmocka_unit_test(shapes_of_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
