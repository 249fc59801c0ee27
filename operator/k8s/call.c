/* call.c - see call.h. */
#include "operator/k8s/call.h"

#include "base/core/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_MAX_MS = 60000, MESSAGE_MAX_BYTES = 1200 };

static const struct verb {
    const char *name, *method, *content_type;
    bool has_name, writes;
} verbs[] = {
    [K8S_GET] = {"get", "GET", NULL, true, false},
    [K8S_LIST] = {"list", "GET", NULL, false, false},
    [K8S_CREATE] = {"create", "POST", "application/json", false, true},
    [K8S_UPDATE] = {"update", "PUT", "application/json", true, true},
    [K8S_APPLY] = {"apply", "PATCH", "application/apply-patch+yaml", true, true},
    [K8S_MERGE_PATCH] = {"patch", "PATCH", "application/merge-patch+json", true, true},
    [K8S_JSON_PATCH] = {"patch", "PATCH", "application/json-patch+json", true, true},
    [K8S_DELETE] = {"delete", "DELETE", "application/json", true, false},
    [K8S_DELETE_MANY] = {"delete", "DELETE", "application/json", false, false},
};

static const char *const reason_names[] = {
    [K8S_OK] = "OK",
    [K8S_NOT_FOUND] = "NotFound",
    [K8S_ALREADY_EXISTS] = "AlreadyExists",
    [K8S_CONFLICT] = "Conflict",
    [K8S_INVALID] = "Invalid",
    [K8S_UNAUTHORIZED] = "Unauthorized",
    [K8S_FORBIDDEN] = "Forbidden",
    [K8S_GONE] = "Gone",
    [K8S_TOO_MANY] = "TooManyRequests",
    [K8S_SERVER_FAILED] = "ServerFailed",
    [K8S_NO_ANSWER] = "NoAnswer",
    [K8S_OTHER] = "Other",
};

const char *k8s_reason_name(enum k8s_reason r) {
    return reason_names[r];
}

/* ---- the request ----------------------------------------------------------------------------- */

static void add_param(struct str *path, const char *name, const char *value) {
    if (!value || !*value) return;
    str_addf(path, "%c%s=", strchr(path->ptr, '?') ? '&' : '?', name);
    http_url_encode(path, sv_from(value), false);
}

static char *delete_options(const struct k8s_request *q) {
    static const char *const policies[] = {
        [K8S_BACKGROUND] = "Background", [K8S_FOREGROUND] = "Foreground", [K8S_ORPHAN] = "Orphan"};
    AUTO_JSON *o = cJSON_CreateObject();
    json_set_str(o, "apiVersion", "v1");
    json_set_str(o, "kind", "DeleteOptions");
    if (q->propagation) json_set_str(o, "propagationPolicy", policies[q->propagation]);
    if (q->grace_s) json_set_i64(o, "gracePeriodSeconds", MAX(q->grace_s, 0));
    if (q->if_uid || q->if_resource_version) {
        cJSON *p = cJSON_AddObjectToObject(o, "preconditions");
        if (q->if_uid) json_set_str(p, "uid", q->if_uid);
        if (q->if_resource_version) json_set_str(p, "resourceVersion", q->if_resource_version);
    }
    if (q->dry_run)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "dryRun"), cJSON_CreateString("All"));
    AUTO_STR text = STR_INIT;
    json_print(o, &text);
    return str_take(&text);
}

/* apiVersion and kind are what apply wants of every body; not of a subresource's other kinds. */
static char *body_text(const struct k8s_request *q) {
    AUTO_STR text = STR_INIT;
    if (q->body_text) return mem_strdup(q->body_text);
    bool add =
        q->verb == K8S_APPLY && (!json_opt(q->body, "apiVersion") || !json_opt(q->body, "kind"));
    if (add) {
        AUTO_STR version = STR_INIT;
        AUTO_JSON *copy = cJSON_Duplicate(q->body, true);
        k8s_api_version(q->resource, &version);
        json_set_str(copy, "apiVersion", str_text(&version));
        json_set_str(copy, "kind", q->resource->kind);
        json_print(copy, &text);
    } else {
        json_print(q->body, &text);
    }
    return str_take(&text);
}

static int check(const struct k8s_request *q, struct err *err) {
    const struct verb *v = &verbs[q->verb];
    const char *what = NULL;
    if (!q->resource) return err_set(err, ERR_INVALID, "%s: no resource", v->name);
    if (v->has_name && (!q->name || !*q->name)) what = "no name";
    if (!v->has_name && q->name && *q->name) what = "a name where none belongs";
    if (v->writes && !q->body == !q->body_text) what = "it takes one body";
    if (q->resource->namespaced && (!q->ns || !*q->ns) && q->verb != K8S_LIST)
        what = "no namespace";
    if (q->verb == K8S_LIST && !q->on_item) what = "no on_item";
    if (!what) return 0;
    return err_set(err, ERR_INVALID, "%s %s %s: %s", v->name, q->resource->plural,
                   q->name ? q->name : "", what);
}

int k8s_call_text_init(struct k8s_call_text *t, const struct k8s_request *q,
                       const char *field_manager, struct err *err) {
    int rc = check(q, err);
    if (rc) return rc;
    const struct verb *v = &verbs[q->verb];
    AUTO_STR path = STR_INIT;
    AUTO_STR label = STR_INIT;
    k8s_resource_path(q->resource, q->ns, q->name, q->subresource, &path);
    if (q->query && *q->query) str_addf(&path, "?%s", q->query);
    if (v->writes)
        add_param(&path, "fieldManager", q->field_manager ? q->field_manager : field_manager);
    if (v->writes && q->dry_run) add_param(&path, "dryRun", "All");
    if (q->verb == K8S_APPLY && q->force) add_param(&path, "force", "true");
    add_param(&path, "labelSelector", q->label_selector);
    add_param(&path, "fieldSelector", q->field_selector);
    str_addf(&label, "%s %s", v->name, q->resource->plural);
    if (q->subresource) str_addf(&label, "/%s", q->subresource);
    if (q->ns && *q->ns) str_addf(&label, " %s", q->ns);
    if (q->name && *q->name) str_addf(&label, "%c%s", q->ns && *q->ns ? '/' : ' ', q->name);
    *t = (struct k8s_call_text){.method = v->method,
                                .content_type = v->content_type,
                                .path = str_take(&path),
                                .label = str_take(&label)};
    if (v->writes) {
        t->body = body_text(q);
    } else if (v->content_type) {
        t->body = delete_options(q);
    }
    return 0;
}

void k8s_call_text_release(struct k8s_call_text *t) {
    free(t->path);
    free(t->body);
    free(t->label);
}

bool k8s_call_is_repeatable(const struct k8s_request *q) {
    switch (q->verb) {
    case K8S_CREATE:
    case K8S_JSON_PATCH:
        return false;
    case K8S_UPDATE:
        return q->body && json_opt_str(json_opt(q->body, "metadata"), "resourceVersion", NULL);
    default:
        return true;
    }
}

bool k8s_call_may_repeat(enum k8s_reason reason, int status, int64_t retry_after_ms,
                         bool repeatable) {
    switch (reason) {
    case K8S_TOO_MANY:
    case K8S_UNAUTHORIZED:
        return true;
    case K8S_SERVER_FAILED:
        return repeatable || (status == 503 && retry_after_ms > 0);
    case K8S_NO_ANSWER:
        return repeatable;
    default:
        return false;
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const struct {
    int status;
    enum k8s_reason reason;
    int code;
} outcomes[] = {
    {400, K8S_INVALID, ERR_VALIDATION},    {401, K8S_UNAUTHORIZED, ERR_PERMISSION},
    {403, K8S_FORBIDDEN, ERR_PERMISSION},  {404, K8S_NOT_FOUND, ERR_NOT_FOUND},
    {408, K8S_NO_ANSWER, ERR_TIMEOUT},     {409, K8S_CONFLICT, ERR_UNAVAILABLE},
    {410, K8S_GONE, ERR_UNAVAILABLE},      {412, K8S_CONFLICT, ERR_UNAVAILABLE},
    {413, K8S_INVALID, ERR_VALIDATION},    {415, K8S_INVALID, ERR_VALIDATION},
    {422, K8S_INVALID, ERR_VALIDATION},    {429, K8S_TOO_MANY, ERR_UNAVAILABLE},
    {504, K8S_SERVER_FAILED, ERR_TIMEOUT},
};

static int outcome_of(int status, const char *status_reason, bool is_apply, const char *label,
                      struct sv message, enum k8s_reason *ret_reason, struct err *err) {
    enum k8s_reason reason = status >= 500 ? K8S_SERVER_FAILED : K8S_OTHER;
    int code = status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        if (outcomes[i].status != status) continue;
        reason = outcomes[i].reason;
        code = outcomes[i].code;
    }
    if (status == 409 && strcmp(status_reason, "AlreadyExists") == 0) {
        reason = K8S_ALREADY_EXISTS;
        code = ERR_EXISTS;
    }
    *ret_reason = reason;
    message = sv_trim(message);
    int n = (int)MIN(message.len, (size_t)MESSAGE_MAX_BYTES);
    err_set(err, code, "%s: %d %s%s%.*s", label, status,
            *status_reason ? status_reason : http_status_text(status), n ? ": " : "", n,
            message.ptr);
    /* Trying again doesn't help against another owner of the fields. */
    if (err && is_apply && reason == K8S_CONFLICT) err_set_class(err, ERR_CLASS_USER);
    return code;
}

static int64_t retry_after(const struct http_response *r) {
    struct sv v = http_response_header(r, "retry-after");
    int64_t s = 0;
    for (size_t i = 0; i < v.len && v.ptr[i] >= '0' && v.ptr[i] <= '9' && s < INT_MAX; i++)
        s = s * 10 + (v.ptr[i] - '0');
    return MIN(s * 1000, (int64_t)RETRY_AFTER_MAX_MS);
}

int k8s_call_outcome(const struct http_response *r, const struct err *http_err, bool is_apply,
                     const char *label, enum k8s_reason *ret_reason, int64_t *ret_retry_after_ms,
                     struct err *err) {
    *ret_retry_after_ms = 0;
    if (http_err) {
        if (err) *err = *http_err;
        *ret_reason =
            http_err->code == ERR_NET || http_err->code == ERR_TIMEOUT || http_err->code == ERR_IO
                ? K8S_NO_ANSWER
                : K8S_OTHER;
        return err_wrap(err, "%s", label);
    }
    *ret_reason = K8S_OK;
    if (r->status >= 200 && r->status < 300) return 0;
    *ret_retry_after_ms = retry_after(r);
    AUTO_JSON *j = NULL;
    bool is_status = r->body.len && !json_parse(r->body.ptr, r->body.len, &j, NULL) &&
                     strcmp(json_opt_str(j, "kind", ""), "Status") == 0;
    return outcome_of(r->status, is_status ? json_opt_str(j, "reason", "") : "", is_apply, label,
                      is_status ? sv_from(json_opt_str(j, "message", "")) : str_view(&r->body),
                      ret_reason, err);
}

int k8s_status_outcome(struct sv status_json, const char *label, enum k8s_reason *ret_reason,
                       struct err *err) {
    AUTO_JSON *j = NULL;
    int rc = json_parse(status_json.ptr, status_json.len, &j, err);
    if (rc) {
        *ret_reason = K8S_OTHER;
        return err_wrap(err, "%s", label);
    }
    return outcome_of((int)json_opt_i64(j, "code", 500), json_opt_str(j, "reason", ""), false,
                      label, sv_from(json_opt_str(j, "message", "")), ret_reason, err);
}
