/* ast_schema.h - what tables are declared with: options, columns, constraints, distribution. */
#ifndef PENSTOCK_SQL_AST_SCHEMA_H
#define PENSTOCK_SQL_AST_SCHEMA_H

#include "sql/ast_query.h"

/* 'key' = 'value' of WITH (...), SET (...), and the like. */
struct ast_option {
    const char *key, *value;
    struct ast_span span; /* of the key */
    struct ast_span value_span;
};
struct ast_options {
    struct ast_option *items;
    size_t n;
    bool given; /* WITH () was written */
};

enum ast_column_kind { AST_COLUMN_PHYSICAL, AST_COLUMN_METADATA, AST_COLUMN_COMPUTED };
enum ast_column_place { AST_PLACE_DEFAULT, AST_PLACE_FIRST, AST_PLACE_AFTER };
struct ast_column {
    enum ast_column_kind column;
    struct ast_name name;
    struct ast_ident *path;   /* ALTER TABLE a.b: the whole name; otherwise NULL */
    struct ast_type *type;    /* NULL: COMPUTED, or a column list with names alone (CTAS) */
    struct ast *expr;         /* COMPUTED */
    const char *metadata_key; /* METADATA FROM 'k'; NULL: the column's name */
    bool is_virtual;
    bool primary_key; /* column-level PRIMARY KEY */
    struct ast_constraint
        *constraint;             /* the same, or UNIQUE; also among the schema's; NULL: none */
    const char *comment;         /* NULL: none */
    enum ast_column_place place; /* ALTER TABLE ADD|MODIFY ... FIRST | AFTER c */
    struct ast_ident *after;
    struct ast_span span;
};

enum ast_enforcement { AST_ENFORCEMENT_DEFAULT, AST_ENFORCED, AST_NOT_ENFORCED };
struct ast_constraint {
    struct ast_name *name; /* NULL: none */
    bool unique;           /* UNIQUE, else PRIMARY KEY */
    bool of_column;        /* written at a column */
    struct ast_names columns;
    enum ast_enforcement enforcement;
    struct ast_span span;
};

struct ast_watermark {
    struct ast_ident *column; /* may be a.b */
    struct ast *expr;
    struct ast_span span;
};

enum ast_distribution_kind {
    AST_DISTRIBUTION_NONE,
    AST_DISTRIBUTED_INTO, /* INTO n BUCKETS alone */
    AST_DISTRIBUTED_BY,   /* BY (cols) */
    AST_DISTRIBUTED_HASH,
    AST_DISTRIBUTED_RANGE
};
struct ast_distribution {
    enum ast_distribution_kind kind;
    struct ast_names columns;
    int64_t buckets; /* -1: not given */
};

/* Columns, constraints and watermarks: CREATE TABLE and ALTER TABLE ADD|MODIFY. */
struct ast_schema {
    struct ast_column *columns;
    size_t n_columns;
    struct ast_constraint *constraints;
    size_t n_constraints;
    struct ast_watermark *watermark; /* NULL: none */
};

#endif
