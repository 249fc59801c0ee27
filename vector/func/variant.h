/* variant.h - VARIANT values. A VARIANT is held as JSON in one canonical text, the one Flink
 * prints: compact, members in order of their keys, numbers as their VARIANT type has them (64-bit
 * integers, decimals up to 38 digits, else doubles). Equal values have equal texts, and a part of a
 * VARIANT is a piece of its text. */
#ifndef PENSTOCK_VECTOR_FUNC_VARIANT_H
#define PENSTOCK_VECTOR_FUNC_VARIANT_H

#include "vector/func/json_doc.h"

/* JSON as a tree that jdoc_print writes in the canonical form. ERR_RUNTIME: no JSON, a key twice
 * (unless that is allowed: then the last one counts), a number beyond DOUBLE. */
int variant_parse(struct arena *a, struct sv json, bool allow_duplicates, struct jnode **ret,
                  struct err *err) ATTR_MUST_USE;
/* The tree of a canonical text. */
int variant_read(struct arena *a, struct sv text, struct jnode **ret,
                 struct err *err) ATTR_MUST_USE;
/* Element i (from 0) of an array's text; false if there is none. */
bool variant_element(struct sv text, uint32_t i, struct sv *ret);
/* The member of an object's text; key is quoted and escaped as jdoc_print_string does it. */
bool variant_member(struct sv text, struct sv quoted_key, struct sv *ret);

#endif
