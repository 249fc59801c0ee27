/* value.c - one-row columns in an arena, and their JSON form in plans. Text for people is in
 * value_print.c. */
#include "vector/value.h"

#include "base/core/json.h"
#include "vector/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct column *value_alloc(struct arena *a, const struct type *t, size_t size_bytes) {
    struct column *c = ARENA_NEW(a, struct column);
    c->type = t;
    c->phys = type_phys(t);
    c->n = 1;
    /* Room beyond the value: kernels may read whole vectors. */
    if (size_bytes) c->data = arena_zalloc(a, size_bytes + 64);
    c->n_children = type_stored_children(t);
    if (c->n_children) c->children = ARENA_NEW_N(a, struct column, c->n_children);
    return c;
}

static void empty_child(struct arena *a, struct column *c, const struct type *t) {
    struct column *e = value_alloc(a, t, 16);
    e->n = 0;
    for (int i = 0; i < e->n_children; i++)
        empty_child(a, &e->children[i], type_stored_child(t, i));
    *c = *e;
}

const struct column *value_null(struct arena *a, const struct type *t) {
    struct column *c = value_alloc(a, t, 16);
    c->valid = arena_zalloc(a, 64);
    for (int i = 0; i < c->n_children; i++) {
        const struct type *ct = type_stored_child(t, i);
        if (c->phys == PHYS_ROW)
            c->children[i] = *value_null(a, ct);
        else
            empty_child(a, &c->children[i], ct);
    }
    return c;
}

const struct column *value_bool(struct arena *a, bool v) {
    struct column *c = value_alloc(a, type_of_not_null(TYPE_BOOLEAN), 1);
    *(uint8_t *)c->data = v;
    return c;
}

const struct column *value_int(struct arena *a, const struct type *t, int64_t v) {
    struct column *c = value_alloc(a, t, 8);
    CHECKF(c->phys >= PHYS_I8 && c->phys <= PHYS_I64, "integer as %s", phys_name(c->phys));
    memcpy(c->data, &v, 8); /* little-endian: narrower types read the low bytes */
    return c;
}

const struct column *value_i128(struct arena *a, const struct type *t, i128 v) {
    struct column *c = value_alloc(a, t, sizeof(v));
    CHECK(c->phys == PHYS_I128);
    memcpy(c->data, &v, sizeof(v));
    return c;
}

const struct column *value_f64(struct arena *a, const struct type *t, double v) {
    struct column *c = value_alloc(a, t, 8);
    CHECK(c->phys == PHYS_F32 || c->phys == PHYS_F64);
    if (c->phys == PHYS_F32)
        *(float *)c->data = (float)v;
    else
        *(double *)c->data = v;
    return c;
}

const struct column *value_str(struct arena *a, const struct type *t, const char *p, size_t n) {
    struct column *c = value_alloc(a, t, sizeof(struct strv));
    CHECK(c->phys == PHYS_STR && n <= TYPE_LENGTH_MAX);
    const char *bytes = n > STRV_INLINE_MAX_BYTES ? arena_dup(a, p, n) : p;
    *(struct strv *)c->data = strv_borrow(bytes, (uint32_t)n);
    return c;
}

/* Rows [from, from + n) of src, deep. */
static struct column *copy_rows(struct arena *a, const struct column *src, uint32_t from,
                                uint32_t n) {
    bool lists = src->phys == PHYS_LIST || src->phys == PHYS_MAP;
    size_t size = lists ? sizeof(uint32_t) : (size_t)phys_size_bytes(src->phys);
    struct column *c = value_alloc(a, src->type, size * ((size_t)n + 1));
    c->n = n;
    if (src->valid) {
        c->valid = arena_zalloc(a, (valid_words(n) + 1) * sizeof(uint64_t));
        for (uint32_t i = 0; i < n; i++)
            c->valid[i >> 6] |= (uint64_t)col_is_valid(src, from + i) << (i & 63);
    }
    if (size) memcpy(c->data, (const char *)src->data + from * size, size * n);
    if (src->phys == PHYS_STR) {
        struct strv *s = c->data;
        for (uint32_t i = 0; i < n; i++)
            if (s[i].len > STRV_INLINE_MAX_BYTES)
                s[i].u.ref.ptr = arena_dup(a, s[i].u.ref.ptr, s[i].len);
    }
    uint32_t child_from = from, child_n = n;
    if (lists) {
        const uint32_t *off = COL_DATA(src, uint32_t) + from;
        child_from = off[0];
        child_n = off[n] - off[0];
        for (uint32_t i = 0; i <= n; i++)
            COL_DATA(c, uint32_t)[i] = off[i] - off[0];
    }
    for (int i = 0; i < src->n_children; i++)
        c->children[i] = *copy_rows(a, &src->children[i], child_from, child_n);
    return c;
}

const struct column *value_copy(struct arena *a, const struct column *src, uint32_t row) {
    if (src->phys != PHYS_NULL && !col_is_valid(src, row)) return value_null(a, src->type);
    return copy_rows(a, src, row, 1);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* Text is a JSON string; bytes (and text that is no UTF-8 or holds NUL) are {"hex": "00ff"}. */
static cJSON *str_to_json(const struct type *t, struct sv s) {
    if (!type_is_binary(t) && t->kind != TYPE_BITMAP && text_utf8_valid(s.ptr, s.len) &&
        !memchr(s.ptr, 0, s.len)) {
        AUTO_STR text = STR_INIT;
        str_add_sv(&text, s);
        return cJSON_CreateString(str_text(&text));
    }
    AUTO_STR hex = STR_INIT;
    for (size_t i = 0; i < s.len; i++)
        str_addf(&hex, "%02x", (unsigned char)s.ptr[i]);
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "hex", str_text(&hex));
    return o;
}

static cJSON *i128_to_json(i128 v) {
    if (v >= INT64_MIN && v <= INT64_MAX) return json_i64((int64_t)v);
    char buf[48], *p = buf + sizeof(buf);
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    *--p = '\0';
    do
        *--p = (char)('0' + (int)(u % 10));
    while ((u /= 10) != 0);
    if (v < 0) *--p = '-';
    return cJSON_CreateString(p);
}

/* A number where JSON has it, else a string: NaN, Infinity, -0.0. */
static cJSON *f64_to_json(double v) {
    if (isnan(v)) return cJSON_CreateString("NaN");
    if (isinf(v)) return cJSON_CreateString(v > 0 ? "Infinity" : "-Infinity");
    if (v == 0 && signbit(v)) return cJSON_CreateString("-0.0");
    return cJSON_CreateNumber(v);
}

static cJSON *list_to_json(const struct column *c, uint32_t row) {
    cJSON *arr = cJSON_CreateArray();
    for (uint32_t i = COL_DATA(c, uint32_t)[row]; i < COL_DATA(c, uint32_t)[row + 1]; i++) {
        cJSON *item = value_to_json(&c->children[0], i);
        if (c->phys == PHYS_MAP) {
            cJSON *pair = cJSON_CreateArray();
            cJSON_AddItemToArray(pair, item);
            cJSON_AddItemToArray(pair, value_to_json(&c->children[1], i));
            item = pair;
        }
        cJSON_AddItemToArray(arr, item);
    }
    return arr;
}

cJSON *value_to_json(const struct column *c, uint32_t row) {
    if (c->phys == PHYS_NULL || !col_is_valid(c, row)) return cJSON_CreateNull();
    switch (c->phys) {
    case PHYS_BOOL:
        return cJSON_CreateBool(COL_DATA(c, uint8_t)[row]);
    case PHYS_I8:
        return json_i64(COL_DATA(c, int8_t)[row]);
    case PHYS_I16:
        return json_i64(COL_DATA(c, int16_t)[row]);
    case PHYS_I32:
        return json_i64(COL_DATA(c, int32_t)[row]);
    case PHYS_I64:
        return json_i64(COL_DATA(c, int64_t)[row]);
    case PHYS_I128:
        return i128_to_json(COL_DATA(c, i128)[row]);
    case PHYS_F32:
        return f64_to_json((double)COL_DATA(c, float)[row]);
    case PHYS_F64:
        return f64_to_json(COL_DATA(c, double)[row]);
    case PHYS_STR:
        return str_to_json(c->type, strv_sv(&COL_DATA(c, struct strv)[row]));
    case PHYS_LIST:
    case PHYS_MAP:
        return list_to_json(c, row);
    case PHYS_ROW: {
        cJSON *arr = cJSON_CreateArray();
        for (int i = 0; i < c->n_children; i++)
            cJSON_AddItemToArray(arr, value_to_json(&c->children[i], row));
        return arr;
    }
    default:
        return cJSON_CreateNull();
    }
}

static int json_fail(const struct type *t, const char *expected, struct err *err) {
    AUTO_STR s = STR_INIT;
    type_print(t, &s);
    return err_set(err, ERR_INVALID, "value of type %s: expected %s", str_text(&s), expected);
}

static int json_to_i128(const struct type *t, const cJSON *j, i128 min, i128 max, i128 *ret,
                        struct err *err) {
    if (cJSON_IsNumber(j)) {
        double d = j->valuedouble;
        if (d != floor(d) || fabs(d) > 9007199254740992.0)
            return json_fail(t, "a whole number below 2^53 (larger ones as a string)", err);
        *ret = (i128)d;
    } else if (cJSON_IsString(j)) {
        const char *p = j->valuestring;
        bool neg = *p == '-';
        unsigned __int128 u = 0;
        size_t len = strlen(p += neg);
        if (len == 0 || len > 39 || strspn(p, "0123456789") != len)
            return json_fail(t, "decimal digits", err);
        for (; *p; p++)
            u = u * 10 + (unsigned)(*p - '0');
        *ret = neg ? (i128)-u : (i128)u;
    } else {
        return json_fail(t, "a number", err);
    }
    if (*ret < min || *ret > max) return json_fail(t, "a number in the type's range", err);
    return 0;
}

static int json_to_f64(const struct type *t, const cJSON *j, double *ret, struct err *err) {
    if (cJSON_IsNumber(j)) {
        *ret = j->valuedouble;
        return 0;
    }
    if (!cJSON_IsString(j)) return json_fail(t, "a number", err);
    const char *s = j->valuestring;
    if (strcmp(s, "NaN") == 0)
        *ret = NAN;
    else if (strcmp(s, "Infinity") == 0)
        *ret = INFINITY;
    else if (strcmp(s, "-Infinity") == 0)
        *ret = -INFINITY;
    else if (strcmp(s, "-0.0") == 0)
        *ret = -0.0;
    else
        return json_fail(t, "a number, \"NaN\", \"Infinity\", \"-Infinity\" or \"-0.0\"", err);
    return 0;
}

static int json_to_str(struct arena *a, const struct type *t, const cJSON *j,
                       const struct column **ret, struct err *err) {
    if (cJSON_IsString(j)) {
        *ret = value_str(a, t, j->valuestring, strlen(j->valuestring));
        return 0;
    }
    const cJSON *h = cJSON_GetObjectItemCaseSensitive(j, "hex");
    if (!cJSON_IsString(h)) return json_fail(t, "a string or {\"hex\": ...}", err);
    const char *p = h->valuestring;
    size_t len = strlen(p);
    if (len % 2 || strspn(p, "0123456789abcdefABCDEF") != len)
        return json_fail(t, "an even number of hexadecimal digits", err);
    char *bytes = arena_alloc(a, len / 2 + 1);
    for (size_t i = 0; i < len / 2; i++) {
        char two[3] = {p[2 * i], p[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(two, NULL, 16);
    }
    *ret = value_str(a, t, bytes, len / 2);
    return 0;
}

/* Elements are read one by one and put together with col_builder's rules, then copied over. */
static int json_to_nested(struct arena *a, const struct type *t, const cJSON *j,
                          const struct column **ret, struct err *err) {
    if (!cJSON_IsArray(j)) return json_fail(t, "an array", err);
    enum phys phys = type_phys(t);
    int n = cJSON_GetArraySize(j), n_children = type_stored_children(t), i = 0;
    if (phys == PHYS_ROW && n != n_children) return json_fail(t, "one item per field", err);
    const struct column **items = ARENA_NEW_N(a, const struct column *, n * 2 + 1);
    const cJSON *item;
    cJSON_ArrayForEach(item, j) {
        const cJSON *v = item;
        int child = phys == PHYS_ROW ? i : 0;
        if (phys == PHYS_MAP) {
            if (cJSON_GetArraySize(item) != 2) return json_fail(t, "[key, value] pairs", err);
            v = cJSON_GetArrayItem(item, 0);
            int rc = value_from_json(a, type_stored_child(t, 1), cJSON_GetArrayItem(item, 1),
                                     &items[n + i], err);
            if (rc) return rc;
        }
        int rc = value_from_json(a, type_stored_child(t, child), v, &items[i], err);
        if (rc) return rc;
        i++;
    }
    struct column tmp;
    col_init(&tmp, t, 1);
    if (phys != PHYS_ROW) COL_DATA(&tmp, uint32_t)[1] = (uint32_t)n;
    for (int c = 0; c < n_children; c++) {
        if (phys == PHYS_ROW)
            col_repeat(&tmp.children[c], items[c], tmp.children[c].type, 1);
        else if (n)
            col_concat(&tmp.children[c], items + c * n, (uint32_t)n);
        else
            col_repeat(&tmp.children[c], NULL, tmp.children[c].type, 0);
    }
    *ret = value_copy(a, &tmp, 0);
    col_release(&tmp);
    return 0;
}

int value_from_json(struct arena *a, const struct type *t, const cJSON *j,
                    const struct column **ret, struct err *err) {
    static const i128 i128_max = (i128)(~(unsigned __int128)0 >> 1);
    if (!j) return json_fail(t, "a value", err);
    if (cJSON_IsNull(j)) {
        *ret = value_null(a, t);
        return 0;
    }
    enum phys phys = type_phys(t);
    i128 v = 0;
    double d = 0;
    int rc;
    switch (phys) {
    case PHYS_BOOL:
        if (!cJSON_IsBool(j)) return json_fail(t, "true or false", err);
        {
            struct column *b = value_alloc(a, t, 1);
            *(uint8_t *)b->data = cJSON_IsTrue(j);
            *ret = b;
            return 0;
        }
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: {
        int bits = phys_size_bytes(phys) * 8;
        i128 max = ((i128)1 << (bits - 1)) - 1;
        rc = json_to_i128(t, j, -max - 1, max, &v, err);
        if (rc == 0) *ret = value_int(a, t, (int64_t)v);
        return rc;
    }
    case PHYS_I128:
        rc = json_to_i128(t, j, -i128_max - 1, i128_max, &v, err);
        if (rc == 0) *ret = value_i128(a, t, v);
        return rc;
    case PHYS_F32:
    case PHYS_F64:
        rc = json_to_f64(t, j, &d, err);
        if (rc == 0) *ret = value_f64(a, t, d);
        return rc;
    case PHYS_STR:
        return json_to_str(a, t, j, ret, err);
    case PHYS_LIST:
    case PHYS_MAP:
    case PHYS_ROW:
        return json_to_nested(a, t, j, ret, err);
    default:
        return json_fail(t, "null", err);
    }
}
