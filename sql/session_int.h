/* session_int.h - the session's insides, shared by session*.c and bind*.c only. */
#ifndef PENSTOCK_SQL_SESSION_INT_H
#define PENSTOCK_SQL_SESSION_INT_H

#include "base/core/map.h"
#include "sql/session.h"
#include "sql/settings.h"
#include "vector/func/func.h"

enum { TABLE_COLUMNS_MAX = 4096, CATALOG_OBJECTS_MAX = 100000 };

struct udf;

/* A function of CREATE FUNCTION. One of neither library nor built-in counterpart can't be called.
 */
struct function_desc {
    const char *catalog, *database, *name;
    const char *class_name, *language; /* as written; language may be NULL */
    const struct udf *udf;             /* out of a library */
    const char *builtin;               /* the built-in function that does the same */
    bool temporary, system;
};

struct database {
    const char *name, *comment;
    struct map tables;    /* struct table_desc: tables and views */
    struct map functions; /* struct function_desc; names ignore case */
};

struct catalog {
    const char *name, *comment;
    struct map databases; /* struct database */
};

struct session {
    struct arena arena; /* catalog and settings; grows with DDL, lives as long as the session */
    struct session_settings settings;
    struct map set;     /* settings given by SET: key -> text */
    struct map ignored; /* Flink's settings without meaning here: key -> text */
    struct map warned;  /* keys of settings without effect that were told */
    struct eval_env env;
    struct map catalogs;       /* struct catalog */
    struct map temp_tables;    /* "catalog.database.name" -> struct table_desc */
    struct map temp_functions; /* name -> struct function_desc: temporary and system ones */
    const char *catalog, *database;
    const char *directory; /* of the job's file; NULL: none */
    void (*warn)(void *self, const char *text);
    void *warn_self;
};

void session_warn(struct session *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
bool session_batch(const struct session *s); /* execution.runtime-mode is BATCH */

/* ---- names (session_catalog.c) ---- */

struct object_path {
    const char *catalog, *database, *name;
};
/* Completes one to three words with the current catalog and database. */
int session_path(struct session *s, const struct ast_names *names, struct object_path *ret,
                 struct err *err) ATTR_MUST_USE;
const char *object_path_text(struct arena *a, const struct object_path *p); /* c.d.n */
struct catalog *session_catalog(const struct session *s, const char *name);
struct database *session_database(const struct session *s, const char *catalog, const char *name);
/* Temporary ones hide permanent ones. NULL if there is none. */
const struct table_desc *session_find_table(const struct session *s, const struct object_path *p);
/* ERR_VALIDATION "no table 'x' in ...; did you mean 'y'?" at the place of names. */
int session_need_table(struct session *s, const struct ast_names *names,
                       const struct table_desc **ret, struct err *err) ATTR_MUST_USE;
const struct function_desc *session_find_function(const struct session *s,
                                                  const struct ast_names *names);
/* Adds or replaces; the table's temporary flag says where. */
int session_put_table(struct session *s, const struct table_desc *t, struct err *err) ATTR_MUST_USE;
void session_drop_table(struct session *s, const struct table_desc *t);
bool table_is_view(const struct table_desc *t);
const char *table_option(const struct table_desc *t, const char *key); /* or NULL */
/* The connector's description of a metadata column; NULL for other columns and unknown keys. */
const struct metadata_key *table_metadata(const struct table_desc *t, int column);
/* The declared columns as a schema, in which watermark columns are rowtime attributes. */
const struct schema *table_schema(struct session *s, struct arena *a, const struct table_desc *t);

/* ---- statements ---- */

struct exec { /* one session_execute */
    struct session *s;
    struct arena *a;
    const char *sql_text;
    struct statement_result *ret;
};

/* ERR_VALIDATION where the name is taken; with if_not_exists *ret_skip and a STATEMENT_DONE. */
int check_new_object(struct exec *x, const struct ast_ident *name, const struct object_path *path,
                     bool temporary, bool if_not_exists, const char *what, bool *ret_skip,
                     struct err *err) ATTR_MUST_USE;
int exec_create_table(struct exec *x, const struct ast_create_table *c,
                      struct err *err) ATTR_MUST_USE;
int exec_create_view(struct exec *x, const struct ast_create_view *c,
                     struct err *err) ATTR_MUST_USE;
int exec_create_function(struct exec *x, const struct ast_create_function *c,
                         struct err *err) ATTR_MUST_USE;
int exec_alter_function(struct exec *x, const struct ast_alter *al, struct err *err) ATTR_MUST_USE;
int exec_describe_function(struct exec *x, const struct ast_describe *d,
                           struct err *err) ATTR_MUST_USE;
int exec_drop_function(struct exec *x, const struct ast_drop *d, struct err *err) ATTR_MUST_USE;
int exec_create_database(struct exec *x, const struct ast_create_database *c,
                         struct err *err) ATTR_MUST_USE;
int exec_create_catalog(struct exec *x, const struct ast_create_catalog *c,
                        struct err *err) ATTR_MUST_USE;
int exec_drop(struct exec *x, const struct ast_drop *d, struct err *err) ATTR_MUST_USE;
int exec_alter(struct exec *x, const struct ast_alter *al, struct err *err) ATTR_MUST_USE;
int exec_use(struct exec *x, const struct ast_use *u, struct err *err) ATTR_MUST_USE;
int exec_set(struct exec *x, const struct ast_set *st, struct err *err) ATTR_MUST_USE;
int exec_reset(struct exec *x, const struct ast_reset *r, struct err *err) ATTR_MUST_USE;
int exec_show(struct exec *x, const struct ast_show *sh, struct err *err) ATTR_MUST_USE;
int exec_describe(struct exec *x, const struct ast_describe *d, struct err *err) ATTR_MUST_USE;
int exec_explain(struct exec *x, const struct ast_explain *e, struct err *err) ATTR_MUST_USE;
/* Queries and inserts, bound to ret->sinks. */
int exec_query(struct exec *x, const struct ast_query *q, struct err *err) ATTR_MUST_USE;
int exec_inserts(struct exec *x, const struct ast_list *inserts, const char *what,
                 struct err *err) ATTR_MUST_USE;

/* A STATEMENT_ROWS result of STRING columns, filled row by row. */
struct rows_result {
    struct exec *x;
    int n_cols, cap;
    const char **cells;
};
void rows_begin(struct rows_result *r, struct exec *x, const char *const *names, int n_cols);
void rows_add(struct rows_result *r, const char *const *cells); /* copied into the result's arena */
void rows_end(struct rows_result *r);
void exec_done(struct exec *x, const char *what, const char *text);

#endif
