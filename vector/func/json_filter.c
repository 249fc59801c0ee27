/* json_filter.c - the predicates of [?(...)]: comparisons, =~, in, nin, existence, && || !. */
#include "vector/func/json_path.h"

#include "base/core/mem.h"
#include "vector/func/regex.h"
#include "vector/text.h"

#include <string.h>

enum filter_kind {
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_EXISTS,
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_MATCH,
    FILTER_IN,
    FILTER_NIN,
    FILTER_EMPTY
};

/* A path below the element (@) or the document ($), or a literal. */
struct operand {
    bool is_path, from_root;
    struct step *steps;
    struct jnode *literal;
};

struct filter {
    enum filter_kind kind;
    struct filter *left, *right;
    struct operand a, b;
    struct sv pattern; /* =~ */
    bool ignore_case;
};

static int bad(const char *at, const char *end, struct err *err) {
    return err_set(err, ERR_RUNTIME, "Illegal filter in jsonpath near '%.*s'",
                   (int)MIN(end - at, 60), at);
}

static void blanks(const char **p, const char *end) {
    while (*p < end && (unsigned char)**p <= ' ')
        (*p)++;
}

static bool take(const char **p, const char *end, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(end - *p) < n || memcmp(*p, word, n) != 0) return false;
    *p += n;
    return true;
}

/* ---- parse ---------------------------------------------------------------------------------- */

/* The end of a literal that starts here: a quoted string, a list in brackets, or a word. */
static const char *literal_end(const char *p, const char *end) {
    if (*p == '\'' || *p == '"') {
        const char *q = p + 1;
        while (q < end && *q != *p)
            q += *q == '\\' ? 2 : 1;
        return q < end ? q + 1 : end;
    }
    if (*p == '[') {
        const char *q = memchr(p, ']', (size_t)(end - p));
        return q ? q + 1 : end;
    }
    while (p < end && !strchr(" )&|=<>!,\t\n", *p))
        p++;
    return p;
}

/* Reads JSON, in which strings may stand in single quotes. */
static int literal(struct arena *a, const char **p, const char *end, struct jnode **ret,
                   struct err *err) {
    const char *stop = literal_end(*p, end);
    char *json = arena_strndup(a, *p, (size_t)(stop - *p));
    for (char *c = json; *c; c++)
        if (*c == '\'') *c = '"';
    if (jdoc_parse(a, sv_from(json), ret, NULL)) return bad(*p, end, err);
    *p = stop;
    return 0;
}

static int operand(struct arena *a, const char **p, const char *end, struct operand *o,
                   struct err *err) {
    blanks(p, end);
    if (*p == end) return bad(*p, end, err);
    if (**p != '@' && **p != '$') return literal(a, p, end, &o->literal, err);
    o->is_path = true;
    o->from_root = *(*p)++ == '$';
    return json_path_steps(a, p, end, &o->steps, err);
}

/* /pattern/ or /pattern/i */
static int pattern(struct arena *a, const char **p, const char *end, struct filter *f,
                   struct err *err) {
    if (*p == end || **p != '/') return bad(*p, end, err);
    const char *s = ++*p;
    while (*p < end && **p != '/')
        *p += **p == '\\' ? 2 : 1;
    if (*p >= end) return bad(s, end, err);
    f->pattern = (struct sv){arena_strndup(a, s, (size_t)(*p - s)), (size_t)(*p - s)};
    (*p)++;
    f->ignore_case = take(p, end, "i");
    return 0;
}

static int comparison(struct arena *a, const char **p, const char *end, struct filter *f,
                      struct err *err) {
    static const struct {
        const char *word;
        enum filter_kind kind;
    } ops[] = {{"==", FILTER_EQ},       {"!=", FILTER_NE},  {"<=", FILTER_LE},
               {">=", FILTER_GE},       {"<", FILTER_LT},   {">", FILTER_GT},
               {"=~", FILTER_MATCH},    {"in ", FILTER_IN}, {"nin ", FILTER_NIN},
               {"empty ", FILTER_EMPTY}};
    int rc = operand(a, p, end, &f->a, err);
    if (rc) return rc;
    blanks(p, end);
    f->kind = FILTER_EXISTS;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!take(p, end, ops[i].word)) continue;
        f->kind = ops[i].kind;
        blanks(p, end);
        return f->kind == FILTER_MATCH ? pattern(a, p, end, f, err)
                                       : operand(a, p, end, &f->b, err);
    }
    if (!f->a.is_path) return bad(*p, end, err);
    return 0;
}

static int disjunction(struct arena *a, const char **p, const char *end, struct filter **ret,
                       struct err *err);

static int term(struct arena *a, const char **p, const char *end, struct filter **ret,
                struct err *err) {
    struct filter *f = ARENA_NEW(a, struct filter);
    *ret = f;
    blanks(p, end);
    if (take(p, end, "!")) {
        f->kind = FILTER_NOT;
        return term(a, p, end, &f->left, err);
    }
    if (!take(p, end, "(")) return comparison(a, p, end, f, err);
    int rc = disjunction(a, p, end, ret, err);
    if (rc) return rc;
    blanks(p, end);
    return take(p, end, ")") ? 0 : bad(*p, end, err);
}

/* Terms joined by one operator; each level takes the operands of the next tighter one. */
static int chain(struct arena *a, const char **p, const char *end, enum filter_kind kind,
                 struct filter **ret, struct err *err) {
    int rc = kind == FILTER_OR ? chain(a, p, end, FILTER_AND, ret, err) : term(a, p, end, ret, err);
    while (!rc) {
        blanks(p, end);
        if (!take(p, end, kind == FILTER_OR ? "||" : "&&")) break;
        struct filter *f = ARENA_NEW(a, struct filter);
        f->kind = kind;
        f->left = *ret;
        *ret = f;
        rc = kind == FILTER_OR ? chain(a, p, end, FILTER_AND, &f->right, err)
                               : term(a, p, end, &f->right, err);
    }
    return rc;
}

static int disjunction(struct arena *a, const char **p, const char *end, struct filter **ret,
                       struct err *err) {
    return chain(a, p, end, FILTER_OR, ret, err);
}

int json_filter_parse(struct arena *a, const char **p, const char *end, struct filter **ret,
                      struct err *err) {
    blanks(p, end);
    if (!take(p, end, "(")) return bad(*p, end, err);
    int rc = disjunction(a, p, end, ret, err);
    if (rc) return rc;
    blanks(p, end);
    return take(p, end, ")") ? 0 : bad(*p, end, err);
}

/* ---- match ---------------------------------------------------------------------------------- */

static struct jnode *value_of(const struct operand *o, struct arena *a, struct jnode *root,
                              struct jnode *node) {
    if (!o->is_path) return o->literal;
    struct jnode **nodes = NULL;
    int n = 0, cap = 0;
    json_path_collect(o->steps, a, root, o->from_root ? root : node, &nodes, &n, &cap);
    return n ? nodes[0] : NULL;
}

static bool is_number(const struct jnode *n) {
    return n->kind == JNODE_INT || n->kind == JNODE_FLOAT;
}

/* -1, 0, 1; 2 = not comparable. */
static int compare(const struct jnode *x, const struct jnode *y) {
    if (is_number(x) && is_number(y)) {
        double u = 0, v = 0;
        if (text_parse_f64(x->text.ptr, x->text.len, &u) ||
            text_parse_f64(y->text.ptr, y->text.len, &v))
            return 2;
        return u < v ? -1 : u > v;
    }
    if (x->kind != y->kind) return 2;
    if (x->kind == JNODE_STRING) {
        int c = sv_cmp(x->text, y->text);
        return c < 0 ? -1 : c > 0;
    }
    if (x->kind <= JNODE_TRUE) return 0;
    AUTO_STR s = STR_INIT, t = STR_INIT;
    jdoc_print(x, &s);
    jdoc_print(y, &t);
    return sv_eq(str_view(&s), str_view(&t)) ? 0 : 2;
}

static bool in_list(const struct jnode *v, const struct jnode *list) {
    if (list->kind != JNODE_ARRAY) return false;
    for (const struct jnode *c = list->first; c; c = c->next)
        if (compare(v, c) == 0) return true;
    return false;
}

static bool matches(const struct filter *f, const struct jnode *v) {
    if (!v || !jnode_is_scalar(v)) return false;
    AUTO_STR p = STR_INIT;
    str_addf(&p, "%s(?:%.*s)", f->ignore_case ? "(?i)" : "", (int)f->pattern.len, f->pattern.ptr);
    struct regex *re = NULL;
    if (regex_new(str_view(&p), &re, NULL)) return false;
    size_t b, e;
    bool r = regex_find(re, v->text, 0) && regex_group(re, 0, &b, &e) && b == 0 && e == v->text.len;
    regex_free(re);
    return r;
}

bool json_filter_match(const struct filter *f, struct arena *a, struct jnode *root,
                       struct jnode *node) {
    switch (f->kind) {
    case FILTER_AND:
        return json_filter_match(f->left, a, root, node) &&
               json_filter_match(f->right, a, root, node);
    case FILTER_OR:
        return json_filter_match(f->left, a, root, node) ||
               json_filter_match(f->right, a, root, node);
    case FILTER_NOT:
        return !json_filter_match(f->left, a, root, node);
    default:
        break;
    }
    const struct jnode *x = value_of(&f->a, a, root, node);
    if (f->kind == FILTER_EXISTS) return x != NULL;
    if (f->kind == FILTER_MATCH) return matches(f, x);
    const struct jnode *y = value_of(&f->b, a, root, node);
    if (!x || !y) return f->kind == FILTER_NE && x != y;
    int c = compare(x, y);
    switch (f->kind) {
    case FILTER_EQ:
        return c == 0;
    case FILTER_NE:
        return c != 0;
    case FILTER_LT:
        return c == -1;
    case FILTER_LE:
        return c == -1 || c == 0;
    case FILTER_GT:
        return c == 1;
    case FILTER_GE:
        return c == 1 || c == 0;
    case FILTER_IN:
        return in_list(x, y);
    case FILTER_NIN:
        return !in_list(x, y);
    default: /* EMPTY */
        return ((x->kind == JNODE_STRING ? x->text.len : x->n) == 0) == (y->kind == JNODE_TRUE);
    }
}
