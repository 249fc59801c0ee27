/* properties.c - 'properties.*' as librdkafka's configuration. Scripts are written for the Java
 * client, whose names differ in places, and which takes key stores and JAAS lines that librdkafka
 * doesn't know. */
#define LOG_MODULE "kafka"
#include "connector/kafka/kafka.h"

#include "base/core/log.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum action {
    RENAME,     /* the same under librdkafka's name */
    TO_KB,      /* the same in kilobytes */
    OWN,        /* read elsewhere, or set by the connector */
    NO_MEANING, /* left out with a warning */
    REFUSE      /* leaving it out would change what the job does */
};

static const struct translation {
    const char *java;
    enum action action;
    const char *to; /* name; of REFUSE: what to do instead */
} translations[] = {
    {"allow.auto.create.topics", OWN, NULL},
    {"auto.commit.interval.ms", OWN, NULL},
    {"auto.include.jmx.reporter", NO_MEANING, NULL},
    {"auto.offset.reset", OWN, NULL},
    {"buffer.memory", TO_KB, "queue.buffering.max.kbytes"},
    {"client.dns.lookup", NO_MEANING, NULL},
    {"client.id.prefix", RENAME, "client.id"},
    {"commit.offsets.on.checkpoint", OWN, NULL},
    {"config.providers", REFUSE, "give the values themselves"},
    {"default.api.timeout.ms", NO_MEANING, NULL},
    {"enable.auto.commit", OWN, NULL},
    {"exclude.internal.topics", NO_MEANING, NULL},
    {"fetch.max.wait.ms", RENAME, "fetch.wait.max.ms"},
    {"interceptor.classes", REFUSE, "interceptors are classes of Java"},
    {"key.deserializer", NO_MEANING, NULL},
    {"key.serializer", NO_MEANING, NULL},
    {"max.block.ms", NO_MEANING, NULL},
    {"max.poll.records", NO_MEANING, NULL},
    {"max.request.size", RENAME, "message.max.bytes"},
    {"metric.reporters", NO_MEANING, NULL},
    {"metrics.num.samples", NO_MEANING, NULL},
    {"metrics.recording.level", NO_MEANING, NULL},
    {"metrics.sample.window.ms", NO_MEANING, NULL},
    {"partition.assignment.strategy", NO_MEANING, NULL},
    {"partition.discovery.interval.ms", REFUSE,
     "set 'scan.topic-partition-discovery.interval' in its place"},
    {"partitioner.class", REFUSE, "set 'sink.partitioner' in its place"},
    {"receive.buffer.bytes", RENAME, "socket.receive.buffer.bytes"},
    {"register.consumer.metrics", NO_MEANING, NULL},
    {"register.producer.metrics", NO_MEANING, NULL},
    {"request.timeout.ms", RENAME, "socket.timeout.ms"},
    {"sasl.client.callback.handler.class", REFUSE, "callback handlers are classes of Java"},
    {"sasl.jaas.config", OWN, NULL},
    {"sasl.login.callback.handler.class", REFUSE, "callback handlers are classes of Java"},
    {"sasl.login.class", REFUSE, "it is a class of Java"},
    {"security.providers", REFUSE, "they are classes of Java"},
    {"send.buffer.bytes", RENAME, "socket.send.buffer.bytes"},
    {"ssl.enabled.protocols", NO_MEANING, NULL},
    {"ssl.engine.factory.class", REFUSE, "it is a class of Java"},
    {"ssl.keymanager.algorithm", NO_MEANING, NULL},
    {"ssl.keystore.certificate.chain", RENAME, "ssl.certificate.pem"},
    {"ssl.keystore.key", RENAME, "ssl.key.pem"},
    {"ssl.keystore.location", OWN, NULL},
    {"ssl.keystore.password", OWN, NULL},
    {"ssl.keystore.type", OWN, NULL},
    {"ssl.protocol", NO_MEANING, NULL},
    {"ssl.provider", NO_MEANING, NULL},
    {"ssl.secure.random.implementation", NO_MEANING, NULL},
    {"ssl.trustmanager.algorithm", NO_MEANING, NULL},
    {"ssl.truststore.certificates", RENAME, "ssl.ca.pem"},
    {"ssl.truststore.location", OWN, NULL},
    {"ssl.truststore.password", OWN, NULL},
    {"ssl.truststore.type", OWN, NULL},
    {"transactional.id", OWN, NULL},
    {"value.deserializer", NO_MEANING, NULL},
    {"value.serializer", NO_MEANING, NULL},
};

static const struct translation *find_translation(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(translations); i++)
        if (!strcmp(translations[i].java, name)) return &translations[i];
    return NULL;
}

static int set(rd_kafka_conf_t *conf, const char *as, const char *name, const char *value,
               struct err *err) {
    char why[512] = "";
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    if (res == RD_KAFKA_CONF_OK) return 0;
    if (res == RD_KAFKA_CONF_UNKNOWN)
        return err_set(err, ERR_VALIDATION,
                       "option 'properties.%s': neither the Java client nor librdkafka %s has such "
                       "a property",
                       as, rd_kafka_version_str());
    /* librdkafka's text may quote the value. */
    if (opt_is_secret(as) || opt_is_secret(name))
        return err_set(err, ERR_VALIDATION, "option 'properties.%s': the value is not valid", as);
    return err_set(err, ERR_VALIDATION, "option 'properties.%s': %s", as, why);
}

/* ---- security ---- */

/* The value of name="..." in a JAAS line. */
static bool jaas_value(struct arena *a, const char *line, const char *name, const char **ret) {
    size_t n = strlen(name);
    for (const char *p = line; (p = strstr(p, name)); p += n) {
        const char *q = p + n;
        if ((p > line && p[-1] != ' ' && p[-1] != '\t' && p[-1] != '\n') || *q != '=') continue;
        char quote = *++q;
        if (quote != '"' && quote != '\'') continue;
        AUTO_STR out = STR_INIT;
        for (q++; *q && *q != quote; q++) {
            if (*q == '\\' && q[1]) q++;
            str_add_char(&out, *q);
        }
        *ret = arena_strdup(a, str_text(&out));
        return true;
    }
    return false;
}

static int set_jaas(const struct kafka_table *k, struct arena *a, rd_kafka_conf_t *conf,
                    struct err *err) {
    const char *line = kafka_property(k, "sasl.jaas.config"), *user, *password;
    if (!line) return 0;
    if (!strstr(line, "PlainLoginModule") && !strstr(line, "ScramLoginModule"))
        return err_set(
            err, ERR_UNSUPPORTED,
            "option 'properties.sasl.jaas.config': PlainLoginModule and "
            "ScramLoginModule are supported; for Kerberos and OAuth set librdkafka's own "
            "properties (sasl.kerberos.*, sasl.oauthbearer.*)");
    if (!jaas_value(a, line, "username", &user) || !jaas_value(a, line, "password", &password))
        return err_set(err, ERR_VALIDATION,
                       "option 'properties.sasl.jaas.config' needs username=\"...\" and "
                       "password=\"...\"");
    int rc = set(conf, "sasl.jaas.config", "sasl.username", user, err);
    return rc ? rc : set(conf, "sasl.jaas.config", "sasl.password", password, err);
}

/* 'ssl.truststore.*' or 'ssl.keystore.*': PEM files; PKCS12 for keys alone; JKS never. */
static int set_store(const struct kafka_table *k, rd_kafka_conf_t *conf, bool trust,
                     struct err *err) {
    const char *what = trust ? "ssl.truststore" : "ssl.keystore";
    AUTO_STR name = STR_INIT;
    str_addf(&name, "%s.location", what);
    const char *path = kafka_property(k, str_text(&name));
    str_clear(&name);
    str_addf(&name, "%s.type", what);
    const char *type = kafka_property(k, str_text(&name));
    if (!path) return 0;
    if (!type) {
        size_t n = strlen(path);
        type = n > 4 && !strcasecmp(path + n - 4, ".pem")   ? "PEM"
               : n > 4 && !strcasecmp(path + n - 4, ".p12") ? "PKCS12"
                                                            : "JKS";
    }
    bool pem = !strcasecmp(type, "PEM"), pkcs12 = !strcasecmp(type, "PKCS12");
    if (trust && pem) return set(conf, "ssl.truststore.location", "ssl.ca.location", path, err);
    if (!trust && pem) {
        int rc = set(conf, "ssl.keystore.location", "ssl.certificate.location", path, err);
        return rc ? rc : set(conf, "ssl.keystore.location", "ssl.key.location", path, err);
    }
    if (!trust && pkcs12) {
        const char *password = kafka_property(k, "ssl.keystore.password");
        int rc = set(conf, "ssl.keystore.location", "ssl.keystore.location", path, err);
        return rc || !password
                   ? rc
                   : set(conf, "ssl.keystore.password", "ssl.keystore.password", password, err);
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "option 'properties.%s.location' = '%s': a store of type %s can't be read; "
                   "convert it to PEM (openssl pkcs12 -in store.p12 -out store.pem -nodes) and set "
                   "'properties.%s.type' = 'PEM'",
                   what, path, type, what);
}

/* ---- all ---- */

static int set_one(const char *name, const char *value, enum kafka_role role, rd_kafka_conf_t *conf,
                   struct err *err) {
    const struct translation *t = find_translation(name);
    if (!t) return set(conf, name, name, value, err);
    char kb[32];
    switch (t->action) {
    case RENAME:
        return set(conf, name, t->to, value, err);
    case TO_KB:
        snprintf(kb, sizeof kb, "%lld", MAX(atoll(value) / 1024, 1LL));
        return set(conf, name, t->to, kb, err);
    case REFUSE:
        return err_set(err, ERR_UNSUPPORTED, "option 'properties.%s' is not supported: %s", name,
                       t->to);
    case NO_MEANING:
        if (role == KAFKA_LISTING) /* once a job is enough */
            log_warn("property of the Java client has no meaning here", KV_STR("property", name));
        return 0;
    default:
        return 0;
    }
}

/* What the connector decides, whoever asks. */
static const struct setting {
    unsigned roles; /* bits by enum kafka_role */
    bool is_default;
    const char *name, *value;
} settings[] = {
    {7, true, "client.id", "penstock"},
    {7, true, "log.connection.close", "false"},
    {7, true, "topic.metadata.refresh.interval.ms", "60000"},
    {1 << KAFKA_LISTING | 1 << KAFKA_SOURCE, true, "isolation.level", "read_uncommitted"},
    {1 << KAFKA_LISTING | 1 << KAFKA_SOURCE, false, "enable.auto.commit", "false"},
    {1 << KAFKA_SOURCE, false, "enable.auto.offset.store", "false"},
    {1 << KAFKA_SOURCE, true, "fetch.wait.max.ms", "100"},
    {1 << KAFKA_SOURCE, true, "queued.max.messages.kbytes", "32768"},
    {1 << KAFKA_SINK, true, "partitioner", "murmur2_random"},
    {1 << KAFKA_SINK, true, "queue.buffering.max.messages", "200000"},
    {1 << KAFKA_SINK, true, "queue.buffering.max.kbytes", "65536"},
    {1 << KAFKA_SINK, true, "batch.size", "1000000"},
    {1 << KAFKA_SINK, true, "transaction.timeout.ms", "900000"},
};

static int apply_settings(const struct kafka_table *k, enum kafka_role role, bool defaults,
                          rd_kafka_conf_t *conf, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(settings) && !rc; i++) {
        const struct setting *s = &settings[i];
        if (s->roles & 1u << role && s->is_default == defaults)
            rc = set(conf, s->name, s->name, s->value, err);
    }
    return rc;
}

/* What the user set of a property that the Java client and librdkafka call differently. */
static const char *either(const struct kafka_table *k, const char *java, const char *own) {
    const char *value = kafka_property(k, java);
    return value ? value : kafka_property(k, own);
}

/* Retries keep the order of records, so that a key's last value is its newest, where brokers know
 * the producer's sequence; where the user's properties rule that out, with one request at a time.
 */
static int keep_order(const struct kafka_table *k, rd_kafka_conf_t *conf, struct err *err) {
    const char *wanted = kafka_property(k, "enable.idempotence");
    const char *acks = either(k, "acks", "request.required.acks");
    const char *retries = either(k, "retries", "message.send.max.retries");
    const char *flight = either(k, "max.in.flight.requests.per.connection", "max.in.flight");
    const char *queue = kafka_property(k, "queuing.strategy");
    if (k->options.guarantee == GUARANTEE_EXACTLY_ONCE) return 0; /* librdkafka sees to it */
    if (wanted && !strcasecmp(wanted, "true")) return 0;
    bool on = !wanted && (!acks || !strcasecmp(acks, "all") || !strcmp(acks, "-1")) &&
              (!retries || atoll(retries) > 0) && (!flight || atoll(flight) <= 5) &&
              (!queue || !strcasecmp(queue, "fifo"));
    int rc = set(conf, "enable.idempotence", "enable.idempotence", on ? "true" : "false", err);
    if (!rc && !on && !flight)
        rc = set(conf, "max.in.flight", "max.in.flight.requests.per.connection", "1", err);
    return rc;
}

/* Flink's consumer begins where its start mode says once the offset it wants is gone. */
static const char *offset_reset(const struct kafka_table *k) {
    const char *text = kafka_property(k, "auto.offset.reset");
    switch ((enum kafka_startup)k->options.startup) {
    case STARTUP_EARLIEST:
    case STARTUP_SPECIFIC:
        return "earliest";
    case STARTUP_LATEST:
    case STARTUP_TIMESTAMP:
        return "latest";
    default:
        return !text || !strcasecmp(text, "none") ? "error" : text;
    }
}

/* Properties of the other kind of client are passed over with librdkafka's own warning: they are
 * valid names. */
int kafka_conf(const struct kafka_table *k, enum kafka_role role, rd_kafka_conf_t **ret,
               struct err *err) {
    const struct connector_table *t = k->table;
    struct arena a;
    arena_init(&a);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int rc = apply_settings(k, role, true, conf, err);
    for (int i = 0; i < t->n_options && !rc; i++)
        if (!strncmp(t->options[i].key, "properties.", 11))
            rc = set_one(t->options[i].key + 11, t->options[i].value, role, conf, err);
    if (!rc) rc = set_jaas(k, &a, conf, err);
    if (!rc) rc = set_store(k, conf, true, err);
    if (!rc) rc = set_store(k, conf, false, err);
    if (!rc) rc = apply_settings(k, role, false, conf, err);
    if (!rc && role == KAFKA_SINK) rc = keep_order(k, conf, err);
    if (!rc && role == KAFKA_SOURCE)
        rc = set(conf, "auto.offset.reset", "auto.offset.reset", offset_reset(k), err);
    if (!rc && role == KAFKA_SOURCE && k->options.bounded != BOUNDED_NEVER)
        rc = set(conf, "enable.partition.eof", "enable.partition.eof", "true", err);
    arena_release(&a);
    if (rc) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *ret = conf;
    return 0;
}
