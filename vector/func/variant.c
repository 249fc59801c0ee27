/* variant.c - VARIANT: PARSE_JSON, TRY_PARSE_JSON and access to parts; see variant.h. */
#include "vector/func/variant.h"

#include "base/core/mem.h"
#include "vector/func/args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DECIMAL_DIGITS_MAX = 38 };

/* ---- numbers -------------------------------------------------------------------------------- */

/* Digits of v's unscaled value and its scale; false if it is written with an exponent. */
static bool plain_decimal(struct sv v, int *ret_precision, int *ret_scale) {
    int digits = 0, scale = 0;
    bool point = false;
    for (size_t i = 0; i < v.len; i++) {
        char c = v.ptr[i];
        if (c == '-') continue;
        if (c == '.') {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return false;
        scale += point;
        if (digits || c != '0') digits++;
    }
    *ret_precision = MAX(digits, 1);
    *ret_scale = scale;
    return true;
}

static bool all_zero(struct sv v) {
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] >= '1' && v.ptr[i] <= '9') return false;
    return true;
}

static int set_number(struct arena *a, struct jnode *n, struct err *err) {
    int precision, scale;
    int64_t whole;
    struct sv raw = n->raw;
    if (n->kind == JNODE_INT && text_parse_i64_strict(raw.ptr, raw.len, &whole) == TEXT_OK)
        return 0;
    if (plain_decimal(raw, &precision, &scale) && precision <= DECIMAL_DIGITS_MAX &&
        scale <= DECIMAL_DIGITS_MAX) {
        bool minus_zero = raw.ptr[0] == '-' && all_zero(raw);
        n->text = minus_zero ? (struct sv){raw.ptr + 1, raw.len - 1} : raw;
        return 0;
    }
    double d;
    enum text_status st = text_parse_f64(raw.ptr, raw.len, &d);
    if (st != TEXT_OK || !isfinite(d))
        return err_set(err, ERR_RUNTIME, "the number %.*s is beyond DOUBLE", (int)MIN(raw.len, 50),
                       raw.ptr);
    char buf[TEXT_F64_MAX_BYTES];
    size_t len = text_fmt_f64(buf, d);
    n->text = (struct sv){arena_strndup(a, buf, len), len};
    return 0;
}

/* ---- parse ---------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    return sv_cmp((*(const struct jnode *const *)a)->key, (*(const struct jnode *const *)b)->key);
}

static int check_keys(struct arena *a, const struct jnode *object, struct err *err) {
    const struct jnode **all = ARENA_NEW_N(a, const struct jnode *, object->n + 1);
    uint32_t n = 0;
    for (const struct jnode *m = object->first; m; m = m->next)
        all[n++] = m;
    qsort(all, n, sizeof(*all), by_key);
    for (uint32_t i = 1; i < n; i++)
        if (sv_eq(all[i - 1]->key, all[i]->key))
            return err_set(err, ERR_RUNTIME, "VARIANT_DUPLICATE_KEY: '%.*s' stands in it twice",
                           (int)MIN(all[i]->key.len, 100), all[i]->key.ptr);
    return 0;
}

/* The depth is bounded by jdoc_parse. */
static int normalize(struct arena *a, struct jnode *n, bool allow_duplicates, struct err *err) {
    int rc = 0;
    if (n->kind == JNODE_INT || n->kind == JNODE_FLOAT) return set_number(a, n, err);
    if (n->kind != JNODE_ARRAY && n->kind != JNODE_OBJECT) return 0;
    for (struct jnode *m = n->first; m && !rc; m = m->next)
        rc = normalize(a, m, allow_duplicates, err);
    if (!rc && n->kind == JNODE_OBJECT && !allow_duplicates) rc = check_keys(a, n, err);
    return rc;
}

int variant_parse(struct arena *a, struct sv json, bool allow_duplicates, struct jnode **ret,
                  struct err *err) {
    struct jnode *n;
    int rc = jdoc_parse(a, json, &n, err);
    if (!rc) rc = normalize(a, n, allow_duplicates, err);
    if (!rc) *ret = n;
    return rc;
}

int variant_read(struct arena *a, struct sv text, struct jnode **ret, struct err *err) {
    return variant_parse(a, text, true, ret, err);
}

/* ---- parts ---------------------------------------------------------------------------------- */

/* Behind the value that starts at p. The text is canonical: no blanks, no errors. */
static const char *skip_string(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\') p++;
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end) {
    if (p < end && *p == '"') return skip_string(p, end);
    if (p < end && *p != '[' && *p != '{') {
        while (p < end && *p != ',' && *p != ']' && *p != '}')
            p++;
        return p;
    }
    int depth = 0;
    while (p < end) {
        char c = *p;
        if (c == '"') {
            p = skip_string(p, end);
            continue;
        }
        p++;
        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (!depth) break;
    }
    return p;
}

bool variant_element(struct sv text, uint32_t i, struct sv *ret) {
    const char *p = text.ptr + 1, *end = text.ptr + text.len - 1;
    while (p < end) {
        const char *stop = skip_value(p, end);
        if (i-- == 0) {
            *ret = (struct sv){p, (size_t)(stop - p)};
            return true;
        }
        p = stop + 1;
    }
    return false;
}

bool variant_member(struct sv text, struct sv key, struct sv *ret) {
    const char *p = text.ptr + 1, *end = text.ptr + text.len - 1;
    while (p < end) {
        const char *value = skip_string(p, end) + 1, *stop = skip_value(value, end);
        struct sv name = {p, (size_t)(value - 1 - p)};
        if (sv_eq(name, key)) {
            *ret = (struct sv){value, (size_t)(stop - value)};
            return true;
        }
        p = stop + 1;
    }
    return false;
}

/* ---- PARSE_JSON ----------------------------------------------------------------------------- */

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

static int parse_rows(struct kernel_call *k, bool quiet, struct err *err) {
    struct arg s = kernel_arg(k, 0), dup = {0};
    if (k->n_args > 1) dup = kernel_arg(k, 1);
    struct heap *h = col_heap(k->ret);
    AUTO_STR out = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct jnode *n;
        struct err why = ERR_INIT;
        struct sv json = arg_sv(&s, i);
        arena_clear(k->state);
        if (variant_parse(k->state, json, k->n_args > 1 && arg_bool(&dup, i), &n, &why)) {
            if (!quiet)
                return kernel_fail(k, i, err, "Failed to parse json string: %.*s: %s",
                                   (int)MIN(json.len, 200), json.ptr, why.msg);
            ret_null(k, i);
            continue;
        }
        str_clear(&out);
        jdoc_print(n, &out);
        ret_copy(k, h, i, str_text(&out), out.len);
    }
    return 0;
}

static int kernel_parse_json(struct kernel_call *k, struct err *err) {
    return parse_rows(k, false, err);
}

static int kernel_try_parse_json(struct kernel_call *k, struct err *err) {
    return parse_rows(k, true, err);
}

const struct func func_parse_json = {
    .name = "PARSE_JSON",
    .category = "json",
    .signature = "PARSE_JSON(string [, allow_duplicate_keys])",
    .doc = "The JSON text as a VARIANT. A key that comes twice is an error, or, if allowed, the "
           "last one counts.",
    .min_args = 1,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .args = "cB",
    .ret = "VARIANT",
    .bind = func_bind_spec,
    .prepare = prepare_arena,
    .unprepare = unprepare_arena,
    .kernel = kernel_parse_json,
};

const struct func func_try_parse_json = {
    .name = "TRY_PARSE_JSON",
    .category = "json",
    .signature = "TRY_PARSE_JSON(string [, allow_duplicate_keys])",
    .doc = "The JSON text as a VARIANT, NULL if it is none.",
    .min_args = 1,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "cB",
    .ret = "VARIANT?",
    .bind = func_bind_spec,
    .prepare = prepare_arena,
    .unprepare = unprepare_arena,
    .kernel = kernel_try_parse_json,
};

/* ---- variant[key] --------------------------------------------------------------------------- */

static int kernel_item_index(struct kernel_call *k, struct err *err) {
    struct arg v = kernel_arg(k, 0), at = kernel_arg(k, 1);
    struct heap *h = ret_borrow(k, &v);
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct sv text = arg_sv(&v, i), part;
        int64_t want = arg_i64(&at, i);
        if (text.ptr[0] != '[')
            return kernel_fail(k, i, err,
                               "Integer index access on variant requires an array variant, but a "
                               "non-array variant was provided.");
        if (want >= 1 && want <= UINT32_MAX && variant_element(text, (uint32_t)(want - 1), &part))
            ret_piece(k, &v, h, i, part.ptr, part.len);
        else
            ret_null(k, i);
    }
    return 0;
}

static int kernel_item_key(struct kernel_call *k, struct err *err) {
    struct arg v = kernel_arg(k, 0), key = kernel_arg(k, 1);
    struct heap *h = ret_borrow(k, &v);
    AUTO_STR quoted = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        struct sv text = arg_sv(&v, i), part;
        if (text.ptr[0] != '{')
            return kernel_fail(k, i, err,
                               "String key access on variant requires an object variant, but a "
                               "non-object variant was provided.");
        if (!quoted.len || !arg_const(&key)) {
            str_clear(&quoted);
            jdoc_print_string(arg_sv(&key, i), &quoted);
        }
        if (variant_member(text, (struct sv){quoted.ptr, quoted.len}, &part))
            ret_piece(k, &v, h, i, part.ptr, part.len);
        else
            ret_null(k, i);
    }
    return 0;
}

static kernel_fn pick_variant_item(const struct expr *call) {
    return type_is_char(call->args[1]->type) ? kernel_item_key : kernel_item_index;
}

static int bind_variant_item(struct func_bind *fb, struct err *err) {
    const struct type *at = fb->args[1]->type;
    int rc = 0;
    if (!type_is_char(at) && !type_is_int(at) && at->kind != TYPE_NULL)
        return func_bind_fail(fb, "<VARIANT>[<CHARACTER>|<INTEGER>]", err);
    if (!type_is_char(at)) rc = args_cast(fb, 1, type_of(TYPE_BIGINT), err);
    fb->ret_type = type_of(TYPE_VARIANT);
    return rc;
}

/* What ITEM binds as for VARIANTs. */
const struct func func_variant_item = {
    .name = "VARIANT ITEM",
    .category = "collection",
    .signature = "variant[index] or variant[key]",
    .doc = "Element of the array at the index (from 1), or the object's member of that name; NULL "
           "if there is none.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL | FUNC_HIDDEN,
    .bind = bind_variant_item,
    .pick_kernel = pick_variant_item,
};
