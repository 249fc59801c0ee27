/* udf_int.h - a loaded function, shared by the files of vector/udf. */
#ifndef PENSTOCK_VECTOR_UDF_UDF_INT_H
#define PENSTOCK_VECTOR_UDF_UDF_INT_H

#include "include/penstock/udf.h"
#include "vector/udf/udf.h"

struct udf_overload {
    int n_args;
    const struct type **args;  /* nullability as declared */
    bool variadic;             /* the last one stands for any number of itself */
    const struct type *result; /* table: ARRAY of the rows */
};

struct udf {
    struct func func; /* scalar, table */
    struct agg agg;
    const struct penstock_udf *def;
    char *name, *ref, *signature;
    struct arena arena; /* types */
    enum udf_kind kind;
    uint32_t n_overloads;
    struct udf_overload *overloads;
    struct udf *next; /* of the registry */
};

enum { UDF_ARGS_MAX = 64, UDF_OVERLOADS_MAX = 256, UDF_ACC_MAX_BYTES = 4096 };

static inline const struct type *udf_arg_type(const struct udf_overload *o, int i) {
    return o->args[i < o->n_args ? i : o->n_args - 1];
}

/* One overload's signature; ERR_INVALID says what is wrong where. */
int udf_parse_signature(struct arena *a, const char *text, bool table, struct udf_overload *ret,
                        struct err *err) ATTR_MUST_USE;
/* The overload for arguments of these types, which may need casts; -1 if there is none. */
int udf_resolve(const struct udf *u, const struct expr *const *args, int n_args);
/* Casts the arguments to the overload's types. */
int udf_cast_args(struct arena *a, const struct udf_overload *o, const struct expr **args,
                  int n_args, struct err *err) ATTR_MUST_USE;
/* "no overload of f takes (...); it is f(INT) -> INT". */
int udf_no_overload(const struct udf *u, const struct expr *const *args, int n_args,
                    struct err *err);

/* A call as the library sees it, with its schemas and the error that it reports. */
struct udf_call {
    struct penstock_udf_call c;
    const struct udf *u;
    const struct udf_overload *overload;
    struct arena batch; /* what is exported, until the call returns: the caller clears it */
    int64_t fail_row;   /* -1: none in particular */
    char *fail_message;
    struct ArrowSchema args, result;
};
/* In arena a, as are its schemas. zone: of the session. */
struct udf_call *udf_call_new(struct arena *a, const struct udf *u, int overload,
                              const struct type *const *args, int n_args, const char *zone);
/* After the library returned rc: 0 or ERR_RUNTIME with its message; *ret_row as arrow_import. */
int udf_call_check(struct udf_call *c, int rc, uint32_t *ret_row, struct err *err) ATTR_MUST_USE;
/* Exports the arguments; NULLs in arguments that are declared NOT NULL are errors. */
int udf_call_export(struct udf_call *c, const struct column *const *cols, int n_cols, uint32_t n,
                    int *released, struct ArrowArray *ret, uint32_t *ret_row,
                    struct err *err) ATTR_MUST_USE;
/* Ends udf_call_export: gives the arguments back; an error if the library kept them. */
int udf_call_returned(struct udf_call *c, int *released, struct ArrowArray *args,
                      struct err *err) ATTR_MUST_USE;
/* Imports and releases what the library gave (rc 0), or just releases it. nullable: NULLs are let
 * through, whatever it promised. */
int udf_call_import(struct udf_call *c, int rc, struct ArrowArray *array,
                    struct ArrowSchema *schema, bool nullable, uint32_t n, struct column *ret,
                    uint32_t *ret_row, struct err *err) ATTR_MUST_USE;

/* Fill in u->func, u->agg from u->def. */
int udf_make_func(struct udf *u, struct err *err) ATTR_MUST_USE;
int udf_make_agg(struct udf *u, struct err *err) ATTR_MUST_USE;

#endif
