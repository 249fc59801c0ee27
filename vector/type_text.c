/* type_text.c - types as Flink's text and back: "DECIMAL(10, 2) NOT NULL", "ROW<`a` INT>". */
#include "base/core/mem.h"
#include "base/core/str.h"
#include "vector/type.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TYPE_DEPTH_MAX = 64, TYPE_FIELDS_MAX = 4096 };

static const char *const kind_names[TYPE_KIND_COUNT] = {
    [TYPE_NULL] = "NULL",
    [TYPE_BOOLEAN] = "BOOLEAN",
    [TYPE_TINYINT] = "TINYINT",
    [TYPE_SMALLINT] = "SMALLINT",
    [TYPE_INT] = "INT",
    [TYPE_BIGINT] = "BIGINT",
    [TYPE_FLOAT] = "FLOAT",
    [TYPE_DOUBLE] = "DOUBLE",
    [TYPE_DECIMAL] = "DECIMAL",
    [TYPE_CHAR] = "CHAR",
    [TYPE_VARCHAR] = "VARCHAR",
    [TYPE_BINARY] = "BINARY",
    [TYPE_VARBINARY] = "VARBINARY",
    [TYPE_DATE] = "DATE",
    [TYPE_TIME] = "TIME",
    [TYPE_TIMESTAMP] = "TIMESTAMP",
    [TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
    [TYPE_INTERVAL_YEAR_MONTH] = "INTERVAL",
    [TYPE_INTERVAL_DAY_TIME] = "INTERVAL",
    [TYPE_ARRAY] = "ARRAY",
    [TYPE_MAP] = "MAP",
    [TYPE_MULTISET] = "MULTISET",
    [TYPE_ROW] = "ROW",
    [TYPE_VARIANT] = "VARIANT",
    [TYPE_BITMAP] = "BITMAP",
    [TYPE_SYMBOL] = "SYMBOL",
    [TYPE_DESCRIPTOR] = "DESCRIPTOR",
};

/* From unit, to unit (or NULL), and whether the leading precision and the fraction are printed. */
static const struct {
    const char *from, *to;
    bool precision, scale;
} units[] = {
    [IV_YEAR] = {"YEAR", NULL, true, false},
    [IV_YEAR_MONTH] = {"YEAR", "MONTH", true, false},
    [IV_MONTH] = {"MONTH", NULL, false, false},
    [IV_DAY] = {"DAY", NULL, true, false},
    [IV_DAY_HOUR] = {"DAY", "HOUR", true, false},
    [IV_DAY_MINUTE] = {"DAY", "MINUTE", true, false},
    [IV_DAY_SECOND] = {"DAY", "SECOND", true, true},
    [IV_HOUR] = {"HOUR", NULL, false, false},
    [IV_HOUR_MINUTE] = {"HOUR", "MINUTE", false, false},
    [IV_HOUR_SECOND] = {"HOUR", "SECOND", false, true},
    [IV_MINUTE] = {"MINUTE", NULL, false, false},
    [IV_MINUTE_SECOND] = {"MINUTE", "SECOND", false, true},
    [IV_SECOND] = {"SECOND", NULL, false, true},
};

/* ---- print ---------------------------------------------------------------------------------- */

static void print_quoted(const char *s, char quote, struct str *out) {
    str_add_char(out, quote);
    for (; *s; s++) {
        if (*s == quote) str_add_char(out, quote);
        str_add_char(out, *s);
    }
    str_add_char(out, quote);
}

static void print_interval(const struct type *t, struct str *out) {
    str_addf(out, "INTERVAL %s", units[t->unit].from);
    if (units[t->unit].precision) str_addf(out, "(%d)", t->precision);
    if (units[t->unit].to) str_addf(out, " TO %s", units[t->unit].to);
    if (units[t->unit].scale) str_addf(out, "(%d)", t->scale);
}

static void print_children(const struct type *t, struct str *out) {
    str_addf(out, "%s<", kind_names[t->kind]);
    for (int i = 0; i < t->n_children; i++) {
        if (i) str_add(out, ", ");
        if (t->field_names) {
            print_quoted(t->field_names[i], '`', out);
            str_add_char(out, ' ');
        }
        type_print(t->children[i], out);
        if (t->field_docs && t->field_docs[i]) {
            str_add_char(out, ' ');
            print_quoted(t->field_docs[i], '\'', out);
        }
    }
    str_add_char(out, '>');
}

void type_print(const struct type *t, struct str *out) {
    switch (t->kind) {
    case TYPE_DECIMAL:
        str_addf(out, "DECIMAL(%d, %d)", t->precision, t->scale);
        break;
    case TYPE_VARCHAR:
    case TYPE_VARBINARY:
        if (t->length == TYPE_LENGTH_MAX) {
            str_add(out, t->kind == TYPE_VARCHAR ? "STRING" : "BYTES");
            break;
        } /* fall through */
    case TYPE_CHAR:
    case TYPE_BINARY:
        str_addf(out, "%s(%d)", kind_names[t->kind], t->length);
        break;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        str_addf(out, "%s(%d)", kind_names[t->kind], t->precision);
        break;
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME:
        print_interval(t, out);
        break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
        print_children(t, out);
        break;
    default:
        str_add(out, kind_names[t->kind]);
    }
    if (!t->nullable && t->kind != TYPE_SYMBOL && t->kind != TYPE_DESCRIPTOR)
        str_add(out, " NOT NULL");
    if (t->time_attr == TIME_ATTR_ROWTIME) str_add(out, " *ROWTIME*");
    if (t->time_attr == TIME_ATTR_PROCTIME) str_add(out, " *PROCTIME*");
}

char *type_text_of(struct arena *a, const struct type *t) {
    AUTO_STR s = STR_INIT;
    type_print(t, &s);
    return arena_strndup(a, str_text(&s), s.len);
}

/* ---- parse ---------------------------------------------------------------------------------- */

struct type_parser {
    struct arena *arena;
    const char *text, *pos;
    int depth;
    struct err *err;
};

static int parse_fail(struct type_parser *p, const char *expected) {
    return err_set_at(p->err, ERR_PARSE, 1, (int)(p->pos - p->text) + 1,
                      "type \"%s\": expected %s at column %d", p->text, expected,
                      (int)(p->pos - p->text) + 1);
}

static void skip_space(struct type_parser *p) {
    while (isspace((unsigned char)*p->pos))
        p->pos++;
}

static bool accept_char(struct type_parser *p, char c) {
    skip_space(p);
    if (*p->pos != c) return false;
    p->pos++;
    return true;
}

static bool is_word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* A keyword, ASCII case-insensitive, not part of a longer word. */
static bool accept_word(struct type_parser *p, const char *word) {
    skip_space(p);
    size_t n = strlen(word);
    if (strncasecmp(p->pos, word, n) != 0 || is_word_char(p->pos[n])) return false;
    p->pos += n;
    return true;
}

static int parse_number(struct type_parser *p, int min, int max, int *ret) {
    skip_space(p);
    if (!isdigit((unsigned char)*p->pos)) return parse_fail(p, "a number");
    char *end;
    long v = strtol(p->pos, &end, 10);
    if (v < min || v > max) {
        char what[64];
        snprintf(what, sizeof(what), "a number from %d to %d", min, max);
        return parse_fail(p, what);
    }
    p->pos = end;
    *ret = (int)v;
    return 0;
}

/* "(n)"; leaves *v alone where there is none. */
static int parse_opt_number(struct type_parser *p, int min, int max, int *v) {
    if (!accept_char(p, '(')) return 0;
    int rc = parse_number(p, min, max, v);
    if (rc) return rc;
    return accept_char(p, ')') ? 0 : parse_fail(p, "\")\"");
}

static int parse_quoted(struct type_parser *p, char quote, const char **ret) {
    AUTO_STR s = STR_INIT;
    for (p->pos++;; p->pos++) {
        if (!*p->pos) return parse_fail(p, "a closing quote");
        if (*p->pos == quote) {
            if (p->pos[1] != quote) break;
            p->pos++;
        }
        str_add_char(&s, *p->pos);
    }
    p->pos++;
    *ret = arena_strndup(p->arena, str_text(&s), s.len);
    return 0;
}

static int parse_name(struct type_parser *p, const char **ret) {
    skip_space(p);
    if (*p->pos == '`') return parse_quoted(p, '`', ret);
    const char *start = p->pos;
    while (is_word_char(*p->pos))
        p->pos++;
    if (p->pos == start) return parse_fail(p, "a field name");
    *ret = arena_strndup(p->arena, start, (size_t)(p->pos - start));
    return 0;
}

static int parse_type(struct type_parser *p, const struct type **ret);

static int parse_decimal(struct type_parser *p, const struct type **ret) {
    int precision = 10, scale = 0;
    if (accept_char(p, '(')) {
        int rc = parse_number(p, 1, TYPE_DECIMAL_PRECISION_MAX, &precision);
        if (rc) return rc;
        if (accept_char(p, ',') && (rc = parse_number(p, 0, precision, &scale)) != 0) return rc;
        if (!accept_char(p, ')')) return parse_fail(p, "\")\"");
    }
    *ret = type_decimal(p->arena, precision, scale, true);
    return 0;
}

static int parse_text(struct type_parser *p, enum type_kind kind, const struct type **ret) {
    int length = 1; /* 0: of the literal '' and what is made of it */
    int rc = parse_opt_number(p, 0, TYPE_LENGTH_MAX, &length);
    if (rc == 0) *ret = type_text(p->arena, kind, length, true);
    return rc;
}

static int parse_time(struct type_parser *p, enum type_kind kind, const struct type **ret) {
    int precision = kind == TYPE_TIME ? 0 : 6;
    int rc = parse_opt_number(p, 0, TYPE_TIMESTAMP_PRECISION_MAX, &precision);
    if (rc) return rc;
    if (kind != TYPE_TIMESTAMP_LTZ && accept_word(p, "WITHOUT")) {
        if (!accept_word(p, "TIME") || !accept_word(p, "ZONE")) return parse_fail(p, "TIME ZONE");
    } else if (kind == TYPE_TIMESTAMP && accept_word(p, "WITH")) {
        if (!accept_word(p, "LOCAL") || !accept_word(p, "TIME") || !accept_word(p, "ZONE"))
            return parse_fail(p, "LOCAL TIME ZONE");
        kind = TYPE_TIMESTAMP_LTZ;
    }
    *ret = type_time(p->arena, kind, precision, true);
    return 0;
}

static int parse_interval(struct type_parser *p, const struct type **ret) {
    static const char *const words[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
    const char *from = NULL, *to = NULL;
    for (size_t i = 0; i < ARRAY_LEN(words) && !from; i++)
        if (accept_word(p, words[i])) from = words[i];
    if (!from) return parse_fail(p, "YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
    int precision = 2, scale = 6, rc;
    int *first = strcmp(from, "SECOND") == 0 ? &scale : &precision;
    if ((rc = parse_opt_number(p, 0, 9, first)) != 0) return rc;
    if (accept_word(p, "TO")) {
        for (size_t i = 0; i < ARRAY_LEN(words) && !to; i++)
            if (accept_word(p, words[i])) to = words[i];
        if (!to) return parse_fail(p, "MONTH, HOUR, MINUTE or SECOND");
        if (strcmp(to, "SECOND") == 0 && (rc = parse_opt_number(p, 0, 9, &scale)) != 0) return rc;
    }
    for (int u = 0; u < (int)ARRAY_LEN(units); u++) {
        bool same_to = to ? units[u].to && strcmp(units[u].to, to) == 0 : !units[u].to;
        if (strcmp(units[u].from, from) != 0 || !same_to) continue;
        *ret = type_interval(p->arena, (enum interval_unit)u, precision, units[u].scale ? scale : 0,
                             true);
        return 0;
    }
    return parse_fail(p, "an interval such as DAY TO SECOND");
}

static int parse_nested(struct type_parser *p, enum type_kind kind, const struct type **ret) {
    const struct type *k, *v;
    int rc;
    if (!accept_char(p, '<')) return parse_fail(p, "\"<\"");
    if ((rc = parse_type(p, &k)) != 0) return rc;
    if (kind == TYPE_MAP) {
        if (!accept_char(p, ',')) return parse_fail(p, "\",\"");
        if ((rc = parse_type(p, &v)) != 0) return rc;
    }
    if (!accept_char(p, '>')) return parse_fail(p, "\">\"");
    if (kind == TYPE_ARRAY) *ret = type_array(p->arena, k, true);
    if (kind == TYPE_MULTISET) *ret = type_multiset(p->arena, k, true);
    if (kind == TYPE_MAP) *ret = type_map(p->arena, k, v, true);
    return 0;
}

struct row_field {
    const struct type *type;
    const char *name, *doc;
};

static int parse_field(struct type_parser *p, int i, char close, struct row_field *f) {
    skip_space(p);
    const char *start = p->pos;
    int rc = parse_name(p, &f->name);
    if (rc) return rc;
    skip_space(p);
    if (*p->pos == ',' || *p->pos == close || *p->pos == '<' || *p->pos == '(') {
        p->pos = start; /* that was the type itself */
        f->name = arena_printf(p->arena, "f%d", i);
    }
    if ((rc = parse_type(p, &f->type)) != 0) return rc;
    skip_space(p);
    f->doc = NULL;
    return *p->pos == '\'' ? parse_quoted(p, '\'', &f->doc) : 0;
}

/* ROW<a INT, b STRING 'comment'>, ROW(...), and ROW<INT, STRING> whose fields are f0, f1. */
static int parse_row(struct type_parser *p, const struct type **ret) {
    char close = accept_char(p, '<') ? '>' : accept_char(p, '(') ? ')' : 0;
    if (!close) return parse_fail(p, "\"<\" or \"(\"");
    AUTO_FREE struct row_field *fields = NULL;
    int n = 0, cap = 0, rc;
    bool any_doc = false;
    while (!accept_char(p, close)) {
        if (n && !accept_char(p, ',')) return parse_fail(p, "\",\"");
        if (n == TYPE_FIELDS_MAX) return parse_fail(p, "fewer fields (at most 4096)");
        MEM_GROW(fields, n, cap);
        if ((rc = parse_field(p, n, close, &fields[n])) != 0) return rc;
        any_doc |= fields[n++].doc != NULL;
    }
    const struct type **types = ARENA_NEW_N(p->arena, const struct type *, n + 1);
    const char **names = ARENA_NEW_N(p->arena, const char *, n + 1);
    const char **docs = any_doc ? ARENA_NEW_N(p->arena, const char *, n + 1) : NULL;
    for (int i = 0; i < n; i++) {
        types[i] = fields[i].type;
        names[i] = fields[i].name;
        if (docs) docs[i] = fields[i].doc;
    }
    struct type t = {.kind = TYPE_ROW, .nullable = true, .n_children = n};
    t.children = types;
    t.field_names = names;
    t.field_docs = docs;
    *ret = arena_dup(p->arena, &t, sizeof(t));
    return 0;
}

static int parse_base(struct type_parser *p, const struct type **ret) {
    static const struct {
        const char *word;
        enum type_kind kind;
    } words[] = {
        {"NULL", TYPE_NULL},
        {"BOOLEAN", TYPE_BOOLEAN},
        {"TINYINT", TYPE_TINYINT},
        {"SMALLINT", TYPE_SMALLINT},
        {"INT", TYPE_INT},
        {"INTEGER", TYPE_INT},
        {"BIGINT", TYPE_BIGINT},
        {"FLOAT", TYPE_FLOAT},
        {"DOUBLE", TYPE_DOUBLE},
        {"DECIMAL", TYPE_DECIMAL},
        {"DEC", TYPE_DECIMAL},
        {"NUMERIC", TYPE_DECIMAL},
        {"CHAR", TYPE_CHAR},
        {"CHARACTER", TYPE_CHAR},
        {"VARCHAR", TYPE_VARCHAR},
        {"STRING", TYPE_VARCHAR},
        {"BINARY", TYPE_BINARY},
        {"VARBINARY", TYPE_VARBINARY},
        {"BYTES", TYPE_VARBINARY},
        {"DATE", TYPE_DATE},
        {"TIME", TYPE_TIME},
        {"TIMESTAMP", TYPE_TIMESTAMP},
        {"TIMESTAMP_LTZ", TYPE_TIMESTAMP_LTZ},
        {"INTERVAL", TYPE_INTERVAL_DAY_TIME},
        {"ARRAY", TYPE_ARRAY},
        {"MAP", TYPE_MAP},
        {"MULTISET", TYPE_MULTISET},
        {"ROW", TYPE_ROW},
        {"VARIANT", TYPE_VARIANT},
        {"BITMAP", TYPE_BITMAP},
        {"SYMBOL", TYPE_SYMBOL},
        {"DESCRIPTOR", TYPE_DESCRIPTOR},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(words) && !accept_word(p, words[i].word))
        i++;
    if (i == ARRAY_LEN(words)) return parse_fail(p, "a data type");
    enum type_kind kind = words[i].kind;
    bool max = strcmp(words[i].word, "STRING") == 0 || strcmp(words[i].word, "BYTES") == 0;
    if (kind == TYPE_CHAR && accept_word(p, "VARYING")) kind = TYPE_VARCHAR;
    if (kind == TYPE_BINARY && accept_word(p, "VARYING")) kind = TYPE_VARBINARY;
    if (kind == TYPE_DOUBLE) (void)accept_word(p, "PRECISION");
    switch (kind) {
    case TYPE_DECIMAL:
        return parse_decimal(p, ret);
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        if (!max) return parse_text(p, kind, ret);
        *ret = type_of(kind);
        return 0;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return parse_time(p, kind, ret);
    case TYPE_INTERVAL_DAY_TIME:
        return parse_interval(p, ret);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
        return parse_nested(p, kind, ret);
    case TYPE_ROW:
        return parse_row(p, ret);
    default:
        *ret = type_of(kind);
        return 0;
    }
}

static int parse_null(struct type_parser *p, const struct type **t) {
    if (accept_word(p, "NOT")) {
        if (!accept_word(p, "NULL")) return parse_fail(p, "NULL");
        *t = type_with_null(p->arena, *t, false);
    } else if (accept_word(p, "NULL")) {
        *t = type_with_null(p->arena, *t, true);
    }
    return 0;
}

static int parse_type(struct type_parser *p, const struct type **ret) {
    if (++p->depth > TYPE_DEPTH_MAX) return parse_fail(p, "less nesting (at most 64 levels)");
    const struct type *t;
    int rc = parse_base(p, &t);
    if (rc == 0) rc = parse_null(p, &t);
    while (rc == 0) { /* INT ARRAY, INT MULTISET */
        if (accept_word(p, "ARRAY"))
            t = type_array(p->arena, t, true);
        else if (accept_word(p, "MULTISET"))
            t = type_multiset(p->arena, t, true);
        else
            break;
        rc = parse_null(p, &t);
    }
    p->depth--;
    if (rc == 0) *ret = t;
    return rc;
}

int type_parse(struct arena *a, const char *text, const struct type **ret_type, struct err *err) {
    struct type_parser p = {.arena = a, .text = text, .pos = text, .err = err};
    const struct type *t;
    int rc = parse_type(&p, &t);
    if (rc) return rc;
    skip_space(&p);
    if (strcmp(p.pos, "*ROWTIME*") == 0 || strcmp(p.pos, "*PROCTIME*") == 0) {
        t = type_with_time_attr(a, t, p.pos[1] == 'R' ? TIME_ATTR_ROWTIME : TIME_ATTR_PROCTIME);
        p.pos += strlen(p.pos);
    }
    if (*p.pos) return parse_fail(&p, "the end");
    *ret_type = t;
    return 0;
}
