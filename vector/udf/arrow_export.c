/* arrow_export.c - SQL types as Arrow schemas, columns as Arrow arrays. */
#include "vector/udf/arrow.h"

#include "base/core/mem.h"
#include "vector/bits.h"

#include <string.h>

/* ---- types ---------------------------------------------------------------------------------- */

int arrow_check_type(const struct type *t, struct err *err) {
    switch (t->kind) {
    case TYPE_NULL:
    case TYPE_MULTISET:
    case TYPE_VARIANT:
    case TYPE_BITMAP:
    case TYPE_SYMBOL:
    case TYPE_DESCRIPTOR: {
        AUTO_STR text = STR_INIT;
        type_print(t, &text);
        return err_set(err, ERR_UNSUPPORTED, "%s in a user-defined function", str_text(&text));
    }
    default:
        for (int i = 0; i < t->n_children; i++) {
            int rc = arrow_check_type(t->children[i], err);
            if (rc) return rc;
        }
        return 0;
    }
}

const char *arrow_format(struct arena *a, const struct type *t) {
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return "b";
    case TYPE_TINYINT:
        return "c";
    case TYPE_SMALLINT:
        return "s";
    case TYPE_INT:
        return "i";
    case TYPE_BIGINT:
        return "l";
    case TYPE_FLOAT:
        return "f";
    case TYPE_DOUBLE:
        return "g";
    case TYPE_DECIMAL:
        return arena_printf(a, "d:%d,%d", t->precision, t->scale);
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        return "u";
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        return "z";
    case TYPE_DATE:
        return "tdD";
    case TYPE_TIME:
        return "ttm";
    case TYPE_TIMESTAMP:
        return type_is_nanos(t) ? "tsn:" : "tsm:";
    case TYPE_TIMESTAMP_LTZ:
        return type_is_nanos(t) ? "tsn:UTC" : "tsm:UTC";
    case TYPE_INTERVAL_YEAR_MONTH:
        return "tiM";
    case TYPE_INTERVAL_DAY_TIME:
        return "tDm";
    case TYPE_ARRAY:
        return "+l";
    case TYPE_MAP:
        return "+m";
    case TYPE_ROW:
        return "+s";
    default:
        UNREACHABLE("type kind %d has no Arrow format", t->kind);
    }
}

static void schema_released(struct ArrowSchema *s) {
    s->release = NULL;
}

static struct ArrowSchema **new_children(struct arena *a, struct ArrowSchema *s, int n) {
    s->n_children = n;
    s->children = ARENA_NEW_N(a, struct ArrowSchema *, n + 1);
    for (int i = 0; i < n; i++)
        s->children[i] = ARENA_NEW(a, struct ArrowSchema);
    return s->children;
}

void arrow_schema_row(struct arena *a, const struct type *const *types, int n,
                      struct ArrowSchema *ret) {
    *ret = (struct ArrowSchema){.format = "+s", .name = "", .release = schema_released};
    new_children(a, ret, n);
    for (int i = 0; i < n; i++)
        arrow_schema(a, types[i], arena_printf(a, "f%d", i), ret->children[i]);
}

void arrow_schema(struct arena *a, const struct type *t, const char *name,
                  struct ArrowSchema *ret) {
    *ret = (struct ArrowSchema){.format = arrow_format(a, t),
                                .name = name,
                                .flags = t->nullable ? ARROW_FLAG_NULLABLE : 0,
                                .release = schema_released};
    if (t->kind == TYPE_MAP) {
        struct ArrowSchema *entries = new_children(a, ret, 1)[0];
        *entries =
            (struct ArrowSchema){.format = "+s", .name = "entries", .release = schema_released};
        new_children(a, entries, 2);
        arrow_schema(a, type_with_null(a, t->children[0], false), "key", entries->children[0]);
        arrow_schema(a, t->children[1], "value", entries->children[1]);
        return;
    }
    if (!t->n_children) return;
    new_children(a, ret, t->n_children);
    for (int i = 0; i < t->n_children; i++)
        arrow_schema(a, t->children[i], t->field_names ? t->field_names[i] : "item",
                     ret->children[i]);
}

/* ---- columns -------------------------------------------------------------------------------- */

struct exporter {
    struct arena *a;
    int *released;
    uint32_t err_row;
};

static void array_released(struct ArrowArray *array) {
    int *released = array->private_data;
    if (released) ++*released;
    array->release = NULL;
}

static void array_make(struct exporter *x, struct ArrowArray *ret, uint32_t n, int n_buffers,
                       int n_children) {
    *ret = (struct ArrowArray){
        .length = n, .n_buffers = n_buffers, .n_children = n_children, .release = array_released};
    ret->buffers = ARENA_NEW_N(x->a, const void *, n_buffers + 1);
    ret->children = n_children ? ARENA_NEW_N(x->a, struct ArrowArray *, n_children) : NULL;
    for (int i = 0; i < n_children; i++)
        ret->children[i] = ARENA_NEW(x->a, struct ArrowArray);
}

static const void *pack_bools(struct exporter *x, const struct column *c) {
    uint32_t words = valid_words(c->n);
    uint64_t *bits = arena_alloc(x->a, sizeof *bits * (words + 1));
    const uint8_t *p = c->data;
    for (uint32_t w = 0; w < c->n / 64; w++)
        bits[w] = bool_pack64(p + 64 * w);
    if (c->n % 64) {
        uint8_t last[64] = {0};
        memcpy(last, p + c->n / 64 * 64, c->n % 64);
        bits[words - 1] = bool_pack64(last);
    }
    return bits;
}

/* int32 offsets and the bytes behind one another. */
static int pack_strings(struct exporter *x, const struct column *c, struct ArrowArray *ret,
                        struct err *err) {
    int32_t *offsets = arena_alloc(x->a, sizeof *offsets * ((size_t)c->n + 1));
    const struct strv *v = c->data;
    size_t total = 0;
    for (uint32_t i = 0; i < c->n; i++)
        total += col_is_valid(c, i) ? v[i].len : 0;
    if (total > INT32_MAX)
        return err_set(err, ERR_RUNTIME, "strings of more than 2 GiB in one batch");
    char *bytes = arena_alloc(x->a, total + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        offsets[i] = (int32_t)at;
        if (!col_is_valid(c, i)) continue;
        memcpy(bytes + at, strv_data(&v[i]), v[i].len);
        at += v[i].len;
    }
    offsets[c->n] = (int32_t)at;
    ret->buffers[1] = offsets;
    ret->buffers[2] = bytes;
    return 0;
}

static int pack_nanos(struct exporter *x, const struct column *c, const void **ret,
                      struct err *err) {
    int64_t *out = arena_alloc(x->a, sizeof *out * ((size_t)c->n + 1));
    const i128 *in = c->data;
    for (uint32_t i = 0; i < c->n; i++) {
        bool valid = col_is_valid(c, i);
        if (valid && (in[i] > INT64_MAX || in[i] < INT64_MIN)) {
            x->err_row = i;
            return err_set(err, ERR_RUNTIME,
                           "a TIMESTAMP(%d) outside of the years 1678 to 2261 can't be given to a "
                           "user-defined function; cast it to TIMESTAMP(3)",
                           c->type->precision);
        }
        out[i] = valid ? (int64_t)in[i] : 0;
    }
    *ret = out;
    return 0;
}

static int export_column(struct exporter *x, const struct column *c, struct ArrowArray *ret,
                         struct err *err);

static int export_children(struct exporter *x, const struct column *c, struct ArrowArray *ret,
                           struct err *err) {
    for (int i = 0; i < c->n_children; i++) {
        int rc = export_column(x, &c->children[i], ret->children[i], err);
        if (rc) return rc;
    }
    return 0;
}

static int export_column(struct exporter *x, const struct column *c, struct ArrowArray *ret,
                         struct err *err) {
    bool str = c->phys == PHYS_STR, map = c->phys == PHYS_MAP, row = c->phys == PHYS_ROW;
    array_make(x, ret, c->n, str ? 3 : row ? 1 : 2, map ? 1 : c->n_children);
    ret->null_count = col_null_count(c);
    ret->buffers[0] = ret->null_count ? c->valid : NULL;
    switch (c->phys) {
    case PHYS_BOOL:
        ret->buffers[1] = pack_bools(x, c);
        return 0;
    case PHYS_STR:
        return pack_strings(x, c, ret, err);
    case PHYS_I128:
        if (c->type->kind != TYPE_DECIMAL) return pack_nanos(x, c, &ret->buffers[1], err);
        ret->buffers[1] = c->data;
        return 0;
    case PHYS_MAP:
        ret->buffers[1] = c->data;
        array_make(x, ret->children[0], c->children[0].n, 1, 2);
        return export_children(x, c, ret->children[0], err);
    case PHYS_LIST:
        ret->buffers[1] = c->data;
        return export_children(x, c, ret, err);
    case PHYS_ROW:
        return export_children(x, c, ret, err);
    default:
        ret->buffers[1] = c->data;
        return 0;
    }
}

int arrow_export(struct arena *a, const struct column *const *cols, int n_cols, uint32_t n,
                 int *released, struct ArrowArray *ret, uint32_t *ret_row, struct err *err) {
    struct exporter x = {.a = a, .released = released, .err_row = UINT32_MAX};
    array_make(&x, ret, n, 1, n_cols);
    ret->private_data = released;
    for (int i = 0; i < n_cols; i++) {
        int rc = export_column(&x, cols[i], ret->children[i], err);
        if (rc) {
            *ret_row = x.err_row;
            return err_wrap(err, "argument %d", i + 1);
        }
    }
    return 0;
}
