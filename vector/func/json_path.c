/* json_path.c - compiling and following JSON paths. */
#include "vector/func/json_path.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- compile -------------------------------------------------------------------------------- */

static int bad(const char *at, const char *end, struct err *err) {
    return err_set(err, ERR_RUNTIME, "Illegal jsonpath near '%.*s'", (int)MIN(end - at, 60), at);
}

static void blanks(const char **p, const char *end) {
    while (*p < end && (unsigned char)**p <= ' ')
        (*p)++;
}

/* 'quoted' or "quoted"; backslash escapes. */
static int quoted_name(struct arena *a, const char **p, const char *end, struct sv *ret,
                       struct err *err) {
    char q = *(*p)++;
    char *text = arena_alloc(a, (size_t)(end - *p) + 1), *d = text;
    while (*p < end && **p != q) {
        if (**p == '\\' && *p + 1 < end) (*p)++;
        *d++ = *(*p)++;
    }
    if (*p == end) return bad(*p - 1, end, err);
    (*p)++;
    *ret = (struct sv){text, (size_t)(d - text)};
    return 0;
}

static bool read_int(const char **p, const char *end, int64_t *ret) {
    const char *s = *p;
    bool neg = s < end && *s == '-';
    if (neg) s++;
    if (s == end || *s < '0' || *s > '9') return false;
    int64_t v = 0;
    for (; s < end && *s >= '0' && *s <= '9' && v < 1000000000; s++)
        v = v * 10 + (*s - '0');
    *p = s;
    *ret = neg ? -v : v;
    return true;
}

static int bracket_names(struct arena *a, struct step *s, const char **p, const char *end,
                         struct err *err) {
    struct sv names[64];
    s->kind = STEP_NAMES;
    for (;;) {
        blanks(p, end);
        if (*p == end || (**p != '\'' && **p != '"') || s->n == (int)ARRAY_LEN(names))
            return bad(*p, end, err);
        int rc = quoted_name(a, p, end, &names[s->n++], err);
        if (rc) return rc;
        blanks(p, end);
        if (*p == end || **p != ',') break;
        (*p)++;
    }
    s->names = arena_dup(a, names, sizeof(*names) * (size_t)s->n);
    return 0;
}

static int bracket_numbers(struct arena *a, struct step *s, const char **p, const char *end,
                           struct err *err) {
    int64_t index[64];
    s->kind = STEP_INDEX;
    s->has_from = read_int(p, end, &s->from);
    blanks(p, end);
    if (*p < end && **p == ':') {
        s->kind = STEP_SLICE;
        (*p)++;
        blanks(p, end);
        s->has_to = read_int(p, end, &s->to);
        return 0;
    }
    if (!s->has_from) return bad(*p, end, err);
    index[s->n++] = s->from;
    while (*p < end && **p == ',') {
        (*p)++;
        blanks(p, end);
        if (s->n == (int)ARRAY_LEN(index) || !read_int(p, end, &index[s->n]))
            return bad(*p, end, err);
        s->n++;
        blanks(p, end);
    }
    s->index = arena_dup(a, index, sizeof(*index) * (size_t)s->n);
    return 0;
}

/* *p is behind the '['. */
static int bracket(struct arena *a, struct step *s, const char **p, const char *end,
                   struct err *err) {
    int rc = 0;
    blanks(p, end);
    if (*p == end) return bad(*p, end, err);
    if (**p == '*') {
        s->kind = STEP_WILDCARD;
        (*p)++;
    } else if (**p == '?') {
        s->kind = STEP_FILTER;
        (*p)++;
        rc = json_filter_parse(a, p, end, &s->filter, err);
    } else if (**p == '\'' || **p == '"') {
        rc = bracket_names(a, s, p, end, err);
    } else {
        rc = bracket_numbers(a, s, p, end, err);
    }
    if (rc) return rc;
    blanks(p, end);
    if (*p == end || **p != ']') return bad(*p, end, err);
    (*p)++;
    return 0;
}

/* name, *, or name(): behind a dot or at the start. */
static int dotted(struct arena *a, struct step *s, const char **p, const char *end,
                  struct err *err) {
    const char *start = *p;
    if (*p < end && **p == '*') {
        s->kind = STEP_WILDCARD;
        (*p)++;
        return 0;
    }
    while (*p < end && !strchr(".[( )=<>!&|,]", **p))
        (*p)++;
    size_t n = (size_t)(*p - start);
    if (n == 0) return bad(start, end, err);
    if (*p < end && **p == '(') {
        if (end - *p < 2 || (*p)[1] != ')' ||
            ((n != 6 || memcmp(start, "length", 6) != 0) &&
             (n != 4 || memcmp(start, "size", 4) != 0)))
            return err_set(err, ERR_UNSUPPORTED, "the JSON path function '%.*s' is not supported",
                           (int)n, start);
        *p += 2;
        s->kind = STEP_LENGTH;
        return 0;
    }
    s->kind = STEP_NAMES;
    s->n = 1;
    s->names = ARENA_NEW(a, struct sv);
    *s->names = (struct sv){arena_strndup(a, start, n), n};
    return 0;
}

int json_path_steps(struct arena *a, const char **p, const char *end, struct step **ret,
                    struct err *err) {
    struct step **tail = ret;
    *ret = NULL;
    while (*p < end && (**p == '.' || **p == '[')) {
        struct step *s = ARENA_NEW(a, struct step);
        int rc;
        if (*(*p)++ == '[') {
            rc = bracket(a, s, p, end, err);
        } else if (*p < end && **p == '[') { /* .['a'] */
            (*p)++;
            rc = bracket(a, s, p, end, err);
        } else if (*p < end && **p == '.') {
            (*p)++;
            s->kind = STEP_SCAN;
            *tail = s;
            tail = &s->next;
            s = ARENA_NEW(a, struct step);
            if (*p < end && **p == '[') {
                (*p)++;
                rc = bracket(a, s, p, end, err);
            } else {
                rc = dotted(a, s, p, end, err);
            }
        } else {
            rc = dotted(a, s, p, end, err);
        }
        if (rc) return rc;
        *tail = s;
        tail = &s->next;
    }
    return 0;
}

static bool step_is_definite(const struct step *s) {
    return (s->kind == STEP_NAMES) || (s->kind == STEP_INDEX && s->n == 1) ||
           s->kind == STEP_LENGTH;
}

static void show(const struct json_path *p, struct str *out) {
    str_add(out, "$");
    for (const struct step *s = p->steps; s; s = s->next) {
        switch (s->kind) {
        case STEP_NAMES:
            str_add_char(out, '[');
            for (int i = 0; i < s->n; i++)
                str_addf(out, "%s'%.*s'", i ? "," : "", (int)s->names[i].len, s->names[i].ptr);
            str_add_char(out, ']');
            break;
        case STEP_INDEX:
            str_add_char(out, '[');
            for (int i = 0; i < s->n; i++)
                str_addf(out, "%s%lld", i ? "," : "", (long long)s->index[i]);
            str_add_char(out, ']');
            break;
        case STEP_SLICE:
            str_add_char(out, '[');
            if (s->has_from) str_add_i64(out, s->from);
            str_add_char(out, ':');
            if (s->has_to) str_add_i64(out, s->to);
            str_add_char(out, ']');
            break;
        case STEP_WILDCARD:
            str_add(out, "[*]");
            break;
        case STEP_SCAN:
            str_add(out, "..");
            break;
        case STEP_FILTER:
            str_add(out, "[?]");
            break;
        case STEP_LENGTH:
            str_add(out, ".length()");
            break;
        }
    }
}

/* "lax" or "strict" and blanks in front. */
static void read_mode(struct json_path *p, const char **s, const char *end) {
    static const char *const modes[] = {"strict", "lax"};
    const char *q = *s;
    blanks(&q, end);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(modes[i]);
        if ((size_t)(end - q) <= n || strncasecmp(q, modes[i], n) != 0 || (unsigned char)q[n] > ' ')
            continue;
        p->lax = i == 1;
        *s = q + n;
        return;
    }
}

int json_path_new(struct sv text, struct json_path **ret, struct err *err) {
    struct json_path *p = mem_zalloc(sizeof(*p));
    arena_init(&p->arena);
    const char *s = text.ptr, *end = text.ptr + text.len;
    read_mode(p, &s, end);
    blanks(&s, end);
    while (end > s && (unsigned char)end[-1] <= ' ')
        end--;
    int rc = s == end ? err_set(err, ERR_RUNTIME, "json can not be null or empty") : 0;
    struct step *first = NULL;
    if (!rc && (*s == '$' || *s == '@')) {
        s++;
    } else if (!rc && *s != '[') { /* a bare name means $.name */
        first = ARENA_NEW(&p->arena, struct step);
        rc = dotted(&p->arena, first, &s, end, err);
    }
    if (!rc) rc = json_path_steps(&p->arena, &s, end, first ? &first->next : &p->steps, err);
    if (first) p->steps = first;
    if (!rc && s != end) rc = bad(s, end, err);
    if (rc) {
        json_path_free(p);
        return rc;
    }
    p->definite = true;
    for (const struct step *t = p->steps; t; t = t->next)
        p->definite &= step_is_definite(t);
    AUTO_STR shown = STR_INIT;
    show(p, &shown);
    p->text = (struct sv){arena_strndup(&p->arena, str_text(&shown), shown.len), shown.len};
    *ret = p;
    return 0;
}

void json_path_free(struct json_path *p) {
    if (!p) return;
    arena_release(&p->arena);
    free(p);
}

bool json_path_is_lax(const struct json_path *p) {
    return p->lax;
}

/* ---- follow --------------------------------------------------------------------------------- */

struct walk {
    struct arena *a;
    struct jnode *root;
    struct jnode ***nodes;
    int *n, *cap;
    bool strict; /* report what is absent below definite steps */
    const struct json_path *path;
    struct err *err;
    int rc;
};

static void follow(struct walk *w, const struct step *s, struct jnode *node, bool definite);

static void found(struct walk *w, struct jnode *node) {
    if (*w->n == *w->cap) {
        int cap = *w->cap ? *w->cap * 2 : 8;
        struct jnode **more = arena_alloc(w->a, sizeof(*more) * (size_t)cap);
        if (*w->n) memcpy(more, *w->nodes, sizeof(*more) * (size_t)*w->n);
        *w->nodes = more;
        *w->cap = cap;
    }
    (*w->nodes)[(*w->n)++] = node;
}

static void absent(struct walk *w, const char *what, bool definite) {
    if (!w->strict || !definite || w->rc) return;
    w->rc =
        err_set(w->err, ERR_RUNTIME, "%s: %.*s", what, (int)w->path->text.len, w->path->text.ptr);
}

/* The last member of this name. */
static struct jnode *member(const struct jnode *object, struct sv name) {
    struct jnode *r = NULL;
    for (struct jnode *c = object->first; c; c = c->next)
        if (sv_eq(c->key, name)) r = c;
    return r;
}

static struct jnode *clone(struct walk *w, const struct jnode *n) {
    struct jnode *c = arena_dup(w->a, n, sizeof(*n));
    c->next = NULL;
    return c;
}

static void follow_names(struct walk *w, const struct step *s, struct jnode *node, bool definite) {
    if (node->kind != JNODE_OBJECT) {
        absent(w, "Expected to find an object for path", definite);
        return;
    }
    if (s->n == 1) {
        struct jnode *m = member(node, s->names[0]);
        if (m)
            follow(w, s->next, m, definite);
        else if (s->next)
            absent(w, "Missing property in path", definite);
        return;
    }
    /* Several names at the end make an object of them; before the end, each is followed. */
    struct jnode *object = ARENA_NEW(w->a, struct jnode), **tail = &object->first;
    object->kind = JNODE_OBJECT;
    for (int i = 0; i < s->n; i++) {
        struct jnode *m = member(node, s->names[i]);
        if (!m) continue;
        if (s->next) {
            follow(w, s->next, m, false);
            continue;
        }
        *tail = clone(w, m);
        (*tail)->place = object->n++;
        tail = &(*tail)->next;
    }
    if (!s->next) found(w, object);
}

static struct jnode *element(const struct jnode *array, int64_t i) {
    if (i < 0) i += array->n;
    if (i < 0 || i >= array->n) return NULL;
    struct jnode *c = array->first;
    while (i--)
        c = c->next;
    return c;
}

static void follow_array(struct walk *w, const struct step *s, struct jnode *node, bool definite) {
    if (node->kind != JNODE_ARRAY) {
        absent(w, "Filter: expected an array for path", definite);
        return;
    }
    if (s->kind == STEP_INDEX) {
        for (int i = 0; i < s->n; i++) {
            struct jnode *e = element(node, s->index[i]);
            if (e) follow(w, s->next, e, definite && s->n == 1);
        }
        return;
    }
    int64_t n = node->n, from = s->has_from ? s->from : 0, to = s->has_to ? s->to : n;
    if (from < 0) from = MAX(from + n, 0);
    if (to < 0) to += n;
    for (int64_t i = from; i < MIN(to, n); i++)
        follow(w, s->next, element(node, i), false);
}

/* node and all below it, each followed by the rest of the path. */
static void scan(struct walk *w, const struct step *s, struct jnode *node) {
    bool fits = s->kind == STEP_NAMES    ? node->kind == JNODE_OBJECT
                : s->kind == STEP_INDEX  ? node->kind == JNODE_ARRAY
                : s->kind == STEP_FILTER ? node->kind == JNODE_ARRAY
                                         : !jnode_is_scalar(node);
    if (fits) follow(w, s, node, false);
    if (jnode_is_scalar(node)) return;
    for (struct jnode *c = node->first; c; c = c->next)
        scan(w, s, c);
}

static void follow_filter(struct walk *w, const struct step *s, struct jnode *node) {
    if (node->kind == JNODE_OBJECT) {
        if (json_filter_match(s->filter, w->a, w->root, node)) follow(w, s->next, node, false);
        return;
    }
    for (struct jnode *c = node->first; c && node->kind == JNODE_ARRAY; c = c->next)
        if (json_filter_match(s->filter, w->a, w->root, c)) follow(w, s->next, c, false);
}

static void follow_length(struct walk *w, struct jnode *node) {
    if (jnode_is_scalar(node) && node->kind != JNODE_STRING) return;
    struct jnode *r = ARENA_NEW(w->a, struct jnode);
    uint64_t n = node->kind == JNODE_STRING ? node->text.len : node->n;
    r->kind = JNODE_INT;
    r->text = sv_from(arena_printf(w->a, "%llu", (unsigned long long)n));
    found(w, r);
}

/* definite: nothing above could have matched more than one node. */
static void follow(struct walk *w, const struct step *s, struct jnode *node, bool definite) {
    if (w->rc) return;
    if (!s) {
        found(w, node);
        return;
    }
    switch (s->kind) {
    case STEP_NAMES:
        follow_names(w, s, node, definite);
        break;
    case STEP_INDEX:
    case STEP_SLICE:
        follow_array(w, s, node, definite);
        break;
    case STEP_WILDCARD:
        for (struct jnode *c = jnode_is_scalar(node) ? NULL : node->first; c; c = c->next)
            follow(w, s->next, c, false);
        break;
    case STEP_SCAN:
        scan(w, s->next, node);
        break;
    case STEP_FILTER:
        follow_filter(w, s, node);
        break;
    case STEP_LENGTH:
        follow_length(w, node);
        break;
    }
}

void json_path_collect(const struct step *s, struct arena *a, struct jnode *root,
                       struct jnode *node, struct jnode ***nodes, int *n, int *cap) {
    struct walk w = {.a = a, .root = root, .nodes = nodes, .n = n, .cap = cap};
    follow(&w, s, node, false);
}

int json_path_read(const struct json_path *p, struct arena *a, struct jnode *root,
                   struct jnode **ret, struct err *err) {
    struct jnode **nodes = NULL;
    int n = 0, cap = 0;
    struct walk w = {.a = a,
                     .root = root,
                     .nodes = &nodes,
                     .n = &n,
                     .cap = &cap,
                     .strict = !p->lax,
                     .path = p,
                     .err = err};
    follow(&w, p->steps, root, true);
    if (w.rc) return w.rc;
    if (p->definite) {
        if (n == 0 && !p->lax)
            return err_set(err, ERR_RUNTIME, "No results for path: %.*s", (int)p->text.len,
                           p->text.ptr);
        *ret = n ? nodes[n - 1] : NULL;
        return 0;
    }
    struct jnode *list = ARENA_NEW(a, struct jnode), **tail = &list->first;
    list->kind = JNODE_ARRAY;
    for (int i = 0; i < n; i++) {
        *tail = clone(&w, nodes[i]);
        (*tail)->place = list->n++;
        tail = &(*tail)->next;
    }
    *ret = list;
    return 0;
}
