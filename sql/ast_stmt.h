/* ast_stmt.h - statements. */
#ifndef PENSTOCK_SQL_AST_STMT_H
#define PENSTOCK_SQL_AST_STMT_H

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

/* Columns, constraints and watermarks: CREATE TABLE and ALTER TABLE ADD|MODIFY. */
struct ast_schema {
    struct ast_column *columns;
    size_t n_columns;
    struct ast_constraint *constraints;
    size_t n_constraints;
    struct ast_watermark *watermark; /* NULL: none */
};

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

enum ast_use_kind { AST_USE_DATABASE, AST_USE_CATALOG, AST_USE_MODULES };
struct ast_use {
    struct ast base;
    enum ast_use_kind use;
    struct ast_ident *name; /* DATABASE, CATALOG */
    struct ast_names names; /* MODULES */
};

enum ast_show_kind {
    AST_SHOW_CATALOGS,
    AST_SHOW_CURRENT_CATALOG,
    AST_SHOW_DATABASES,
    AST_SHOW_CURRENT_DATABASE,
    AST_SHOW_TABLES,
    AST_SHOW_MATERIALIZED_TABLES,
    AST_SHOW_VIEWS,
    AST_SHOW_COLUMNS,
    AST_SHOW_FUNCTIONS,
    AST_SHOW_USER_FUNCTIONS,
    AST_SHOW_PROCEDURES,
    AST_SHOW_MODULES,
    AST_SHOW_FULL_MODULES,
    AST_SHOW_MODELS,
    AST_SHOW_CONNECTIONS,
    AST_SHOW_PARTITIONS,
    AST_SHOW_JARS,
    AST_SHOW_JOBS,
    AST_SHOW_CREATE, /* object, name */
    AST_SHOW_COUNT
};
struct ast_show {
    struct ast base;
    enum ast_show_kind show;
    enum ast_object object; /* CREATE */
    bool prep_in;           /* IN, else FROM */
    struct ast_ident *name; /* FROM|IN name; the object of CREATE; NULL: none */
    const char *like;       /* NULL: none */
    bool not_like, ilike;
    struct ast_partition *partition; /* PARTITIONS; NULL: none */
};

enum ast_describe_kind {
    AST_DESCRIBE_TABLE,
    AST_DESCRIBE_CATALOG,
    AST_DESCRIBE_DATABASE,
    AST_DESCRIBE_FUNCTION,
    AST_DESCRIBE_MODEL,
    AST_DESCRIBE_CONNECTION,
    AST_DESCRIBE_JOB
};
struct ast_describe {
    struct ast base;
    enum ast_describe_kind describe;
    bool extended;
    struct ast_ident *name;
    const char *job; /* JOB 'id' */
};

enum {
    AST_EXPLAIN_ESTIMATED_COST = 1,
    AST_EXPLAIN_CHANGELOG_MODE = 2,
    AST_EXPLAIN_JSON = 4,
    AST_EXPLAIN_ADVICE = 8
};
struct ast_explain {
    struct ast base;
    unsigned details;       /* AST_EXPLAIN_* */
    bool plan_for, ast_for; /* as written */
    struct ast *stmt;       /* AST_QUERY, AST_INSERT, AST_STATEMENT_SET, ... */
};

struct ast_set {
    struct ast base;
    const char *key, *value; /* both NULL: SET alone lists the settings */
    bool quoted;             /* SET 'k' = 'v', else SET k = v */
};
struct ast_reset {
    struct ast base;
    const char *key; /* NULL: all */
    bool quoted;
};

enum ast_conflict {
    AST_CONFLICT_NONE,
    AST_CONFLICT_ERROR,
    AST_CONFLICT_NOTHING,
    AST_CONFLICT_DEDUPLICATE
};
struct ast_insert {
    struct ast base;
    bool overwrite, upsert;
    struct ast_ident *table;
    struct ast_hints hints;
    struct ast_partition *partition; /* NULL: none */
    struct ast_ident **columns;      /* (a, r.b) */
    size_t n_columns;
    struct ast_query *query;
    enum ast_conflict conflict; /* ON CONFLICT DO ... */
};

/* EXECUTE STATEMENT SET BEGIN ..; END, BEGIN STATEMENT SET; ..; END, STATEMENT SET BEGIN ..; END */
enum ast_set_form { AST_SET_PLAIN, AST_SET_EXECUTE, AST_SET_BEGIN };
struct ast_statement_set {
    struct ast base;
    enum ast_set_form form;
    struct ast_list inserts; /* AST_INSERT */
};

struct ast_execute { /* EXECUTE INSERT ..., EXECUTE SELECT ... */
    struct ast base;
    struct ast *stmt;
};
struct ast_execute_plan {
    struct ast base;
    const char *path;
};
struct ast_compile_plan {
    struct ast base;
    const char *path;
    bool execute; /* COMPILE AND EXECUTE PLAN */
    bool if_not_exists;
    struct ast *stmt; /* AST_INSERT or AST_STATEMENT_SET */
};

struct ast_update {
    struct ast base;
    struct ast_ident *table;
    struct ast_hints hints;
    struct ast_name *alias;
    struct ast_ident **columns;
    struct ast **values; /* as many */
    size_t n_columns;
    struct ast *where;
};
struct ast_delete {
    struct ast base;
    struct ast_ident *table;
    struct ast_hints hints;
    struct ast_name *alias;
    struct ast *where;
};
struct ast_truncate {
    struct ast base;
    struct ast_ident *table;
};
struct ast_call_procedure {
    struct ast base;
    struct ast_call *call;
};
struct ast_analyze {
    struct ast base;
    struct ast_ident *table;
    struct ast_partition *partition; /* NULL: none */
    struct ast_names columns;        /* FOR COLUMNS a, b */
    bool all_columns;
};
struct ast_jar {
    struct ast base;
    bool remove;
    const char *path;
};
struct ast_module { /* LOAD MODULE m WITH (...), UNLOAD MODULE m */
    struct ast base;
    bool unload;
    struct ast_name name;
    struct ast_options options;
};
struct ast_stop_job {
    struct ast base;
    const char *job;
    bool savepoint, drain;
};

enum ast_client_kind { AST_CLIENT_QUIT, AST_CLIENT_CLEAR, AST_CLIENT_HELP };
struct ast_client { /* the SQL client's own commands */
    struct ast base;
    enum ast_client_kind client;
};

#endif
