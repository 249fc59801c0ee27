/* kafka_test.c - the kafka connectors against librdkafka's mock cluster: reading with snapshots at
 * any row, poison records, tombstones, writing through faults, transactions ended by requests of
 * our own. */
#include "connector/kafka/kafka.h"
#include "tests/unit/connector/kafka/kafka_rig.h"

#include "connector/kafka/transaction.h"
#include "connector/kafka/wire.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

/* ---- the cluster ---- */

static rd_kafka_t *client;
static rd_kafka_mock_cluster_t *cluster;

static int cluster_start(void **state) {
    char why[256];
    client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(client);
    cluster = rd_kafka_mock_cluster_new(client, 1);
    servers = rd_kafka_mock_cluster_bootstraps(cluster);
    return 0;
}

static int cluster_stop(void **state) {
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    return 0;
}

/* Key and value may be NULL. */
struct record {
    int partition;
    const char *key, *value;
};

static void make_topic(const char *topic, int n_partitions) {
    assert_int_equal(rd_kafka_mock_topic_create(cluster, topic, n_partitions, 1), 0);
}

static void produce(const char *topic, const struct record *records, size_t n) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", servers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(rk);
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &records[i];
        rd_kafka_resp_err_t code =
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(r->partition),
                              RD_KAFKA_V_KEY(r->key, r->key ? strlen(r->key) : 0),
                              RD_KAFKA_V_VALUE((void *)r->value, r->value ? strlen(r->value) : 0),
                              RD_KAFKA_V_TIMESTAMP(1700000000000 + (int64_t)i),
                              RD_KAFKA_V_HEADER("n", r->key ? r->key : "", -1),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        assert_int_equal(code, 0);
    }
    assert_int_equal(rd_kafka_flush(rk, 30000), 0);
    rd_kafka_destroy(rk);
}

/* ---- options ---- */

#define BASE "connector", "kafka", "topic", "x", "scan.startup.mode", "earliest-offset"

static void refuses(bool as_sink, const char *text, const char *const *options) {
    struct run r;
    run_init(&r, "ROW<a INT, b STRING>", options);
    int rc = r.desc->check(&r.h.table, as_sink, &r.err);
    if (!rc || !strstr(r.err.msg, text)) fail_msg("'%s' expected: %s", text, r.err.msg);
    run_release(&r);
}

static void test_options(void **state) {
    refuses(false, "Either 'topic' or 'topic-pattern' must be set",
            OPTIONS("connector", "kafka", "format", "json"));
    refuses(false, "shouldn't be set together",
            OPTIONS(BASE, "topic-pattern", "x.*", "format", "json"));
    refuses(false, "'format' is missing", OPTIONS(BASE));
    refuses(false, "mean the same", OPTIONS(BASE, "format", "json", "value.format", "json"));
    refuses(false, "declaration of one or more of key fields",
            OPTIONS(BASE, "format", "json", "key.format", "json"));
    refuses(false, "can only be declared if a key format",
            OPTIONS(BASE, "format", "json", "key.fields", "a"));
    refuses(false, "can be selected in the 'key.fields' option: [a, b]",
            OPTIONS(BASE, "format", "json", "key.format", "json", "key.fields", "c"));
    refuses(false, "A key prefix is not allowed",
            OPTIONS(BASE, "format", "json", "key.format", "json", "key.fields", "a",
                    "key.fields-prefix", "k_"));
    refuses(false, "'scan.bounded.timestamp-millis' is required",
            OPTIONS(BASE, "format", "json", "scan.bounded.mode", "timestamp"));
    refuses(false, "should follow the format",
            OPTIONS("connector", "kafka", "topic", "x", "format", "json", "scan.startup.mode",
                    "specific-offsets", "scan.startup.specific-offsets", "partition:0;offset:1"));
    refuses(false, "needs 'properties.group.id'",
            OPTIONS("connector", "kafka", "topic", "x", "format", "json"));
    refuses(false, "has such a property",
            OPTIONS(BASE, "format", "json", "properties.group.idd", "g"));
    refuses(false, "set 'sink.partitioner' in its place",
            OPTIONS(BASE, "format", "json", "properties.partitioner.class", "a.B"));
    refuses(false, "a store of type JKS can't be read",
            OPTIONS(BASE, "format", "json", "properties.ssl.truststore.location", "a.jks"));
    refuses(false, "did you mean 'key.fields'", OPTIONS(BASE, "format", "json", "key.field", "a"));
    refuses(false, "did you mean 'json.ignore-parse-errors'",
            OPTIONS(BASE, "value.format", "json", "value.json.ignore-parse-error", "true"));
    refuses(true, "classes of Java",
            OPTIONS(BASE, "format", "json", "sink.partitioner", "org.x.P"));
    refuses(true, "sink.transactional-id-prefix must be specified",
            OPTIONS(BASE, "format", "json", "sink.delivery-guarantee", "exactly-once"));
    refuses(true, "a sink writes one topic",
            OPTIONS("connector", "kafka", "topic", "a;b", "format", "json"));
    refuses(true, "exactly-once with SASL mechanism 'GSSAPI'",
            OPTIONS(BASE, "format", "json", "sink.delivery-guarantee", "exactly-once",
                    "sink.transactional-id-prefix", "p", "properties.security.protocol",
                    "SASL_PLAINTEXT"));
    refuses(false, "tables require to define a PRIMARY KEY",
            OPTIONS("connector", "upsert-kafka", "topic", "x", "key.format", "json", "value.format",
                    "json"));
}

static void conf_is(const char *name, const char *value, const char *const *options) {
    struct run r;
    struct kafka_table k;
    rd_kafka_conf_t *conf = NULL;
    run_init(&r, "ROW<a INT, b STRING>", options);
    if (kafka_table(&r.h.table, &r.h.arena, &k, &r.err) ||
        kafka_conf(&k, KAFKA_SINK, &conf, &r.err))
        fail_msg("%s", r.err.msg);
    char text[128];
    size_t n = sizeof text;
    assert_int_equal(rd_kafka_conf_get(conf, name, text, &n), RD_KAFKA_CONF_OK);
    assert_string_equal(text, value);
    rd_kafka_conf_destroy(conf);
    run_release(&r);
}

static void test_properties(void **state) {
    conf_is("message.max.bytes", "5000",
            OPTIONS(BASE, "format", "json", "properties.max.request.size", "5000"));
    conf_is("queue.buffering.max.kbytes", "32768",
            OPTIONS(BASE, "format", "json", "properties.buffer.memory", "33554432"));
    conf_is("ssl.ca.location", "/x/ca.pem",
            OPTIONS(BASE, "format", "json", "properties.ssl.truststore.location", "/x/ca.pem"));
    static const char jaas[] = "org.apache.kafka.common.security.scram.ScramLoginModule required "
                               "username=\"me\" password=\"a\\\"b\";";
    conf_is("sasl.username", "me",
            OPTIONS(BASE, "format", "json", "properties.sasl.jaas.config", jaas));
    conf_is("sasl.password", "a\"b",
            OPTIONS(BASE, "format", "json", "properties.sasl.jaas.config", jaas));
}

/* Retries don't change the order of records, whatever the user's properties allow. */
static void test_order(void **state) {
    static const char idempotence[] = "enable.idempotence",
                      flight[] = "max.in.flight.requests.per.connection";
    conf_is(idempotence, "true", OPTIONS(BASE, "format", "json"));
    conf_is(idempotence, "true",
            OPTIONS(BASE, "format", "json", "properties.acks", "all", "properties.retries", "9"));
    conf_is(idempotence, "false", OPTIONS(BASE, "format", "json", "properties.acks", "1"));
    conf_is(flight, "1", OPTIONS(BASE, "format", "json", "properties.acks", "1"));
    conf_is(idempotence, "false", OPTIONS(BASE, "format", "json", "properties.retries", "0"));
    conf_is(
        flight, "7",
        OPTIONS(BASE, "format", "json", "properties.max.in.flight.requests.per.connection", "7"));
    conf_is(flight, "1", OPTIONS(BASE, "format", "json", "properties.enable.idempotence", "false"));
}

/* ---- reading ---- */

static void test_read(void **state) {
    make_topic("read", 1);
    const struct record records[] = {{0, "k1", "{\"a\":1,\"b\":\"x\"}"},
                                     {0, "k2", "{\"a\":2}"},
                                     {0, NULL, NULL},
                                     {0, NULL, "{\"a\":3,\"b\":\"a longer text than fits\"}"}};
    produce("read", records, 4);
    static const char *const metadata[] = {NULL, NULL, NULL, "offset", "timestamp", "headers"};
    struct run r;
    run_init(&r,
             "ROW<a INT, b STRING, key STRING, o BIGINT, t TIMESTAMP_LTZ(3), h MAP<STRING, BYTES>>",
             OPTIONS(BOUNDED("read"), "format", "json", "key.format", "raw", "key.fields", "key",
                     "value.fields-include", "EXCEPT_KEY"));
    r.h.table.metadata = metadata;
    assert_string_equal(
        read_all(&r, 2),
        "+I(1, x, k1, 0, 2023-11-14 22:13:20.000, {n=x'6b31'})\n"
        "+I(2, NULL, k2, 1, 2023-11-14 22:13:20.001, {n=x'6b32'})\n"
        "+I(3, a longer text than fits, NULL, 3, 2023-11-14 22:13:20.003, {n=x''})\n");
    run_release(&r);
}

/* Specific offsets, and those of times. */
static void test_bounds(void **state) {
    make_topic("bounds", 1);
    struct record records[10];
    char values[10][16];
    for (int i = 0; i < 10; i++) {
        snprintf(values[i], sizeof values[i], "%d", i);
        records[i] = (struct record){0, NULL, values[i]};
    }
    produce("bounds", records, 10);
    struct run r;
    run_init(&r, "ROW<v STRING>",
             OPTIONS("connector", "kafka", "topic", "bounds", "format", "raw", "scan.startup.mode",
                     "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:3",
                     "scan.bounded.mode", "specific-offsets", "scan.bounded.specific-offsets",
                     "partition:0,offset:6"));
    assert_string_equal(read_all(&r, 100), "+I(3)\n+I(4)\n+I(5)\n");
    run_release(&r);
    /* Nothing lies between start and end. */
    run_init(&r, "ROW<v STRING>",
             OPTIONS("connector", "kafka", "topic", "bounds", "format", "raw", "scan.startup.mode",
                     "latest-offset", "scan.bounded.mode", "latest-offset"));
    assert_string_equal(read_all(&r, 100), "");
    run_release(&r);
}

/* Reading goes on from any snapshot with exactly what hasn't been returned: also within a record
 * that has several rows. */
static void test_snapshot(void **state) {
    make_topic("snapshot", 1);
    static const char update[] = "{\"before\":{\"a\":1},\"after\":{\"a\":2},\"op\":\"u\"}",
                      insert[] = "{\"after\":{\"a\":7},\"op\":\"c\"}";
    const struct record records[] = {
        {0, NULL, insert}, {0, NULL, update}, {0, NULL, update}, {0, NULL, insert}};
    produce("snapshot", records, 4);
    const char *const *options = OPTIONS(BOUNDED("snapshot"), "format", "debezium-json");
    static const char all[] = "+I(7)\n-U(1)\n+U(2)\n-U(1)\n+U(2)\n+I(7)\n";
    for (uint32_t rows = 1; rows < 4; rows++) {
        for (int n = 1; n <= 6; n++) {
            struct run r, again;
            run_init(&r, "ROW<a INT>", options);
            AUTO_JSON *splits = list_splits(&r);
            open_source(&r, splits, rows);
            read_batches(&r, n);
            AUTO_JSON *state_then = NULL;
            assert_int_equal(r.source->ops->snapshot(r.source, &state_then, &r.err), 0);
            run_init(&again, "ROW<a INT>", options);
            open_source(&again, state_then, rows);
            if (read_batches(&again, INT32_MAX) != SOURCE_END) fail_msg("%s", again.err.msg);
            str_add(&r.out, str_text(&again.out));
            assert_string_equal(str_text(&r.out), all);
            run_release(&r);
            run_release(&again);
        }
    }
}

/* Rows to skip are of the record at the position: where that is gone, none are. */
static void test_skip_of_gone_record(void **state) {
    make_topic("gone", 1);
    static const char update[] = "{\"before\":{\"a\":1},\"after\":{\"a\":2},\"op\":\"u\"}";
    const struct record records[] = {{0, NULL, update}};
    produce("gone", records, 1);
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(BOUNDED("gone"), "format", "debezium-json"));
    AUTO_JSON *splits = list_splits(&r);
    cJSON *position = cJSON_AddObjectToObject(cJSON_GetArrayItem(splits, 0), "position");
    json_set_i64(position, "offset", RD_KAFKA_OFFSET_BEGINNING);
    json_set_i64(position, "skip", 1);
    open_source(&r, splits, 10);
    if (read_batches(&r, INT32_MAX) != SOURCE_END) fail_msg("%s", r.err.msg);
    assert_string_equal(str_text(&r.out), "-U(1)\n+U(2)\n");
    run_release(&r);
}

/* The group learns of a snapshot's offsets once its checkpoint is committed, and not of later ones.
 */
static void test_group_offsets(void **state) {
    make_topic("group", 1);
    const struct record records[] = {{0, NULL, "1"}, {0, NULL, "2"}, {0, NULL, "3"}};
    produce("group", records, 3);
    struct run r;
    run_init(&r, "ROW<a STRING>",
             OPTIONS(BOUNDED("group"), "format", "raw", "properties.group.id", "g"));
    AUTO_JSON *splits = list_splits(&r);
    open_source(&r, splits, 1);
    for (uint64_t checkpoint = 1; checkpoint <= 3; checkpoint++) {
        cJSON *unused;
        read_batches(&r, 1);
        r.source->checkpoint = checkpoint;
        assert_int_equal(r.source->ops->snapshot(r.source, &unused, &r.err), 0);
        cJSON_Delete(unused);
    }
    r.source->ops->committed(r.source, 2);
    struct run after;
    run_init(&after, "ROW<a STRING>",
             OPTIONS("connector", "kafka", "topic", "group", "format", "raw", "properties.group.id",
                     "g", "scan.startup.mode", "group-offsets", "properties.auto.offset.reset",
                     "earliest"));
    for (int64_t start = -2; start != 2;) { /* it isn't waited for */
        AUTO_JSON *found = list_splits(&after);
        start = json_opt_i64(found->child, "start", -1);
        assert_true(start == -2 || start == 2);
    }
    run_release(&after);
    run_release(&r);
}

static void test_poison(void **state) {
    make_topic("poison", 1);
    const struct record records[] = {
        {0, NULL, "{\"a\":1}"}, {0, NULL, "{\"a\":"}, {0, NULL, "{\"a\":3}"}};
    produce("poison", records, 3);
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(BOUNDED("poison"), "format", "json"));
    AUTO_JSON *splits = list_splits(&r);
    open_source(&r, splits, 100);
    assert_int_equal(read_batches(&r, 100), ERR_RECORD);
    assert_non_null(strstr(r.err.msg, "poison/0@1: "));
    assert_non_null(strstr(r.err.msg, "'json.ignore-parse-errors'"));
    run_release(&r);

    struct schema dead = {0};
    run_init(&r, "ROW<a INT>", OPTIONS(BOUNDED("poison"), "format", "json"));
    r.h.table.dead_letter = &dead;
    str_clear(&letters);
    assert_string_equal(read_all(&r, 100), "+I(1)\n+I(3)\n");
    assert_string_equal(str_text(&letters), "poison/0@1: {\"a\":\n");
    str_release(&letters);
    run_release(&r);
}

static const int first_column[] = {0};

static void test_tombstones(void **state) {
    make_topic("tombstones", 1);
    const struct record records[] = {{0, "{\"a\":1}", "{\"a\":1,\"b\":\"x\"}"},
                                     {0, "{\"a\":2}", "{\"a\":2,\"b\":\"y\"}"},
                                     {0, "{\"a\":1}", NULL}};
    produce("tombstones", records, 3);
    struct run r;
    run_init(&r, "ROW<a INT, b STRING>",
             OPTIONS("connector", "upsert-kafka", "topic", "tombstones", "scan.bounded.mode",
                     "latest-offset", "key.format", "json", "value.format", "json"));
    r.h.table.primary_key = first_column;
    r.h.table.n_primary_key = 1;
    assert_string_equal(read_all(&r, 100), "+U(1, x)\n+U(2, y)\n-D(1, NULL)\n");
    run_release(&r);
    run_init(&r, "ROW<a INT, b STRING>",
             OPTIONS("connector", "upsert-kafka", "topic", "tombstones", "scan.bounded.mode",
                     "latest-offset", "key.format", "json", "value.format", "json",
                     "value.fields-include", "EXCEPT_KEY"));
    r.h.table.primary_key = first_column;
    r.h.table.n_primary_key = 1;
    assert_string_equal(read_all(&r, 1), "+U(1, x)\n+U(2, y)\n-D(1, NULL)\n");
    run_release(&r);
}

/* ---- writing ---- */

static const char *read_topic(struct run *r, const char *topic) {
    run_init(r, "ROW<key STRING, v STRING>",
             OPTIONS(BOUNDED(topic), "format", "raw", "key.format", "raw", "key.fields", "key",
                     "value.fields-include", "EXCEPT_KEY"));
    return read_all(r, 1000);
}

/* Errors that pass are asked again; whatever is told of is delivered once. */
static void test_write_through_faults(void **state) {
    make_topic("faults", 1);
    struct run r, back;
    run_init(&r, "ROW<a INT, b STRING>",
             OPTIONS("connector", "kafka", "topic", "faults", "format", "json", "key.format", "raw",
                     "key.fields", "b", "properties.retry.backoff.ms", "10"));
    open_sink(&r, 1);
    rd_kafka_mock_push_request_errors(
        cluster, 0 /* Produce */, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT);
    cJSON *none;
    assert_int_equal(write_rows(&r, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n", NULL), 0);
    assert_int_equal(prepare(&r, 1, false, &none), SINK_OK);
    assert_null(none);
    assert_string_equal(read_topic(&back, "faults"),
                        "+I(x, {\"a\":1,\"b\":\"x\"})\n+I(y, {\"a\":2,\"b\":\"y\"})\n");
    run_release(&back);
    run_release(&r);
}

static void test_write_refused(void **state) {
    make_topic("refused", 1);
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS("connector", "kafka", "topic", "refused", "format", "json"));
    open_sink(&r, 1);
    rd_kafka_mock_push_request_errors(cluster, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    cJSON *none;
    assert_int_equal(write_rows(&r, "{\"a\":1}\n", NULL), 0);
    assert_int_equal(prepare(&r, 1, false, &none), ERR_PERMISSION);
    assert_non_null(strstr(r.err.msg, "write to topic 'refused'"));
    run_release(&r);
}

static void test_write_upserts(void **state) {
    make_topic("upserts", 1);
    struct run r, back;
    run_init(&r, "ROW<a INT, b STRING>",
             OPTIONS("connector", "upsert-kafka", "topic", "upserts", "key.format", "json",
                     "value.format", "json", "sink.buffer-flush.max-rows", "100",
                     "sink.buffer-flush.interval", "1 h"));
    r.h.table.primary_key = first_column;
    r.h.table.n_primary_key = 1;
    open_sink(&r, 1);
    cJSON *none;
    const char *const kinds[] = {"+I", "+I", "+U", "-D", NULL};
    assert_int_equal(write_rows(&r,
                                "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n"
                                "{\"a\":1,\"b\":\"z\"}\n{\"a\":2,\"b\":\"y\"}\n",
                                kinds),
                     0);
    assert_int_equal(r.sink->ops->flush(r.sink, &r.err), SINK_OK);
    assert_true(r.sink->keeps_back); /* until the barrier */
    assert_int_equal(prepare(&r, 1, false, &none), SINK_OK);
    assert_string_equal(read_topic(&back, "upserts"), "+I({\"a\":1}, {\"a\":1,\"b\":\"z\"})\n");
    run_release(&back);
    run_init(&back, "ROW<a INT, b STRING>",
             OPTIONS("connector", "upsert-kafka", "topic", "upserts", "scan.bounded.mode",
                     "latest-offset", "key.format", "json", "value.format", "json"));
    back.h.table.primary_key = first_column;
    back.h.table.n_primary_key = 1;
    assert_string_equal(read_all(&back, 100), "+U(1, z)\n-D(2, NULL)\n");
    run_release(&back);
    run_release(&r);
}

#define EXACTLY_ONCE(topic)                                                                        \
    "connector", "kafka", "topic", topic, "format", "json", "sink.delivery-guarantee",             \
        "exactly-once", "sink.transactional-id-prefix", "job"

/* Each checkpoint is a transaction of an id and epoch of its own; commits may be repeated and pass
 * through a coordinator that isn't ready. */
static void test_transactions(void **state) {
    make_topic("exact", 1);
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE("exact")));
    open_sink(&r, 7);
    AUTO_JSON *all = cJSON_CreateArray();
    for (uint64_t checkpoint = 1; checkpoint <= 4; checkpoint++) {
        cJSON *one, *list = cJSON_CreateArray();
        assert_int_equal(write_rows(&r, "{\"a\":1}\n", NULL), 0);
        if (prepare(&r, checkpoint, false, &one)) fail_msg("%s", r.err.msg);
        assert_non_null(one);
        cJSON_AddItemToArray(list, cJSON_Duplicate(one, true));
        cJSON_AddItemToArray(all, one);
        if (checkpoint == 2)
            rd_kafka_mock_push_request_errors(cluster, 26 /* EndTxn */, 2,
                                              RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                              RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
        if (r.desc->commit(&r.h.table, list, false, &r.err)) fail_msg("%s", r.err.msg);
        r.sink->ops->committed(r.sink, checkpoint);
        r.sink->ops->committed(r.sink, checkpoint); /* news that comes twice tell nothing more */
        cJSON_Delete(list);
    }
    /* Two in turns: an id is taken up again behind the commit after its own. */
    const char *id[4];
    int64_t epoch[4], producer[4];
    for (int i = 0; i < 4; i++) {
        id[i] = json_opt_str(cJSON_GetArrayItem(all, i), "id", "");
        epoch[i] = json_opt_i64(cJSON_GetArrayItem(all, i), "epoch", -1);
        producer[i] = json_opt_i64(cJSON_GetArrayItem(all, i), "producer", -1);
        assert_non_null(strstr(id[i], "-7-0-"));
        for (int k = 0; k < i; k++)
            assert_true(strcmp(id[i], id[k]) != 0 || producer[i] != producer[k] ||
                        epoch[i] > epoch[k]);
        if (i) assert_string_not_equal(id[i], id[i - 1]);
    }
    /* Nothing was written since: nothing to commit. */
    cJSON *none;
    assert_int_equal(prepare(&r, 5, true, &none), SINK_OK);
    assert_null(none);
    run_release(&r);
}

/* Attempts are counted by the job: another one that goes on from its savepoint begins anew. */
static void test_transaction_ids(void **state) {
    struct run r;
    struct kafka_table k;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE("ids")));
    if (kafka_table(&r.h.table, &r.h.arena, &k, &r.err)) fail_msg("%s", r.err.msg);
    AUTO_STR mine = STR_INIT, its = STR_INIT, prefix = STR_INIT;
    transaction_id(&k, "sink", "now", 3, 0, 1, &mine);
    transaction_id(&k, "sink", "before", 3, 0, 1, &its);
    transaction_job_prefix(&k, "sink", "now", &prefix);
    assert_string_not_equal(str_text(&mine), str_text(&its));
    assert_true(transaction_is_left(str_text(&its), str_text(&prefix), 1));
    assert_true(transaction_is_left(str_text(&mine), str_text(&prefix), 4));
    assert_false(transaction_is_left(str_text(&mine), str_text(&prefix), 3));
    assert_false(transaction_is_left(str_text(&mine), str_text(&prefix), 2));
    run_release(&r);
}

/* What the broker says of a commit that can't be. */
static void test_transaction_lost(void **state) {
    make_topic("lost", 1);
    struct run r;
    run_init(&r, "ROW<a INT>", OPTIONS(EXACTLY_ONCE("lost")));
    open_sink(&r, 1);
    cJSON *one;
    assert_int_equal(write_rows(&r, "{\"a\":1}\n", NULL), 0);
    if (prepare(&r, 1, true, &one)) fail_msg("%s", r.err.msg);
    AUTO_JSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, one);
    rd_kafka_mock_push_request_errors(cluster, 26, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    assert_int_equal(r.desc->commit(&r.h.table, list, true, &r.err), ERR_RUNTIME);
    assert_non_null(strstr(r.err.msg, "its rows are lost"));
    assert_int_equal(r.err.cls, ERR_CLASS_USER);
    /* Nor does an id that the broker has forgotten say that it was committed. */
    rd_kafka_mock_push_request_errors(cluster, 26, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
    assert_int_equal(r.desc->commit(&r.h.table, list, true, &r.err), ERR_RUNTIME);
    assert_non_null(strstr(r.err.msg, "its rows are lost"));
    /* An abort has nothing left to do then. */
    rd_kafka_mock_push_request_errors(cluster, 26, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    assert_int_equal(r.desc->abort(&r.h.table, list, &r.err), 0);
    run_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_skip_of_gone_record),
        cmocka_unit_test(test_group_offsets),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_write_through_faults),
        cmocka_unit_test(test_write_refused),
        cmocka_unit_test(test_write_upserts),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_transaction_ids),
        cmocka_unit_test(test_transaction_lost),
    };
    return cmocka_run_group_tests(tests, cluster_start, cluster_stop);
}
