/* json_scalar.h - one JSON scalar to a column of a scalar type. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_JSON_SCALAR_H
#define PENSTOCK_CONNECTOR_FORMAT_JSON_SCALAR_H

#include "connector/format/json_read.h"

/* Appends the value at the cursor and moves on; containers become text in a string column. */
int json_scalar(struct json_reader *r, const struct type *t, struct col_builder *b) ATTR_MUST_USE;
/* ERR_UNSUPPORTED for a type that has no JSON form. */
int json_scalar_check(const struct type *t, struct err *err) ATTR_MUST_USE;
/* Whether an unquoted token is true, false, null or a number of JSON's grammar. */
bool json_scalar_valid(struct sv token);

#endif
