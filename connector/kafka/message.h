/* message.h - rows of a batch as Kafka messages, on their way to a producer. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_MESSAGE_H
#define PENSTOCK_CONNECTOR_KAFKA_MESSAGE_H

#include "connector/kafka/producer.h"

struct messages;

int messages_new(const struct kafka_table *k, const struct eval_env *env, struct messages **ret,
                 struct err *err) ATTR_MUST_USE;
void messages_free(struct messages *m); /* NULL accepted */
/* n 0: all go to `partition`; else to 0..n-1 in turns. Without a call the key decides. */
void messages_set_partition(struct messages *m, int partition, int n);
/* The rows of a batch; none may be left of the one before. The batch is remembered by its address
 * until messages_done. */
int messages_encode(struct messages *m, const struct batch *b, struct err *err) ATTR_MUST_USE;
const struct batch *messages_batch(const struct messages *m);
void messages_done(struct messages *m);
uint64_t messages_bytes(const struct messages *m); /* of the last batch */
uint32_t messages_left(const struct messages *m);
/* Sends what the producer has room for. ERR_*. */
int messages_send(struct messages *m, struct producer *p, struct err *err) ATTR_MUST_USE;

/* One message: for the buffer of upsert-kafka. value NULL: a tombstone. time_ms -1: none of its
 * own. */
struct message {
    struct sv key, value, headers; /* headers: as messages packs them */
    bool tombstone;
    int64_t time_ms;
};
void messages_get(const struct messages *m, uint32_t i, struct message *ret);
uint32_t messages_count(const struct messages *m);
void messages_clear(struct messages *m); /* drops what is left */
void messages_add(struct messages *m, const struct message *one);

#endif
