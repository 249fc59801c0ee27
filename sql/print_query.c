/* print_query.c - queries as SQL. */
#include "sql/print.h"

void print_order(struct str *o, const struct ast_order *order) {
    for (size_t i = 0; i < order->n; i++) {
        const struct ast_order_item *it = &order->items[i];
        print_sep(o, i);
        ast_print(it->expr, o);
        if (it->desc) str_add(o, " DESC");
        if (it->nulls) str_add(o, it->nulls == AST_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
    }
}

void print_hints(struct str *o, const struct ast_hints *h) {
    if (!h->n) return;
    str_add(o, " /*+ ");
    for (size_t i = 0; i < h->n; i++) {
        const struct ast_hint *hint = &h->items[i];
        print_sep(o, i);
        ast_print_name(&hint->name, o);
        if (!hint->n_options) continue;
        str_add_char(o, '(');
        for (size_t k = 0; k < hint->n_options; k++) {
            const struct ast_hint_option *opt = &hint->options[k];
            print_sep(o, k);
            if (opt->key && opt->key_quoted) print_quoted(o, opt->key);
            if (opt->key && !opt->key_quoted)
                ast_print_name(&(struct ast_name){.text = opt->key}, o);
            if (opt->key) str_add(o, " = ");
            if (opt->quoted)
                print_quoted(o, opt->value);
            else if (opt->number)
                str_add(o, opt->value);
            else
                ast_print_name(&(struct ast_name){.text = opt->value}, o);
        }
        str_add_char(o, ')');
    }
    str_add(o, " */");
}

/* ---- SELECT --------------------------------------------------------------------------------- */

static void p_query(struct str *o, const struct ast *node) {
    const struct ast_query *n = AST_TO(query, node);
    if (n->n_with) str_add(o, n->recursive ? "WITH RECURSIVE " : "WITH ");
    for (size_t i = 0; i < n->n_with; i++) {
        const struct ast_with_item *w = &n->with[i];
        print_sep(o, i);
        ast_print_name(&w->name, o);
        if (w->columns.n) {
            str_add(o, " (");
            print_names(o, &w->columns);
            str_add_char(o, ')');
        }
        str_add(o, " AS ");
        print_in_parens(o, w->query);
    }
    if (n->n_with) str_add_char(o, ' ');
    if (n->body->kind == AST_QUERY)
        print_in_parens(o, AST_TO(query, n->body));
    else
        ast_print(n->body, o);
    if (n->order_by.n) {
        str_add(o, " ORDER BY ");
        print_order(o, &n->order_by);
    }
    if (n->limit) {
        str_add(o, " LIMIT ");
        ast_print(n->limit, o);
    }
    if (n->offset) {
        str_add(o, " OFFSET ");
        ast_print(n->offset, o);
    }
}

static void p_items(struct str *o, const struct ast_select *n) {
    for (size_t i = 0; i < n->n_items; i++) {
        print_sep(o, i);
        ast_print(n->items[i].expr, o);
        if (!n->items[i].alias) continue;
        str_add(o, " AS ");
        ast_print_name(n->items[i].alias, o);
    }
}

static void p_clause(struct str *o, const char *word, const struct ast *n) {
    if (!n) return;
    str_add(o, word);
    ast_print(n, o);
}

static void p_select(struct str *o, const struct ast *node) {
    const struct ast_select *n = AST_TO(select, node);
    static const char *const quant[] = {"", "ALL ", "DISTINCT "};
    str_add(o, "SELECT");
    print_hints(o, &n->hints);
    str_addf(o, " %s", quant[n->quant]);
    p_items(o, n);
    p_clause(o, " FROM ", n->from);
    p_clause(o, " WHERE ", n->where);
    if (n->has_group_by) {
        str_addf(o, " GROUP BY %s", quant[n->group_quant]);
        print_list(o, &n->group_by);
    }
    p_clause(o, " HAVING ", n->having);
    for (size_t i = 0; i < n->n_windows; i++) {
        str_add(o, i ? ", " : " WINDOW ");
        ast_print(&n->windows[i]->base, o);
    }
    p_clause(o, " QUALIFY ", n->qualify);
}

/* An operand of a set operation; right ones of the same or a lower level need parentheses. */
static void p_operand(struct str *o, const struct ast *n, enum ast_setop_kind op, bool right) {
    bool parens = n->kind == AST_QUERY;
    if (n->kind == AST_SETOP) {
        bool lower = op == AST_INTERSECT && AST_TO(setop, n)->op != AST_INTERSECT;
        bool same = (op == AST_INTERSECT) == (AST_TO(setop, n)->op == AST_INTERSECT);
        parens = lower || (right && same);
    }
    if (parens) str_add_char(o, '(');
    ast_print(n, o);
    if (parens) str_add_char(o, ')');
}

static void p_setop(struct str *o, const struct ast *node) {
    static const char *const words[] = {"UNION", "INTERSECT", "EXCEPT"};
    const struct ast_setop *n = AST_TO(setop, node);
    p_operand(o, n->left, n->op, false);
    str_addf(o, " %s%s ", words[n->op], n->all ? " ALL" : "");
    p_operand(o, n->right, n->op, true);
}

static void p_values(struct str *o, const struct ast *n) {
    str_add(o, "VALUES ");
    print_list(o, &AST_TO(values, n)->rows);
}

static void p_table_query(struct str *o, const struct ast *n) {
    str_add(o, "TABLE ");
    ast_print_ident(AST_TO(table_query, n)->table, o);
}

static void p_group(struct str *o, const struct ast *n) {
    static const char *const words[] = {"(", "ROLLUP (", "CUBE (", "GROUPING SETS ("};
    str_add(o, words[AST_TO(group, n)->group]);
    print_list(o, &AST_TO(group, n)->items);
    str_add_char(o, ')');
}

/* ---- windows -------------------------------------------------------------------------------- */

static void p_bound(struct str *o, const struct ast_bound *b) {
    static const char *const words[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW",
                                        " FOLLOWING", "UNBOUNDED FOLLOWING"};
    if (b->offset) ast_print(b->offset, o);
    str_add(o, words[b->kind]);
}

static void p_frame(struct str *o, const struct ast_window *n) {
    static const char *const exclude[] = {"NO OTHERS", "CURRENT ROW", "GROUP", "TIES"};
    str_add(o, n->frame == AST_FRAME_ROWS ? "ROWS " : "RANGE ");
    if (n->frame_between) str_add(o, "BETWEEN ");
    p_bound(o, &n->low);
    if (n->frame_between) {
        str_add(o, " AND ");
        p_bound(o, &n->high);
    }
    if (n->exclude_given) str_addf(o, " EXCLUDE %s", exclude[n->exclude]);
}

static void p_window(struct str *o, const struct ast *node) {
    const struct ast_window *n = AST_TO(window, node);
    if (n->bare) {
        ast_print_name(n->ref, o);
        return;
    }
    if (n->name) {
        ast_print_name(n->name, o);
        str_add(o, " AS ");
    }
    str_add_char(o, '(');
    const char *sep = "";
    if (n->ref) {
        ast_print_name(n->ref, o);
        sep = " ";
    }
    if (n->partition_by.n) {
        str_addf(o, "%sPARTITION BY ", sep);
        print_list(o, &n->partition_by);
        sep = " ";
    }
    if (n->order_by.n) {
        str_addf(o, "%sORDER BY ", sep);
        print_order(o, &n->order_by);
        sep = " ";
    }
    if (n->frame) {
        str_add(o, sep);
        p_frame(o, n);
        sep = " ";
    }
    if (n->allow_partial || n->disallow_partial)
        str_addf(o, "%s%s PARTIAL", sep, n->allow_partial ? "ALLOW" : "DISALLOW");
    str_add_char(o, ')');
}

/* ---- FROM ----------------------------------------------------------------------------------- */

static void p_source(struct str *o, const struct ast_source *s) {
    if (s->as_of) p_clause(o, " FOR SYSTEM_TIME AS OF ", s->as_of);
    if (s->match) p_clause(o, " MATCH_RECOGNIZE ", &s->match->base);
    if (s->alias) {
        str_add(o, " AS ");
        ast_print_name(s->alias, o);
    }
    if (s->columns.n) {
        str_add(o, " (");
        print_names(o, &s->columns);
        str_add_char(o, ')');
    }
    if (!s->sample) return;
    str_add(o, " TABLESAMPLE ");
    if (s->sample->substitute) {
        str_add(o, "SUBSTITUTE(");
        print_quoted(o, s->sample->substitute);
    } else {
        str_add(o, s->sample->bernoulli ? "BERNOULLI(" : "SYSTEM(");
        ast_print(s->sample->percent, o);
    }
    str_add_char(o, ')');
    if (!s->sample->repeatable) return;
    p_clause(o, " REPEATABLE(", s->sample->repeatable);
    str_add_char(o, ')');
}

static void p_table_ref(struct str *o, const struct ast *n) {
    const struct ast_table_ref *t = AST_TO(table_ref, n);
    ast_print_ident(t->table, o);
    print_hints(o, &t->hints);
    p_source(o, &t->src);
}

static void p_derived(struct str *o, const struct ast *n) {
    const struct ast_derived *d = AST_TO(derived, n);
    if (d->src.lateral) str_add(o, "LATERAL ");
    print_in_parens(o, d->query);
    p_source(o, &d->src);
}

static void p_table_func(struct str *o, const struct ast *n) {
    const struct ast_table_func *f = AST_TO(table_func, n);
    if (f->src.lateral) str_add(o, "LATERAL ");
    if (f->keyword) str_add(o, "TABLE(");
    print_call_name(o, f->call->name);
    print_call_args(o, f->call);
    if (f->keyword) str_add_char(o, ')');
    p_source(o, &f->src);
}

static void p_unnest(struct str *o, const struct ast *n) {
    const struct ast_unnest *u = AST_TO(unnest, n);
    bool query = u->args.n == 1 && u->args.items[0]->kind == AST_SUBQUERY;
    str_add(o, query ? "UNNEST" : "UNNEST(");
    print_list(o, &u->args);
    if (!query) str_add_char(o, ')');
    if (u->ordinality) str_add(o, " WITH ORDINALITY");
    p_source(o, &u->src);
}

static void p_join(struct str *o, const struct ast *node) {
    static const char *const words[] = {" JOIN ",      " LEFT JOIN ",  " RIGHT JOIN ",
                                        " FULL JOIN ", " CROSS JOIN ", ", "};
    const struct ast_join *n = AST_TO(join, node);
    bool right_join = n->right->kind == AST_JOIN && n->join != AST_JOIN_COMMA;
    ast_print(n->left, o);
    if (n->natural) str_add(o, " NATURAL");
    str_add(o, words[n->join]);
    if (right_join) str_add_char(o, '(');
    ast_print(n->right, o);
    if (right_join) str_add_char(o, ')');
    p_clause(o, " ON ", n->on);
    if (!n->has_using) return;
    str_add(o, " USING (");
    print_names(o, &n->using_columns);
    str_add_char(o, ')');
}

/* ---- MATCH_RECOGNIZE ------------------------------------------------------------------------ */

static void p_quantifier(struct str *o, const struct ast_pattern *p) {
    if (p->min == 0 && p->max == -1)
        str_add_char(o, '*');
    else if (p->min == 1 && p->max == -1)
        str_add_char(o, '+');
    else if (p->min == 0 && p->max == 1)
        str_add_char(o, '?');
    else if (p->max == -1)
        str_addf(o, "{%lld,}", (long long)p->min);
    else if (p->min == p->max)
        str_addf(o, "{%lld}", (long long)p->min);
    else
        str_addf(o, "{%lld,%lld}", (long long)p->min, (long long)p->max);
    if (p->reluctant) str_add_char(o, '?');
}

static void p_parts(struct str *o, const struct ast_pattern *p, const char *sep, bool parens) {
    for (size_t i = 0; i < p->items.n; i++) {
        const struct ast_pattern *it = AST_TO(pattern, p->items.items[i]);
        bool group =
            parens && (it->pattern == AST_PATTERN_CONCAT || it->pattern == AST_PATTERN_ALTER);
        if (i) str_add(o, sep);
        if (group) str_add_char(o, '(');
        ast_print(&it->base, o);
        if (group) str_add_char(o, ')');
    }
}

static void p_pattern(struct str *o, const struct ast *n) {
    const struct ast_pattern *p = AST_TO(pattern, n);
    switch (p->pattern) {
    case AST_PATTERN_VAR:
        ast_print_name(&p->name, o);
        return;
    case AST_PATTERN_CONCAT:
        p_parts(o, p, " ", true);
        return;
    case AST_PATTERN_ALTER:
        for (size_t i = 0; i < p->items.n; i++) {
            const struct ast_pattern *it = AST_TO(pattern, p->items.items[i]);
            bool group = it->pattern == AST_PATTERN_ALTER;
            str_add(o, i ? " | " : "");
            if (group) str_add_char(o, '(');
            ast_print(&it->base, o);
            if (group) str_add_char(o, ')');
        }
        return;
    case AST_PATTERN_REPEAT: {
        bool again = AST_TO(pattern, p->items.items[0])->pattern == AST_PATTERN_REPEAT;
        if (again) str_add_char(o, '(');
        p_parts(o, p, "", true);
        if (again) str_add_char(o, ')');
        p_quantifier(o, p);
        return;
    }
    case AST_PATTERN_PERMUTE:
        str_add(o, "PERMUTE(");
        p_parts(o, p, ", ", false);
        str_add_char(o, ')');
        return;
    case AST_PATTERN_EXCLUDE:
        str_add(o, "{- ");
        p_parts(o, p, " ", false);
        str_add(o, " -}");
        return;
    }
}

static void p_after(struct str *o, const struct ast_match *n) {
    static const char *const words[] = {"", "TO NEXT ROW", "PAST LAST ROW", "TO FIRST ",
                                        "TO LAST "};
    if (n->after == AST_AFTER_DEFAULT) return;
    str_addf(o, " AFTER MATCH SKIP %s", words[n->after]);
    if (n->after >= AST_AFTER_FIRST) ast_print_name(&n->after_var, o);
}

static void p_subsets(struct str *o, const struct ast_match *n) {
    for (size_t i = 0; i < n->n_subsets; i++) {
        str_add(o, i ? ", " : " SUBSET ");
        ast_print_name(&n->subsets[i].name, o);
        str_add(o, " = (");
        print_names(o, &n->subsets[i].vars);
        str_add_char(o, ')');
    }
}

static void p_match(struct str *o, const struct ast *node) {
    static const char *const rows[] = {"", " ONE ROW PER MATCH", " ALL ROWS PER MATCH"};
    const struct ast_match *n = AST_TO(match, node);
    str_add_char(o, '(');
    if (n->partition_by.n) str_add(o, "PARTITION BY ");
    print_list(o, &n->partition_by);
    if (n->order_by.n) str_add(o, n->partition_by.n ? " ORDER BY " : "ORDER BY ");
    print_order(o, &n->order_by);
    for (size_t i = 0; i < n->n_measures; i++) {
        str_add(o, i ? ", " : " MEASURES ");
        ast_print(n->measures[i].expr, o);
        str_add(o, " AS ");
        ast_print_name(&n->measures[i].alias, o);
    }
    str_add(o, rows[n->rows]);
    p_after(o, n);
    str_addf(o, " PATTERN (%s", n->anchor_start ? "^ " : "");
    ast_print(&n->pattern->base, o);
    str_add(o, n->anchor_end ? " $)" : ")");
    p_clause(o, " WITHIN ", n->within);
    p_subsets(o, n);
    for (size_t i = 0; i < n->n_defines; i++) {
        str_add(o, i ? ", " : " DEFINE ");
        ast_print_name(&n->defines[i].name, o);
        str_add(o, " AS ");
        ast_print(n->defines[i].condition, o);
    }
    str_add_char(o, ')');
}

void print_query_kind(struct str *o, const struct ast *n) {
    static void (*const by_kind[])(struct str *, const struct ast *) = {
#define X(kind, name) [AST_##kind] = p_##name,
        AST_QUERY_LIST(X)
#undef X
    };
    by_kind[n->kind](o, n);
}
