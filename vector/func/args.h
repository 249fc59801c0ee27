/* args.h - what most functions share: signatures as short texts in place of bind functions, reading
 * arguments (constant or not), and writing string results. */
#ifndef PENSTOCK_VECTOR_FUNC_ARGS_H
#define PENSTOCK_VECTOR_FUNC_ARGS_H

#include "base/core/mem.h"
#include "vector/func/func.h"
#include "vector/text.h"

/* A bind by func.args and func.ret.
 *
 * args: one letter, or several in brackets, for each argument; the last stands for all further
 * ones.
 *   c character string     b byte string         n any number, as it is
 *   i integer, cast to INT l integer, cast to BIGINT   f number, cast to DOUBLE
 *   B boolean              d DATE   t TIME   T TIMESTAMP   z TIMESTAMP_LTZ   v interval
 *   a array  m map  r row  V VARIANT  S BITMAP  y symbol  x anything
 * A bare NULL goes for any and is cast to the first letter's type.
 * ret: a type text, or @N for argument N's type, or @vN for it as VARCHAR / VARBINARY of the same
 * length. NULL if some argument may be NULL; with '?' behind always, with '!' never. */
int func_bind_spec(struct func_bind *fb, struct err *err);
/* Only the check and the casts of func_bind_spec. */
int args_check(struct func_bind *fb, const char *spec, struct err *err) ATTR_MUST_USE;
bool args_nullable(const struct func_bind *fb); /* some argument may be NULL */
/* Casts argument i; ERR_VALIDATION if there is no such cast. */
int args_cast(struct func_bind *fb, int i, const struct type *to, struct err *err) ATTR_MUST_USE;
const struct type *args_type(struct arena *a, const char *text, bool nullable);

/* The text of a literal argument; false if it is no literal or NULL. */
bool args_literal(const struct expr *call, int i, struct sv *ret);
/* The keyword of a symbol argument. */
struct sv args_symbol(const struct expr *call, int i);
/* Index of the symbol's word in a NULL-terminated list, -1 if absent. */
int args_symbol_index(const struct expr *call, int i, const char *const *words);

/* Argument i at kernel time: constants have one row that stands for all (step 0). */
struct arg {
    const struct column *col;
    const void *data;
    uint32_t step;
};

static inline struct arg kernel_arg(const struct kernel_call *k, int i) {
    return (struct arg){k->args[i], k->args[i]->data, i < 32 && (k->const_mask >> i & 1) ? 0 : 1};
}
static inline bool arg_const(const struct arg *a) {
    return a->step == 0;
}
static inline const struct strv *arg_strv(const struct arg *a, uint32_t row) {
    return (const struct strv *)a->data + row * a->step;
}
static inline struct sv arg_sv(const struct arg *a, uint32_t row) {
    return strv_sv(arg_strv(a, row));
}
/* While row is worked on: the bytes of a later one's string come nearer. Texts are often shared,
 * and lie anywhere. */
static inline void arg_prefetch(const struct arg *a, uint32_t row, uint32_t n) {
    enum { AHEAD = 8 };
    if (!a->step || n - row <= AHEAD) return;
    const char *p =
        arg_strv(a, row + AHEAD)->u.ref.ptr; /* of a short one: nonsense, which does no harm */
    mem_prefetch(p);
    mem_prefetch(p + 64);
}
static inline int32_t arg_i32(const struct arg *a, uint32_t row) {
    return ((const int32_t *)a->data)[row * a->step];
}
static inline int64_t arg_i64(const struct arg *a, uint32_t row) {
    return ((const int64_t *)a->data)[row * a->step];
}
static inline double arg_f64(const struct arg *a, uint32_t row) {
    return ((const double *)a->data)[row * a->step];
}
static inline bool arg_bool(const struct arg *a, uint32_t row) {
    return ((const uint8_t *)a->data)[row * a->step];
}
static inline bool arg_valid(const struct arg *a, uint32_t row) {
    return col_is_valid(a->col, row * a->step);
}
static inline uint32_t arg_row(const struct arg *a, uint32_t row) {
    return row * a->step;
}

/* Results of PHYS_STR. */
#define RET_STR(k) ((struct strv *)(k)->ret->data)
static inline void ret_copy(struct kernel_call *k, struct heap *h, uint32_t row, const char *p,
                            size_t n) {
    RET_STR(k)[row] = strv_copy(h, p, (uint32_t)n);
}
/* A piece of argument a, which ret_borrow made the result keep alive. A constant argument's bytes
 * live in the program, longer than any batch it makes need not: they are copied. */
static inline void ret_piece(struct kernel_call *k, const struct arg *a, struct heap *h,
                             uint32_t row, const char *p, size_t n) {
    RET_STR(k)[row] = arg_const(a) ? strv_copy(h, p, (uint32_t)n) : strv_borrow(p, (uint32_t)n);
}
static inline struct heap *ret_borrow(struct kernel_call *k, const struct arg *a) {
    struct heap *h = col_heap(k->ret);
    if (!arg_const(a)) heap_borrow(h, a->col->heap);
    return h;
}
static inline void ret_null(struct kernel_call *k, uint32_t row) {
    RET_STR(k)[row] = (struct strv){0};
    col_set_null(k->ret, row);
}

/* The call fails at this row; for `return kernel_fail(...)`. */
int kernel_fail(struct kernel_call *k, uint32_t row, struct err *err, const char *fmt, ...)
    ATTR_PRINTF(4, 5) ATTR_COLD;

#endif
