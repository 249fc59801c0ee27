/* option.h - how the '<prefix>.*' part of a WITH clause is checked and read; shared by connectors
 * and formats. */
#ifndef PENSTOCK_CONNECTOR_OPTION_H
#define PENSTOCK_CONNECTOR_OPTION_H

#include "sql/catalog.h"

/* Whether key (without prefix) is in the table, exactly or as a member of a family
 * ("fields.#.kind", "properties.*"). */
bool option_known(const struct opt_table *rows, const char *key);
/* The exact row, or NULL also where only a family matches. */
const struct opt_row *option_row(const struct opt_table *rows, const char *key);

/* ERR_VALIDATION: "unknown option 'x' of <what>; did you mean 'y'?" */
int option_unknown(const struct opt_table *rows, const char *prefix, const char *key,
                   const char *what, struct err *err) ATTR_COLD;

#endif
