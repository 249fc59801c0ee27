/* batch_test.c - batches: steps, kinds and hashes through slicing, gathering and concatenation. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/json.h"
#include "vector/batch.h"

#include <string.h>

static struct batch *make(uint32_t n, int64_t first) {
    struct batch *b = batch_new(2);
    struct col_builder i, s;
    col_builder_init(&i, type_of_not_null(TYPE_BIGINT), n);
    col_builder_init(&s, type_of(TYPE_VARCHAR), n);
    for (uint32_t r = 0; r < n; r++) {
        col_add_int(&i, first + r);
        if (r % 3 == 0)
            col_add_null(&s);
        else
            col_add_str(&s, "a text longer than a view", 13 + r % 10);
    }
    col_builder_finish(&i, &b->cols[0]);
    col_builder_finish(&s, &b->cols[1]);
    col_builder_release(&i);
    col_builder_release(&s);
    b->n = n;
    return b;
}

static void verify(const struct batch *b) {
    struct err err = ERR_INIT;
    if (batch_verify(b, &err)) fail_msg("%s", err.msg);
}

static void expect_steps(const struct batch *b, const struct wm_step *want, uint32_t n) {
    verify(b);
    assert_int_equal(b->n_steps, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(b->steps[i].row, want[i].row);
        assert_int_equal(b->steps[i].wm, want[i].wm);
    }
}

static void test_slice_steps(void **state) {
    struct batch *b = make(10, 0);
    static const struct wm_step steps[] = {{0, 1}, {4, 2}, {7, 3}, {10, 4}};
    batch_set_steps(b, steps, 4);
    verify(b);
    struct batch *left = batch_slice(b, 0, 4), *mid = batch_slice(b, 4, 3),
                 *right = batch_slice(b, 7, 3);
    expect_steps(left, (struct wm_step[]){{0, 1}}, 1);
    expect_steps(mid, (struct wm_step[]){{0, 2}}, 1);
    expect_steps(right, (struct wm_step[]){{0, 3}, {3, 4}}, 2);
    struct batch *parts[] = {left, mid, right}, *whole = batch_concat(parts, 3);
    expect_steps(whole, steps, 4);
    for (uint32_t r = 0; r < 10; r++)
        for (int c = 0; c < 2; c++)
            assert_true(col_eq(&whole->cols[c], r, &b->cols[c], r));
    struct batch *all[] = {left, mid, right, whole, b};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        batch_unref(all[i]);
}

static void test_gather(void **state) {
    struct batch *b = make(8, 100);
    static const struct wm_step steps[] = {{1, 1}, {2, 2}, {5, 3}, {8, 4}};
    static const uint32_t rows[] = {0, 4, 6};
    batch_set_steps(b, steps, 4);
    batch_make_kinds(b)[4] = ROW_DELETE;
    struct batch *g = batch_gather(b, rows, 3, true), *bare = batch_gather(b, rows, 3, false);
    /* Steps 1 and 2 fall together in front of row 4. */
    expect_steps(g, (struct wm_step[]){{1, 2}, {2, 3}, {3, 4}}, 3);
    assert_int_equal(bare->n_steps, 0);
    assert_int_equal(g->kinds[0], ROW_INSERT);
    assert_int_equal(g->kinds[1], ROW_DELETE);
    assert_int_equal(COL_DATA(&g->cols[0], int64_t)[2], 106);
    struct batch *none = batch_gather(b, rows, 0, true);
    expect_steps(none, (struct wm_step[]){{0, 4}}, 1);
    batch_unref(b);
    verify(g); /* outlives its source */
    batch_unref(g);
    batch_unref(bare);
    batch_unref(none);
}

static void test_concat_mixed(void **state) {
    struct batch *a = make(3, 0), *b = make(2, 50), *parts[] = {a, b};
    batch_make_kinds(b)[1] = ROW_UPDATE_AFTER;
    batch_set_steps(a, (struct wm_step[]){{3, 7}}, 1);
    batch_set_steps(b, (struct wm_step[]){{0, 7}, {2, 9}}, 2); /* 7 is known already */
    struct batch *c = batch_concat(parts, 2);
    expect_steps(c, (struct wm_step[]){{3, 7}, {5, 9}}, 2);
    static const uint8_t kinds[] = {0, 0, 0, 0, ROW_UPDATE_AFTER};
    assert_memory_equal(c->kinds, kinds, 5);
    assert_true(batch_size_bytes(c) > batch_size_bytes(a));
    batch_unref(a);
    batch_unref(b);
    batch_unref(c);
}

static void test_share_is_independent(void **state) {
    struct batch *a = make(4, 0);
    batch_make_kinds(a);
    struct batch *b = batch_share(a);
    batch_make_kinds(b)[0] = ROW_DELETE; /* a copy: the kinds were shared */
    assert_int_equal(a->kinds[0], ROW_INSERT);
    batch_unref(a);
    verify(b);
    batch_unref(b);
}

static void test_verify_finds(void **state) {
    struct err err = ERR_INIT;
    struct batch *b = make(4, 0);
    batch_set_steps(b, (struct wm_step[]){{2, 5}, {1, 6}}, 2);
    assert_int_equal(batch_verify(b, &err), ERR_INTERNAL);
    batch_set_steps(b, NULL, 0);
    b->cols[0].n = 3;
    assert_int_equal(batch_verify(b, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.msg, "column 0"));
    b->cols[0].n = 4;
    verify(b);
    batch_unref(b);
}

static void test_schema_json(void **state) {
    struct arena arena;
    arena_init(&arena);
    const struct schema *s = schema_new(&arena, 2), *back;
    struct field *f = (struct field *)s->fields;
    f[0] = (struct field){"a", type_of_not_null(TYPE_INT)};
    f[1] = (struct field){"t",
                          type_with_time_attr(&arena, type_of(TYPE_TIMESTAMP), TIME_ATTR_ROWTIME)};
    AUTO_JSON *j = schema_to_json(s);
    struct err err = ERR_INIT;
    assert_int_equal(schema_from_json(&arena, j, &back, &err), 0);
    assert_int_equal(back->n, 2);
    assert_string_equal(back->fields[1].name, "t");
    assert_int_equal(back->fields[1].type->time_attr, TIME_ATTR_NONE);
    assert_int_equal(schema_find(back, "t"), 1);
    assert_int_equal(schema_find(back, "T"), -1);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_steps),  cmocka_unit_test(test_gather),
        cmocka_unit_test(test_concat_mixed), cmocka_unit_test(test_share_is_independent),
        cmocka_unit_test(test_verify_finds), cmocka_unit_test(test_schema_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
