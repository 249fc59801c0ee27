/* ast_query.h - queries and what stands in FROM. */
#ifndef PENSTOCK_SQL_AST_QUERY_H
#define PENSTOCK_SQL_AST_QUERY_H

#include "sql/ast.h"

/* name or name(option, ...) or name('k'='v', ...) between the marks of a hint. */
struct ast_hint_option {
    const char *key;   /* NULL: a plain option */
    const char *value; /* unquoted text */
    bool quoted;       /* value was a string literal */
    bool number;       /* or a number; else a name */
    bool key_quoted;
};
struct ast_hint {
    struct ast_name name;
    struct ast_hint_option *options;
    size_t n_options;
};
struct ast_hints {
    struct ast_hint *items;
    size_t n;
};

struct ast_with_item {
    struct ast_name name;
    struct ast_names columns; /* n 0: not given */
    struct ast_query *query;
};

/* Wherever a query may stand there is one of these. */
struct ast_query {
    struct ast base;
    bool recursive; /* WITH RECURSIVE */
    struct ast_with_item *with;
    size_t n_with;
    struct ast *body; /* SELECT, SETOP, VALUES, TABLE_QUERY; QUERY: was in parentheses with clauses
                         of its own */
    struct ast_order order_by;
    struct ast *offset; /* NULL: none. LIMIT a, b is OFFSET a LIMIT b */
    struct ast *limit;  /* LIMIT or FETCH; NULL: none, or LIMIT ALL */
};

struct ast_select_item {
    struct ast *expr;       /* AST_IDENT with star for *, t.* */
    struct ast_name *alias; /* NULL: none */
};

struct ast_select {
    struct ast base;
    struct ast_hints hints;
    enum ast_quantifier quant;
    struct ast_select_item *items;
    size_t n_items;
    struct ast *from;                /* NULL: none */
    struct ast *where;               /* NULL: none */
    bool has_group_by;               /* GROUP BY () has no items */
    enum ast_quantifier group_quant; /* GROUP BY DISTINCT|ALL */
    struct ast_list group_by;        /* expressions and AST_GROUP */
    struct ast *having;              /* NULL: none */
    struct ast_window **windows;     /* WINDOW w AS (...); each has its name */
    size_t n_windows;
    struct ast *qualify; /* NULL: none */
};

enum ast_setop_kind { AST_UNION, AST_INTERSECT, AST_EXCEPT }; /* MINUS is EXCEPT */
struct ast_setop {
    struct ast base;
    enum ast_setop_kind op;
    bool all;
    struct ast *left, *right; /* as ast_query's body */
};

struct ast_values {
    struct ast base;
    struct ast_list rows; /* AST_ROW; a row of one column may be any expression */
};

struct ast_table_query { /* TABLE t */
    struct ast base;
    struct ast_ident *table;
};

enum ast_group_kind { AST_GROUP_SET, AST_GROUP_ROLLUP, AST_GROUP_CUBE, AST_GROUP_SETS };
/* (a, b), (), ROLLUP(...), CUBE(...), GROUPING SETS (...). */
struct ast_group {
    struct ast base;
    enum ast_group_kind group;
    struct ast_list items; /* expressions and AST_GROUP */
};

enum ast_bound_kind {
    AST_UNBOUNDED_PRECEDING,
    AST_PRECEDING,
    AST_CURRENT_ROW,
    AST_FOLLOWING,
    AST_UNBOUNDED_FOLLOWING
};
struct ast_bound {
    enum ast_bound_kind kind;
    struct ast *offset; /* of PRECEDING and FOLLOWING */
};
enum ast_frame { AST_FRAME_NONE, AST_FRAME_ROWS, AST_FRAME_RANGE };
enum ast_exclude {
    AST_EXCLUDE_NO_OTHERS,
    AST_EXCLUDE_CURRENT_ROW,
    AST_EXCLUDE_GROUP,
    AST_EXCLUDE_TIES
};

/* OVER w: bare with ref. OVER (w ...): ref. WINDOW x AS (...): name. */
struct ast_window {
    struct ast base;
    struct ast_name *name;
    struct ast_name *ref;
    bool bare;
    struct ast_list partition_by;
    struct ast_order order_by;
    enum ast_frame frame;
    bool frame_between; /* else only `low` was given, and high is CURRENT ROW */
    struct ast_bound low, high;
    enum ast_exclude exclude;
    bool exclude_given, disallow_partial, allow_partial;
};

/* ---- FROM ----------------------------------------------------------------------------------- */

struct ast_sample {
    bool bernoulli;         /* else SYSTEM */
    const char *substitute; /* SUBSTITUTE('x'); NULL otherwise */
    struct ast *percent;
    struct ast *repeatable; /* NULL: none */
};

/* What each table in FROM may carry; the first member of the four structs behind it. */
struct ast_source {
    struct ast base;
    bool lateral;
    struct ast *as_of;         /* FOR SYSTEM_TIME AS OF; NULL: none */
    struct ast_match *match;   /* MATCH_RECOGNIZE; NULL: none */
    struct ast_name *alias;    /* NULL: none */
    struct ast_names columns;  /* AS t(a, b); n 0: none */
    struct ast_sample *sample; /* NULL: none */
};

struct ast_table_ref {
    struct ast_source src;
    struct ast_ident *table;
    struct ast_hints hints; /* OPTIONS(...) */
    bool keyword;           /* TABLE t */
};

struct ast_derived {
    struct ast_source src;
    struct ast_query *query;
};

struct ast_table_func { /* TABLE(f(...)), LATERAL TABLE(f(...)), or f(...) alone */
    struct ast_source src;
    struct ast_call *call;
    bool keyword; /* within TABLE() */
    struct ast_hints hints;
};

struct ast_unnest {
    struct ast_source src;
    struct ast_list args;
    bool ordinality;
};

enum ast_join_kind {
    AST_JOIN_INNER,
    AST_JOIN_LEFT,
    AST_JOIN_RIGHT,
    AST_JOIN_FULL,
    AST_JOIN_CROSS,
    AST_JOIN_COMMA
};
struct ast_join {
    struct ast base;
    enum ast_join_kind join;
    bool natural;
    struct ast *left, *right; /* the five of FROM */
    struct ast *on;           /* NULL: none */
    bool has_using;
    struct ast_names using_columns;
};

/* ---- MATCH_RECOGNIZE ------------------------------------------------------------------------ */

enum ast_pattern_kind {
    AST_PATTERN_VAR,
    AST_PATTERN_CONCAT,
    AST_PATTERN_ALTER,
    AST_PATTERN_REPEAT,
    AST_PATTERN_PERMUTE,
    AST_PATTERN_EXCLUDE /* {- ... -} */
};
struct ast_pattern {
    struct ast base;
    enum ast_pattern_kind pattern;
    struct ast_name name;  /* VAR */
    struct ast_list items; /* AST_PATTERN; REPEAT and EXCLUDE have one */
    int64_t min, max;      /* REPEAT; max -1: unbounded */
    bool reluctant;
    bool open; /* the parser's: more may be appended, no parentheses around it */
};

struct ast_measure {
    struct ast *expr;
    struct ast_name alias;
};
struct ast_subset {
    struct ast_name name;
    struct ast_names vars;
};
struct ast_define {
    struct ast_name name;
    struct ast *condition;
};
enum ast_rows_per_match { AST_ROWS_DEFAULT, AST_ONE_ROW, AST_ALL_ROWS };
enum ast_after_match {
    AST_AFTER_DEFAULT,
    AST_AFTER_NEXT_ROW,
    AST_AFTER_PAST_LAST_ROW,
    AST_AFTER_FIRST, /* TO FIRST var */
    AST_AFTER_LAST,  /* TO LAST var, and TO var */
};
struct ast_match {
    struct ast base;
    struct ast_list partition_by;
    struct ast_order order_by;
    struct ast_measure *measures;
    size_t n_measures;
    enum ast_rows_per_match rows;
    enum ast_after_match after;
    struct ast_name after_var;
    struct ast_pattern *pattern;
    bool anchor_start, anchor_end; /* ^ and $ */
    struct ast *within;            /* interval; NULL: none */
    struct ast_subset *subsets;
    size_t n_subsets;
    struct ast_define *defines;
    size_t n_defines;
};

#endif
