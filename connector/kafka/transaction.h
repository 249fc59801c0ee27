/* transaction.h - ids of transactions, what a checkpoint remembers of them, and ending them. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_TRANSACTION_H
#define PENSTOCK_CONNECTOR_KAFKA_TRANSACTION_H

#include "connector/kafka/wire.h"

/* "<prefix>-<sink>-", which the ids of one sink begin with, whatever the job that goes on with its
 * state and the attempt. */
void transaction_prefix(const struct kafka_table *k, const char *op_uid, struct str *out);
/* "<prefix>-<sink>-<job>-": those of one job. Attempts are counted by the job. */
void transaction_job_prefix(const struct kafka_table *k, const char *op_uid, const char *job_id,
                            struct str *out);
/* "<prefix>-<sink>-<job>-<attempt>-<subtask>-<slot>" */
void transaction_id(const struct kafka_table *k, const char *op_uid, const char *job_id,
                    uint64_t attempt, int subtask, int slot, struct str *out);
/* The id, one of the sink's, is of another job or of an earlier attempt of this one. */
bool transaction_is_left(const char *id, const char *job_prefix, uint64_t attempt);
/* {"id", "producer", "epoch"} */
cJSON *transaction_committable(const char *id, int64_t producer, int epoch);
/* Aborts what earlier attempts, and jobs that this one goes on from, left open, and fences their
 * producers. Blocking. */
int transaction_sweep(const struct kafka_table *k, const char *prefix, const char *job_prefix,
                      uint64_t attempt, struct err *err) ATTR_MUST_USE;

#endif
