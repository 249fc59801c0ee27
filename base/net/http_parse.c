/* http_parse.c - HTTP/1.1 messages as text. */
#include "base/net/http_parse.h"

#include "base/core/mem.h"
#include "base/net/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9110, section 5.6.2. */
static bool is_token_char(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_has_token(const char *value, const char *token) {
    size_t n = strlen(token);
    for (const char *p = value; *p;) {
        size_t len = strcspn(p, ",");
        struct sv part = sv_trim((struct sv){p, len});
        if (part.len == n && sv_ieq(part, token)) return true;
        p += len + (p[len] == ',');
    }
    return false;
}

const char *http_field_get(const struct http_head *h, const char *name) {
    for (size_t i = 0; i < h->n_fields; i++) {
        if (strcmp(h->fields[i].name, name) == 0) return h->fields[i].value;
    }
    return NULL;
}

/* ---- heads ---------------------------------------------------------------------------------- */

struct head_parser {
    struct arena *arena;
    struct http_head *head;
    int status; /* to answer with when it fails */
    struct err *err;
};

static int fail(struct head_parser *p, int status, const char *what) {
    p->status = status;
    return err_set(p->err, ERR_PROTOCOL, "malformed HTTP: %s", what);
}

/* Length of the head including the empty line; 0 = not whole yet. A bare LF ends a line, too. */
static size_t head_length(const char *buf, size_t len) {
    for (size_t i = 0; i + 1 < len; i++) {
        if (buf[i] != '\n') continue;
        if (buf[i + 1] == '\n') return i + 2;
        if (buf[i + 1] == '\r' && i + 2 < len && buf[i + 2] == '\n') return i + 3;
    }
    return 0;
}

/* The next line without its end; moves *p behind it. */
static struct sv next_line(const char **p, const char *end) {
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    struct sv line = {*p, (size_t)(nl - *p)};
    *p = nl + 1;
    if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
    return line;
}

static int parse_field(struct head_parser *p, struct sv line) {
    size_t n = 0;
    while (n < line.len && is_token_char((unsigned char)line.ptr[n]))
        n++;
    /* Also refuses folded lines and white space in front of the colon. */
    if (n == 0 || n == line.len || line.ptr[n] != ':') return fail(p, 400, "header line");
    struct sv value = sv_trim((struct sv){line.ptr + n + 1, line.len - n - 1});
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) return fail(p, 400, "header value");
    }
    if (p->head->n_fields == HTTP_HEADERS_MAX) return fail(p, 431, "too many headers");
    char *name = arena_strndup(p->arena, line.ptr, n);
    for (char *c = name; *c; c++) {
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + ('a' - 'A'));
    }
    p->head->fields[p->head->n_fields++] =
        (struct http_field){name, arena_strndup(p->arena, value.ptr, value.len)};
    return 0;
}

static int parse_content_length(struct head_parser *p, const char *value) {
    int64_t v = 0;
    if (!*value) return fail(p, 400, "Content-Length");
    for (const char *c = value; *c; c++) {
        if (*c < '0' || *c > '9' || v > INT64_MAX / 10 - 1) return fail(p, 400, "Content-Length");
        v = v * 10 + (*c - '0');
    }
    if (p->head->content_length >= 0 && p->head->content_length != v)
        return fail(p, 400, "two different Content-Lengths");
    p->head->content_length = v;
    return 0;
}

static int interpret_fields(struct head_parser *p) {
    struct http_head *h = p->head;
    bool upgrade = false;
    h->content_length = -1;
    h->keep_alive = h->minor_version == 1;
    for (size_t i = 0; i < h->n_fields; i++) {
        const char *name = h->fields[i].name, *value = h->fields[i].value;
        if (strcmp(name, "content-length") == 0) {
            int rc = parse_content_length(p, value);
            if (rc) return rc;
        } else if (strcmp(name, "transfer-encoding") == 0) {
            if (!sv_ieq(sv_from(value), "chunked")) return fail(p, 501, "Transfer-Encoding");
            if (h->chunked) return fail(p, 400, "Transfer-Encoding twice");
            h->chunked = true;
        } else if (strcmp(name, "connection") == 0) {
            if (http_has_token(value, "close")) h->keep_alive = false;
            if (h->minor_version == 0 && http_has_token(value, "keep-alive")) h->keep_alive = true;
            upgrade |= http_has_token(value, "upgrade");
        } else if (strcmp(name, "upgrade") == 0) {
            h->upgrade_websocket = http_has_token(value, "websocket");
        } else if (strcmp(name, "expect") == 0) {
            h->expect_continue = sv_ieq(sv_from(value), "100-continue");
        }
    }
    if (h->chunked && (h->content_length >= 0 || h->minor_version == 0))
        return fail(p, 400, "Transfer-Encoding with Content-Length or HTTP/1.0");
    h->upgrade_websocket &= upgrade;
    return 0;
}

static int parse_target(struct head_parser *p, struct sv target) {
    if (target.len > HTTP_URI_MAX_BYTES) return fail(p, 414, "the target is too long");
    /* A proxy's absolute form is taken for what it names here. */
    if (sv_starts(target, "http://") || sv_starts(target, "https://")) {
        const char *host = memchr(target.ptr, ':', target.len) + 3;
        const char *slash = memchr(host, '/', (size_t)(target.ptr + target.len - host));
        if (!slash) return fail(p, 400, "target without a path");
        target.len -= (size_t)(slash - target.ptr);
        target.ptr = slash;
    }
    if (!target.len || target.ptr[0] != '/') return fail(p, 400, "the target must begin with '/'");
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c == 0x7F || c == '#') return fail(p, 400, "character in the target");
    }
    const char *mark = memchr(target.ptr, '?', target.len);
    struct sv path = {target.ptr, mark ? (size_t)(mark - target.ptr) : target.len};
    AUTO_STR decoded = STR_INIT;
    if (http_url_decode(&decoded, path, false, NULL)) return fail(p, 400, "escape in the path");
    p->head->path = arena_strndup(p->arena, str_text(&decoded), decoded.len);
    p->head->query = mark ? arena_strndup(p->arena, mark + 1, target.len - path.len - 1) : "";
    return 0;
}

static int parse_version(struct head_parser *p, struct sv v) {
    if (v.len != 8 || memcmp(v.ptr, "HTTP/", 5) != 0 || v.ptr[6] != '.')
        return fail(p, 400, "version");
    if (v.ptr[5] != '1' || (v.ptr[7] != '0' && v.ptr[7] != '1'))
        return fail(p, 505, "version: only HTTP/1.0 and HTTP/1.1 are served");
    p->head->minor_version = v.ptr[7] - '0';
    return 0;
}

static int parse_request_line(struct head_parser *p, struct sv line) {
    size_t n = 0;
    while (n < line.len && is_token_char((unsigned char)line.ptr[n]))
        n++;
    if (n == 0 || n == line.len || line.ptr[n] != ' ') return fail(p, 400, "request line");
    p->head->method = arena_strndup(p->arena, line.ptr, n);
    struct sv rest = {line.ptr + n + 1, line.len - n - 1};
    const char *space = rest.len ? memchr(rest.ptr, ' ', rest.len) : NULL;
    if (!space) return fail(p, 400, "request line");
    struct sv target = {rest.ptr, (size_t)(space - rest.ptr)};
    int rc = parse_version(p, (struct sv){space + 1, rest.len - target.len - 1});
    return rc ? rc : parse_target(p, target);
}

static int parse_status_line(struct head_parser *p, struct sv line) {
    if (line.len < 12 || line.ptr[8] != ' ') return fail(p, 400, "status line");
    int rc = parse_version(p, (struct sv){line.ptr, 8});
    if (rc) return rc;
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9') return fail(p, 400, "status line");
        status = status * 10 + (line.ptr[i] - '0');
    }
    if (status < 100 || (line.len > 12 && line.ptr[12] != ' ')) return fail(p, 400, "status line");
    p->head->status = status;
    return 0;
}

static int parse_head(struct head_parser *p, const char *buf, size_t len, bool request,
                      size_t *ret_used) {
    /* Empty lines in front of a request are skipped (RFC 9112, section 2.2). */
    size_t skip = 0;
    while (request && skip < len && skip < 8 && (buf[skip] == '\r' || buf[skip] == '\n'))
        skip++;
    size_t seen = MIN(len - skip, (size_t)HTTP_HEAD_MAX_BYTES);
    size_t used = head_length(buf + skip, seen);
    if (used == 0) {
        if (seen < HTTP_HEAD_MAX_BYTES) return HTTP_PARSE_MORE;
        const char *nl = memchr(buf + skip, '\n', seen);
        return nl ? fail(p, 431, "the headers are too long")
                  : fail(p, request ? 414 : 400, "the first line is too long");
    }
    const char *at = buf + skip, *end = at + used;
    struct http_field fields[HTTP_HEADERS_MAX];
    *p->head = (struct http_head){.fields = fields};
    struct sv line = next_line(&at, end);
    int rc = request ? parse_request_line(p, line) : parse_status_line(p, line);
    while (!rc && (line = next_line(&at, end)).len)
        rc = parse_field(p, line);
    if (!rc) rc = interpret_fields(p);
    if (rc) return rc;
    p->head->fields = arena_dup(p->arena, fields, p->head->n_fields * sizeof(fields[0]));
    *ret_used = skip + used;
    return 0;
}

int http_parse_request(const char *buf, size_t len, struct arena *arena, struct http_head *ret,
                       size_t *ret_used, int *ret_status, struct err *err) {
    struct http_head head;
    struct head_parser p = {arena, &head, 400, err};
    int rc = parse_head(&p, buf, len, true, ret_used);
    if (rc < 0) *ret_status = p.status;
    if (rc == 0) *ret = head;
    return rc;
}

int http_parse_response(const char *buf, size_t len, struct arena *arena, struct http_head *ret,
                        size_t *ret_used, struct err *err) {
    struct http_head head;
    struct head_parser p = {arena, &head, 400, err};
    int rc = parse_head(&p, buf, len, false, ret_used);
    if (rc == 0) *ret = head;
    return rc;
}

/* ---- chunked bodies -------------------------------------------------------------------------- */

enum chunked_state {
    CHUNK_SIZE,      /* hexadecimal digits */
    CHUNK_EXTENSION, /* up to the line's end */
    CHUNK_DATA,
    CHUNK_DATA_END, /* CR LF behind the data */
    CHUNK_TRAILER,  /* lines up to an empty one; ignored */
    CHUNK_DONE
};
enum { CHUNK_LINE_MAX_BYTES = 4096 };

static int bad_chunk(const char *what, struct err *err) {
    return err_set(err, ERR_PROTOCOL, "malformed HTTP: chunked body: %s", what);
}

/* One character of a line; *ret_line_done when it was the last. */
static int chunk_line_char(struct http_chunked *c, char ch, struct err *err) {
    if (++c->line_bytes > CHUNK_LINE_MAX_BYTES) return bad_chunk("line too long", err);
    if (c->state == CHUNK_SIZE) {
        int v = hex_value(ch);
        if (v >= 0) {
            if (c->left > UINT64_MAX >> 8) return bad_chunk("size", err);
            c->left = c->left * 16 + (uint64_t)v;
            return 0;
        }
        if (c->line_bytes == 1) return bad_chunk("size", err); /* no digit */
        c->state = CHUNK_EXTENSION;
        if (ch != ';' && ch != '\r' && ch != '\n' && ch != ' ' && ch != '\t')
            return bad_chunk("size", err);
    }
    if (ch != '\n') {
        if (c->state == CHUNK_TRAILER && ch != '\r') c->left = 1; /* the line isn't empty */
        return 0;
    }
    if (c->state == CHUNK_EXTENSION) {
        c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
    } else if (c->state == CHUNK_TRAILER) {
        if (!c->left) c->state = CHUNK_DONE;
        c->left = 0;
    }
    c->line_bytes = 0;
    return 0;
}

static int chunk_data_end(struct http_chunked *c, char ch, struct err *err) {
    if (ch == '\r' && c->line_bytes == 0) {
        c->line_bytes = 1;
        return 0;
    }
    if (ch != '\n') return bad_chunk("no line end behind a chunk", err);
    c->state = CHUNK_SIZE;
    c->line_bytes = 0;
    return 0;
}

int http_chunked_feed(struct http_chunked *c, const char *in, size_t len, size_t *ret_used,
                      struct str *out, size_t max_bytes, struct err *err) {
    size_t i = 0;
    while (i < len && c->state != CHUNK_DONE) {
        int rc = 0;
        if (c->state == CHUNK_DATA) {
            size_t n = MIN(len - i, c->left);
            if (out->len + n > max_bytes)
                return err_set(err, ERR_BUDGET, "the body is larger than %zu bytes", max_bytes);
            str_add_n(out, in + i, n);
            i += n;
            c->left -= n;
            if (c->left == 0) c->state = CHUNK_DATA_END;
        } else if (c->state == CHUNK_DATA_END) {
            rc = chunk_data_end(c, in[i++], err);
        } else {
            rc = chunk_line_char(c, in[i], err);
            i++;
        }
        if (rc) return rc;
    }
    *ret_used = i;
    return c->state == CHUNK_DONE ? 0 : HTTP_PARSE_MORE;
}

/* ---- URLs ------------------------------------------------------------------------------------ */

int http_url_decode(struct str *out, struct sv text, bool form, struct err *err) {
    str_reserve(out, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int hi = i + 1 < text.len ? hex_value(text.ptr[i + 1]) : -1;
            int lo = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
            if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
                return err_set(err, ERR_INVALID, "malformed %%-escape in '%.*s'",
                               (int)MIN(text.len, (size_t)200), text.ptr);
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        str_add_char(out, c);
    }
    return 0;
}

const char *http_query_get(const char *query, const char *name, struct arena *arena) {
    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        const char *eq = memchr(p, '=', len);
        struct sv key = {p, eq ? (size_t)(eq - p) : len};
        AUTO_STR text = STR_INIT;
        if (http_url_decode(&text, key, true, NULL) == 0 && sv_eq_str(str_view(&text), name)) {
            str_clear(&text);
            struct sv value = eq ? (struct sv){eq + 1, len - key.len - 1} : SV_LIT("");
            if (http_url_decode(&text, value, true, NULL)) return NULL;
            return arena_strndup(arena, str_text(&text), text.len);
        }
        p += len + (p[len] == '&');
    }
    return NULL;
}

static int bad_url(const char *url, const char *what, struct err *err) {
    return err_set(err, ERR_INVALID, "URL '%s': %s; expected scheme://host:port/path", url, what);
}

static int parse_port(const char *text, size_t len, int *ret) {
    int v = 0;
    if (len == 0 || len > 5) return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        v = v * 10 + (text[i] - '0');
    }
    if (v < 1 || v > 65535) return -1;
    *ret = v;
    return 0;
}

int http_url_parse(const char *url, struct arena *arena, struct http_url *ret, struct err *err) {
    static const struct {
        const char *prefix;
        bool tls;
    } schemes[] = {{"http://", false}, {"ws://", false}, {"https://", true}, {"wss://", true}};
    struct http_url u = {0};
    const char *p = NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes) && !p; i++) {
        if (!sv_starts(sv_from(url), schemes[i].prefix)) continue;
        p = url + strlen(schemes[i].prefix);
        u.scheme = arena_strndup(arena, url, strlen(schemes[i].prefix) - 3);
        u.tls = schemes[i].tls;
    }
    if (!p) return bad_url(url, "the scheme must be http, https, ws or wss", err);
    for (const char *c = p; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7F) return bad_url(url, "white space", err);
    }
    size_t len = strcspn(p, "/?#");
    const char *host = p, *host_end = p + len, *port = NULL;
    if (memchr(p, '@', len)) return bad_url(url, "user names aren't supported here", err);
    if (*p == '[') {
        host = p + 1;
        const char *bracket = memchr(p, ']', len);
        if (!bracket) return bad_url(url, "no ']'", err);
        port = bracket + 1 < p + len ? bracket + 1 : NULL;
        host_end = bracket;
        if (port && *port++ != ':') return bad_url(url, "port", err);
    } else {
        const char *colon = memchr(p, ':', len);
        if (colon) {
            host_end = colon;
            port = colon + 1;
        }
    }
    if (host == host_end) return bad_url(url, "no host", err);
    u.port = u.tls ? 443 : 80;
    if (port && parse_port(port, (size_t)(p + len - port), &u.port))
        return bad_url(url, "the port must be 1 to 65535", err);
    u.host = arena_strndup(arena, host, (size_t)(host_end - host));
    p += len;
    size_t path_len = strcspn(p, "#");
    u.path = arena_printf(arena, "%s%.*s", *p == '/' ? "" : "/", (int)path_len, p);
    *ret = u;
    return 0;
}
