/* json_write.h - column values as JSON text, byte for byte as Flink's json format writes them. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_JSON_WRITE_H
#define PENSTOCK_CONNECTOR_FORMAT_JSON_WRITE_H

#include "connector/format/json_read.h"

enum json_null_key { JSON_NULL_KEY_FAIL, JSON_NULL_KEY_DROP, JSON_NULL_KEY_LITERAL };

struct json_write_options {
    enum json_time_format time;
    enum json_null_key null_key;
    const char *null_key_literal;
    bool plain_decimal;    /* 100 rather than 1E+2 */
    bool skip_null_fields; /* of rows, at every level */
};

/* ERR_UNSUPPORTED / ERR_VALIDATION for types that JSON can't carry. */
int json_write_check(const struct type *t, struct err *err) ATTR_MUST_USE;

/* Appends the value of row. ERR_RUNTIME for a map's NULL key under JSON_NULL_KEY_FAIL. */
int json_write_value(const struct json_write_options *o, const struct column *c, uint32_t row,
                     struct str *out, struct err *err) ATTR_MUST_USE;
/* Appends an object of n named columns. names[i] are as json_write_names made them. */
int json_write_row(const struct json_write_options *o, const struct column *cols,
                   const struct sv *names, int n, uint32_t row, struct str *out,
                   struct err *err) ATTR_MUST_USE;
/* "\"name\":" for each name, in the arena. */
const struct sv *json_write_names(struct arena *a, const struct schema *s, const int *which, int n);

/* Appends a string literal with quotes, escaped as Jackson does: \b \t \n \f \r \" \\ and \u00XX.
 */
void json_write_string(const char *p, size_t n, struct str *out);
/* BigDecimal.toString (or toPlainString) without trailing zeros. */
void json_write_decimal(i128 unscaled, int scale, bool plain, struct str *out);

#endif
