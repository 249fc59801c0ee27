/* build.h - what the grammar's actions call to make nodes. Internal to the parser.
 *
 * Builders take places as `at` and return nodes of the arena. They never return NULL: on an error
 * they set the parse's rc and err (the first one stays) and the parser stops at its next token. */
#ifndef PENSTOCK_SQL_BUILD_H
#define PENSTOCK_SQL_BUILD_H

#include "sql/token.h"

struct sql_parse {
    struct arena *arena;
    const struct sql_tokens *tokens;
    size_t next;                     /* token to read */
    const struct sql_token *current; /* the last one read */
    int rc;
    struct err *err;
    int n_params;
    /* the result, by entry point */
    struct ast *stmt;
    struct ast *expr;
    struct ast_query *query;
    struct ast_type *type;
};

/* A growing array in the arena. */
struct build_list {
    void *items;
    size_t n, cap;
    bool in_parens; /* alter_elements */
};
struct build_list *build_list_new(struct sql_parse *c);
/* list NULL begins one. Copies *elem. */
struct build_list *build_list_add(struct sql_parse *c, struct build_list *list, size_t elem_size,
                                  const void *elem);
size_t build_list_n(const struct build_list *list);    /* 0 for NULL */
void *build_list_items(const struct build_list *list); /* NULL for NULL */
struct ast_list build_ast_list(const struct build_list *list);
struct ast_names build_names(const struct build_list *list);
struct ast_order build_order(const struct build_list *list);

void build_fail(struct sql_parse *c, struct ast_span at, int code, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
struct ast_span build_span(struct ast_span from, struct ast_span to);
/* Zeroed; size is of the whole node. */
void *build_node(struct sql_parse *c, enum ast_kind kind, struct ast_span at, size_t size);
#define BUILD_NODE(c, kind, at, type) ((type *)build_node((c), (kind), (at), sizeof(type)))
/* Computes the node's depth from its children; to be called once they are all set. */
struct ast *build_done(struct sql_parse *c, void *node);

/* ---- names and literals --------------------------------------------------------------------- */
struct ast_name *build_name(struct sql_parse *c, const struct sql_token *tok);
struct ast_ident *build_ident(struct sql_parse *c, struct ast_span at, struct build_list *names,
                              bool star);
struct ast *build_literal(struct sql_parse *c, enum ast_literal_kind kind, struct ast_span at,
                          const struct sql_token *tok);
struct ast *build_decimal(struct sql_parse *c, struct ast_span at, const struct sql_token *text);
struct ast *build_unicode(struct sql_parse *c, struct ast_span at, const struct sql_token *tok,
                          const struct sql_token *mark);
/* A string literal that goes on: 'a' 'b' on the next line. */
struct ast *build_string_chain(struct sql_parse *c, struct ast *head, const struct sql_token *next);
const char *build_string(struct ast *literal); /* its text */
int64_t build_int(struct sql_parse *c, const struct sql_token *tok);
struct ast *build_interval(struct sql_parse *c, struct ast_span at, bool negative,
                           struct ast *amount, struct ast_qualifier qual);
/* expr must be a difference. */
struct ast *build_interval_minus(struct sql_parse *c, struct ast_span at, struct ast *expr,
                                 struct ast_qualifier qual);
struct ast_qualifier build_qualifier(struct sql_parse *c, struct ast_span at,
                                     const struct sql_token *unit, int64_t precision,
                                     int64_t fraction);
void build_qualifier_to(struct sql_parse *c, struct ast_span at, struct ast_qualifier *q,
                        const struct sql_token *end, int64_t fraction);
struct ast *build_unit(struct sql_parse *c, const struct sql_token *tok);
struct ast *build_symbol(struct sql_parse *c, struct ast_span at, const char *text);

/* ---- expressions ---------------------------------------------------------------------------- */
struct ast *build_unary(struct sql_parse *c, struct ast_span at, enum ast_op op, struct ast *arg);
struct ast *build_binary(struct sql_parse *c, struct ast_span at, enum ast_op op, struct ast *left,
                         struct ast *right);
struct ast *build_between(struct sql_parse *c, struct ast_span at, bool negated, bool symmetric,
                          struct ast *value, struct ast *low, struct ast *high);
struct ast *build_like(struct sql_parse *c, struct ast_span at, int like, bool negated,
                       struct ast *value, struct ast *pattern, struct ast *escape);
/* rhs: an AST_QUERY, or an AST_ROW that holds the list. */
struct ast *build_in(struct sql_parse *c, struct ast_span at, bool negated, struct ast *value,
                     struct ast *rhs);
struct ast *build_quantified(struct sql_parse *c, struct ast_span at, enum ast_op op, bool all,
                             struct ast *value, struct ast *rhs);
struct ast *build_exists(struct sql_parse *c, struct ast_span at, bool unique,
                         struct ast_query *query);
struct ast *build_row(struct sql_parse *c, struct ast_span at, bool keyword,
                      struct build_list *args);
struct ast *build_parens(struct sql_parse *c, struct ast_span at, struct ast *inner);
struct ast *build_collection(struct sql_parse *c, enum ast_kind kind, struct ast_span at,
                             struct build_list *args);
struct ast *build_collect(struct sql_parse *c, struct ast_span at, enum ast_collect_kind kind,
                          struct ast_query *query, struct build_list *args);
struct ast *build_field(struct sql_parse *c, struct ast_span at, struct ast *arg,
                        struct ast_name *name);
struct ast *build_index(struct sql_parse *c, struct ast_span at, struct ast *arg,
                        struct ast *index);
struct ast *build_subquery(struct sql_parse *c, struct ast_query *query);
struct ast *build_cast(struct sql_parse *c, struct ast_span at, bool is_try, struct ast *arg,
                       struct ast_type *type);
struct build_when {
    struct ast *when, *then;
};
struct ast *build_case(struct sql_parse *c, struct ast_span at, struct ast *value,
                       struct build_list *whens, struct ast *otherwise);
struct ast *build_named_arg(struct sql_parse *c, struct ast_span at, struct ast_name *name,
                            struct ast *value);
struct ast *build_table_arg(struct sql_parse *c, struct ast_span at, struct ast_ident *table,
                            struct ast_query *query, struct build_list *partition_by,
                            struct build_list *order_by);
struct ast *build_model_arg(struct sql_parse *c, struct ast_span at, struct ast_ident *model);
struct ast *build_param(struct sql_parse *c, struct ast_span at);
enum ast_op build_is_not(int64_t op); /* IS NULL to IS NOT NULL */
/* One expression, or a row of alternatives. */
struct ast *build_one_or_row(struct sql_parse *c, struct ast_span at, struct build_list *exprs);
struct build_list *build_prepend(struct sql_parse *c, struct ast *first, struct build_list *rest);
struct build_list *build_concat(struct sql_parse *c, struct build_list *a, struct build_list *b);

/* ---- calls ---------------------------------------------------------------------------------- */
/* The list within the parentheses of a call, and what may follow the arguments there. */
struct build_args {
    enum ast_quantifier quant;
    struct build_list *args;
    enum ast_null_treatment nulls;
    struct build_list *order_by;
};
struct ast_call *build_call(struct sql_parse *c, struct ast_span at, struct ast_ident *name,
                            const struct build_args *args);
struct ast_call *build_keyword_call(struct sql_parse *c, struct ast_span at,
                                    const struct sql_token *name, const struct build_args *args);
/* A call in special syntax; NULL arguments are left out. */
struct ast *build_special(struct sql_parse *c, struct ast_span at, enum ast_syntax syntax,
                          const char *name, struct ast *a, struct ast *b, struct ast *d,
                          struct ast *e);
struct ast *build_niladic(struct sql_parse *c, const struct sql_token *tok);
struct ast *build_trim(struct sql_parse *c, struct ast_span at, struct ast *flag, struct ast *chars,
                       struct ast *from);
struct ast_call *build_suffix(struct sql_parse *c, struct ast_span at, struct ast_call *call,
                              enum ast_null_treatment nulls, struct build_list *within_group,
                              struct ast *filter, struct ast_window *over);
/* DESCRIPTOR(...) becomes its own node, other calls are checked and closed. */
struct ast *build_call_done(struct sql_parse *c, struct ast_call *call);

struct build_behavior {
    enum ast_json_behavior kind;
    struct ast *dflt;
    bool on_error;
    struct ast_span at;
};
struct ast *build_json(struct sql_parse *c, struct ast_span at, const char *name,
                       struct build_list *args, struct ast_type *returning, int wrapper,
                       struct build_list *behaviors, int nulls, struct build_list *order_by);

/* ---- types ---------------------------------------------------------------------------------- */
struct ast_type *build_type(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                            int64_t precision, int64_t scale);
struct ast_type *build_type_of(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                               struct ast_type *key, struct ast_type *elem);
struct ast_type *build_type_row(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                                struct build_list *fields, const char *class_name);
struct ast_field_def *build_field_def(struct sql_parse *c, struct ast_name *name,
                                      struct ast_type *type, const char *comment);
void build_nullable(struct ast_type *type, int64_t given); /* 0 no, 1 NULL, 2 NOT NULL */
void build_time_zone(struct sql_parse *c, struct ast_type *t, bool local_zone);
struct ast_type *build_type_named(struct sql_parse *c, struct ast_ident *name);

/* ---- queries -------------------------------------------------------------------------------- */
struct build_tail {
    struct build_list *order_by;
    struct ast *offset, *limit;
    struct ast_span at;
};
struct build_with {
    bool recursive;
    struct build_list *items;
    struct ast_span at;
};
struct ast_query *build_query(struct sql_parse *c, struct ast_span at,
                              const struct build_with *with, struct ast *body,
                              const struct build_tail *tail);
/* A query in parentheses as an operand: its body if it has no clauses of its own. */
struct ast *build_query_body(struct ast_query *query);
struct ast *build_setop(struct sql_parse *c, struct ast_span at, enum ast_setop_kind op, bool all,
                        struct ast *left, struct ast *right);
struct ast *build_table_query(struct sql_parse *c, struct ast_span at, struct ast_ident *table);
void build_exclude(struct ast_window *w, int64_t exclude); /* -1: not given */
struct ast *build_values(struct sql_parse *c, struct ast_span at, struct build_list *rows);
struct ast *build_group(struct sql_parse *c, struct ast_span at, enum ast_group_kind kind,
                        struct build_list *items);
/* (a, b) as an element of GROUP BY is a set of both. */
struct ast *build_group_item(struct sql_parse *c, struct ast *expr);
/* An alias and columns, or NULL. */
struct build_alias {
    struct ast_name *name;
    struct build_list *columns;
};
struct ast *build_source(struct sql_parse *c, struct ast_span at, struct ast *source,
                         struct ast *as_of, struct ast *match, const struct build_alias *alias,
                         struct ast_sample *sample);
struct ast *build_table_ref(struct sql_parse *c, struct ast_span at, struct ast_ident *name,
                            struct build_list *hints);
struct ast *build_derived(struct sql_parse *c, struct ast_span at, struct ast_query *query,
                          bool lateral);
struct ast *build_table_func(struct sql_parse *c, struct ast_span at, struct ast_call *call,
                             bool keyword, bool lateral);
struct ast *build_unnest(struct sql_parse *c, struct ast_span at, struct ast *rhs, bool ordinality);
struct ast *build_join(struct sql_parse *c, struct ast_span at, enum ast_join_kind kind,
                       bool natural, struct ast *left, struct ast *right, struct ast *on,
                       struct build_list *using_columns);
struct ast *build_pattern(struct sql_parse *c, struct ast_span at, enum ast_pattern_kind kind,
                          struct ast *a, struct ast *b);
struct ast *build_repeat(struct sql_parse *c, struct ast_span at, struct ast *item, int64_t min,
                         int64_t max, bool reluctant);
struct ast_hints build_hints(const struct build_list *list);
/* Options are all names, all literals, or all pairs. */
struct ast_hint *build_hint(struct sql_parse *c, struct ast_span at, const struct ast_name *name,
                            struct build_list *options);

/* ---- errors --------------------------------------------------------------------------------- */
/* Sets "unexpected X, expected Y" at the current token. expected: symbols by their names in the
 * grammar. */
void sql_syntax_error(struct sql_parse *c, const char *const *expected, size_t n);
/* What the token is, for messages: 'text', "the end of the statement". */
void sql_token_describe(const struct sql_token *tok, struct str *out);

int sql_yyparse(struct sql_parse *c);

#endif
