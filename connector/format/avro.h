/* avro.h - Avro's binary form of a row, by the schema that Flink derives from the table: a record
 * of the columns in declared order; nullable ones are unions of null and the type. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_AVRO_H
#define PENSTOCK_CONNECTOR_FORMAT_AVRO_H

#include "connector/format/format.h"

struct avro_reader {
    const unsigned char *at, *end;
    struct err *err;
};

/* One value of a type, into b, or past it (b NULL). ERR_RECORD. */
int avro_read(struct avro_reader *r, const struct type *t, struct col_builder *b) ATTR_MUST_USE;
/* One value as type t: the table's, which may be nullable where the column's isn't. ERR_RECORD for
 * what has no place in the schema: a map's NULL key. */
int avro_write(const struct type *t, const struct column *c, uint32_t row, struct str *out,
               struct err *err) ATTR_MUST_USE;

/* Flink's mapping of types; legacy: TIMESTAMP alone, as Avro's timestamp-millis. ERR_UNSUPPORTED.
 */
int avro_check_type(const struct type *t, bool legacy, struct err *err) ATTR_MUST_USE;

#endif
