/* sink_rules.h - what a table declares and a sink enforces on every row: NOT NULL columns, and the
 * lengths of CHAR, VARCHAR, BINARY and VARBINARY. */
#ifndef PENSTOCK_WORKER_SINK_RULES_H
#define PENSTOCK_WORKER_SINK_RULES_H

#include "vector/batch.h"

struct sink_rules;

/* config: of the sink op (docs/plan.md); schema, table: borrowed. */
int sink_rules_new(const cJSON *config, const struct schema *schema, const char *table,
                   struct sink_rules **ret, struct err *err) ATTR_MUST_USE;
void sink_rules_free(struct sink_rules *r);
/* Takes b, on failure too. *ret_b: the rows that may be written (perhaps none), owned by the
 * caller; *ret_dropped: how many were dropped. ERR_RUNTIME names the column. */
int sink_rules_apply(struct sink_rules *r, struct batch *b, struct batch **ret_b,
                     uint32_t *ret_dropped, struct err *err) ATTR_MUST_USE;

#endif
