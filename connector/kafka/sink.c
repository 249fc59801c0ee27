#include "connector/kafka/kafka.h"
int kafka_sink_new(const struct connector_table *t, const struct sink_ctx *ctx, struct sink **ret, struct err *err) { return err_set(err, ERR_UNSUPPORTED, "sink"); }
int kafka_commit(const struct connector_table *t, const cJSON *committables, bool end, struct err *err) { return 0; }
int kafka_abort(const struct connector_table *t, const cJSON *committables, struct err *err) { return 0; }
