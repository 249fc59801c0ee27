/* build_stmt.h - what the grammar's actions call to make statements. Internal to the parser. */
#ifndef PENSTOCK_SQL_BUILD_STMT_H
#define PENSTOCK_SQL_BUILD_STMT_H

#include "sql/build.h"

/* One element between the parentheses of CREATE TABLE. */
struct build_element {
    struct ast_column *column;
    struct ast_constraint *constraint;
    struct ast_watermark *watermark;
    struct ast_ident *bare; /* a name without a type */
};
struct ast_constraint *build_constraint(struct sql_parse *c, struct ast_span at,
                                        struct ast_name *name, bool unique,
                                        struct build_list *columns, int enforcement);
struct ast_column *build_column_def(struct sql_parse *c, struct ast_span at, struct ast_ident *path,
                                    enum ast_column_kind kind, struct ast_type *type,
                                    struct ast *expr);
/* elements: struct build_element. Names without types are allowed where bare_ok; all or none. */
void build_elements(struct sql_parse *c, struct ast_span at, struct build_list *elements,
                    bool bare_ok, struct ast_schema *ret);
/* Fills the options; keys and values come from string literals. */
struct ast_options build_option_list(struct build_list *options);
struct ast *build_create_table(struct sql_parse *c, struct ast_span at, struct ast_create_table *t,
                               struct build_list *elements);
struct ast *build_function(struct sql_parse *c, struct ast_create_function *f);
struct ast_alter *build_alter(struct sql_parse *c, enum ast_alter_kind action);
struct ast *build_alter_done(struct sql_parse *c, struct ast_span at, struct ast_alter *alter,
                             enum ast_object object, bool if_exists, struct ast_ident *name);
struct ast *build_use(struct sql_parse *c, struct ast_span at, enum ast_use_kind kind,
                      struct ast_ident *name, struct build_list *names);
/* in: FROM or IN and a name; like: a pattern; NULL: none. */
struct ast *build_show(struct sql_parse *c, struct ast_span at, enum ast_show_kind kind,
                       const struct ast_show *in, const struct ast_show *like);
struct ast *build_describe(struct sql_parse *c, struct ast_span at, enum ast_describe_kind kind,
                           bool extended, struct ast_ident *name);
struct ast_explain *build_explain(struct sql_parse *c, struct ast_span at, unsigned details,
                                  struct ast *stmt);
struct ast *build_set(struct sql_parse *c, struct ast_span at, const char *key, const char *value,
                      bool quoted);
struct ast *build_reset(struct sql_parse *c, struct ast_span at, const char *key, bool quoted);
struct ast *build_statement_set(struct sql_parse *c, struct ast_span at, enum ast_set_form form,
                                struct build_list *inserts);
struct ast *build_execute(struct sql_parse *c, struct ast_span at, struct ast *stmt);
struct ast *build_jar(struct sql_parse *c, struct ast_span at, bool remove, const char *path);
struct ast *build_client(struct sql_parse *c, struct ast_span at, const struct sql_token *word);

#endif
