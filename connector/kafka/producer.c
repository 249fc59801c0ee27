/* producer.c - see producer.h. */
#define LOG_MODULE "kafka"
#include "connector/kafka/producer.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "connector/background.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TRY_MS = 1000, /* of one blocking call in the background */
    START_TIMEOUT_MS = 60000,
    AGAIN_US = 50000,
    ABORT_TIMEOUT_MS = 5000,
    STATISTICS_MS = 200 /* the producer's id and epoch stand in the statistics alone */
};

/* Shared by the executor's thread, an I/O thread (while busy) and librdkafka's background thread.
 */
struct producer {
    struct kafka_trouble trouble;
    char *topic_name, *id;
    rd_kafka_conf_t *conf; /* until it is started */
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    int n_partitions;
    bool has_sent;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t known; /* pid and epoch */
    int64_t pid;          /* -1: not known yet */
    int epoch;
    int state; /* enum producer_state or ERR_* */
    struct err err;
    bool busy;    /* a background thread has it */
    bool dropped; /* the background thread frees it; nobody is woken */
    bool keep_transaction;
    void (*wake)(void *);
    void *wake_self;
};

/* ---- what librdkafka tells, on its background thread ---- */

static void set_failed(struct producer *p, const struct err *err) {
    pthread_mutex_lock(&p->lock);
    if (p->state >= 0) {
        p->state = err->code;
        p->err = *err;
    }
    pthread_mutex_unlock(&p->lock);
}

static bool has_failed(struct producer *p) {
    pthread_mutex_lock(&p->lock);
    bool failed = p->state < 0;
    pthread_mutex_unlock(&p->lock);
    return failed;
}

static void on_deliveries(struct producer *p, rd_kafka_event_t *e) {
    const rd_kafka_message_t *m;
    while ((m = rd_kafka_event_message_next(e))) {
        if (likely(!m->err)) continue;
        struct err err = ERR_INIT;
        AUTO_STR doing = STR_INIT;
        str_addf(&doing, "write to topic '%s'", p->topic_name);
        (void)!kafka_err(&err, &p->trouble, m->err, str_text(&doing));
        set_failed(p, &err);
        break;
    }
    pthread_mutex_lock(&p->lock);
    if (!p->dropped) p->wake(p->wake_self); /* there is room */
    pthread_mutex_unlock(&p->lock);
}

/* "eos": {"producer_id": -1 until it has one}. */
static void on_statistics(struct producer *p, const char *text) {
    cJSON *j = NULL;
    if (p->pid >= 0 || json_parse(text, strlen(text), &j, NULL)) return;
    const cJSON *eos = json_opt(j, "eos");
    int64_t pid = json_opt_i64(eos, "producer_id", -1);
    int epoch = (int)json_opt_i64(eos, "producer_epoch", -1);
    cJSON_Delete(j);
    if (pid < 0 || epoch < 0) return;
    pthread_mutex_lock(&p->lock);
    p->pid = pid;
    p->epoch = epoch;
    pthread_cond_broadcast(&p->known);
    pthread_mutex_unlock(&p->lock);
}

static void on_event(rd_kafka_t *rk, rd_kafka_event_t *e, void *opaque) {
    struct producer *p = CONTAINER_OF((struct kafka_trouble *)opaque, struct producer, trouble);
    switch (rd_kafka_event_type(e)) {
    case RD_KAFKA_EVENT_DR:
        on_deliveries(p, e);
        break;
    case RD_KAFKA_EVENT_STATS:
        on_statistics(p, rd_kafka_event_stats(e));
        break;
    case RD_KAFKA_EVENT_ERROR:
        kafka_trouble_note(&p->trouble, rk, rd_kafka_event_error(e),
                           rd_kafka_event_error_string(e));
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(e);
}

/* ---- background ---- */

static void destroy(struct producer *p) {
    if (p->topic) rd_kafka_topic_destroy(p->topic);
    if (p->rk) {
        /* What an aborted transaction has in the queue goes nowhere. */
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(p->rk);
    }
    if (p->conf) rd_kafka_conf_destroy(p->conf);
    kafka_trouble_release(&p->trouble);
    pthread_cond_destroy(&p->known);
    pthread_mutex_destroy(&p->lock);
    free(p->topic_name);
    free(p->id);
    free(p);
}

static void run_drop(void *arg) {
    struct producer *p = arg;
    if (p->id && p->has_sent && !p->keep_transaction && p->rk) {
        rd_kafka_error_t *e = rd_kafka_abort_transaction(p->rk, ABORT_TIMEOUT_MS);
        if (e) rd_kafka_error_destroy(e); /* the broker does it after the transaction's timeout */
    }
    destroy(p);
}

/* The background thread is done with it. */
static void leave(struct producer *p, int rc, int state, const struct err *err) {
    if (rc) set_failed(p, err);
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    if (p->state >= 0) p->state = state;
    bool dropped = p->dropped;
    if (!dropped) p->wake(p->wake_self);
    pthread_mutex_unlock(&p->lock);
    if (dropped) run_drop(p);
}

static bool is_dropped(struct producer *p) {
    pthread_mutex_lock(&p->lock);
    bool dropped = p->dropped;
    pthread_mutex_unlock(&p->lock);
    return dropped;
}

static int take_error(struct producer *p, rd_kafka_error_t *e, const char *doing, struct err *err) {
    if (!e) return 0;
    char text[300];
    snprintf(text, sizeof text, "%s: %s", doing, rd_kafka_error_string(e));
    rd_kafka_resp_err_t code = rd_kafka_error_code(e);
    rd_kafka_error_destroy(e);
    return kafka_err(err, &p->trouble, code, text);
}

/* The topic's partitions. A topic that the broker makes when it is asked for takes a while. */
static int find_topic(struct producer *p, int64_t deadline_ms, struct err *err) {
    AUTO_STR doing = STR_INIT;
    str_addf(&doing, "topic '%s'", p->topic_name);
    for (;;) {
        const struct rd_kafka_metadata *m = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(p->rk, 0, p->topic, &m, TRY_MS);
        if (!code) {
            code = m->topic_cnt ? m->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            if (!code) p->n_partitions = m->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(m);
        }
        if (!code || is_dropped(p)) return 0;
        int rc = kafka_fatal(err, &p->trouble);
        if (rc) return rc;
        usleep(AGAIN_US);
        if (clock_mono_ns() / 1000000 > deadline_ms)
            return kafka_err(err, &p->trouble, code, str_text(&doing));
    }
}

static int begin(struct producer *p, int64_t deadline_ms, struct err *err) {
    for (;;) {
        rd_kafka_error_t *e = rd_kafka_init_transactions(p->rk, TRY_MS);
        if (!e) break;
        bool again = rd_kafka_error_is_retriable(e) && !is_dropped(p) &&
                     clock_mono_ns() / 1000000 < deadline_ms;
        if (!again) return take_error(p, e, "begin transactions", err);
        rd_kafka_error_destroy(e);
    }
    pthread_mutex_lock(&p->lock);
    while (p->pid < 0)
        pthread_cond_wait(&p->known, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return take_error(p, rd_kafka_begin_transaction(p->rk), "begin transaction", err);
}

/* Whatever there is to tell is told on librdkafka's background thread. */
static void forward_events(rd_kafka_t *rk) {
    rd_kafka_queue_t *from = rd_kafka_queue_get_main(rk), *to = rd_kafka_queue_get_background(rk);
    rd_kafka_queue_forward(from, to);
    rd_kafka_queue_destroy(from);
    rd_kafka_queue_destroy(to);
}

static void run_start(void *arg) {
    struct producer *p = arg;
    struct err err = ERR_INIT;
    int64_t deadline = clock_mono_ns() / 1000000 + START_TIMEOUT_MS;
    int rc = kafka_client(RD_KAFKA_PRODUCER, p->conf, &p->trouble, &p->rk, &err);
    p->conf = NULL;
    if (!rc) {
        p->topic = rd_kafka_topic_new(p->rk, p->topic_name, NULL);
        forward_events(p->rk);
        rc = find_topic(p, deadline, &err);
    }
    if (!rc && p->id && !is_dropped(p)) rc = begin(p, deadline, &err);
    leave(p, rc, PRODUCER_READY, &err);
}

static void run_flush(void *arg) {
    struct producer *p = arg;
    struct err err = ERR_INIT;
    int rc = 0;
    while (!rc && !has_failed(p) && !is_dropped(p) &&
           rd_kafka_flush(p->rk, TRY_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        rc = kafka_fatal(&err, &p->trouble);
    leave(p, rc, PRODUCER_FLUSHED, &err);
}

/* ---- the task's side ---- */

static void warn_of_retries(const struct kafka_table *k, const rd_kafka_conf_t *conf) {
    char on[8] = "";
    size_t size = sizeof on;
    rd_kafka_conf_get(conf, "enable.idempotence", on, &size);
    if (strcmp(on, "true") != 0)
        log_warn("the properties rule out an idempotent producer: retries may repeat records",
                 KV_STR("table", k->table->name));
}

int producer_new(const struct kafka_table *k, const char *transactional_id, void (*wake)(void *),
                 void *wake_self, struct producer **ret, struct err *err) {
    rd_kafka_conf_t *conf;
    int rc = kafka_conf(k, KAFKA_SINK, &conf, err);
    if (rc) return rc;
    if (!transactional_id) warn_of_retries(k, conf);
    struct producer *p = mem_zalloc(sizeof *p);
    p->conf = conf;
    p->pid = -1;
    p->topic_name = mem_strdup(k->topics[0]);
    p->id = mem_strdup(transactional_id);
    p->wake = wake;
    p->wake_self = wake_self;
    p->busy = true;
    pthread_mutex_init(&p->lock, NULL);
    kafka_trouble_init(&p->trouble);
    kafka_trouble_of(&p->trouble, k->options.servers);
    pthread_cond_init(&p->known, NULL);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_background_event_cb(conf, on_event);
    if (p->id) {
        char ms[16];
        snprintf(ms, sizeof ms, "%d", STATISTICS_MS);
        CHECK(!rd_kafka_conf_set(conf, "statistics.interval.ms", ms, NULL, 0));
        CHECK(!rd_kafka_conf_set(conf, "transactional.id", p->id, NULL, 0));
    }
    *ret = p;
    background_run(run_start, p);
    return 0;
}

void producer_free(struct producer *p, bool keep_transaction) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->dropped = true;
    p->keep_transaction = keep_transaction;
    bool busy = p->busy;
    pthread_mutex_unlock(&p->lock);
    if (!busy) background_run(run_drop, p);
}

int producer_state(struct producer *p, struct err *err) {
    pthread_mutex_lock(&p->lock);
    int state = p->state;
    if (p->busy) state = PRODUCER_BUSY;
    if (state < 0 && err) *err = p->err;
    pthread_mutex_unlock(&p->lock);
    if (state < 0 || state == PRODUCER_BUSY) return state;
    int rc = kafka_fatal(err, &p->trouble);
    return rc ? rc : state;
}

static int produce_failed(struct producer *p, rd_kafka_resp_err_t code, struct err *err) {
    AUTO_STR doing = STR_INIT;
    str_addf(&doing, "write to topic '%s'", p->topic_name);
    return kafka_err(err, &p->trouble, code, str_text(&doing));
}

int producer_send(struct producer *p, rd_kafka_message_t *messages, int n, struct err *err) {
    if (!n) return 0;
    p->has_sent = true;
    int sent = rd_kafka_produce_batch(p->topic, 0, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION,
                                      messages, n);
    if (sent == n) return n;
    rd_kafka_resp_err_t code = messages[sent].err;
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? sent : produce_failed(p, code, err);
}

int producer_send_one(struct producer *p, const rd_kafka_message_t *m, int64_t time_ms,
                      rd_kafka_headers_t *headers, struct err *err) {
    p->has_sent = true;
    rd_kafka_vu_t args[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = m->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->key, m->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->payload, m->len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    size_t n = 5;
    if (time_ms >= 0)
        args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = time_ms};
    if (headers) args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    rd_kafka_error_t *e = rd_kafka_produceva(p->rk, args, n);
    if (!e) return 1;
    rd_kafka_resp_err_t code = rd_kafka_error_code(e);
    rd_kafka_error_destroy(e);
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 0 : produce_failed(p, code, err);
}

void producer_flush(struct producer *p) {
    pthread_mutex_lock(&p->lock);
    bool at_once = p->state < 0 || p->busy || !rd_kafka_outq_len(p->rk);
    if (at_once && !p->busy && p->state >= 0) p->state = PRODUCER_FLUSHED;
    if (!at_once) p->busy = true;
    pthread_mutex_unlock(&p->lock);
    if (!at_once) background_run(run_flush, p);
}

void producer_resume(struct producer *p) {
    pthread_mutex_lock(&p->lock);
    if (p->state == PRODUCER_FLUSHED) p->state = PRODUCER_READY;
    pthread_mutex_unlock(&p->lock);
}

bool producer_has_sent(const struct producer *p) {
    return p->has_sent;
}
int producer_partitions(const struct producer *p) {
    return p->n_partitions;
}
const char *producer_id(const struct producer *p) {
    return p->id;
}
int64_t producer_pid(const struct producer *p) {
    return p->pid;
}
int producer_epoch(const struct producer *p) {
    return p->epoch;
}
