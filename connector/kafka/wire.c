/* wire.c - see wire.h. Connections by libcurl, which brings TLS. */
#include "connector/kafka/wire.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "connector/kafka/wire_io.h"

#include <stdlib.h>
#include <string.h>

enum {
    API_METADATA = 3,
    API_FIND_COORDINATOR = 10,
    API_VERSIONS = 18,
    API_INIT_PRODUCER_ID = 22,
    API_END_TXN = 26,
    API_DESCRIBE_TRANSACTIONS = 65,
    API_LIST_TRANSACTIONS = 66,
    BROKERS_MAX = 64,
    TRANSACTION_TIMEOUT_MS = 60000 /* of ids that are fenced: none is begun */
};

struct broker {
    char address[272]; /* "host:port" */
    struct wire_io *io;
};

struct wire {
    struct arena arena;
    struct wire_security security;
    int n_seeds, n_brokers;
    const char **seeds; /* 'bootstrap.servers' */
    struct broker brokers[BROKERS_MAX];
};

const char *wire_error_text(enum wire_error code) {
    return rd_kafka_err2str((rd_kafka_resp_err_t)code);
}

/* ---- connections ---- */

static int io_of(struct wire *w, const char *address, struct wire_io **ret, struct err *err) {
    struct broker *b = NULL;
    for (int i = 0; i < w->n_brokers && !b; i++)
        if (!strcmp(w->brokers[i].address, address)) b = &w->brokers[i];
    if (!b) {
        if (w->n_brokers == BROKERS_MAX)
            return err_set(err, ERR_UNSUPPORTED, "kafka: more than %d brokers", BROKERS_MAX);
        b = &w->brokers[w->n_brokers++];
        snprintf(b->address, sizeof b->address, "%s", address);
    }
    if (!b->io) {
        int rc = wire_io_open(b->address, &w->security, &b->io, err);
        if (rc) return rc;
    }
    *ret = b->io;
    return 0;
}

/* A connection that failed is of no use any more. */
static void drop(struct wire *w, const char *address) {
    for (int i = 0; i < w->n_brokers; i++) {
        if (strcmp(w->brokers[i].address, address)) continue;
        wire_io_free(w->brokers[i].io);
        w->brokers[i].io = NULL;
    }
}

static int call(struct wire *w, const char *address, int api, int version, bool flexible,
                const struct str *body, struct wire_reader *reply, struct err *err) {
    struct wire_io *io = NULL;
    int rc = io_of(w, address, &io, err);
    if (!rc) rc = wire_io_call(io, api, version, flexible, body, reply, err);
    if (rc) drop(w, address);
    return rc;
}

/* The same, of whichever of the first brokers answers. */
static int call_any(struct wire *w, int api, int version, bool flexible, const struct str *body,
                    struct wire_reader *reply, struct err *err) {
    int rc = 0;
    for (int i = 0; i < w->n_seeds; i++) {
        rc = call(w, w->seeds[i], api, version, flexible, body, reply, err);
        if (!rc || rc == ERR_PERMISSION) return rc;
    }
    return rc;
}

int wire_check(const struct kafka_table *k, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct wire_security s;
    int rc = wire_security(k, &a, &s, err);
    arena_release(&a);
    return rc;
}

int wire_new(const struct kafka_table *k, struct wire **ret, struct err *err) {
    struct wire *w = mem_zalloc(sizeof *w);
    arena_init(&w->arena);
    const char *p = k->options.servers;
    w->seeds = ARENA_NEW_N(&w->arena, const char *, strlen(p) + 1);
    while (*p) {
        size_t n = strcspn(p, ",");
        struct sv one = sv_trim((struct sv){p, n});
        const char *scheme = memmem(one.ptr, one.len, "://", 3);
        if (scheme) one = (struct sv){scheme + 3, one.len - (size_t)(scheme + 3 - one.ptr)};
        if (one.len) w->seeds[w->n_seeds++] = arena_strndup(&w->arena, one.ptr, one.len);
        p += n + (p[n] == ',');
    }
    int rc = w->n_seeds ? wire_security(k, &w->arena, &w->security, err)
                        : err_set(err, ERR_VALIDATION,
                                  "option 'properties.bootstrap.servers' names no broker");
    if (rc) {
        wire_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void wire_free(struct wire *w) {
    if (!w) return;
    for (int i = 0; i < w->n_brokers; i++)
        wire_io_free(w->brokers[i].io);
    arena_release(&w->arena);
    free(w);
}

/* ---- requests ---- */

/* ERR_UNSUPPORTED: the broker is too old for the request. */
static int require(struct wire *w, const char *address, int api, struct err *err) {
    AUTO_STR body = STR_INIT;
    struct wire_reader r;
    int rc = call(w, address, API_VERSIONS, 0, false, &body, &r, err);
    if (rc) return rc;
    wire_get(&r, 2);
    bool found = false;
    for (uint64_t n = wire_get(&r, 4); n && !r.failed; n--) {
        found |= (int)wire_get(&r, 2) == api;
        wire_get(&r, 4);
    }
    rc = wire_done(&r, err);
    return rc || found ? rc
                       : err_set(err, ERR_UNSUPPORTED,
                                 "kafka %s: a broker older than 3.0 tells nothing of transactions",
                                 address);
}

static int find_coordinator(struct wire *w, const char *id, char address[272],
                            enum wire_error *ret_code, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put_string(&body, id);
    str_add_char(&body, 1); /* of transactions */
    struct wire_reader r;
    int rc = call_any(w, API_FIND_COORDINATOR, 1, false, &body, &r, err);
    if (rc) return rc;
    wire_get(&r, 4);
    *ret_code = (enum wire_error)(int16_t)wire_get(&r, 2);
    wire_get_string(&r, false);
    wire_get(&r, 4);
    struct sv host = wire_get_string(&r, false);
    int port = (int)(int32_t)wire_get(&r, 4);
    snprintf(address, 272, "%.*s:%d", (int)MIN(host.len, 255), host.ptr, port);
    return wire_done(&r, err);
}

/* Asks the id's coordinator. */
static int call_coordinator(struct wire *w, const char *id, int api, int version, bool flexible,
                            const struct str *body, struct wire_reader *reply,
                            enum wire_error *ret_code, struct err *err) {
    char address[272];
    int rc = find_coordinator(w, id, address, ret_code, err);
    if (rc || *ret_code) return rc;
    return call(w, address, api, version, flexible, body, reply, err);
}

int wire_end(struct wire *w, const struct wire_transaction *t, bool commit,
             enum wire_error *ret_code, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put_string(&body, t->id);
    wire_put(&body, (uint64_t)t->producer, 8);
    wire_put(&body, (uint64_t)t->epoch, 2);
    str_add_char(&body, commit);
    struct wire_reader r;
    int rc = call_coordinator(w, t->id, API_END_TXN, 1, false, &body, &r, ret_code, err);
    if (rc || *ret_code) return rc;
    wire_get(&r, 4);
    *ret_code = (enum wire_error)(int16_t)wire_get(&r, 2);
    return wire_done(&r, err);
}

int wire_fence(struct wire *w, const char *id, enum wire_error *ret_code, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put_string(&body, id);
    wire_put(&body, TRANSACTION_TIMEOUT_MS, 4);
    struct wire_reader r;
    int rc = call_coordinator(w, id, API_INIT_PRODUCER_ID, 1, false, &body, &r, ret_code, err);
    if (rc || *ret_code) return rc;
    wire_get(&r, 4);
    *ret_code = (enum wire_error)(int16_t)wire_get(&r, 2);
    return wire_done(&r, err);
}

int wire_describe(struct wire *w, const char *id, enum wire_error *ret_code, char ret_state[32],
                  int16_t *ret_epoch, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put_varint(&body, 2); /* one element */
    wire_put_compact(&body, id);
    wire_put_varint(&body, 0);
    struct wire_reader r;
    char address[272];
    int rc = find_coordinator(w, id, address, ret_code, err);
    if (rc || *ret_code) return rc;
    rc = require(w, address, API_DESCRIBE_TRANSACTIONS, err);
    if (!rc) rc = call(w, address, API_DESCRIBE_TRANSACTIONS, 0, true, &body, &r, err);
    if (rc) return rc;
    wire_get(&r, 4);
    if (wire_get_varint(&r) != 2) return err_set(err, ERR_PROTOCOL, "kafka: not one transaction");
    *ret_code = (enum wire_error)(int16_t)wire_get(&r, 2);
    wire_get_string(&r, true);
    struct sv state = wire_get_string(&r, true);
    snprintf(ret_state, 32, "%.*s", (int)MIN(state.len, 31), state.ptr);
    wire_get(&r, 4);
    wire_get(&r, 8);
    wire_get(&r, 8);
    *ret_epoch = (int16_t)wire_get(&r, 2);
    return wire_done(&r, err);
}

static int list_of(struct wire *w, const char *address, const char *prefix,
                   void (*found)(void *self, const char *id), void *self, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put_varint(&body, 2);
    wire_put_compact(&body, "Ongoing");
    wire_put_varint(&body, 1); /* any producer */
    wire_put_varint(&body, 0);
    struct wire_reader r;
    int rc = require(w, address, API_LIST_TRANSACTIONS, err);
    if (!rc) rc = call(w, address, API_LIST_TRANSACTIONS, 0, true, &body, &r, err);
    if (rc) return rc;
    wire_get(&r, 4);
    enum wire_error code = (enum wire_error)(int16_t)wire_get(&r, 2);
    if (code)
        return err_set(err, ERR_UNAVAILABLE, "kafka %s: list transactions: %s", address,
                       wire_error_text(code));
    for (uint64_t n = wire_get_varint(&r); n > 1 && !r.failed; n--)
        wire_get_string(&r, true);
    for (uint64_t n = wire_get_varint(&r); n > 1 && !r.failed; n--) {
        struct sv id = wire_get_string(&r, true);
        wire_get(&r, 8);
        wire_get_string(&r, true);
        wire_skip_tags(&r);
        AUTO_FREE char *text = mem_strndup(id.ptr, id.len);
        if (!r.failed && sv_starts(id, prefix)) found(self, text);
    }
    return wire_done(&r, err);
}

int wire_list_open(struct wire *w, const char *prefix, void (*found)(void *self, const char *id),
                   void *self, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put(&body, 0, 4); /* no topics */
    struct wire_reader r;
    int rc = call_any(w, API_METADATA, 1, false, &body, &r, err);
    if (rc) return rc;
    int n = (int)(int32_t)wire_get(&r, 4), n_brokers = 0;
    char addresses[BROKERS_MAX][272];
    for (int i = 0; i < n && n_brokers < BROKERS_MAX && !r.failed; i++) {
        wire_get(&r, 4);
        struct sv host = wire_get_string(&r, false);
        int port = (int)(int32_t)wire_get(&r, 4);
        wire_get_string(&r, false);
        snprintf(addresses[n_brokers++], 272, "%.*s:%d", (int)MIN(host.len, 255), host.ptr, port);
    }
    rc = wire_done(&r, err);
    for (int i = 0; i < n_brokers && !rc; i++)
        rc = list_of(w, addresses[i], prefix, found, self, err);
    return rc;
}
