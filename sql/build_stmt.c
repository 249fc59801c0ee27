/* build_stmt.c - statements. */
#include "sql/build_stmt.h"

#include <string.h>
#include <strings.h>

/* ---- tables --------------------------------------------------------------------------------- */

struct ast_constraint *build_constraint(struct sql_parse *c, struct ast_span at,
                                        struct ast_name *name, bool unique,
                                        struct build_list *columns, int enforcement) {
    struct ast_constraint *n = ARENA_NEW(c->arena, struct ast_constraint);
    n->name = name;
    n->unique = unique;
    n->of_column = !columns;
    n->columns = build_names(columns);
    n->enforcement = (enum ast_enforcement)enforcement;
    n->span = at;
    return n;
}

struct ast_column *build_column_def(struct sql_parse *c, struct ast_span at, struct ast_ident *path,
                                    enum ast_column_kind kind, struct ast_type *type,
                                    struct ast *expr) {
    struct ast_column *n = ARENA_NEW(c->arena, struct ast_column);
    n->column = kind;
    n->name = path->parts.items[path->parts.n - 1];
    if (path->parts.n > 1) n->path = path;
    if (path->parts.n > 1 && kind == AST_COLUMN_COMPUTED)
        build_fail(c, path->base.span, ERR_PARSE, "a computed column has a simple name");
    n->type = type;
    n->expr = expr;
    n->span = at;
    return n;
}

/* What the elements add up to so far. */
struct parts {
    struct build_list *columns, *constraints;
    size_t n_bare;
};

static void add_element(struct sql_parse *c, const struct build_element *e, struct parts *p,
                        struct ast_schema *ret) {
    if (e->bare) {
        struct ast_column *col =
            build_column_def(c, e->bare->base.span, e->bare, AST_COLUMN_PHYSICAL, NULL, NULL);
        p->columns = build_list_add(c, p->columns, sizeof(*col), col);
        p->n_bare++;
    }
    if (e->column) {
        struct ast_constraint *k = e->column->constraint;
        if (k) {
            k->columns =
                build_names(build_list_add(c, NULL, sizeof(struct ast_name), &e->column->name));
            p->constraints = build_list_add(c, p->constraints, sizeof(*k), k);
        }
        p->columns = build_list_add(c, p->columns, sizeof(*e->column), e->column);
    }
    if (e->constraint)
        p->constraints = build_list_add(c, p->constraints, sizeof(*e->constraint), e->constraint);
    if (e->watermark) {
        if (ret->watermark)
            build_fail(c, e->watermark->span, ERR_PARSE,
                       "a table has one WATERMARK at most, this is another");
        ret->watermark = e->watermark;
    }
}

void build_elements(struct sql_parse *c, struct ast_span at, struct build_list *elements,
                    bool bare_ok, struct ast_schema *ret) {
    const struct build_element *e = build_list_items(elements);
    size_t n = build_list_n(elements);
    struct parts p = {0};
    for (size_t i = 0; i < n; i++)
        add_element(c, &e[i], &p, ret);
    if (p.n_bare && (p.n_bare != n || !bare_ok)) {
        size_t i = 0;
        while (!e[i].bare)
            i++;
        build_fail(c, e[i].bare->base.span, ERR_PARSE,
                   "column '%s' has no type; names alone are for CREATE TABLE ... (a, b) AS query",
                   e[i].bare->parts.items[e[i].bare->parts.n - 1].text);
    }
    ret->columns = build_list_items(p.columns);
    ret->n_columns = build_list_n(p.columns);
    ret->constraints = build_list_items(p.constraints);
    ret->n_constraints = build_list_n(p.constraints);
}

struct ast_options build_option_list(struct build_list *options) {
    return (struct ast_options){build_list_items(options), build_list_n(options), options};
}

struct ast *build_create_table(struct sql_parse *c, struct ast_span at, struct ast_create_table *t,
                               struct build_list *elements) {
    t->base.span = at;
    t->has_schema = elements;
    build_elements(c, at, elements, t->as_query, &t->schema);
    if (t->mode == AST_REPLACE && !t->as_query)
        build_fail(c, at, ERR_PARSE, "REPLACE TABLE needs AS query");
    if (t->mode == AST_CREATE_OR_ALTER && !t->materialized)
        build_fail(c, at, ERR_PARSE, "CREATE OR ALTER is for MATERIALIZED TABLE");
    return build_done(c, t);
}

struct ast *build_function(struct sql_parse *c, struct ast_create_function *f) {
    if (f->system && f->name->parts.n > 1)
        build_fail(c, f->name->base.span, ERR_PARSE, "a system function has a simple name");
    bool jars_ok = !f->language ||
                   (strcasecmp(f->language, "SQL") != 0 && strcasecmp(f->language, "PYTHON") != 0);
    if (f->n_jars && !jars_ok)
        build_fail(c, f->base.span, ERR_PARSE, "USING JAR does not go with LANGUAGE %s",
                   f->language);
    return build_done(c, f);
}

struct ast_alter *build_alter(struct sql_parse *c, enum ast_alter_kind action) {
    struct ast_alter *n = BUILD_NODE(c, AST_ALTER, (struct ast_span){0}, struct ast_alter);
    n->action = action;
    return n;
}

struct ast *build_alter_done(struct sql_parse *c, struct ast_span at, struct ast_alter *alter,
                             enum ast_object object, bool if_exists, struct ast_ident *name) {
    alter->base.span = at;
    alter->object = object;
    alter->if_exists = if_exists;
    alter->name = name;
    return build_done(c, alter);
}

/* ---- others --------------------------------------------------------------------------------- */

struct ast *build_use(struct sql_parse *c, struct ast_span at, enum ast_use_kind kind,
                      struct ast_ident *name, struct build_list *names) {
    struct ast_use *n = BUILD_NODE(c, AST_USE, at, struct ast_use);
    n->use = kind;
    n->name = name;
    n->names = build_names(names);
    return build_done(c, n);
}

struct ast *build_show(struct sql_parse *c, struct ast_span at, enum ast_show_kind kind,
                       const struct ast_show *in, const struct ast_show *like) {
    struct ast_show *n = BUILD_NODE(c, AST_SHOW, at, struct ast_show);
    n->show = kind;
    if (in) {
        n->name = in->name;
        n->prep_in = in->prep_in;
    }
    if (like) {
        n->like = like->like;
        n->not_like = like->not_like;
        n->ilike = like->ilike;
    }
    bool ilike_ok = kind == AST_SHOW_CATALOGS || kind == AST_SHOW_DATABASES ||
                    kind == AST_SHOW_FUNCTIONS || kind == AST_SHOW_USER_FUNCTIONS ||
                    kind == AST_SHOW_PROCEDURES;
    if (n->ilike && !ilike_ok) build_fail(c, at, ERR_PARSE, "this SHOW takes LIKE, not ILIKE");
    return build_done(c, n);
}

struct ast *build_describe(struct sql_parse *c, struct ast_span at, enum ast_describe_kind kind,
                           bool extended, struct ast_ident *name) {
    struct ast_describe *n = BUILD_NODE(c, AST_DESCRIBE, at, struct ast_describe);
    n->describe = kind;
    n->extended = extended;
    n->name = name;
    return build_done(c, n);
}

struct ast_explain *build_explain(struct sql_parse *c, struct ast_span at, unsigned details,
                                  struct ast *stmt) {
    struct ast_explain *n = BUILD_NODE(c, AST_EXPLAIN, at, struct ast_explain);
    n->details = details;
    n->stmt = stmt;
    build_done(c, n);
    return n;
}

struct ast *build_set(struct sql_parse *c, struct ast_span at, const char *key, const char *value,
                      bool quoted) {
    struct ast_set *n = BUILD_NODE(c, AST_SET, at, struct ast_set);
    n->key = key;
    n->value = value;
    n->quoted = quoted;
    if (key && !*key) build_fail(c, at, ERR_PARSE, "the key of SET is empty");
    return build_done(c, n);
}

struct ast *build_reset(struct sql_parse *c, struct ast_span at, const char *key, bool quoted) {
    struct ast_reset *n = BUILD_NODE(c, AST_RESET, at, struct ast_reset);
    n->key = key;
    n->quoted = quoted;
    return build_done(c, n);
}

struct ast *build_statement_set(struct sql_parse *c, struct ast_span at, enum ast_set_form form,
                                struct build_list *inserts) {
    struct ast_statement_set *n = BUILD_NODE(c, AST_STATEMENT_SET, at, struct ast_statement_set);
    n->form = form;
    n->inserts = build_ast_list(inserts);
    return build_done(c, n);
}

struct ast *build_execute(struct sql_parse *c, struct ast_span at, struct ast *stmt) {
    struct ast_execute *n = BUILD_NODE(c, AST_EXECUTE, at, struct ast_execute);
    n->stmt = stmt;
    return build_done(c, n);
}

struct ast *build_jar(struct sql_parse *c, struct ast_span at, bool remove, const char *path) {
    struct ast_jar *n = BUILD_NODE(c, AST_JAR, at, struct ast_jar);
    n->remove = remove;
    n->path = path;
    return build_done(c, n);
}

struct ast *build_client(struct sql_parse *c, struct ast_span at, const struct sql_token *word) {
    struct ast_client *n = BUILD_NODE(c, AST_CLIENT, at, struct ast_client);
    struct sv w = {word->raw, word->raw_len};
    n->client = sv_ieq(w, "clear")  ? AST_CLIENT_CLEAR
                : sv_ieq(w, "help") ? AST_CLIENT_HELP
                                    : AST_CLIENT_QUIT;
    return build_done(c, n);
}
