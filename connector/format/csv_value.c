/* csv_value.c - the text of a CSV field to a column, as Flink converts it. */
#include "connector/format/base64.h"
#include "connector/format/csv.h"
#include "connector/format/digits.h"
#include "connector/format/emit.h"
#include "connector/format/iso_time.h"
#include "vector/text.h"

#include <string.h>

static ATTR_COLD int bad_value(struct sv s, const char *what, struct err *err) {
    return err_set(err, ERR_RECORD, "'%.*s'%s is not %s", (int)MIN(s.len, 60), s.ptr,
                   s.len > 60 ? "..." : "", what);
}

static inline struct sv trim(struct sv s) {
    while (s.len && (unsigned char)s.ptr[0] <= ' ') {
        s.ptr++;
        s.len--;
    }
    while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static int int_value(const struct type *t, struct sv s, struct col_builder *b, struct err *err) {
    int64_t v;
    enum text_status st = TEXT_OK;
    if (!digits_plain(s.ptr, s.len, &v)) {
        s = trim(s);
        st = text_parse_i64_strict(s.ptr, s.len, &v);
    }
    switch (t->kind) {
    case TYPE_TINYINT:
        if (st != TEXT_OK || v != (int8_t)v) return bad_value(s, "a TINYINT", err);
        col_add_int(b, v);
        return 0;
    case TYPE_SMALLINT:
        if (st != TEXT_OK || v != (int16_t)v) return bad_value(s, "a SMALLINT", err);
        col_add_int(b, v);
        return 0;
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME:
        if (st != TEXT_OK) return bad_value(s, "a BIGINT", err);
        emit_i64(b, v);
        return 0;
    default:
        if (st != TEXT_OK || v != (int32_t)v) return bad_value(s, "an INT", err);
        emit_i32(b, (int32_t)v);
        return 0;
    }
}

static int decimal_value(const struct type *t, struct sv s, struct col_builder *b,
                         struct err *err) {
    i128 v;
    switch (text_parse_decimal(s.ptr, s.len, t->precision, t->scale, &v)) {
    case TEXT_OK:
        col_add_i128(b, v);
        return 0;
    case TEXT_OVERFLOW:
        emit_null(b);
        return 0;
    default:
        return bad_value(s, "a number", err);
    }
}

static int time_value(const struct type *t, struct sv s, struct col_builder *b, struct err *err) {
    static const int32_t unit[] = {1000, 100, 10, 1};
    int64_t ns;
    if (!iso_time(s.ptr, s.len, true, &ns)) return bad_value(s, "a TIME (HH:mm:ss[.f])", err);
    int32_t ms = (int32_t)(ns / 1000000), u = unit[MIN(t->precision, 3)];
    emit_i32(b, ms / u * u);
    return 0;
}

static int timestamp_value(const struct type *t, struct sv s, struct col_builder *b,
                           struct err *err) {
    bool ltz = t->kind == TYPE_TIMESTAMP_LTZ;
    int64_t ms;
    int32_t ns;
    s = trim(s);
    if (!iso_timestamp(s.ptr, s.len, ' ', false, ltz, &ms, &ns)) {
        return bad_value(s,
                         ltz ? "a TIMESTAMP_LTZ (yyyy-MM-dd HH:mm:ss[.f]Z)"
                             : "a TIMESTAMP (yyyy-MM-dd HH:mm:ss[.f])",
                         err);
    }
    emit_timestamp(b, ms, ns);
    return 0;
}

static int date_value(struct sv s, struct col_builder *b, struct err *err) {
    int32_t days;
    if (!iso_date(s.ptr, s.len, false, &days) &&
        (memchr(s.ptr, ' ', s.len) || text_parse_date(s.ptr, s.len, &days) != TEXT_OK))
        return bad_value(s, "a DATE (yyyy-MM-dd)", err);
    emit_i32(b, days);
    return 0;
}

static int bytes_value(struct sv s, struct col_builder *b, struct err *err) {
    AUTO_STR out = STR_INIT;
    str_reserve(&out, s.len + 4);
    long n = base64_decode(s.ptr, s.len, (uint8_t *)out.ptr);
    if (n < 0) return bad_value(s, "base64", err);
    col_add_str(b, out.ptr, (size_t)n);
    return 0;
}

/* The next element of a list; false behind the last. An empty text has none. */
static bool next_element(struct sv *rest, char delimiter, bool first, struct sv *ret) {
    if (!rest->ptr || (first && trim(*rest).len == 0)) return false;
    const char *d = memchr(rest->ptr, delimiter, rest->len);
    *ret = (struct sv){rest->ptr, d ? (size_t)(d - rest->ptr) : rest->len};
    *rest = d ? (struct sv){d + 1, rest->len - ret->len - 1} : (struct sv){0};
    return true;
}

static int array_value(const struct csv_options *o, const struct type *t, struct sv s, bool borrow,
                       struct col_builder *b, struct err *err) {
    struct sv e;
    for (bool first = true; next_element(&s, o->array_delimiter[0], first, &e); first = false) {
        int rc = csv_value(o, t->children[0], e, borrow, &b->children[0], err);
        if (rc) return rc;
    }
    col_close_row(b);
    return 0;
}

static int row_value(const struct csv_options *o, const struct type *t, struct sv s, bool borrow,
                     struct col_builder *b, struct err *err) {
    struct sv e;
    int n = 0;
    emit_row_begin(b);
    for (bool first = true; next_element(&s, o->array_delimiter[0], first, &e); first = false) {
        if (n < t->n_children) {
            int rc = csv_value(o, t->children[n], e, borrow, &b->children[n], err);
            if (rc) return rc;
        }
        n++;
    }
    if (!n) {
        emit_null(b);
        return 0;
    }
    if (n != t->n_children && !o->ignore_errors)
        return err_set(err, ERR_RECORD, "a ROW of %d fields has %d", t->n_children, n);
    for (; n < t->n_children; n++)
        emit_null(&b->children[n]);
    col_close_row(b);
    return 0;
}

static int any_value(const struct csv_options *o, const struct type *t, struct sv s, bool borrow,
                     struct col_builder *b, struct err *err) {
    double d;
    float f;
    struct sv text;
    switch (t->kind) {
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        if (borrow)
            emit_str_borrowed(b, s.ptr, s.len);
        else
            col_add_str(b, s.ptr, s.len);
        return 0;
    case TYPE_BOOLEAN:
        col_add_bool(b, sv_ieq(trim(s), "true"));
        return 0;
    case TYPE_FLOAT:
        text = trim(s);
        if (text_parse_f32(text.ptr, text.len, &f) != TEXT_OK) return bad_value(s, "a FLOAT", err);
        col_add_f64(b, f);
        return 0;
    case TYPE_DOUBLE:
        text = trim(s);
        if (text_parse_f64(text.ptr, text.len, &d) != TEXT_OK) return bad_value(s, "a DOUBLE", err);
        emit_f64(b, d);
        return 0;
    case TYPE_DECIMAL:
        return decimal_value(t, s, b, err);
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        return bytes_value(s, b, err);
    case TYPE_DATE:
        return date_value(s, b, err);
    case TYPE_TIME:
        return time_value(t, s, b, err);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return timestamp_value(t, s, b, err);
    case TYPE_ARRAY:
        return array_value(o, t, s, borrow, b, err);
    case TYPE_ROW:
        return row_value(o, t, s, borrow, b, err);
    case TYPE_NULL:
        emit_null(b);
        return 0;
    default:
        return int_value(t, s, b, err);
    }
}

int csv_value(const struct csv_options *o, const struct type *t, struct sv s, bool borrow,
              struct col_builder *b, struct err *err) {
    if ((o->null_literal && sv_eq_str(s, o->null_literal)) || (o->empty_is_null && !s.len)) {
        emit_null(b);
        return 0;
    }
    uint32_t n = b->col.n;
    int rc = any_value(o, t, s, borrow, b, err);
    if (unlikely(rc) && o->ignore_errors) {
        col_builder_truncate(b, n);
        emit_null(b);
        err_clear(err);
        return 0;
    }
    return rc;
}

static int simple_check(const struct type *t, struct err *err) {
    if (t->kind <= TYPE_INTERVAL_DAY_TIME && !(t->kind == TYPE_TIME && t->precision > 3)) return 0;
    AUTO_STR s = STR_INIT;
    type_print(t, &s);
    return err_set(err, ERR_UNSUPPORTED, "CSV can't carry a %s%s", str_text(&s),
                   t->kind == TYPE_TIME ? "; the precision of TIME is at most 3" : "");
}

int csv_type_check(const struct type *t, struct err *err) {
    if (t->kind != TYPE_ARRAY && t->kind != TYPE_ROW) return simple_check(t, err);
    int rc = 0;
    for (int i = 0; i < t->n_children && !rc; i++)
        rc = simple_check(t->children[i], err);
    return rc;
}
