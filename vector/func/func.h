/* func.h - the table of scalar functions, operators included ("+", "AND", "CAST", "CASE"). Each
 * function is one `const struct func func_x` in a .c of vector/func/, plus one line F(x) in
 * func_list.def. The table also makes docs/functions.md. Names are upper case; operators go by
 * their symbol. */
#ifndef PENSTOCK_VECTOR_FUNC_FUNC_H
#define PENSTOCK_VECTOR_FUNC_FUNC_H

#include "vector/expr.h"

struct tz;
struct udf; /* vector/udf/udf.h */

/* What evaluation depends on besides its input. One per job; immutable while it runs. */
struct eval_env {
    const struct tz *zone;  /* table.local-time-zone; never NULL */
    int64_t query_start_ms; /* CURRENT_TIMESTAMP etc. in batch mode */
    bool batch_mode;        /* NOW() is constant per query, else per row */
    bool legacy_cast;       /* table.exec.legacy-cast-behaviour */
};

struct kernel_call {
    uint32_t n; /* rows to compute */
    int32_t n_args;
    const struct column *const *args; /* see const_mask */
    uint32_t const_mask;              /* bit i: args[i] has one row, which stands for all; set only
                                         for functions with FUNC_CONST_ARGS */
    struct column *ret;               /* col_init'ed to the result type with n rows; for strict
                                         functions the bitmap is the AND of the arguments' */
    const struct expr *call;          /* types: call->type, call->args[i]->type */
    const struct eval_env *env;
    void *state;      /* from prepare, one per program */
    uint32_t err_row; /* set on failure: row within the call */
};

/* Computes ret from args for all n rows. Strict functions: rows that are NULL in some argument
 * hold unspecified input and must not raise errors; their result is ignored. They may clear further
 * validity bits (col_set_null). Non-strict ones set ret's validity themselves. Strings borrowed
 * from an argument: heap_borrow(col_heap(ret), arg's heap). Returns 0 or ERR_RUNTIME (the caller
 * adds the place). */
typedef int (*kernel_fn)(struct kernel_call *k, struct err *err);

/* One call being resolved. */
struct func_bind {
    struct arena *arena;
    const struct func *func;
    const char *name;      /* as found in the table */
    const struct type *to; /* CAST, TRY_CAST: the target (its nullability is the cast's business) */
    int n_args;
    const struct expr **args; /* typed; the function may replace an entry by a cast of it, or set
                                 another array (from the arena) and n_args */
    /* results */
    const struct type *ret_type;
    const struct expr *rewrite; /* if set, stands in place of the call */
};

enum func_flags {
    FUNC_STRICT = 1,           /* any NULL argument gives NULL; the framework handles validity */
    FUNC_CONST_ARGS = 2,       /* the kernel handles const_mask (and literals among arguments 32 and
                                  up, which have no bit). Never all arguments of a deterministic
                                  function at once, but for n = 1 */
    FUNC_NONDETERMINISTIC = 4, /* RAND, UUID: never folded, never shared */
    FUNC_DYNAMIC = 8,          /* NOW: constant within a query or row, never folded at plan time */
    FUNC_CAN_FAIL = 16,        /* may raise ERR_RUNTIME for some input */
    FUNC_LAZY = 32,  /* CASE, AND, OR, COALESCE, IF: compiled by program.c so that an argument that
                        can fail is evaluated only for the rows that need it */
    FUNC_HIDDEN = 64 /* internal; not callable from SQL, not in the docs */
};

struct func {
    const char *name;
    const char *aliases;    /* further names, comma-separated; NULL */
    const char *category;   /* for docs: "comparison", "logical", "arithmetic", "string", ... */
    const char *signature;  /* for docs: "SUBSTRING(string, start [, length])" */
    const char *doc;        /* one or two sentences */
    int min_args, max_args; /* max -1 = any number */
    unsigned flags;
    const char *args, *ret; /* for func_bind_spec (args.h): argument families, result type */
    /* Checks and coerces arguments, sets ret_type. ERR_VALIDATION names the function and the
     * argument types and the supported forms. */
    int (*bind)(struct func_bind *fb, struct err *err);
    kernel_fn kernel;                                  /* NULL: pick_kernel */
    kernel_fn (*pick_kernel)(const struct expr *call); /* by argument and result types */
    /* Once per compiled program: compile a regular expression, read literals. May be NULL. */
    int (*prepare)(const struct expr *call, const struct eval_env *env, void **ret_state,
                   struct err *err);
    void (*unprepare)(void *state);
    /* Refines FUNC_CAN_FAIL: whether this call may fail (a division by a literal can't). NULL: as
     * the flag says. */
    bool (*can_fail)(const struct expr *call);
    const struct udf *udf; /* out of a library; NULL: built in */
};

/* Of the call itself, its arguments left aside. */
bool func_call_can_fail(const struct expr *call);

/* By name or alias, ASCII case-insensitive; NULL if unknown. */
const struct func *func_find(const char *name);
/* Nearest known name for "did you mean", or NULL. */
const char *func_nearest(const char *name);
/* All, sorted by name (docs). */
const struct func *const *func_all(size_t *ret_n);

/* Resolves and makes the call expression; ERR_VALIDATION names function and argument types. */
int func_call(struct arena *a, const struct func *f, const struct expr **args, int n_args,
              const struct expr **ret, struct err *err) ATTR_MUST_USE;
int func_call_name(struct arena *a, const char *name, const struct expr **args, int n_args,
                   const struct expr **ret, struct err *err) ATTR_MUST_USE;
/* For bind: "Cannot apply 'ABS' to arguments of type 'ABS(<STRING>)'. Supported form(s): forms";
 * NULL takes the signature. Returns ERR_VALIDATION. */
int func_bind_fail(const struct func_bind *fb, const char *forms, struct err *err);
/* CAST (try_cast: NULL in place of an error) through bind of the function "CAST" or "TRY_CAST" with
 * fb->to set. ERR_VALIDATION if Flink has no such cast. */
int func_cast(struct arena *a, const struct expr *e, const struct type *to, bool try_cast,
              const struct expr **ret, struct err *err) ATTR_MUST_USE;

#endif
