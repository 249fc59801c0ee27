/* call.h - private to operator/k8s: one request as HTTP, and an HTTP answer as a result. Pure. */
#ifndef PENSTOCK_OPERATOR_K8S_CALL_H
#define PENSTOCK_OPERATOR_K8S_CALL_H

#include "base/net/http_client.h"
#include "operator/k8s/client.h"

/* A request put into HTTP. Strings are owned. */
struct k8s_call_text {
    const char *method;       /* constant */
    const char *content_type; /* constant; NULL = no body */
    char *path;               /* with the query, but for limit and continue */
    char *body;
    char *label; /* "create pods ns/name": for errors and logs */
};

/* ERR_INVALID: it makes no sense. */
int k8s_call_text_init(struct k8s_call_text *t, const struct k8s_request *req,
                       const char *field_manager, struct err *err) ATTR_MUST_USE;
void k8s_call_text_release(struct k8s_call_text *t);

/* What an answer says. r's status and headers count; `body` is its text (a Status, if it failed).
 * rc as in k8s_result; err is set if not 0. */
int k8s_call_outcome(const struct http_response *r, const struct err *http_err, bool is_apply,
                     const char *label, enum k8s_reason *ret_reason, int64_t *ret_retry_after_ms,
                     struct err *err) ATTR_MUST_USE;
/* The same of a Status object alone: the ERROR event of a watch. */
int k8s_status_outcome(struct sv status_json, const char *label, enum k8s_reason *ret_reason,
                       struct err *err) ATTR_MUST_USE;
/* May the request be sent again, after this? Whatever wasn't done for sure may; the rest only if
 * that does no harm (`repeatable`). */
bool k8s_call_may_repeat(enum k8s_reason reason, int status, int64_t retry_after_ms,
                         bool repeatable);
bool k8s_call_is_repeatable(const struct k8s_request *req);

#endif
