/* http.c - tables behind an HTTP service that are looked up row by row: one GET per key, many at
 * once. The URL is made of the key by a template; the answer is a JSON object (a row), an array of
 * them, or nothing (404, 204, an empty body, null). */
#include "connector/connector.h"
#include "connector/format/format.h"

#include "base/core/mem.h"
#include "base/net/http_client.h"
#include "vector/func/func.h"
#include "vector/value.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern const struct connector_desc connector_http;

enum { JSON_PADDING_BYTES = 64, CONNECTIONS_MAX = 256 };

struct http_options {
    const char *url, *token;
    int64_t timeout_ms, connect_timeout_ms, body_max_bytes;
};

#define AT(f) offsetof(struct http_options, f)
static const struct opt_row http_rows[] = {
    {"url", OPT_STRING, NULL, 0, 0, AT(url),
     "Where a key's rows are: 'http://host/items/{id}', {id} being the key column 'id', percent-"
     "encoded. Key columns without a place of their own are appended as query parameters.",
     OPT_REQUIRED},
    {"http.bearer-token", OPT_STRING, NULL, 0, 0, AT(token), "Sent as 'Authorization: Bearer ...'.",
     OPT_SECRET},
    {"http.header.*", OPT_STRING, NULL, 0, 0, 0, "A header of each request, by its name."},
    {"http.request-timeout", OPT_DURATION, "30 s", 1, 1e12, AT(timeout_ms),
     "How long one attempt may take."},
    {"http.connect-timeout", OPT_DURATION, "5 s", 1, 1e12, AT(connect_timeout_ms),
     "How long connecting may take."},
    {"http.max-response-size", OPT_SIZE, "16 mb", 1, 1e12, AT(body_max_bytes),
     "A longer answer is an error."},
};
#undef AT

/* ---- the URL ---- */

struct url_part {
    const char *text; /* NULL: a key */
    int key;          /* position among the keys */
};

struct url_template {
    int n;
    struct url_part *parts;
};

static int key_by_name(const struct connector_table *t, const struct lookup_ctx *ctx,
                       const char *name) {
    for (int i = 0; i < ctx->n_keys; i++)
        if (!strcmp(t->schema->fields[ctx->keys[i]].name, name)) return i;
    return -1;
}

static void add_part(struct url_template *u, const char *text, int key) {
    u->parts[u->n++] = (struct url_part){text, key};
}

/* Keys that the template doesn't name, as query parameters. */
static void add_parameters(struct arena *a, const struct connector_table *t,
                           const struct lookup_ctx *ctx, const bool *named, bool has_query,
                           struct url_template *u) {
    for (int i = 0; i < ctx->n_keys; i++) {
        if (named[i]) continue;
        AUTO_STR text = STR_INIT;
        const char *name = t->schema->fields[ctx->keys[i]].name;
        str_add_char(&text, has_query ? '&' : '?');
        http_url_encode(&text, (struct sv){name, strlen(name)}, false);
        str_add_char(&text, '=');
        has_query = true;
        add_part(u, arena_strdup(a, str_text(&text)), -1);
        add_part(u, NULL, i);
    }
}

static int parse_url(struct arena *a, const struct connector_table *t, const struct lookup_ctx *ctx,
                     const char *url, struct url_template *u, struct err *err) {
    size_t n_braces = 0;
    for (const char *p = url; *p; p++)
        n_braces += *p == '{';
    u->parts = ARENA_NEW_N(a, struct url_part, 2 * n_braces + 2 * (size_t)ctx->n_keys + 2);
    bool *named = ARENA_NEW_N(a, bool, ctx->n_keys + 1);
    const char *p = url;
    for (const char *open; (open = strchr(p, '{'));) {
        const char *close = strchr(open, '}');
        if (!close)
            return err_set(err, ERR_VALIDATION,
                           "table '%s': option 'url' = '%s': a '{' without '}'", t->name, url);
        const char *name = arena_strndup(a, open + 1, (size_t)(close - open - 1));
        int key = key_by_name(t, ctx, name);
        if (key < 0)
            return err_set(err, ERR_VALIDATION,
                           "table '%s': option 'url' = '%s': '{%s}' is no column that the join "
                           "gives a value for",
                           t->name, url, name);
        add_part(u, arena_strndup(a, p, (size_t)(open - p)), -1);
        add_part(u, NULL, key);
        named[key] = true;
        p = close + 1;
    }
    add_part(u, p, -1);
    add_parameters(a, t, ctx, named, strchr(url, '?') != NULL, u);
    return 0;
}

/* ---- a lookup ---- */

/* An answer as it came, until the task takes it. */
struct reply {
    struct reply *next;
    struct http_lookup *lookup;
    uint64_t ticket;
    struct str body;
    struct err err;
};

struct http_lookup {
    struct lookup base;
    struct arena arena;
    const struct connector_table *table;
    struct http_options options;
    struct lookup_ctx ctx;
    struct url_template url;
    int n_headers;
    struct http_client_header *headers;
    int64_t attempts;
    struct decoder *decoder;
    struct http_client *client;
    pthread_mutex_t lock;
    struct reply *done, **done_end; /* under the lock: in the order in which they came */
};

static struct http_lookup *impl(struct lookup *l) {
    return CONTAINER_OF(l, struct http_lookup, base);
}

static void reply_free(struct reply *r) {
    str_release(&r->body);
    free(r);
}

/* On the client's thread. */
static void on_done(void *self, const struct http_response *r, const struct err *err) {
    struct reply *reply = self;
    struct http_lookup *h = reply->lookup;
    if (err)
        reply->err = *err;
    else if (r->status == 404 || r->status == 204)
        str_clear(&reply->body);
    else if (!http_response_err(r, "GET", r->url, &reply->err))
        str_add_n(&reply->body, r->body.ptr, r->body.len);
    pthread_mutex_lock(&h->lock);
    *h->done_end = reply;
    h->done_end = &reply->next;
    pthread_mutex_unlock(&h->lock);
    h->ctx.wake(h->ctx.wake_self);
}

static void make_url(const struct http_lookup *h, const struct column *keys, uint32_t row,
                     struct str *out) {
    AUTO_STR value = STR_INIT;
    for (int i = 0; i < h->url.n; i++) {
        const struct url_part *p = &h->url.parts[i];
        if (p->text) {
            str_add(out, p->text);
            continue;
        }
        str_clear(&value);
        value_print(&keys[p->key], row, h->ctx.env->zone, &value);
        http_url_encode(out, (struct sv){str_text(&value), value.len}, false);
    }
}

static int submit(struct http_lookup *h, const char *url, uint64_t ticket, struct err *err) {
    struct reply *reply = mem_zalloc(sizeof *reply);
    reply->lookup = h;
    reply->ticket = ticket;
    struct http_request req = {.method = "GET",
                               .url = url,
                               .headers = h->headers,
                               .n_headers = (size_t)h->n_headers,
                               .bearer_token = h->options.token,
                               .timeout_ms = h->options.timeout_ms,
                               .response_max_bytes = (size_t)h->options.body_max_bytes,
                               .follow_redirects = true,
                               .retry = {.attempts = (int)h->attempts},
                               .on_done = on_done,
                               .self = reply};
    int rc = http_client_submit(h->client, &req, NULL, err);
    if (rc) free(reply);
    return rc;
}

static int http_ask(struct lookup *l, const struct column *keys, const uint32_t *rows, uint32_t n,
                    uint64_t first_ticket, struct err *err) {
    struct http_lookup *h = impl(l);
    AUTO_STR url = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        str_clear(&url);
        make_url(h, keys, rows[i], &url);
        int rc = submit(h, str_text(&url), first_ticket + rows[i], err);
        if (rc) return rc;
    }
    return (int)n;
}

/* ---- answers ---- */

/* Where the JSON value at p ends: behind its matching bracket, or at the next comma or bracket. */
static const char *value_end(const char *p, const char *end) {
    int depth = 0;
    bool in_string = false;
    for (; p < end; p++) {
        if (in_string) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                in_string = false;
            continue;
        }
        if (*p == '"') in_string = true;
        if (*p == '{' || *p == '[') depth++;
        if ((*p == ',' || *p == ']') && depth == 0) return p;
        if ((*p == '}' || *p == ']') && --depth == 0) return p + 1;
    }
    return end;
}

static int decode_values(struct http_lookup *h, struct sv body, struct row_sink *sink,
                         struct err *err) {
    bool array = body.len && body.ptr[0] == '[';
    if (!body.len || sv_eq_str(body, "null")) return 0;
    if (!array) return h->decoder->ops->decode_message(h->decoder, body.ptr, body.len, sink, err);
    const char *p = body.ptr + 1, *end = body.ptr + body.len;
    for (;;) {
        while (p < end && (isspace((unsigned char)*p) || *p == ','))
            p++;
        if (p == end || *p == ']') return 0;
        if (sink->n_rows == BATCH_ROWS_MAX)
            return err_set(err, ERR_UNSUPPORTED, "an answer of more than %d rows", BATCH_ROWS_MAX);
        const char *to = value_end(p, end);
        int rc = h->decoder->ops->decode_message(h->decoder, p, (size_t)(to - p), sink, err);
        if (rc) return rc;
        p = to;
    }
}

static int decode(struct http_lookup *h, struct reply *r, struct batch **ret, struct err *err) {
    const struct schema *s = h->ctx.produced;
    AUTO_FREE struct col_builder *cols = mem_calloc((size_t)s->n + 1, sizeof *cols);
    for (int i = 0; i < s->n; i++)
        col_builder_init(&cols[i], s->fields[i].type, 1);
    struct row_sink sink = {.n_cols = s->n, .cols = cols, .max_rows = BATCH_ROWS_MAX};
    str_reserve(&r->body, JSON_PADDING_BYTES);
    struct sv body = sv_trim((struct sv){str_text(&r->body), r->body.len});
    int rc = decode_values(h, body, &sink, err);
    if (!rc && sink.n_rows) {
        *ret = batch_new(s->n);
        (*ret)->n = sink.n_rows;
        for (int i = 0; i < s->n; i++)
            col_builder_finish(&cols[i], &(*ret)->cols[i]);
    }
    for (int i = 0; i < s->n; i++)
        col_builder_release(&cols[i]);
    return rc;
}

static struct reply *pop(struct http_lookup *h) {
    pthread_mutex_lock(&h->lock);
    struct reply *r = h->done;
    if (r) h->done = r->next;
    if (!h->done) h->done_end = &h->done;
    pthread_mutex_unlock(&h->lock);
    return r;
}

static int http_take(struct lookup *l, struct lookup_answer *answers, uint32_t max,
                     struct err *err) {
    struct http_lookup *h = impl(l);
    uint32_t n = 0;
    int rc = 0;
    for (struct reply *r; n < max && !rc && (r = pop(h)); reply_free(r)) {
        answers[n] = (struct lookup_answer){.ticket = r->ticket};
        if (r->err.code) {
            *err = r->err;
            rc = err->code;
        } else {
            rc = decode(h, r, &answers[n].rows, err);
        }
        n += !rc;
    }
    for (uint32_t i = 0; rc && i < n; i++)
        batch_unref(answers[i].rows);
    return rc ? rc : (int)n;
}

static void http_free(struct lookup *l) {
    struct http_lookup *h = impl(l);
    http_client_free(h->client);
    for (struct reply *r; (r = pop(h));)
        reply_free(r);
    if (h->decoder) h->decoder->ops->free(h->decoder);
    pthread_mutex_destroy(&h->lock);
    arena_release(&h->arena);
    free(h);
}

static const struct lookup_ops http_ops = {http_ask, http_take, http_free};

/* ---- opening ---- */

static void read_headers(struct http_lookup *h) {
    static const char prefix[] = "http.header.";
    const struct connector_table *t = h->table;
    h->headers = ARENA_NEW_N(&h->arena, struct http_client_header, t->n_options + 1);
    for (int i = 0; i < t->n_options; i++)
        if (!strncmp(t->options[i].key, prefix, sizeof prefix - 1))
            h->headers[h->n_headers++] = (struct http_client_header){
                t->options[i].key + sizeof prefix - 1, t->options[i].value};
}

static int new_decoder(struct http_lookup *h, struct err *err) {
    const struct connector_table *t = h->table;
    const struct format_desc *f;
    int rc = format_of_table(t, &f, err);
    if (rc) return rc;
    int n = h->ctx.produced->n, *produced = ARENA_NEW_N(&h->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        produced[i] = t->n_projection < 0 ? i : t->projection[i];
    struct format_ctx fc = {
        .schema = t->schema, .produced = produced, .n_produced = n, .table = t, .env = h->ctx.env};
    return f->decoder_new(&fc, &h->decoder, err);
}

static int http_lookup_new(const struct connector_table *t, const struct lookup_ctx *ctx,
                           struct lookup **ret, struct err *err) {
    struct http_lookup *h = mem_zalloc(sizeof *h);
    h->base.ops = &http_ops;
    h->table = t;
    h->ctx = *ctx;
    h->done_end = &h->done;
    arena_init(&h->arena);
    pthread_mutex_init(&h->lock, NULL);
    struct lookup_options lo;
    int rc = connector_options(&connector_http, t, &h->arena, &h->options, err);
    if (!rc) rc = connector_lookup_options(t, false, &h->arena, &lo, err);
    if (!rc) rc = parse_url(&h->arena, t, ctx, h->options.url, &h->url, err);
    if (!rc) rc = new_decoder(h, err);
    if (!rc) {
        read_headers(h);
        h->attempts = lo.max_retries + 1;
        struct http_client_options co = {.name = "lookup-http",
                                         .concurrency = MIN((int)ctx->capacity, CONNECTIONS_MAX),
                                         .queue_max = (int)ctx->capacity + 1,
                                         .connect_timeout_ms = h->options.connect_timeout_ms};
        rc = http_client_new(&co, &h->client, err);
    }
    if (rc) {
        http_free(&h->base);
        return rc;
    }
    *ret = &h->base;
    return 0;
}

/* ---- planning ---- */

static int http_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct http_options o;
    const struct format_desc *f = NULL;
    int rc = connector_options(&connector_http, t, &a, &o, err);
    if (!rc) rc = format_of_table(t, &f, err);
    if (!rc && strcmp(f->name, "json") != 0)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "table '%s': option 'format' = '%s': connector 'http' reads 'json'", t->name,
                     f->name);
    if (!rc && strncmp(o.url, "http://", 7) != 0 && strncmp(o.url, "https://", 8) != 0)
        rc = err_set(err, ERR_VALIDATION,
                     "table '%s': option 'url' = '%s' must begin with http:// or https://", t->name,
                     o.url);
    arena_release(&a);
    return rc;
}

const struct connector_desc connector_http = {
    .name = "http",
    .doc = "An HTTP service that is asked for rows by key: GET, answers in JSON.",
    .caps = CONNECTOR_LOOKUP | CONNECTOR_FORMAT,
    .options = {http_rows, ARRAY_LEN(http_rows)},
    .check = http_check,
    .lookup_new = http_lookup_new,
};
