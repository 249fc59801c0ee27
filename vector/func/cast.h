/* cast.h - inside the CAST family: one kernel converts a whole column. Also used by functions that
 * convert as CAST does (JSON_VALUE ... RETURNING, CONCAT of numbers). */
#ifndef PENSTOCK_VECTOR_FUNC_CAST_H
#define PENSTOCK_VECTOR_FUNC_CAST_H

#include "vector/func/func.h"
#include "vector/text.h"

struct cast_job {
    const struct column *src;
    struct column *dst; /* col_init'ed with src->n rows; its bitmap is src's */
    const struct type *from, *to;
    const struct eval_env *env;
    bool quiet;       /* collect failures in `failed` rather than raise the first */
    uint64_t *failed; /* one bit a row, zeroed by the caller; used if quiet */
    uint32_t err_row; /* set on failure */
};

/* Converts every row; 0 or ERR_RUNTIME. Values of NULL rows are unspecified and never fail. */
typedef int (*cast_fn)(struct cast_job *j, struct err *err);

/* NULL where no kernel is needed or known; cast_check says whether the cast exists. */
cast_fn cast_kernel(const struct type *from, const struct type *to);
/* Whether Flink has the cast, ERR_VALIDATION with its words otherwise. */
int cast_check(const struct type *from, const struct type *to, struct err *err) ATTR_MUST_USE;
/* Whether a value that fits `from` may fail to convert. */
bool cast_can_fail(const struct type *from, const struct type *to);
/* For kernels: row i does not convert. Returns 0 to go on (the row is NULL or the job quiet). */
int cast_fail_text(struct cast_job *j, uint32_t i, enum text_status st, struct sv text,
                   struct err *err) ATTR_COLD;
/* cast_fail_text with a message of its own. */
int cast_fail(struct cast_job *j, uint32_t i, struct err *err, const char *fmt, ...) ATTR_COLD
    ATTR_PRINTF(4, 5);

/* Kernels by area; NULL if the pair is not theirs. */
cast_fn cast_kernel_number(const struct type *from, const struct type *to);
cast_fn cast_kernel_from_text(const struct type *from, const struct type *to);
cast_fn cast_kernel_to_text(const struct type *from, const struct type *to);
cast_fn cast_kernel_time(const struct type *from, const struct type *to);
cast_fn cast_kernel_nested(const struct type *from, const struct type *to);

/* Stores text as a value of a CHAR(n) / VARCHAR(n) column: cut to n characters, CHAR padded. */
void cast_put_text(struct column *dst, uint32_t i, const struct type *to, const char *p, size_t n);

#endif
