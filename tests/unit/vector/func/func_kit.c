/* func_kit.c - see func_kit.h. */
#include "tests/unit/vector/func/func_kit.h"

#include "tests/unit/cmocka_wrap.h"

#include "vector/func/func.h"
#include "vector/func/tz.h"
#include "vector/program.h"

#include <ctype.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 32, ROWS = 5 };

static const struct tz *zone;

struct kit {
    struct arena *a;
    const char *p;
    bool columns; /* literals become columns */
    int n_cols;
    const struct column *lits[COLUMNS_MAX];
    struct err err;
    int rc;
};

static struct eval_env env_of(void) {
    return (struct eval_env){.zone = zone ? zone : tz_utc(), .query_start_ms = 1700000000000};
}

static void blanks(struct kit *k) {
    while (*k->p == ' ')
        k->p++;
}

static const struct expr *literal(struct kit *k, const struct column *v) {
    if (!k->columns || v->type->kind == TYPE_SYMBOL) return expr_literal(k->a, v);
    assert_true(k->n_cols < COLUMNS_MAX);
    k->lits[k->n_cols] = v;
    return expr_column(k->a, k->n_cols++, v->type);
}

static char *quoted(struct kit *k, char q) {
    AUTO_STR s = STR_INIT;
    for (k->p++; *k->p != q || k->p[1] == q; k->p++) {
        assert_true(*k->p != 0);
        k->p += *k->p == q;
        str_add_char(&s, *k->p);
    }
    k->p++;
    return arena_strndup(k->a, str_text(&s), s.len);
}

static const struct column *text_value(struct kit *k, const char *s) {
    int n = 0;
    for (const char *p = s; *p; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80;
    return value_str(k->a, type_text(k->a, TYPE_CHAR, n, false), s, strlen(s));
}

/* The value of CAST(e AS type) for a constant e. */
static const struct column *cast_value(struct kit *k, const struct column *v,
                                       const struct type *t) {
    const struct expr *e = NULL;
    const struct column *r = NULL;
    struct eval_env env = env_of();
    assert_ok(func_cast(k->a, expr_literal(k->a, v), t, false, &e, &k->err), &k->err);
    assert_ok(expr_eval_const(k->a, e, &env, &r, &k->err), &k->err);
    return value_copy(k->a, r, 0);
}

static const struct column *typed(struct kit *k) {
    const char *close = strstr(k->p, ">'"), *null = strstr(k->p, ">NULL");
    if (!close || (null && null < close)) close = null;
    assert_non_null(close);
    char *text = arena_strndup(k->a, k->p + 1, (size_t)(close - k->p - 1));
    const struct type *t = NULL;
    assert_ok(type_parse(k->a, text, &t, &k->err), &k->err);
    k->p = close + 1;
    if (*k->p != 'N') {
        const struct column *c = cast_value(k, text_value(k, quoted(k, '\'')), t);
        struct column *d = arena_dup(k->a, c, sizeof(*c));
        d->type = type_with_null(k->a, t, false);
        return d;
    }
    k->p += 4;
    return value_null(k->a, type_with_null(k->a, t, true));
}

static const struct column *number(struct kit *k) {
    const char *start = k->p;
    bool exact = true, whole = true;
    for (; *k->p && strchr("0123456789.eE+-", *k->p); k->p++) {
        exact &= *k->p != 'e' && *k->p != 'E';
        whole &= *k->p != '.' && exact;
    }
    char *s = arena_strndup(k->a, start, (size_t)(k->p - start));
    if (!exact) return value_f64(k->a, type_of_not_null(TYPE_DOUBLE), atof(s));
    if (whole) {
        long long v = atoll(s);
        bool big = v != (int32_t)v;
        return value_int(k->a, type_of_not_null(big ? TYPE_BIGINT : TYPE_INT), v);
    }
    int scale = (int)strlen(strchr(s, '.') + 1), digits = (int)strlen(s) - 1 - (*s == '-');
    const struct type *t = type_decimal(k->a, digits, scale, false);
    const struct column *c = cast_value(k, text_value(k, s), t);
    return c;
}

static const struct expr *parse(struct kit *k);

static const struct expr *call(struct kit *k, const char *name) {
    const struct expr *args[COLUMNS_MAX], *e = NULL;
    int n = 0;
    k->p++;
    for (blanks(k); *k->p != ')'; blanks(k)) {
        args[n++] = parse(k);
        if (!args[n - 1]) return NULL;
        blanks(k);
        if (*k->p == ',') k->p++;
    }
    k->p++;
    k->rc = func_call_name(k->a, name, args, n, &e, &k->err);
    return k->rc ? NULL : e;
}

static const struct expr *parse(struct kit *k) {
    blanks(k);
    if (*k->p == '!') { /* stays a constant */
        bool columns = k->columns;
        k->p++;
        k->columns = false;
        const struct expr *e = parse(k);
        k->columns = columns;
        return e;
    }
    if (*k->p == '\'') return literal(k, text_value(k, quoted(k, '\'')));
    if (*k->p == '<' && !strchr("(=>", k->p[1])) return literal(k, typed(k));
    if (isdigit((unsigned char)*k->p) || (*k->p == '-' && k->p[1] != '('))
        return literal(k, number(k));
    if (*k->p == ':') {
        k->p++;
        char *word;
        if (*k->p == '"') {
            word = quoted(k, '"');
        } else {
            size_t n = strcspn(k->p, ",) ");
            word = arena_strndup(k->a, k->p, n);
            k->p += n;
        }
        return literal(k, value_str(k->a, type_of_not_null(TYPE_SYMBOL), word, strlen(word)));
    }
    const char *start = k->p;
    while (*k->p && *k->p != '(' && *k->p != ',' && *k->p != ')')
        k->p++;
    char *name = arena_strndup(k->a, start, (size_t)(k->p - start));
    if (*k->p == '(') return call(k, name);
    bool truth = strcmp(name, "TRUE") == 0;
    assert_true(truth || strcmp(name, "FALSE") == 0);
    return literal(k, value_bool(k->a, truth));
}

/* Runs e over rows v, NULL, v, NULL, v of each literal. Types of NULL rows don't matter here: the
 * columns are declared as the literals are. */
static int run_columns(struct kit *k, const struct expr *e, struct column *ret) {
    struct column cols[COLUMNS_MAX];
    for (int i = 0; i < k->n_cols; i++) {
        col_repeat(&cols[i], k->lits[i], k->lits[i]->type, ROWS);
        col_set_null(&cols[i], 1);
        col_set_null(&cols[i], 3);
    }
    struct eval_env env = env_of();
    struct program *p = NULL;
    int rc = program_new(&e, 1, &env, &p, &k->err);
    if (!rc) rc = program_eval(p, cols, k->n_cols, ROWS, ret, NULL, &k->err);
    program_free(p);
    for (int i = 0; i < k->n_cols; i++)
        col_release(&cols[i]);
    return rc;
}

static void expect_text(const char *where, const char *text, const struct column *c, uint32_t row,
                        const char *value) {
    AUTO_STR got = STR_INIT;
    value_print(c, row, zone, &got);
    if (strcmp(str_text(&got), value) != 0)
        fail_msg("%s (%s): got \"%s\", want \"%s\"", text, where, str_text(&got), value);
}

static void check_modes(const char *text, const char *type, const char *value, int modes) {
    for (int columns = 0; columns < modes; columns++) {
        struct arena a;
        arena_init(&a);
        struct kit k = {.a = &a, .p = text, .columns = columns};
        const struct expr *e = parse(&k);
        if (!e) fail_msg("%s: %s", text, k.err.msg);
        if (strcmp(type_text_of(&a, e->type), type) != 0)
            fail_msg("%s: type is %s, want %s", text, type_text_of(&a, e->type), type);
        struct eval_env env = env_of();
        if (!columns) {
            const struct column *r = NULL;
            if (expr_eval_const(&a, e, &env, &r, &k.err)) fail_msg("%s: %s", text, k.err.msg);
            expect_text("constant", text, r, 0, value);
        } else if (k.n_cols) {
            struct column r;
            if (run_columns(&k, e, &r)) fail_msg("%s: %s", text, k.err.msg);
            assert_int_equal(r.n, ROWS);
            expect_text("columns", text, &r, 0, value);
            expect_text("columns", text, &r, 4, value);
            col_release(&r);
        }
        arena_release(&a);
    }
}

void check_value(const char *text, const char *type, const char *value) {
    check_modes(text, type, value, 2);
}

void check_literal(const char *text, const char *type, const char *value) {
    check_modes(text, type, value, 1);
}

static void fail_modes(const char *text, int code, const char *part, int modes) {
    for (int columns = 0; columns < modes; columns++) {
        struct arena a;
        arena_init(&a);
        struct kit k = {.a = &a, .p = text, .columns = columns};
        const struct expr *e = parse(&k);
        struct eval_env env = env_of();
        if (e && !columns) {
            const struct column *r = NULL;
            k.rc = expr_eval_const(&a, e, &env, &r, &k.err);
        } else if (e) {
            struct column r;
            k.rc = run_columns(&k, e, &r);
            if (!k.rc) col_release(&r);
        }
        if (k.rc != code)
            fail_msg("%s: got %s (%s), want %s", text, err_code_name(k.rc), k.err.msg,
                     err_code_name(code));
        if (!strstr(k.err.msg, part)) fail_msg("%s: \"%s\" lacks \"%s\"", text, k.err.msg, part);
        arena_release(&a);
    }
}

void check_fails(const char *text, int code, const char *part) {
    fail_modes(text, code, part, 2);
}

void check_literal_fails(const char *text, int code, const char *part) {
    fail_modes(text, code, part, 1);
}

void check_zone(const char *name) {
    struct err err = ERR_INIT;
    assert_ok(tz_get(name, &zone, &err), &err);
}
