/* opt.c - option tables: text to a typed field of a plain struct, with errors that say what was
 * expected. */
#include "base/core/opt.h"

#include "base/core/mem.h"
#include "base/core/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *opt_type_name(enum opt_type type) {
    static const char *const names[] = {"boolean",  "integer", "double", "string",
                                        "duration", "size",    "enum",   "character"};
    return (size_t)type < ARRAY_LEN(names) ? names[type] : "unknown";
}

/* ---- quantities: "<digits> <unit>" ----------------------------------------------------------- */

struct unit {
    const char *name;
    int64_t factor;
};

/* Durations in ns. Plurals are taken by stripping an 's' from words longer than two letters. */
static const struct unit duration_units[] = {
    {"", 1000000},
    {"ns", 1},
    {"nano", 1},
    {"nanosecond", 1},
    {"us", 1000},
    {"\xC2\xB5s", 1000},
    {"micro", 1000},
    {"microsecond", 1000},
    {"ms", 1000000},
    {"milli", 1000000},
    {"millisecond", 1000000},
    {"s", 1000000000},
    {"sec", 1000000000},
    {"second", 1000000000},
    {"m", 60 * INT64_C(1000000000)},
    {"min", 60 * INT64_C(1000000000)},
    {"minute", 60 * INT64_C(1000000000)},
    {"h", 3600 * INT64_C(1000000000)},
    {"hour", 3600 * INT64_C(1000000000)},
    {"d", 86400 * INT64_C(1000000000)},
    {"day", 86400 * INT64_C(1000000000)},
};

static const struct unit size_units[] = {
    {"", 1},
    {"b", 1},
    {"byte", 1},
    {"k", INT64_C(1) << 10},
    {"kb", INT64_C(1) << 10},
    {"kibibyte", INT64_C(1) << 10},
    {"m", INT64_C(1) << 20},
    {"mb", INT64_C(1) << 20},
    {"mebibyte", INT64_C(1) << 20},
    {"g", INT64_C(1) << 30},
    {"gb", INT64_C(1) << 30},
    {"gibibyte", INT64_C(1) << 30},
    {"t", INT64_C(1) << 40},
    {"tb", INT64_C(1) << 40},
    {"tebibyte", INT64_C(1) << 40},
};

static const struct unit *unit_find(const struct unit *units, size_t n, struct sv word) {
    for (int strip = 0; strip < 2; strip++) {
        for (size_t i = 0; i < n; i++) {
            if (sv_ieq(word, units[i].name)) return &units[i];
        }
        if (word.len <= 3 || (word.ptr[word.len - 1] | 32) != 's') break;
        word.len--;
    }
    return NULL;
}

static int64_t unit_scale(uint64_t n, int64_t factor, int64_t divisor, bool *ret_overflow) {
    /* Rounded up: half a millisecond must not become none. */
    unsigned __int128 total = (unsigned __int128)n * (unsigned __int128)factor;
    total = (total + (unsigned __int128)divisor - 1) / (unsigned __int128)divisor;
    *ret_overflow = total > INT64_MAX;
    return (int64_t)total;
}

static int parse_quantity(const char *text, const struct unit *units, size_t n_units,
                          int64_t divisor, const char *expected, int64_t *ret, struct err *err) {
    struct sv t = sv_trim(sv_from(text));
    size_t n = 0;
    uint64_t v = 0;
    bool overflow = false;
    for (; n < t.len && t.ptr[n] >= '0' && t.ptr[n] <= '9'; n++) {
        overflow |= __builtin_mul_overflow(v, (uint64_t)10, &v);
        overflow |= __builtin_add_overflow(v, (uint64_t)(t.ptr[n] - '0'), &v);
    }
    struct sv word = sv_trim((struct sv){t.ptr + n, t.len - n});
    const struct unit *u = n ? unit_find(units, n_units, word) : NULL;
    if (!u) return err_set(err, ERR_VALIDATION, "'%s' is no %s", text, expected);
    int64_t total = overflow ? 0 : unit_scale(v, u->factor, divisor, &overflow);
    if (overflow) return err_set(err, ERR_VALIDATION, "'%s' is too large", text);
    *ret = total;
    return 0;
}

int opt_parse_duration_ms(const char *text, int64_t *ret_ms, struct err *err) {
    return parse_quantity(text, duration_units, ARRAY_LEN(duration_units), 1000000,
                          "duration: expected a whole number and a unit (ms, s, min, h, d), "
                          "such as '10 s'",
                          ret_ms, err);
}

int opt_parse_size_bytes(const char *text, int64_t *ret_bytes, struct err *err) {
    return parse_quantity(text, size_units, ARRAY_LEN(size_units), 1,
                          "size: expected a whole number and a unit (b, kb, mb, gb, tb), "
                          "such as '64 mb'",
                          ret_bytes, err);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static int parse_bool(const char *text, bool *ret, struct err *err) {
    struct sv t = sv_trim(sv_from(text));
    if (sv_ieq(t, "true")) {
        *ret = true;
    } else if (sv_ieq(t, "false")) {
        *ret = false;
    } else {
        return err_set(err, ERR_VALIDATION, "'%s' is neither true nor false", text);
    }
    return 0;
}

static int parse_int(const char *text, int64_t *ret, struct err *err) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    bool any = end != text;
    while (isspace((unsigned char)*end))
        end++;
    if (!any || *end) return err_set(err, ERR_VALIDATION, "'%s' is no integer", text);
    if (errno) return err_set(err, ERR_VALIDATION, "'%s' doesn't fit 64 bits", text);
    *ret = v;
    return 0;
}

static int parse_double(const char *text, double *ret, struct err *err) {
    char *end;
    double v = strtod(text, &end);
    bool any = end != text;
    while (isspace((unsigned char)*end))
        end++;
    if (!any || *end || !isfinite(v))
        return err_set(err, ERR_VALIDATION, "'%s' is no number", text);
    *ret = v;
    return 0;
}

/* Resolves \t \n \r \0 \\ \' \" \uXXXX into one character. */
static int parse_char(const char *text, struct arena *arena, const char **ret, struct err *err) {
    AUTO_STR s = STR_INIT;
    size_t len = strlen(text);
    if (text[0] != '\\' || len == 1) {
        if (utf8_char_len(text, len) != len || len == 0)
            return err_set(err, ERR_VALIDATION, "'%s' must be one character", text);
        str_add(&s, text);
    } else if (text[1] == 'u' && len == 6 && strspn(text + 2, "0123456789abcdefABCDEF") == 4) {
        uint32_t cp = (uint32_t)strtoul(text + 2, NULL, 16);
        if (cp == 0) return err_set(err, ERR_VALIDATION, "'%s': NUL can't be used here", text);
        str_add_utf8(&s, cp);
    } else {
        const char *pos = len == 2 ? strchr("t\tn\nr\rb\bf\f\\\\''\"\"", text[1]) : NULL;
        if (!pos) {
            return err_set(err, ERR_VALIDATION,
                           "'%s' must be one character or an escape such as \\t or \\u0001", text);
        }
        str_add_char(&s, pos[1]);
    }
    *ret = arena_strdup(arena, str_text(&s));
    return 0;
}

static int parse_enum(const struct opt_row *row, const char *text, int *ret, struct err *err) {
    struct sv t = sv_trim(sv_from(text));
    AUTO_STR all = STR_INIT;
    for (int i = 0; row->choices[i]; i++) {
        if (sv_ieq(t, row->choices[i])) {
            *ret = i;
            return 0;
        }
        str_addf(&all, "%s%s", i ? ", " : "", row->choices[i]);
    }
    return err_set(err, ERR_VALIDATION, "'%s' is none of: %s", text, str_text(&all));
}

static int check_range(const struct opt_row *row, double v, const char *text, struct err *err) {
    if (!(row->min < row->max) || (v >= row->min && v <= row->max)) return 0;
    return err_set(err, ERR_VALIDATION, "'%s' is out of range: from %.15g to %.15g%s", text,
                   row->min, row->max,
                   row->type == OPT_DURATION ? " ms"
                   : row->type == OPT_SIZE   ? " bytes"
                                             : "");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int set_row(const struct opt_row *row, struct arena *arena, void *dst, const char *text,
                   struct err *err) {
    char *at = (char *)dst + row->offset;
    int64_t i = 0;
    double f = 0;
    int rc = 0;
    switch (row->type) {
    case OPT_BOOL: {
        bool b = false;
        rc = parse_bool(text, &b, err);
        if (!rc) memcpy(at, &b, sizeof(b));
        return rc;
    }
    case OPT_STRING: {
        const char *s = arena_strdup(arena, text);
        memcpy(at, &s, sizeof(s));
        return 0;
    }
    case OPT_CHAR: {
        const char *s = NULL;
        rc = parse_char(text, arena, &s, err);
        if (!rc) memcpy(at, &s, sizeof(s));
        return rc;
    }
    case OPT_ENUM: {
        int e = 0;
        rc = parse_enum(row, text, &e, err);
        if (!rc) memcpy(at, &e, sizeof(e));
        return rc;
    }
    case OPT_DOUBLE:
        rc = parse_double(text, &f, err);
        if (!rc) rc = check_range(row, f, text, err);
        if (!rc) memcpy(at, &f, sizeof(f));
        return rc;
    case OPT_INT:
        rc = parse_int(text, &i, err);
        break;
    case OPT_DURATION:
        rc = opt_parse_duration_ms(text, &i, err);
        break;
    case OPT_SIZE:
        rc = opt_parse_size_bytes(text, &i, err);
        break;
    }
    if (!rc) rc = check_range(row, (double)i, text, err);
    if (!rc) memcpy(at, &i, sizeof(i));
    return rc;
}

/* What a row without default starts with: 0, false, NULL; -1 for an enum. */
static void unset_row(const struct opt_row *row, void *dst) {
    static const size_t sizes[] = {
        [OPT_BOOL] = sizeof(bool),        [OPT_INT] = sizeof(int64_t),
        [OPT_DOUBLE] = sizeof(double),    [OPT_STRING] = sizeof(char *),
        [OPT_DURATION] = sizeof(int64_t), [OPT_SIZE] = sizeof(int64_t),
        [OPT_ENUM] = sizeof(int),         [OPT_CHAR] = sizeof(char *),
    };
    memset((char *)dst + row->offset, row->type == OPT_ENUM ? 0xFF : 0, sizes[row->type]);
}

void opt_defaults(const struct opt_table *t, void *dst) {
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct opt_row *row = &t->rows[i];
        char *at = (char *)dst + row->offset;
        struct err err = ERR_INIT;
        unset_row(row, dst);
        if (!row->dflt) continue;
        if (row->type == OPT_STRING) { /* the table's text lives as long as the process */
            memcpy(at, &row->dflt, sizeof(row->dflt));
        } else if (row->type == OPT_CHAR) {
            CHECKF(row->dflt[0] && row->dflt[0] != '\\' && !row->dflt[1],
                   "option %s: the default must be one plain character", row->name);
            memcpy(at, &row->dflt, sizeof(row->dflt));
        } else {
            int rc = set_row(row, NULL, dst, row->dflt, &err);
            CHECKF(rc == 0, "option %s: default: %s", row->name, err.msg);
        }
    }
}

const struct opt_row *opt_find(const struct opt_table *t, const char *name) {
    for (size_t i = 0; i < t->n_rows; i++) {
        if (strcmp(t->rows[i].name, name) == 0) return &t->rows[i];
    }
    return NULL;
}

bool opt_is_secret(const char *name) {
    /* Words are joined by - here, whatever joins them in the name. */
    static const char *const words[] = {"password",   "passwd",        "passphrase",   "secret",
                                        "token",      "credential",    "jaas",         "keytab",
                                        "apikey",     "api-key",       "accesskey",    "access-key",
                                        "privatekey", "private-key",   "keystore-key", "key-pem",
                                        "user-info",  "authorization", "cookie"};
    AUTO_STR joined = STR_INIT;
    for (const char *p = name; *p; p++)
        str_add_char(&joined, strchr("._", *p) ? '-' : (char)tolower((unsigned char)*p));
    const char *text = str_text(&joined);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(text, words[i])) return true;
    return false;
}

const char *opt_shown(const char *name, const char *value) {
    return opt_is_secret(name) ? "******" : value;
}

static int unknown_option(const struct opt_table *t, const char *name, struct err *err) {
    const char **names = mem_calloc(t->n_rows, sizeof(*names));
    for (size_t i = 0; i < t->n_rows; i++)
        names[i] = t->rows[i].name;
    const char *near = str_nearest(name, names, t->n_rows);
    free(names);
    if (near) {
        return err_set(err, ERR_VALIDATION, "unknown option '%s': did you mean '%s'?", name, near);
    }
    AUTO_STR all = STR_INIT;
    for (size_t i = 0; i < t->n_rows; i++)
        str_addf(&all, "%s%s", i ? ", " : "", t->rows[i].name);
    return err_set(err, ERR_VALIDATION, "unknown option '%s': there are: %s", name, str_text(&all));
}

int opt_set(const struct opt_table *t, struct arena *arena, void *dst, const char *name,
            const char *value, struct err *err) {
    const struct opt_row *row = opt_find(t, name);
    if (!row) return unknown_option(t, name, err);
    int rc = set_row(row, arena, dst, value, err);
    if (!rc) return 0;
    if (row->flags & OPT_SECRET) { /* the text above quotes the value */
        return err_set(err, rc, "option '%s': the value is no valid %s", name,
                       opt_type_name(row->type));
    }
    return err_wrap(err, "option '%s'", name);
}

int opt_check_required(const struct opt_table *t, const char *const *names, size_t n,
                       struct err *err) {
    AUTO_STR missing = STR_INIT;
    int count = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (!(t->rows[i].flags & OPT_REQUIRED)) continue;
        bool found = false;
        for (size_t j = 0; j < n && !found; j++)
            found = strcmp(names[j], t->rows[i].name) == 0;
        if (found) continue;
        str_addf(&missing, "%s'%s'", count++ ? ", " : "", t->rows[i].name);
    }
    if (!count) return 0;
    return err_set(err, ERR_VALIDATION, "required option%s missing: %s",
                   count > 1 ? "s are" : " is", str_text(&missing));
}
