/* wire.h - Kafka's protocol, as far as librdkafka doesn't offer it: requests to end a transaction
 * whose producer may be gone. librdkafka can't take up the transaction of a dead producer; the
 * protocol can: EndTxn carries the producer's id and epoch, which a checkpoint remembers. Blocking,
 * for I/O threads. Security as in the table's 'properties.*': PLAINTEXT, SSL, SASL PLAIN and SCRAM.
 *
 * The protocol: https://kafka.apache.org/protocol; versions that brokers 2.0 to 4.x take. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_WIRE_H
#define PENSTOCK_CONNECTOR_KAFKA_WIRE_H

#include "connector/kafka/kafka.h"

/* Error codes of brokers that have a meaning here. */
enum wire_error {
    WIRE_NONE = 0,
    WIRE_COORDINATOR_LOADING = 14,
    WIRE_COORDINATOR_UNAVAILABLE = 15,
    WIRE_NOT_COORDINATOR = 16,
    WIRE_INVALID_EPOCH = 47,
    WIRE_INVALID_STATE = 48,
    WIRE_INVALID_ID_MAPPING = 49,
    WIRE_CONCURRENT_TRANSACTIONS = 51,
    WIRE_FENCED = 90,
    WIRE_ID_NOT_FOUND = 105
};

struct wire; /* connections to the brokers of a cluster */

/* ERR_UNSUPPORTED where the table's security isn't spoken here. Connects when first asked. */
int wire_new(const struct kafka_table *k, struct wire **ret, struct err *err) ATTR_MUST_USE;
void wire_free(struct wire *w); /* NULL accepted */
/* What wire_new refuses, without connecting. */
int wire_check(const struct kafka_table *k, struct err *err) ATTR_MUST_USE;

struct wire_transaction {
    const char *id; /* transactional.id */
    int64_t producer;
    int16_t epoch;
};

/* Each returns 0 and what the broker said, or ERR_NET, ERR_TIMEOUT, ERR_PERMISSION, ERR_PROTOCOL.
 */
int wire_end(struct wire *w, const struct wire_transaction *t, bool commit,
             enum wire_error *ret_code, struct err *err) ATTR_MUST_USE;
/* Begins a new epoch of the id: what is open is aborted, older producers are fenced. */
int wire_fence(struct wire *w, const char *id, enum wire_error *ret_code,
               struct err *err) ATTR_MUST_USE;
/* State ("Ongoing", "CompleteAbort"...) and epoch of a transactional id. Brokers from 3.0;
 * ERR_UNSUPPORTED of others. */
int wire_describe(struct wire *w, const char *id, enum wire_error *ret_code, char ret_state[32],
                  int16_t *ret_epoch, struct err *err) ATTR_MUST_USE;
/* Calls found for every transactional id of the cluster that begins with prefix and has a
 * transaction open. As wire_describe. */
int wire_list_open(struct wire *w, const char *prefix, void (*found)(void *self, const char *id),
                   void *self, struct err *err) ATTR_MUST_USE;
const char *wire_error_text(enum wire_error code); /* librdkafka's, which has the same numbers */

#endif
