/* coll.h - building ARRAYs and MAPs out of elements that are already there: a kernel notes which
 * elements each row takes, and they are gathered at the end. */
#ifndef PENSTOCK_VECTOR_FUNC_COLL_H
#define PENSTOCK_VECTOR_FUNC_COLL_H

#include "vector/func/args.h"

struct picks {
    uint32_t *idx; /* elements of the source */
    uint32_t n, cap;
};

#define AUTO_PICKS ATTR_CLEANUP(picks_release) struct picks
void picks_release(struct picks *p);
void picks_add(struct picks *p, uint32_t element);

/* Elements [*from, *to) of row i of an ARRAY or MAP argument. */
static inline void coll_range(const struct arg *a, uint32_t i, uint32_t *from, uint32_t *to) {
    const uint32_t *off = (const uint32_t *)a->data + arg_row(a, i);
    *from = off[0];
    *to = off[1];
}
/* Child c of the result is made of the picked elements of src. */
void coll_gather(struct kernel_call *k, int c, const struct column *src, const struct picks *p);
/* Elements of several arguments' child c behind one another; *ret_base[i] is where argument i's
 * start. Owned by the caller. */
void coll_children(struct kernel_call *k, int c, struct column *ret, uint32_t *ret_base);
/* Frames an ARRAY kernel: offsets are written from picks as rows are done. */
void coll_row_done(struct kernel_call *k, uint32_t i, const struct picks *p);

/* A set of elements of one column, cleared for each row. */
struct elem_set {
    const struct column *col;
    uint64_t *hash;  /* of every element */
    uint32_t *slots; /* element + 1 */
    uint32_t mask;
};
void elem_set_init(struct elem_set *s, const struct column *col);
void elem_set_release(struct elem_set *s);
void elem_set_clear(struct elem_set *s, uint32_t expected);
bool elem_set_add(struct elem_set *s, uint32_t element); /* false: an equal one was in it */
bool elem_set_has(const struct elem_set *s, uint32_t element);

/* Whether Flink casts from one type to another by itself. */
bool coll_implicit_cast(const struct type *from, const struct type *to);
/* Argument i becomes an element of ARRAY argument 0. */
int coll_bind_element(struct func_bind *fb, int i, struct err *err) ATTR_MUST_USE;
/* All arguments become their common type, which is returned; they must all be of this kind. */
int coll_bind_common(struct func_bind *fb, enum type_kind kind, const struct type **ret,
                     struct err *err) ATTR_MUST_USE;

#endif
