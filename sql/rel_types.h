/* rel_types.h - names that logical and physical plans share. */
#ifndef PENSTOCK_SQL_REL_TYPES_H
#define PENSTOCK_SQL_REL_TYPES_H

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI };

#endif
