/* partition.h - Hive-style partitions: "dt=2024-01-01/hour=10" in paths, and their values. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_PARTITION_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_PARTITION_H

#include "sql/catalog.h"

struct tz;

/* Appends text with the characters that a path segment can't hold as %XX. */
void partition_escape(struct sv text, struct str *out);
/* The value of segment "name=value" in path, unescaped, in the arena; NULL if there is none. */
const char *partition_find(struct arena *a, const char *path, const char *name);

/* One row of the type, read from the text; NULL text gives SQL NULL. ERR_RECORD. */
int partition_value(struct arena *a, const struct type *t, const char *text, const struct tz *zone,
                    const struct column **ret, struct err *err) ATTR_MUST_USE;
/* Appends "name=value" of a row; NULL and empty values as dflt. */
void partition_print(const char *name, const struct column *c, uint32_t row, const struct tz *zone,
                     const char *dflt, struct str *out);

/* The time that a partition stands for, local ms since the epoch: pattern "$dt $hour:00:00" with
 * its variables replaced by the partition's values, read as yyyy-MM-dd[ HH:mm:ss]. pattern NULL:
 * the first partition column. ERR_RUNTIME. */
int partition_time(const char *partition, const char *pattern, int64_t *ret_ms,
                   struct err *err) ATTR_MUST_USE;

#endif
