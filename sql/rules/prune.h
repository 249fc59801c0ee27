/* prune.h - between the two halves of column pruning: needs (prune.c), rebuilding (prune_build.c).
 */
#ifndef PENSTOCK_SQL_RULES_PRUNE_H
#define PENSTOCK_SQL_RULES_PRUNE_H

#include "sql/rules/rules.h"

struct needs {
    bool *used; /* per column */
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
const struct built *prune_built(struct prune *p, const struct rel *r);
/* Makes r anew over its inputs' new forms. */
void prune_build(struct prune *p, const struct rel *r);

#endif
