/* csv.h - the parts of the csv format: options, values, writing. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_CSV_H
#define PENSTOCK_CONNECTOR_FORMAT_CSV_H

#include "base/core/arena.h"
#include "connector/format/format.h"

extern const struct format_desc format_csv;

struct csv_options {
    const char *delimiter, *quote, *escape, *array_delimiter; /* one character each */
    const char *null_literal;                                 /* or NULL */
    bool no_quote, comments, ignore_errors, scientific, trim, ignore_trailing, trailing_comma,
        fail_on_missing, empty_is_null, skip_first, multi_line;
};
int csv_options(const struct format_ctx *ctx, struct arena *a, struct csv_options *ret,
                struct err *err) ATTR_MUST_USE;

/* ---- csv_value.c ---- */

/* ERR_UNSUPPORTED for a column type that a CSV field can't hold; the elements of ARRAYs and the
 * fields of ROWs must be simple. */
int csv_type_check(const struct type *t, struct err *err) ATTR_MUST_USE;

/* Appends a field's text. ERR_RECORD: it is no t; b may have a partial value then. borrow: the text
 * outlives the column. */
int csv_value(const struct csv_options *o, const struct type *t, struct sv text, bool borrow,
              struct col_builder *b, struct err *err) ATTR_MUST_USE;

/* ---- csv_write.c ---- */

int csv_encoder_new(const struct format_ctx *ctx, struct encoder **ret, struct err *err);

#endif
