/* session.h - what a script sees and changes: settings, catalog of tables, views and functions. One
 * thread at a time. Statements that only change the session (DDL, SET, USE) are carried out here;
 * queries and inserts come back as logical plans (rel.h), which sql/planner.h makes into physical
 * ones. */
#ifndef PENSTOCK_SQL_SESSION_H
#define PENSTOCK_SQL_SESSION_H

#include "base/core/map.h"
#include "sql/ast_stmt.h"
#include "sql/rel.h"

enum column_kind { COLUMN_PHYSICAL, COLUMN_COMPUTED, COLUMN_METADATA };

struct column_desc {
    const char *name;
    const struct type *type; /* computed: of the expression */
    enum column_kind kind;
    const struct expr *expr; /* computed: over all declared columns */
    const char *expr_text;   /* as written */
    const char *metadata_key;
    bool is_virtual; /* metadata that can't be written */
    const char *comment;
};

struct table_desc {
    const char *catalog, *database, *name;
    bool temporary;
    int n_columns;
    const struct column_desc *columns; /* declared order */
    int watermark_column;              /* -1 = none */
    const struct expr *watermark_expr; /* over all declared columns */
    const char *watermark_text;        /* as written */
    int n_primary_key;
    const int *primary_key;
    int n_partition_keys;
    const int *partition_keys;
    int n_options;
    const struct table_option *options;
    const char *comment;
    const struct connector_desc *connector; /* resolved by the 'connector' option when first used */
    /* view: */
    const struct ast *view_query;
    const char *view_text;
    const char *view_catalog, *view_database; /* current ones when it was made: its names' scope */
    const struct schema *view_schema;
};

struct session;

/* The session owns an arena for its catalog. */
struct session *session_new(void);
void session_free(struct session *s);

/* The folder of the job's file, where libraries are looked for; copied, NULL: none. */
void session_set_directory(struct session *s, const char *directory);

/* Settings: SET 'k' = 'v'. Known keys are validated by the table in sql/settings.def (opt rows,
 * docs); unknown keys are an error with the nearest name, but keys of Flink that mean nothing here
 * (heap sizes, ...) are taken and noted once through the warning callback. */
int session_set(struct session *s, const char *key, const char *value,
                struct err *err) ATTR_MUST_USE;
const char *session_get(const struct session *s,
                        const char *key); /* value or default; NULL unknown */
bool session_is_set(const struct session *s, const char *key);
void session_on_warning(struct session *s, void (*fn)(void *self, const char *text), void *self);
struct session_settings;
const struct session_settings *session_settings(const struct session *s); /* sql/settings.h */
struct plan_config;
/* Settings as a plan carries them, with query start now. */
int session_plan_config(struct session *s, struct arena *a, struct plan_config *ret,
                        struct err *err) ATTR_MUST_USE;
const struct eval_env *session_env(struct session *s); /* zone etc. as set now */

const struct table_desc *session_table(struct session *s,
                                       const struct ast_names *path); /* or NULL */

/* The type in which the connector gives or takes a column: that of its metadata key, which may
 * differ from the declared one (the plan casts), else the declared one. The connector must be
 * resolved. */
const struct type *table_connector_type(struct arena *a, const struct table_desc *t, int column);

enum statement_result_kind {
    STATEMENT_DONE,  /* DDL, SET, USE: carried out; text may say what happened */
    STATEMENT_ROWS,  /* SHOW, DESCRIBE, EXPLAIN: a small result, as text columns */
    STATEMENT_QUERY, /* one SELECT: sinks[0] collects */
    STATEMENT_INSERT /* one or more INSERTs (a statement set) to be run as one job */
};

struct statement_result {
    enum statement_result_kind kind;
    const char *what;            /* "CREATE TABLE", "SET", "INSERT" ... for people and JSON */
    const char *text;            /* STATEMENT_DONE: "OK"-like note; may be NULL */
    const struct schema *schema; /* STATEMENT_ROWS, STATEMENT_QUERY */
    int n_rows;
    const char *const *cells; /* STATEMENT_ROWS: n_rows x schema->n, NULL = SQL NULL */
    int n_sinks;
    const struct rel *const *sinks; /* REL_SINK */
};

/* Carries out or binds one parsed statement. sql_text: the whole script, for messages and views.
 * Results live in arena a. EXPLAIN plans through sql/planner.h. */
int session_execute(struct session *s, struct arena *a, const struct ast *stmt,
                    const char *sql_text, struct statement_result *ret,
                    struct err *err) ATTR_MUST_USE;

#endif
