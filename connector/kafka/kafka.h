/* kafka.h - the connectors 'kafka' and 'upsert-kafka' over librdkafka: what their parts share.
 *
 * table.c: options, which columns are in keys and values; properties.c: 'properties.*' as
 * librdkafka's configuration; client.c: clients, their log and errors; enumerate.c → source.c;
 * sink.c over producer.c; wire.c → commit.c: transactions are ended by requests of our own. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_KAFKA_H
#define PENSTOCK_CONNECTOR_KAFKA_KAFKA_H

#include "connector/connector.h"
#include "connector/format/format.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

extern const struct connector_desc connector_kafka, connector_upsert_kafka;

enum kafka_startup {
    STARTUP_EARLIEST,
    STARTUP_LATEST,
    STARTUP_GROUP,
    STARTUP_TIMESTAMP,
    STARTUP_SPECIFIC
};
enum kafka_bounded {
    BOUNDED_NEVER,
    BOUNDED_LATEST,
    BOUNDED_GROUP,
    BOUNDED_TIMESTAMP,
    BOUNDED_SPECIFIC
};
enum kafka_guarantee { GUARANTEE_NONE, GUARANTEE_AT_LEAST_ONCE, GUARANTEE_EXACTLY_ONCE };
enum kafka_partitioner { PARTITIONER_DEFAULT, PARTITIONER_FIXED, PARTITIONER_ROUND_ROBIN };
enum kafka_lost { LOST_FAIL, LOST_IGNORE };

struct kafka_options {
    const char *topic, *topic_pattern, *servers;
    int startup, bounded; /* enum kafka_startup, kafka_bounded */
    int64_t startup_ms, bounded_ms;
    const char *startup_offsets, *bounded_offsets;
    int64_t discovery_ms;
    const char *format, *value_format, *key_format, *key_fields, *key_prefix;
    int fields_include;          /* 0 ALL, 1 EXCEPT_KEY */
    int guarantee, lost, naming; /* enum kafka_guarantee, kafka_lost */
    const char *transaction_prefix, *partitioner;
    int64_t flush_rows, flush_ms; /* upsert-kafka */
    int partitioner_kind;         /* enum kafka_partitioner */
};

/* One format of a table: key or value. */
struct kafka_part {
    const struct format_desc *format; /* NULL: no key format */
    struct connector_table table;     /* with the options under their plain names */
    const struct schema *schema;      /* its columns, without the key prefix; then the format's
                                         metadata columns */
    const char *const *metadata;      /* per column of schema: the format's metadata key, or NULL */
    int *column;                      /* per column of schema: number in the table's schema */
};

/* A table as the connector sees it; in an arena. */
struct kafka_table {
    const struct connector_table *table;
    bool upsert;
    struct kafka_options options;
    struct kafka_part key, value;
    int n_topics;
    const char **topics; /* 'topic'; none with a pattern */
};

/* ERR_VALIDATION, ERR_UNSUPPORTED: whatever is wrong with the table's options. */
int kafka_table(const struct connector_table *t, struct arena *a, struct kafka_table *ret,
                struct err *err) ATTR_MUST_USE;
/* The same for one use of the table, formats included. */
int kafka_check(const struct connector_table *t, bool as_sink, struct err *err);
extern const struct metadata_key kafka_metadata[];
/* The format's key of a metadata column 'value.x'; NULL if key isn't one. */
const char *kafka_format_metadata(const char *key);

struct kafka_offset {
    int32_t partition;
    int64_t offset;
};
/* 'partition:0,offset:42;partition:1,offset:300'. */
int kafka_parse_offsets(struct arena *a, const char *option, const char *text,
                        struct kafka_offset **ret, int *ret_n, struct err *err) ATTR_MUST_USE;

/* ---- clients ---- */

enum kafka_role { KAFKA_LISTING, KAFKA_SOURCE, KAFKA_SINK };

/* The configuration that 'properties.*' and the role give. Names are the Java client's or
 * librdkafka's own; the Java client's are translated where they differ, left out with a warning
 * where they have no meaning here, refused where leaving them out would change what the job does.
 */
int kafka_conf(const struct kafka_table *k, enum kafka_role role, rd_kafka_conf_t **ret,
               struct err *err) ATTR_MUST_USE;
/* Value of a property as the user gave it, by the Java client's name; NULL if unset. */
const char *kafka_property(const struct kafka_table *k, const char *name);

/* Last error that a client told of: librdkafka goes on trying whatever happens. */
struct kafka_trouble {
    pthread_mutex_t lock;
    char servers[128], last[256], fatal[256];
};
void kafka_trouble_init(struct kafka_trouble *t);
void kafka_trouble_of(struct kafka_trouble *t, const char *servers); /* for the messages */
void kafka_trouble_note(struct kafka_trouble *t, rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        const char *reason);
void kafka_trouble_release(struct kafka_trouble *t);
/* takes conf, on failure too. trouble outlives the client; it becomes the client's opaque. */
int kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct kafka_trouble *trouble,
                 rd_kafka_t **ret, struct err *err) ATTR_MUST_USE;
/* ERR_*, with the class that says what helps: "kafka 127.0.0.1:9092: doing: why". */
int kafka_err(struct err *err, struct kafka_trouble *trouble, rd_kafka_resp_err_t code,
              const char *doing) ATTR_MUST_USE;
int kafka_fatal(struct err *err, struct kafka_trouble *trouble) ATTR_MUST_USE; /* 0: none */

/* ---- source and sink ---- */

int kafka_enumerate(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                    struct err *err);
int kafka_enumerate_more(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                         struct err *err);
int kafka_source_new(const struct connector_table *t, const struct source_ctx *ctx,
                     struct source **ret, struct err *err);
int kafka_sink_new(const struct connector_table *t, const struct sink_ctx *ctx, struct sink **ret,
                   struct err *err);
int kafka_commit(const struct connector_table *t, const cJSON *committables, bool end,
                 struct err *err);
int kafka_abort(const struct connector_table *t, const cJSON *committables, struct err *err);

#endif
