/* json_write.c - see json_write.h. */
#include "connector/format/json_write.h"

#include "connector/format/base64.h"
#include "connector/format/iso_time.h"
#include "vector/text.h"

#include <math.h>
#include <string.h>

#define MS_PER_DAY 86400000ll

/* ---- strings ---- */

/* Whether any of 8 bytes is below 0x20, a quote or a backslash. */
static inline bool needs_escape8(uint64_t w) {
    const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
    uint64_t control = (w - ones * 0x20) & ~w;
    return (control | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high;
}

static void write_escape(unsigned char c, struct str *out) {
    static const char hex[] = "0123456789ABCDEF";
    static const char letter[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char e[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t n = 6;
    if (c == '"' || c == '\\' || (c < 32 && letter[c])) {
        e[1] = c < 32 ? letter[c] : (char)c;
        n = 2;
    }
    str_add_n(out, e, n);
}

void json_write_string(const char *p, size_t n, struct str *out) {
    str_reserve(out, n + 2);
    str_add_char(out, '"');
    const char *run = p, *end = p + n;
    while (p < end) {
        uint64_t w;
        if (end - p >= 8) {
            memcpy(&w, p, 8);
            if (!needs_escape8(w)) {
                p += 8;
                continue;
            }
        }
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == '"' || c == '\\') {
            str_add_n(out, run, (size_t)(p - run));
            write_escape(c, out);
            run = p + 1;
        }
        p++;
    }
    str_add_n(out, run, (size_t)(p - run));
    str_add_char(out, '"');
}

/* ---- numbers ---- */

/* digits * 10^-scale, as java.math.BigDecimal.toString. */
static void scientific(const char *digits, size_t n, bool negative, int scale, struct str *out) {
    long adjusted = (long)n - 1 - scale;
    if (negative) str_add_char(out, '-');
    str_add_char(out, digits[0]);
    if (n > 1) {
        str_add_char(out, '.');
        str_add_n(out, digits + 1, n - 1);
    }
    if (adjusted) str_addf(out, "E%+ld", adjusted);
}

void json_write_decimal(i128 v, int scale, bool plain, struct str *out) {
    if (v == 0) {
        str_add_char(out, '0');
        return;
    }
    while (v % 10 == 0) {
        v /= 10;
        scale--;
    }
    char tmp[TEXT_I128_MAX_BYTES + 40];
    bool negative = v < 0;
    size_t n = text_fmt_i128(tmp, negative ? -v : v);
    if (!plain && (scale < 0 || (long)n - 1 - scale < -6)) {
        scientific(tmp, n, negative, scale, out);
        return;
    }
    if (negative) str_add_char(out, '-');
    if (scale <= 0) {
        str_add_n(out, tmp, n);
        for (; scale < 0; scale++)
            str_add_char(out, '0');
        return;
    }
    if (n <= (size_t)scale) {
        str_add(out, "0.");
        for (size_t i = n; i < (size_t)scale; i++)
            str_add_char(out, '0');
        str_add_n(out, tmp, n);
    } else {
        str_add_n(out, tmp, n - (size_t)scale);
        str_add_char(out, '.');
        str_add_n(out, tmp + n - (size_t)scale, (size_t)scale);
    }
}

static void write_float(const struct column *c, uint32_t row, struct str *out) {
    char tmp[TEXT_F64_MAX_BYTES];
    bool finite;
    size_t n;
    if (c->phys == PHYS_F32) {
        float v = COL_DATA(c, float)[row];
        finite = isfinite(v);
        n = text_fmt_f32(tmp, v);
    } else {
        double v = COL_DATA(c, double)[row];
        finite = isfinite(v);
        n = text_fmt_f64(tmp, v);
    }
    if (!finite) str_add_char(out, '"'); /* NaN and Infinity have no JSON form */
    str_add_n(out, tmp, n);
    if (!finite) str_add_char(out, '"');
}

static void write_int(int64_t v, struct str *out) {
    char tmp[TEXT_I64_MAX_BYTES];
    str_add_n(out, tmp, text_fmt_i64(tmp, v));
}

/* ---- times ---- */

static void write_timestamp(const struct json_write_options *o, const struct column *c,
                            uint32_t row, struct str *out) {
    int64_t ms;
    int32_t ns = 0;
    if (c->phys == PHYS_I64)
        ms = COL_DATA(c, int64_t)[row];
    else
        text_timestamp_split(COL_DATA(c, i128)[row], &ms, &ns);
    char tmp[ISO_TIMESTAMP_MAX_BYTES + 4];
    tmp[0] = '"';
    size_t n = 1 + iso_fmt_timestamp(tmp + 1, ms, ns, o->time == JSON_TIME_SQL ? ' ' : 'T');
    if (c->type->kind == TYPE_TIMESTAMP_LTZ) tmp[n++] = 'Z';
    tmp[n++] = '"';
    str_add_n(out, tmp, n);
}

static void write_date(int32_t days, struct str *out) {
    char tmp[ISO_DATE_MAX_BYTES + 2] = "\"";
    size_t n = 1 + iso_fmt_date(tmp + 1, days);
    tmp[n++] = '"';
    str_add_n(out, tmp, n);
}

/* Whole seconds, as Flink's json writes TIME. */
static void write_time(int32_t ms, struct str *out) {
    char tmp[ISO_TIME_MAX_BYTES + 2] = "\"";
    size_t n = 1 + iso_fmt_time(tmp + 1, (int64_t)(ms / 1000) * 1000000000ll);
    tmp[n++] = '"';
    str_add_n(out, tmp, n);
}

/* ---- containers ---- */

static int write_array(const struct json_write_options *o, const struct column *c, uint32_t row,
                       struct str *out, struct err *err) {
    uint32_t from = COL_DATA(c, uint32_t)[row], to = COL_DATA(c, uint32_t)[row + 1];
    str_add_char(out, '[');
    for (uint32_t i = from; i < to; i++) {
        if (i > from) str_add_char(out, ',');
        int rc = json_write_value(o, &c->children[0], i, out, err);
        if (rc) return rc;
    }
    str_add_char(out, ']');
    return 0;
}

static int write_map(const struct json_write_options *o, const struct column *c, uint32_t row,
                     struct str *out, struct err *err) {
    uint32_t from = COL_DATA(c, uint32_t)[row], to = COL_DATA(c, uint32_t)[row + 1];
    const struct column *keys = &c->children[0];
    bool first = true;
    str_add_char(out, '{');
    for (uint32_t i = from; i < to; i++) {
        struct sv key = strv_sv(&COL_DATA(keys, struct strv)[i]);
        if (!col_is_valid(keys, i)) {
            if (o->null_key == JSON_NULL_KEY_DROP) continue;
            if (o->null_key == JSON_NULL_KEY_FAIL) {
                return err_set(err, ERR_RUNTIME,
                               "a MAP has a NULL key, which JSON can't carry; set "
                               "'map-null-key.mode' to DROP or LITERAL");
            }
            key = sv_from(o->null_key_literal);
        }
        if (!first) str_add_char(out, ',');
        first = false;
        json_write_string(key.ptr, key.len, out);
        str_add_char(out, ':');
        int rc = json_write_value(o, &c->children[1], i, out, err);
        if (rc) return rc;
    }
    str_add_char(out, '}');
    return 0;
}

static int write_nested_row(const struct json_write_options *o, const struct column *c,
                            uint32_t row, struct str *out, struct err *err) {
    bool first = true;
    str_add_char(out, '{');
    for (int i = 0; i < c->n_children; i++) {
        if (o->skip_null_fields && !col_is_valid(&c->children[i], row)) continue;
        if (!first) str_add_char(out, ',');
        first = false;
        const char *name = c->type->field_names[i];
        json_write_string(name, strlen(name), out);
        str_add_char(out, ':');
        int rc = json_write_value(o, &c->children[i], row, out, err);
        if (rc) return rc;
    }
    str_add_char(out, '}');
    return 0;
}

const struct sv *json_write_names(struct arena *a, const struct schema *s, const int *which,
                                  int n) {
    struct sv *names = ARENA_NEW_N(a, struct sv, n + 1);
    AUTO_STR text = STR_INIT;
    for (int i = 0; i < n; i++) {
        const char *name = s->fields[which[i]].name;
        str_clear(&text);
        json_write_string(name, strlen(name), &text);
        str_add_char(&text, ':');
        names[i] = (struct sv){arena_strndup(a, str_text(&text), text.len), text.len};
    }
    return names;
}

int json_write_row(const struct json_write_options *o, const struct column *cols,
                   const struct sv *names, int n, uint32_t row, struct str *out, struct err *err) {
    bool first = true;
    str_add_char(out, '{');
    for (int i = 0; i < n; i++) {
        if (o->skip_null_fields && !col_is_valid(&cols[i], row)) continue;
        if (!first) str_add_char(out, ',');
        first = false;
        str_add_sv(out, names[i]);
        int rc = json_write_value(o, &cols[i], row, out, err);
        if (rc) return rc;
    }
    str_add_char(out, '}');
    return 0;
}

static void write_text(const struct column *c, uint32_t row, struct str *out) {
    struct sv s = strv_sv(&COL_DATA(c, struct strv)[row]);
    if (type_is_char(c->type)) {
        json_write_string(s.ptr, s.len, out);
    } else {
        str_add_char(out, '"');
        base64_encode(s.ptr, s.len, out);
        str_add_char(out, '"');
    }
}

int json_write_value(const struct json_write_options *o, const struct column *c, uint32_t row,
                     struct str *out, struct err *err) {
    if (!col_is_valid(c, row)) {
        str_add_n(out, "null", 4);
        return 0;
    }
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        str_add(out, COL_DATA(c, uint8_t)[row] ? "true" : "false");
        return 0;
    case TYPE_TINYINT:
        write_int(COL_DATA(c, int8_t)[row], out);
        return 0;
    case TYPE_SMALLINT:
        write_int(COL_DATA(c, int16_t)[row], out);
        return 0;
    case TYPE_INT:
    case TYPE_INTERVAL_YEAR_MONTH:
        write_int(COL_DATA(c, int32_t)[row], out);
        return 0;
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME:
        write_int(COL_DATA(c, int64_t)[row], out);
        return 0;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        write_float(c, row, out);
        return 0;
    case TYPE_DECIMAL:
        json_write_decimal(COL_DATA(c, i128)[row], c->type->scale, o->plain_decimal, out);
        return 0;
    case TYPE_DATE:
        write_date(COL_DATA(c, int32_t)[row], out);
        return 0;
    case TYPE_TIME:
        write_time(COL_DATA(c, int32_t)[row], out);
        return 0;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        write_timestamp(o, c, row, out);
        return 0;
    case TYPE_ARRAY:
        return write_array(o, c, row, out, err);
    case TYPE_MAP:
    case TYPE_MULTISET:
        return write_map(o, c, row, out, err);
    case TYPE_ROW:
        return write_nested_row(o, c, row, out, err);
    default:
        write_text(c, row, out);
        return 0;
    }
}

int json_write_check(const struct type *t, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct json_node *nd;
    int rc = json_node_new(&a, t, &nd, err);
    arena_release(&a);
    return rc;
}
