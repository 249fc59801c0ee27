/* arrow.h - columns as Arrow arrays (C data interface) and back. Out: fixed-width buffers, bitmaps
 * and list offsets are shared, booleans and strings converted. In: everything is checked and
 * copied, so that nothing of the library's lives on in the engine. Formats by SQL type stand in
 * include/penstock/udf.h. */
#ifndef PENSTOCK_VECTOR_UDF_ARROW_H
#define PENSTOCK_VECTOR_UDF_ARROW_H

#include "include/penstock/udf.h"
#include "vector/column.h"

/* ERR_UNSUPPORTED names the type if values of it can't cross. */
int arrow_check_type(const struct type *t, struct err *err) ATTR_MUST_USE;
/* The Arrow format of a type; in arena a if it has parameters. */
const char *arrow_format(struct arena *a, const struct type *t);
/* In arena a; release does nothing. name is borrowed. */
void arrow_schema(struct arena *a, const struct type *t, const char *name, struct ArrowSchema *ret);
/* +s of several columns. */
void arrow_schema_row(struct arena *a, const struct type *const *types, int n,
                      struct ArrowSchema *ret);

/* Columns of n rows as one +s array. Its memory is arena a's or the columns', so it lives as long
 * as both; *released counts what has been given back, by whoever holds it. cols: NULL where n_cols
 * is 0. TIMESTAMPs in ns that don't fit into 64 bits: ERR_RUNTIME, *ret_row. */
int arrow_export(struct arena *a, const struct column *const *cols, int n_cols, uint32_t n,
                 int *released, struct ArrowArray *ret, uint32_t *ret_row,
                 struct err *err) ATTR_MUST_USE;

/* A column of n rows out of an array; array and schema stay the caller's, to release. schema may be
 * unset (release NULL): then the array has the type's own format. On failure *ret_row is the row
 * that is wrong, UINT32_MAX if it is none in particular. */
int arrow_import(const struct ArrowArray *array, const struct ArrowSchema *schema,
                 const struct type *t, uint32_t n, struct column *ret, uint32_t *ret_row,
                 struct err *err) ATTR_MUST_USE;

#endif
