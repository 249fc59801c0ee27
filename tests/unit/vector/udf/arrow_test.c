/* Columns to Arrow and back; arrays that begin behind an offset, large and view formats. */
#include "vector/udf/arrow.h"

#include "tests/unit/cmocka_wrap.h"
#include "vector/batch.h"

#include <string.h>

static void no_release(struct ArrowArray *a) {
    a->release = NULL;
}

static void no_schema_release(struct ArrowSchema *s) {
    s->release = NULL;
}

static const struct type *type(struct arena *a, const char *text) {
    const struct type *t;
    struct err err = ERR_INIT;
    assert_int_equal(type_parse(a, text, &t, &err), 0);
    return t;
}

static int import(const struct ArrowArray *array, const char *format, const struct type *t,
                  uint32_t n, struct column *ret, struct err *err) {
    struct ArrowSchema s = {.format = format, .release = no_schema_release};
    uint32_t row;
    return arrow_import(array, format ? &s : NULL, t, n, ret, &row, err);
}

/* There and back through one +s array. */
static void round_trip(struct column *c) {
    struct arena a;
    arena_init(&a);
    int released = 0;
    struct err err = ERR_INIT;
    uint32_t row;
    struct ArrowArray array;
    const struct column *cols[] = {c};
    assert_int_equal(arrow_export(&a, cols, 1, c->n, &released, &array, &row, &err), 0);
    struct column back;
    assert_int_equal(arrow_import(array.children[0], NULL, c->type, c->n, &back, &row, &err), 0);
    for (uint32_t i = 0; i < c->n; i++)
        assert_true(col_eq(c, i, &back, i));
    array.release(&array);
    assert_int_equal(released, 1);
    col_release(&back);
    arena_release(&a);
}

static void test_round_trip(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a);
    struct col_builder b;
    struct column c, part;
    col_builder_init(&b, type(&a, "ARRAY<STRING>"), 8);
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < i % 4; k++)
            if (k == 2)
                col_add_null(&b.children[0]);
            else
                col_add_str(&b.children[0], "a string of some length", (size_t)(i % 24));
        if (i % 7 == 6)
            col_add_null(&b);
        else
            col_close_row(&b);
    }
    col_builder_finish(&b, &c);
    round_trip(&c);
    col_slice(&part, &c, 67, 100);
    round_trip(&part);
    col_release(&part);
    col_release(&c);
    col_builder_release(&b);

    col_builder_init(&b, type(&a, "BOOLEAN"), 8);
    for (int i = 0; i < 130; i++)
        if (i % 5)
            col_add_bool(&b, i % 3);
        else
            col_add_null(&b);
    col_builder_finish(&b, &c);
    round_trip(&c);
    col_slice(&part, &c, 3, 70);
    round_trip(&part);
    col_release(&part);
    col_release(&c);
    col_builder_release(&b);
    arena_release(&a);
}

static void test_offset(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    const int32_t values[] = {9, 9, 1, 2, 3};
    const uint8_t valid[] = {0x17}; /* the second of the three is NULL */
    const void *buffers[] = {valid, values};
    struct ArrowArray array = {.length = 3,
                               .offset = 2,
                               .null_count = 1,
                               .n_buffers = 2,
                               .buffers = buffers,
                               .release = no_release};
    struct column c;
    assert_int_equal(import(&array, NULL, type_of(TYPE_INT), 3, &c, &err), 0);
    assert_int_equal(COL_DATA(&c, int32_t)[0], 1);
    assert_false(col_is_valid(&c, 1));
    assert_int_equal(COL_DATA(&c, int32_t)[2], 3);
    col_release(&c);
    assert_int_not_equal(import(&array, NULL, type_of_not_null(TYPE_INT), 3, &c, &err), 0);
    assert_non_null(strstr(err.msg, "NULL where it promised NOT NULL"));
    arena_release(&a);
}

static void test_lists_behind_offsets(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    /* Lists 1 and 2 of [[7], [8, 9], [10]], whose elements begin one behind the child's start. */
    const int64_t values[] = {-1, 7, 8, 9, 10};
    const int64_t offsets[] = {0, 1, 3, 4};
    const void *child_buffers[] = {NULL, values}, *buffers[] = {NULL, offsets};
    struct ArrowArray child = {
        .length = 4, .offset = 1, .n_buffers = 2, .buffers = child_buffers, .release = no_release};
    struct ArrowArray *children[] = {&child};
    struct ArrowArray array = {.length = 2,
                               .offset = 1,
                               .n_buffers = 2,
                               .n_children = 1,
                               .buffers = buffers,
                               .children = children,
                               .release = no_release};
    struct ArrowSchema item = {.format = "l", .release = no_schema_release}, *items[] = {&item};
    struct ArrowSchema s = {
        .format = "+L", .n_children = 1, .children = items, .release = no_schema_release};
    struct column c;
    uint32_t row;
    const struct type *t = type(&a, "ARRAY<BIGINT>");
    assert_int_equal(arrow_import(&array, &s, t, 2, &c, &row, &err), 0);
    assert_int_equal(COL_DATA(&c, uint32_t)[1], 2);
    assert_int_equal(COL_DATA(&c, uint32_t)[2], 3);
    assert_int_equal(COL_DATA(&c.children[0], int64_t)[0], 8);
    assert_int_equal(COL_DATA(&c.children[0], int64_t)[2], 10);
    col_release(&c);
    child.length = 3; /* one too few */
    assert_int_not_equal(arrow_import(&array, &s, t, 2, &c, &row, &err), 0);
    arena_release(&a);
}

static void test_strings(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    const char *bytes = "onetwo";
    const int64_t offsets[] = {0, 3, 6};
    const void *buffers[] = {NULL, offsets, bytes};
    struct ArrowArray array = {
        .length = 2, .n_buffers = 3, .buffers = buffers, .release = no_release};
    struct column c;
    assert_int_equal(import(&array, "U", type_of(TYPE_VARCHAR), 2, &c, &err), 0);
    assert_memory_equal(strv_data(&COL_DATA(&c, struct strv)[1]), "two", 3);
    col_release(&c);
    /* As 32-bit offsets the same are 0, 0, 3: no error, but other strings; so formats matter. */
    assert_int_not_equal(import(&array, "z", type_of(TYPE_VARCHAR), 2, &c, &err), 0);

    const int64_t sizes[] = {20};
    const char data[] = "twelve and more, yes";
    int32_t views[2][4] = {{2, 0, 0, 0}, {20, 0, 0, 0}};
    memcpy(&views[0][1], "ab", 2);
    const void *view_buffers[] = {NULL, views, data, sizes};
    array.buffers = view_buffers;
    array.n_buffers = 4;
    assert_int_equal(import(&array, "vu", type_of(TYPE_VARCHAR), 2, &c, &err), 0);
    assert_int_equal(COL_DATA(&c, struct strv)[0].len, 2);
    assert_memory_equal(strv_data(&COL_DATA(&c, struct strv)[1]), data, 20);
    col_release(&c);
    views[1][3] = 1; /* runs beyond the buffer */
    assert_int_not_equal(import(&array, "vu", type_of(TYPE_VARCHAR), 2, &c, &err), 0);
    assert_non_null(strstr(err.msg, "a string whose place is wrong"));
}

static void test_types_that_stay(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    assert_int_equal(arrow_check_type(type(&a, "ROW<a INT, b MAP<STRING, TIME(3)>>"), &err), 0);
    assert_int_equal(arrow_check_type(type(&a, "ARRAY<MULTISET<INT>>"), &err), ERR_UNSUPPORTED);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),           cmocka_unit_test(test_offset),
        cmocka_unit_test(test_lists_behind_offsets), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_types_that_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
