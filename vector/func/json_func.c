/* json_func.c - reading JSON: IS JSON, JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_QUOTE,
 * JSON_UNQUOTE. A path is strict unless it says lax, and what goes wrong in strict mode is the
 * ON ERROR clause's; in lax mode it is the ON EMPTY clause's. */
#include "vector/func/args.h"

#include "base/core/mem.h"
#include "vector/func/json_path.h"
#include "vector/value_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- state of a call ------------------------------------------------------------------------ */

struct json_state {
    struct arena arena; /* of one row */
    struct str text;    /* of the compiled path */
    struct json_path *path;
    struct err why; /* of a malformed one */
};

static int prepare_json(const struct expr *call, const struct eval_env *env, void **ret_state,
                        struct err *err) {
    struct json_state *s = mem_zalloc(sizeof(*s));
    arena_init(&s->arena);
    *ret_state = s;
    return 0;
}

static void unprepare_json(void *state) {
    struct json_state *s = state;
    if (!s) return;
    arena_release(&s->arena);
    str_release(&s->text);
    json_path_free(s->path);
    free(s);
}

/* The compiled path; NULL with s->why set if it is malformed. */
static const struct json_path *get_path(struct json_state *s, struct sv text) {
    if ((s->path || s->why.code) && sv_eq(str_view(&s->text), text)) return s->path;
    json_path_free(s->path);
    s->path = NULL;
    err_clear(&s->why);
    str_clear(&s->text);
    str_add_sv(&s->text, text);
    if (json_path_new(text, &s->path, &s->why)) return NULL;
    return s->path;
}

/* What a path finds in a text. */
struct lookup {
    struct jnode *node; /* NULL: nothing, or a JSON null */
    bool failed;        /* `why` says how */
    bool lax;
    struct err why;
};

/* Returns an error only for what no clause may hide. */
static int look_up(struct kernel_call *k, uint32_t i, struct sv text, struct sv path_text,
                   struct lookup *l, struct err *err) {
    struct json_state *s = k->state;
    const struct json_path *path = get_path(s, path_text);
    memset(l, 0, offsetof(struct lookup, why));
    arena_clear(&s->arena);
    if (!path) {
        if (s->why.code == ERR_UNSUPPORTED) {
            if (err) *err = s->why;
            k->err_row = i;
            return ERR_UNSUPPORTED;
        }
        l->failed = true;
        l->why = s->why;
        return 0;
    }
    l->lax = json_path_is_lax(path);
    struct jnode *root;
    if (jdoc_parse(&s->arena, text, &root, &l->why)) {
        l->failed = !l->lax;
        return 0;
    }
    if (root->kind == JNODE_NULL) {
        l->failed = true;
        err_set(&l->why, ERR_RUNTIME, "json object can not be null");
        return 0;
    }
    l->failed = json_path_read(path, &s->arena, root, &l->node, &l->why) != 0;
    if (l->node && l->node->kind == JNODE_NULL) l->node = NULL;
    if (!l->failed && !l->node && !l->lax) {
        l->failed = true;
        err_set(&l->why, ERR_RUNTIME,
                "Strict jsonpath mode requires a non empty returned value, but is null");
    }
    return 0;
}

static int raise(struct kernel_call *k, uint32_t i, const struct err *why, struct err *err) {
    return kernel_fail(k, i, err, "%s", why->msg);
}

/* ---- IS JSON -------------------------------------------------------------------------------- */

enum shape { SHAPE_VALUE, SHAPE_OBJECT, SHAPE_ARRAY, SHAPE_SCALAR };

static int is_json(struct kernel_call *k, enum shape shape) {
    struct json_state *s = k->state;
    struct arg a = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        struct jnode *n = NULL;
        arena_clear(&s->arena);
        bool ok = arg_valid(&a, i) && jdoc_parse(&s->arena, arg_sv(&a, i), &n, NULL) == 0;
        if (ok && shape == SHAPE_OBJECT) ok = n->kind == JNODE_OBJECT;
        if (ok && shape == SHAPE_ARRAY) ok = n->kind == JNODE_ARRAY;
        if (ok && shape == SHAPE_SCALAR) ok = jnode_is_scalar(n);
        COL_DATA(k->ret, uint8_t)[i] = ok;
    }
    return 0;
}

static int kernel_is_json_value(struct kernel_call *k, struct err *err) {
    return is_json(k, SHAPE_VALUE);
}
static int kernel_is_json_object(struct kernel_call *k, struct err *err) {
    return is_json(k, SHAPE_OBJECT);
}
static int kernel_is_json_array(struct kernel_call *k, struct err *err) {
    return is_json(k, SHAPE_ARRAY);
}
static int kernel_is_json_scalar(struct kernel_call *k, struct err *err) {
    return is_json(k, SHAPE_SCALAR);
}

/* ---- JSON_EXISTS ---------------------------------------------------------------------------- */

static const char *const exists_words[] = {"FALSE", "TRUE", "UNKNOWN", "ERROR", NULL};

static int kernel_json_exists(struct kernel_call *k, struct err *err) {
    struct arg j = kernel_arg(k, 0), p = kernel_arg(k, 1);
    int on_error = k->n_args == 3 ? args_symbol_index(k->call, 2, exists_words) : 0;
    for (uint32_t i = 0; i < k->n; i++) {
        COL_DATA(k->ret, uint8_t)[i] = 0;
        if (!arg_valid(&j, i) || !arg_valid(&p, i)) {
            col_set_null(k->ret, i);
            continue;
        }
        struct lookup l;
        int rc = look_up(k, i, arg_sv(&j, i), arg_sv(&p, i), &l, err);
        if (rc) return rc;
        if (l.failed && on_error == 3) return raise(k, i, &l.why, err);
        if (l.failed && on_error == 2) col_set_null(k->ret, i);
        COL_DATA(k->ret, uint8_t)[i] = l.failed ? on_error == 1 : l.node != NULL;
    }
    return 0;
}

static int bind_json_exists(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "ccy", err);
    if (rc) return rc;
    fb->ret_type = type_of(TYPE_BOOLEAN);
    struct expr call = {.args = fb->args, .n_args = fb->n_args};
    if (fb->n_args == 3 && args_symbol_index(&call, 2, exists_words) < 0)
        return func_bind_fail(fb, NULL, err);
    return 0;
}

/* ---- JSON_VALUE ----------------------------------------------------------------------------- */

static const char *const value_words[] = {"NULL", "ERROR", "DEFAULT", NULL};
enum { ON_NULL, ON_ERROR, ON_DEFAULT };

/* Arguments of the full form. */
enum { ARG_RETURNING = 2, ARG_EMPTY, ARG_EMPTY_DEFAULT, ARG_ERROR, ARG_ERROR_DEFAULT, VALUE_ARGS };

static void put_default(struct kernel_call *k, struct heap *h, uint32_t i, int i_arg) {
    struct arg d = kernel_arg(k, i_arg);
    uint32_t row = arg_row(&d, i);
    if (d.col->phys == PHYS_NULL || !col_is_valid(d.col, row)) {
        col_set_null(k->ret, i);
        return;
    }
    switch (k->ret->phys) {
    case PHYS_BOOL:
        COL_DATA(k->ret, uint8_t)[i] = COL_DATA(d.col, uint8_t)[row];
        return;
    case PHYS_I32:
        COL_DATA(k->ret, int32_t)[i] = COL_DATA(d.col, int32_t)[row];
        return;
    case PHYS_F64:
        COL_DATA(k->ret, double)[i] = COL_DATA(d.col, double)[row];
        return;
    default: {
        AUTO_STR tmp = STR_INIT;
        value_print_java(d.col, row, k->env->zone, &tmp);
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    }
}

/* The scalar as the returning type. Only what has that type in JSON converts: 12 is no DOUBLE, as
 * in Flink. */
static bool put_scalar(struct kernel_call *k, struct heap *h, uint32_t i, const struct jnode *n) {
    struct sv t = jnode_scalar_text(n);
    int64_t v;
    double d;
    switch (k->ret->phys) {
    case PHYS_BOOL:
        COL_DATA(k->ret, uint8_t)[i] = n->kind == JNODE_TRUE;
        return n->kind == JNODE_TRUE || n->kind == JNODE_FALSE;
    case PHYS_I32:
        if (n->kind != JNODE_INT || text_parse_i64(t.ptr, t.len, INT32_MIN, INT32_MAX, &v))
            return false;
        COL_DATA(k->ret, int32_t)[i] = (int32_t)v;
        return true;
    case PHYS_F64:
        if (n->kind != JNODE_FLOAT || text_parse_f64(t.ptr, t.len, &d)) return false;
        COL_DATA(k->ret, double)[i] = d;
        return true;
    default:
        ret_copy(k, h, i, t.ptr, t.len);
        return true;
    }
}

static void put_nothing(struct kernel_call *k, uint32_t i) {
    memset((char *)k->ret->data + (size_t)phys_size_bytes(k->ret->phys) * i, 0,
           (size_t)phys_size_bytes(k->ret->phys));
}

static int json_value_row(struct kernel_call *k, struct heap *h, uint32_t i, int on_empty,
                          int on_error, struct sv text, struct sv path, struct err *err) {
    struct lookup l;
    int rc = look_up(k, i, text, path, &l, err);
    if (rc) return rc;
    bool scalar = l.node && jnode_is_scalar(l.node);
    if (!l.failed && scalar) {
        if (put_scalar(k, h, i, l.node)) return 0;
        AUTO_STR type = STR_INIT;
        type_print(k->call->type, &type);
        return kernel_fail(k, i, err, "JSON_VALUE: the value %.*s at the path is no %s",
                           (int)MIN(l.node->text.len, 100), l.node->text.ptr, str_text(&type));
    }
    if (!l.failed && !l.lax && l.node) {
        l.failed = true;
        err_set(&l.why, ERR_RUNTIME,
                "Strict jsonpath mode requires scalar value, and the actual value is an array or "
                "object");
    }
    int behavior = l.failed ? on_error : on_empty;
    if (behavior == ON_ERROR)
        return l.failed
                   ? raise(k, i, &l.why, err)
                   : kernel_fail(k, i, err, "Empty result of JSON_VALUE function is not allowed");
    if (behavior == ON_DEFAULT)
        put_default(k, h, i, l.failed ? ARG_ERROR_DEFAULT : ARG_EMPTY_DEFAULT);
    else
        col_set_null(k->ret, i);
    return 0;
}

static int kernel_json_value(struct kernel_call *k, struct err *err) {
    struct arg j = kernel_arg(k, 0), p = kernel_arg(k, 1);
    int on_empty = ON_NULL, on_error = ON_NULL;
    if (k->n_args == VALUE_ARGS) {
        on_empty = args_symbol_index(k->call, ARG_EMPTY, value_words);
        on_error = args_symbol_index(k->call, ARG_ERROR, value_words);
    }
    struct heap *h = k->ret->phys == PHYS_STR ? col_heap(k->ret) : NULL;
    for (uint32_t i = 0; i < k->n; i++) {
        put_nothing(k, i);
        if (!arg_valid(&j, i) || !arg_valid(&p, i)) {
            col_set_null(k->ret, i);
            continue;
        }
        int rc = json_value_row(k, h, i, on_empty, on_error, arg_sv(&j, i), arg_sv(&p, i), err);
        if (rc) return rc;
    }
    return 0;
}

static int bind_json_value(struct func_bind *fb, struct err *err) {
    if (fb->n_args != 2 && fb->n_args != VALUE_ARGS) return func_bind_fail(fb, NULL, err);
    const struct type *ret = type_of(TYPE_VARCHAR);
    int n = fb->n_args;
    fb->n_args = 2;
    int rc = args_check(fb, "cc", err);
    fb->n_args = n;
    if (rc) return rc;
    if (n == VALUE_ARGS) {
        struct expr call = {.args = fb->args, .n_args = n};
        ret = fb->args[ARG_RETURNING]->type;
        if (!type_is_char(ret) && ret->kind != TYPE_BOOLEAN && ret->kind != TYPE_INT &&
            ret->kind != TYPE_DOUBLE) {
            AUTO_STR t = STR_INIT;
            type_print(ret, &t);
            return err_set(err, ERR_VALIDATION,
                           "Unsupported type '%s' for RETURNING in JSON_VALUE().", str_text(&t));
        }
        if (args_symbol_index(&call, ARG_EMPTY, value_words) < 0 ||
            args_symbol_index(&call, ARG_ERROR, value_words) < 0)
            return func_bind_fail(fb, NULL, err);
        for (int i = ARG_EMPTY_DEFAULT; i < n; i += 2) {
            if (type_is_char(ret) && fb->args[i]->type->kind != TYPE_NULL) continue;
            if ((rc = args_cast(fb, i, ret, err)) != 0) return rc;
        }
    }
    fb->ret_type = type_with_null(fb->arena, ret, true);
    return 0;
}

/* ---- JSON_QUERY ----------------------------------------------------------------------------- */

static const char *const wrapper_words[] = {"WITHOUT ARRAY", "WITH CONDITIONAL ARRAY",
                                            "WITH UNCONDITIONAL ARRAY", NULL};
static const char *const query_words[] = {"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT", NULL};
enum { WITHOUT, CONDITIONAL, UNCONDITIONAL };
enum { QUERY_NULL, QUERY_ERROR, QUERY_EMPTY_ARRAY, QUERY_EMPTY_OBJECT };
enum { ARG_WRAPPER = 3, ARG_QUERY_EMPTY, ARG_QUERY_ERROR, QUERY_ARGS };

struct query {
    struct kernel_call *k;
    struct heap *h;
    struct col_builder *items; /* RETURNING ARRAY<STRING> */
    int wrapper, on_empty, on_error;
};

/* false: an object cannot be returned as an array. */
static bool put_json(struct query *q, uint32_t i, const struct jnode *n) {
    AUTO_STR tmp = STR_INIT;
    if (!q->items) {
        jdoc_print(n, &tmp);
        ret_copy(q->k, q->h, i, str_text(&tmp), tmp.len);
        return true;
    }
    if (n->kind != JNODE_ARRAY) return false;
    for (const struct jnode *c = n->first; c; c = c->next) {
        if (c->kind == JNODE_NULL) {
            col_add_null(q->items);
        } else if (jnode_is_scalar(c)) {
            struct sv t = jnode_scalar_text(c);
            col_add_str(q->items, t.ptr, t.len);
        } else {
            str_clear(&tmp);
            jdoc_print(c, &tmp);
            col_add_str(q->items, str_text(&tmp), tmp.len);
        }
    }
    return true;
}

static struct jnode *wrap(struct query *q, struct jnode *n) {
    struct json_state *s = q->k->state;
    if (!n || q->wrapper == WITHOUT || (q->wrapper == CONDITIONAL && n->kind == JNODE_ARRAY))
        return n;
    struct jnode *list = ARENA_NEW(&s->arena, struct jnode);
    list->kind = JNODE_ARRAY;
    list->n = 1;
    list->first = arena_dup(&s->arena, n, sizeof(*n));
    list->first->next = NULL;
    return list;
}

static int query_row(struct query *q, uint32_t i, struct sv text, struct sv path, struct err *err) {
    struct kernel_call *k = q->k;
    struct lookup l;
    int rc = look_up(k, i, text, path, &l, err);
    if (rc) return rc;
    struct jnode *n = wrap(q, l.node);
    if (!l.failed && n && !jnode_is_scalar(n)) {
        if (put_json(q, i, n)) return 0;
        l.failed = true;
        err_set(&l.why, ERR_RUNTIME, "JSON_QUERY: the value at the path is no array");
    } else if (!l.failed && n && !l.lax) {
        l.failed = true;
        err_set(&l.why, ERR_RUNTIME,
                "Strict jsonpath mode requires array or object value, and the actual value is: "
                "'%.*s'",
                (int)MIN(n->text.len, 100), n->text.ptr);
    }
    switch (l.failed ? q->on_error : q->on_empty) {
    case QUERY_NULL:
        col_set_null(k->ret, i);
        return 0;
    case QUERY_EMPTY_ARRAY:
        if (!q->items) ret_copy(k, q->h, i, "[]", 2);
        return 0;
    case QUERY_EMPTY_OBJECT:
        ret_copy(k, q->h, i, "{}", 2);
        return 0;
    default:
        return l.failed
                   ? raise(k, i, &l.why, err)
                   : kernel_fail(k, i, err, "Empty result of JSON_QUERY function is not allowed");
    }
}

static int query_rows(struct query *q, struct err *err) {
    struct kernel_call *k = q->k;
    struct arg j = kernel_arg(k, 0), p = kernel_arg(k, 1);
    uint32_t *off = q->items ? k->ret->data : NULL;
    if (off) off[0] = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!off) RET_STR(k)[i] = (struct strv){0};
        int rc = 0;
        if (!arg_valid(&j, i) || !arg_valid(&p, i))
            col_set_null(k->ret, i);
        else
            rc = query_row(q, i, arg_sv(&j, i), arg_sv(&p, i), err);
        if (rc) return rc;
        if (off) off[i + 1] = q->items->col.n;
    }
    return 0;
}

static int kernel_json_query(struct kernel_call *k, struct err *err) {
    struct query q = {.k = k};
    if (k->n_args == QUERY_ARGS) {
        q.wrapper = args_symbol_index(k->call, ARG_WRAPPER, wrapper_words);
        q.on_empty = args_symbol_index(k->call, ARG_QUERY_EMPTY, query_words);
        q.on_error = args_symbol_index(k->call, ARG_QUERY_ERROR, query_words);
    }
    if (k->ret->phys != PHYS_LIST) {
        q.h = col_heap(k->ret);
        return query_rows(&q, err);
    }
    struct col_builder items;
    col_builder_init(&items, k->ret->children[0].type, k->n * 2);
    q.items = &items;
    int rc = query_rows(&q, err);
    if (rc) {
        col_builder_release(&items);
        return rc;
    }
    col_release(&k->ret->children[0]);
    col_builder_finish(&items, &k->ret->children[0]);
    return 0;
}

static int bind_json_query(struct func_bind *fb, struct err *err) {
    if (fb->n_args != 2 && fb->n_args != QUERY_ARGS) return func_bind_fail(fb, NULL, err);
    int n = fb->n_args;
    fb->n_args = 2;
    int rc = args_check(fb, "cc", err);
    fb->n_args = n;
    if (rc) return rc;
    const struct type *ret = type_of(TYPE_VARCHAR);
    if (n == QUERY_ARGS) {
        struct expr call = {.args = fb->args, .n_args = n};
        ret = fb->args[ARG_RETURNING]->type;
        bool array = ret->kind == TYPE_ARRAY && type_is_char(ret->children[0]);
        int on_empty = args_symbol_index(&call, ARG_QUERY_EMPTY, query_words);
        int on_error = args_symbol_index(&call, ARG_QUERY_ERROR, query_words);
        if (args_symbol_index(&call, ARG_WRAPPER, wrapper_words) < 0 || on_empty < 0 ||
            on_error < 0)
            return func_bind_fail(fb, NULL, err);
        if (!array && !type_is_char(ret)) {
            AUTO_STR t = STR_INIT;
            type_print(ret, &t);
            return err_set(err, ERR_VALIDATION,
                           "Unsupported type '%s' for RETURNING in JSON_QUERY().", str_text(&t));
        }
        if (array && (on_empty == QUERY_EMPTY_OBJECT || on_error == QUERY_EMPTY_OBJECT))
            return err_set(err, ERR_VALIDATION,
                           "JSON_QUERY: EMPTY OBJECT is no array; use EMPTY ARRAY with "
                           "RETURNING ARRAY");
    }
    fb->ret_type = type_with_null(fb->arena, ret, true);
    return 0;
}

/* ---- JSON_QUOTE, JSON_UNQUOTE --------------------------------------------------------------- */

static void quote(struct sv v, struct str *out) {
    static const char from[] = "\"\\/\b\f\n\r\t", to[] = "\"\\/bfnrt";
    str_add_char(out, '"');
    for (size_t i = 0; i < v.len;) {
        uint32_t len, cp = text_utf8_decode(v.ptr + i, v.len - i, &len);
        const char *at = cp && cp < 0x80 ? strchr(from, (char)cp) : NULL;
        i += len;
        if (at) {
            str_add_char(out, '\\');
            str_add_char(out, to[at - from]);
        } else if (cp < 0x80) {
            str_add_char(out, (char)cp);
        } else if (cp < 0x10000) {
            str_addf(out, "\\u%04x", cp);
        } else {
            cp -= 0x10000;
            str_addf(out, "\\u%04x\\u%04x", 0xD800 | cp >> 10, 0xDC00 | (cp & 0x3FF));
        }
    }
    str_add_char(out, '"');
}

static int kernel_json_quote(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        str_clear(&tmp);
        quote(arg_sv(&a, i), &tmp);
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

/* A JSON string's text; anything else as it is. */
static int kernel_json_unquote(struct kernel_call *k, struct err *err) {
    struct json_state *s = k->state;
    struct arg a = kernel_arg(k, 0);
    struct heap *h = ret_borrow(k, &a);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&a, i);
        struct jnode *n = NULL;
        arena_clear(&s->arena);
        bool quoted = v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"';
        if (quoted && jdoc_parse(&s->arena, v, &n, NULL) == 0 && n->kind == JNODE_STRING)
            ret_copy(k, h, i, n->text.ptr, n->text.len);
        else
            ret_piece(k, &a, h, i, v.ptr, v.len);
    }
    return 0;
}

#define JSON_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, ret_, bind_, kernel_)            \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "json",                                            \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_CONST_ARGS | (flags_),                           \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_,                                             \
                                    .prepare = prepare_json,                                       \
                                    .unprepare = unprepare_json}

JSON_FUNC(is_json_value, "IS JSON VALUE", "string IS JSON [VALUE]",
          "Whether the string is valid JSON; FALSE for NULL.", 1, 1, 0, "c", "BOOLEAN!",
          func_bind_spec, kernel_is_json_value);
JSON_FUNC(is_json_object, "IS JSON OBJECT", "string IS JSON OBJECT",
          "Whether the string is a JSON object.", 1, 1, 0, "c", "BOOLEAN!", func_bind_spec,
          kernel_is_json_object);
JSON_FUNC(is_json_array, "IS JSON ARRAY", "string IS JSON ARRAY",
          "Whether the string is a JSON array.", 1, 1, 0, "c", "BOOLEAN!", func_bind_spec,
          kernel_is_json_array);
JSON_FUNC(is_json_scalar, "IS JSON SCALAR", "string IS JSON SCALAR",
          "Whether the string is a JSON number, string, boolean or null.", 1, 1, 0, "c", "BOOLEAN!",
          func_bind_spec, kernel_is_json_scalar);
JSON_FUNC(json_exists, "JSON_EXISTS",
          "JSON_EXISTS(json, path [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])",
          "Whether the path finds something.", 2, 3, FUNC_CAN_FAIL, NULL, NULL, bind_json_exists,
          kernel_json_exists);
JSON_FUNC(json_value, "JSON_VALUE",
          "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT value} ON EMPTY] "
          "[{NULL | ERROR | DEFAULT value} ON ERROR])",
          "The scalar at the path, as STRING, BOOLEAN, INTEGER or DOUBLE.", 2, VALUE_ARGS,
          FUNC_CAN_FAIL, NULL, NULL, bind_json_value, kernel_json_value);
JSON_FUNC(json_query, "JSON_QUERY",
          "JSON_QUERY(json, path [RETURNING type] [{WITHOUT | WITH CONDITIONAL | WITH "
          "UNCONDITIONAL} ARRAY WRAPPER] [{NULL | EMPTY ARRAY | EMPTY OBJECT | ERROR} ON EMPTY] "
          "[{NULL | EMPTY ARRAY | EMPTY OBJECT | ERROR} ON ERROR])",
          "The object or array at the path, as STRING or ARRAY<STRING>.", 2, QUERY_ARGS,
          FUNC_CAN_FAIL, NULL, NULL, bind_json_query, kernel_json_query);
JSON_FUNC(json_quote, "JSON_QUOTE", "JSON_QUOTE(string)", "The string as a JSON string.", 1, 1,
          FUNC_STRICT, "c", "STRING", func_bind_spec, kernel_json_quote);
JSON_FUNC(json_unquote, "JSON_UNQUOTE", "JSON_UNQUOTE(string)",
          "The text of a JSON string; anything else as it is.", 1, 1, FUNC_STRICT, "c", "STRING",
          func_bind_spec, kernel_json_unquote);
