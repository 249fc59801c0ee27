/* http_route.c - matching of paths, segment by segment. */
#include "base/net/http_route.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/net/http_server.h"

#include <stdlib.h>
#include <string.h>

void http_routes_init(struct http_routes *r) {
    *r = (struct http_routes){0};
    arena_init(&r->arena);
}

void http_routes_release(struct http_routes *r) {
    free(r->items);
    arena_release(&r->arena);
}

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST };

/* The segment at *p (behind its slash) and its kind; *name is what the braces hold. */
static enum segment_kind segment_of(const char *p, size_t *ret_len, struct sv *name) {
    size_t len = strcspn(p, "/");
    *ret_len = len;
    if (len < 2 || p[0] != '{' || p[len - 1] != '}') return SEGMENT_LITERAL;
    *name = (struct sv){p + 1, len - 2};
    if (name->len > 3 && memcmp(name->ptr + name->len - 3, "...", 3) == 0) {
        name->len -= 3;
        return SEGMENT_REST;
    }
    return SEGMENT_PARAM;
}

static void check_path(const char *path) {
    int params = 0;
    CHECKF(path[0] == '/', "route %s must begin with '/'", path);
    for (const char *p = path; *p;) {
        size_t len;
        struct sv name = {0};
        enum segment_kind kind = segment_of(p + 1, &len, &name);
        if (kind == SEGMENT_LITERAL) {
            CHECKF(!memchr(p + 1, '{', len) && !memchr(p + 1, '}', len), "route %s: brace", path);
        } else {
            CHECKF(name.len > 0 && ++params <= HTTP_PARAMS_MAX, "route %s: parameters", path);
            CHECKF(kind != SEGMENT_REST || p[1 + len] == '\0', "route %s: {...} must be last",
                   path);
        }
        p += 1 + len;
    }
}

void http_routes_add(struct http_routes *r, const char *method, const char *path, void *target) {
    check_path(path);
    CHECKF(r->n < HTTP_ROUTES_MAX, "more than %d routes", HTTP_ROUTES_MAX);
    for (size_t i = 0; i < r->n; i++) {
        CHECKF(strcmp(r->items[i].method, method) != 0 || strcmp(r->items[i].path, path) != 0,
               "route %s %s twice", method, path);
    }
    MEM_GROW(r->items, r->n, r->cap);
    r->items[r->n++] =
        (struct http_route){arena_strdup(&r->arena, method), arena_strdup(&r->arena, path), target};
}

/* 0 = no match; otherwise two bits a segment, from the left: 3 literal, 2 parameter, 1 rest. The
 * largest wins. */
static uint64_t match_score(const char *route, const char *path) {
    uint64_t score = 0;
    int shift = 62;
    const char *r = route, *p = path;
    while (*r && *p) {
        size_t rn, pn = strcspn(p + 1, "/");
        struct sv name;
        uint64_t points;
        switch (segment_of(r + 1, &rn, &name)) {
        case SEGMENT_REST:
            return score | (uint64_t)1 << MAX(shift, 0);
        case SEGMENT_PARAM:
            if (pn == 0) return 0;
            points = 2;
            break;
        default:
            if (rn != pn || memcmp(r + 1, p + 1, rn) != 0) return 0;
            points = 3;
        }
        if (shift >= 0) score |= points << shift;
        shift -= 2;
        r += 1 + rn;
        p += 1 + pn;
    }
    return *r || *p ? 0 : score;
}

static size_t collect_params(const char *route, const char *path, struct arena *arena,
                             struct http_param *params) {
    size_t n = 0;
    for (const char *r = route, *p = path; *r;) {
        size_t rn, pn = strcspn(p + 1, "/");
        struct sv name;
        enum segment_kind kind = segment_of(r + 1, &rn, &name);
        if (kind == SEGMENT_REST) pn = strlen(p + 1);
        if (kind != SEGMENT_LITERAL) {
            params[n++] = (struct http_param){arena_strndup(arena, name.ptr, name.len),
                                              arena_strndup(arena, p + 1, pn)};
        }
        r += 1 + rn;
        p += 1 + pn;
    }
    return n;
}

const struct http_route *http_routes_match(const struct http_routes *r, const char *method,
                                           const char *path, struct arena *arena,
                                           struct http_param *params, size_t *ret_n_params) {
    const struct http_route *best = NULL;
    uint64_t best_score = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->items[i].method, method) != 0) continue;
        uint64_t score = match_score(r->items[i].path, path);
        if (score <= best_score) continue;
        best = &r->items[i];
        best_score = score;
    }
    if (best) *ret_n_params = collect_params(best->path, path, arena, params);
    return best;
}

bool http_routes_allowed(const struct http_routes *r, const char *path, struct str *out) {
    bool get = false;
    size_t before = out->len;
    for (size_t i = 0; i < r->n; i++) {
        const char *method = r->items[i].method;
        if (!match_score(r->items[i].path, path)) continue;
        if (strcmp(method, "WS") == 0) method = "GET";
        if (strcmp(method, "GET") == 0 && get) continue;
        if (strstr(str_text(out) + before, method)) continue;
        get |= strcmp(method, "GET") == 0;
        str_addf(out, "%s%s", out->len > before ? ", " : "", method);
    }
    if (get) str_add(out, ", HEAD");
    return out->len > before;
}
