/* transaction.h - ids of transactions, what a checkpoint remembers of them, and ending them. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_TRANSACTION_H
#define PENSTOCK_CONNECTOR_KAFKA_TRANSACTION_H

#include "connector/kafka/wire.h"

/* "<prefix>-<sink>-", which the ids of one sink of a job begin with, whatever the attempt. */
void transaction_prefix(const struct kafka_table *k, const char *op_uid, struct str *out);
/* "<prefix>-<sink>-<attempt>-<subtask>-<slot>" */
void transaction_id(const struct kafka_table *k, const char *op_uid, uint64_t attempt, int subtask,
                    int slot, struct str *out);
/* {"id", "producer", "epoch"} */
cJSON *transaction_committable(const char *id, int64_t producer, int epoch);
/* Aborts what attempts before this one left open, and fences their producers. Blocking. */
int transaction_sweep(const struct kafka_table *k, const char *prefix, uint64_t attempt,
                      struct err *err) ATTR_MUST_USE;

#endif
