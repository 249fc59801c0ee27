/* json_build.c - making JSON of values: JSON_STRING, JSON_OBJECT, JSON_ARRAY, JSON. */
#include "vector/func/json_build.h"

#include "vector/func/args.h"

#include "base/core/mem.h"
#include "vector/func/json_doc.h"
#include "vector/func/variant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- value to tree -------------------------------------------------------------------------- */

struct maker {
    struct arena *a;
    struct err *err;
};

static struct jnode *make_text(struct maker *m, enum jkind kind, const char *p, size_t n) {
    struct jnode *j = ARENA_NEW(m->a, struct jnode);
    j->kind = kind;
    j->text = (struct sv){arena_strndup(m->a, p, n), n};
    return j;
}

/* Numbers go by BigDecimal, which shows 1.0E20 as 1.0E+20. */
static struct jnode *make_decimal(struct maker *m, const char *p, size_t n) {
    AUTO_STR t = STR_INIT;
    jdoc_print_decimal((struct sv){p, n}, &t);
    return make_text(m, JNODE_FLOAT, str_text(&t), t.len);
}

static int make_float(struct maker *m, double d, struct jnode **ret) {
    char buf[TEXT_F64_MAX_BYTES];
    if (!isfinite(d)) return err_set(m->err, ERR_RUNTIME, "JSON has no NaN and no infinity");
    *ret = make_decimal(m, buf, text_fmt_f64(buf, d));
    return 0;
}

/* ISO_LOCAL_DATE_TIME: always seconds, as many digits of the fraction as it has. */
static struct jnode *make_timestamp(struct maker *m, const struct column *c, uint32_t row) {
    char buf[TEXT_TIMESTAMP_MAX_BYTES + 1];
    int64_t ms;
    int32_t ns = 0;
    if (c->phys == PHYS_I128)
        text_timestamp_split(COL_DATA(c, i128)[row], &ms, &ns);
    else
        ms = COL_DATA(c, int64_t)[row];
    size_t n = text_fmt_timestamp(buf, ms, ns, 0, 'T');
    if (c->type->kind == TYPE_TIMESTAMP_LTZ) buf[n++] = 'Z';
    return make_text(m, JNODE_STRING, buf, n);
}

static struct jnode *make_base64(struct maker *m, struct sv v) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    AUTO_STR t = STR_INIT;
    const unsigned char *p = (const unsigned char *)v.ptr;
    for (size_t i = 0; i < v.len; i += 3) {
        size_t have = MIN(v.len - i, 3);
        uint32_t w = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (have > 2 ? p[i + 2] : 0);
        str_add_char(&t, set[w >> 18]);
        str_add_char(&t, set[w >> 12 & 63]);
        str_add_char(&t, have > 1 ? set[w >> 6 & 63] : '=');
        str_add_char(&t, have > 2 ? set[w & 63] : '=');
    }
    return make_text(m, JNODE_STRING, str_text(&t), t.len);
}

static int make(struct maker *m, const struct column *c, uint32_t row, struct jnode **ret);

static void append(struct jnode *parent, struct jnode ***tail, struct jnode *child) {
    child->place = parent->n++;
    **tail = child;
    *tail = &child->next;
}

static int make_items(struct maker *m, const struct column *c, uint32_t row, struct jnode **ret) {
    const uint32_t *off = c->data;
    bool map = c->phys == PHYS_MAP;
    struct jnode *list = ARENA_NEW(m->a, struct jnode), **tail = &list->first, *item;
    list->kind = map ? JNODE_OBJECT : JNODE_ARRAY;
    for (uint32_t i = off[row]; i < off[row + 1]; i++) {
        int rc = make(m, &c->children[map], i, &item);
        if (rc) return rc;
        if (map) {
            if (!col_is_valid(&c->children[0], i))
                return err_set(m->err, ERR_RUNTIME,
                               "Key at index %u was null. This is not supported during conversion "
                               "to JSON.",
                               i - off[row]);
            item->key = strv_sv(&COL_DATA(&c->children[0], struct strv)[i]);
        }
        append(list, &tail, item);
    }
    *ret = list;
    return 0;
}

static int make_row(struct maker *m, const struct column *c, uint32_t row, struct jnode **ret) {
    struct jnode *object = ARENA_NEW(m->a, struct jnode), **tail = &object->first, *item;
    object->kind = JNODE_OBJECT;
    for (int32_t i = 0; i < c->n_children; i++) {
        int rc = make(m, &c->children[i], row, &item);
        if (rc) return rc;
        item->key = sv_from(c->type->field_names[i]);
        append(object, &tail, item);
    }
    *ret = object;
    return 0;
}

static int make(struct maker *m, const struct column *c, uint32_t row, struct jnode **ret) {
    char buf[TEXT_DECIMAL_MAX_BYTES];
    if (c->phys == PHYS_NULL || !col_is_valid(c, row)) {
        *ret = make_text(m, JNODE_NULL, "null", 4);
        return 0;
    }
    switch (c->type->kind) {
    case TYPE_BOOLEAN: {
        bool v = COL_DATA(c, uint8_t)[row];
        *ret = make_text(m, v ? JNODE_TRUE : JNODE_FALSE, v ? "true" : "false", v ? 4 : 5);
        return 0;
    }
    case TYPE_TINYINT:
        *ret = make_text(m, JNODE_INT, buf, text_fmt_i64(buf, COL_DATA(c, int8_t)[row]));
        return 0;
    case TYPE_SMALLINT:
        *ret = make_text(m, JNODE_INT, buf, text_fmt_i64(buf, COL_DATA(c, int16_t)[row]));
        return 0;
    case TYPE_INT:
        *ret = make_text(m, JNODE_INT, buf, text_fmt_i64(buf, COL_DATA(c, int32_t)[row]));
        return 0;
    case TYPE_BIGINT:
        *ret = make_text(m, JNODE_INT, buf, text_fmt_i64(buf, COL_DATA(c, int64_t)[row]));
        return 0;
    case TYPE_FLOAT:
        return make_float(m, (double)COL_DATA(c, float)[row], ret);
    case TYPE_DOUBLE:
        return make_float(m, COL_DATA(c, double)[row], ret);
    case TYPE_DECIMAL: {
        size_t n = text_fmt_decimal(buf, COL_DATA(c, i128)[row], c->type->scale);
        *ret = make_decimal(m, buf, n);
        return 0;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        *ret = make_timestamp(m, c, row);
        return 0;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        *ret = make_base64(m, strv_sv(&COL_DATA(c, struct strv)[row]));
        return 0;
    case TYPE_VARIANT:
        return variant_read(m->a, strv_sv(&COL_DATA(c, struct strv)[row]), ret, NULL);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
        return make_items(m, c, row, ret);
    case TYPE_ROW:
        return make_row(m, c, row, ret);
    default: {
        struct sv v = strv_sv(&COL_DATA(c, struct strv)[row]);
        *ret = make_text(m, JNODE_STRING, v.ptr, v.len);
        return 0;
    }
    }
}

/* Whether values of the type have a JSON form. */
static int check_type(const struct type *t, struct err *err) {
    switch (t->kind) {
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
    case TYPE_BITMAP:
    case TYPE_SYMBOL:
    case TYPE_DESCRIPTOR: {
        AUTO_STR s = STR_INIT;
        type_print(t, &s);
        return err_set(err, ERR_VALIDATION,
                       "Type '%s' is not scalar or cannot be converted into JSON.", str_text(&s));
    }
    case TYPE_MAP:
    case TYPE_MULTISET:
        if (!type_is_char(t->children[0])) {
            AUTO_STR s = STR_INIT;
            type_print(t->children[0], &s);
            return err_set(err, ERR_VALIDATION,
                           "Type '%s' is not supported for JSON conversion. The key type must be a "
                           "character string.",
                           str_text(&s));
        }
        break;
    default:
        break;
    }
    for (int i = 0; i < t->n_children; i++) {
        int rc = check_type(t->children[i], err);
        if (rc) return rc;
    }
    return 0;
}

int json_check_type(const struct type *t, struct err *err) {
    return check_type(t, err);
}

int json_print_value(struct arena *a, const struct column *c, uint32_t row, struct str *out,
                     struct err *err) {
    struct maker m = {a, err};
    struct jnode *n;
    int rc = make(&m, c, row, &n);
    if (!rc) jdoc_print(n, out);
    return rc;
}

/* ---- state ---------------------------------------------------------------------------------- */

static int prepare_arena(const struct expr *call, const struct eval_env *env, void **ret_state,
                         struct err *err) {
    struct arena *a = mem_zalloc(sizeof(*a));
    arena_init(a);
    *ret_state = a;
    return 0;
}

static void unprepare_arena(void *state) {
    if (state) arena_release(state);
    free(state);
}

static int put_tree(struct kernel_call *k, struct heap *h, uint32_t i, const struct jnode *n) {
    AUTO_STR out = STR_INIT;
    jdoc_print(n, &out);
    ret_copy(k, h, i, str_text(&out), out.len);
    return 0;
}

/* ---- JSON_STRING, JSON ---------------------------------------------------------------------- */

static int kernel_json_string(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    struct maker m = {k->state, err};
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct jnode *n;
        arena_clear(m.a);
        if (make(&m, a.col, arg_row(&a, i), &n)) {
            k->err_row = i;
            return ERR_RUNTIME;
        }
        put_tree(k, h, i, n);
    }
    return 0;
}

static int bind_json_string(struct func_bind *fb, struct err *err) {
    int rc = check_type(fb->args[0]->type, err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_VARCHAR), fb->args[0]->type->nullable);
    return 0;
}

static int kernel_json(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct jnode *n;
        struct sv v = sv_trim(arg_sv(&a, i));
        struct err why = ERR_INIT;
        arena_clear(k->state);
        if (v.len == 0) {
            ret_null(k, i);
            continue;
        }
        if (jdoc_parse(k->state, v, &n, &why))
            return kernel_fail(k, i, err,
                               "Invalid JSON string in JSON(value) function: \"%.*s\". Error: %s",
                               (int)MIN(v.len, 200), v.ptr, why.msg);
        put_tree(k, h, i, n);
    }
    return 0;
}

/* ---- JSON_OBJECT, JSON_ARRAY ---------------------------------------------------------------- */

/* The results of other JSON constructors are put in as they are, not as strings. Which arguments
 * those are is found at bind time and kept in the symbol, since constants are folded later: "NULL
 * RAW 2 4". */
static bool is_json_call(const struct expr *e) {
    static const char *const names[] = {"JSON", "JSON_OBJECT", "JSON_ARRAY"};
    if (e->kind != EXPR_CALL) return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(e->func->name, names[i]) == 0) return true;
    return false;
}

static bool is_raw(struct sv symbol, int i_arg) {
    const char *p = memchr(symbol.ptr, ' ', symbol.len), *end = symbol.ptr + symbol.len;
    while (p && ++p < end) {
        int v = -1;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            v = (v < 0 ? 0 : v * 10) + (*p - '0');
        if (v == i_arg) return true;
        p = memchr(p, ' ', (size_t)(end - p));
    }
    return false;
}

static bool is_absent(struct sv symbol) {
    return sv_starts(symbol, "ABSENT");
}

/* "NULL" or "ABSENT" with the arguments that are JSON constructors. */
static const struct expr *mark_raw(struct func_bind *fb, struct sv symbol) {
    AUTO_STR s = STR_INIT;
    bool any = false;
    str_add(&s, is_absent(symbol) ? "ABSENT RAW" : "NULL RAW");
    for (int i = 1; i < fb->n_args; i++) {
        if (!is_raw(symbol, i) && !is_json_call(fb->args[i])) continue;
        str_addf(&s, " %d", i);
        any = true;
    }
    if (!any) return fb->args[0];
    return expr_literal(fb->arena,
                        value_str(fb->arena, type_of_not_null(TYPE_SYMBOL), str_text(&s), s.len));
}

/* The node of argument i_arg; NULL if it is left out. */
static int make_arg(struct kernel_call *k, struct maker *m, int i_arg, uint32_t row,
                    struct sv symbol, struct jnode **ret) {
    struct arg a = kernel_arg(k, i_arg);
    uint32_t r = arg_row(&a, row);
    *ret = NULL;
    bool null = a.col->phys == PHYS_NULL || !col_is_valid(a.col, r);
    if (null && is_absent(symbol)) return 0;
    if (!null && is_raw(symbol, i_arg)) {
        struct sv v = arg_sv(&a, row);
        *ret = make_text(m, JNODE_INT, v.ptr, v.len); /* written as it stands */
        return 0;
    }
    return make(m, a.col, r, ret);
}

static int make_container(struct kernel_call *k, bool object, struct err *err) {
    struct heap *h = col_heap(k->ret);
    struct maker m = {k->state, err};
    struct sv symbol = k->n_args ? args_symbol(k->call, 0) : (struct sv){"", 0};
    int step = object ? 2 : 1;
    for (uint32_t i = 0; i < k->n; i++) {
        arena_clear(m.a);
        struct jnode *all = ARENA_NEW(m.a, struct jnode), **tail = &all->first, *item;
        all->kind = object ? JNODE_OBJECT : JNODE_ARRAY;
        RET_STR(k)[i] = (struct strv){0};
        for (int a = 1; a < k->n_args; a += step) {
            if (make_arg(k, &m, a + object, i, symbol, &item)) {
                k->err_row = i;
                return ERR_RUNTIME;
            }
            if (!item) continue;
            if (object) {
                struct arg key = kernel_arg(k, a);
                if (!arg_valid(&key, i))
                    return kernel_fail(k, i, err, "JSON_OBJECT: a key must not be NULL");
                item->key = arg_sv(&key, i);
            }
            append(all, &tail, item);
        }
        put_tree(k, h, i, all);
    }
    return 0;
}

static int kernel_json_object(struct kernel_call *k, struct err *err) {
    return make_container(k, true, err);
}

static int kernel_json_array(struct kernel_call *k, struct err *err) {
    return make_container(k, false, err);
}

static bool is_null_constant(const struct expr *e) {
    if (e->kind == EXPR_LITERAL)
        return e->literal->phys == PHYS_NULL || !col_is_valid(e->literal, 0);
    return e->kind == EXPR_CALL && e->n_args == 1 && strstr(e->func->name, "CAST") &&
           is_null_constant(e->args[0]);
}

static int bind_container(struct func_bind *fb, struct err *err) {
    bool object = strcmp(fb->func->name, "JSON_OBJECT") == 0;
    if (fb->n_args > 0 && fb->args[0]->type->kind != TYPE_SYMBOL)
        return func_bind_fail(fb, NULL, err);
    if (object && fb->n_args > 0 && fb->n_args % 2 == 0) return func_bind_fail(fb, NULL, err);
    for (int i = 1; i < fb->n_args; i++) {
        if (object && i % 2 == 1) {
            if (is_null_constant(fb->args[i]))
                return err_set(err, ERR_VALIDATION,
                               "Argument to function 'JSON_OBJECT' must not be NULL");
            if (!type_is_char(fb->args[i]->type)) return func_bind_fail(fb, NULL, err);
            continue;
        }
        int rc = check_type(fb->args[i]->type, err);
        if (rc) return rc;
    }
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    if (fb->n_args > 0) fb->args[0] = mark_raw(fb, args_symbol(&call, 0));
    fb->ret_type = type_of_not_null(TYPE_VARCHAR);
    return 0;
}

#define BUILD_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, ret_, bind_, kernel_)           \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "json",                                            \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_CONST_ARGS | FUNC_CAN_FAIL | (flags_),           \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_,                                             \
                                    .prepare = prepare_arena,                                      \
                                    .unprepare = unprepare_arena}

BUILD_FUNC(json_string, "JSON_STRING", "JSON_STRING(value)", "The value as JSON.", 1, 1,
           FUNC_STRICT, NULL, NULL, bind_json_string, kernel_json_string);
BUILD_FUNC(json, "JSON", "JSON(string)",
           "A string that is JSON already, to be put into JSON_OBJECT or JSON_ARRAY as it is.", 1,
           1, FUNC_STRICT, "c", "STRING", func_bind_spec, kernel_json);
BUILD_FUNC(json_object, "JSON_OBJECT",
           "JSON_OBJECT([KEY] key VALUE value, ... [{NULL | ABSENT} ON NULL])",
           "A JSON object of keys and values.", 0, -1, 0, NULL, NULL, bind_container,
           kernel_json_object);
BUILD_FUNC(json_array, "JSON_ARRAY", "JSON_ARRAY(value, ... [{NULL | ABSENT} ON NULL])",
           "A JSON array of values.", 0, -1, 0, NULL, NULL, bind_container, kernel_json_array);
