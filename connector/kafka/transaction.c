/* transaction.c - commit and abort, by requests of our own (wire.h).
 *
 * A producer makes one transaction, then it goes; its id is taken up again by a new producer, which
 * has a higher epoch, once the checkpoint behind the one that committed it is committed, too. So a
 * commit that is repeated names one transaction and no other: the broker answers that it is
 * committed, or that the id has gone on since, which means the same. Only an epoch that the broker
 * raised itself, by giving the transaction up, means that rows are lost. */
#define LOG_MODULE "kafka"
#include "connector/kafka/transaction.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { END_TIMEOUT_MS = 60000, RETRY_MIN_MS = 20, RETRY_MAX_MS = 1000 };

/* ---- ids ---- */

/* FNV-1a: uids are long. */
static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261u;
    for (const char *p = text ? text : ""; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    return hash;
}

void transaction_prefix(const struct kafka_table *k, const char *op_uid, struct str *out) {
    str_addf(out, "%s-%08x-", k->options.transaction_prefix, hash_of(op_uid));
}

void transaction_job_prefix(const struct kafka_table *k, const char *op_uid, const char *job_id,
                            struct str *out) {
    transaction_prefix(k, op_uid, out);
    str_addf(out, "%08x-", hash_of(job_id));
}

void transaction_id(const struct kafka_table *k, const char *op_uid, const char *job_id,
                    uint64_t attempt, int subtask, int slot, struct str *out) {
    transaction_job_prefix(k, op_uid, job_id, out);
    str_addf(out, "%llu-%d-%d", (unsigned long long)attempt, subtask, slot);
}

bool transaction_is_left(const char *id, const char *job_prefix, uint64_t attempt) {
    size_t n = strlen(job_prefix);
    if (strncmp(id, job_prefix, n) != 0) return true;
    char *end;
    unsigned long long its = strtoull(id + n, &end, 10);
    return end == id + n || *end != '-' || its < attempt;
}

cJSON *transaction_committable(const char *id, int64_t producer, int epoch) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "id", id);
    json_set_i64(j, "producer", producer);
    json_set_i64(j, "epoch", epoch);
    return j;
}

static int parse(const cJSON *j, struct wire_transaction *t, struct err *err) {
    int epoch = 0;
    int rc = json_get_str(j, "id", &t->id, err);
    if (!rc) rc = json_get_i64(j, "producer", &t->producer, err);
    if (!rc) rc = json_get_int(j, "epoch", &epoch, err);
    t->epoch = (int16_t)epoch;
    return rc ? err_wrap(err, "committable") : 0;
}

/* ---- ending ---- */

static bool passes(enum wire_error code) {
    return code == WIRE_COORDINATOR_LOADING || code == WIRE_COORDINATOR_UNAVAILABLE ||
           code == WIRE_NOT_COORDINATOR || code == WIRE_CONCURRENT_TRANSACTIONS;
}

/* Waits before what will pass is asked again; false: there is nothing to wait for, or it takes too
 * long. */
struct patience {
    int64_t deadline_ms, wait_ms;
};

static bool wait_again(struct patience *p, int rc, enum wire_error code) {
    int64_t now_ms = clock_mono_ns() / 1000000;
    if (!p->deadline_ms) *p = (struct patience){now_ms + END_TIMEOUT_MS, RETRY_MIN_MS};
    bool again = rc ? rc == ERR_NET || rc == ERR_TIMEOUT : passes(code);
    if (!again || now_ms + p->wait_ms > p->deadline_ms) return false;
    usleep((useconds_t)p->wait_ms * 1000);
    p->wait_ms = MIN(p->wait_ms * 2, (int64_t)RETRY_MAX_MS);
    return true;
}

static int end_patiently(struct wire *w, const struct wire_transaction *t, bool commit,
                         enum wire_error *ret_code, struct err *err) {
    struct patience p = {0, 0};
    int rc;
    do {
        *ret_code = WIRE_NONE;
        rc = wire_end(w, t, commit, ret_code, err);
    } while (wait_again(&p, rc, *ret_code));
    return rc;
}

/* The id has another epoch than the transaction: by a later producer, or because the broker gave
 * the transaction up. Then it stands at the next epoch, aborted, since nobody takes up an id whose
 * transaction isn't committed; or the broker doesn't know it any more. */
static int is_lost(struct wire *w, const struct wire_transaction *t, bool *ret, struct err *err) {
    enum wire_error code;
    char state[32];
    int16_t epoch;
    struct patience p = {0, 0};
    int rc;
    do {
        code = WIRE_NONE;
        rc = wire_describe(w, t->id, &code, state, &epoch, err);
    } while (wait_again(&p, rc, code));
    /* A broker that can't say, or has forgotten: better an error than rows lost. */
    *ret = rc == ERR_UNSUPPORTED || (!rc && code == WIRE_ID_NOT_FOUND);
    if (rc || *ret) return *ret ? 0 : rc;
    if (code)
        return err_set(err, ERR_UNAVAILABLE, "kafka: what became of transaction '%s': %s", t->id,
                       wire_error_text(code));
    *ret = epoch == t->epoch + 1 &&
           (!strcmp(state, "CompleteAbort") || !strcmp(state, "PrepareAbort") ||
            !strcmp(state, "PrepareEpochFence"));
    return 0;
}

static int lost(const struct kafka_table *k, const struct wire_transaction *t, enum wire_error code,
                struct err *err) {
    if (k->options.lost == LOST_IGNORE) {
        log_warn("transaction is lost, and with it rows of a completed checkpoint",
                 KV_STR("id", t->id), KV_STR("broker", wire_error_text(code)));
        return 0;
    }
    err_set(err, ERR_RUNTIME,
            "kafka %s: transaction '%s' of a completed checkpoint can't be committed: %s. The "
            "broker gave it up, since it was open for longer than transaction.timeout.ms, or it "
            "has forgotten the id: its rows are lost. 'penstock.sink.lost-transactions' = 'ignore' "
            "goes on without them",
            k->options.servers, t->id, wire_error_text(code));
    err_set_class(err, ERR_CLASS_USER);
    return ERR_RUNTIME;
}

static int commit_one(struct wire *w, const struct kafka_table *k, const struct wire_transaction *t,
                      struct err *err) {
    enum wire_error code;
    bool gone = false;
    int rc = end_patiently(w, t, true, &code, err);
    if (rc || !code) return rc;
    switch (code) {
    case WIRE_INVALID_EPOCH:
    case WIRE_FENCED:
        rc = is_lost(w, t, &gone, err);
        return rc ? rc : gone ? lost(k, t, code, err) : 0;
    case WIRE_INVALID_STATE:
    case WIRE_INVALID_ID_MAPPING: /* the id is another producer's, or forgotten: nobody can tell */
        return lost(k, t, code, err);
    default:
        return err_set(err, passes(code) ? ERR_UNAVAILABLE : ERR_RUNTIME,
                       "kafka %s: commit transaction '%s': %s", k->options.servers, t->id,
                       wire_error_text(code));
    }
}

static int abort_one(struct wire *w, const struct kafka_table *k, const struct wire_transaction *t,
                     struct err *err) {
    enum wire_error code;
    int rc = end_patiently(w, t, false, &code, err);
    if (rc || !code || code == WIRE_INVALID_EPOCH || code == WIRE_FENCED ||
        code == WIRE_INVALID_STATE || code == WIRE_INVALID_ID_MAPPING)
        return rc;
    return err_set(err, ERR_UNAVAILABLE, "kafka %s: abort transaction '%s': %s", k->options.servers,
                   t->id, wire_error_text(code));
}

static int end_all(const struct connector_table *t, const cJSON *list, bool commit,
                   struct err *err) {
    if (!list || !list->child) return 0;
    struct arena a;
    arena_init(&a);
    struct kafka_table k;
    struct wire *w = NULL;
    int rc = kafka_table(t, &a, &k, err);
    if (!rc) rc = wire_new(&k, &w, err);
    const cJSON *j;
    cJSON_ArrayForEach(j, list) {
        struct wire_transaction x;
        if (!rc) rc = parse(j, &x, err);
        if (!rc) rc = commit ? commit_one(w, &k, &x, err) : abort_one(w, &k, &x, err);
    }
    wire_free(w);
    arena_release(&a);
    return rc;
}

int kafka_commit(const struct connector_table *t, const cJSON *committables, bool end,
                 struct err *err) {
    return end_all(t, committables, true, err);
}

int kafka_abort(const struct connector_table *t, const cJSON *committables, struct err *err) {
    return end_all(t, committables, false, err);
}

/* ---- leftovers ---- */

struct sweep {
    struct arena arena;
    const char *job_prefix;
    uint64_t attempt;
    struct left {
        struct left *next;
        const char *id;
    } * first;
};

static void on_found(void *self, const char *id) {
    struct sweep *s = self;
    if (!transaction_is_left(id, s->job_prefix, s->attempt)) return;
    struct left *l = ARENA_NEW(&s->arena, struct left);
    *l = (struct left){s->first, arena_strdup(&s->arena, id)};
    s->first = l;
}

int transaction_sweep(const struct kafka_table *k, const char *prefix, const char *job_prefix,
                      uint64_t attempt, struct err *err) {
    struct sweep s = {.job_prefix = job_prefix, .attempt = attempt};
    struct wire *w;
    int rc = wire_new(k, &w, err);
    if (rc) return rc;
    arena_init(&s.arena);
    rc = wire_list_open(w, prefix, on_found, &s, err);
    for (struct left *l = s.first; l && !rc; l = l->next) {
        enum wire_error code;
        rc = wire_fence(w, l->id, &code, err);
        if (!rc && code && !passes(code))
            rc = err_set(err, ERR_UNAVAILABLE, "kafka: abort '%s': %s", l->id,
                         wire_error_text(code));
        if (!rc) log_info("transaction of an earlier attempt aborted", KV_STR("id", l->id));
    }
    arena_release(&s.arena);
    wire_free(w);
    return rc;
}
