/* url.c - PARSE_URL, as java.net.URL takes URLs apart; INET_ATON, INET_NTOA. */
#include "vector/func/args.h"

#include <stdio.h>
#include <string.h>

/* Parts of protocol://userinfo@host:port/path?query#ref. A part with a NULL pointer is absent. */
struct url {
    struct sv protocol, authority, userinfo, host, path, query, ref, file;
};

static struct sv before(struct sv *s, char c) {
    const char *at = memchr(s->ptr, c, s->len);
    struct sv head = *s;
    if (!at) {
        *s = (struct sv){NULL, 0};
        return head;
    }
    head.len = (size_t)(at - s->ptr);
    *s = (struct sv){at + 1, s->len - head.len - 1};
    return head;
}

/* Only protocols that Java has a handler for make a URL. */
static bool known_protocol(struct sv p) {
    static const char *const known[] = {"http", "https", "ftp", "file", "jar", "mailto", "jrt"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (sv_ieq(p, known[i])) return true;
    return false;
}

static bool split_authority(struct url *u) {
    struct sv rest = u->authority;
    const char *at = memrchr(rest.ptr, '@', rest.len);
    if (at) {
        u->userinfo = (struct sv){rest.ptr, (size_t)(at - rest.ptr)};
        rest = (struct sv){at + 1, rest.len - u->userinfo.len - 1};
    }
    const char *colon = rest.len && *rest.ptr == '[' ? memchr(rest.ptr, ']', rest.len) : rest.ptr;
    if (!colon) return false;
    colon = memchr(colon, ':', (size_t)(rest.ptr + rest.len - colon));
    u->host = rest;
    if (!colon) return true;
    u->host.len = (size_t)(colon - rest.ptr);
    for (const char *p = colon + 1; p < rest.ptr + rest.len; p++)
        if (*p < '0' || *p > '9') return false;
    return true;
}

static bool url_parse(struct sv s, struct url *u) {
    memset(u, 0, sizeof(*u));
    s = sv_trim(s);
    struct sv rest = s;
    u->protocol = before(&rest, ':');
    if (!rest.ptr || !known_protocol(u->protocol)) return false;
    struct sv body = before(&rest, '#');
    u->ref = rest;
    if (body.len >= 2 && memcmp(body.ptr, "//", 2) == 0) {
        size_t n = 2;
        while (n < body.len && body.ptr[n] != '/' && body.ptr[n] != '?')
            n++;
        u->authority = (struct sv){body.ptr + 2, n - 2};
        body = (struct sv){body.ptr + n, body.len - n};
        if (!split_authority(u)) return false;
    } else {
        u->host = (struct sv){"", 0};
    }
    u->file = body;
    u->path = before(&body, '?');
    u->query = body;
    return true;
}

/* The value behind "key=" at the start of the query or behind '&'. */
static struct sv query_value(struct sv query, struct sv key) {
    while (query.ptr) {
        struct sv pair = before(&query, '&');
        if (pair.len > key.len && pair.ptr[key.len] == '=' &&
            memcmp(pair.ptr, key.ptr, key.len) == 0)
            return (struct sv){pair.ptr + key.len + 1, pair.len - key.len - 1};
    }
    return (struct sv){NULL, 0};
}

static struct sv url_part(const struct url *u, struct sv part) {
    if (sv_eq_str(part, "HOST")) return u->host;
    if (sv_eq_str(part, "PATH")) return u->path;
    if (sv_eq_str(part, "QUERY")) return u->query;
    if (sv_eq_str(part, "REF")) return u->ref;
    if (sv_eq_str(part, "PROTOCOL")) return u->protocol;
    if (sv_eq_str(part, "FILE")) return u->file;
    if (sv_eq_str(part, "AUTHORITY")) return u->authority;
    if (sv_eq_str(part, "USERINFO")) return u->userinfo;
    return (struct sv){NULL, 0};
}

static int kernel_parse_url(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), part = kernel_arg(k, 1), key = {0};
    if (k->n_args == 3) key = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct url u;
        struct sv v = {NULL, 0};
        if (url_parse(arg_sv(&s, i), &u)) {
            v = url_part(&u, arg_sv(&part, i));
            if (k->n_args == 3)
                v = sv_eq_str(arg_sv(&part, i), "QUERY") ? query_value(u.query, arg_sv(&key, i))
                                                         : (struct sv){NULL, 0};
        }
        if (v.ptr)
            ret_piece(k, &s, h, i, v.ptr, v.len);
        else
            ret_null(k, i);
    }
    return 0;
}

/* ---- IPv4 addresses ------------------------------------------------------------------------- */

/* a.b.c.d, or the short forms a, a.b and a.b.c of inet_aton with decimal parts. */
static bool inet_aton_decimal(struct sv v, int64_t *ret) {
    int64_t parts[4];
    int n = 0;
    while (v.ptr) {
        struct sv p = before(&v, '.');
        if (n == 4 || p.len == 0) return false;
        int64_t x = 0;
        for (size_t i = 0; i < p.len; i++) {
            if (p.ptr[i] < '0' || p.ptr[i] > '9') return false;
            x = x * 10 + (p.ptr[i] - '0');
            if (x > UINT32_MAX) return false;
        }
        parts[n++] = x;
    }
    if (n == 1) {
        *ret = parts[0];
        return true;
    }
    int64_t r = 0;
    for (int i = 0; i < n; i++) {
        if (parts[i] > 255) return false;
        int shift = i == n - 1 ? 0 : 24 - 8 * i;
        r |= parts[i] << shift;
    }
    *ret = r;
    return true;
}

static int kernel_inet_aton(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t v = 0;
        if (!inet_aton_decimal(arg_sv(&s, i), &v)) col_set_null(k->ret, i);
        COL_DATA(k->ret, int64_t)[i] = v;
    }
    return 0;
}

static int kernel_inet_ntoa(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t v = arg_i64(&s, i);
        if (v < 0 || v > UINT32_MAX) {
            ret_null(k, i);
            continue;
        }
        char buf[16];
        int n = snprintf(buf, sizeof(buf), "%d.%d.%d.%d", (int)(v >> 24), (int)(v >> 16 & 255),
                         (int)(v >> 8 & 255), (int)(v & 255));
        ret_copy(k, h, i, buf, (size_t)n);
    }
    return 0;
}

const struct func func_parse_url = {
    .name = "PARSE_URL",
    .category = "string",
    .signature = "PARSE_URL(url, part [, key])",
    .doc = "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO; with a "
           "key, that parameter of the QUERY. NULL if it is absent or the URL malformed.",
    .min_args = 2,
    .max_args = 3,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "c",
    .ret = "STRING?",
    .bind = func_bind_spec,
    .kernel = kernel_parse_url,
};

const struct func func_inet_aton = {
    .name = "INET_ATON",
    .category = "string",
    .signature = "INET_ATON(string)",
    .doc = "The number that an IPv4 address stands for; NULL if it is malformed.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "c",
    .ret = "BIGINT?",
    .bind = func_bind_spec,
    .kernel = kernel_inet_aton,
};

const struct func func_inet_ntoa = {
    .name = "INET_NTOA",
    .category = "string",
    .signature = "INET_NTOA(integer)",
    .doc = "The IPv4 address of a number; NULL if it is out of range.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "l",
    .ret = "STRING?",
    .bind = func_bind_spec,
    .kernel = kernel_inet_ntoa,
};
