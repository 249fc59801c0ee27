/* ast_stmt.h - statements that declare nothing; those that do are in ast_ddl.h. */
#ifndef PENSTOCK_SQL_AST_STMT_H
#define PENSTOCK_SQL_AST_STMT_H

#include "sql/ast_ddl.h"

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
