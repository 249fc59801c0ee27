/* udf.h - user-defined functions out of shared libraries (include/penstock/udf.h), as entries of
 * the same shape as the built-in ones: a struct func or a struct agg, which the binder, programs
 * and ops treat like any other. Libraries stay loaded for the life of the process; a function is
 * one entry however often it is asked for, so that equal calls compare equal. Any thread. */
#ifndef PENSTOCK_VECTOR_UDF_UDF_H
#define PENSTOCK_VECTOR_UDF_UDF_H

#include "vector/func/agg.h"

struct udf;

enum udf_kind { UDF_SCALAR, UDF_TABLE, UDF_AGGREGATE };

/* name: in SQL; ref: "/path/libmine.so#symbol", the path absolute. ERR_NOT_FOUND (no such file),
 * ERR_INVALID (no library, no such symbol, another ABI, a description that is wrong). */
int udf_load(const char *name, const char *ref, const struct udf **ret,
             struct err *err) ATTR_MUST_USE;

enum udf_kind udf_kind(const struct udf *u);
const char *udf_ref(const struct udf *u);
const char *udf_doc(const struct udf *u);       /* may be NULL */
const char *udf_signature(const struct udf *u); /* of all overloads: "f(INT) -> INT; ..." */
/* Scalar and table functions. A table function's result is an ARRAY of its rows. */
const struct func *udf_func(const struct udf *u);
const struct agg *udf_agg(const struct udf *u);

/* 'libmine.so#symbol' as it stands in SQL: the file and the symbol, "" if none is given. */
void udf_split(const char *text, struct sv *ret_file, struct sv *ret_symbol);
/* Whether a class name of CREATE FUNCTION names a library: it ends in .so or .so.N, before '#'. */
bool udf_is_library(const char *text);
/* The built-in function that does what a well-known Java class does; NULL if there is none. */
const char *udf_java_function(const char *class_name);

#endif
