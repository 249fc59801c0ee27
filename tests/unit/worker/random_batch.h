/* random_batch.h - schemas and batches of all types from a seed, and their comparison. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RANDOM_BATCH_H
#define PENSTOCK_TESTS_UNIT_WORKER_RANDOM_BATCH_H

#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "vector/batch.h"

#include <stdlib.h>

struct rnd {
    uint64_t state;
};

static uint64_t rnd_next(struct rnd *r) { /* splitmix64 */
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}
static uint64_t rnd_below(struct rnd *r, uint64_t n) {
    return n ? rnd_next(r) % n : 0;
}

static const struct type *random_type(struct arena *a, struct rnd *r, int depth) {
    static const enum type_kind flat[] = {
        TYPE_BOOLEAN, TYPE_TINYINT,   TYPE_SMALLINT,  TYPE_INT,     TYPE_BIGINT,
        TYPE_FLOAT,   TYPE_DOUBLE,    TYPE_DECIMAL,   TYPE_VARCHAR, TYPE_DATE,
        TYPE_TIME,    TYPE_TIMESTAMP, TYPE_VARBINARY, TYPE_NULL,    TYPE_TIMESTAMP_LTZ};
    uint64_t pick = rnd_below(r, ARRAY_LEN(flat) + (depth < 3 ? 4 : 0));
    if (pick < ARRAY_LEN(flat)) return type_of(flat[pick]);
    const struct type *x = random_type(a, r, depth + 1), *y = random_type(a, r, depth + 1);
    if (pick == ARRAY_LEN(flat)) return type_array(a, x, true);
    if (pick == ARRAY_LEN(flat) + 1) return type_map(a, x, y, true);
    if (pick == ARRAY_LEN(flat) + 2) return type_multiset(a, x, true);
    const struct type *fields[] = {x, y};
    const char *names[] = {"f", "g"};
    return type_row(a, 2, fields, names, true);
}

ATTR_UNUSED static const struct schema *random_schema(struct arena *a, struct rnd *r, int n) {
    struct field *f = ARENA_NEW_N(a, struct field, n);
    for (int i = 0; i < n; i++)
        f[i] = (struct field){arena_printf(a, "c%d", i), random_type(a, r, 0)};
    struct schema *s = ARENA_NEW(a, struct schema);
    s->n = n;
    s->fields = f;
    return s;
}

static void random_value(struct col_builder *cb, struct rnd *r) {
    struct column *c = &cb->col;
    if (c->phys == PHYS_NULL || rnd_below(r, 5) == 0) {
        col_add_null(cb);
        return;
    }
    char text[64];
    switch (c->phys) {
    case PHYS_BOOL:
        col_add_bool(cb, rnd_next(r) & 1);
        return;
    case PHYS_F32:
    case PHYS_F64:
        col_add_f64(cb, (double)(int64_t)rnd_next(r) / 1000);
        return;
    case PHYS_I128:
        col_add_i128(cb, (i128)(int64_t)rnd_below(r, 1000000000) - 500000000);
        return;
    case PHYS_STR: {
        size_t len = rnd_below(r, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + rnd_below(r, 26));
        col_add_str(cb, text, len);
        return;
    }
    case PHYS_LIST:
    case PHYS_MAP:
    case PHYS_ROW: {
        uint64_t n = c->phys == PHYS_ROW ? 1 : rnd_below(r, 4);
        for (uint64_t i = 0; i < n; i++)
            for (int k = 0; k < c->n_children; k++)
                random_value(&cb->children[k], r);
        col_close_row(cb);
        return;
    }
    default:
        col_add_int(cb, (int64_t)rnd_next(r) >> (64 - 8 * phys_size_bytes(c->phys)));
    }
}

ATTR_UNUSED static struct batch *random_batch(const struct schema *s, struct rnd *r, uint32_t n) {
    struct batch *b = batch_new(s->n);
    b->n = n;
    for (int i = 0; i < s->n; i++) {
        struct col_builder cb;
        col_builder_init(&cb, s->fields[i].type, 4);
        for (uint32_t k = 0; k < n; k++)
            random_value(&cb, r);
        col_builder_finish(&cb, &b->cols[i]);
        col_builder_release(&cb);
    }
    if (rnd_below(r, 2)) {
        uint8_t *kinds = batch_make_kinds(b);
        for (uint32_t k = 0; k < n; k++)
            kinds[k] = (uint8_t)rnd_below(r, 4);
    }
    struct wm_step steps[8];
    uint32_t n_steps = (uint32_t)rnd_below(r, 5), row = 0;
    for (uint32_t i = 0; i < n_steps; i++) {
        row += (uint32_t)rnd_below(r, n / 2 + 1);
        if (row > n) row = n;
        steps[i] = (struct wm_step){row, (int64_t)i * 1000 + (int64_t)rnd_below(r, 1000)};
    }
    if (n_steps) batch_set_steps(b, steps, n_steps);
    b->split = (uint32_t)rnd_below(r, 100);
    return b;
}

/* Rows, kinds and steps are equal. */
ATTR_UNUSED static void assert_same_batch(const struct batch *a, const struct batch *b) {
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_cols, b->n_cols);
    assert_int_equal(a->split, b->split);
    for (int i = 0; i < a->n_cols; i++)
        for (uint32_t k = 0; k < a->n; k++)
            if (!col_eq(&a->cols[i], k, &b->cols[i], k))
                fail_msg("column %d, row %u differs", i, k);
    for (uint32_t k = 0; k < a->n; k++)
        assert_int_equal(a->kinds ? a->kinds[k] : 0, b->kinds ? b->kinds[k] : 0);
    assert_int_equal(a->n_steps, b->n_steps);
    for (uint32_t k = 0; k < a->n_steps; k++) {
        assert_int_equal(a->steps[k].row, b->steps[k].row);
        assert_true(a->steps[k].wm == b->steps[k].wm);
    }
}

/* Reads every value. */
ATTR_UNUSED static void touch_batch(const struct batch *b) {
    uint64_t *hash = mem_calloc((size_t)b->n + 1, sizeof(*hash));
    for (int i = 0; i < b->n_cols; i++)
        col_hash(&b->cols[i], hash, b->n);
    free(hash);
}

#endif
