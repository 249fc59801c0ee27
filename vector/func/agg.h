/* agg.h - the table of aggregate functions. An aggregate folds rows into a fixed-size accumulator
 * that lives in a state row beside others; variable parts (MIN of strings, LISTAGG, COLLECT) are
 * blobs of the state's own allocator. DISTINCT and FILTER are the op's business: it removes
 * filtered rows, and folds only first occurrences (last retractions) for DISTINCT.
 *
 * One `const struct agg` each in vector/func/agg_*.c, plus one line in agg_list.def. */
#ifndef PENSTOCK_VECTOR_FUNC_AGG_H
#define PENSTOCK_VECTOR_FUNC_AGG_H

#include "vector/func/func.h"

/* Variable-size memory inside a state table: lives and is checkpointed with it. */
struct blob_alloc {
    void *(*alloc)(struct blob_alloc *self, size_t size_bytes);
    void (*free)(struct blob_alloc *self, void *p, size_t size_bytes);
};

enum { AGG_ARGS_MAX = 4 };

struct udf; /* vector/udf/udf.h */
struct udf_call;

/* A bound aggregate: function, argument and result types. Immutable. */
struct agg_call {
    const struct agg *agg;
    int n_args;
    const struct type *arg_types[AGG_ARGS_MAX];
    const struct type *ret_type;
    const struct column *consts[AGG_ARGS_MAX]; /* literal arguments (LISTAGG's separator) or NULL */
    bool distinct;                             /* the op's business */
    bool retract;                              /* input may carry -U and -D */
    uint32_t acc_size_bytes, acc_align;
    struct udf_call *udf; /* user-defined: what the library is called with */
};

enum agg_flags {
    AGG_MERGE = 1,     /* merge is there: local/global in two phases, slices of windows */
    AGG_RETRACT = 2,   /* update takes -U and -D rows by itself (SUM, COUNT, AVG) */
    AGG_ORDERED = 4,   /* the result depends on the order of rows (FIRST_VALUE, LISTAGG) */
    AGG_BLOB = 8,      /* accumulators hold blobs: save, load and free_acc matter */
    AGG_VALUES = 16,   /* where input retracts, the op keeps the values instead of an accumulator
                          and makes the result of those that `keep` names (worker/agg_values.h) */
    AGG_FREE_TYPE = 32 /* bind casts the argument, so the result type doesn't follow from it: a
                          plan's is taken as it is */
};

/* AGG_VALUES: which of a group's values the result is made of. */
enum agg_keep {
    AGG_KEEP_ALL, /* update and finish over all, in order of arrival; NULLs too */
    AGG_KEEP_FIRST,
    AGG_KEEP_LAST, /* the first or last to arrive that is not NULL is the result */
    AGG_KEEP_LEAST,
    AGG_KEEP_GREATEST /* the least or greatest is the result */
};

struct agg_bind {
    struct arena *arena;
    int n_args;
    const struct expr **args; /* entries may be replaced by casts */
    bool distinct, retract;
    bool grouped;          /* GROUP BY present: SUM, MIN ... of NOT NULL stay NOT NULL */
    struct agg_call *call; /* fill ret_type, acc_size_bytes, acc_align */
};

struct agg_rows {
    uint32_t n;
    const uint32_t *rows; /* row numbers in the argument columns; NULL = 0 .. n-1 */
    const struct column *const *args;
    const uint8_t *kinds; /* by row number; NULL = all +I. -U and -D retract */
    char *const *accs;    /* accumulator of the i-th row is accs[i] + acc_offset */
    uint32_t acc_offset;
    struct blob_alloc *blobs;
    const struct eval_env *env;
};

struct agg {
    const char *name; /* beginning with $: internal, not in the docs, not callable from SQL */
    const char *aliases, *signature, *doc;
    int min_args, max_args;
    unsigned flags;
    enum agg_keep keep;
    int (*bind)(struct agg_bind *ab, struct err *err);
    void (*init)(const struct agg_call *c, void *acc); /* acc is zeroed; NULL = zero is right */
    /* Folds rows in order; the same accumulator may occur many times in one call. */
    int (*update)(const struct agg_call *c, const struct agg_rows *r, struct err *err);
    /* dst[i] += src[i], each at acc_offset; sources stay valid. */
    int (*merge)(const struct agg_call *c, char *const *dst, const char *const *src,
                 uint32_t acc_offset, uint32_t n, struct blob_alloc *blobs, struct err *err);
    /* Results of n accumulators into an initialised column. */
    int (*finish)(const struct agg_call *c, char *const *accs, uint32_t acc_offset, uint32_t n,
                  struct column *ret, struct err *err);
    /* AGG_BLOB: the accumulator as bytes and back (partial results, checkpoints). Others are plain
     * memory of acc_size_bytes. */
    void (*save)(const struct agg_call *c, const void *acc, struct str *out);
    int (*load)(const struct agg_call *c, void *acc, struct sv bytes, struct blob_alloc *blobs,
                struct err *err);
    void (*free_acc)(const struct agg_call *c, void *acc, struct blob_alloc *blobs);
    const struct udf *udf; /* out of a library; NULL: built in */
};

const struct agg *agg_find(const char *name); /* ASCII case-insensitive; NULL if unknown */
const struct agg *const *agg_all(size_t *ret_n);
/* args' entries may be replaced by casts. */
int agg_bind(struct arena *a, const struct agg *agg, const struct expr **args, int n_args,
             bool distinct, bool retract, bool grouped, struct agg_call *ret,
             struct err *err) ATTR_MUST_USE;
/* {"fn": "SUM", "args": [types], "consts": [...], "distinct": bool, "retract": bool, "type": T,
 * "udf": "/path/lib.so#symbol"} */
cJSON *agg_call_to_json(const struct agg_call *c);
int agg_call_from_json(struct arena *a, const cJSON *j, struct agg_call *ret,
                       struct err *err) ATTR_MUST_USE;

#endif
