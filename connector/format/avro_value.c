/* avro_value.c - see avro.h. The encoding: https://avro.apache.org/docs/1.11.1/specification,
 * "Binary Encoding". */
#include "connector/format/avro.h"
#include "connector/format/emit.h"

#include <string.h>

enum { VARINT_MAX_BYTES = 10, DECIMAL_MAX_BYTES = 16 };

/* ---- reading ---- */

static ATTR_COLD int too_short(struct avro_reader *r) {
    return err_set(r->err, ERR_RECORD, "the record ends within a value");
}

static int read_long(struct avro_reader *r, int64_t *ret) {
    uint64_t v = 0;
    for (int i = 0; i < VARINT_MAX_BYTES; i++) {
        if (r->at == r->end) return too_short(r);
        unsigned char byte = *r->at++;
        v |= (uint64_t)(byte & 127) << 7 * i;
        if (byte & 128) continue;
        *ret = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
        return 0;
    }
    return err_set(r->err, ERR_RECORD, "an integer of more than %d bytes", VARINT_MAX_BYTES);
}

static int read_bytes(struct avro_reader *r, struct sv *ret) {
    int64_t n = 0;
    int rc = read_long(r, &n);
    if (rc) return rc;
    if (n < 0 || n > r->end - r->at) return too_short(r);
    *ret = (struct sv){(const char *)r->at, (size_t)n};
    r->at += n;
    return 0;
}

static int read_fixed(struct avro_reader *r, void *to, size_t n) {
    if ((size_t)(r->end - r->at) < n) return too_short(r);
    memcpy(to, r->at, n);
    r->at += n;
    return 0;
}

/* Integers of all sizes, dates, times of day. */
static int read_integer(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    int64_t v = 0, max = INT64_MAX;
    int rc = read_long(r, &v);
    if (rc) return rc;
    if (t->kind == TYPE_TINYINT) max = INT8_MAX;
    if (t->kind == TYPE_SMALLINT) max = INT16_MAX;
    if (t->kind == TYPE_INT || t->kind == TYPE_DATE || t->kind == TYPE_TIME) max = INT32_MAX;
    if (v > max || v < -max - 1)
        return err_set(r->err, ERR_RECORD, "%lld is out of range", (long long)v);
    if (b) col_add_int(b, v);
    return 0;
}

static int read_timestamp(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    int64_t v = 0;
    int rc = read_long(r, &v);
    if (rc || !b) return rc;
    if (t->precision <= 3)
        emit_timestamp(b, v, 0);
    else
        col_add_i128(b, (i128)v * 1000);
    return 0;
}

static int read_decimal(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    struct sv s = {NULL, 0};
    int rc = read_bytes(r, &s);
    if (rc || !b) return rc;
    if (s.len > DECIMAL_MAX_BYTES)
        return err_set(r->err, ERR_RECORD, "a decimal of %zu bytes", s.len);
    unsigned __int128 v = s.len && (signed char)s.ptr[0] < 0 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | (unsigned char)s.ptr[i];
    i128 limit = 1, x = (i128)v;
    for (int i = 0; i < t->precision; i++)
        limit *= 10;
    if (x >= limit || x <= -limit)
        col_add_null(b); /* as Flink */
    else
        col_add_i128(b, x);
    return 0;
}

static int read_number(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    if (t->kind == TYPE_FLOAT) {
        float f = 0;
        int rc = read_fixed(r, &f, sizeof f);
        if (!rc && b) col_add_f64(b, (double)f);
        return rc;
    }
    double d = 0;
    int rc = read_fixed(r, &d, sizeof d);
    if (!rc && b) col_add_f64(b, d);
    return rc;
}

/* Blocks of items, each with its count; a negative one is followed by the block's bytes. */
static int read_items(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    bool map = t->kind != TYPE_ARRAY;
    for (;;) {
        int64_t n = 0, bytes;
        int rc = read_long(r, &n);
        if (!rc && n < 0) {
            rc = read_long(r, &bytes);
            n = n == INT64_MIN ? INT64_MAX : -n;
        }
        if (rc) return rc;
        if (!n) break;
        if (n > r->end - r->at) return too_short(r);
        for (int64_t i = 0; i < n && !rc; i++) {
            if (map) {
                struct sv key;
                rc = read_bytes(r, &key);
                if (!rc && b) col_add_str(&b->children[0], key.ptr, key.len);
            }
            if (!rc) rc = avro_read(r, type_stored_child(t, map), b ? &b->children[map] : NULL);
        }
        if (rc) return rc;
    }
    if (b) col_close_row(b);
    return 0;
}

static int read_row(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    int rc = 0;
    for (int i = 0; i < t->n_children && !rc; i++) {
        rc = avro_read(r, t->children[i], b ? &b->children[i] : NULL);
        if (rc) return err_wrap(r->err, "field '%s'", t->field_names[i]);
    }
    if (b) col_close_row(b);
    return 0;
}

static int read_boolean(struct avro_reader *r, struct col_builder *b) {
    unsigned char v = 0;
    int rc = read_fixed(r, &v, 1);
    if (!rc && v > 1) rc = err_set(r->err, ERR_RECORD, "%d is no boolean", v);
    if (!rc && b) col_add_bool(b, v);
    return rc;
}

int avro_read(struct avro_reader *r, const struct type *t, struct col_builder *b) {
    if (t->nullable) {
        int64_t branch = 0;
        int rc = read_long(r, &branch);
        if (!rc && branch != 0 && branch != 1)
            rc = err_set(r->err, ERR_RECORD, "a union of two types has no branch %lld",
                         (long long)branch);
        if (rc) return rc;
        if (!branch) {
            if (b) col_add_null(b);
            return 0;
        }
    }
    struct sv s = {NULL, 0};
    int rc;
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return read_boolean(r, b);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return read_number(r, t, b);
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        rc = read_bytes(r, &s);
        if (!rc && b) col_add_str(b, s.ptr, s.len);
        return rc;
    case TYPE_DECIMAL:
        return read_decimal(r, t, b);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return read_timestamp(r, t, b);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
        return read_items(r, t, b);
    case TYPE_ROW:
        return read_row(r, t, b);
    default:
        return read_integer(r, t, b);
    }
}

/* ---- writing ---- */

static void write_long(int64_t v, struct str *out) {
    uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; z >= 128; z >>= 7)
        str_add_char(out, (char)(z | 128));
    str_add_char(out, (char)z);
}

static void write_bytes(struct sv s, struct str *out) {
    write_long((int64_t)s.len, out);
    str_add_sv(out, s);
}

/* As few bytes as hold the sign. */
static void write_decimal(i128 v, struct str *out) {
    char bytes[DECIMAL_MAX_BYTES];
    for (int i = 0; i < DECIMAL_MAX_BYTES; i++)
        bytes[i] = (char)(v >> 8 * (DECIMAL_MAX_BYTES - 1 - i));
    int from = 0;
    while (from < DECIMAL_MAX_BYTES - 1 && (bytes[from] == 0 || bytes[from] == -1) &&
           (bytes[from] < 0) == (bytes[from + 1] < 0))
        from++;
    write_bytes((struct sv){bytes + from, (size_t)(DECIMAL_MAX_BYTES - from)}, out);
}

static void write_timestamp(const struct column *c, uint32_t row, struct str *out) {
    if (c->phys == PHYS_I64) {
        write_long(COL_DATA(c, int64_t)[row], out);
        return;
    }
    i128 ns = COL_DATA(c, i128)[row], us = ns / 1000;
    write_long((int64_t)(us * 1000 > ns ? us - 1 : us), out);
}

static int write_items(const struct type *t, const struct column *c, uint32_t row, struct str *out,
                       struct err *err) {
    bool map = c->phys == PHYS_MAP;
    const uint32_t *offsets = COL_DATA(c, uint32_t);
    uint32_t from = offsets[row], to = offsets[row + 1];
    if (to > from) write_long(to - from, out);
    int rc = 0;
    for (uint32_t i = from; i < to && !rc; i++) {
        if (map) {
            const struct column *keys = &c->children[0];
            if (!col_is_valid(keys, i))
                return err_set(err, ERR_RECORD, "a map with a NULL key can't be written as Avro");
            write_bytes(strv_sv(&COL_DATA(keys, struct strv)[i]), out);
        }
        rc = avro_write(type_stored_child(t, map), &c->children[map], i, out, err);
    }
    str_add_char(out, 0);
    return rc;
}

int avro_write(const struct type *t, const struct column *c, uint32_t row, struct str *out,
               struct err *err) {
    bool valid = col_is_valid(c, row);
    if (t->nullable) {
        write_long(valid, out);
        if (!valid) return 0;
    }
    int rc = 0;
    switch (c->phys) {
    case PHYS_BOOL:
        str_add_char(out, (char)COL_DATA(c, uint8_t)[row]);
        return 0;
    case PHYS_I8:
        write_long(COL_DATA(c, int8_t)[row], out);
        return 0;
    case PHYS_I16:
        write_long(COL_DATA(c, int16_t)[row], out);
        return 0;
    case PHYS_I32:
        write_long(COL_DATA(c, int32_t)[row], out);
        return 0;
    case PHYS_F32:
        str_add_n(out, &COL_DATA(c, float)[row], 4);
        return 0;
    case PHYS_F64:
        str_add_n(out, &COL_DATA(c, double)[row], 8);
        return 0;
    case PHYS_STR:
        write_bytes(strv_sv(&COL_DATA(c, struct strv)[row]), out);
        return 0;
    case PHYS_LIST:
    case PHYS_MAP:
        return write_items(t, c, row, out, err);
    case PHYS_ROW:
        for (int i = 0; i < c->n_children && !rc; i++)
            rc = avro_write(t->children[i], &c->children[i], row, out, err);
        return rc;
    default:
        if (c->type->kind == TYPE_DECIMAL)
            write_decimal(COL_DATA(c, i128)[row], out);
        else
            write_timestamp(c, row, out); /* and BIGINT */
        return 0;
    }
}

/* ---- types ---- */

static int no_type(const struct type *t, const char *why, struct err *err) {
    AUTO_STR name = STR_INIT;
    type_print(t, &name);
    return err_set(err, ERR_UNSUPPORTED, "Avro has no %s%s", str_text(&name), why);
}

int avro_check_type(const struct type *t, bool legacy, struct err *err) {
    int rc = 0;
    switch (t->kind) {
    case TYPE_TIMESTAMP:
        if (t->precision > (legacy ? 3 : 6))
            return no_type(t,
                           legacy ? ": at most TIMESTAMP(3), or TIMESTAMP(6) with "
                                    "'avro.timestamp_mapping.legacy' = 'false'"
                                  : ": at most TIMESTAMP(6)",
                           err);
        return 0;
    case TYPE_TIMESTAMP_LTZ:
        if (legacy) return no_type(t, " unless 'avro.timestamp_mapping.legacy' is 'false'", err);
        return t->precision > 6 ? no_type(t, ": at most TIMESTAMP_LTZ(6)", err) : 0;
    case TYPE_TIME:
        return t->precision > 3 ? no_type(t, ": at most TIME(3)", err) : 0;
    case TYPE_MAP:
    case TYPE_MULTISET:
        if (!type_is_char(t->children[0])) return no_type(t, ": a map's key must be a string", err);
        return t->kind == TYPE_MAP ? avro_check_type(t->children[1], legacy, err) : 0;
    case TYPE_ARRAY:
    case TYPE_ROW:
        for (int i = 0; i < t->n_children && !rc; i++)
            rc = avro_check_type(t->children[i], legacy, err);
        return rc;
    default:
        return t->kind >= TYPE_BOOLEAN && t->kind <= TYPE_DATE ? 0 : no_type(t, "", err);
    }
}
