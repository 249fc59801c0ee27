/* json_path.h - JSON paths as Jayway's JsonPath has them: $.a['b'][0][1:3][*]..c[?(@.k == 2)].
 * Compiled paths are immutable. */
#ifndef PENSTOCK_VECTOR_FUNC_JSON_PATH_H
#define PENSTOCK_VECTOR_FUNC_JSON_PATH_H

#include "vector/func/json_doc.h"

struct json_path;

/* The text may start with "lax" or "strict"; strict is the default. ERR_RUNTIME if malformed,
 * ERR_UNSUPPORTED for path functions that are not there. */
int json_path_new(struct sv text, struct json_path **ret, struct err *err) ATTR_MUST_USE;
void json_path_free(struct json_path *p);
bool json_path_is_lax(const struct json_path *p);

/* The node at a definite path, an array of all nodes at an indefinite one. In lax mode what is
 * absent is NULL; in strict mode it is ERR_RUNTIME ("No results for path: $['b']"). New nodes come
 * out of the arena. */
int json_path_read(const struct json_path *p, struct arena *a, struct jnode *root,
                   struct jnode **ret, struct err *err) ATTR_MUST_USE;

/* ---- inside ------------------------------------------------------------------------------- */

enum step_kind {
    STEP_NAMES,    /* .a ['a'] ['a','b'] */
    STEP_INDEX,    /* [0] [0,2] [-1] */
    STEP_SLICE,    /* [1:3] [:2] [-2:] */
    STEP_WILDCARD, /* .* [*] */
    STEP_SCAN,     /* .. */
    STEP_FILTER,   /* [?(..)] */
    STEP_LENGTH    /* .length() .size() */
};

struct filter;

struct step {
    enum step_kind kind;
    int n;
    struct sv *names;
    int64_t *index;
    int64_t from, to;
    bool has_from, has_to;
    struct filter *filter;
    struct step *next;
};

struct json_path {
    struct arena arena; /* everything below */
    bool lax, definite;
    bool relative; /* starts with @ */
    struct step *steps;
    struct sv text; /* as messages show it: $['a'][0] */
};

/* Steps behind the leading $ or @; *p is left behind the last. For filters. */
int json_path_steps(struct arena *a, const char **p, const char *end, struct step **ret,
                    struct err *err) ATTR_MUST_USE;
/* Nodes at steps below root, appended; nothing if there are none. */
void json_path_collect(const struct step *s, struct arena *a, struct jnode *root,
                       struct jnode *node, struct jnode ***nodes, int *n, int *cap);
/* "(@.k == 2 && ...)" behind the '?'; *p is left behind the closing parenthesis. */
int json_filter_parse(struct arena *a, const char **p, const char *end, struct filter **ret,
                      struct err *err) ATTR_MUST_USE;
bool json_filter_match(const struct filter *f, struct arena *a, struct jnode *root,
                       struct jnode *node);

#endif
