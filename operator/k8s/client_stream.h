/* client_stream.h - private to operator/k8s: an answer that doesn't end, for watches. */
#ifndef PENSTOCK_OPERATOR_K8S_CLIENT_STREAM_H
#define PENSTOCK_OPERATOR_K8S_CLIENT_STREAM_H

#include "operator/k8s/client.h"

struct k8s_stream {
    const char *path;  /* with query */
    const char *label; /* "watch pods" */
    /* Each piece of a 2xx answer. Non-zero ends the stream (on_done with ERR_CANCELLED). */
    int (*on_data)(void *self, const char *data, size_t len);
    k8s_done_fn
        on_done; /* rc 0: the server ended it in order. Not repeated, but for 401 and 429. */
    void *self;
};

/* Copies the strings. k8s_cancel ends it without on_done. */
int k8s_stream_open(struct k8s_client *c, const struct k8s_stream *s, uint64_t *ret_id,
                    struct err *err) ATTR_MUST_USE;

#endif
