/* join.h - a join's predicate taken apart: equal keys, bounds on time, and the rest. */
#ifndef PENSTOCK_SQL_PHYS_JOIN_H
#define PENSTOCK_SQL_PHYS_JOIN_H

#include "sql/phys/phys.h"

enum { JOIN_CONJUNCTS_MAX = 256 };

struct join_eq {
    const struct expr *left, *right; /* each over its own input */
    bool null_safe;                  /* IS NOT DISTINCT FROM */
};

struct join_parts {
    struct planner *p;
    const struct rel *r;
    enum join_type type;
    struct pnode *in[2];
    const struct schema *schema[2]; /* the rels', with time attributes */
    int n_left;                     /* columns of the left input as the predicate counts them */
    int n_eqs;
    struct join_eq eqs[JOIN_CONJUNCTS_MAX];
    int n_rest;
    const struct expr *rest[JOIN_CONJUNCTS_MAX]; /* conjuncts over both inputs' columns */

    /* after join_keys */
    int n_keys;
    int *keys[2];
    int n_in[2]; /* columns of the inputs, with the appended keys */
};

int join_split(struct join_parts *j, const struct expr *predicate, struct err *err) ATTR_MUST_USE;
/* Makes every key a column of its input, of one type on both sides: expressions and casts are
 * appended by a calc. */
int join_keys(struct join_parts *j, struct err *err) ATTR_MUST_USE;
/* What is left of the predicate, over the columns of the op's inputs; NULL if nothing. */
const struct expr *join_residual(const struct join_parts *j);
/* Output of the op, and a calc that drops appended keys and restores the rel's schema. */
const struct schema *join_schema(const struct join_parts *j);
struct pnode *join_trim(const struct join_parts *j, struct pnode *n);
bool join_left_only(enum join_type t); /* SEMI, ANTI */
void join_remove_eq(struct join_parts *j, int i);
void join_label(const struct join_parts *j, struct pnode *n, const char *what, const char *more);
/* Hash by the keys on both sides; distribution of the output. */
void join_distribute(const struct join_parts *j, struct pnode *n);
/* "join", "leftKeys", "rightKeys", "filterNulls", "residual" of the op's config. */
void join_config(const struct join_parts *j, cJSON *config);

/* lookup.c. j: split, its right input not translated. */
int phys_lookup(struct join_parts *j, struct pnode **ret, struct err *err) ATTR_MUST_USE;

/* Interval joins (interval.c): takes bounds lower <= left - right <= upper out of rest and eqs.
 * False where the predicate doesn't bound time on both sides; then j is unchanged. */
struct join_interval {
    int time[2]; /* columns */
    int64_t lower_ms, upper_ms;
    bool proctime;
};
bool join_find_interval(struct join_parts *j, struct join_interval *ret);
/* Bounds of left - right that rest sets for two columns, as each input counts them. */
bool join_time_bounds(const struct join_parts *j, int left, int right, int64_t *ret_lower_ms,
                      int64_t *ret_upper_ms);

/* extreme.c. Before join_keys: of an inner join with the MAX or MIN of the same rows' window,
 * leaves out rows that can't have it. */
void join_filter_extreme(struct join_parts *j);

#endif
