/* prune.h - between the two halves of column pruning: needs (prune.c), rebuilding (prune_build.c).
 */
#ifndef PENSTOCK_SQL_RULES_PRUNE_H
#define PENSTOCK_SQL_RULES_PRUNE_H

#include "sql/rules/rules.h"

struct needs {
    bool *used;  /* per column */
    bool *whole; /* of a used ROW: all its fields, else only those marked in fields[column] */
    bool **fields;
};

struct built {
    const struct rel *rel;
    const int *map; /* old column -> new one, -1: gone */
};

struct prune {
    struct rule_ctx *ctx;
    struct ptrmap needs, built;
    int n, cap;
    const struct rel **nodes; /* inputs first */
};

struct needs *needs_of(struct prune *p, const struct rel *r);
/* e as a field of a ROW column: its column and field number. */
bool prune_is_field(const struct expr *e, int *ret_column, int *ret_field);
const struct built *prune_built(struct prune *p, const struct rel *r);
/* Makes r anew over its inputs' new forms. */
void prune_build(struct prune *p, const struct rel *r);

#endif
