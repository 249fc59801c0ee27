/* ast_ddl.h - statements that declare, change and drop: CREATE, ALTER, DROP. */
#ifndef PENSTOCK_SQL_AST_DDL_H
#define PENSTOCK_SQL_AST_DDL_H

#include "sql/ast_schema.h"

enum ast_like_feature {
    AST_FEATURE_ALL,
    AST_FEATURE_CONSTRAINTS,
    AST_FEATURE_DISTRIBUTION,
    AST_FEATURE_GENERATED,
    AST_FEATURE_METADATA,
    AST_FEATURE_OPTIONS,
    AST_FEATURE_PARTITIONS,
    AST_FEATURE_WATERMARKS
};
enum ast_like_strategy { AST_INCLUDING, AST_EXCLUDING, AST_OVERWRITING };
struct ast_like_option {
    enum ast_like_strategy strategy;
    enum ast_like_feature feature;
};

enum ast_create_mode { AST_CREATE, AST_CREATE_OR_ALTER, AST_CREATE_OR_REPLACE, AST_REPLACE };

/* CREATE [OR ..] [TEMPORARY] [MATERIALIZED] TABLE */
struct ast_create_table {
    struct ast base;
    enum ast_create_mode mode;
    bool temporary, materialized, if_not_exists;
    struct ast_ident *name;
    bool has_schema; /* a column list was written */
    struct ast_schema schema;
    const char *comment; /* NULL: none */
    struct ast_distribution distribution;
    struct ast_names partitioned_by;
    struct ast_options options;
    struct ast_ident *like; /* NULL: none */
    struct ast_like_option *like_options;
    size_t n_like_options;
    struct ast_query *as_query; /* NULL: none */
    /* MATERIALIZED: */
    struct ast *freshness;    /* an interval; NULL: none */
    const char *refresh_mode; /* "FULL", "CONTINUOUS"; NULL: none */
};

struct ast_create_view {
    struct ast base;
    enum ast_create_mode mode;
    bool temporary, if_not_exists;
    struct ast_ident *name;
    struct ast_names columns; /* n 0: none */
    const char *comment;      /* NULL: none */
    struct ast_query *query;
};

struct ast_create_function {
    struct ast base;
    bool temporary, system, if_not_exists;
    struct ast_ident *name;
    const char *class_name; /* AS '...' */
    const char *language;   /* "JAVA", "PYTHON", as written; NULL: none */
    const char **jars;      /* USING JAR '...', ... */
    size_t n_jars;
    struct ast_options options;
};

struct ast_create_catalog {
    struct ast base;
    bool if_not_exists;
    struct ast_ident *name;
    const char *comment;
    struct ast_options options;
};

struct ast_create_database {
    struct ast base;
    bool if_not_exists;
    struct ast_ident *name;
    const char *comment;
    struct ast_options options;
};

struct ast_create_model {
    struct ast base;
    bool temporary, if_not_exists;
    struct ast_ident *name;
    bool has_input, has_output;
    struct ast_schema input, output;
    const char *comment;
    struct ast_options options;
    struct ast_query *as_query; /* NULL: none */
};

struct ast_create_connection {
    struct ast base;
    bool temporary, system, if_not_exists;
    struct ast_ident *name;
    const char *comment;
    struct ast_options options;
};

enum ast_object {
    AST_OBJECT_TABLE,
    AST_OBJECT_MATERIALIZED_TABLE,
    AST_OBJECT_VIEW,
    AST_OBJECT_FUNCTION,
    AST_OBJECT_CATALOG,
    AST_OBJECT_DATABASE,
    AST_OBJECT_MODEL,
    AST_OBJECT_CONNECTION,
    AST_OBJECT_COUNT
};
const char *ast_object_name(enum ast_object o); /* "MATERIALIZED TABLE" */

struct ast_drop {
    struct ast base;
    enum ast_object object;
    bool temporary, system, if_exists;
    bool cascade, restrict_given; /* DATABASE */
    struct ast_ident *name;
};

/* name [= value] of PARTITION (...). */
struct ast_partition_value {
    struct ast_name name;
    struct ast *value; /* NULL: none (dynamic) */
};
struct ast_partition {
    struct ast_partition_value *items;
    size_t n;
    struct ast_options options; /* ADD PARTITION (...) WITH (...) */
};

enum ast_alter_kind {
    AST_ALTER_RENAME,        /* new_name */
    AST_ALTER_SET,           /* options */
    AST_ALTER_RESET,         /* keys */
    AST_ALTER_COMMENT,       /* comment */
    AST_ALTER_ADD,           /* schema, distribution */
    AST_ALTER_MODIFY,        /* schema, distribution */
    AST_ALTER_RENAME_COLUMN, /* column, new_name */
    AST_ALTER_DROP_COLUMNS,  /* columns */
    AST_ALTER_DROP_PRIMARY_KEY,
    AST_ALTER_DROP_CONSTRAINT, /* column is its name */
    AST_ALTER_DROP_WATERMARK,
    AST_ALTER_DROP_DISTRIBUTION,
    AST_ALTER_ADD_DISTRIBUTION,    /* distribution */
    AST_ALTER_MODIFY_DISTRIBUTION, /* distribution */
    AST_ALTER_ADD_PARTITIONS,      /* partitions, if_not_exists */
    AST_ALTER_DROP_PARTITIONS,     /* partitions, partition_if_exists */
    AST_ALTER_AS,                  /* query */
    AST_ALTER_FUNCTION,            /* class_name, language */
    AST_ALTER_SUSPEND,
    AST_ALTER_RESUME,  /* options */
    AST_ALTER_REFRESH, /* partitions */
    AST_ALTER_FRESHNESS,
    AST_ALTER_REFRESH_MODE
};
struct ast_alter {
    struct ast base;
    enum ast_object object;
    enum ast_alter_kind action;
    bool temporary, system, if_exists;
    struct ast_ident *name;
    struct ast_ident *new_name;
    struct ast_options options;
    const char **keys;
    size_t n_keys;
    const char *comment;
    bool parenthesised; /* ADD|MODIFY|DROP (...) */
    struct ast_schema schema;
    struct ast_ident *column;
    struct ast_ident **columns;
    size_t n_columns;
    struct ast_distribution distribution;
    struct ast_partition *partitions;
    size_t n_partitions;
    bool if_not_exists, partition_if_exists;
    struct ast_query *query;
    const char *class_name, *language;
    struct ast *freshness;
    const char *refresh_mode;
};

#endif
