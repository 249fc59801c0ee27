/* agg_json.c - JSON_ARRAYAGG and JSON_OBJECTAGG. The accumulator is the JSON text as far as it
 * goes: items, or entries {u32 length of key, u32 length of value, quoted key, value}. NULL ON NULL
 * and ABSENT ON NULL are aggregates of their own, of which bind picks one by the symbol behind the
 * arguments. */
#include "vector/func/agg_acc.h"
#include "vector/func/json_build.h"
#include "vector/func/json_doc.h"

#include <string.h>

struct json_agg {
    struct acc_bytes text;
    int64_t count;
};

extern const struct agg agg_json_arrayagg, agg_json_arrayagg_null, agg_json_objectagg,
    agg_json_objectagg_absent;

static bool keeps_nulls(const struct agg_call *c) {
    return c->agg == &agg_json_arrayagg_null || c->agg == &agg_json_objectagg;
}

/* ---- arrays --------------------------------------------------------------------------------- */

static int array_add(struct json_agg *acc, struct sv item, struct blob_alloc *blobs,
                     struct err *err) {
    int rc = acc->count++ ? acc_bytes_add(&acc->text, ",", 1, blobs, err) : 0;
    return rc ? rc : acc_bytes_add(&acc->text, item.ptr, item.len, blobs, err);
}

static int array_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    struct arena a;
    int rc = 0;
    arena_init(&a);
    for (uint32_t i = 0; i < r->n && !rc; i++) {
        uint32_t row = agg_row(r, i);
        if (!agg_adds(r, row) || (!keeps_nulls(c) && !col_is_valid(r->args[0], row))) continue;
        str_clear(&tmp);
        arena_clear(&a);
        rc = json_print_value(&a, r->args[0], row, &tmp, err);
        if (!rc) rc = array_add(agg_acc(r, i), str_view(&tmp), r->blobs, err);
    }
    arena_release(&a);
    return rc;
}

static int array_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                       uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        struct json_agg *d = (struct json_agg *)(dst[i] + acc_offset);
        const struct json_agg *s = (const struct json_agg *)(src[i] + acc_offset);
        if (!s->count) continue;
        int rc = array_add(d, (struct sv){s->text.ptr, s->text.len}, blobs, err);
        if (rc) return rc;
        d->count += s->count - 1;
    }
    return 0;
}

static void put_text(struct column *ret, uint32_t i, const struct str *s) {
    COL_DATA(ret, struct strv)[i] = strv_copy(col_heap(ret), str_text(s), (uint32_t)s->len);
}

static int array_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                        uint32_t n, struct column *ret, struct err *err) {
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        const struct json_agg *a = (const struct json_agg *)(accs[i] + acc_offset);
        str_clear(&out);
        str_add_char(&out, '[');
        if (a->text.len) str_add_n(&out, a->text.ptr, a->text.len);
        str_add_char(&out, ']');
        put_text(ret, i, &out);
    }
    return 0;
}

/* ---- objects -------------------------------------------------------------------------------- */

struct member {
    struct sv key, value;
    uint32_t at, len; /* of the whole entry */
};

static bool next_member(const struct acc_bytes *b, uint32_t at, struct member *ret) {
    uint32_t head[2];
    if (b->len - at < sizeof(head)) return false;
    memcpy(head, b->ptr + at, sizeof(head));
    if ((uint64_t)head[0] + head[1] > b->len - at - sizeof(head)) return false;
    const char *p = b->ptr + at + sizeof(head);
    *ret = (struct member){{p, head[0]}, {p + head[0], head[1]}, at, 8 + head[0] + head[1]};
    return true;
}

static bool find_member(const struct acc_bytes *b, struct sv key, struct member *ret) {
    for (uint32_t at = 0; next_member(b, at, ret); at += ret->len)
        if (sv_eq(ret->key, key)) return true;
    return false;
}

static int object_add(struct json_agg *acc, struct sv key, struct sv value,
                      struct blob_alloc *blobs, struct err *err) {
    struct member m;
    uint32_t head[2] = {(uint32_t)key.len, (uint32_t)value.len};
    if (find_member(&acc->text, key, &m))
        return err_set(err, ERR_RUNTIME,
                       "Key %.*s is already present. Duplicate keys are not allowed in "
                       "JSON_OBJECTAGG.",
                       (int)key.len, key.ptr);
    acc->count++;
    int rc = acc_bytes_add(&acc->text, head, sizeof(head), blobs, err);
    if (!rc) rc = acc_bytes_add(&acc->text, key.ptr, key.len, blobs, err);
    return rc ? rc : acc_bytes_add(&acc->text, value.ptr, value.len, blobs, err);
}

static void object_remove(struct json_agg *acc, struct sv key) {
    struct member m;
    if (!find_member(&acc->text, key, &m)) return;
    uint32_t end = m.at + m.len;
    memmove(acc->text.ptr + m.at, acc->text.ptr + end, acc->text.len - end);
    acc->text.len -= m.len;
    acc->count--;
}

static int object_row(const struct agg_call *c, const struct agg_rows *r, uint32_t i,
                      struct arena *a, struct str *key, struct str *value, struct err *err) {
    uint32_t row = agg_row(r, i);
    const struct column *kc = r->args[0], *vc = r->args[1];
    if (!keeps_nulls(c) && !col_is_valid(vc, row)) return 0;
    if (!col_is_valid(kc, row))
        return err_set(err, ERR_RUNTIME, "JSON_OBJECTAGG: a key must not be NULL");
    str_clear(key);
    str_clear(value);
    arena_clear(a);
    jdoc_print_string(strv_sv(&COL_DATA(kc, const struct strv)[row]), key);
    if (!agg_adds(r, row)) {
        object_remove(agg_acc(r, i), str_view(key));
        return 0;
    }
    int rc = json_print_value(a, vc, row, value, err);
    return rc ? rc : object_add(agg_acc(r, i), str_view(key), str_view(value), r->blobs, err);
}

static int object_update(const struct agg_call *c, const struct agg_rows *r, struct err *err) {
    AUTO_STR key = STR_INIT, value = STR_INIT;
    struct arena a;
    int rc = 0;
    arena_init(&a);
    for (uint32_t i = 0; i < r->n && !rc; i++)
        rc = object_row(c, r, i, &a, &key, &value, err);
    arena_release(&a);
    return rc;
}

static int object_merge(const struct agg_call *c, char *const *dst, const char *const *src,
                        uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs,
                        struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        const struct json_agg *s = (const struct json_agg *)(src[i] + acc_offset);
        struct member m;
        for (uint32_t at = 0; next_member(&s->text, at, &m); at += m.len) {
            int rc =
                object_add((struct json_agg *)(dst[i] + acc_offset), m.key, m.value, blobs, err);
            if (rc) return rc;
        }
    }
    return 0;
}

static int object_finish(const struct agg_call *c, char *const *accs, uint32_t acc_offset,
                         uint32_t n, struct column *ret, struct err *err) {
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        const struct json_agg *a = (const struct json_agg *)(accs[i] + acc_offset);
        struct member m;
        str_clear(&out);
        str_add_char(&out, '{');
        for (uint32_t at = 0; next_member(&a->text, at, &m); at += m.len) {
            if (at) str_add_char(&out, ',');
            str_add_sv(&out, m.key);
            str_add_char(&out, ':');
            str_add_sv(&out, m.value);
        }
        str_add_char(&out, '}');
        put_text(ret, i, &out);
    }
    return 0;
}

/* ---- both ----------------------------------------------------------------------------------- */

static void json_save(const struct agg_call *c, const void *acc, struct str *out) {
    const struct json_agg *a = acc;
    str_add_n(out, &a->count, sizeof(a->count));
    if (a->text.len) str_add_n(out, a->text.ptr, a->text.len);
}

static int json_load(const struct agg_call *c, void *acc, struct sv bytes, struct blob_alloc *blobs,
                     struct err *err) {
    struct json_agg *a = acc;
    if (bytes.len < sizeof(a->count))
        return err_set(err, ERR_CORRUPT, "%s: state of %zu bytes", c->agg->name, bytes.len);
    memcpy(&a->count, bytes.ptr, sizeof(a->count));
    return acc_bytes_add(&a->text, bytes.ptr + sizeof(a->count), bytes.len - sizeof(a->count),
                         blobs, err);
}

static void json_free(const struct agg_call *c, void *acc, struct blob_alloc *blobs) {
    acc_bytes_free(&((struct json_agg *)acc)->text, blobs);
}

/* Takes the symbol NULL or ABSENT off the end: it picks the aggregate. */
static void take_symbol(struct agg_bind *ab, const struct agg *with_null,
                        const struct agg *absent) {
    const struct expr *last = ab->args[ab->n_args - 1];
    if (last->type->kind != TYPE_SYMBOL) return;
    ab->call->agg = sv_eq_str(strv_sv(last->literal->data), "ABSENT") ? absent : with_null;
    ab->n_args = --ab->call->n_args;
}

static int json_bind(struct agg_bind *ab, bool object, struct err *err) {
    const struct agg *a = &agg_json_arrayagg, *an = &agg_json_arrayagg_null;
    const struct agg *o = &agg_json_objectagg, *oa = &agg_json_objectagg_absent;
    take_symbol(ab, object ? o : an, object ? oa : a);
    if (ab->n_args != (object ? 2 : 1) || (object && !type_is_char(ab->args[0]->type)))
        return agg_bind_fail(ab, err);
    int rc = json_check_type(ab->args[ab->n_args - 1]->type, err);
    ab->call->ret_type = type_text(ab->arena, TYPE_VARCHAR, 2000, false);
    ab->call->acc_size_bytes = sizeof(struct json_agg);
    return rc;
}

static int array_bind(struct agg_bind *ab, struct err *err) {
    return json_bind(ab, false, err);
}

static int object_bind(struct agg_bind *ab, struct err *err) {
    return json_bind(ab, true, err);
}

#define JSON_AGG(id, sql, sig, of, n, more_flags, text)                                            \
    const struct agg agg_##id = {                                                                  \
        .name = sql,                                                                               \
        .signature = sig,                                                                          \
        .doc = text,                                                                               \
        .min_args = n,                                                                             \
        .max_args = (n) + 1,                                                                       \
        .flags = AGG_MERGE | AGG_BLOB | AGG_ORDERED | (more_flags),                                \
        .bind = of##_bind,                                                                         \
        .update = of##_update,                                                                     \
        .merge = of##_merge,                                                                       \
        .finish = of##_finish,                                                                     \
        .save = json_save,                                                                         \
        .load = json_load,                                                                         \
        .free_acc = json_free,                                                                     \
    };

JSON_AGG(json_arrayagg, "JSON_ARRAYAGG", "JSON_ARRAYAGG(value [{NULL | ABSENT} ON NULL])", array, 1,
         AGG_VALUES, "The values as a JSON array, without NULLs unless NULL ON NULL.")
JSON_AGG(json_arrayagg_null, "$JSON_ARRAYAGG_NULL", "JSON_ARRAYAGG(value NULL ON NULL)", array, 1,
         AGG_VALUES, "JSON_ARRAYAGG with NULLs.")
JSON_AGG(json_objectagg, "JSON_OBJECTAGG",
         "JSON_OBJECTAGG([KEY] key VALUE value [{NULL | ABSENT} ON NULL])", object, 2, AGG_RETRACT,
         "A JSON object of the keys and values, with NULLs unless ABSENT ON NULL. A key that comes "
         "twice fails.")
JSON_AGG(json_objectagg_absent, "$JSON_OBJECTAGG_ABSENT",
         "JSON_OBJECTAGG([KEY] key VALUE value ABSENT ON NULL)", object, 2, AGG_RETRACT,
         "JSON_OBJECTAGG without NULLs.")
