/* producer.h - a client that writes, with or without a transaction. What would block (starting,
 * flushing, going away) runs on the connectors' I/O threads; wake follows. A transactional producer
 * makes one transaction in its life. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_PRODUCER_H
#define PENSTOCK_CONNECTOR_KAFKA_PRODUCER_H

#include "connector/kafka/kafka.h"

struct producer;

enum producer_state {
    PRODUCER_BUSY,   /* starts or flushes: wake follows */
    PRODUCER_READY,  /* takes records; if transactional, within the transaction */
    PRODUCER_FLUSHED /* all that was sent is acknowledged by the brokers */
};

/* transactional_id NULL: none. Starts in the background. wake: from any thread, until
 * producer_free. */
int producer_new(const struct kafka_table *k, const char *transactional_id, void (*wake)(void *),
                 void *wake_self, struct producer **ret, struct err *err) ATTR_MUST_USE;
/* Aborts the transaction unless keep (it is prepared), and goes away in the background. NULL
 * accepted. */
void producer_free(struct producer *p, bool keep_transaction);

/* enum producer_state, or the ERR_* that it failed with. */
int producer_state(struct producer *p, struct err *err);
/* Sends messages, whose partition each says (RD_KAFKA_PARTITION_UA: by key). Copies them. Returns
 * how many were taken, from the first on (wake follows where there was no room), or ERR_*. READY
 * alone. */
int producer_send(struct producer *p, rd_kafka_message_t *messages, int n, struct err *err);
/* One with headers or a time of its own (-1: now): 1, 0 (no room) or ERR_*. Takes headers if 1. */
int producer_send_one(struct producer *p, const rd_kafka_message_t *m, int64_t time_ms,
                      rd_kafka_headers_t *headers, struct err *err);
/* READY or FLUSHED → BUSY → FLUSHED; at once if nothing is under way. */
void producer_flush(struct producer *p);
void producer_resume(struct producer *p); /* FLUSHED → READY */
bool producer_has_sent(const struct producer *p);
/* Of the topic; once READY. */
int producer_partitions(const struct producer *p);
/* Of a transaction; once READY. */
const char *producer_id(const struct producer *p);
int64_t producer_pid(const struct producer *p);
int producer_epoch(const struct producer *p);

#endif
