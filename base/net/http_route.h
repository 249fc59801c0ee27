/* http_route.h - paths like "/v1/jobs/{id}/metrics" to whoever handles them. */
#ifndef PENSTOCK_BASE_NET_HTTP_ROUTE_H
#define PENSTOCK_BASE_NET_HTTP_ROUTE_H

#include "base/core/arena.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>

struct http_route {
    const char *method; /* "WS" for WebSocket endpoints */
    const char *path;
    void *target; /* the server's */
};

struct http_routes {
    struct http_route *items;
    size_t n, cap;
    struct arena arena;
};

struct http_param {
    const char *name, *value;
};

void http_routes_init(struct http_routes *r);
void http_routes_release(struct http_routes *r);
/* CHECKs that the path is well-formed and the route new. */
void http_routes_add(struct http_routes *r, const char *method, const char *path, void *target);
/* The route for method and (decoded) path, NULL if there is none. A literal segment wins over a
 * parameter, from left to right. params has room for HTTP_PARAMS_MAX. */
const struct http_route *http_routes_match(const struct http_routes *r, const char *method,
                                           const char *path, struct arena *arena,
                                           struct http_param *params, size_t *ret_n_params);
/* "GET, POST": methods that the path is served under; false if none. */
bool http_routes_allowed(const struct http_routes *r, const char *path, struct str *out);

#endif
