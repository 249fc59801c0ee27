/* accum_test.c - rows collected from many batches are the rows that a plain copy gives. */
#include "tests/unit/worker/random_batch.h"

#include "worker/exchange/accum.h"

/* One row of a batch, remembered by what it came from. */
struct ref {
    struct batch *b;
    uint32_t row;
};

static void check(const struct batch *got, const struct ref *refs) {
    struct err err = ERR_INIT;
    assert_ok(batch_verify(got, &err), &err);
    for (uint32_t i = 0; i < got->n; i++) {
        for (int c = 0; c < got->n_cols; c++)
            if (!col_eq(&got->cols[c], i, &refs[i].b->cols[c], refs[i].row))
                fail_msg("row %u, column %d differs", i, c);
        uint8_t kind = refs[i].b->kinds ? refs[i].b->kinds[refs[i].row] : 0;
        assert_int_equal(got->kinds ? got->kinds[i] : 0, kind);
        if (got->hashes) assert_true(got->hashes[i] == refs[i].b->hashes[refs[i].row]);
    }
}

static void make_hashes(struct batch *b) {
    b->hashes_buf = buffer_new((b->n + 1) * sizeof(uint64_t));
    b->hashes = (uint64_t *)b->hashes_buf->data;
    memset(b->hashes, 0, b->n * sizeof(uint64_t));
    col_hash(&b->cols[0], b->hashes, b->n);
}

static void collected_rows_are_the_sources(void **state) {
    struct rnd r = {99};
    for (int round = 0; round < 150; round++) {
        struct arena a;
        arena_init(&a);
        const struct schema *s = random_schema(&a, &r, 1 + (int)rnd_below(&r, 6));
        struct accum acc;
        accum_init(&acc, s);
        struct batch *batches[10];
        struct ref refs[2000];
        uint32_t n = 0;
        bool copy = round % 2, hashes = round % 3;
        for (int i = 0; i < 10; i++) {
            struct batch *b = batches[i] = random_batch(s, &r, (uint32_t)rnd_below(&r, 150));
            make_hashes(b);
            if (rnd_below(&r, 2)) { /* picked rows */
                uint32_t idx[150], k = 0;
                for (uint32_t row = 0; row < b->n; row++)
                    if (rnd_below(&r, 2)) idx[k++] = row;
                accum_append(&acc, b, idx, 0, k, hashes ? b->hashes : NULL, copy);
                for (uint32_t j = 0; j < k; j++)
                    refs[n++] = (struct ref){b, idx[j]};
            } else { /* a range */
                uint32_t from = (uint32_t)rnd_below(&r, b->n + 1);
                uint32_t k = (uint32_t)rnd_below(&r, b->n - from + 1);
                accum_append(&acc, b, NULL, from, k, hashes ? b->hashes : NULL, copy);
                for (uint32_t j = 0; j < k; j++)
                    refs[n++] = (struct ref){b, from + j};
            }
        }
        assert_int_equal(acc.n, n);
        struct batch *got = accum_take(&acc);
        assert_int_equal(acc.n, 0);
        if (n) {
            assert_int_equal(got->hashes != NULL, hashes);
            check(got, refs);
        }
        for (int i = 0; i < 10; i++)
            batch_unref(batches[i]);
        if (got) touch_batch(got); /* what it borrowed is still there */
        batch_unref(got);
        accum_release(&acc);
        arena_release(&a);
    }
}

static void steps_stand_where_they_came(void **state) {
    struct arena a;
    arena_init(&a);
    struct field f[1] = {{"x", type_of(TYPE_INT)}};
    struct schema s = {1, f};
    struct rnd r = {1};
    struct accum acc;
    accum_init(&acc, &s);
    struct batch *b = random_batch(&s, &r, 10);
    accum_append(&acc, b, NULL, 0, 4, NULL, false);
    accum_step(&acc, 100);
    accum_step(&acc, 90); /* doesn't rise */
    accum_append(&acc, b, NULL, 4, 3, NULL, false);
    accum_step(&acc, 200);
    accum_step(&acc, 210); /* the same place */
    struct batch *got = accum_take(&acc);
    assert_int_equal(got->n, 7);
    assert_int_equal(got->n_steps, 2);
    assert_int_equal(got->steps[0].row, 4);
    assert_true(got->steps[0].wm == 100);
    assert_int_equal(got->steps[1].row, 7);
    assert_true(got->steps[1].wm == 210);
    assert_null(accum_take(&acc));
    batch_unref(got);
    batch_unref(b);
    accum_release(&acc);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collected_rows_are_the_sources),
        cmocka_unit_test(steps_stand_where_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
