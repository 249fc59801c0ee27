/* value.h - one typed value outside a column: literals, option values, test expectations. A value
 * is a one-row column owned by an arena, so that everything that works on columns works on it. */
#ifndef PENSTOCK_VECTOR_VALUE_H
#define PENSTOCK_VECTOR_VALUE_H

#include "vector/column.h"

/* In arena a; long string bytes are copied into the arena too. NULL values: valid bit 0. */
const struct column *value_null(struct arena *a, const struct type *t);
const struct column *value_bool(struct arena *a, bool v);
const struct column *value_int(struct arena *a, const struct type *t, int64_t v); /* I8..I64 */
const struct column *value_i128(struct arena *a, const struct type *t, i128 v);
const struct column *value_f64(struct arena *a, const struct type *t, double v);
const struct column *value_str(struct arena *a, const struct type *t, const char *p, size_t n);
const struct column *value_copy(struct arena *a, const struct column *src, uint32_t row);

/* Canonical text of a value: what Flink's SQL client shows (tableau result printer): TRUE, 1.0E7,
 * 2024-02-29, x'0102', +1 02:03:04.567, [1, NULL], {a=1, b=2}, (1, NULL). SQL NULL appends "NULL"
 * and returns false. tz: session zone for TIMESTAMP_LTZ (vector/func/tz.h); NULL = UTC. Appended.
 */
struct tz;
bool value_print(const struct column *c, uint32_t row, const struct tz *tz, struct str *out);
/* The text of Flink's print connector (Row.toString of the external Java values):
 * 2024-01-01T10:00, null, true, [1, null], {a=1}, +I[...] for rows inside. */
void value_print_java(const struct column *c, uint32_t row, const struct tz *tz, struct str *out);

/* Lossless JSON form for plans: null, or a string / number / array that value_from_json reads back
 * for the same type. */
cJSON *value_to_json(const struct column *c, uint32_t row);
int value_from_json(struct arena *a, const struct type *t, const cJSON *j,
                    const struct column **ret, struct err *err) ATTR_MUST_USE;

/* Row counts as text for people: Java's Double.toString / Float.toString. Appended. */
void f64_print_java(double v, struct str *out);
void f32_print_java(float v, struct str *out);
void decimal_print(i128 unscaled, int scale, struct str *out);

#endif
