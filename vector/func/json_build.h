/* json_build.h - SQL values as JSON text, for JSON functions and aggregates. */
#ifndef PENSTOCK_VECTOR_FUNC_JSON_BUILD_H
#define PENSTOCK_VECTOR_FUNC_JSON_BUILD_H

#include "vector/column.h"

/* Appends the value ("null" for NULL). ERR_RUNTIME for NaN and infinities. a is scratch. */
int json_print_value(struct arena *a, const struct column *c, uint32_t row, struct str *out,
                     struct err *err) ATTR_MUST_USE;
/* ERR_VALIDATION where the type has no JSON form. */
int json_check_type(const struct type *t, struct err *err) ATTR_MUST_USE;

#endif
