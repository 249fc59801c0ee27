/* bind_match.h - a MATCH_RECOGNIZE being bound: bind_match.c its clauses, bind_match_expr.c what
 * stands in DEFINE and MEASURES. */
#ifndef PENSTOCK_SQL_BIND_MATCH_H
#define PENSTOCK_SQL_BIND_MATCH_H

#include "sql/bind.h"

struct match_bind {
    const struct ast_match *ast;
    const struct scope *scope; /* the table's rows */
    struct match_spec *spec;
    /* Columns that are used, in the order of use: the match reads a projection of them. */
    int n_columns;
    int *columns; /* of the table */
    int *to;      /* column of the table -> of the projection, -1 */
    /* The expression being bound. */
    int own; /* variable of the DEFINE; n_vars: MEASURES */
    int n_slots, cap_slots;
    struct match_slot *slots;
    bool navigates; /* within FIRST or LAST: */
    bool first;
    int64_t offset;
    bool aggregates; /* within an aggregate, over the rows of: */
    bool var_known;
    int var;
};

/* The projection's column for one of the table's. */
int match_column(struct match_bind *m, int column);
int match_variable(const struct match_bind *m, const char *name); /* -1 if there is none */
/* A DEFINE (own: its variable; must be BOOLEAN) or a measure (own: n_vars). *ret_type: its type. */
int bind_match_expr(struct match_bind *m, struct binder *b, const struct ast *node, int own,
                    const struct match_expr **ret, const struct type **ret_type,
                    struct err *err) ATTR_MUST_USE;

#endif
