/* partition.c - see partition.h. */
#include "connector/filesystem/partition.h"

#include "vector/func/tz.h"
#include "vector/text.h"
#include "vector/value.h"

#include <stdio.h>
#include <string.h>

static bool must_escape(unsigned char c) {
    return c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{}[]^", c);
}

void partition_escape(struct sv text, struct str *out) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (must_escape(c))
            str_addf(out, "%%%02X", c);
        else
            str_add_char(out, (char)c);
    }
}

static void unescape(struct sv text, struct str *out) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned v;
        char hex[3] = {0};
        if (text.ptr[i] == '%' && i + 2 < text.len) {
            memcpy(hex, text.ptr + i + 1, 2);
            if (strspn(hex, "0123456789abcdefABCDEF") == 2 && sscanf(hex, "%2x", &v) == 1) {
                str_add_char(out, (char)v);
                i += 2;
                continue;
            }
        }
        str_add_char(out, text.ptr[i]);
    }
}

const char *partition_find(struct arena *a, const char *path, const char *name) {
    AUTO_STR text = STR_INIT;
    const char *found = NULL;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        const char *eq = memchr(p, '=', n);
        /* The last segment is a file unless something follows it or there is no file. */
        if (eq) {
            str_clear(&text);
            unescape((struct sv){p, (size_t)(eq - p)}, &text);
            if (strcmp(str_text(&text), name) == 0) {
                str_clear(&text);
                unescape((struct sv){eq + 1, n - (size_t)(eq + 1 - p)}, &text);
                found = arena_strndup(a, str_text(&text), text.len);
            }
        }
        p += n;
        while (*p == '/')
            p++;
    }
    return found;
}

/* ---- values ---- */

static bool parse_timestamp(const struct type *t, const char *text, const struct tz *zone,
                            i128 *ret) {
    int64_t ms;
    int32_t ns;
    if (text_parse_timestamp(text, strlen(text), &ms, &ns, NULL) != TEXT_OK) return false;
    text_cut_timestamp(t->precision, &ms, &ns);
    if (t->kind == TYPE_TIMESTAMP_LTZ) ms = tz_local_to_utc(zone, ms);
    *ret = type_is_nanos(t) ? text_timestamp_ns(ms, ns) : ms;
    return true;
}

/* The value as one integer of its physical type. */
static bool parse_integral(const struct type *t, const char *text, const struct tz *zone,
                           i128 *ret) {
    static const int64_t max[] = {[TYPE_TINYINT] = INT8_MAX,
                                  [TYPE_SMALLINT] = INT16_MAX,
                                  [TYPE_INT] = INT32_MAX,
                                  [TYPE_BIGINT] = INT64_MAX};
    size_t n = strlen(text);
    int64_t v = 0;
    int32_t days = 0;
    switch (t->kind) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        if (text_parse_i64(text, n, -max[t->kind] - 1, max[t->kind], &v) != TEXT_OK) return false;
        break;
    case TYPE_DATE:
        if (text_parse_date(text, n, &days) != TEXT_OK) return false;
        v = days;
        break;
    case TYPE_TIME:
        if (text_parse_time(text, n, t->precision, &days) != TEXT_OK) return false;
        v = days;
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return parse_timestamp(t, text, zone, ret);
    case TYPE_DECIMAL:
        return text_parse_decimal(text, n, t->precision, t->scale, ret) == TEXT_OK;
    default:
        return false;
    }
    *ret = v;
    return true;
}

int partition_value(struct arena *a, const struct type *t, const char *text, const struct tz *zone,
                    const struct column **ret, struct err *err) {
    bool b;
    double d;
    i128 v;
    if (!text) {
        *ret = value_null(a, t);
    } else if (type_is_char(t)) {
        *ret = value_str(a, t, text, strlen(text));
    } else if (t->kind == TYPE_BOOLEAN && text_parse_bool(text, strlen(text), &b) == TEXT_OK) {
        *ret = value_bool(a, b);
    } else if (type_is_approx(t) && text_parse_f64(text, strlen(text), &d) == TEXT_OK) {
        *ret = value_f64(a, t, d);
    } else if (parse_integral(t, text, zone, &v)) {
        enum phys p = type_phys(t);
        *ret = p == PHYS_I128 ? value_i128(a, t, v) : value_int(a, t, (int64_t)v);
    } else {
        AUTO_STR name = STR_INIT;
        type_print(t, &name);
        return err_set(err, ERR_RECORD, "partition value '%s' is not a %s", text, str_text(&name));
    }
    return 0;
}

void partition_print(const char *name, const struct column *c, uint32_t row, const struct tz *zone,
                     const char *dflt, struct str *out) {
    AUTO_STR value = STR_INIT;
    bool valid = value_print(c, row, zone, &value);
    partition_escape(sv_from(name), out);
    str_add_char(out, '=');
    partition_escape(valid && value.len ? str_view(&value) : sv_from(dflt), out);
}

/* ---- time ---- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int partition_time(const char *partition, const char *pattern, int64_t *ret_ms, struct err *err) {
    struct arena a;
    arena_init(&a);
    AUTO_STR text = STR_INIT;
    int rc = 0;
    if (!pattern) {
        const char *eq = strchr(partition, '=');
        if (eq) unescape((struct sv){eq + 1, strcspn(eq + 1, "/")}, &text);
    }
    for (const char *p = pattern; p && *p && !rc;) {
        if (*p != '$') {
            str_add_char(&text, *p++);
            continue;
        }
        const char *from = ++p;
        while (is_name_char(*p))
            p++;
        const char *name = arena_strndup(&a, from, (size_t)(p - from));
        const char *value = partition_find(&a, partition, name);
        if (value)
            str_add(&text, value);
        else
            rc = err_set(err, ERR_RUNTIME,
                         "option 'partition.time-extractor.timestamp-pattern': partition '%s' has "
                         "no column '%s'",
                         partition, name);
    }
    int64_t ms;
    int32_t ns;
    if (!rc && text_parse_timestamp(str_text(&text), text.len, &ms, &ns, NULL) != TEXT_OK) {
        rc = err_set(err, ERR_RUNTIME,
                     "partition '%s': '%s' is not a time (yyyy-MM-dd HH:mm:ss); set "
                     "'partition.time-extractor.timestamp-pattern'",
                     partition, str_text(&text));
    }
    if (!rc) *ret_ms = ms;
    arena_release(&a);
    return rc;
}
