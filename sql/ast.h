/* ast.h - what the SQL parser makes. This header holds nodes and names and brings expressions
 * (ast_expr.h, ast_call.h) and types (ast_type.h); queries are in ast_query.h, statements in
 * ast_ddl.h and ast_stmt.h.
 *
 * Every node starts with struct ast (kind + place in the script) and lives in the arena that was
 * given to the parser, as do all its strings; nothing is freed singly and nothing is shared with
 * the text. Downcast with the checked AST_TO(literal, node). Pointers that may be absent are NULL
 * and say so; arrays come with their count. Nodes keep what was written: names are not resolved,
 * constants not folded, parentheses gone. */
#ifndef PENSTOCK_SQL_AST_H
#define PENSTOCK_SQL_AST_H

#include "sql/ast_call.h"
#include "sql/ast_expr.h"
#include "sql/ast_node.h"
#include "sql/ast_op.h"
#include "sql/ast_type.h"

#endif
