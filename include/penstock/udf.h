/* penstock/udf.h - user-defined functions in C, C++, Rust or whatever speaks C's ABI. Stable:
 * libraries built for one version of the ABI go on working with every later Penstock that speaks
 * it. docs/udf.md is the guide, examples/udf-c and examples/udf-rust are complete libraries.
 *
 * A library is a shared object that exports, for each function f, an entry point
 *
 *     const struct penstock_udf *penstock_udf_f(uint32_t engine_abi);
 *
 * which returns a description that lives as long as the process. SQL names it:
 *
 *     CREATE FUNCTION f AS 'libmine.so';          -- penstock_udf_f
 *     CREATE FUNCTION g AS 'libmine.so#f';        -- the same function by another name
 *
 * Data crosses as Arrow arrays (https://arrow.apache.org/docs/format/CDataInterface.html), a whole
 * batch a call. Functions run in the worker's process: one that writes where it must not takes the
 * worker down with it. Calls on one struct penstock_udf_call come from one thread at a time, those
 * on different ones from several threads at once.
 */
#ifndef PENSTOCK_INCLUDE_PENSTOCK_UDF_H
#define PENSTOCK_INCLUDE_PENSTOCK_UDF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PENSTOCK_UDF_ABI 1

/* ---- Arrow's C data interface, as its specification declares it ---------------------------- */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/* ---- SQL types and Arrow formats ------------------------------------------------------------
 *
 *   BOOLEAN               b        DATE                    tdD   days since 1970-01-01
 *   TINYINT, SMALLINT     c, s     TIME                    ttm   ms of the day
 *   INT, BIGINT           i, l     TIMESTAMP(p), p <= 3    tsm:  ms since 1970-01-01 00:00:00
 *   FLOAT, DOUBLE         f, g     TIMESTAMP(p), p > 3     tsn:  ns; years 1678 to 2261
 *   DECIMAL(p, s)         d:p,s    TIMESTAMP_LTZ(p)        tsm:UTC, tsn:UTC
 *   CHAR, VARCHAR, STRING u        INTERVAL YEAR TO MONTH  tiM   months
 *   BINARY, BYTES         z        INTERVAL DAY TO SECOND  tDm   ms
 *   ARRAY<T>              +l       ROW<...>                +s
 *   MAP<K, V>             +m
 *
 * Arguments always come in these formats. Results may also be U, vu (strings), Z, vz (bytes) and +L
 * (arrays), if the function fills in ret_schema to say so. MULTISET, VARIANT and BITMAP can't
 * cross. Of arguments, `offset` is 0 at every level; buffers are aligned to their values; a
 * validity bitmap is NULL where nothing is NULL. */

struct penstock_udf_call {
    uint32_t size_bytes; /* of this struct: later engines append members */
    uint32_t overload;   /* which of the function's overloads is called */
    /* +s with a child for each argument. Borrowed, as result is: never release them. */
    const struct ArrowSchema *args;
    const struct ArrowSchema *result; /* of what eval or value gives; table: the +l */
    const char *time_zone;            /* the session's: "Europe/Paris" */
    void *state;                      /* the function's own, NULL at first */
    /* Says why the call fails, before it returns other than 0. row: of the batch, counted from 0;
     * -1: none in particular. The message is copied. */
    void (*fail)(struct penstock_udf_call *call, int64_t row, const char *message);
    void *engine; /* hands off */
};

/* ---- scalar and table functions -------------------------------------------------------------
 *
 * args: +s of the batch's rows. It is the engine's, which releases it after the call; a function
 * may move it (copy it and set release to NULL, as arrow-rs's from_raw does), and has to release
 * the copy before it returns: buffers are shared, not copied.
 *
 * Fills *ret, which is zeroed, with an array of args->length values; the engine copies and releases
 * it. *ret_schema, zeroed too, may be left so; else the engine releases it.
 *   scalar: one value for each row.
 *   table:  a list (+l) for each row, of the rows that it becomes: of +s for a ROW<...>, else of
 *           plain values. A NULL list counts as an empty one.
 * What comes back is checked for lengths, formats, offsets, NULLs, precision and UTF-8; that
 * buffers are as long as they should be can't be. Returns 0, or something else behind fail(). */
typedef int (*penstock_udf_eval)(struct penstock_udf_call *call, struct ArrowArray *args,
                                 struct ArrowArray *ret, struct ArrowSchema *ret_schema);

/* ---- aggregate functions --------------------------------------------------------------------
 *
 * An accumulator is acc_size_bytes of the engine's memory, zeroed and aligned to 8, one for each
 * group. The engine may move it (memcpy) between calls. It may point to memory that the library
 * allocates; then destroy, serialise and restore must be there. Without serialise, its bytes as
 * they stand go into checkpoints: no pointers then. open, close and call->state aren't used. */
struct penstock_udf_aggregate {
    uint32_t acc_size_bytes; /* 1 .. 4096 */
    uint32_t reserved;       /* 0 */
    /* NULL: zeroed is right. */
    void (*create)(struct penstock_udf_call *call, void *acc);
    /* NULL: nothing to free. Also of accumulators that are zeroed and were never created. */
    void (*destroy)(struct penstock_udf_call *call, void *acc);
    /* Folds row i of args into accs[i], in order; the same accumulator may occur many times. */
    int (*accumulate)(struct penstock_udf_call *call, void *const *accs, struct ArrowArray *args);
    /* Takes rows back that were accumulated. NULL: where input is updated, the engine keeps the
     * arguments of all rows of a group and folds them anew for each result. */
    int (*retract)(struct penstock_udf_call *call, void *const *accs, struct ArrowArray *args);
    /* dst[i] += src[i]; src[i] stays valid. Required: windows are put together of slices, and
     * batches are folded before they are exchanged. */
    int (*merge)(struct penstock_udf_call *call, void *const *dst, const void *const *src,
                 int64_t n);
    /* The accumulator as bytes, by calls of write(out, bytes, n); and back, into a zeroed one.
     * Bytes of a checkpoint may be older than the library: give them a version. */
    void (*serialise)(struct penstock_udf_call *call, const void *acc, void *out,
                      void (*write)(void *out, const void *bytes, size_t n));
    int (*restore)(struct penstock_udf_call *call, void *acc, const void *bytes, size_t n);
    /* Results of n accumulators, as eval gives them. */
    int (*value)(struct penstock_udf_call *call, const void *const *accs, int64_t n,
                 struct ArrowArray *ret, struct ArrowSchema *ret_schema);
};

/* ---- the description ------------------------------------------------------------------------ */

enum penstock_udf_kind {
    PENSTOCK_UDF_SCALAR = 1,
    PENSTOCK_UDF_TABLE = 2,
    PENSTOCK_UDF_AGGREGATE = 3
};

enum penstock_udf_flags {
    /* Equal arguments may give other results: never computed once for several calls. */
    PENSTOCK_UDF_NONDETERMINISTIC = 1,
    /* Scalar: NULL as soon as an argument is NULL. What the function gives for such rows is
     * ignored. Aggregate: such rows are left out. */
    PENSTOCK_UDF_STRICT = 2,
    /* Aggregate: the result depends on the order of rows, so it isn't split in two phases. */
    PENSTOCK_UDF_ORDERED = 4
};

struct penstock_udf_overload {
    /* Types as SQL writes them: "(STRING, BIGINT) -> STRING". "..." behind the last argument: any
     * number of it, none too. NOT NULL at an argument: a NULL is an error of its row; at the
     * result: promised. Table functions give "-> ROW<word STRING, length INT>", or a plain type for
     * one column. Arguments of other types are cast where Flink casts by itself: to wider types of
     * the same sort, exact numbers to DECIMAL, DOUBLE or FLOAT. Of several overloads the nearest is
     * taken, of equally near ones the first. */
    const char *signature;
    penstock_udf_eval eval;                         /* scalar, table */
    const struct penstock_udf_aggregate *aggregate; /* aggregate */
};

struct penstock_udf {
    uint32_t abi;        /* PENSTOCK_UDF_ABI */
    uint32_t size_bytes; /* sizeof(struct penstock_udf) */
    uint32_t kind;       /* enum penstock_udf_kind */
    uint32_t flags;      /* enum penstock_udf_flags */
    uint32_t n_overloads;
    uint32_t reserved; /* 0 */
    const struct penstock_udf_overload *overloads;
    const char *doc; /* for DESCRIBE FUNCTION; may be NULL */
    /* Around the calls of one use of the function in one task: open may set call->state. Both may
     * be NULL. close follows every open that returned 0. */
    int (*open)(struct penstock_udf_call *call);
    void (*close)(struct penstock_udf_call *call);
};

typedef const struct penstock_udf *(*penstock_udf_entry)(uint32_t engine_abi);

#if defined(__GNUC__) || defined(__clang__)
#define PENSTOCK_UDF_EXPORT __attribute__((visibility("default")))
#else
#define PENSTOCK_UDF_EXPORT
#endif

#ifdef __cplusplus
}
#endif

#endif
