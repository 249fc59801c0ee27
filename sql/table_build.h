/* table_build.h - a table being declared, for CREATE TABLE and ALTER TABLE. Its parts live in the
 * session's arena and become a table_desc once all of them have been checked. */
#ifndef PENSTOCK_SQL_TABLE_BUILD_H
#define PENSTOCK_SQL_TABLE_BUILD_H

#include "sql/bind.h"

struct table_build {
    struct exec *x;
    struct binder b; /* over the session's arena */
    int n_columns, cap_columns;
    struct column_desc *columns;
    const struct ast_column **asts; /* of computed columns not bound yet; else NULL */
    int watermark_column;
    const struct ast_watermark *watermark; /* to be bound; or the expression below */
    const struct expr *watermark_expr;
    const char *watermark_text;
    int n_keys;
    const char **keys;
    const struct ast_span *keys_at;
    int n_partitions;
    const char **partitions;
    const struct ast_span *partitions_at;
    int n_options, cap_options;
    struct table_option *options;
};

int table_build_find(const struct table_build *t, const char *name); /* column number, -1 */
const char *table_build_near(const struct table_build *t,
                             const char *name); /* "; did you mean ...", "" */
/* ast: of a computed column whose expression is still to be bound. */
void table_build_push(struct table_build *t, const struct column_desc *c,
                      const struct ast_column *ast);
int table_build_column(struct table_build *t, const struct ast_column *c,
                       struct err *err) ATTR_MUST_USE;
int table_build_key(struct table_build *t, const struct ast_constraint *c,
                    struct err *err) ATTR_MUST_USE;
int table_build_schema(struct table_build *t, const struct ast_schema *s,
                       struct err *err) ATTR_MUST_USE;
void table_build_option(struct table_build *t, const char *key, const char *value);
int table_build_options(struct table_build *t, const struct ast_options *o,
                        struct err *err) ATTR_MUST_USE;
int table_build_partitions(struct table_build *t, const struct ast_names *n,
                           struct err *err) ATTR_MUST_USE;
/* Once all columns are there. */
int table_build_computed(struct table_build *t, const struct object_path *path,
                         struct err *err) ATTR_MUST_USE;
int table_build_watermark(struct table_build *t, const struct object_path *path,
                          struct err *err) ATTR_MUST_USE;
struct table_desc *table_build_finish(struct table_build *t, const struct object_path *path,
                                      bool temporary, const char *comment);

#endif
