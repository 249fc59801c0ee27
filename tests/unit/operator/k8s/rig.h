/* rig.h - a client of the fake API server, on a loop and thread of its own, for the tests of
 * operator/k8s/. The test's thread waits for everything. */
#ifndef PENSTOCK_TESTS_UNIT_OPERATOR_K8S_RIG_H
#define PENSTOCK_TESTS_UNIT_OPERATOR_K8S_RIG_H

#include "operator/k8s/client.h"

#include "tests/unit/operator/k8s/fake_api.h"

#include <semaphore.h>

struct k8s_rig {
    struct fake_api *api;
    struct net_loop *loop;
    struct k8s_client *client;
    sem_t held, go;
    bool holding;
};

/* config NULL: the server's own, namespace "default". */
void k8s_rig_init(struct k8s_rig *r, const struct fake_api_options *o, struct k8s_config *config);
void k8s_rig_release(struct k8s_rig *r);
void k8s_rig_call(struct k8s_rig *r, void (*fn)(void *arg), void *arg); /* on the loop's thread */
/* The loop stands still in between, and what lives on it may be looked at from the test's thread.
 */
void k8s_rig_hold(struct k8s_rig *r);
void k8s_rig_let_go(struct k8s_rig *r);
/* Until is_so, asked on the loop's thread, is true; fails the test after 20 s. */
void k8s_rig_wait(struct k8s_rig *r, bool (*is_so)(void *arg), void *arg, const char *what);

/* What a request came to. Copies. */
struct answer {
    int rc, status;
    enum k8s_reason reason;
    struct err err;
    cJSON *object;
    char *version, *text;
    int64_t remaining, retry_after_ms;
};
void answer_release(struct answer *a);
#define AUTO_ANSWER ATTR_CLEANUP(answer_release) struct answer
/* Sends (on_done and self are the rig's, unless it is a list: then self goes to on_item) and waits.
 */
struct answer k8s_rig_send(struct k8s_rig *r, const struct k8s_request *req);
/* The member at a path ("spec.replicas"), as text; NULL if there is none. The next call reuses it.
 */
const char *at_path(const cJSON *j, const char *path);

#endif
