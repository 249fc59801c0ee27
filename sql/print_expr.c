/* print_expr.c - expressions and types as SQL. Parentheses where precedence needs them. */
#include "sql/print.h"

#include "sql/parse.h"

#include <string.h>

void ast_print(const struct ast *n, struct str *o) {
    if (n->kind < AST_QUERY)
        print_expr_kind(o, n);
    else if (n->kind < AST_CREATE_TABLE)
        print_query_kind(o, n);
    else
        print_stmt_kind(o, n);
}

void print_sep(struct str *o, size_t i) {
    if (i) str_add(o, ", ");
}

void print_list(struct str *o, const struct ast_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        print_sep(o, i);
        ast_print(l->items[i], o);
    }
}

/* ---- names and strings ---------------------------------------------------------------------- */

static bool is_plain(const char *s) {
    if (!*s || (*s >= '0' && *s <= '9')) return false;
    for (; *s; s++) {
        bool ok = (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
                  (*s >= 'a' && *s <= 'z') || *s == '_';
        if (!ok) return false;
    }
    return true;
}

static void add_quoted(struct str *o, const char *s, size_t n, char quote) {
    str_add_char(o, quote);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == quote) str_add_char(o, quote);
        str_add_char(o, s[i]);
    }
    str_add_char(o, quote);
}

void ast_print_name(const struct ast_name *name, struct str *o) {
    if (name->quoted || !is_plain(name->text) || sql_word_is_reserved(name->text))
        add_quoted(o, name->text, strlen(name->text), '`');
    else
        str_add(o, name->text);
}

void ast_print_ident(const struct ast_ident *id, struct str *o) {
    for (size_t i = 0; i < id->parts.n; i++) {
        if (i) str_add_char(o, '.');
        ast_print_name(&id->parts.items[i], o);
    }
    if (id->star) str_add(o, id->parts.n ? ".*" : "*");
}

/* Reserved words may name functions. */
void print_call_name(struct str *o, const struct ast_ident *name) {
    const struct ast_name *n = &name->parts.items[0];
    if (name->parts.n == 1 && !n->quoted)
        str_add(o, n->text);
    else
        ast_print_ident(name, o);
}

void print_names(struct str *o, const struct ast_names *names) {
    for (size_t i = 0; i < names->n; i++) {
        print_sep(o, i);
        ast_print_name(&names->items[i], o);
    }
}

void ast_print_string(const char *text, size_t len_bytes, struct str *o) {
    add_quoted(o, text, len_bytes, '\'');
}

void print_quoted(struct str *o, const char *text) {
    add_quoted(o, text, strlen(text), '\'');
}

/* ---- literals ------------------------------------------------------------------------------- */

static void print_qualifier(struct str *o, const struct ast_qualifier *q) {
    str_add(o, ast_unit_name(q->start));
    bool second = q->start == AST_UNIT_SECOND;
    if (second && q->precision >= 0 && q->fraction >= 0)
        str_addf(o, "(%d, %d)", q->precision, q->fraction);
    else if (q->precision >= 0)
        str_addf(o, "(%d)", q->precision);
    if (!q->end) return;
    str_addf(o, " TO %s", ast_unit_name(q->end));
    if (q->fraction >= 0) str_addf(o, "(%d)", q->fraction);
}

static void p_literal(struct str *o, const struct ast *n) {
    static const char *const prefix[] = {[AST_LIT_DATE] = "DATE ",
                                         [AST_LIT_TIME] = "TIME ",
                                         [AST_LIT_TIMESTAMP] = "TIMESTAMP ",
                                         [AST_LIT_TIMESTAMP_LTZ] =
                                             "TIMESTAMP WITH LOCAL TIME ZONE ",
                                         [AST_LIT_INTERVAL] = "INTERVAL "};
    const struct ast_literal *l = AST_TO(literal, n);
    switch (l->lit) {
    case AST_LIT_NULL:
        str_add(o, "NULL");
        return;
    case AST_LIT_BOOL:
        str_add(o, l->truth ? "TRUE" : "FALSE");
        return;
    case AST_LIT_UNKNOWN:
        str_add(o, "UNKNOWN");
        return;
    case AST_LIT_EXACT:
    case AST_LIT_APPROX:
        str_add(o, l->text);
        return;
    case AST_LIT_BINARY:
        str_add(o, "X'");
        for (size_t i = 0; i < l->len_bytes; i++)
            str_addf(o, "%02X", (unsigned char)l->text[i]);
        str_add_char(o, '\'');
        return;
    default:
        if (l->lit != AST_LIT_STRING) str_add(o, prefix[l->lit]);
        if (l->negative) str_add_char(o, '-');
        ast_print_string(l->text, l->len_bytes, o);
        if (l->lit != AST_LIT_INTERVAL) return;
        str_add_char(o, ' ');
        print_qualifier(o, &l->qual);
    }
}

/* ---- operators ------------------------------------------------------------------------------ */

enum {
    PREC_MULTISET = 14,
    PREC_OR = 22,
    PREC_AND = 24,
    PREC_NOT = 26,
    PREC_IS = 28,
    PREC_COMPARISON = 30,
    PREC_IN = 32,
    PREC_PLUS = 40,
    PREC_MUL = 60,
    PREC_SIGN = 80,
    PREC_PRIMARY = 100
};

static int prec_of_op(enum ast_op op) {
    switch (op) {
    case AST_OP_OR:
        return PREC_OR;
    case AST_OP_AND:
        return PREC_AND;
    case AST_OP_NOT:
        return PREC_NOT;
    case AST_OP_NEG:
    case AST_OP_POS:
        return PREC_SIGN;
    case AST_OP_RUNNING:
    case AST_OP_FINAL:
        return PREC_PRIMARY;
    case AST_OP_PLUS:
    case AST_OP_MINUS:
        return PREC_PLUS;
    case AST_OP_MUL:
    case AST_OP_DIV:
    case AST_OP_MOD:
    case AST_OP_CONCAT:
        return PREC_MUL;
    default:
        if (op >= AST_OP_MULTISET_UNION_ALL) return PREC_MULTISET;
        return op < AST_OP_OR ? PREC_IS : PREC_COMPARISON;
    }
}

static int prec_of(const struct ast *n) {
    switch (n->kind) {
    case AST_UNARY:
        return prec_of_op(AST_TO(unary, n)->op);
    case AST_BINARY:
        return prec_of_op(AST_TO(binary, n)->op);
    case AST_BETWEEN:
    case AST_LIKE:
    case AST_IN:
    case AST_QUANTIFIED:
        return PREC_IN;
    default:
        return PREC_PRIMARY;
    }
}

/* n as an operand that must bind at least as tightly as min. */
static void operand(struct str *o, const struct ast *n, int min) {
    bool parens = prec_of(n) < min;
    if (parens) str_add_char(o, '(');
    ast_print(n, o);
    if (parens) str_add_char(o, ')');
}

static void p_unary(struct str *o, const struct ast *n) {
    const struct ast_unary *u = AST_TO(unary, n);
    int prec = prec_of_op(u->op);
    if (prec == PREC_IS) {
        operand(o, u->arg, prec);
        str_addf(o, " %s", ast_op_text(u->op));
        return;
    }
    str_add(o, ast_op_text(u->op));
    if (prec != PREC_SIGN) str_add_char(o, ' ');
    operand(o, u->arg, prec == PREC_SIGN ? prec + 1 : prec); /* never -- */
}

static void p_binary(struct str *o, const struct ast *n) {
    const struct ast_binary *b = AST_TO(binary, n);
    int prec = prec_of_op(b->op);
    operand(o, b->left, prec);
    str_addf(o, " %s ", ast_op_text(b->op));
    operand(o, b->right, prec + 1);
}

static void p_between(struct str *o, const struct ast *n) {
    const struct ast_between *b = AST_TO(between, n);
    operand(o, b->value, PREC_IN);
    str_add(o, b->negated ? " NOT BETWEEN " : " BETWEEN ");
    if (b->symmetric) str_add(o, "SYMMETRIC ");
    operand(o, b->low, PREC_IN + 1);
    str_add(o, " AND ");
    operand(o, b->high, PREC_IN + 1);
}

static void p_like(struct str *o, const struct ast *n) {
    static const char *const words[] = {"LIKE", "ILIKE", "SIMILAR TO", "RLIKE"};
    const struct ast_like *l = AST_TO(like, n);
    operand(o, l->value, PREC_IN);
    str_addf(o, " %s%s ", l->negated ? "NOT " : "", words[l->like]);
    operand(o, l->pattern, PREC_IN + 1);
    if (!l->escape) return;
    str_add(o, " ESCAPE ");
    operand(o, l->escape, PREC_PRIMARY);
}

void print_in_parens(struct str *o, const struct ast_query *q) {
    str_add_char(o, '(');
    ast_print(&q->base, o);
    str_add_char(o, ')');
}

static void list_or_query(struct str *o, const struct ast_list *l, const struct ast_query *q) {
    if (q) {
        print_in_parens(o, q);
        return;
    }
    str_add_char(o, '(');
    print_list(o, l);
    str_add_char(o, ')');
}

static void p_in(struct str *o, const struct ast *n) {
    const struct ast_in *in = AST_TO(in, n);
    operand(o, in->value, PREC_IN);
    str_add(o, in->negated ? " NOT IN " : " IN ");
    list_or_query(o, &in->list, in->query);
}

static void p_quantified(struct str *o, const struct ast *n) {
    const struct ast_quantified *q = AST_TO(quantified, n);
    operand(o, q->value, PREC_IN);
    str_addf(o, " %s %s ", ast_op_text(q->op), q->all ? "ALL" : "ANY");
    list_or_query(o, &q->list, q->query);
}

static void p_exists(struct str *o, const struct ast *n) {
    const struct ast_exists *e = AST_TO(exists, n);
    str_add(o, e->unique ? "UNIQUE " : "EXISTS ");
    print_in_parens(o, e->query);
}

static void p_case(struct str *o, const struct ast *n) {
    const struct ast_case *k = AST_TO(case, n);
    str_add(o, "CASE");
    if (k->value) {
        str_add_char(o, ' ');
        ast_print(k->value, o);
    }
    for (size_t i = 0; i < k->whens.n; i++) {
        const struct ast *w = k->whens.items[i];
        str_add(o, " WHEN ");
        if (w->kind == AST_ROW && AST_TO(row, w)->alternatives)
            print_list(o, &AST_TO(row, w)->args);
        else
            ast_print(w, o);
        str_add(o, " THEN ");
        ast_print(k->thens.items[i], o);
    }
    if (k->otherwise) {
        str_add(o, " ELSE ");
        ast_print(k->otherwise, o);
    }
    str_add(o, " END");
}

static void p_cast(struct str *o, const struct ast *n) {
    const struct ast_cast *k = AST_TO(cast, n);
    str_add(o, k->is_try ? "TRY_CAST(" : "CAST(");
    ast_print(k->arg, o);
    str_add(o, " AS ");
    ast_print_type(k->type, o);
    str_add_char(o, ')');
}

/* ---- constructors and accessors ------------------------------------------------------------- */

static void in_brackets(struct str *o, const char *open, const struct ast_list *l,
                        const char *close) {
    str_add(o, open);
    print_list(o, l);
    str_add(o, close);
}

static void p_row(struct str *o, const struct ast *n) {
    const struct ast_row *r = AST_TO(row, n);
    in_brackets(o, r->keyword ? "ROW(" : "(", &r->args, ")");
}

static void p_array(struct str *o, const struct ast *n) {
    in_brackets(o, "ARRAY[", &AST_TO(array, n)->args, "]");
}

static void p_map(struct str *o, const struct ast *n) {
    in_brackets(o, "MAP[", &AST_TO(map, n)->args, "]");
}

static void p_collect_query(struct str *o, const struct ast *n) {
    static const char *const words[] = {"ARRAY", "MULTISET", "MAP"};
    const struct ast_collect_query *q = AST_TO(collect_query, n);
    str_add(o, words[q->collect]);
    if (q->query)
        print_in_parens(o, q->query);
    else
        in_brackets(o, "[", &q->args, "]");
}

/* Parentheses around whatever a dot or a bracket behind it would not take whole. */
static void accessed(struct str *o, const struct ast *n, bool names_ok) {
    bool bare = n->kind == AST_CALL || n->kind == AST_FIELD || n->kind == AST_INDEX ||
                n->kind == AST_CAST || n->kind == AST_ROW || n->kind == AST_SUBQUERY ||
                (names_ok && n->kind == AST_IDENT);
    if (n->kind == AST_CALL && AST_TO(call, n)->syntax == AST_SYNTAX_NILADIC) bare = false;
    if (!bare) str_add_char(o, '(');
    ast_print(n, o);
    if (!bare) str_add_char(o, ')');
}

static void p_field(struct str *o, const struct ast *n) {
    accessed(o, AST_TO(field, n)->arg, false);
    str_add_char(o, '.');
    ast_print_name(&AST_TO(field, n)->name, o);
}

static void p_index(struct str *o, const struct ast *n) {
    const struct ast *arg = AST_TO(index, n)->arg;
    bool collection = arg->kind == AST_ARRAY || arg->kind == AST_MAP;
    if (collection)
        ast_print(arg, o);
    else
        accessed(o, arg, true);
    str_add_char(o, '[');
    ast_print(AST_TO(index, n)->index, o);
    str_add_char(o, ']');
}

static void p_interval(struct str *o, const struct ast *n) {
    const struct ast_interval *v = AST_TO(interval, n);
    bool bare = v->amount->kind == AST_IDENT || v->amount->kind == AST_LITERAL;
    str_addf(o, "INTERVAL %s%s", v->negative ? "-" : "", bare ? "" : "(");
    ast_print(v->amount, o);
    str_add(o, bare ? " " : ") ");
    print_qualifier(o, &v->qual);
}

static void p_interval_minus(struct str *o, const struct ast *n) {
    const struct ast_interval_minus *m = AST_TO(interval_minus, n);
    str_add_char(o, '(');
    operand(o, m->left, PREC_PLUS);
    str_add(o, " - ");
    operand(o, m->right, PREC_PLUS + 1);
    str_add(o, ") ");
    print_qualifier(o, &m->qual);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void p_special(struct str *o, const struct ast_call *n) {
    struct ast *const *a = n->args.items;
    static const struct {
        enum ast_syntax syntax;
        const char *words[4]; /* between one argument and the next */
    } forms[] = {{AST_SYNTAX_EXTRACT, {" FROM "}},
                 {AST_SYNTAX_TO_UNIT, {" TO "}},
                 {AST_SYNTAX_TRIM, {" ", " FROM "}},
                 {AST_SYNTAX_POSITION, {" IN ", " FROM "}},
                 {AST_SYNTAX_SUBSTRING, {" FROM ", " FOR "}},
                 {AST_SYNTAX_OVERLAY, {" PLACING ", " FROM ", " FOR "}},
                 {AST_SYNTAX_USING, {" USING "}}};
    size_t f = 0;
    while (forms[f].syntax != n->syntax)
        f++;
    str_add_char(o, '(');
    for (size_t i = 0; i < n->args.n; i++) {
        if (i) str_add(o, forms[f].words[i - 1]);
        operand(o, a[i], n->syntax == AST_SYNTAX_POSITION && i == 0 ? PREC_PRIMARY : 0);
    }
    str_add_char(o, ')');
}

static void p_behavior(struct str *o, enum ast_json_behavior b, const struct ast *dflt,
                       const char *on) {
    static const char *const words[] = {"",     "ERROR", "NULL",    "EMPTY ARRAY", "EMPTY OBJECT",
                                        "TRUE", "FALSE", "UNKNOWN", "DEFAULT "};
    if (b == AST_JSON_NONE) return;
    str_addf(o, " %s", words[b]);
    if (b == AST_JSON_DEFAULT) ast_print(dflt, o);
    str_addf(o, " ON %s", on);
}

static void p_json(struct str *o, const struct ast_call *n) {
    static const char *const wrappers[] = {"", " WITHOUT ARRAY WRAPPER",
                                           " WITH CONDITIONAL ARRAY WRAPPER",
                                           " WITH UNCONDITIONAL ARRAY WRAPPER"};
    static const char *const nulls[] = {"", " NULL ON NULL", " ABSENT ON NULL"};
    const struct ast_json *j = n->json;
    bool pairs = strncmp(n->name->parts.items[0].text, "JSON_OBJECT", 11) == 0;
    str_add_char(o, '(');
    for (size_t i = 0; i < n->args.n; i++) {
        if (pairs && i % 2)
            str_add(o, " VALUE ");
        else
            print_sep(o, i);
        if (pairs && i % 2 == 0) str_add(o, "KEY ");
        ast_print(n->args.items[i], o);
    }
    if (j->returning) {
        str_add(o, " RETURNING ");
        ast_print_type(j->returning, o);
    }
    str_add(o, wrappers[j->wrapper]);
    p_behavior(o, j->on_empty, j->empty_default, "EMPTY");
    p_behavior(o, j->on_error, j->error_default, "ERROR");
    if (n->order_by.n && !n->within_group) {
        str_add(o, " ORDER BY ");
        print_order(o, &n->order_by);
    }
    const char *tail = nulls[j->nulls];
    str_add(o, n->args.n ? tail : tail + (*tail == ' '));
    str_add_char(o, ')');
}

static void p_nulls(struct str *o, enum ast_null_treatment t) {
    if (t) str_add(o, t == AST_IGNORE_NULLS ? " IGNORE NULLS" : " RESPECT NULLS");
}

void print_call_args(struct str *o, const struct ast_call *n) {
    str_add_char(o, '(');
    if (n->quant) str_add(o, n->quant == AST_QUANT_ALL ? "ALL " : "DISTINCT ");
    print_list(o, &n->args);
    if (n->order_by.n && !n->within_group) {
        p_nulls(o, n->null_treatment);
        str_add(o, " ORDER BY ");
        print_order(o, &n->order_by);
    }
    str_add_char(o, ')');
}

static void p_call_suffix(struct str *o, const struct ast_call *n) {
    if (!n->order_by.n || n->within_group) p_nulls(o, n->null_treatment);
    if (n->within_group) {
        str_add(o, " WITHIN GROUP (ORDER BY ");
        print_order(o, &n->order_by);
        str_add_char(o, ')');
    }
    if (n->filter) {
        str_add(o, " FILTER (WHERE ");
        ast_print(n->filter, o);
        str_add_char(o, ')');
    }
    if (n->over) {
        str_add(o, " OVER ");
        ast_print(&n->over->base, o);
    }
}

static void p_call(struct str *o, const struct ast *node) {
    const struct ast_call *n = AST_TO(call, node);
    if (n->syntax == AST_SYNTAX_JDBC) str_add(o, "{fn ");
    print_call_name(o, n->name);
    switch (n->syntax) {
    case AST_SYNTAX_NILADIC:
        break;
    case AST_SYNTAX_FUNCTION:
    case AST_SYNTAX_UNIT_FIRST:
    case AST_SYNTAX_JDBC:
        print_call_args(o, n);
        break;
    case AST_SYNTAX_JSON:
        p_json(o, n);
        break;
    default:
        p_special(o, n);
    }
    if (n->syntax == AST_SYNTAX_JDBC) str_add_char(o, '}');
    p_call_suffix(o, n);
}

static void p_table_arg(struct str *o, const struct ast *n) {
    const struct ast_table_arg *t = AST_TO(table_arg, n);
    if (t->table) {
        str_add(o, "TABLE ");
        ast_print_ident(t->table, o);
    } else {
        print_in_parens(o, t->query);
    }
    if (t->partition_by.n) {
        in_brackets(o, " PARTITION BY (", &t->partition_by, ")");
    }
    if (t->order_by.n) {
        str_add(o, " ORDER BY (");
        print_order(o, &t->order_by);
        str_add_char(o, ')');
    }
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void p_ident(struct str *o, const struct ast *n) {
    ast_print_ident(AST_TO(ident, n), o);
}

static void p_param(struct str *o, const struct ast *n) {
    str_add_char(o, '?');
}

static void p_subquery(struct str *o, const struct ast *n) {
    print_in_parens(o, AST_TO(subquery, n)->query);
}

static void p_named_arg(struct str *o, const struct ast *n) {
    ast_print_name(&AST_TO(named_arg, n)->name, o);
    str_add(o, " => ");
    ast_print(AST_TO(named_arg, n)->value, o);
}

static void p_descriptor(struct str *o, const struct ast *n) {
    str_add(o, "DESCRIPTOR(");
    print_names(o, &AST_TO(descriptor, n)->columns);
    str_add_char(o, ')');
}

static void p_model_arg(struct str *o, const struct ast *n) {
    str_add(o, "MODEL ");
    ast_print_ident(AST_TO(model_arg, n)->model, o);
}

/* A unit, a keyword, or a name that is no unit and maybe quoted. */
static void p_symbol(struct str *o, const struct ast *n) {
    const struct ast_symbol *s = AST_TO(symbol, n);
    if (s->unit || sql_word_is_reserved(s->text)) {
        str_add(o, s->text);
        return;
    }
    ast_print_name(&(struct ast_name){.text = s->text}, o);
}

static void p_default(struct str *o, const struct ast *n) {
    str_add(o, "DEFAULT");
}

void print_expr_kind(struct str *o, const struct ast *n) {
    static void (*const by_kind[])(struct str *, const struct ast *) = {
#define X(kind, name) [AST_##kind] = p_##name,
        AST_EXPR_LIST(X)
#undef X
    };
    by_kind[n->kind](o, n);
}
