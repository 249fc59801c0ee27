/* lookup_async_test.c - lookups under way: how many at once, in which order batches leave, repeated
 * misses, timeouts, and the cache. The lookup is a fake whose answers the test gives out. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "worker/lookup_async.h"

#include <stdlib.h>

enum { ASKED_MAX = 64 };

/* Rows of key k: k % 3 of them, (k, 0), (k, 1). */
struct fake {
    struct lookup base;
    uint64_t tickets[ASKED_MAX];
    int64_t keys[ASKED_MAX];
    int n_asked, n_left; /* asked for in all; not yet answered */
    bool ready[ASKED_MAX], given[ASKED_MAX];
    int busy_after; /* takes so many keys only; 0 = all */
};

static int fake_ask(struct lookup *l, const struct column *keys, const uint32_t *rows, uint32_t n,
                    uint64_t first_ticket, struct err *err) {
    struct fake *f = CONTAINER_OF(l, struct fake, base);
    uint32_t i = 0;
    for (; i < n && (!f->busy_after || f->n_left < f->busy_after); i++) {
        f->tickets[f->n_asked] = first_ticket + rows[i];
        f->keys[f->n_asked++] = COL_DATA(&keys[0], int64_t)[rows[i]];
        f->n_left++;
    }
    return (int)i;
}

static struct batch *pairs(const int64_t *keys, uint32_t n, bool second) {
    struct batch *b = batch_new(second ? 2 : 1);
    b->n = n;
    for (int c = 0; c < b->n_cols; c++) {
        col_init(&b->cols[c], type_of(TYPE_BIGINT), n);
        for (uint32_t i = 0; i < n; i++)
            COL_DATA(&b->cols[c], int64_t)[i] = c ? i : keys[i];
    }
    return b;
}

static int fake_take(struct lookup *l, struct lookup_answer *answers, uint32_t max,
                     struct err *err) {
    struct fake *f = CONTAINER_OF(l, struct fake, base);
    uint32_t n = 0;
    for (int i = 0; i < f->n_asked && n < max; i++) {
        if (!f->ready[i] || f->given[i]) continue;
        f->given[i] = true;
        f->n_left--;
        int64_t same[2] = {f->keys[i], f->keys[i]};
        uint32_t rows = (uint32_t)(f->keys[i] % 3);
        answers[n++] = (struct lookup_answer){f->tickets[i], rows ? pairs(same, rows, true) : NULL};
    }
    return (int)n;
}

static void fake_free(struct lookup *l) {
}

static const struct lookup_ops fake_ops = {fake_ask, fake_take, fake_free};

struct bench {
    struct arena arena;
    struct fake fake;
    struct lookup_key key;
    struct lookup_async_options o;
    struct lookup_async *a;
};

static void bench_init(struct bench *b) {
    memset(b, 0, sizeof *b);
    arena_init(&b->arena);
    b->fake.base.ops = &fake_ops;
    const struct type *types[2] = {type_of(TYPE_BIGINT), type_of(TYPE_BIGINT)};
    b->o = (struct lookup_async_options){.table = "t",
                                         .n_keys = 1,
                                         .keys = &b->key,
                                         .lookup = &b->fake.base,
                                         .pack = row_pack_new(&b->arena, types, 2),
                                         .capacity = 4,
                                         .ordered = true,
                                         .timeout_ms = 1000};
}

static void bench_release(struct bench *b) {
    lookup_async_free(b->a);
    lookup_cache_free(b->o.cache);
    arena_release(&b->arena);
}

static void add(struct bench *b, const int64_t *keys, uint32_t n) {
    lookup_async_add(b->a, pairs(keys, n, false));
}

static void work(struct bench *b, int64_t now_ms) {
    struct err err = ERR_INIT;
    assert_ok(lookup_async_work(b->a, now_ms, &err), &err);
}

/* "1: 1; 2: 2;" - keys and how many rows each found - or "wm 7"; "" if nothing may leave. */
static const char *next(struct bench *b) {
    struct lookup_ready r;
    if (!lookup_async_next(b->a, &r)) return "";
    if (!r.in) return arena_printf(&b->arena, "wm %lld", (long long)r.wm);
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < r.in->n; i++) {
        int64_t key = COL_DATA(&r.in->cols[0], int64_t)[i];
        str_addf(&out, "%s%lld: %u", i ? "; " : "", (long long)key, r.found[i].n);
        const char *row = str_text(&r.rows) + r.found[i].at;
        for (uint32_t k = 0; k < r.found[i].n; k++) {
            int64_t values[2];
            memcpy(&values[0], row_pack_fixed(b->o.pack, row, 0), 8);
            memcpy(&values[1], row_pack_fixed(b->o.pack, row, 1), 8);
            assert_int_equal(values[0], key);
            assert_int_equal(values[1], k);
            row += (row_pack_size(row) + 15) / 16 * 16;
        }
    }
    batch_unref(r.in);
    free(r.found);
    str_release(&r.rows);
    return arena_strdup(&b->arena, str_text(&out));
}

static void answer(struct bench *b, int64_t key, int64_t now_ms) {
    for (int i = 0; i < b->fake.n_asked; i++)
        if (b->fake.keys[i] == key) b->fake.ready[i] = true;
    work(b, now_ms);
}

static void capacity_and_order(void **state) {
    struct bench b;
    bench_init(&b);
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){1, 2, 3}, 3);
    lookup_async_add_watermark(b.a, 7);
    work(&b, 0);
    assert_false(lookup_async_full(b.a));
    add(&b, (int64_t[]){4, 5}, 2);
    work(&b, 0);
    assert_int_equal(b.fake.n_asked, 4); /* no more at once */
    assert_true(lookup_async_full(b.a));
    answer(&b, 4, 0);
    answer(&b, 5, 0); /* asked for when 4 was answered */
    assert_int_equal(b.fake.n_asked, 5);
    assert_string_equal(next(&b), ""); /* the first batch is in front */
    answer(&b, 2, 0);
    answer(&b, 3, 0);
    answer(&b, 1, 0);
    assert_string_equal(next(&b), "1: 1; 2: 2; 3: 0");
    assert_string_equal(next(&b), "wm 7");
    assert_string_equal(next(&b), "4: 1; 5: 2");
    assert_true(lookup_async_empty(b.a));
    bench_release(&b);
}

static void out_of_order_but_for_watermarks(void **state) {
    struct bench b;
    bench_init(&b);
    b.o.ordered = false;
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){1}, 1);
    add(&b, (int64_t[]){2}, 1);
    lookup_async_add_watermark(b.a, 7);
    add(&b, (int64_t[]){4}, 1);
    work(&b, 0);
    answer(&b, 4, 0);
    assert_string_equal(next(&b), "");
    answer(&b, 2, 0);
    assert_string_equal(next(&b), "2: 2");
    assert_string_equal(next(&b), "");
    answer(&b, 1, 0);
    assert_string_equal(next(&b), "1: 1");
    assert_string_equal(next(&b), "wm 7");
    assert_string_equal(next(&b), "4: 1");
    bench_release(&b);
}

static void busy_lookup(void **state) {
    struct bench b;
    bench_init(&b);
    b.o.capacity = 50;
    b.fake.busy_after = 2;
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){1, 2, 4, 5, 7}, 5);
    work(&b, 0);
    assert_int_equal(b.fake.n_asked, 2);
    for (int64_t k = 1; k < 8; k++)
        answer(&b, k, 0);
    assert_string_equal(next(&b), "1: 1; 2: 2; 4: 1; 5: 2; 7: 1");
    bench_release(&b);
}

static void misses_are_asked_for_again(void **state) {
    struct bench b;
    bench_init(&b);
    b.o.attempts = 3;
    b.o.retry_delay_ms = 10;
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){3, 1}, 2);
    work(&b, 0);
    answer(&b, 1, 0);
    answer(&b, 3, 1);
    assert_int_equal(b.fake.n_asked, 2);
    assert_int_equal(lookup_async_due_ms(b.a), 11);
    work(&b, 11);
    assert_int_equal(b.fake.n_asked, 3);
    answer(&b, 3, 20);
    work(&b, 30);
    assert_int_equal(b.fake.n_asked, 4);
    assert_string_equal(next(&b), "");
    answer(&b, 3, 31); /* the third time counts */
    assert_string_equal(next(&b), "3: 0; 1: 1");
    bench_release(&b);
}

static void too_late(void **state) {
    struct bench b;
    struct err err = ERR_INIT;
    bench_init(&b);
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){1, 2}, 2);
    work(&b, 5);
    assert_int_equal(lookup_async_due_ms(b.a), 1005);
    answer(&b, 1, 6);
    work(&b, 1004);
    assert_err(lookup_async_work(b.a, 1005, &err), ERR_TIMEOUT, &err, "within 1000 ms");
    bench_release(&b);
}

static struct lookup_cache *new_cache(struct bench *b, int64_t max_keys, int64_t expire_ms) {
    const struct type **types = ARENA_NEW_N(&b->arena, const struct type *, 1);
    types[0] = type_of(TYPE_BIGINT);
    return lookup_cache_new(&(struct lookup_cache_options){.n_keys = 1,
                                                           .key_types = types,
                                                           .max_keys = max_keys,
                                                           .expire_write_ms = expire_ms,
                                                           .missing = true});
}

static void answer_all(struct bench *b, int64_t now_ms) {
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < b->fake.n_asked; i++)
            b->fake.ready[i] = true;
        work(b, now_ms);
    }
}

static void answers_are_kept(void **state) {
    struct bench b;
    bench_init(&b);
    b.o.cache = new_cache(&b, 2, 100);
    b.a = lookup_async_new(&b.o);
    add(&b, (int64_t[]){2, 3}, 2);
    work(&b, 0);
    answer_all(&b, 0);
    assert_string_equal(next(&b), "2: 2; 3: 0");
    add(&b, (int64_t[]){3, 2}, 2);
    work(&b, 50);
    assert_string_equal(next(&b), "3: 0; 2: 2");
    assert_int_equal(b.fake.n_asked, 2);
    add(&b, (int64_t[]){5}, 1); /* for which 3 goes, used the longest ago */
    work(&b, 60);
    answer_all(&b, 60);
    assert_string_equal(next(&b), "5: 2");
    assert_int_equal(lookup_cache_count(b.o.cache), 2);
    add(&b, (int64_t[]){2, 3}, 2);
    work(&b, 70);
    assert_int_equal(b.fake.n_asked, 4);
    answer_all(&b, 70);
    assert_string_equal(next(&b), "2: 2; 3: 0");
    add(&b, (int64_t[]){3}, 1); /* its time is up */
    work(&b, 170);
    assert_int_equal(b.fake.n_asked, 5);
    answer_all(&b, 170);
    assert_string_equal(next(&b), "3: 0");
    bench_release(&b);
}

static void null_keys_are_not_asked_for(void **state) {
    struct bench b;
    bench_init(&b);
    b.a = lookup_async_new(&b.o);
    struct batch *in = pairs((int64_t[]){1, 2}, 2, false);
    col_set_null(&in->cols[0], 0);
    lookup_async_add(b.a, in);
    work(&b, 0);
    assert_int_equal(b.fake.n_asked, 1);
    answer_all(&b, 0);
    struct lookup_ready r;
    assert_true(lookup_async_next(b.a, &r));
    assert_int_equal(r.found[0].n, 0);
    assert_int_equal(r.found[1].n, 2);
    batch_unref(r.in);
    free(r.found);
    str_release(&r.rows);
    bench_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_and_order),
        cmocka_unit_test(out_of_order_but_for_watermarks),
        cmocka_unit_test(busy_lookup),
        cmocka_unit_test(misses_are_asked_for_again),
        cmocka_unit_test(too_late),
        cmocka_unit_test(answers_are_kept),
        cmocka_unit_test(null_keys_are_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
