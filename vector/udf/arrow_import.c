/* arrow_import.c - Arrow arrays that a library gave, checked and copied into columns. What can't be
 * checked is that buffers are as long as lengths and offsets say. */
#include "vector/udf/arrow.h"

#include "base/core/mem.h"
#include "vector/text.h"

#include <string.h>

enum { NEST_MAX = 32, MS_PER_DAY = 86400000 };

struct importer {
    struct arena *a;
    uint32_t err_row;
};

/* Rows [from, from + n) of an array, counted behind its offset. */
struct part {
    const struct ArrowArray *array;
    const struct ArrowSchema *schema; /* NULL: not given */
    const struct type *type;
    int64_t from;
    uint32_t n;
    int depth;
};

static int bad(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);
static int bad(struct err *err, const char *fmt, ...) {
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_RUNTIME, "the library returned %s", str_text(&text));
}

static int bad_row(struct importer *x, uint32_t row, struct err *err, const char *what) {
    x->err_row = row;
    return bad(err, "%s", what);
}

/* ---- layout --------------------------------------------------------------------------------- */

/* The format: the type's own, or one of the few others that are taken for it. */
static int pick_format(struct importer *x, const struct part *p, const char **ret,
                       struct err *err) {
    const char *own = arrow_format(x->a, p->type);
    *ret = own;
    if (!p->schema) return 0;
    static const struct {
        const char *own, *others[2];
    } also[] = {{"u", {"U", "vu"}}, {"z", {"Z", "vz"}}, {"+l", {"+L", "+L"}}};
    const char *f = p->schema->format;
    if (!f) return bad(err, "a schema without format");
    if (!strcmp(f, own)) return 0;
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        for (int k = 0; k < 2 && !strcmp(own, also[i].own); k++)
            if (!strcmp(f, also[i].others[k])) {
                *ret = also[i].others[k];
                return 0;
            }
    AUTO_STR text = STR_INIT;
    type_print(p->type, &text);
    return bad(err, "an array of format '%s', but %s has '%s'", f, str_text(&text), own);
}

static int check_layout(const struct part *p, const char *format, struct err *err) {
    const struct ArrowArray *a = p->array;
    bool view = format[0] == 'v';
    bool text = strchr("uUzZ", format[0]) && !format[1];
    int64_t buffers = !strcmp(format, "+s") ? 1 : text ? 3 : 2;
    int64_t children = p->type->kind == TYPE_MAP ? 1 : p->type->n_children;
    if (!a->release) return bad(err, "an array that is released");
    if (p->depth > NEST_MAX) return bad(err, "an array that nests deeper than %d", NEST_MAX);
    if (a->dictionary) return bad(err, "a dictionary array, which is not taken");
    if (a->length < 0 || a->offset < 0 || a->length > UINT32_MAX || a->offset > UINT32_MAX)
        return bad(err, "an array of length %lld at offset %lld", (long long)a->length,
                   (long long)a->offset);
    if (p->from + p->n > a->length)
        return bad(err, "an array of length %lld where %lld are needed", (long long)a->length,
                   (long long)(p->from + p->n));
    if (view ? a->n_buffers < 3 : a->n_buffers != buffers)
        return bad(err, "an array of format '%s' with %lld buffers instead of %lld", format,
                   (long long)a->n_buffers, (long long)(view ? 3 : buffers));
    if (a->n_children != children)
        return bad(err, "an array of format '%s' with %lld children instead of %lld", format,
                   (long long)a->n_children, (long long)children);
    if (!a->buffers || (children && !a->children)) return bad(err, "an array without its parts");
    for (int64_t i = 0; i < children; i++)
        if (!a->children[i]) return bad(err, "an array whose child %lld is missing", (long long)i);
    if (p->schema && (p->schema->n_children != children || (children && !p->schema->children)))
        return bad(err, "a schema of format '%s' with %lld children", format,
                   (long long)p->schema->n_children);
    /* An array of no values may leave its buffers out. */
    if (p->n && buffers > 1 && !a->buffers[1]) return bad(err, "an array without values");
    if (!a->buffers[0] && a->null_count > 0)
        return bad(err, "an array with NULLs but no validity bitmap");
    return 0;
}

static bool bit(const void *bits, uint64_t i) {
    return ((const uint8_t *)bits)[i / 8] >> (i % 8) & 1;
}

static int import_valid(struct importer *x, const struct part *p, struct column *c,
                        struct err *err) {
    const void *bits = p->array->buffers[0];
    if (!bits || p->array->null_count == 0) return 0;
    uint64_t at = (uint64_t)(p->array->offset + p->from);
    for (uint32_t i = 0; i < p->n; i++) {
        if (bit(bits, at + i)) continue;
        if (!p->type->nullable) return bad_row(x, i, err, "NULL where it promised NOT NULL");
        col_set_null(c, i);
    }
    return 0;
}

/* ---- values --------------------------------------------------------------------------------- */

static i128 power_of_ten(int n) {
    i128 p = 1;
    for (int i = 0; i < n; i++)
        p *= 10;
    return p;
}

static int check_fixed(struct importer *x, const struct part *p, const struct column *c,
                       struct err *err) {
    if (p->type->kind == TYPE_TIME) {
        for (uint32_t i = 0; i < p->n; i++) {
            int32_t v = COL_DATA(c, int32_t)[i];
            if (col_is_valid(c, i) && (v < 0 || v >= MS_PER_DAY))
                return bad_row(x, i, err, "a TIME that is outside of the day");
        }
    }
    if (p->type->kind == TYPE_DECIMAL) {
        i128 max = power_of_ten(p->type->precision);
        for (uint32_t i = 0; i < p->n; i++) {
            i128 v = COL_DATA(c, i128)[i];
            if (col_is_valid(c, i) && (v >= max || v <= -max))
                return bad_row(x, i, err, "a DECIMAL with more digits than its precision");
        }
    }
    return 0;
}

static int import_fixed(struct importer *x, const struct part *p, struct column *c,
                        struct err *err) {
    const char *in = p->array->buffers[1];
    uint64_t at = (uint64_t)(p->array->offset + p->from);
    if (!p->n) return 0;
    if (c->phys == PHYS_BOOL) {
        for (uint32_t i = 0; i < p->n; i++)
            COL_DATA(c, uint8_t)[i] = bit(in, at + i);
        return 0;
    }
    if (type_is_nanos(p->type)) {
        for (uint32_t i = 0; i < p->n; i++) {
            int64_t v;
            memcpy(&v, in + 8 * (at + i), 8);
            COL_DATA(c, i128)[i] = v;
        }
        return 0;
    }
    size_t size = (size_t)phys_size_bytes(c->phys);
    memcpy(c->data, in + size * at, size * p->n);
    return check_fixed(x, p, c, err);
}

/* Offset i of a buffer of 32 or 64 bits. */
static int64_t offset_at(const void *offsets, bool large, uint64_t i) {
    int64_t wide;
    int32_t narrow;
    if (large) {
        memcpy(&wide, (const char *)offsets + 8 * i, 8);
        return wide;
    }
    memcpy(&narrow, (const char *)offsets + 4 * i, 4);
    return narrow;
}

/* A string of a view array: {length, 12 bytes} or {length, prefix, buffer, offset}. */
static const char *view_at(const struct ArrowArray *a, uint64_t i, int64_t *ret_len) {
    const char *v = (const char *)a->buffers[1] + 16 * i;
    int32_t head[4];
    memcpy(head, v, 16);
    *ret_len = head[0];
    if (head[0] < 0) return NULL;
    if (head[0] <= 12) return v + 4;
    int64_t n_data = a->n_buffers - 3;
    if (head[2] < 0 || head[2] >= n_data || head[3] < 0) return NULL;
    const int64_t *sizes = a->buffers[a->n_buffers - 1];
    const char *data = a->buffers[2 + head[2]];
    int64_t size = 0;
    if (sizes) memcpy(&size, sizes + head[2], 8);
    return data && head[3] + (int64_t)head[0] <= size ? data + head[3] : NULL;
}

static const char *check_text(const struct type *t, const char *s, int64_t len) {
    if (!s) return "a string whose place is wrong";
    if (len > INT32_MAX) return "a string of more than 2 GiB";
    if (type_is_char(t) && !text_utf8_valid(s, (size_t)len)) return "a string that is no UTF-8";
    if (t->length == TYPE_LENGTH_MAX) return NULL;
    int64_t units = type_is_char(t) ? (int64_t)text_utf8_count(s, (size_t)len) : len;
    bool fixed = t->kind == TYPE_CHAR || t->kind == TYPE_BINARY;
    if (fixed ? units != t->length : units > t->length)
        return "a string that is not as long as its type says";
    return NULL;
}

static int import_strings(struct importer *x, const struct part *p, const char *format,
                          struct column *c, struct err *err) {
    const struct ArrowArray *a = p->array;
    bool view = format[0] == 'v', large = format[0] == 'U' || format[0] == 'Z';
    uint64_t at = (uint64_t)(a->offset + p->from);
    struct strv *out = c->data;
    if (!p->n) return 0;
    struct heap *heap = col_heap(c);
    for (uint32_t i = 0; i < p->n; i++) {
        const char *s;
        int64_t len;
        if (!view) {
            int64_t from = offset_at(a->buffers[1], large, at + i);
            len = offset_at(a->buffers[1], large, at + i + 1) - from;
            if (from < 0 || len < 0) return bad_row(x, i, err, "offsets that don't rise");
            s = a->buffers[2] ? (const char *)a->buffers[2] + from : len ? NULL : "";
        }
        if (!col_is_valid(c, i)) {
            out[i] = (struct strv){0};
            continue;
        }
        if (view) s = view_at(a, at + i, &len);
        const char *wrong = check_text(p->type, s, len);
        if (wrong) return bad_row(x, i, err, wrong);
        out[i] = strv_copy(heap, s, (uint32_t)len);
    }
    return 0;
}

/* ---- nested --------------------------------------------------------------------------------- */

static int import_part(struct importer *x, const struct part *p, struct column *c, struct err *err);

static int import_child(struct importer *x, const struct part *p, int i, const struct type *t,
                        int64_t from, uint32_t n, struct column *c, struct err *err) {
    struct part q = {.array = p->array->children[i],
                     .schema = p->schema ? p->schema->children[i] : NULL,
                     .type = t,
                     .from = from,
                     .n = n,
                     .depth = p->depth + 1};
    if (p->schema && !q.schema) return bad(err, "a schema whose child %d is missing", i);
    memset(c, 0, sizeof *c);
    uint32_t row = x->err_row;
    int rc = import_part(x, &q, c, err);
    if (rc && row == UINT32_MAX) x->err_row = UINT32_MAX; /* not a row of the batch */
    return rc;
}

static int import_fields(struct importer *x, const struct part *p, int64_t from, uint32_t n,
                         struct column *c, struct err *err) {
    for (int i = 0; i < p->type->n_children; i++) {
        int rc = import_child(x, p, i, p->type->children[i], from, n, &c->children[i], err);
        if (rc) return err_wrap(err, "field %d", i + 1);
    }
    return 0;
}

static int import_offsets(struct importer *x, const struct part *p, bool large, struct column *c,
                          int64_t *ret_from, uint32_t *ret_n, struct err *err) {
    uint64_t at = (uint64_t)(p->array->offset + p->from);
    const void *in = p->array->buffers[1];
    uint32_t *out = c->data;
    *ret_from = p->n ? offset_at(in, large, at) : 0;
    *ret_n = 0;
    if (*ret_from < 0) return bad_row(x, 0, err, "a list that begins at a negative offset");
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t end = offset_at(in, large, at + i + 1) - *ret_from;
        if (end < out[i]) return bad_row(x, i, err, "lists whose offsets don't rise");
        if (end > INT32_MAX) return bad_row(x, i, err, "lists of more than 2^31 elements");
        out[i + 1] = (uint32_t)end;
    }
    *ret_n = out[p->n];
    return 0;
}

static int import_map(struct importer *x, const struct part *p, int64_t from, uint32_t n,
                      struct column *c, struct err *err) {
    const struct type *fields[] = {type_with_null(x->a, p->type->children[0], false),
                                   p->type->children[1]};
    const struct type *entry =
        type_row(x->a, 2, fields, (const char *const[]){"key", "value"}, false);
    struct column entries = {0};
    int rc = import_child(x, p, 0, entry, from, n, &entries, err);
    for (int i = 0; i < 2 && !rc; i++) {
        c->children[i] = entries.children[i];
        c->children[i].type = type_stored_child(p->type, i);
        memset(&entries.children[i], 0, sizeof entries.children[i]);
    }
    col_release(&entries);
    return rc;
}

static int import_lists(struct importer *x, const struct part *p, bool large, struct column *c,
                        struct err *err) {
    int64_t from;
    uint32_t n;
    int rc = import_offsets(x, p, large, c, &from, &n, err);
    if (rc) return rc;
    if (p->type->kind == TYPE_MAP) return import_map(x, p, from, n, c, err);
    return import_child(x, p, 0, p->type->children[0], from, n, &c->children[0], err);
}

static int import_part(struct importer *x, const struct part *p, struct column *c,
                       struct err *err) {
    const char *format;
    int rc = pick_format(x, p, &format, err);
    if (!rc) rc = check_layout(p, format, err);
    if (rc) return rc;
    col_init(c, p->type, p->n);
    rc = import_valid(x, p, c, err);
    if (rc) return rc;
    switch (c->phys) {
    case PHYS_STR:
        return import_strings(x, p, format, c, err);
    case PHYS_LIST:
    case PHYS_MAP:
        return import_lists(x, p, !strcmp(format, "+L"), c, err);
    case PHYS_ROW:
        return import_fields(x, p, p->array->offset + p->from, p->n, c, err);
    default:
        return import_fixed(x, p, c, err);
    }
}

int arrow_import(const struct ArrowArray *array, const struct ArrowSchema *schema,
                 const struct type *t, uint32_t n, struct column *ret, uint32_t *ret_row,
                 struct err *err) {
    struct arena a;
    arena_init(&a);
    struct importer x = {.a = &a, .err_row = UINT32_MAX};
    struct part p = {
        .array = array, .schema = schema && schema->release ? schema : NULL, .type = t, .n = n};
    struct column c = {0};
    int rc = array->release && array->length != n
                 ? bad(err, "an array of length %lld for %u rows", (long long)array->length, n)
                 : import_part(&x, &p, &c, err);
    arena_release(&a);
    if (rc) {
        col_release(&c);
        *ret_row = x.err_row;
        return rc;
    }
    *ret = c;
    return 0;
}
