/* build_expr.c - operators, calls and types. */
#include "sql/build.h"

#include "sql/grammar.h"

#include <string.h>
#include <strings.h>

/* ---- operators ------------------------------------------------------------------------------ */

struct ast *build_unary(struct sql_parse *c, struct ast_span at, enum ast_op op, struct ast *arg) {
    struct ast_unary *n = BUILD_NODE(c, AST_UNARY, at, struct ast_unary);
    n->op = op;
    n->arg = arg;
    return build_done(c, n);
}

struct ast *build_binary(struct sql_parse *c, struct ast_span at, enum ast_op op, struct ast *left,
                         struct ast *right) {
    struct ast_binary *n = BUILD_NODE(c, AST_BINARY, at, struct ast_binary);
    n->op = op;
    n->left = left;
    n->right = right;
    return build_done(c, n);
}

enum ast_op build_is_not(int64_t op) {
    switch ((enum ast_op)op) {
    case AST_OP_IS_NULL:
        return AST_OP_IS_NOT_NULL;
    case AST_OP_IS_TRUE:
        return AST_OP_IS_NOT_TRUE;
    case AST_OP_IS_FALSE:
        return AST_OP_IS_NOT_FALSE;
    case AST_OP_IS_UNKNOWN:
        return AST_OP_IS_NOT_UNKNOWN;
    case AST_OP_IS_A_SET:
        return AST_OP_IS_NOT_A_SET;
    case AST_OP_IS_EMPTY:
        return AST_OP_IS_NOT_EMPTY;
    case AST_OP_IS_JSON_VALUE:
        return AST_OP_IS_NOT_JSON_VALUE;
    case AST_OP_IS_JSON_OBJECT:
        return AST_OP_IS_NOT_JSON_OBJECT;
    case AST_OP_IS_JSON_ARRAY:
        return AST_OP_IS_NOT_JSON_ARRAY;
    case AST_OP_IS_JSON_SCALAR:
        return AST_OP_IS_NOT_JSON_SCALAR;
    default:
        UNREACHABLE("IS NOT of operator %d", (int)op);
    }
}

struct ast *build_between(struct sql_parse *c, struct ast_span at, bool negated, bool symmetric,
                          struct ast *value, struct ast *low, struct ast *high) {
    struct ast_between *n = BUILD_NODE(c, AST_BETWEEN, at, struct ast_between);
    n->negated = negated;
    n->symmetric = symmetric;
    n->value = value;
    n->low = low;
    n->high = high;
    return build_done(c, n);
}

struct ast *build_like(struct sql_parse *c, struct ast_span at, int like, bool negated,
                       struct ast *value, struct ast *pattern, struct ast *escape) {
    struct ast_like *n = BUILD_NODE(c, AST_LIKE, at, struct ast_like);
    n->like = (enum ast_like_kind)like;
    n->negated = negated;
    n->value = value;
    n->pattern = pattern;
    n->escape = escape;
    return build_done(c, n);
}

struct ast *build_in(struct sql_parse *c, struct ast_span at, bool negated, struct ast *value,
                     struct ast *rhs) {
    struct ast_in *n = BUILD_NODE(c, AST_IN, at, struct ast_in);
    n->negated = negated;
    n->value = value;
    if (rhs->kind == AST_QUERY)
        n->query = AST_TO(query, rhs);
    else
        n->list = AST_TO(row, rhs)->args;
    return build_done(c, n);
}

struct ast *build_quantified(struct sql_parse *c, struct ast_span at, enum ast_op op, bool all,
                             struct ast *value, struct ast *rhs) {
    struct ast_quantified *n = BUILD_NODE(c, AST_QUANTIFIED, at, struct ast_quantified);
    n->op = op;
    n->all = all;
    n->value = value;
    if (rhs->kind == AST_QUERY)
        n->query = AST_TO(query, rhs);
    else
        n->list = AST_TO(row, rhs)->args;
    return build_done(c, n);
}

struct ast *build_exists(struct sql_parse *c, struct ast_span at, bool unique,
                         struct ast_query *query) {
    struct ast_exists *n = BUILD_NODE(c, AST_EXISTS, at, struct ast_exists);
    n->unique = unique;
    n->query = query;
    return build_done(c, n);
}

struct ast *build_row(struct sql_parse *c, struct ast_span at, bool keyword,
                      struct build_list *args) {
    struct ast_row *n = BUILD_NODE(c, AST_ROW, at, struct ast_row);
    n->keyword = keyword;
    n->args = build_ast_list(args);
    return build_done(c, n);
}

/* Parentheses leave no node; a row remembers them. */
struct ast *build_parens(struct sql_parse *c, struct ast_span at, struct ast *inner) {
    if (inner->kind == AST_ROW) AST_TO(row, inner)->wrapped = true;
    return inner;
}

struct ast *build_one_or_row(struct sql_parse *c, struct ast_span at, struct build_list *exprs) {
    if (exprs->n == 1) return *(struct ast **)exprs->items;
    struct ast *row = build_row(c, at, false, exprs);
    AST_TO(row, row)->alternatives = true;
    return row;
}

struct ast *build_collection(struct sql_parse *c, enum ast_kind kind, struct ast_span at,
                             struct build_list *args) {
    if (kind == AST_ARRAY) {
        struct ast_array *n = BUILD_NODE(c, kind, at, struct ast_array);
        n->args = build_ast_list(args);
        return build_done(c, n);
    }
    struct ast_map *n = BUILD_NODE(c, kind, at, struct ast_map);
    n->args = build_ast_list(args);
    return build_done(c, n);
}

struct ast *build_collect(struct sql_parse *c, struct ast_span at, enum ast_collect_kind kind,
                          struct ast_query *query, struct build_list *args) {
    struct ast_collect_query *n = BUILD_NODE(c, AST_COLLECT_QUERY, at, struct ast_collect_query);
    n->collect = kind;
    n->query = query;
    n->args = build_ast_list(args);
    return build_done(c, n);
}

struct ast *build_field(struct sql_parse *c, struct ast_span at, struct ast *arg,
                        struct ast_name *name) {
    struct ast_field *n = BUILD_NODE(c, AST_FIELD, at, struct ast_field);
    n->arg = arg;
    n->name = *name;
    return build_done(c, n);
}

struct ast *build_index(struct sql_parse *c, struct ast_span at, struct ast *arg,
                        struct ast *index) {
    struct ast_index *n = BUILD_NODE(c, AST_INDEX, at, struct ast_index);
    n->arg = arg;
    n->index = index;
    return build_done(c, n);
}

struct ast *build_subquery(struct sql_parse *c, struct ast_query *query) {
    struct ast_subquery *n = BUILD_NODE(c, AST_SUBQUERY, query->base.span, struct ast_subquery);
    n->query = query;
    return build_done(c, n);
}

struct ast *build_cast(struct sql_parse *c, struct ast_span at, bool is_try, struct ast *arg,
                       struct ast_type *type) {
    struct ast_cast *n = BUILD_NODE(c, AST_CAST, at, struct ast_cast);
    n->is_try = is_try;
    n->arg = arg;
    n->type = type;
    return build_done(c, n);
}

struct ast *build_case(struct sql_parse *c, struct ast_span at, struct ast *value,
                       struct build_list *whens, struct ast *otherwise) {
    struct ast_case *n = BUILD_NODE(c, AST_CASE, at, struct ast_case);
    const struct build_when *w = whens->items;
    n->value = value;
    n->otherwise = otherwise;
    n->whens.items = ARENA_NEW_N(c->arena, struct ast *, whens->n);
    n->thens.items = ARENA_NEW_N(c->arena, struct ast *, whens->n);
    n->whens.n = n->thens.n = whens->n;
    for (size_t i = 0; i < whens->n; i++) {
        n->whens.items[i] = w[i].when;
        n->thens.items[i] = w[i].then;
    }
    return build_done(c, n);
}

struct ast *build_named_arg(struct sql_parse *c, struct ast_span at, struct ast_name *name,
                            struct ast *value) {
    struct ast_named_arg *n = BUILD_NODE(c, AST_NAMED_ARG, at, struct ast_named_arg);
    n->name = *name;
    n->value = value;
    return build_done(c, n);
}

struct ast *build_table_arg(struct sql_parse *c, struct ast_span at, struct ast_ident *table,
                            struct ast_query *query, struct build_list *partition_by,
                            struct build_list *order_by) {
    struct ast_table_arg *n = BUILD_NODE(c, AST_TABLE_ARG, at, struct ast_table_arg);
    n->table = table;
    n->query = query;
    n->partition_by = build_ast_list(partition_by);
    n->order_by = build_order(order_by);
    return build_done(c, n);
}

struct ast *build_model_arg(struct sql_parse *c, struct ast_span at, struct ast_ident *model) {
    struct ast_model_arg *n = BUILD_NODE(c, AST_MODEL_ARG, at, struct ast_model_arg);
    n->model = model;
    return build_done(c, n);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static struct ast_ident *name_of(struct sql_parse *c, struct ast_span at, const char *text) {
    struct ast_name name = {.text = text, .span = at};
    return build_ident(c, at, build_list_add(c, NULL, sizeof(name), &name), false);
}

static bool is_named(const struct ast_call *call, const char *name) {
    const struct ast_names *p = &call->name->parts;
    return p->n == 1 && !p->items[0].quoted && strcasecmp(p->items[0].text, name) == 0;
}

/* Only these take ORDER BY and a null treatment within their parentheses. */
static bool takes_order(const struct ast_call *call) {
    return is_named(call, "ARRAY_AGG") || is_named(call, "ARRAY_CONCAT_AGG") ||
           is_named(call, "GROUP_CONCAT") || is_named(call, "STRING_AGG");
}

struct ast_call *build_call(struct sql_parse *c, struct ast_span at, struct ast_ident *name,
                            const struct build_args *args) {
    struct ast_call *n = BUILD_NODE(c, AST_CALL, at, struct ast_call);
    n->name = name;
    n->quant = args->quant;
    n->args = build_ast_list(args->args);
    n->null_treatment = args->nulls;
    n->order_by = build_order(args->order_by);
    if (args->nulls && !takes_order(n))
        build_fail(c, at, ERR_PARSE, "IGNORE NULLS and RESPECT NULLS stand behind the parentheses");
    return n;
}

struct ast_call *build_keyword_call(struct sql_parse *c, struct ast_span at,
                                    const struct sql_token *name, const struct build_args *args) {
    const char *text = arena_strndup(c->arena, name->raw, name->raw_len);
    return build_call(c, at, name_of(c, name->span, text), args);
}

struct ast *build_special(struct sql_parse *c, struct ast_span at, enum ast_syntax syntax,
                          const char *name, struct ast *a, struct ast *b, struct ast *d,
                          struct ast *e) {
    struct ast *given[] = {a, b, d, e};
    struct ast_call *n = BUILD_NODE(c, AST_CALL, at, struct ast_call);
    n->name = name_of(c, at, name);
    n->syntax = syntax;
    n->args.items = ARENA_NEW_N(c->arena, struct ast *, ARRAY_LEN(given));
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        if (given[i]) n->args.items[n->args.n++] = given[i];
    return build_done(c, n);
}

struct ast *build_niladic(struct sql_parse *c, const struct sql_token *tok) {
    struct ast_call *n = build_keyword_call(c, tok->span, tok, &(struct build_args){.args = NULL});
    n->syntax = AST_SYNTAX_NILADIC;
    return build_done(c, n);
}

struct ast *build_trim(struct sql_parse *c, struct ast_span at, struct ast *flag, struct ast *chars,
                       struct ast *from) {
    if (!flag) flag = build_symbol(c, at, "BOTH");
    if (!chars) {
        struct sql_token blank = {.text = " ", .len = 1};
        chars = build_literal(c, AST_LIT_STRING, at, &blank);
    }
    return build_special(c, at, AST_SYNTAX_TRIM, "TRIM", flag, chars, from, NULL);
}

struct ast_call *build_suffix(struct sql_parse *c, struct ast_span at, struct ast_call *call,
                              enum ast_null_treatment nulls, struct build_list *within_group,
                              struct ast *filter, struct ast_window *over) {
    call->base.span = at;
    if (nulls) call->null_treatment = nulls;
    if (within_group) {
        if (call->order_by.n)
            build_fail(c, at, ERR_PARSE,
                       "the call has an ORDER BY of its own and WITHIN GROUP: "
                       "keep one");
        call->order_by = build_order(within_group);
        call->within_group = true;
    }
    call->filter = filter;
    call->over = over;
    return call;
}

/* DESCRIPTOR(a, b) with simple names only; anything else stays a call, which binding refuses. */
static struct ast *descriptor(struct sql_parse *c, struct ast_call *call) {
    struct build_list *names = NULL;
    for (size_t i = 0; i < call->args.n; i++) {
        const struct ast *a = call->args.items[i];
        if (a->kind != AST_IDENT) return NULL;
        const struct ast_ident *id = AST_TO(ident, a);
        if (id->parts.n != 1 || id->star) return NULL;
        names = build_list_add(c, names, sizeof(struct ast_name), &id->parts.items[0]);
    }
    if (!names) return NULL;
    struct ast_descriptor *n =
        BUILD_NODE(c, AST_DESCRIPTOR, call->base.span, struct ast_descriptor);
    n->columns = build_names(names);
    return build_done(c, n);
}

struct ast *build_call_done(struct sql_parse *c, struct ast_call *call) {
    if (is_named(call, "DESCRIPTOR")) {
        struct ast *d = descriptor(c, call);
        if (d) return d;
    }
    if (call->order_by.n && !call->within_group && !takes_order(call))
        build_fail(c, call->order_by.items[0].expr->span, ERR_PARSE,
                   "%s takes no ORDER BY within its parentheses",
                   call->name->parts.items[call->name->parts.n - 1].text);
    return build_done(c, call);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void behave(struct sql_parse *c, struct ast_json *j, const struct build_behavior *b) {
    enum ast_json_behavior *to = b->on_error ? &j->on_error : &j->on_empty;
    if (*to)
        build_fail(c, b->at, ERR_PARSE, "ON %s is given twice", b->on_error ? "ERROR" : "EMPTY");
    *to = b->kind;
    if (b->on_error)
        j->error_default = b->dflt;
    else
        j->empty_default = b->dflt;
}

/* Which behaviours each function knows: JSON_VALUE has DEFAULT, JSON_QUERY has EMPTY ARRAY. */
static void check_behavior(struct sql_parse *c, const char *fn, const struct build_behavior *b) {
    bool empties = b->kind == AST_JSON_EMPTY_ARRAY || b->kind == AST_JSON_EMPTY_OBJECT;
    if (strcmp(fn, "JSON_VALUE") == 0 && empties)
        build_fail(c, b->at, ERR_PARSE, "JSON_VALUE takes ERROR, NULL or DEFAULT here");
    if (strcmp(fn, "JSON_QUERY") == 0 && b->kind == AST_JSON_DEFAULT)
        build_fail(c, b->at, ERR_PARSE,
                   "JSON_QUERY takes ERROR, NULL, EMPTY ARRAY or EMPTY OBJECT here");
}

struct ast *build_json(struct sql_parse *c, struct ast_span at, const char *name,
                       struct build_list *args, struct ast_type *returning, int wrapper,
                       struct build_list *behaviors, int nulls, struct build_list *order_by) {
    struct ast_call *n = BUILD_NODE(c, AST_CALL, at, struct ast_call);
    n->name = name_of(c, at, name);
    n->syntax = AST_SYNTAX_JSON;
    n->args = build_ast_list(args);
    n->order_by = build_order(order_by);
    n->json = ARENA_NEW(c->arena, struct ast_json);
    n->json->returning = returning;
    n->json->wrapper = (enum ast_json_wrapper)wrapper;
    n->json->nulls = (enum ast_json_nulls)nulls;
    const struct build_behavior *b = build_list_items(behaviors);
    for (size_t i = 0; i < build_list_n(behaviors); i++) {
        check_behavior(c, name, &b[i]);
        behave(c, n->json, &b[i]);
    }
    return build_done(c, n);
}

/* ---- types ---------------------------------------------------------------------------------- */

struct ast_type *build_type(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                            int64_t precision, int64_t scale) {
    struct ast_type *t = ARENA_NEW(c->arena, struct ast_type);
    t->kind = kind;
    t->span = at;
    t->precision = precision;
    t->scale = scale;
    t->depth = 1;
    return t;
}

/* A type's depth counts its own levels; it's no part of an expression's. */
static struct ast_type *over(struct sql_parse *c, struct ast_type *t, const struct ast_type *part) {
    if (part && part->depth >= t->depth) t->depth = part->depth + 1;
    if (t->depth > SQL_DEPTH_MAX)
        build_fail(c, t->span, ERR_PARSE, "the type is nested too deeply (limit %d)",
                   SQL_DEPTH_MAX);
    return t;
}

struct ast_type *build_type_of(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                               struct ast_type *key, struct ast_type *elem) {
    struct ast_type *t = build_type(c, at, kind, -1, -1);
    t->key = key;
    t->elem = elem;
    return over(c, over(c, t, key), elem);
}

struct ast_type *build_type_row(struct sql_parse *c, struct ast_span at, enum ast_type_kind kind,
                                struct build_list *fields, const char *class_name) {
    struct ast_type *t = build_type(c, at, kind, -1, -1);
    t->fields = build_list_items(fields);
    t->n_fields = build_list_n(fields);
    t->class_name = class_name;
    for (size_t i = 0; i < t->n_fields; i++)
        over(c, t, t->fields[i].type);
    return t;
}

struct ast_field_def *build_field_def(struct sql_parse *c, struct ast_name *name,
                                      struct ast_type *type, const char *comment) {
    struct ast_field_def f = {.name = *name, .type = type, .comment = comment};
    return arena_dup(c->arena, &f, sizeof(f));
}

void build_nullable(struct ast_type *type, int64_t given) {
    type->null_given = given == 1;
    type->not_null = given == 2;
}

void build_time_zone(struct sql_parse *c, struct ast_type *t, bool local_zone) {
    if (!local_zone) return;
    if (t->kind == AST_TYPE_TIME)
        build_fail(c, t->span, ERR_UNSUPPORTED, "TIME with a time zone is not supported");
    t->kind = AST_TYPE_TIMESTAMP_LTZ;
}

/* VARIANT and the like are no words of the grammar, so that they stay free as names. */
struct ast_type *build_type_named(struct sql_parse *c, struct ast_ident *name) {
    static const struct {
        const char *word;
        enum ast_type_kind kind;
    } words[] = {{"VARIANT", AST_TYPE_VARIANT}, {"BITMAP", AST_TYPE_BITMAP}};
    struct ast_type *t = build_type(c, name->base.span, AST_TYPE_NAMED, -1, -1);
    t->name = name;
    const struct ast_name *n = &name->parts.items[0];
    for (size_t i = 0; name->parts.n == 1 && !n->quoted && i < ARRAY_LEN(words); i++)
        if (strcasecmp(n->text, words[i].word) == 0) t->kind = words[i].kind;
    if (name->parts.n == 1 && !n->quoted && strcasecmp(n->text, "GEOMETRY") == 0)
        build_fail(c, t->span, ERR_PARSE, "Flink SQL has no type GEOMETRY");
    return t;
}
