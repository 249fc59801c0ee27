/* bind_changelog.c - FROM TO_CHANGELOG(...): a changelog as rows that say in a column what each
 * change was; FROM FROM_CHANGELOG(...): such rows as a changelog. */
#include "sql/bind.h"

#include <string.h>
#include <strings.h>

enum { ARG_INPUT, ARG_OP, ARG_MAPPING, ARG_COUNT };
static const char *const arg_names[ARG_COUNT] = {"input", "op", "op_mapping"};
static const char *const kind_names[] = {"INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"};

enum { CODES_MAX = 256 };

struct ptf {
    struct binder *b;
    const char *name;
    bool to;
    const struct ast *args[ARG_COUNT];
    int n_codes;
    struct changelog_code *codes;
};

bool is_changelog_ptf(const struct ast_call *c) {
    if (c->name->parts.n != 1) return false;
    const char *name = c->name->parts.items[0].text;
    return !strcasecmp(name, "TO_CHANGELOG") || !strcasecmp(name, "FROM_CHANGELOG");
}

static int arguments(struct ptf *f, const struct ast_call *c, struct err *err) {
    for (size_t i = 0; i < c->args.n; i++) {
        const struct ast *a = c->args.items[i], *value = a;
        size_t at = i;
        if (a->kind == AST_NAMED_ARG) {
            const struct ast_name *name = &AST_TO(named_arg, a)->name;
            value = AST_TO(named_arg, a)->value;
            for (at = 0; at < ARG_COUNT && strcasecmp(arg_names[at], name->text) != 0;)
                at++;
            if (at == ARG_COUNT)
                return invalid(&name->span, err,
                               "%s has no argument '%s'; it has input, op, op_mapping", f->name,
                               name->text);
        }
        if (at >= ARG_COUNT)
            return invalid(&a->span, err, "%s takes three arguments at most", f->name);
        if (f->args[at])
            return invalid(&a->span, err, "%s: argument %s is given twice", f->name, arg_names[at]);
        f->args[at] = value;
    }
    return f->args[ARG_INPUT]
               ? 0
               : invalid(&c->base.span, err, "%s: argument input is missing", f->name);
}

static int input(struct ptf *f, const struct scope *outer, const struct rel **ret,
                 struct err *err) {
    static const struct ast_hints none;
    const struct ast *node = f->args[ARG_INPUT];
    if (node->kind == AST_SUBQUERY)
        return bind_query(f->b, AST_TO(subquery, node)->query, outer, ret, err);
    if (node->kind != AST_TABLE_ARG)
        return invalid(&node->span, err, "%s: input must be TABLE name or a query", f->name);
    const struct ast_table_arg *t = AST_TO(table_arg, node);
    if (t->partition_by.n || t->order_by.n)
        return unsupported(&node->span, err, "%s with PARTITION BY or ORDER BY", f->name);
    const struct table_desc *desc;
    return t->query ? bind_query(f->b, t->query, outer, ret, err)
                    : bind_table(f->b, t->table, &none, ret, &desc, err);
}

/* The column's name by DESCRIPTOR; 'op' if it isn't given. */
static int op_name(struct ptf *f, const struct ast_call *c, struct ast_name *ret, struct err *err) {
    const struct ast *node = f->args[ARG_OP];
    *ret = (struct ast_name){.text = "op", .span = c->base.span};
    if (!node) return 0;
    if (node->kind != AST_DESCRIPTOR || AST_TO(descriptor, node)->columns.n != 1)
        return invalid(&node->span, err, "%s: op is given as DESCRIPTOR(column)", f->name);
    *ret = AST_TO(descriptor, node)->columns.items[0];
    return 0;
}

/* ---- op_mapping ---- */

static void add_code(struct ptf *f, int kind, struct sv code) {
    f->codes[f->n_codes++] =
        (struct changelog_code){(enum row_kind)kind, arena_strndup(f->b->a, code.ptr, code.len)};
}

static int kind_of(struct sv text) {
    for (int k = 0; k < 4; k++)
        if (sv_eq_str(text, kind_names[k])) return k;
    return -1;
}

/* One entry: 'a, b', 'c'. The side with commas lists kinds (TO_CHANGELOG) or codes. */
static int entry(struct ptf *f, const struct ast *key, const struct ast *value, struct err *err) {
    const struct ast_literal *k = AST_TO(literal, key), *v = AST_TO(literal, value);
    struct sv rest = {k->text, k->len_bytes}, other = {v->text, v->len_bytes};
    while (rest.len) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t n = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct sv part = sv_trim((struct sv){rest.ptr, n});
        rest = (struct sv){rest.ptr + n + (comma != NULL), rest.len - n - (comma != NULL)};
        struct sv code = f->to ? other : part, name = f->to ? part : sv_trim(other);
        int kind = kind_of(name);
        if (kind < 0)
            return invalid(f->to ? &key->span : &value->span, err,
                           "%s: op_mapping: '%.*s' is no change operation; there are INSERT, "
                           "UPDATE_BEFORE, UPDATE_AFTER, DELETE",
                           f->name, (int)name.len, name.ptr);
        for (int i = 0; i < f->n_codes; i++)
            if (f->to ? (int)f->codes[i].kind == kind : sv_eq_str(code, f->codes[i].code))
                return invalid(&key->span, err, "%s: op_mapping: '%.*s' is mapped twice", f->name,
                               (int)part.len, part.ptr);
        if (f->n_codes == CODES_MAX)
            return unsupported(&key->span, err, "more than %d operation codes", CODES_MAX);
        add_code(f, kind, code);
    }
    return 0;
}

static int mapping(struct ptf *f, struct err *err) {
    const struct ast *node = f->args[ARG_MAPPING];
    f->codes = ARENA_NEW_N(f->b->a, struct changelog_code, CODES_MAX);
    for (int k = 0; !node && k < 4; k++)
        add_code(f, k, (struct sv){kind_names[k], strlen(kind_names[k])});
    if (!node) return 0;
    const struct ast_list *list = node->kind == AST_MAP ? &AST_TO(map, node)->args : NULL;
    for (size_t i = 0; list && i < list->n; i++)
        if (list->items[i]->kind != AST_LITERAL ||
            AST_TO(literal, list->items[i])->lit != AST_LIT_STRING)
            list = NULL;
    if (!list || list->n % 2)
        return invalid(&node->span, err,
                       "%s: op_mapping must be a MAP of string literals, as MAP['INSERT', 'I', "
                       "'DELETE', 'D']",
                       f->name);
    for (size_t i = 0; i < list->n; i += 2) {
        int rc = entry(f, list->items[i], list->items[i + 1], err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- the functions ---- */

static int check_op_column(struct ptf *f, const struct ast_call *c, const struct rel *in,
                           const struct ast_name *op, int *ret, struct err *err) {
    int rc = schema_need(in->schema, op, "the table of FROM_CHANGELOG", ret, err);
    if (rc) return rc;
    const struct type *t = in->schema->fields[*ret].type;
    if (t->kind != TYPE_VARCHAR && t->kind != TYPE_CHAR)
        return invalid(&op->span, err,
                       "FROM_CHANGELOG: the op column '%s' must be a STRING, but is %s", op->text,
                       type_name(f->b, t));
    bool before = false, after = false;
    for (int i = 0; i < f->n_codes; i++) {
        before |= f->codes[i].kind == ROW_UPDATE_BEFORE;
        after |= f->codes[i].kind == ROW_UPDATE_AFTER;
    }
    if (before != after)
        return invalid(f->args[ARG_MAPPING] ? &f->args[ARG_MAPPING]->span : &c->base.span, err,
                       "FROM_CHANGELOG: op_mapping must have both UPDATE_BEFORE and UPDATE_AFTER, "
                       "or neither");
    return 0;
}

static const struct schema *schema_with_op(struct ptf *f, const struct schema *in,
                                           const char *name) {
    const struct schema *s = schema_new(f->b->a, in->n + 1);
    struct field *out = (struct field *)s->fields;
    out[0] = (struct field){name, type_of(TYPE_VARCHAR)};
    for (int i = 0; i < in->n; i++)
        out[i + 1] = in->fields[i];
    return s;
}

static const struct schema *schema_without(struct ptf *f, const struct schema *in, int column) {
    const struct schema *s = schema_new(f->b->a, in->n - 1);
    struct field *out = (struct field *)s->fields;
    for (int i = 0, n = 0; i < in->n; i++)
        if (i != column) out[n++] = in->fields[i];
    return s;
}

int bind_changelog_ptf(struct binder *b, const struct ast_call *c, const struct scope *outer,
                       const struct rel **ret, struct err *err) {
    const char *name = c->name->parts.items[0].text;
    struct ptf f = {.b = b, .to = !strcasecmp(name, "TO_CHANGELOG")};
    f.name = f.to ? "TO_CHANGELOG" : "FROM_CHANGELOG";
    const struct rel *in;
    struct ast_name op;
    int column = 0;
    int rc = arguments(&f, c, err);
    if (!rc) rc = input(&f, outer, &in, err);
    if (!rc) rc = op_name(&f, c, &op, err);
    if (!rc) rc = mapping(&f, err);
    if (!rc && !f.to) rc = check_op_column(&f, c, in, &op, &column, err);
    if (rc) return rc;
    if (f.to && schema_find(in->schema, op.text) >= 0)
        return invalid(&op.span, err,
                       "TO_CHANGELOG: its table has a column '%s' already; name another by op => "
                       "DESCRIPTOR(name)",
                       op.text);
    const struct schema *s =
        f.to ? schema_with_op(&f, in->schema, op.text) : schema_without(&f, in->schema, column);
    struct rel *r = rel_new(b->a, REL_CHANGELOG, s, &in, 1);
    r->u.changelog.to = f.to;
    r->u.changelog.column = column;
    r->u.changelog.n_codes = f.n_codes;
    r->u.changelog.codes = f.codes;
    r->line = c->base.span.line;
    r->column = c->base.span.column;
    *ret = r;
    return 0;
}
