/* rel_match.h - a bound MATCH_RECOGNIZE. Conditions and measures are expressions over slots: values
 * of rows that the match has so far (or in the end), each filled in before the expression runs. */
#ifndef PENSTOCK_SQL_REL_MATCH_H
#define PENSTOCK_SQL_REL_MATCH_H

#include "sql/rel_types.h"
#include "vector/expr.h"
#include "vector/func/agg.h"

enum { MATCH_VARS_MAX = 64, MATCH_ALL_ROWS = -1 };

/* The offset-th row from the first or the last one of a variable, or an aggregate over its rows.
 * In a variable's own DEFINE the row that is looked at counts as its last. */
struct match_slot {
    int var; /* MATCH_ALL_ROWS: of the whole match */
    bool first;
    int64_t offset;
    int column;                  /* of the input; -1: aggregate */
    const struct agg_call *call; /* over args, which are over the input's columns */
    const struct expr *args[AGG_ARGS_MAX];
};

struct match_expr {
    const struct expr *expr; /* column i is slot i */
    int n_slots;
    const struct match_slot *slots;
};

struct match_var {
    const char *name;
    int64_t min, max;                /* max INT64_MAX: unbounded */
    bool greedy;                     /* of a quantifier that leaves a choice */
    const struct match_expr *define; /* NULL: every row */
};

enum match_skip { MATCH_SKIP_PAST_LAST, MATCH_SKIP_NEXT, MATCH_SKIP_FIRST, MATCH_SKIP_LAST };

struct match_spec {
    int n_partition;
    const int *partition; /* columns of the input, as the ones below */
    int time;
    bool proctime;
    int n_order; /* behind the time */
    const struct sort_key *order;
    int n_vars;
    const struct match_var *vars; /* in the pattern's order */
    int64_t within_ms;            /* 0: none */
    enum match_skip skip;
    int skip_var;
    int n_measures; /* the output's columns behind the partition's */
    const struct match_expr *measures;
};

#endif
