/* rig.c - see rig.h. */
#include "tests/unit/operator/k8s/rig.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_S = 20 };

void k8s_rig_init(struct k8s_rig *r, const struct fake_api_options *o, struct k8s_config *config) {
    struct err e = ERR_INIT;
    r->holding = false;
    r->api = fake_api_new(o);
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "client"}, &r->loop, &e), &e);
    struct k8s_client_options c = {.loop = r->loop,
                                   .config = config ? config : fake_api_config(r->api, "default")};
    assert_ok(k8s_client_new(&c, &r->client, &e), &e);
    assert_ok(net_loop_start(r->loop, &e), &e);
}

static void free_client(void *arg) {
    struct k8s_rig *r = arg;
    k8s_client_free(r->client);
}

void k8s_rig_release(struct k8s_rig *r) {
    net_loop_call(r->loop, free_client, r);
    net_loop_free(r->loop);
    fake_api_free(r->api);
}

void k8s_rig_call(struct k8s_rig *r, void (*fn)(void *arg), void *arg) {
    if (r->holding) k8s_rig_let_go(r); /* a test failed in between */
    net_loop_call(r->loop, fn, arg);
}

static void stand_still(void *arg) {
    struct k8s_rig *r = arg;
    sem_post(&r->held);
    sem_wait(&r->go);
    sem_post(&r->held);
}

void k8s_rig_hold(struct k8s_rig *r) {
    struct err e = ERR_INIT;
    sem_init(&r->held, 0, 0);
    sem_init(&r->go, 0, 0);
    assert_ok(net_loop_post(r->loop, stand_still, r, &e), &e);
    sem_wait(&r->held);
    r->holding = true;
}

void k8s_rig_let_go(struct k8s_rig *r) {
    r->holding = false;
    sem_post(&r->go);
    sem_wait(&r->held);
}

struct question {
    bool (*is_so)(void *arg);
    void *arg;
    bool answer;
};

static void ask(void *arg) {
    struct question *q = arg;
    q->answer = q->is_so(q->arg);
}

void k8s_rig_wait(struct k8s_rig *r, bool (*is_so)(void *arg), void *arg, const char *what) {
    int64_t end_ns = clock_mono_ns() + (int64_t)WAIT_S * 1000000000;
    struct question q = {.is_so = is_so, .arg = arg};
    for (;;) {
        net_loop_call(r->loop, ask, &q);
        if (q.answer) return;
        if (clock_mono_ns() > end_ns) fail_msg("waited %d s for: %s", WAIT_S, what);
        usleep(500);
    }
}

struct sending {
    struct k8s_rig *rig;
    struct k8s_request req;
    void *item_self;
    void (*on_item)(void *self, struct sv object);
    void (*on_restart)(void *self);
    struct answer answer;
    sem_t done;
};

static void sending_item(void *self, struct sv object) {
    struct sending *s = self;
    s->on_item(s->item_self, object);
}

static void sending_restart(void *self) {
    struct sending *s = self;
    if (s->on_restart) s->on_restart(s->item_self);
}

static void sending_done(void *self, const struct k8s_result *r) {
    struct sending *s = self;
    struct answer *a = &s->answer;
    a->rc = r->rc;
    a->status = r->status;
    a->reason = r->reason;
    if (r->err) a->err = *r->err;
    a->version = mem_strdup(r->resource_version);
    a->text = mem_strndup(r->text.ptr ? r->text.ptr : "", r->text.len);
    a->remaining = r->remaining;
    a->retry_after_ms = r->retry_after_ms;
    a->object = k8s_result_take(r);
    sem_post(&s->done);
}

static void send_it(void *arg) {
    struct sending *s = arg;
    struct answer *a = &s->answer;
    a->rc = k8s_send(s->rig->client, &s->req, NULL, &a->err);
    if (a->rc) sem_post(&s->done);
}

struct answer k8s_rig_send(struct k8s_rig *r, const struct k8s_request *req) {
    struct sending s = {.rig = r,
                        .req = *req,
                        .on_item = req->on_item,
                        .on_restart = req->on_restart,
                        .item_self = req->self};
    sem_init(&s.done, 0, 0);
    s.req.self = &s;
    s.req.on_done = sending_done;
    if (req->on_item) s.req.on_item = sending_item;
    s.req.on_restart = sending_restart;
    net_loop_call(r->loop, send_it, &s);
    sem_wait(&s.done);
    sem_destroy(&s.done);
    return s.answer;
}

void answer_release(struct answer *a) {
    cJSON_Delete(a->object);
    free(a->version);
    free(a->text);
}

const char *at_path(const cJSON *j, const char *path) {
    static _Thread_local char text[512];
    while (j && *path) {
        char part[128];
        size_t n = strcspn(path, ".");
        assert_true(n < sizeof part);
        memcpy(part, path, n);
        part[n] = 0;
        path += n + (path[n] == '.');
        j = cJSON_IsArray(j) ? cJSON_GetArrayItem(j, atoi(part))
                             : cJSON_GetObjectItemCaseSensitive(j, part);
    }
    if (!j) return NULL;
    AUTO_STR s = STR_INIT;
    if (cJSON_IsString(j)) return j->valuestring;
    json_print(j, &s);
    snprintf(text, sizeof text, "%s", str_text(&s));
    return text;
}
