/* ast_print.h - a syntax tree as SQL text that parses to the same tree; identifiers are quoted
 * where they were or must be. One line, keywords in upper case. */
#ifndef PENSTOCK_SQL_AST_PRINT_H
#define PENSTOCK_SQL_AST_PRINT_H

#include "sql/ast.h"

void ast_print(const struct ast *node, struct str *out);
void ast_print_type(const struct ast_type *type, struct str *out);
void ast_print_name(const struct ast_name *name, struct str *out);
void ast_print_ident(const struct ast_ident *ident, struct str *out);
void ast_print_string(const char *text, size_t len_bytes, struct str *out); /* 'it''s' */

#endif
