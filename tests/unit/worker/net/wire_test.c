/* wire_test.c - batches over the wire and back: all types, NULLs, slices, kinds, steps; damaged
 * bytes are refused. */
#include "tests/unit/worker/random_batch.h"

#include "worker/net/frame.h"
#include "worker/net/wire.h"

static void round_trip(const struct batch *b, const struct schema *s, bool compress) {
    struct err err = ERR_INIT;
    struct frame_payload p;
    assert_ok(wire_encode_batch(b, compress, &p, &err), &err);
    struct batch *got;
    assert_ok(wire_decode_batch(&p, s, &got, &err), &err);
    buffer_unref(p.buf); /* the batch keeps what it needs */
    assert_ok(batch_verify(got, &err), &err);
    assert_same_batch(b, got);
    batch_unref(got);
}

static void random_batches_come_back(void **state) {
    struct arena a;
    arena_init(&a);
    struct rnd r = {12345};
    for (int i = 0; i < 300; i++) {
        const struct schema *s = random_schema(&a, &r, 1 + (int)rnd_below(&r, 8));
        struct batch *b = random_batch(s, &r, (uint32_t)rnd_below(&r, 200));
        round_trip(b, s, i % 2);
        if (b->n > 3) { /* slices begin inside buffers, bitmaps and lists */
            uint32_t from = 1 + (uint32_t)rnd_below(&r, b->n - 2);
            struct batch *part = batch_slice(b, from, b->n - from - 1);
            round_trip(part, s, i % 2);
            batch_unref(part);
        }
        batch_unref(b);
    }
    arena_release(&a);
}

static void compression_shrinks(void **state) {
    struct arena a;
    arena_init(&a);
    struct field *f = ARENA_NEW_N(&a, struct field, 1);
    f[0] = (struct field){"x", type_of(TYPE_BIGINT)};
    struct schema s = {1, f};
    struct batch *b = batch_new(1);
    col_init(&b->cols[0], f[0].type, 4096);
    b->n = 4096;
    memset(b->cols[0].data, 0, 4096 * 8);
    struct err err = ERR_INIT;
    struct frame_payload p;
    assert_ok(wire_encode_batch(b, true, &p, &err), &err);
    assert_true(p.len < p.raw_len / 10);
    struct batch *got;
    assert_ok(wire_decode_batch(&p, &s, &got, &err), &err);
    assert_same_batch(b, got);
    batch_unref(got);
    buffer_unref(p.buf);
    batch_unref(b);
    arena_release(&a);
}

/* Any damage is seen by the checksum; with the checksum made right, by the decoder, or it changes
 * values only. */
static void damage_is_refused(void **state) {
    struct arena a;
    arena_init(&a);
    struct rnd r = {777};
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
        const struct schema *s = random_schema(&a, &r, 1 + (int)rnd_below(&r, 4));
        struct batch *b = random_batch(s, &r, (uint32_t)rnd_below(&r, 50));
        struct err err = ERR_INIT;
        struct frame_payload p;
        assert_ok(wire_encode_batch(b, i % 4 == 0, &p, &err), &err);
        uint32_t at = (uint32_t)rnd_below(&r, p.len);
        p.buf->data[at] ^= (uint8_t)(1u << rnd_below(&r, 8));
        struct batch *got;
        assert_err(wire_decode_batch(&p, s, &got, &err), ERR_CORRUPT, &err, "checksum");
        p.checksum = wire_checksum(p.buf->data, p.len);
        if (wire_decode_batch(&p, s, &got, &err) == 0) {
            struct batch *copy = batch_share(got);
            batch_unref(got);
            touch_batch(copy); /* reads every value: a bad access would show under ASan */
            batch_unref(copy);
        } else {
            assert_int_equal(err.code, ERR_CORRUPT);
            refused++;
        }
        /* Cut short. */
        struct frame_payload cut = p;
        cut.len = cut.raw_len = (uint32_t)rnd_below(&r, p.len);
        cut.checksum = wire_checksum(cut.buf->data, cut.len);
        assert_int_equal(wire_decode_batch(&cut, s, &got, &err), ERR_CORRUPT);
        buffer_unref(p.buf);
        batch_unref(b);
    }
    assert_true(refused > 300);
    arena_release(&a);
}

static void another_schema_is_refused(void **state) {
    struct arena a;
    arena_init(&a);
    struct field f[2] = {{"x", type_of(TYPE_BIGINT)}, {"y", type_of(TYPE_INT)}};
    struct schema one = {1, f}, two = {2, f}, other = {1, f + 1};
    struct rnd r = {5};
    struct batch *b = random_batch(&one, &r, 10), *got;
    struct err err = ERR_INIT;
    struct frame_payload p;
    assert_ok(wire_encode_batch(b, false, &p, &err), &err);
    assert_err(wire_decode_batch(&p, &two, &got, &err), ERR_CORRUPT, &err, "number of columns");
    assert_err(wire_decode_batch(&p, &other, &got, &err), ERR_CORRUPT, &err, "another type");
    buffer_unref(p.buf);
    batch_unref(b);
    arena_release(&a);
}

static void headers_are_checked(void **state) {
    struct frame f = {FRAME_BATCH, 100, 200, 7, 0x123456789abcdef0, 42, 99}, got;
    uint8_t bytes[FRAME_HEADER_BYTES];
    struct err err = ERR_INIT;
    frame_write_header(&f, bytes);
    assert_ok(frame_read_header(bytes, &got, &err), &err);
    assert_memory_equal(&f, &got, sizeof(f));
    for (int i = 0; i < FRAME_HEADER_BYTES * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
        assert_int_equal(frame_read_header(bytes, &got, &err), ERR_CORRUPT);
        bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    f.type = FRAME_WATERMARK;
    frame_write_header(&f, bytes);
    assert_err(frame_read_header(bytes, &got, &err), ERR_CORRUPT, &err, "of length 100");
}

static void control_elements_come_back(void **state) {
    struct elem in[] = {
        {.kind = ELEM_WATERMARK, .u.wm = -5},
        {.kind = ELEM_IDLE, .u.idle = true},
        {.kind = ELEM_BARRIER, .u.barrier = {7, BARRIER_SAVEPOINT, 3, 123456, 9, 6, true}},
        {.kind = ELEM_LATENCY, .u.latency = {1, 2, 3}},
        {.kind = ELEM_END}};
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        uint8_t payload[FRAME_CONTROL_MAX_BYTES];
        struct frame f = {0};
        f.len = frame_put_control(&in[i], payload, &f.type);
        struct elem out;
        struct err err = ERR_INIT;
        assert_ok(frame_get_control(&f, payload, &out, &err), &err);
        assert_int_equal(out.kind, in[i].kind);
        if (in[i].kind == ELEM_WATERMARK) assert_true(out.u.wm == -5);
        if (in[i].kind == ELEM_IDLE) assert_true(out.u.idle);
        if (in[i].kind == ELEM_BARRIER) {
            const struct barrier *b = &out.u.barrier;
            assert_true(b->id == 7 && b->kind == BARRIER_SAVEPOINT && b->routing_version == 3);
            assert_true(b->trigger_ms == 123456 && b->epoch == 9 && b->base == 6 && b->full);
        }
        if (in[i].kind == ELEM_LATENCY)
            assert_memory_equal(&out.u.latency, &in[i].u.latency, sizeof(struct latency_marker));
        f.len++;
        assert_int_equal(frame_get_control(&f, payload, &out, &err), ERR_CORRUPT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches_come_back), cmocka_unit_test(compression_shrinks),
        cmocka_unit_test(damage_is_refused),        cmocka_unit_test(another_schema_is_refused),
        cmocka_unit_test(headers_are_checked),      cmocka_unit_test(control_elements_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
