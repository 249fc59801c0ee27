/* type.h - SQL types, as Flink names them. Types are immutable; compare with type_eq. Most are made
 * in an arena (a job's, a catalog's) and borrowed by everything that lives shorter. */
#ifndef PENSTOCK_VECTOR_TYPE_H
#define PENSTOCK_VECTOR_TYPE_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/json.h"

#include <stdbool.h>
#include <stdint.h>

/* Kind, name, physical representation (for TIMESTAMPs see type_phys). */
enum type_kind {
    TYPE_NULL, /* the type of a bare NULL literal; every value is NULL */
    TYPE_BOOLEAN,
    TYPE_TINYINT,
    TYPE_SMALLINT,
    TYPE_INT,
    TYPE_BIGINT,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL,   /* precision 1..38, scale 0..precision */
    TYPE_CHAR,      /* length in characters, 1..2^31-1 (0 only for the literal '') */
    TYPE_VARCHAR,   /* length; STRING = VARCHAR(2^31-1) */
    TYPE_BINARY,    /* length in bytes */
    TYPE_VARBINARY, /* BYTES = VARBINARY(2^31-1) */
    TYPE_DATE,
    TYPE_TIME,          /* precision 0..9, stored in ms */
    TYPE_TIMESTAMP,     /* WITHOUT TIME ZONE, precision 0..9 */
    TYPE_TIMESTAMP_LTZ, /* WITH LOCAL TIME ZONE, precision 0..9 */
    TYPE_INTERVAL_YEAR_MONTH,
    TYPE_INTERVAL_DAY_TIME,
    TYPE_ARRAY,    /* children[0] = element */
    TYPE_MAP,      /* children[0] = key, children[1] = value */
    TYPE_MULTISET, /* children[0] = element; stored as MAP<element, INT> */
    TYPE_ROW,      /* children = fields, field_names */
    TYPE_VARIANT,  /* JSON in its one canonical text: see vector/func/variant.h */
    TYPE_BITMAP,   /* a set of 32-bit integers: see vector/bitmap.h */
    TYPE_SYMBOL, /* a keyword argument (TRIM's BOTH, EXTRACT's unit, JSON flags); never a column */
    TYPE_DESCRIPTOR, /* DESCRIPTOR(col); never a column */
    TYPE_KIND_COUNT
};

/* How a column of a type lies in memory. */
enum phys {
    PHYS_NULL, /* no data */
    PHYS_BOOL, /* uint8_t 0 or 1 */
    PHYS_I8,
    PHYS_I16,
    PHYS_I32,  /* INT; DATE: days since 1970-01-01; TIME: ms of the day; INTERVAL YEAR TO MONTH:
                  months */
    PHYS_I64,  /* BIGINT; TIMESTAMP and TIMESTAMP_LTZ with precision <= 3: ms since the epoch;
                  INTERVAL DAY TO SECOND: ms */
    PHYS_I128, /* DECIMAL: unscaled value; TIMESTAMP and TIMESTAMP_LTZ with precision > 3: ns since
                  the epoch */
    PHYS_F32,
    PHYS_F64,
    PHYS_STR,  /* struct strv: CHAR, VARCHAR, VARIANT (UTF-8), BINARY, VARBINARY, BITMAP */
    PHYS_LIST, /* ARRAY: uint32_t offsets[n + 1] into children[0] */
    PHYS_MAP,  /* MAP, MULTISET: uint32_t offsets[n + 1] into children[0], children[1] */
    PHYS_ROW,  /* ROW: children in step with the parent; no data of its own */
    PHYS_COUNT
};

enum time_attr { TIME_ATTR_NONE, TIME_ATTR_ROWTIME, TIME_ATTR_PROCTIME };

enum {
    TYPE_LENGTH_MAX = 2147483647,
    TYPE_DECIMAL_PRECISION_MAX = 38,
    TYPE_TIMESTAMP_PRECISION_MAX = 9
};

struct type {
    enum type_kind kind;
    bool nullable;
    enum time_attr time_attr; /* on TIMESTAMP(3) / TIMESTAMP_LTZ(3) in a planner's schema only */
    int32_t precision;        /* DECIMAL, TIME, TIMESTAMP*, INTERVAL (leading); else 0 */
    int32_t scale;            /* DECIMAL; INTERVAL DAY TO SECOND: fraction digits; else 0 */
    int32_t length;           /* CHAR, VARCHAR, BINARY, VARBINARY; else 0 */
    uint8_t unit;             /* INTERVAL: enum interval_unit, its qualifier as declared */
    int32_t n_children;
    const struct type *const *children;
    const char *const *field_names; /* ROW; else NULL */
    const char *const *field_docs;  /* ROW; may be NULL */
};

enum interval_unit {
    IV_YEAR,
    IV_YEAR_MONTH,
    IV_MONTH,
    IV_DAY,
    IV_DAY_HOUR,
    IV_DAY_MINUTE,
    IV_DAY_SECOND,
    IV_HOUR,
    IV_HOUR_MINUTE,
    IV_HOUR_SECOND,
    IV_MINUTE,
    IV_MINUTE_SECOND,
    IV_SECOND
};

/* Static, nullable, with Flink's default precisions (DECIMAL(10, 0), TIMESTAMP(6), TIME(0),
 * STRING, BYTES, INTERVAL MONTH, INTERVAL SECOND(3)). Kinds with children have none here (NULL). */
const struct type *type_of(enum type_kind kind);
const struct type *type_of_not_null(enum type_kind kind);

const struct type *type_new(struct arena *a, enum type_kind kind, bool nullable);
const struct type *type_decimal(struct arena *a, int precision, int scale, bool nullable);
/* CHAR, VARCHAR, BINARY, VARBINARY */
const struct type *type_text(struct arena *a, enum type_kind kind, int length, bool nullable);
/* TIME, TIMESTAMP, TIMESTAMP_LTZ */
const struct type *type_time(struct arena *a, enum type_kind kind, int precision, bool nullable);
const struct type *type_interval(struct arena *a, enum interval_unit unit, int precision, int scale,
                                 bool nullable);
const struct type *type_array(struct arena *a, const struct type *elem, bool nullable);
const struct type *type_map(struct arena *a, const struct type *key, const struct type *value,
                            bool nullable);
const struct type *type_multiset(struct arena *a, const struct type *elem, bool nullable);
/* Arrays and names are copied. */
const struct type *type_row(struct arena *a, int n, const struct type *const *fields,
                            const char *const *names, bool nullable);
/* A copy with another nullability / time attribute; returns t itself where nothing changes. */
const struct type *type_with_null(struct arena *a, const struct type *t, bool nullable);
const struct type *type_with_time_attr(struct arena *a, const struct type *t, enum time_attr attr);
/* Deep copy into another arena. */
const struct type *type_copy(struct arena *a, const struct type *t);

enum phys type_phys(const struct type *t);
/* Children of a column of this type; differs from `children` for MULTISET, whose second one is the
 * count (INT NOT NULL). */
int type_stored_children(const struct type *t);
const struct type *type_stored_child(const struct type *t, int i);
int phys_size_bytes(enum phys p); /* per value; 0 for NULL, LIST, MAP, ROW */
const char *phys_name(enum phys p);

bool type_eq(const struct type *a, const struct type *b);             /* with nullability */
bool type_eq_ignore_null(const struct type *a, const struct type *b); /* at every level */
static inline bool type_is_int(const struct type *t) {
    return t->kind >= TYPE_TINYINT && t->kind <= TYPE_BIGINT;
}
static inline bool type_is_exact(const struct type *t) {
    return type_is_int(t) || t->kind == TYPE_DECIMAL;
}
static inline bool type_is_approx(const struct type *t) {
    return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE;
}
static inline bool type_is_numeric(const struct type *t) {
    return t->kind >= TYPE_TINYINT && t->kind <= TYPE_DECIMAL;
}
static inline bool type_is_char(const struct type *t) {
    return t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}
static inline bool type_is_binary(const struct type *t) {
    return t->kind == TYPE_BINARY || t->kind == TYPE_VARBINARY;
}
static inline bool type_is_timestamp(const struct type *t) {
    return t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_LTZ;
}
static inline bool type_is_interval(const struct type *t) {
    return t->kind == TYPE_INTERVAL_YEAR_MONTH || t->kind == TYPE_INTERVAL_DAY_TIME;
}
static inline bool type_is_nested(const struct type *t) {
    return t->kind >= TYPE_ARRAY && t->kind <= TYPE_ROW;
}
/* TIMESTAMP / TIMESTAMP_LTZ held in ns (PHYS_I128) rather than ms (PHYS_I64). */
static inline bool type_is_nanos(const struct type *t) {
    return type_is_timestamp(t) && t->precision > 3;
}

/* Calcite's least restrictive type as Flink applies it to CASE, IF, set operations, IN, VALUES, =;
 * NULL where there is none. Nullable if one of the types is. */
const struct type *type_least_restrictive(struct arena *a, const struct type *const *types, int n);
/* Flink's own common type: COALESCE, IFNULL, GREATEST, LEAST, functions on arrays and maps. */
const struct type *type_common(struct arena *a, const struct type *const *types, int n);
/* Both numeric, both character, both binary, both TIMESTAMP or TIMESTAMP_LTZ, ... */
bool type_same_family(const struct type *x, const struct type *y);

/* Precision and scale of DECIMAL arithmetic; integers count as DECIMAL(3 | 5 | 10 | 19, 0). */
struct decimal_spec {
    int precision, scale;
};
struct decimal_spec decimal_spec_of(const struct type *t); /* of an exact numeric type */
struct decimal_spec decimal_add_spec(struct decimal_spec x, struct decimal_spec y); /* +, - */
struct decimal_spec decimal_mul_spec(struct decimal_spec x, struct decimal_spec y);
struct decimal_spec decimal_div_spec(struct decimal_spec x, struct decimal_spec y);
struct decimal_spec decimal_mod_spec(struct decimal_spec x, struct decimal_spec y);
struct decimal_spec decimal_round_spec(struct decimal_spec x, int digits); /* ROUND, TRUNCATE */

/* Flink's text: "INT NOT NULL", "DECIMAL(10, 2)", "ROW<`a` INT, `b` STRING> NOT NULL",
 * "TIMESTAMP(3) *ROWTIME*". Appended. */
struct str;
void type_print(const struct type *t, struct str *out);
char *type_text_of(struct arena *a, const struct type *t);

/* Plan JSON: the same text without time attribute, parsed back by type_parse. Accepts every Flink
 * type text, with or without back-quotes. Error: ERR_PARSE with the column. */
int type_parse(struct arena *a, const char *text, const struct type **ret_type,
               struct err *err) ATTR_MUST_USE;

#endif
