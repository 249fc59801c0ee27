/* field.c - see field.h. Options, defaults and meanings are those of Flink's datagen. */
#include "connector/datagen/field.h"

#include "base/core/clock.h"
#include "connector/nexmark/random.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"
#include "vector/text.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { TEXT_LENGTH = 100, COLLECTION_LENGTH = 3, LENGTH_MAX = 1 << 24, MULTISET_COUNT_MAX = 10 };

#define MS_PER_DAY 86400000ll

/* ---- options ---- */

struct reader {
    struct arena *arena;
    const struct connector_table *table;
    const char *name;
    bool *used;
};

/* The text of 'fields.<name>.<key>', or NULL. */
static const char *text_of(const struct reader *r, const char *key) {
    const char *full = arena_printf(r->arena, "fields.%s.%s", r->name, key);
    for (int i = 0; i < r->table->n_options; i++) {
        if (strcmp(r->table->options[i].key, full) == 0) {
            r->used[i] = true;
            return r->table->options[i].value;
        }
    }
    return NULL;
}

static int bad_option(const struct reader *r, const char *key, const char *value, const char *want,
                      struct err *err) {
    return err_set(err, ERR_VALIDATION, "option 'fields.%s.%s': '%s' is not %s", r->name, key,
                   value, want);
}

static int read_int(const struct reader *r, const char *key, int64_t min, int64_t max, int64_t *v,
                    struct err *err) {
    const char *s = text_of(r, key);
    if (!s || (text_parse_i64(s, strlen(s), min, max, v) == TEXT_OK)) return 0;
    return bad_option(
        r, key, s,
        arena_printf(r->arena, "an integer of %lld to %lld", (long long)min, (long long)max), err);
}

static int read_double(const struct reader *r, const char *key, double *v, struct err *err) {
    const char *s = text_of(r, key);
    if (!s || (text_parse_f64(s, strlen(s), v) == TEXT_OK && isfinite(*v))) return 0;
    return bad_option(r, key, s, "a number", err);
}

static int read_length(const struct reader *r, int64_t dflt, int64_t limit, struct field_gen *g,
                       struct err *err) {
    g->length = dflt;
    int rc = read_int(r, "length", 0, LENGTH_MAX, &g->length, err);
    if (!rc && g->length > limit)
        rc = err_set(err, ERR_VALIDATION, "option 'fields.%s.length': the type has at most %lld",
                     r->name, (long long)limit);
    return rc;
}

static int64_t int_max(enum type_kind kind) {
    switch (kind) {
    case TYPE_TINYINT:
        return INT8_MAX;
    case TYPE_SMALLINT:
        return INT16_MAX;
    case TYPE_INT:
    case TYPE_INTERVAL_YEAR_MONTH:
        return INT32_MAX;
    default:
        return INT64_MAX;
    }
}

static int read_range(const struct reader *r, struct field_gen *g, struct err *err) {
    int64_t top = int_max(g->type->kind);
    bool months = g->type->kind == TYPE_INTERVAL_YEAR_MONTH;
    g->min = months ? 0 : -top - 1;
    g->max = months ? 120000 : top;
    int rc = read_int(r, "min", -top - 1, top, &g->min, err);
    if (!rc) rc = read_int(r, "max", -top - 1, top, &g->max, err);
    if (!rc && g->min > g->max)
        rc = err_set(err, ERR_VALIDATION, "option 'fields.%s.min' is larger than 'max'", r->name);
    return rc;
}

static int read_float_range(const struct reader *r, struct field_gen *g, struct err *err) {
    const struct type *t = g->type;
    double top = t->kind == TYPE_FLOAT ? FLT_MAX : DBL_MAX;
    if (t->kind == TYPE_DECIMAL) top = pow(10, t->precision - t->scale);
    g->f_min = t->kind == TYPE_DECIMAL ? 0 : t->kind == TYPE_FLOAT ? FLT_TRUE_MIN : DBL_TRUE_MIN;
    g->f_max = top;
    int rc = read_double(r, "min", &g->f_min, err);
    if (!rc) rc = read_double(r, "max", &g->f_max, err);
    if (!rc && t->kind != TYPE_DOUBLE) {
        g->f_min = fmax(g->f_min, -top);
        g->f_max = fmin(g->f_max, top);
    }
    if (!rc && g->f_min > g->f_max)
        rc = err_set(err, ERR_VALIDATION, "option 'fields.%s.min' is larger than 'max'", r->name);
    return rc;
}

static int read_children(struct field_gen *g, const struct reader *r, struct err *err) {
    const struct type *t = g->type;
    int rc = t->kind == TYPE_ROW ? 0 : read_length(r, COLLECTION_LENGTH, LENGTH_MAX, g, err);
    g->n_children = t->n_children;
    g->children = ARENA_NEW_N(r->arena, struct field_gen, t->n_children + 1);
    for (int i = 0; i < t->n_children && !rc; i++) {
        const char *part = t->kind == TYPE_ROW   ? t->field_names[i]
                           : t->kind != TYPE_MAP ? "element"
                           : i                   ? "value"
                                                 : "key";
        rc = field_gen_init(&g->children[i], r->arena, r->table,
                            arena_printf(r->arena, "%s.%s", r->name, part), t->children[i], r->used,
                            err);
    }
    return rc;
}

static int read_random(struct field_gen *g, const struct reader *r, struct err *err) {
    const struct type *t = g->type;
    const char *past;
    switch (t->kind) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        return read_range(r, g, err);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        return read_float_range(r, g, err);
    case TYPE_CHAR:
    case TYPE_BINARY:
        return read_length(r, t->length, t->length, g, err);
    case TYPE_VARCHAR:
    case TYPE_VARBINARY: {
        int rc = read_length(r, MIN(TEXT_LENGTH, t->length), t->length, g, err);
        const char *var = text_of(r, "var-len");
        if (!rc && var && strcmp(var, "true") != 0 && strcmp(var, "false") != 0)
            rc = bad_option(r, "var-len", var, "true or false", err);
        g->var_length = var && strcmp(var, "true") == 0;
        return rc;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        past = text_of(r, "max-past");
        if (past && opt_parse_duration_ms(past, &g->max_past_ms, err))
            return err_wrap(err, "option 'fields.%s.max-past'", r->name);
        return 0;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
        return read_children(g, r, err);
    default:
        return 0;
    }
}

static int read_sequence(struct field_gen *g, const struct reader *r, struct err *err) {
    AUTO_STR name = STR_INIT;
    type_print(g->type, &name);
    if (type_is_nested(g->type) || type_is_interval(g->type))
        return err_set(err, ERR_UNSUPPORTED, "option 'fields.%s.kind': there is no sequence of %s",
                       r->name, str_text(&name));
    int64_t top = int_max(g->type->kind);
    bool has_start = text_of(r, "start"), has_end = text_of(r, "end");
    if (!has_start || !has_end)
        return err_set(err, ERR_VALIDATION, "option 'fields.%s.%s' is missing: a sequence needs it",
                       r->name, has_start ? "end" : "start");
    int rc = read_int(r, "start", -top - 1, top, &g->min, err);
    if (!rc) rc = read_int(r, "end", -top - 1, top, &g->max, err);
    if (!rc && g->min > g->max)
        rc = err_set(err, ERR_VALIDATION, "option 'fields.%s.start' is larger than 'end'", r->name);
    return rc;
}

int field_gen_init(struct field_gen *g, struct arena *a, const struct connector_table *t,
                   const char *name, const struct type *type, bool *used, struct err *err) {
    struct reader r = {a, t, name, used};
    *g = (struct field_gen){.type = type};
    if (type->kind > TYPE_ROW)
        return err_set(err, ERR_UNSUPPORTED, "column '%s': datagen makes no %s", name,
                       type_text_of(a, type));
    const char *kind = text_of(&r, "kind");
    if (kind && strcmp(kind, "sequence") == 0)
        g->kind = FIELD_SEQUENCE;
    else if (kind && strcmp(kind, "random") != 0)
        return bad_option(&r, "kind", kind, "'random' or 'sequence'", err);
    int64_t seed = 0;
    g->own_seed = text_of(&r, "seed") != NULL;
    int rc = read_int(&r, "seed", INT64_MIN, INT64_MAX, &seed, err);
    g->seed = (uint64_t)seed;
    if (!rc) rc = read_double(&r, "null-rate", &g->null_rate, err);
    if (!rc && !(g->null_rate >= 0 && g->null_rate <= 1))
        rc = bad_option(&r, "null-rate", text_of(&r, "null-rate"), "a number of 0 to 1", err);
    if (!rc) rc = g->kind == FIELD_SEQUENCE ? read_sequence(g, &r, err) : read_random(g, &r, err);
    return rc;
}

static bool is_clock(const struct type *t) {
    return t->kind == TYPE_DATE || t->kind == TYPE_TIME || type_is_timestamp(t);
}

int64_t field_gen_rows(const struct field_gen *g) {
    if (g->kind != FIELD_SEQUENCE || is_clock(g->type) || g->type->kind == TYPE_BOOLEAN)
        return INT64_MAX;
    uint64_t n = (uint64_t)g->max - (uint64_t)g->min; /* one less than there are */
    return n >= INT64_MAX ? INT64_MAX : (int64_t)n + 1;
}

/* ---- values ---- */

static double uniform(struct nx_stream *s) {
    return (double)(nx_next(s) >> 11) * 0x1p-53;
}

static int64_t between(struct nx_stream *s, int64_t min, int64_t max) {
    uint64_t width = (uint64_t)max - (uint64_t)min + 1; /* 0: all of 2^64 */
    uint64_t r = nx_next(s);
    if (width) r = (uint64_t)((unsigned __int128)r * width >> 64);
    return (int64_t)((uint64_t)min + r);
}

static void add_clock(const struct field_gen *g, struct nx_stream *s, const struct eval_env *env,
                      struct col_builder *b) {
    int64_t now = clock_wall_ms(), local = tz_utc_to_local(env->zone, now);
    int64_t days = local / MS_PER_DAY, in_day = local % MS_PER_DAY;
    if (in_day < 0) {
        in_day += MS_PER_DAY;
        days--;
    }
    if (g->type->kind == TYPE_DATE) {
        col_add_int(b, days);
    } else if (g->type->kind == TYPE_TIME) {
        col_add_int(b, in_day);
    } else {
        if (g->max_past_ms) now -= between(s, 0, g->max_past_ms - 1);
        if (b->col.phys == PHYS_I128)
            col_add_i128(b, (i128)now * 1000000);
        else
            col_add_int(b, now);
    }
}

static void add_text(const struct field_gen *g, struct nx_stream *s, struct col_builder *b) {
    int64_t n = g->length;
    if (g->var_length && n > 1) n = between(s, 1, n);
    if (n > STRV_INLINE_MAX_BYTES) col_heap(&b->col);
    char small[STRV_INLINE_MAX_BYTES];
    char *p = n > STRV_INLINE_MAX_BYTES ? (char *)heap_alloc(b->col.heap, (size_t)n) : small;
    bool hex = type_is_char(g->type);
    uint64_t r = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i % (hex ? 16 : 8) == 0) r = nx_next(s);
        p[i] = hex ? "0123456789abcdef"[r & 15] : (char)r;
        r >>= hex ? 4 : 8;
    }
    if (n > STRV_INLINE_MAX_BYTES)
        col_add_str_borrowed(b, p, (size_t)n);
    else
        col_add_str(b, p, (size_t)n);
}

/* A double as DECIMAL, by its shortest text: exact enough for a random one. */
static void add_decimal(const struct type *t, double v, struct col_builder *b) {
    char text[TEXT_F64_MAX_BYTES];
    i128 d;
    size_t n = text_fmt_f64(text, v);
    if (text_parse_decimal(text, n, t->precision, t->scale, &d) == TEXT_OK)
        col_add_i128(b, d);
    else
        col_add_i128(b, text_pow10(t->precision) - 1); /* rounded up beyond the largest */
}

static void add_random(const struct field_gen *g, struct nx_stream *s, const struct eval_env *env,
                       struct col_builder *b);

static void add_nullable(const struct field_gen *g, struct nx_stream *s, const struct eval_env *env,
                         struct col_builder *b) {
    if (g->null_rate > 0 && uniform(s) < g->null_rate)
        col_add_null(b);
    else
        add_random(g, s, env, b);
}

/* Drops the last key if it is among those from `from` on already. */
static bool drop_duplicate(struct col_builder *keys, uint32_t from) {
    uint32_t last = keys->col.n - 1;
    for (uint32_t i = from; i < last; i++) {
        if (!col_eq(&keys->col, i, &keys->col, last)) continue;
        col_builder_truncate(keys, last);
        return true;
    }
    return false;
}

static void add_nested(const struct field_gen *g, struct nx_stream *s, const struct eval_env *env,
                       struct col_builder *b) {
    if (g->type->kind == TYPE_ROW) {
        for (int i = 0; i < g->n_children; i++)
            add_nullable(&g->children[i], s, env, &b->children[i]);
    } else {
        uint32_t from = b->children[0].col.n;
        for (int64_t i = 0; i < g->length; i++) {
            add_nullable(&g->children[0], s, env, &b->children[0]);
            if (g->type->kind != TYPE_ARRAY && drop_duplicate(&b->children[0], from)) continue;
            if (g->type->kind == TYPE_MAP)
                add_nullable(&g->children[1], s, env, &b->children[1]);
            else if (g->type->kind == TYPE_MULTISET)
                col_add_int(&b->children[1], between(s, 1, MULTISET_COUNT_MAX));
        }
    }
    col_close_row(b);
}

static void add_random(const struct field_gen *g, struct nx_stream *s, const struct eval_env *env,
                       struct col_builder *b) {
    switch (g->type->kind) {
    case TYPE_NULL:
        col_add_null(b);
        break;
    case TYPE_BOOLEAN:
        col_add_bool(b, nx_next(s) >> 63);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE: {
        double u = uniform(s); /* by halves: the width may be larger than a double */
        col_add_f64(b, g->f_min * (1 - u) + g->f_max * u);
        break;
    }
    case TYPE_DECIMAL: {
        double u = uniform(s);
        add_decimal(g->type, g->f_min * (1 - u) + g->f_max * u, b);
        break;
    }
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        add_text(g, s, b);
        break;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        add_clock(g, s, env, b);
        break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
        add_nested(g, s, env, b);
        break;
    default:
        col_add_int(b, between(s, g->min, g->max));
    }
}

static void add_sequence(const struct field_gen *g, int64_t v, struct col_builder *b) {
    char text[TEXT_I64_MAX_BYTES];
    switch (g->type->kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        col_add_f64(b, (double)v);
        break;
    case TYPE_DECIMAL:
        col_add_i128(b, (i128)v * text_pow10(g->type->scale));
        break;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        col_add_str(b, text, text_fmt_i64(text, v));
        break;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        for (int i = 0; i < 8; i++)
            text[i] = (char)((uint64_t)v >> (56 - 8 * i));
        col_add_str(b, text, 8);
        break;
    default:
        col_add_int(b, v);
    }
}

void field_gen_add(const struct field_gen *g, uint64_t seed, int field, int64_t row,
                   const struct eval_env *env, struct col_builder *b) {
    uint64_t own = (g->own_seed ? g->seed : seed) + (uint64_t)field * NX_MIX_3;
    struct nx_stream s = nx_stream_of(own, (uint64_t)row);
    if (g->null_rate > 0 && uniform(&s) < g->null_rate)
        col_add_null(b);
    else if (field_gen_rows(g) != INT64_MAX)
        add_sequence(g, g->min + row, b);
    else
        add_random(g, &s, env, b);
}
