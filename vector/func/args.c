/* args.c - signatures as text: checking and casting arguments, result types. */
#include "vector/func/args.h"

#include <stdarg.h>
#include <string.h>

/* ---- argument families ---------------------------------------------------------------------- */

static bool fits(char family, const struct type *t) {
    switch (family) {
    case 'c':
        return type_is_char(t);
    case 'b':
        return type_is_binary(t);
    case 'n':
    case 'f':
        return type_is_numeric(t);
    case 'i':
    case 'l':
        return type_is_int(t);
    case 'B':
        return t->kind == TYPE_BOOLEAN;
    case 'd':
        return t->kind == TYPE_DATE;
    case 't':
        return t->kind == TYPE_TIME;
    case 'T':
        return t->kind == TYPE_TIMESTAMP;
    case 'z':
        return t->kind == TYPE_TIMESTAMP_LTZ;
    case 'v':
        return type_is_interval(t);
    case 'a':
        return t->kind == TYPE_ARRAY;
    case 'm':
        return t->kind == TYPE_MAP;
    case 'r':
        return t->kind == TYPE_ROW;
    case 'V':
        return t->kind == TYPE_VARIANT;
    case 'S':
        return t->kind == TYPE_BITMAP;
    case 'y':
        return t->kind == TYPE_SYMBOL;
    default:
        return family == 'x' && t->kind != TYPE_SYMBOL && t->kind != TYPE_DESCRIPTOR;
    }
}

/* What a value of the family is cast to before the kernel sees it; NULL = nothing. */
static const struct type *wanted(char family, const struct type *t) {
    switch (family) {
    case 'i':
        return t->kind == TYPE_INT ? NULL : type_of(TYPE_INT);
    case 'l':
        return t->kind == TYPE_BIGINT ? NULL : type_of(TYPE_BIGINT);
    case 'f':
        return t->kind == TYPE_DOUBLE ? NULL : type_of(TYPE_DOUBLE);
    default:
        return NULL;
    }
}

static const struct type *type_of_null(char family) {
    switch (family) {
    case 'c':
        return type_of(TYPE_VARCHAR);
    case 'b':
        return type_of(TYPE_VARBINARY);
    case 'n':
    case 'i':
        return type_of(TYPE_INT);
    case 'l':
        return type_of(TYPE_BIGINT);
    case 'f':
        return type_of(TYPE_DOUBLE);
    case 'B':
        return type_of(TYPE_BOOLEAN);
    case 'd':
        return type_of(TYPE_DATE);
    case 't':
        return type_of(TYPE_TIME);
    case 'T':
        return type_of(TYPE_TIMESTAMP);
    case 'z':
        return type_of(TYPE_TIMESTAMP_LTZ);
    default:
        return NULL;
    }
}

int args_cast(struct func_bind *fb, int i, const struct type *to, struct err *err) {
    if (type_eq_ignore_null(fb->args[i]->type, to)) return 0;
    return func_cast(fb->arena, fb->args[i], to, false, &fb->args[i], err);
}

/* The next group of letters: [from, from + *n); *spec moves on unless it was the last. */
static const char *next_group(const char **spec, size_t *n) {
    const char *p = *spec, *end;
    if (*p == '[') {
        p++;
        end = strchr(p, ']');
        CHECK(end != NULL);
        *n = (size_t)(end - p);
        end++;
    } else {
        *n = 1;
        end = p + 1;
    }
    if (*end) *spec = end;
    return p;
}

int args_check(struct func_bind *fb, const char *spec, struct err *err) {
    for (int i = 0; i < fb->n_args; i++) {
        size_t n;
        const char *group = next_group(&spec, &n);
        const struct type *t = fb->args[i]->type, *to = NULL;
        bool ok = false;
        if (t->kind == TYPE_NULL) {
            to = type_of_null(*group);
            ok = to != NULL || *group == 'x';
        }
        for (size_t g = 0; g < n && !ok; g++) {
            ok = fits(group[g], t);
            if (ok) to = wanted(group[g], t);
        }
        if (!ok) return func_bind_fail(fb, NULL, err);
        if (!to) continue;
        int rc = args_cast(fb, i, to, err);
        if (rc) return rc;
    }
    return 0;
}

bool args_nullable(const struct func_bind *fb) {
    for (int i = 0; i < fb->n_args; i++)
        if (fb->args[i]->type->nullable) return true;
    return false;
}

/* ---- result --------------------------------------------------------------------------------- */

const struct type *args_type(struct arena *a, const char *text, bool nullable) {
    const struct type *t = NULL;
    struct err err = ERR_INIT;
    CHECKF(type_parse(a, text, &t, &err) == 0, "type '%s': %s", text, err.msg);
    return type_with_null(a, t, nullable);
}

static const struct type *varying(struct arena *a, const struct type *t, bool nullable) {
    if (t->kind == TYPE_CHAR) return type_text(a, TYPE_VARCHAR, t->length, nullable);
    if (t->kind == TYPE_BINARY) return type_text(a, TYPE_VARBINARY, t->length, nullable);
    return type_with_null(a, t, nullable);
}

static const struct type *result_type(struct func_bind *fb, const char *ret) {
    size_t n = strlen(ret);
    bool nullable = ret[n - 1] == '?' || (ret[n - 1] != '!' && args_nullable(fb));
    if (ret[0] == '@') {
        bool v = ret[1] == 'v';
        const struct type *t = fb->args[ret[1 + v] - '0']->type;
        return v ? varying(fb->arena, t, nullable) : type_with_null(fb->arena, t, nullable);
    }
    if (ret[n - 1] == '?' || ret[n - 1] == '!') n--;
    return args_type(fb->arena, arena_strndup(fb->arena, ret, n), nullable);
}

int func_bind_spec(struct func_bind *fb, struct err *err) {
    int rc = fb->func->args ? args_check(fb, fb->func->args, err) : 0;
    if (rc) return rc;
    fb->ret_type = result_type(fb, fb->func->ret);
    return 0;
}

/* ---- literals ------------------------------------------------------------------------------- */

bool args_literal(const struct expr *call, int i, struct sv *ret) {
    const struct expr *e = call->args[i];
    if (e->kind != EXPR_LITERAL || e->literal->phys != PHYS_STR || !col_is_valid(e->literal, 0))
        return false;
    *ret = strv_sv(&COL_DATA(e->literal, struct strv)[0]);
    return true;
}

struct sv args_symbol(const struct expr *call, int i) {
    struct sv s = {"", 0};
    CHECK(call->args[i]->type->kind == TYPE_SYMBOL && args_literal(call, i, &s));
    return s;
}

int args_symbol_index(const struct expr *call, int i, const char *const *words) {
    struct sv s = args_symbol(call, i);
    for (int w = 0; words[w]; w++)
        if (sv_eq_str(s, words[w])) return w;
    return -1;
}

int kernel_fail(struct kernel_call *k, uint32_t row, struct err *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = err_set_va(err, ERR_RUNTIME, fmt, ap);
    va_end(ap);
    k->err_row = row;
    return rc;
}
