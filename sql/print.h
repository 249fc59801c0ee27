/* print.h - what the three printers share. Internal. */
#ifndef PENSTOCK_SQL_PRINT_H
#define PENSTOCK_SQL_PRINT_H

#include "sql/ast_print.h"
#include "sql/ast_stmt.h"

void print_expr_kind(struct str *o, const struct ast *n);  /* AST_EXPR_LIST */
void print_query_kind(struct str *o, const struct ast *n); /* AST_QUERY_LIST */
void print_stmt_kind(struct str *o, const struct ast *n);  /* AST_STMT_LIST */

void print_list(struct str *o, const struct ast_list *l); /* a, b */
void print_names(struct str *o, const struct ast_names *names);
void print_order(struct str *o, const struct ast_order *order); /* a DESC, b */
void print_call_args(struct str *o, const struct ast_call *n);
void print_call_name(struct str *o, const struct ast_ident *name);
void print_quoted(struct str *o, const char *text); /* 'text' */
void print_in_parens(struct str *o, const struct ast_query *q);
void print_hints(struct str *o, const struct ast_hints *h); /* or nothing */
void print_sep(struct str *o, size_t i);                    /* ", " but before the first */

#endif
