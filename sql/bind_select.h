/* bind_select.h - a SELECT while it is bound: what its clauses have asked for so far, and the steps
 * that put the plan together. */
#ifndef PENSTOCK_SQL_BIND_SELECT_H
#define PENSTOCK_SQL_BIND_SELECT_H

#include "sql/bind.h"

struct agg_item {
    struct agg_call call;
    const struct expr *args[AGG_ARGS_MAX]; /* over the FROM row */
    const struct expr *filter;             /* NULL: none */
    const struct ast *at;
};

struct over_item {
    struct over_call call; /* args are numbers in arg_exprs */
    const struct expr *arg_exprs[AGG_ARGS_MAX];
    int n_partition, n_order;
    const struct expr **partition, **order;
    const struct sort_key *order_flags; /* desc, nulls_first */
    bool rows;
    int64_t preceding, following;
    const struct ast *at;
};

enum subquery_kind { SUBQUERY_SCALAR, SUBQUERY_EXISTS, SUBQUERY_IN, SUBQUERY_QUANTIFIED };

struct subquery {
    enum subquery_kind kind;
    const struct rel *rel;   /* may hold EXPR_OUTER: columns of the FROM row */
    const struct expr *left; /* IN, quantified: over virtual columns */
    int n_left;              /* (a, b) IN: as many columns */
    const struct expr **lefts;
    bool negated, all;
    const char *op;           /* quantified: "<", ... */
    const struct expr *value; /* once attached: over the plan's columns */
    const struct ast *at;
};

struct group_set { /* bits over the keys */
    uint64_t bits;
};

struct select {
    struct binder *b;
    const struct ast_select *ast;
    struct scope *scope;   /* of FROM */
    const struct rel *rel; /* the plan so far */
    /* GROUP BY */
    bool grouped;    /* keys, aggregates or HAVING are there */
    bool aggregated; /* rel is the aggregate: map through keys and aggregates */
    int n_keys;
    const struct expr **keys; /* over the FROM row */
    int n_sets, cap_sets;
    uint64_t *sets;
    int n_aggs, cap_aggs;
    struct agg_item *aggs;
    int n_groupings, cap_groupings;
    const struct expr ***grouping_args; /* expressions of each GROUPING call */
    int *grouping_lens;
    const struct ast **grouping_at;
    /* GROUP BY TUMBLE(...) */
    bool has_window;
    struct window_spec window;
    const struct expr *window_time;
    bool props[PROP_COUNT];
    /* OVER, subqueries */
    int n_overs, cap_overs;
    struct over_item *overs;
    int *over_columns; /* in the plan, once there; NULL before */
    int n_subqueries, cap_subqueries;
    struct subquery *subqueries;
    /* the list */
    int n_items, cap_items;
    const struct expr **items; /* virtual */
    const char **names;
    const struct ast **item_at;
    bool *item_named; /* has an alias or is a column: ORDER BY may name it */
    int n_hints;
    const struct rel_hint *hints;
};

/* Virtual to plan columns; ERR_VALIDATION "expression 'k' is not being grouped". */
int select_map(struct select *sel, const struct expr *e, const struct expr **ret,
               struct err *err) ATTR_MUST_USE;
const struct type *window_prop_type(struct select *sel, enum window_prop p);
/* Registers an aggregate, GROUPING, window property or OVER call; *ret is its virtual column. */
int select_add_agg(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                   struct err *err) ATTR_MUST_USE;
int select_add_grouping(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                        struct err *err) ATTR_MUST_USE;
int select_add_window_prop(struct expr_place *p, const struct ast_call *c, enum window_prop prop,
                           const struct expr **ret, struct err *err) ATTR_MUST_USE;
int select_add_over(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                    struct err *err) ATTR_MUST_USE;
int select_add_subquery(struct expr_place *p, const struct ast *node, const struct expr **ret,
                        struct err *err) ATTR_MUST_USE;
int select_group_by(struct select *sel, struct err *err) ATTR_MUST_USE;
/* Puts PROJECT and AGGREGATE on the plan. */
int select_aggregate(struct select *sel, struct err *err) ATTR_MUST_USE;
/* Puts the OVER calls on the plan. */
int select_overs(struct select *sel, struct err *err) ATTR_MUST_USE;
/* Joins the subqueries that e uses (and that are not there yet) to the plan. */
int select_attach(struct select *sel, const struct expr *e, struct err *err) ATTR_MUST_USE;
/* The subqueries of *e are joined, then it is over the plan's columns. */
int select_attach_and_map(struct select *sel, const struct expr **e, struct err *err) ATTR_MUST_USE;
/* WHERE, HAVING, QUALIFY: semi and anti joins for what they can be used for, then a FILTER. */
int select_filter(struct select *sel, const struct expr *predicate, const struct ast *at,
                  struct err *err) ATTR_MUST_USE;

/* Correlated subqueries (bind_decorrelate.c): takes the predicates with EXPR_OUTER out of r.
 * *ret_rel has r's columns first, then those the predicates need; *ret_pred is over EXPR_OUTER and
 * *ret_rel's columns, NULL if r was not correlated. */
int decorrelate(struct binder *b, const struct rel *r, const struct rel **ret_rel,
                const struct expr **ret_pred, const struct ast_span *at,
                struct err *err) ATTR_MUST_USE;
/* The same for an aggregate without GROUP BY, which gains keys: groups without rows are missing in
 * its result, so the caller's outer join must stand for them. */
int decorrelate_global(struct binder *b, const struct rel *agg, const struct rel **ret_rel,
                       const struct expr **ret_pred, const struct ast_span *at,
                       struct err *err) ATTR_MUST_USE;
bool rel_is_correlated(const struct rel *r);
bool expr_has_outer(const struct expr *e);

#endif
