/* rel_types.h - what logical and physical plans share. */
#ifndef PENSTOCK_SQL_REL_TYPES_H
#define PENSTOCK_SQL_REL_TYPES_H

#include <stdbool.h>

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI };

struct sort_key {
    int column;
    bool desc, nulls_first;
};

#endif
