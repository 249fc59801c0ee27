/* fake_api.c - see fake_api.h: HTTP and faults around fake_store.c and fake_watch.c. Everything
 * here runs on the server's thread. */
#include "tests/unit/operator/k8s/fake_api.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/operator/k8s/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNTS_MAX = 20000 };

/* ---- answers --------------------------------------------------------------------------------- */

void fake_set_date(struct fake_api *f, struct http_exchange *x) {
    char text[64];
    time_t now = (time_t)((clock_wall_ms() + f->store.skew_ms) / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    http_reply_header(x, "Date", text);
}

static void reply_status(struct fake_api *f, struct http_exchange *x, int status,
                         const char *reason, const char *message, int retry_after_s) {
    AUTO_JSON *j = cJSON_CreateObject();
    char seconds[16];
    json_set_str(j, "kind", "Status");
    json_set_str(j, "apiVersion", "v1");
    json_set_str(j, "status", status < 300 ? "Success" : "Failure");
    json_set_str(j, "message", message);
    json_set_str(j, "reason", reason);
    json_set_i64(j, "code", status);
    snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    if (retry_after_s) http_reply_header(x, "Retry-After", seconds);
    fake_set_date(f, x);
    http_reply_json(x, status, j);
}

static void reply_err(struct fake_api *f, struct http_exchange *x, const struct err *err) {
    static const struct {
        int code, status;
        const char *reason;
    } rows[] = {{ERR_NOT_FOUND, 404, "NotFound"},   {ERR_EXISTS, 409, "AlreadyExists"},
                {ERR_UNAVAILABLE, 409, "Conflict"}, {ERR_VALIDATION, 422, "Invalid"},
                {ERR_PERMISSION, 403, "Forbidden"}, {ERR_INVALID, 400, "BadRequest"},
                {ERR_PARSE, 400, "BadRequest"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].code != err->code) continue;
        reply_status(f, x, rows[i].status, rows[i].reason, err->msg, 0);
        return;
    }
    reply_status(f, x, 500, "InternalError", err->msg, 0);
}

static void cutting_free(struct cutting *c) {
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    net_timer_free(c->timer);
    free(c);
}

void fake_drop_cutting(struct cutting *c) {
    http_stream_abort(c->x);
    cutting_free(c);
}

static void cut_now(void *arg) {
    fake_drop_cutting(arg);
}

static void cutting_closed(void *self, struct http_exchange *x) {
    cutting_free(self);
}

/* What is written goes out at the end of the turn: it is broken off behind that. */
static void reply_cut(struct fake_api *f, struct http_exchange *x, const char *text, size_t len) {
    static const struct http_stream_ops ops = {NULL, cutting_closed};
    struct cutting *c = mem_zalloc(sizeof *c);
    struct err err = ERR_INIT;
    c->x = x;
    c->timer = net_timer_new(f->loop, cut_now, c);
    c->next = f->cutting;
    c->prev = &f->cutting;
    if (c->next) c->next->prev = &c->next;
    f->cutting = c;
    http_stream_begin(x, 200, "application/json", &ops, c);
    if (len && http_stream_write(x, text, len, &err)) fprintf(stderr, "fake_api: %s\n", err.msg);
    net_timer_set(c->timer, 1);
}

static void reply_object(struct fake_api *f, struct http_exchange *x, int status, const cJSON *j,
                         enum fake_fault_kind fault, bool faulty) {
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    if (faulty && fault == FAKE_CUT_BODY) {
        reply_cut(f, x, str_text(&text), text.len / 2);
    } else if (faulty && fault == FAKE_LOST_ANSWER) {
        reply_cut(f, x, NULL, 0);
    } else {
        fake_set_date(f, x);
        http_reply(x, status, "application/json", str_text(&text), text.len);
    }
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static void target_release(struct target *t) {
    free(t->text);
}

static const struct k8s_resource *resource_of(const char *group, const char *version,
                                              const char *plural) {
    static const struct k8s_resource *const *const all[] = {
#define K8S_RESOURCE(id, group, version, plural, kind, namespaced) &K8S_##id,
#include "operator/k8s/resource_list.def"
#undef K8S_RESOURCE
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const struct k8s_resource *r = *all[i];
        if (strcmp(r->group, group) == 0 && strcmp(r->version, version) == 0 &&
            strcmp(r->plural, plural) == 0)
            return r;
    }
    return NULL;
}

/* /api/v1/... or /apis/GROUP/VERSION/..., then [namespaces/NS/]PLURAL[/NAME[/SUB]]. */
static bool parse_target(const char *path, struct target *t) {
    char *save = NULL;
    size_t n = 0;
    *t = (struct target){.text = mem_strdup(path), .ns = "", .name = "", .sub = ""};
    for (char *p = strtok_r(t->text, "/", &save); p && n < ARRAY_LEN(t->parts);
         p = strtok_r(NULL, "/", &save))
        t->parts[n++] = p;
    size_t at = 0;
    if (n < 3) return false;
    const char *group = "", *version;
    if (strcmp(t->parts[at++], "apis") == 0) group = t->parts[at++];
    version = t->parts[at++];
    if (n - at >= 3 && strcmp(t->parts[at], "namespaces") == 0) {
        t->ns = t->parts[at + 1];
        at += 2;
    }
    if (at >= n) return false;
    t->resource = resource_of(group, version, t->parts[at++]);
    if (at < n) t->name = t->parts[at++];
    if (at < n) t->sub = t->parts[at++];
    return t->resource != NULL;
}

/* ---- requests, on the server's thread -------------------------------------------------------- */

static void list_item(const struct fake_object *o, struct str *out) {
    /* The built-in kinds' lists leave kind and apiVersion out. */
    AUTO_JSON *copy = cJSON_Duplicate(o->json, true);
    if (!strstr(o->resource->group, "penstock")) {
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "kind");
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "apiVersion");
    }
    json_print(copy, out);
}

/* A continue token: "VERSION:KEY of the last one told". */
static bool parse_cursor(struct fake_api *f, const char *cursor, uint64_t *version,
                         const char **after) {
    char *end;
    *version = f->store.version;
    *after = "";
    if (!cursor || !*cursor) return true;
    *version = strtoull(cursor, &end, 10);
    *after = *end == ':' ? end + 1 : "";
    return *version >= f->store.compacted;
}

static void list(struct fake_api *f, struct http_exchange *x, const struct target *t,
                 const struct fake_fault *fault) {
    const char *limit = http_query(x, "limit"), *labels = http_query(x, "labelSelector");
    const char *fields = http_query(x, "fieldSelector"), *after, *last = NULL;
    uint64_t version;
    if (!parse_cursor(f, http_query(x, "continue"), &version, &after)) {
        reply_status(f, x, 410, "Expired", "The provided continue parameter is too old", 0);
        return;
    }
    size_t n, max = limit ? (size_t)atoll(limit) : 0, told = 0, left = 0;
    struct fake_object **objects = fake_store_list(&f->store, t->resource, t->ns, &n);
    AUTO_STR items = STR_INIT;
    AUTO_STR text = STR_INIT;
    AUTO_STR api = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(objects[i]->key, after) <= 0 ||
            !fake_store_selects(objects[i]->json, labels, fields))
            continue;
        if (max && told == max) {
            left++;
            continue;
        }
        str_add(&items, told++ ? "," : "");
        list_item(objects[i], &items);
        last = objects[i]->key;
    }
    k8s_api_version(t->resource, &api);
    str_addf(
        &text,
        "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%llu\"",
        t->resource->kind, str_text(&api), (unsigned long long)version);
    if (left)
        str_addf(&text, ",\"continue\":\"%llu:%s\",\"remainingItemCount\":%zu",
                 (unsigned long long)version, last, left);
    str_addf(&text, "},\"items\":[%s]}\n", str_text(&items));
    free(objects);
    if (fault && fault->kind == FAKE_CUT_BODY) {
        reply_cut(f, x, str_text(&text), text.len / 2);
    } else if (fault && fault->kind == FAKE_LOST_ANSWER) {
        reply_cut(f, x, NULL, 0);
    } else {
        fake_set_date(f, x);
        http_reply(x, 200, "application/json", str_text(&text), text.len);
    }
}

static int patch_kind(struct http_exchange *x, const char **ret_kind, struct err *err) {
    const char *type = http_header(x, "content-type");
    if (type && strstr(type, "apply-patch")) {
        *ret_kind = "apply";
    } else if (type && strstr(type, "merge-patch") && !strstr(type, "strategic")) {
        *ret_kind = "merge";
    } else if (type && strstr(type, "json-patch")) {
        *ret_kind = "json";
    } else {
        return err_set(err, ERR_UNSUPPORTED, "patch type %s", type ? type : "");
    }
    return 0;
}

static const char *replicas_field(const struct k8s_resource *r) {
    return r == K8S_FLINKJOBS ? "parallelism" : "replicas";
}

static cJSON *scale_of(const struct fake_object *o) {
    cJSON *scale = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(scale, "metadata");
    const char *field = replicas_field(o->resource);
    json_set_str(scale, "kind", "Scale");
    json_set_str(scale, "apiVersion", "autoscaling/v1");
    json_set_str(meta, "name", o->name);
    json_set_str(meta, "namespace", o->ns);
    json_set_str(meta, "resourceVersion", k8s_meta_resource_version(o->json));
    json_set_i64(cJSON_AddObjectToObject(scale, "spec"), "replicas",
                 json_opt_i64(json_opt(o->json, "spec"), field, 0));
    json_set_i64(cJSON_AddObjectToObject(scale, "status"), "replicas",
                 json_opt_i64(json_opt(o->json, "status"), field, 0));
    return scale;
}

static int scale(struct fake_api *f, struct http_exchange *x, struct fake_write *w, cJSON **ret,
                 struct err *err) {
    struct fake_object *o = fake_store_find(&f->store, w->resource, w->ns, w->name);
    if (!o) return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", w->resource->plural, w->name);
    if (strcmp(http_method(x), "GET") != 0) {
        AUTO_JSON *body = NULL;
        AUTO_JSON *patch = cJSON_CreateObject();
        cJSON *done = NULL;
        int rc = http_body_json(x, &body, err);
        if (rc) return rc;
        json_set_i64(cJSON_AddObjectToObject(patch, "spec"), replicas_field(w->resource),
                     json_opt_i64(json_opt(body, "spec"), "replicas", 0));
        w->sub = "";
        rc = fake_store_patch(&f->store, w, "merge", patch, &done, err);
        cJSON_Delete(done);
        if (rc) return rc;
    }
    *ret = scale_of(fake_store_find(&f->store, w->resource, w->ns, w->name));
    return 0;
}

static int write_object(struct fake_api *f, struct http_exchange *x, struct fake_write *w,
                        const char *method, cJSON **ret, struct err *err) {
    AUTO_JSON *body = NULL;
    const char *kind = "";
    int rc = 0;
    if (http_body(x).len) rc = http_body_json(x, &body, err);
    if (rc) return rc;
    if (strcmp(method, "POST") == 0 && strcmp(w->sub, "eviction") == 0) {
        w->sub = "";
        return fake_store_delete(&f->store, w, json_opt(body, "deleteOptions"), ret, err);
    }
    if (strcmp(method, "DELETE") == 0) return fake_store_delete(&f->store, w, body, ret, err);
    if (!body) return err_set(err, ERR_INVALID, "no body");
    if (strcmp(method, "POST") == 0) return fake_store_create(&f->store, w, body, ret, err);
    if (strcmp(method, "PUT") == 0) return fake_store_update(&f->store, w, body, ret, err);
    rc = patch_kind(x, &kind, err);
    return rc ? rc : fake_store_patch(&f->store, w, kind, body, ret, err);
}

static void delete_many(struct fake_api *f, struct http_exchange *x, const struct target *t) {
    struct fake_write w = {.resource = t->resource, .sub = "", .manager = "fake"};
    size_t n;
    struct fake_object **objects = fake_store_list(&f->store, t->resource, t->ns, &n);
    size_t n_names = 0;
    char **names = mem_calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        if (fake_store_selects(objects[i]->json, http_query(x, "labelSelector"),
                               http_query(x, "fieldSelector")))
            names[n_names++] = mem_strdup(objects[i]->name);
    }
    for (size_t i = 0; i < n_names; i++) {
        cJSON *last = NULL;
        w.ns = t->ns;
        w.name = names[i];
        if (!fake_store_delete(&f->store, &w, NULL, &last, NULL)) cJSON_Delete(last);
        free(names[i]);
    }
    free(names);
    free(objects);
    reply_status(f, x, 200, "", "", 0);
}

/* Carries the request out and answers; with a fault in the answer. */
static void carry_out(struct fake_api *f, struct http_exchange *x, const struct target *t,
                      const struct fake_fault *fault) {
    const char *method = http_method(x), *manager = http_query(x, "fieldManager");
    const char *dry = http_query(x, "dryRun"), *force = http_query(x, "force");
    struct fake_write w = {.resource = t->resource,
                           .ns = t->ns,
                           .name = t->name,
                           .sub = t->sub,
                           .manager = manager ? manager : "unknown",
                           .force = force && strcmp(force, "true") == 0,
                           .dry_run = dry && strcmp(dry, "All") == 0};
    struct err err = ERR_INIT;
    AUTO_JSON *json = NULL;
    int rc = 0;
    bool is_get = strcmp(method, "GET") == 0, is_list = is_get && !*t->name;
    if (is_list) {
        list(f, x, t, fault);
        return;
    }
    if (strcmp(method, "DELETE") == 0 && !*t->name) {
        delete_many(f, x, t);
        return;
    }
    if (strcmp(t->sub, "scale") == 0) {
        rc = scale(f, x, &w, &json, &err);
    } else if (is_get && strcmp(t->sub, "log") == 0) {
        http_reply_text(x, 200, "line 1\nline 2\n");
        return;
    } else if (is_get) {
        struct fake_object *o = fake_store_find(&f->store, t->resource, t->ns, t->name);
        if (o) json = cJSON_Duplicate(o->json, true);
        if (!o)
            rc = err_set(&err, ERR_NOT_FOUND, "%s \"%s\" not found", t->resource->plural, t->name);
    } else {
        rc = write_object(f, x, &w, method, &json, &err);
    }
    if (rc) {
        reply_err(f, x, &err);
    } else {
        bool created = strcmp(method, "POST") == 0;
        reply_object(f, x, created ? 201 : 200, json, fault ? fault->kind : 0, fault != NULL);
    }
}

static void process(struct fake_api *f, struct http_exchange *x, const struct fake_fault *fault) {
    struct target t;
    const char *watch = http_query(x, "watch");
    if (!parse_target(http_path(x), &t)) {
        reply_status(f, x, 404, "NotFound", "the server could not find the requested resource", 0);
    } else if (watch && strcmp(watch, "true") == 0) {
        fake_watch_begin(f, x, &t);
    } else {
        carry_out(f, x, &t, fault);
    }
    target_release(&t);
}

/* ---- faults, on the server's thread ---------------------------------------------------------- */

static void request_name(struct http_exchange *x, struct str *out) {
    const char *watch = http_query(x, "watch");
    str_addf(out, "%s%s", http_path(x), watch && strcmp(watch, "true") == 0 ? "?watch" : "");
}

static void count_request(struct fake_api *f, const char *method, const char *name) {
    AUTO_STR key = STR_INIT;
    str_addf(&key, "%s %s", method, name);
    uint64_t *n = map_get(&f->counts, str_text(&key));
    if (!n && map_size(&f->counts) < COUNTS_MAX) {
        n = mem_zalloc(sizeof *n);
        map_put(&f->counts, str_text(&key), n);
    }
    if (n) ++*n;
}

void fake_fault_free(struct fault *fault) {
    free((char *)fault->f.method);
    free((char *)fault->f.path);
    free(fault);
}

/* The first fault that is meant; true if there is one. It counts as used. */
static bool take_fault(struct fake_api *f, const char *method, const char *name,
                       struct fake_fault *ret) {
    for (struct fault **p = &f->faults; *p; p = &(*p)->next) {
        struct fault *fault = *p;
        if (fault->f.method && strcmp(fault->f.method, method) != 0) continue;
        if (fault->f.path && !strstr(name, fault->f.path)) continue;
        *ret = fault->f;
        ret->method = ret->path = NULL;
        if (fault->f.times > 0 && --fault->f.times == 0) {
            *p = fault->next;
            fake_fault_free(fault);
        }
        return true;
    }
    return false;
}

void fake_release(struct held *h) {
    struct fake_api *f = h->api;
    struct http_exchange *x = h->x;
    *h->prev = h->next;
    if (h->next) h->next->prev = h->prev;
    net_timer_free(h->timer);
    free(h);
    process(f, x, NULL);
}

static void hold_over(void *arg) {
    fake_release(arg);
}

static void hold(struct fake_api *f, struct http_exchange *x, const struct fake_fault *fault) {
    struct held *h = mem_zalloc(sizeof *h);
    h->api = f;
    h->x = x;
    h->next = f->held;
    h->prev = &f->held;
    if (h->next) h->next->prev = &h->next;
    f->held = h;
    if (fault->kind == FAKE_HOLD) return;
    h->timer = net_timer_new(f->loop, hold_over, h);
    net_timer_set(h->timer, fault->delay_ms);
}

static bool is_allowed(struct fake_api *f, struct http_exchange *x) {
    const char *auth = http_header(x, "authorization");
    if (!f->token) return true;
    return auth && strncmp(auth, "Bearer ", 7) == 0 && strcmp(auth + 7, f->token) == 0;
}

static void handle(void *self, struct http_exchange *x) {
    struct fake_api *f = self;
    struct fake_fault fault;
    AUTO_STR name = STR_INIT;
    request_name(x, &name);
    count_request(f, http_method(x), str_text(&name));
    if (!is_allowed(f, x)) {
        reply_status(f, x, 401, "Unauthorized", "Unauthorized", 0);
        return;
    }
    if (!take_fault(f, http_method(x), str_text(&name), &fault)) {
        process(f, x, NULL);
        return;
    }
    switch (fault.kind) {
    case FAKE_STATUS:
        reply_status(f, x, fault.status, fault.status == 410 ? "Expired" : "", "as scripted",
                     fault.retry_after_s);
        break;
    case FAKE_SLOW:
    case FAKE_HOLD:
        hold(f, x, &fault);
        break;
    case FAKE_GARBAGE:
        http_reply(x, 200, "application/json", "{\"kind\": nonsense", 17);
        break;
    default:
        process(f, x, &fault);
    }
}

static void bookmarks_due(void *arg) {
    struct fake_api *f = arg;
    for (struct watch *w = f->watches; w; w = w->next)
        fake_watch_bookmark(w);
}

/* ---- life ------------------------------------------------------------------------------------ */

void fake_must(int rc, const struct err *err, const char *what) {
    CHECKF(rc == 0, "fake API server: %s: %s", what, err->msg);
}

struct fake_api *fake_api_new(const struct fake_api_options *o) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct fake_api *f = mem_zalloc(sizeof *f);
    struct err err = ERR_INIT;
    if (o) f->o = *o;
    f->token = mem_strdup(f->o.token);
    f->repeat = 1;
    map_init(&f->counts);
    fake_store_init(&f->store, f->o.history ? (size_t)f->o.history : 10000, fake_watch_pump_all, f);
    f->store.delete_pods_at_once = f->o.delete_pods_at_once;
    fake_must(net_loop_new(&(struct net_loop_options){.name = "fake-api"}, &f->loop, &err), &err,
              "loop");
    struct http_server_options h = {.port = f->o.port, .body_max_bytes = 8 << 20};
    fake_must(http_server_new(f->loop, &h, &f->http, &err), &err, "listen");
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        http_server_route(f->http, methods[i], "/api/{rest...}", handle, f);
        http_server_route(f->http, methods[i], "/apis/{rest...}", handle, f);
    }
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", http_server_port(f->http));
    f->bookmarks = net_timer_new(f->loop, bookmarks_due, f);
    if (f->o.bookmark_ms) net_timer_set_every(f->bookmarks, f->o.bookmark_ms);
    fake_must(net_loop_start(f->loop, &err), &err, "start");
    return f;
}

static void end_on_thread(void *arg) {
    struct fake_api *f = arg;
    fake_api_clear_faults(f);
    while (f->cutting)
        fake_drop_cutting(f->cutting);
    while (f->held)
        fake_release(f->held);
    while (f->watches)
        fake_watch_end(f->watches);
}

void fake_api_free(struct fake_api *f) {
    if (!f) return;
    net_loop_call(f->loop, end_on_thread, f);
    net_timer_free(f->bookmarks);
    net_loop_free(f->loop);
    fake_store_release(&f->store);
    map_release(&f->counts, free);
    free(f->token);
    free(f);
}

const char *fake_api_url(const struct fake_api *f) {
    return f->url;
}

int fake_api_port(const struct fake_api *f) {
    return http_server_port(f->http);
}

struct k8s_config *fake_api_config(const struct fake_api *f, const char *ns) {
    return k8s_config_plain(f->url, ns, f->token, NULL);
}
