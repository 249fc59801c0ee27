/* client.c - clients of librdkafka: their log lines go to ours, their errors become ours. */
#define LOG_MODULE "kafka"
#include "connector/kafka/kafka.h"

#include "base/core/log.h"

#include <stdio.h>
#include <string.h>

void kafka_trouble_init(struct kafka_trouble *t) {
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
}

void kafka_trouble_of(struct kafka_trouble *t, const char *servers) {
    snprintf(t->servers, sizeof t->servers, "%s", servers);
}

void kafka_trouble_release(struct kafka_trouble *t) {
    pthread_mutex_destroy(&t->lock);
}

static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text) {
    if (level < 3)
        log_error("librdkafka", KV_STR("facility", fac), KV_STR("text", text));
    else if (level <= 4) /* connections that fail are tried again */
        log_warn("librdkafka", KV_STR("facility", fac), KV_STR("text", text));
    else
        log_debug("librdkafka", KV_STR("facility", fac), KV_STR("text", text));
}

void kafka_trouble_note(struct kafka_trouble *t, rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        const char *reason) {
    char fatal[256] = "";
    if (code == RD_KAFKA_RESP_ERR__FATAL) rd_kafka_fatal_error(rk, fatal, sizeof fatal);
    pthread_mutex_lock(&t->lock);
    snprintf(t->last, sizeof t->last, "%s", *fatal ? fatal : reason);
    if (*fatal || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        snprintf(t->fatal, sizeof t->fatal, "%s", *fatal ? fatal : reason);
    pthread_mutex_unlock(&t->lock);
}

/* On whichever thread polls the client. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    kafka_trouble_note(opaque, rk, (rd_kafka_resp_err_t)code, reason);
}

int kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct kafka_trouble *trouble,
                 rd_kafka_t **ret, struct err *err) {
    char why[512] = "";
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, trouble);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_VALIDATION, "properties of the Kafka client: %s", why);
    }
    *ret = rk;
    return 0;
}

static int code_of(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return ERR_NET;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return ERR_TIMEOUT;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return ERR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ERR_PERMISSION;
    default:
        return ERR_RUNTIME;
    }
}

int kafka_err(struct err *err, struct kafka_trouble *t, rd_kafka_resp_err_t code,
              const char *doing) {
    pthread_mutex_lock(&t->lock);
    const char *last = *t->fatal ? t->fatal : t->last;
    int rc = err_set(err, code_of(code), "kafka %s: %s: %s%s%s%s", t->servers, doing,
                     rd_kafka_err2str(code), *last ? " (" : "", last, *last ? ")" : "");
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int kafka_fatal(struct err *err, struct kafka_trouble *t) {
    pthread_mutex_lock(&t->lock);
    int rc = *t->fatal ? err_set(err, ERR_RUNTIME, "kafka %s: %s", t->servers, t->fatal) : 0;
    pthread_mutex_unlock(&t->lock);
    return rc;
}
