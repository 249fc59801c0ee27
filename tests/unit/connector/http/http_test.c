/* http_test.c - lookups over HTTP against a server of our own: URLs made of keys, one row, several
 * or none, repeated requests, headers, errors. */
#include "tests/unit/connector/harness.h"

#include "base/net/http_server.h"
#include "connector/connector.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- the service ---- */

struct service {
    struct net_loop *loop;
    struct http_server *server;
    int port;
    int broken; /* requests that are answered with 503 */
};

static void get_item(void *self, struct http_exchange *x) {
    struct service *s = self;
    const char *id = http_param(x, "id"), *lang = http_query(x, "lang"),
               *mark = http_header(x, "x-mark");
    if (s->broken) {
        s->broken--;
        http_reply_text(x, 503, "later");
        return;
    }
    AUTO_STR out = STR_INIT;
    if (!strcmp(id, "none"))
        http_reply_text(x, 404, "no such item");
    else if (!strcmp(id, "forbidden"))
        http_reply_text(x, 403, "not for you");
    else if (!strcmp(id, "empty"))
        http_reply(x, 200, "application/json", "", 0);
    else if (!strcmp(id, "null"))
        http_reply(x, 200, "application/json", " null ", 6);
    else if (!strcmp(id, "nonsense"))
        http_reply(x, 200, "application/json", "{\"id\": ", 7);
    else if (!strcmp(id, "two"))
        str_addf(&out,
                 " [ {\"id\":\"two\",\"name\":\"a, \\\"]\",\"x\":[1,{\"y\":[2]}]}, {\"n\":7} ] ");
    else
        str_addf(&out, "{\"id\":\"%s\",\"name\":\"%s%s\",\"n\":%d}", id, lang ? lang : "",
                 mark ? mark : "", (int)strlen(id));
    if (out.len) http_reply(x, 200, "application/json", str_text(&out), out.len);
}

static void service_start(struct service *s) {
    struct err err = ERR_INIT;
    *s = (struct service){0};
    int rc = net_loop_new(&(struct net_loop_options){.name = "service"}, &s->loop, &err);
    if (!rc) rc = http_server_new(s->loop, &(struct http_server_options){0}, &s->server, &err);
    if (rc) fail_msg("%s", err.msg);
    http_server_route_public(s->server, "GET", "/items/{id}", get_item, s);
    s->port = http_server_port(s->server);
    if (net_loop_start(s->loop, &err)) fail_msg("%s", err.msg);
}

/* ---- a lookup ---- */

struct waker {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static void wake(void *self) {
    struct waker *w = self;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for_wake(struct waker *w) {
    pthread_mutex_lock(&w->lock);
    while (!w->woken)
        pthread_cond_wait(&w->cond, &w->lock);
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
}

struct bench {
    struct service service;
    struct harness h;
    struct waker waker;
    char url[128];
    struct lookup *lookup;
};

static int open_lookup(struct bench *b, const char *scheme, const char *path, const int *keys,
                       int n_keys, struct err *err) {
    snprintf(b->url, sizeof b->url, "%s://127.0.0.1:%d/%s", scheme, b->service.port, path);
    harness_init(&b->h, "ROW<id STRING, lang STRING, name STRING, n INT>",
                 OPTIONS("connector", "http", "url", b->url, "format", "json", "http.header.X-Mark",
                         "!", "lookup.max-retries", "2"));
    static const int projection[] = {2, 3, 0};
    b->h.table.projection = projection;
    b->h.table.n_projection = 3;
    const struct connector_desc *d = connector_find("http");
    int rc = d->check(&b->h.table, false, err);
    if (rc) return rc;
    struct lookup_ctx ctx = {.parallelism = 1,
                             .env = &b->h.env,
                             .produced = connector_produced(&b->h.arena, &b->h.table),
                             .n_keys = n_keys,
                             .keys = keys,
                             .capacity = 8,
                             .timeout_ms = 60000,
                             .wake_self = &b->waker,
                             .wake = wake};
    return d->lookup_new(&b->h.table, &ctx, &b->lookup, err);
}

static void bench_init(struct bench *b) {
    memset(b, 0, sizeof *b);
    pthread_mutex_init(&b->waker.lock, NULL);
    pthread_cond_init(&b->waker.cond, NULL);
    service_start(&b->service);
}

static void bench_release(struct bench *b) {
    if (b->lookup) b->lookup->ops->free(b->lookup);
    net_loop_free(b->service.loop);
    harness_release(&b->h);
    pthread_cond_destroy(&b->waker.cond);
    pthread_mutex_destroy(&b->waker.lock);
}

static void text_column(struct column *c, const char *const *texts, uint32_t n) {
    struct col_builder cb;
    col_builder_init(&cb, type_of(TYPE_VARCHAR), n);
    for (uint32_t i = 0; i < n; i++)
        col_add_str(&cb, texts[i], strlen(texts[i]));
    col_builder_finish(&cb, c);
    col_builder_release(&cb);
}

/* Asks for all n keys and gives their answers as text, by key. */
static void ask_all(struct bench *b, struct column *cols, uint32_t n, struct str *answers) {
    struct err err = ERR_INIT;
    uint32_t rows[16], n_answers = 0;
    for (uint32_t i = 0; i < n; i++)
        rows[i] = i;
    assert_int_equal(b->lookup->ops->ask(b->lookup, cols, rows, n, 1000, &err), n);
    while (n_answers < n) {
        struct lookup_answer a[3];
        int got = b->lookup->ops->take(b->lookup, a, 3, &err);
        if (got < 0) fail_msg("%s", err.msg);
        if (!got) wait_for_wake(&b->waker);
        for (int i = 0; i < got; i++, n_answers++) {
            assert_true(a[i].ticket >= 1000 && a[i].ticket < 1000 + n);
            if (a[i].rows) harness_print(a[i].rows, &answers[a[i].ticket - 1000]);
            batch_unref(a[i].rows);
        }
    }
}

static void rows_come_by_key(void **state) {
    struct bench b;
    struct err err = ERR_INIT;
    static const int keys[] = {1, 0};
    static const char *const ids[] = {"a b&c?", "none", "two", "empty", "null", "x"};
    static const char *const langs[] = {"en", "en", "d&e", "en", "en", "fr"};
    static const char *const want[] = {
        "+I(en!, 6, a b&c?)\n", "", "+I(a, \"], NULL, two)\n+I(NULL, 7, NULL)\n", "", "",
        "+I(fr!, 1, x)\n"};
    struct str answers[6] = {STR_INIT};
    struct column cols[2];
    bench_init(&b);
    if (open_lookup(&b, "http", "items/{id}", keys, 2, &err)) fail_msg("%s", err.msg);
    text_column(&cols[0], langs, 6);
    text_column(&cols[1], ids, 6);
    b.service.broken = 2; /* is asked again */
    ask_all(&b, cols, 6, answers);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(str_text(&answers[i]), want[i]);
        str_release(&answers[i]);
    }
    col_release(&cols[0]);
    col_release(&cols[1]);
    bench_release(&b);
}

static int ask_one(struct bench *b, const char *id, struct err *err) {
    struct column col;
    struct lookup_answer a;
    uint32_t row = 0;
    text_column(&col, &id, 1);
    assert_int_equal(b->lookup->ops->ask(b->lookup, &col, &row, 1, 0, err), 1);
    col_release(&col);
    wait_for_wake(&b->waker);
    return b->lookup->ops->take(b->lookup, &a, 1, err);
}

static void what_fails_says_so(void **state) {
    struct bench b;
    struct err err = ERR_INIT;
    static const int keys[] = {0};
    bench_init(&b);
    if (open_lookup(&b, "http", "items/{id}", keys, 1, &err)) fail_msg("%s", err.msg);
    assert_int_equal(ask_one(&b, "forbidden", &err), ERR_PERMISSION);
    assert_non_null(strstr(err.msg, "not for you"));
    assert_true(ask_one(&b, "nonsense", &err) < 0);
    b.service.broken = 3; /* more often than it is asked again */
    assert_int_equal(ask_one(&b, "a", &err), ERR_UNAVAILABLE);
    bench_release(&b);
}

static void what_is_under_way_goes_with_the_lookup(void **state) {
    struct bench b;
    struct err err = ERR_INIT;
    static const int keys[] = {0};
    bench_init(&b);
    if (open_lookup(&b, "http", "items/{id}", keys, 1, &err)) fail_msg("%s", err.msg);
    static const char *const ids[] = {"a", "b", "c"};
    static const uint32_t rows[] = {0, 1, 2};
    struct column col;
    text_column(&col, ids, 3);
    assert_int_equal(b.lookup->ops->ask(b.lookup, &col, rows, 3, 0, &err), 3);
    col_release(&col);
    bench_release(&b);
}

static void urls_are_checked(void **state) {
    struct bench b;
    struct err err = ERR_INIT;
    static const int keys[] = {0};
    static const struct {
        const char *scheme, *path, *part;
    } wrong[] = {{"http", "{name}", "'{name}' is no column that the join gives"},
                 {"http", "{id", "a '{' without '}'"},
                 {"ftp", "{id}", "must begin with http"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        bench_init(&b);
        assert_int_equal(open_lookup(&b, wrong[i].scheme, wrong[i].path, keys, 1, &err),
                         ERR_VALIDATION);
        if (!strstr(err.msg, wrong[i].part)) fail_msg("%s", err.msg);
        bench_release(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_by_key),
        cmocka_unit_test(what_fails_says_so),
        cmocka_unit_test(what_is_under_way_goes_with_the_lookup),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
