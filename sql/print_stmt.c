/* print_stmt.c - statements as SQL. */
#include "sql/print.h"

#include <strings.h>

/* ---- parts ---------------------------------------------------------------------------------- */

static void p_options(struct str *o, const char *lead, const struct ast_options *opts) {
    if (!opts->given) return;
    str_addf(o, "%s(", lead);
    for (size_t i = 0; i < opts->n; i++) {
        print_sep(o, i);
        print_quoted(o, opts->items[i].key);
        str_add(o, " = ");
        print_quoted(o, opts->items[i].value);
    }
    str_add_char(o, ')');
}

static void p_string(struct str *o, const char *lead, const char *text) {
    if (!text) return;
    str_add(o, lead);
    print_quoted(o, text);
}

static void p_ident(struct str *o, const char *lead, const struct ast_ident *id) {
    if (!id) return;
    str_add(o, lead);
    ast_print_ident(id, o);
}

static void p_idents(struct str *o, struct ast_ident *const *ids, size_t n) {
    str_add_char(o, '(');
    for (size_t i = 0; i < n; i++) {
        print_sep(o, i);
        ast_print_ident(ids[i], o);
    }
    str_add_char(o, ')');
}

static void p_name_list(struct str *o, const char *lead, const struct ast_names *names) {
    if (!names->n) return;
    str_addf(o, "%s(", lead);
    print_names(o, names);
    str_add_char(o, ')');
}

static void p_query_part(struct str *o, const char *lead, const struct ast_query *q) {
    if (!q) return;
    str_add(o, lead);
    ast_print(&q->base, o);
}

static void p_partition(struct str *o, const struct ast_partition *p) {
    str_add(o, " PARTITION (");
    for (size_t i = 0; i < p->n; i++) {
        print_sep(o, i);
        ast_print_name(&p->items[i].name, o);
        if (!p->items[i].value) continue;
        str_add(o, " = ");
        ast_print(p->items[i].value, o);
    }
    str_add_char(o, ')');
}

static void p_constraint(struct str *o, const struct ast_constraint *k) {
    static const char *const enforcement[] = {"", " ENFORCED", " NOT ENFORCED"};
    if (k->name) {
        str_add(o, "CONSTRAINT ");
        ast_print_name(k->name, o);
        str_add_char(o, ' ');
    }
    str_add(o, k->unique ? "UNIQUE" : "PRIMARY KEY");
    if (!k->of_column) p_name_list(o, " ", &k->columns);
    str_add(o, enforcement[k->enforcement]);
}

static void p_column(struct str *o, const struct ast_column *c) {
    if (c->path)
        ast_print_ident(c->path, o);
    else
        ast_print_name(&c->name, o);
    if (c->expr) {
        str_add(o, " AS ");
        ast_print(c->expr, o);
    }
    if (c->type) {
        str_add_char(o, ' ');
        ast_print_type(c->type, o);
    }
    if (c->constraint) {
        str_add_char(o, ' ');
        p_constraint(o, c->constraint);
    }
    if (c->column == AST_COLUMN_METADATA) str_add(o, " METADATA");
    p_string(o, " FROM ", c->metadata_key);
    if (c->is_virtual) str_add(o, " VIRTUAL");
    p_string(o, " COMMENT ", c->comment);
    if (c->place == AST_PLACE_FIRST) str_add(o, " FIRST");
    p_ident(o, " AFTER ", c->after);
}

static void p_schema(struct str *o, const struct ast_schema *s) {
    size_t put = 0;
    for (size_t i = 0; i < s->n_columns; i++) {
        print_sep(o, put++);
        p_column(o, &s->columns[i]);
    }
    if (s->watermark) {
        print_sep(o, put++);
        p_ident(o, "WATERMARK FOR ", s->watermark->column);
        str_add(o, " AS ");
        ast_print(s->watermark->expr, o);
    }
    for (size_t i = 0; i < s->n_constraints; i++) {
        if (s->constraints[i].of_column) continue;
        print_sep(o, put++);
        p_constraint(o, &s->constraints[i]);
    }
}

static void p_distribution(struct str *o, const struct ast_distribution *d) {
    static const char *const words[] = {"", "", "BY ", "BY HASH ", "BY RANGE "};
    str_add(o, words[d->kind]);
    p_name_list(o, "", &d->columns);
    if (d->buckets < 0) return;
    str_addf(o, "%sINTO %lld BUCKETS", d->columns.n ? " " : "", (long long)d->buckets);
}

/* ---- CREATE --------------------------------------------------------------------------------- */

static const char *const create_words[] = {"CREATE ", "CREATE OR ALTER ", "CREATE OR REPLACE ",
                                           "REPLACE "};

static void p_like(struct str *o, const struct ast_create_table *n) {
    static const char *const strategies[] = {"INCLUDING", "EXCLUDING", "OVERWRITING"};
    static const char *const features[] = {"ALL",      "CONSTRAINTS", "DISTRIBUTION", "GENERATED",
                                           "METADATA", "OPTIONS",     "PARTITIONS",   "WATERMARKS"};
    p_ident(o, " LIKE ", n->like);
    for (size_t i = 0; i < n->n_like_options; i++)
        str_addf(o, "%s%s %s", i ? " " : " (", strategies[n->like_options[i].strategy],
                 features[n->like_options[i].feature]);
    if (n->n_like_options) str_add_char(o, ')');
}

static void p_create_table(struct str *o, const struct ast *node) {
    const struct ast_create_table *n = AST_TO(create_table, node);
    str_add(o, create_words[n->mode]);
    if (n->temporary) str_add(o, "TEMPORARY ");
    if (n->materialized) str_add(o, "MATERIALIZED ");
    str_addf(o, "TABLE %s", n->if_not_exists ? "IF NOT EXISTS " : "");
    ast_print_ident(n->name, o);
    if (n->has_schema) {
        str_add(o, " (");
        p_schema(o, &n->schema);
        str_add_char(o, ')');
    }
    p_string(o, " COMMENT ", n->comment);
    if (n->distribution.kind) {
        str_add(o, " DISTRIBUTED ");
        p_distribution(o, &n->distribution);
    }
    p_name_list(o, " PARTITIONED BY ", &n->partitioned_by);
    p_options(o, " WITH ", &n->options);
    if (n->freshness) {
        str_add(o, " FRESHNESS = ");
        ast_print(n->freshness, o);
    }
    if (n->refresh_mode) str_addf(o, " REFRESH_MODE = %s", n->refresh_mode);
    p_like(o, n);
    p_query_part(o, " AS ", n->as_query);
}

static void p_create_view(struct str *o, const struct ast *node) {
    const struct ast_create_view *n = AST_TO(create_view, node);
    str_add(o, create_words[n->mode]);
    if (n->temporary) str_add(o, "TEMPORARY ");
    str_addf(o, "VIEW %s", n->if_not_exists ? "IF NOT EXISTS " : "");
    ast_print_ident(n->name, o);
    p_name_list(o, " ", &n->columns);
    p_string(o, " COMMENT ", n->comment);
    p_query_part(o, " AS ", n->query);
}

static void p_head(struct str *o, const char *what, bool temporary, bool system, bool if_not_exists,
                   const struct ast_ident *name) {
    str_addf(o, "CREATE %s%s%s %s", temporary ? "TEMPORARY " : "", system ? "SYSTEM " : "", what,
             if_not_exists ? "IF NOT EXISTS " : "");
    ast_print_ident(name, o);
}

static void p_language(struct str *o, const char *language) {
    if (!language) return;
    str_add(o, " LANGUAGE ");
    if (strcasecmp(language, "SQL") == 0 || strcasecmp(language, "SCALA") == 0)
        str_add(o, language);
    else
        ast_print_name(&(struct ast_name){.text = language}, o);
}

static void p_create_function(struct str *o, const struct ast *node) {
    const struct ast_create_function *n = AST_TO(create_function, node);
    p_head(o, "FUNCTION", n->temporary, n->system, n->if_not_exists, n->name);
    p_string(o, " AS ", n->class_name);
    p_language(o, n->language);
    for (size_t i = 0; i < n->n_jars; i++)
        p_string(o, i ? ", JAR " : " USING JAR ", n->jars[i]);
    p_options(o, " WITH ", &n->options);
}

static void p_create_catalog(struct str *o, const struct ast *node) {
    const struct ast_create_catalog *n = AST_TO(create_catalog, node);
    p_head(o, "CATALOG", false, false, n->if_not_exists, n->name);
    p_string(o, " COMMENT ", n->comment);
    p_options(o, " WITH ", &n->options);
}

static void p_create_database(struct str *o, const struct ast *node) {
    const struct ast_create_database *n = AST_TO(create_database, node);
    p_head(o, "DATABASE", false, false, n->if_not_exists, n->name);
    p_string(o, " COMMENT ", n->comment);
    p_options(o, " WITH ", &n->options);
}

static void p_model_part(struct str *o, const char *lead, bool has, const struct ast_schema *s) {
    if (!has) return;
    str_add(o, lead);
    p_schema(o, s);
    str_add_char(o, ')');
}

static void p_create_model(struct str *o, const struct ast *node) {
    const struct ast_create_model *n = AST_TO(create_model, node);
    p_head(o, "MODEL", n->temporary, false, n->if_not_exists, n->name);
    p_model_part(o, " INPUT (", n->has_input, &n->input);
    p_model_part(o, " OUTPUT (", n->has_output, &n->output);
    p_string(o, " COMMENT ", n->comment);
    p_options(o, " WITH ", &n->options);
    p_query_part(o, " AS ", n->as_query);
}

static void p_create_connection(struct str *o, const struct ast *node) {
    const struct ast_create_connection *n = AST_TO(create_connection, node);
    p_head(o, "CONNECTION", n->temporary, n->system, n->if_not_exists, n->name);
    p_string(o, " COMMENT ", n->comment);
    p_options(o, " WITH ", &n->options);
}

/* ---- DROP, ALTER ---------------------------------------------------------------------------- */

static void p_drop(struct str *o, const struct ast *node) {
    const struct ast_drop *n = AST_TO(drop, node);
    str_addf(o, "DROP %s%s%s %s", n->temporary ? "TEMPORARY " : "", n->system ? "SYSTEM " : "",
             ast_object_name(n->object), n->if_exists ? "IF EXISTS " : "");
    ast_print_ident(n->name, o);
    if (n->cascade) str_add(o, " CASCADE");
    if (n->restrict_given) str_add(o, " RESTRICT");
}

static void p_alter_schema(struct str *o, const char *word, const struct ast_alter *n) {
    str_addf(o, " %s %s", word, n->parenthesised ? "(" : "");
    p_schema(o, &n->schema);
    if (n->parenthesised) str_add_char(o, ')');
}

static void p_keys(struct str *o, const struct ast_alter *n) {
    str_add(o, " RESET (");
    for (size_t i = 0; i < n->n_keys; i++)
        p_string(o, i ? ", " : "", n->keys[i]);
    str_add_char(o, ')');
}

static void p_alter_partitions(struct str *o, const struct ast_alter *n) {
    bool add = n->action == AST_ALTER_ADD_PARTITIONS;
    if (n->action != AST_ALTER_REFRESH) str_add(o, add ? " ADD" : " DROP");
    if (n->if_not_exists) str_add(o, " IF NOT EXISTS");
    if (n->partition_if_exists) str_add(o, " IF EXISTS");
    for (size_t i = 0; i < n->n_partitions; i++) {
        if (i && !add) str_add_char(o, ',');
        p_partition(o, &n->partitions[i]);
        p_options(o, " WITH ", &n->partitions[i].options);
    }
}

static void p_drop_columns(struct str *o, const struct ast_alter *n) {
    str_add(o, " DROP ");
    if (n->parenthesised)
        p_idents(o, n->columns, n->n_columns);
    else
        ast_print_ident(n->columns[0], o);
}

static void p_alter_rest(struct str *o, const struct ast_alter *n) {
    switch (n->action) {
    case AST_ALTER_DROP_PRIMARY_KEY:
        str_add(o, " DROP PRIMARY KEY");
        return;
    case AST_ALTER_DROP_CONSTRAINT:
        p_ident(o, " DROP CONSTRAINT ", n->column);
        return;
    case AST_ALTER_DROP_WATERMARK:
        str_add(o, " DROP WATERMARK");
        return;
    case AST_ALTER_DROP_DISTRIBUTION:
        str_add(o, " DROP DISTRIBUTION");
        return;
    case AST_ALTER_ADD_DISTRIBUTION:
    case AST_ALTER_MODIFY_DISTRIBUTION:
        str_add(o, n->action == AST_ALTER_ADD_DISTRIBUTION ? " ADD DISTRIBUTION "
                                                           : " MODIFY DISTRIBUTION ");
        p_distribution(o, &n->distribution);
        return;
    case AST_ALTER_SUSPEND:
        str_add(o, " SUSPEND");
        return;
    case AST_ALTER_RESUME:
        str_add(o, " RESUME");
        p_options(o, " WITH ", &n->options);
        return;
    case AST_ALTER_REFRESH:
        str_add(o, " REFRESH");
        p_alter_partitions(o, n);
        return;
    case AST_ALTER_FRESHNESS:
        str_add(o, " SET FRESHNESS = ");
        ast_print(n->freshness, o);
        return;
    case AST_ALTER_REFRESH_MODE:
        str_addf(o, " SET REFRESH_MODE = %s", n->refresh_mode);
        return;
    default:
        UNREACHABLE("ALTER action %d", (int)n->action);
    }
}

static void p_alter(struct str *o, const struct ast *node) {
    const struct ast_alter *n = AST_TO(alter, node);
    str_addf(o, "ALTER %s%s%s %s", n->temporary ? "TEMPORARY " : "", n->system ? "SYSTEM " : "",
             ast_object_name(n->object), n->if_exists ? "IF EXISTS " : "");
    ast_print_ident(n->name, o);
    switch (n->action) {
    case AST_ALTER_RENAME:
        p_ident(o, " RENAME TO ", n->new_name);
        return;
    case AST_ALTER_RENAME_COLUMN:
        p_ident(o, " RENAME ", n->column);
        p_ident(o, " TO ", n->new_name);
        return;
    case AST_ALTER_SET:
        p_options(o, " SET ", &n->options);
        return;
    case AST_ALTER_RESET:
        p_keys(o, n);
        return;
    case AST_ALTER_COMMENT:
        p_string(o, " COMMENT ", n->comment);
        return;
    case AST_ALTER_ADD:
    case AST_ALTER_MODIFY:
        p_alter_schema(o, n->action == AST_ALTER_ADD ? "ADD" : "MODIFY", n);
        return;
    case AST_ALTER_DROP_COLUMNS:
        p_drop_columns(o, n);
        return;
    case AST_ALTER_ADD_PARTITIONS:
    case AST_ALTER_DROP_PARTITIONS:
        p_alter_partitions(o, n);
        return;
    case AST_ALTER_AS:
        p_query_part(o, " AS ", n->query);
        return;
    case AST_ALTER_FUNCTION:
        p_string(o, " AS ", n->class_name);
        p_language(o, n->language);
        return;
    default:
        p_alter_rest(o, n);
    }
}

/* ---- USE, SHOW, DESCRIBE, EXPLAIN, SET ------------------------------------------------------ */

static void p_use(struct str *o, const struct ast *node) {
    static const char *const words[] = {"USE ", "USE CATALOG ", "USE MODULES "};
    const struct ast_use *n = AST_TO(use, node);
    p_ident(o, words[n->use], n->name);
    if (n->use != AST_USE_MODULES) return;
    str_add(o, words[n->use]);
    print_names(o, &n->names);
}

static void p_show(struct str *o, const struct ast *node) {
    static const char *const words[AST_SHOW_COUNT] = {"CATALOGS",     "CURRENT CATALOG",
                                                      "DATABASES",    "CURRENT DATABASE",
                                                      "TABLES",       "MATERIALIZED TABLES",
                                                      "VIEWS",        "COLUMNS",
                                                      "FUNCTIONS",    "USER FUNCTIONS",
                                                      "PROCEDURES",   "MODULES",
                                                      "FULL MODULES", "MODELS",
                                                      "CONNECTIONS",  "PARTITIONS",
                                                      "JARS",         "JOBS",
                                                      "CREATE"};
    const struct ast_show *n = AST_TO(show, node);
    str_addf(o, "SHOW %s", words[n->show]);
    if (n->show == AST_SHOW_CREATE) str_addf(o, " %s", ast_object_name(n->object));
    bool bare = n->show == AST_SHOW_CREATE || n->show == AST_SHOW_PARTITIONS;
    p_ident(o, bare ? " " : n->prep_in ? " IN " : " FROM ", n->name);
    if (n->not_like) str_add(o, " NOT");
    p_string(o, n->ilike ? " ILIKE " : " LIKE ", n->like);
    if (n->partition) p_partition(o, n->partition);
}

static void p_describe(struct str *o, const struct ast *node) {
    static const char *const words[] = {"",       " CATALOG",    " DATABASE", " FUNCTION",
                                        " MODEL", " CONNECTION", " JOB"};
    const struct ast_describe *n = AST_TO(describe, node);
    str_addf(o, "DESCRIBE%s%s", words[n->describe], n->extended ? " EXTENDED" : "");
    p_ident(o, " ", n->name);
    p_string(o, " ", n->job);
}

static void p_explain(struct str *o, const struct ast *node) {
    static const char *const words[] = {"ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN",
                                        "PLAN_ADVICE"};
    const struct ast_explain *n = AST_TO(explain, node);
    str_add(o, "EXPLAIN ");
    if (n->plan_for) str_add(o, "PLAN FOR ");
    if (n->ast_for) str_add(o, "AST FOR ");
    size_t put = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!(n->details & 1u << i)) continue;
        print_sep(o, put++);
        str_add(o, words[i]);
    }
    if (put) str_add_char(o, ' ');
    ast_print(n->stmt, o);
}

static void p_set(struct str *o, const struct ast *node) {
    const struct ast_set *n = AST_TO(set, node);
    str_add(o, "SET");
    if (!n->key) return;
    p_string(o, " ", n->key);
    p_string(o, " = ", n->value);
}

static void p_reset(struct str *o, const struct ast *node) {
    str_add(o, "RESET");
    p_string(o, " ", AST_TO(reset, node)->key);
}

/* ---- INSERT and sets of it ------------------------------------------------------------------ */

static void p_insert(struct str *o, const struct ast *node) {
    static const char *const conflicts[] = {"", " ON CONFLICT DO ERROR", " ON CONFLICT DO NOTHING",
                                            " ON CONFLICT DO DEDUPLICATE"};
    const struct ast_insert *n = AST_TO(insert, node);
    str_add(o, n->upsert ? "UPSERT INTO " : n->overwrite ? "INSERT OVERWRITE " : "INSERT INTO ");
    ast_print_ident(n->table, o);
    print_hints(o, &n->hints);
    if (n->partition) p_partition(o, n->partition);
    if (n->n_columns) {
        str_add_char(o, ' ');
        p_idents(o, n->columns, n->n_columns);
    }
    p_query_part(o, " ", n->query);
    str_add(o, conflicts[n->conflict]);
}

static void p_statement_set(struct str *o, const struct ast *node) {
    static const char *const words[] = {"STATEMENT SET BEGIN ", "EXECUTE STATEMENT SET BEGIN ",
                                        "BEGIN STATEMENT SET; "};
    const struct ast_statement_set *n = AST_TO(statement_set, node);
    str_add(o, words[n->form]);
    for (size_t i = 0; i < n->inserts.n; i++) {
        ast_print(n->inserts.items[i], o);
        str_add(o, "; ");
    }
    str_add(o, "END");
}

static void p_execute(struct str *o, const struct ast *node) {
    str_add(o, "EXECUTE ");
    ast_print(AST_TO(execute, node)->stmt, o);
}

static void p_execute_plan(struct str *o, const struct ast *node) {
    p_string(o, "EXECUTE PLAN ", AST_TO(execute_plan, node)->path);
}

static void p_compile_plan(struct str *o, const struct ast *node) {
    const struct ast_compile_plan *n = AST_TO(compile_plan, node);
    p_string(o, n->execute ? "COMPILE AND EXECUTE PLAN " : "COMPILE PLAN ", n->path);
    str_add(o, n->if_not_exists ? " IF NOT EXISTS FOR " : " FOR ");
    ast_print(n->stmt, o);
}

/* ---- others --------------------------------------------------------------------------------- */

static void p_target(struct str *o, const struct ast_ident *table, const struct ast_hints *hints,
                     const struct ast_name *alias) {
    ast_print_ident(table, o);
    print_hints(o, hints);
    if (!alias) return;
    str_add(o, " AS ");
    ast_print_name(alias, o);
}

static void p_where(struct str *o, const struct ast *where) {
    if (!where) return;
    str_add(o, " WHERE ");
    ast_print(where, o);
}

static void p_update(struct str *o, const struct ast *node) {
    const struct ast_update *n = AST_TO(update, node);
    str_add(o, "UPDATE ");
    p_target(o, n->table, &n->hints, n->alias);
    for (size_t i = 0; i < n->n_columns; i++) {
        p_ident(o, i ? ", " : " SET ", n->columns[i]);
        str_add(o, " = ");
        ast_print(n->values[i], o);
    }
    p_where(o, n->where);
}

static void p_delete(struct str *o, const struct ast *node) {
    const struct ast_delete *n = AST_TO(delete, node);
    str_add(o, "DELETE FROM ");
    p_target(o, n->table, &n->hints, n->alias);
    p_where(o, n->where);
}

static void p_truncate(struct str *o, const struct ast *node) {
    p_ident(o, "TRUNCATE TABLE ", AST_TO(truncate, node)->table);
}

static void p_call_procedure(struct str *o, const struct ast *node) {
    const struct ast_call *n = AST_TO(call_procedure, node)->call;
    str_add(o, "CALL ");
    ast_print_ident(n->name, o);
    print_call_args(o, n);
}

static void p_analyze(struct str *o, const struct ast *node) {
    const struct ast_analyze *n = AST_TO(analyze, node);
    p_ident(o, "ANALYZE TABLE ", n->table);
    if (n->partition) p_partition(o, n->partition);
    str_add(o, " COMPUTE STATISTICS");
    if (n->all_columns) str_add(o, " FOR ALL COLUMNS");
    if (n->columns.n) str_add(o, " FOR COLUMNS ");
    print_names(o, &n->columns);
}

static void p_jar(struct str *o, const struct ast *node) {
    const struct ast_jar *n = AST_TO(jar, node);
    p_string(o, n->remove ? "REMOVE JAR " : "ADD JAR ", n->path);
}

static void p_module(struct str *o, const struct ast *node) {
    const struct ast_module *n = AST_TO(module, node);
    str_add(o, n->unload ? "UNLOAD MODULE " : "LOAD MODULE ");
    ast_print_name(&n->name, o);
    p_options(o, " WITH ", &n->options);
}

static void p_stop_job(struct str *o, const struct ast *node) {
    const struct ast_stop_job *n = AST_TO(stop_job, node);
    p_string(o, "STOP JOB ", n->job);
    if (n->savepoint) str_add(o, " WITH SAVEPOINT");
    if (n->drain) str_add(o, " WITH DRAIN");
}

static void p_client(struct str *o, const struct ast *node) {
    static const char *const words[] = {"QUIT", "CLEAR", "HELP"};
    str_add(o, words[AST_TO(client, node)->client]);
}

void print_stmt_kind(struct str *o, const struct ast *n) {
    static void (*const by_kind[])(struct str *, const struct ast *) = {
#define X(kind, name) [AST_##kind] = p_##name,
        AST_STMT_LIST(X)
#undef X
    };
    by_kind[n->kind](o, n);
}
