/* bind.h - syntax trees to logical plans: what the files bind_*.c share.
 *
 * An expression is bound over *virtual columns*: numbers below VCOL_BASE are columns of the FROM
 * row, the ranges above stand for things the SELECT computes later (aggregates, OVER, subqueries).
 * When the plan is put together, select_map turns such an expression into one over the columns that
 * the plan has at that point, and thereby checks that only group keys are used beside aggregates.
 *
 * All nodes live in the binder's arena. Errors carry the place of the offending node. */
#ifndef PENSTOCK_SQL_BIND_H
#define PENSTOCK_SQL_BIND_H

#include "sql/rel_make.h"
#include "sql/session_int.h"

enum {
    BIND_DEPTH_MAX = 100, /* nested queries and views */
    BIND_COLUMNS_MAX = 4096,
    VCOL_BASE = 1 << 24,
    VCOL_AGG = 1 << 24,      /* + number of the aggregate call */
    VCOL_OVER = 2 << 24,     /* + number of the OVER call */
    VCOL_SUBQUERY = 3 << 24, /* + number of the subquery */
    VCOL_GROUPING = 4 << 24, /* + number of the GROUPING call */
    VCOL_WINDOW = 5 << 24,   /* + enum window_prop */
};

enum window_prop { PROP_START, PROP_END, PROP_ROWTIME, PROP_PROCTIME, PROP_COUNT };

static inline bool vcol_is(int column, int base) {
    return column >> 24 == base >> 24;
}

/* WITH t AS (...): bound once, shared by all its uses. */
struct cte {
    const char *name;
    const struct rel *rel;
    const struct schema *schema;
    const struct cte *next; /* enclosing ones */
};

struct binder {
    struct session *s;
    struct arena *a;
    const char *catalog, *database; /* where names are looked up: a view's own inside it */
    const struct cte *ctes;
    int depth;
    bool batch;
    int n_hints; /* of the SELECT whose FROM is being bound: its joins take them */
    const struct rel_hint *hints;
    bool null_ok;         /* the next SELECT may have columns of type NULL (INSERT, EXISTS) */
    const char *sql_text; /* may be NULL */
    struct map *views;    /* table_desc's address as text -> rel: a view is bound once a job */
};

/* ---- scopes (scope.c) ---- */

struct scope_table {
    const char *alias;              /* NULL: its columns go by their own names only */
    const char *catalog, *database; /* of a table without an alias of its own; else NULL */
    int first, n;                   /* its columns in the row */
};

/* What `*` gives and what an unqualified name may mean: columns, and for USING and NATURAL the
 * merged ones in front. */
struct scope_star {
    const char *name;
    const struct expr *expr;
};

struct scope {
    const struct scope *outer; /* of the enclosing query; NULL */
    const struct schema *row;
    int n_tables;
    struct scope_table *tables;
    int n_star;
    struct scope_star *star;
};

struct scope *scope_new(struct arena *a, const struct schema *row, const char *alias);
/* Rows of left and right behind one another; types as row has them. */
struct scope *scope_join(struct arena *a, const struct scope *left, const struct scope *right,
                         const struct schema *row);
/* a, t.a, db.t.a, a.field ... in the scope, then in the outer ones (EXPR_OUTER).
 * *ret is the column with field accesses around it. */
int scope_resolve(struct binder *b, const struct scope *s, const struct ast_ident *id,
                  const struct expr **ret, struct err *err) ATTR_MUST_USE;
/* The table an alias (t.*) means; NULL if there is none. */
const struct scope_table *scope_find_table(const struct scope *s, const struct ast_names *names);
/* A column by name alone within a schema: its number; with a suggestion in the error. */
int schema_need(const struct schema *s, const struct ast_name *name, const char *what, int *ret,
                struct err *err) ATTR_MUST_USE;

/* ---- types and literals ---- */

int bind_type(struct binder *b, const struct ast_type *t, const struct type **ret,
              struct err *err) ATTR_MUST_USE;
int bind_literal(struct binder *b, const struct ast_literal *l, const struct expr **ret,
                 struct err *err) ATTR_MUST_USE;
/* 'day', 'day to second' ... of an interval literal or type. */
int bind_interval_unit(const struct ast_qualifier *q, const struct ast_span *at,
                       enum interval_unit *ret, struct err *err) ATTR_MUST_USE;

/* ---- expressions ---- */

enum { ALLOW_AGG = 1, ALLOW_OVER = 2, ALLOW_SUBQUERY = 4, ALLOW_ALIASES = 8, ALLOW_GROUPING = 16 };

struct select;

/* Where an expression stands and what it may contain. */
struct expr_place {
    struct binder *b;
    const struct scope *scope;
    const char *clause; /* "WHERE", for messages */
    struct select *sel; /* collects aggregates, OVER calls, subqueries; NULL: none allowed */
    unsigned allow;
    /* MATCH_RECOGNIZE: names of pattern variables may qualify columns. */
    struct match_bind *match;
};

int bind_expr(struct expr_place *p, const struct ast *node, const struct expr **ret,
              struct err *err) ATTR_MUST_USE;
/* A condition: BOOLEAN or an error that names the clause. */
int bind_condition(struct expr_place *p, const struct ast *node, const struct expr **ret,
                   struct err *err) ATTR_MUST_USE;
int bind_exprs(struct expr_place *p, const struct ast_list *list, const struct expr ***ret,
               struct err *err) ATTR_MUST_USE;
/* func_call_name with the node's place on the result and on errors; time attributes end here. */
int bind_call_named(struct binder *b, const struct ast *at, const char *name,
                    const struct expr **args, int n, const struct expr **ret,
                    struct err *err) ATTR_MUST_USE;
int bind_cast_to(struct binder *b, const struct ast *at, const struct expr *e,
                 const struct type *to, bool try_cast, const struct expr **ret,
                 struct err *err) ATTR_MUST_USE;
/* Calls of every syntax (bind_call.c), operators and conditionals (bind_op.c). */
int bind_call(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
              struct err *err) ATTR_MUST_USE;
int bind_op(struct expr_place *p, const struct ast *node, const struct expr **ret,
            struct err *err) ATTR_MUST_USE;
int bind_field(struct binder *b, const struct ast *at, const struct expr *row,
               const struct ast_name *field, const struct expr **ret,
               struct err *err) ATTR_MUST_USE;
const struct expr *bind_symbol(struct binder *b, const char *text);
const struct expr *bind_int(struct binder *b, int64_t v);
const struct expr *bind_bool(struct binder *b, bool v);
/* A node's place on an expression that has none yet. */
const struct expr *expr_at(const struct expr *e, const struct ast *at);
/* err's place, if it has none yet. */
int err_at(struct err *err, int rc, const struct ast_span *at);
int unsupported(const struct ast_span *at, struct err *err, const char *fmt, ...) ATTR_PRINTF(3, 4);
int invalid(const struct ast_span *at, struct err *err, const char *fmt, ...) ATTR_PRINTF(3, 4);
const char *type_name(struct binder *b, const struct type *t);
/* Milliseconds of a constant INTERVAL DAY TO SECOND. */
int bind_interval_ms(struct expr_place *p, const struct ast *node, const char *what, int64_t *ret,
                     struct err *err) ATTR_MUST_USE;
/* A constant integer, folded. */
int bind_const_int(struct expr_place *p, const struct ast *node, const char *what, int64_t *ret,
                   struct err *err) ATTR_MUST_USE;

/* ---- queries ---- */

struct from_item {
    const struct rel *rel;
    struct scope *scope;
};

int bind_query(struct binder *b, const struct ast_query *q, const struct scope *outer,
               const struct rel **ret, struct err *err) ATTR_MUST_USE;
int bind_body(struct binder *b, const struct ast *body, const struct scope *outer,
              const struct rel **ret, struct err *err) ATTR_MUST_USE;
int bind_select(struct binder *b, const struct ast_select *s, const struct ast_query *q,
                const struct scope *outer, const struct rel **ret, struct err *err) ATTR_MUST_USE;
/* ORDER BY over output columns, OFFSET, LIMIT on top of rel. */
int bind_order(struct binder *b, const struct ast_query *q, const struct rel *rel,
               const struct sort_key *keys, int n_keys, const struct rel **ret,
               struct err *err) ATTR_MUST_USE;
int bind_output_order(struct binder *b, const struct ast_query *q, const struct rel *rel,
                      const struct rel **ret, struct err *err) ATTR_MUST_USE;
/* left: what stands left of it in FROM, for LATERAL; NULL. */
int bind_from(struct binder *b, const struct ast *node, const struct from_item *left,
              const struct scope *outer, struct from_item *ret, struct err *err) ATTR_MUST_USE;
int bind_join(struct binder *b, const struct ast_join *j, const struct from_item *left,
              const struct scope *outer, struct from_item *ret, struct err *err) ATTR_MUST_USE;
/* STATE_TTL hints of r for its inputs, whose tables are scopes[i]. */
void hint_ttls(struct binder *b, struct rel *r, const struct scope *const *scopes);
/* Leaves r the LOOKUP hints that name a table of the right side, or none. */
void hint_lookup(struct binder *b, struct rel *r, const struct scope *right);
/* Hints of a SELECT name tables of its FROM. */
int check_hints(const struct scope *s, const struct rel_hint *hints, int n,
                struct err *err) ATTR_MUST_USE;
/* Writes the table's options with those of OPTIONS hints on top, and the other hints, to a SCAN. */
int apply_options(struct binder *b, const struct table_desc *t, const struct ast_hints *h,
                  struct rel *scan, struct err *err) ATTR_MUST_USE;
/* Resolves the connector; ERR_VALIDATION if there is none, or none that can do this. */
int table_use(const struct table_desc *t, bool as_sink, const struct ast_span *at,
              struct err *err) ATTR_MUST_USE;
int bind_table(struct binder *b, const struct ast_ident *name, const struct ast_hints *hints,
               const struct rel **ret, const struct table_desc **ret_table,
               struct err *err) ATTR_MUST_USE;
/* TABLE(TUMBLE(...)) and its kin. */
int bind_window_tvf(struct binder *b, const struct ast_call *c, const struct scope *outer,
                    const struct rel **ret, struct err *err) ATTR_MUST_USE;
/* FROM TO_CHANGELOG(...), FROM_CHANGELOG(...). */
bool is_changelog_ptf(const struct ast_call *c);
int bind_changelog_ptf(struct binder *b, const struct ast_call *c, const struct scope *outer,
                       const struct rel **ret, struct err *err) ATTR_MUST_USE;
bool is_window_tvf(const struct ast_call *c, enum window_type *ret);
/* Functions of CREATE FUNCTION (bind_udf.c): a call with its bound arguments; LATERAL TABLE(f(...))
 * as an expression that gives an ARRAY of the rows; whether that is what stands in FROM. */
int bind_user_function(struct expr_place *p, const struct ast_call *c,
                       const struct function_desc *f, const struct expr **args, int n,
                       const struct expr **ret, struct err *err) ATTR_MUST_USE;
int bind_table_function(struct expr_place *p, const struct ast_call *c, const struct expr **ret,
                        struct err *err) ATTR_MUST_USE;
bool is_user_table_function(struct binder *b, const struct ast *from);
/* The aggregate that a call names, the user's own ones included; NULL if it names none. */
const struct agg *bind_agg_named(struct binder *b, const struct ast_call *c);
int bind_match(struct binder *b, const struct ast_match *m, const struct from_item *in,
               const struct rel **ret, struct err *err) ATTR_MUST_USE;
/* A column of a row of the match, with or without its variable in front. */
int bind_match_ident(struct expr_place *p, const struct ast_ident *id, const struct expr **ret,
                     struct err *err) ATTR_MUST_USE;
/* FIRST, LAST, PREV, NEXT, CLASSIFIER ... and aggregates over a match; 1: it was one. */
int bind_match_call(struct expr_place *p, const struct ast_call *c, const char *name,
                    const struct expr **ret, struct err *err) ATTR_MUST_USE;
int bind_hints(struct binder *b, const struct ast_hints *h, int *ret_n, const struct rel_hint **ret,
               struct err *err) ATTR_MUST_USE;

/* ---- INSERT ---- */
int bind_insert(struct binder *b, const struct ast_insert *ins, const struct rel **ret,
                struct err *err) ATTR_MUST_USE;
const struct rel *bind_collect(struct binder *b, const struct rel *in, const struct ast *at);
void binder_init(struct binder *b, struct session *s, struct arena *a, const char *sql_text,
                 struct map *views);

#endif
