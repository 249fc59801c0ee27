/* row_pack_test.c - packed rows of all types against the columns they come from. */
#include "tests/unit/worker/random_batch.h"

#include "worker/state/row_pack.h"

enum { ROWS = 40, SCHEMAS = 150 };

struct packed {
    char *rows[ROWS]; /* each in a block of its own, of just its size */
};

static void pack_all(const struct row_pack *p, const struct batch *b, struct packed *out) {
    AUTO_STR text = STR_INIT;
    size_t at[ROWS];
    for (uint32_t i = 0; i < b->n; i++) {
        at[i] = row_pack_add(p, b->cols, i, &text);
        assert_int_equal(at[i] % 16, 0);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        const char *row = text.ptr + at[i];
        uint32_t size = row_pack_size(row);
        out->rows[i] = aligned_alloc(16, (size + 15) / 16 * 16);
        assert_non_null(out->rows[i]);
        memcpy(out->rows[i], row, size);
    }
}

static void release(struct packed *p) {
    for (int i = 0; i < ROWS; i++)
        free(p->rows[i]);
}

static bool rows_equal(const struct batch *b, uint32_t x, uint32_t y) {
    for (int c = 0; c < b->n_cols; c++)
        if (!col_eq(&b->cols[c], x, &b->cols[c], y)) return false;
    return true;
}

static void check_read(const struct row_pack *p, const struct batch *b, const struct packed *rows) {
    struct column *cols = mem_calloc((size_t)b->n_cols + 1, sizeof *cols);
    row_pack_read(p, (const char *const *)rows->rows, b->n, cols);
    for (int c = 0; c < b->n_cols; c++) {
        struct column one;
        row_pack_read_column(p, c, (const char *const *)rows->rows, b->n, &one);
        for (uint32_t i = 0; i < b->n; i++) {
            if (!col_eq(&cols[c], i, &b->cols[c], i)) {
                AUTO_STR type = STR_INIT;
                type_print(b->cols[c].type, &type);
                fail_msg("column %d, row %u differs: %s, %s", c, i, str_text(&type),
                         col_is_valid(&cols[c], i) ? "a value" : "NULL");
            }
            assert_true(col_eq(&one, i, &b->cols[c], i));
        }
        col_release(&one);
        col_release(&cols[c]);
    }
    free(cols);
}

static int sign(int x) {
    return (x > 0) - (x < 0);
}

static void check_compare(const struct row_pack *p, const struct batch *b,
                          const struct packed *rows) {
    for (uint32_t x = 0; x < b->n; x++)
        for (uint32_t y = 0; y < b->n; y++) {
            assert_int_equal(row_pack_eq(p, rows->rows[x], rows->rows[y]), rows_equal(b, x, y));
            for (int c = 0; c < b->n_cols; c++) {
                const struct column *col = &b->cols[c];
                bool eq = col_eq(col, x, col, y);
                assert_int_equal(row_pack_eq_value(p, rows->rows[x], c, col, y), eq);
                bool vx = col_is_valid(col, x), vy = col_is_valid(col, y);
                int want = vx && vy ? sign(col_cmp(col, x, col, y)) : (int)vx - (int)vy;
                assert_int_equal(sign(row_pack_cmp(p, rows->rows[x], rows->rows[y], c)), want);
            }
        }
}

static void rows_come_back(void **state) {
    for (uint64_t seed = 1; seed <= SCHEMAS; seed++) {
        struct rnd r = {seed};
        struct arena a;
        arena_init(&a);
        const struct schema *s = random_schema(&a, &r, 1 + (int)rnd_below(&r, 6));
        struct batch *b = random_batch(s, &r, ROWS);
        struct row_pack *p = row_pack_of_schema(&a, s);
        struct packed rows;
        pack_all(p, b, &rows);
        check_read(p, b, &rows);
        check_compare(p, b, &rows);
        release(&rows);
        batch_unref(b);
        arena_release(&a);
    }
}

/* NULL in place of a row: the padding of an outer join. */
static void absent_rows_are_nulls(void **state) {
    struct rnd r = {5};
    struct arena a;
    arena_init(&a);
    const struct schema *s = random_schema(&a, &r, 8);
    struct batch *b = random_batch(s, &r, ROWS);
    struct row_pack *p = row_pack_of_schema(&a, s);
    struct packed rows;
    pack_all(p, b, &rows);
    const char *some[ROWS];
    for (int i = 0; i < ROWS; i++)
        some[i] = i % 3 ? rows.rows[i] : NULL;
    struct column cols[8];
    row_pack_read(p, some, ROWS, cols);
    for (int c = 0; c < 8; c++) {
        for (uint32_t i = 0; i < ROWS; i++)
            assert_true(i % 3 ? col_eq(&cols[c], i, &b->cols[c], i) : !col_is_valid(&cols[c], i));
        col_release(&cols[c]);
    }
    release(&rows);
    batch_unref(b);
    arena_release(&a);
}

static void fields_are_at_hand(void **state) {
    struct arena a;
    arena_init(&a);
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT)};
    struct row_pack *p = row_pack_new(&a, types, 3);
    struct col_builder cb[3];
    struct column cols[3];
    for (int i = 0; i < 3; i++)
        col_builder_init(&cb[i], types[i], 2);
    col_add_int(&cb[0], -7);
    col_add_null(&cb[0]);
    col_add_str(&cb[1], "more than twelve bytes of it", 28);
    col_add_null(&cb[1]);
    col_add_null(&cb[2]);
    col_add_int(&cb[2], INT64_MIN);
    for (int i = 0; i < 3; i++) {
        col_builder_finish(&cb[i], &cols[i]);
        col_builder_release(&cb[i]);
    }
    AUTO_STR text = STR_INIT;
    size_t at0 = row_pack_add(p, cols, 0, &text), at1 = row_pack_add(p, cols, 1, &text);
    const char *first = text.ptr + at0, *second = text.ptr + at1;
    int32_t small;
    int64_t large;
    memcpy(&small, row_pack_fixed(p, first, 0), sizeof small);
    memcpy(&large, row_pack_fixed(p, second, 2), sizeof large);
    assert_int_equal(small, -7);
    assert_null(row_pack_fixed(p, second, 0));
    assert_null(row_pack_fixed(p, first, 2));
    assert_true(large == INT64_MIN);
    assert_true(sv_eq_str(row_pack_text(p, first, 1), "more than twelve bytes of it"));
    assert_null(row_pack_text(p, second, 1).ptr);
    for (int i = 0; i < 3; i++)
        col_release(&cols[i]);
    arena_release(&a);
}

/* Rows around the size from which ends of strings take 4 bytes, packed in both ways. */
static void long_rows_come_back(void **state) {
    enum { N = 40, AROUND = 0xFFFF - 60 };
    struct arena a;
    arena_init(&a);
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT),
                                  type_of(TYPE_VARCHAR)};
    struct row_pack *p = row_pack_new(&a, types, 3);
    struct col_builder cb[3];
    struct column cols[3], back[3];
    char *bytes = mem_alloc(2 * AROUND);
    for (int i = 0; i < 2 * AROUND; i++)
        bytes[i] = (char)('a' + i % 23);
    for (int i = 0; i < 3; i++)
        col_builder_init(&cb[i], types[i], N);
    for (uint32_t i = 0; i < N; i++) {
        col_add_str(&cb[0], bytes, i == 7 ? 2 * AROUND : AROUND);
        col_add_int(&cb[1], i);
        col_add_str(&cb[2], bytes + i, 2 * i);
    }
    for (int i = 0; i < 3; i++) {
        col_builder_finish(&cb[i], &cols[i]);
        col_builder_release(&cb[i]);
    }
    uint32_t sizes[N];
    char *rows[N];
    row_pack_sizes(p, cols, NULL, N, sizes);
    for (uint32_t i = 0; i < N; i++)
        rows[i] = mem_alloc(sizes[i]);
    row_pack_write(p, cols, NULL, N, sizes, rows);
    AUTO_STR text = STR_INIT;
    bool narrow = false, wide = false;
    for (uint32_t i = 0; i < N; i++) {
        str_clear(&text);
        row_pack_add(p, cols, i, &text);
        assert_int_equal(text.len, sizes[i]);
        assert_int_equal(row_pack_size(rows[i]), sizes[i]);
        assert_memory_equal(text.ptr, rows[i], sizes[i]);
        assert_int_equal(row_pack_check(p, rows[i], sizes[i], NULL), 0);
        assert_true(row_pack_check(p, rows[i], sizes[i] - 1, NULL) < 0);
        *(sizes[i] > 0xFFFF ? &wide : &narrow) = true;
    }
    assert_true(narrow && wide);
    row_pack_read(p, (const char *const *)rows, N, back);
    for (int c = 0; c < 3; c++) {
        for (uint32_t i = 0; i < N; i++)
            assert_true(col_eq(&back[c], i, &cols[c], i));
        col_release(&back[c]);
        col_release(&cols[c]);
    }
    for (uint32_t i = 0; i < N; i++)
        free(rows[i]);
    free(bytes);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(absent_rows_are_nulls),
        cmocka_unit_test(fields_are_at_hand),
        cmocka_unit_test(long_rows_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
