/* field.h - the generator of one column's values: random within bounds, a sequence, or the time of
 * day. A value is a function of (seed, field, row number), but for times, which are the clock's. */
#ifndef PENSTOCK_CONNECTOR_DATAGEN_FIELD_H
#define PENSTOCK_CONNECTOR_DATAGEN_FIELD_H

#include "connector/connector.h"

enum field_kind { FIELD_RANDOM, FIELD_SEQUENCE };

struct field_gen {
    const struct type *type;
    enum field_kind kind;
    int64_t min, max; /* integers, intervals; sequences: start and end */
    double f_min, f_max;
    int64_t max_past_ms;
    int64_t length; /* of strings, bytes and collections */
    bool var_length;
    double null_rate;
    uint64_t seed;
    bool own_seed; /* 'fields.#.seed' is set */
    int n_children;
    struct field_gen *children;
};

/* Reads 'fields.<name>.*' of t; marks the options it used in used[] (one flag per option).
 * ERR_VALIDATION / ERR_UNSUPPORTED. */
int field_gen_init(struct field_gen *g, struct arena *a, const struct connector_table *t,
                   const char *name, const struct type *type, bool *used,
                   struct err *err) ATTR_MUST_USE;

/* Rows that the field can make; INT64_MAX for random ones. */
int64_t field_gen_rows(const struct field_gen *g);

/* Appends the value of row number `row`. seed: of the source; field: its number. */
void field_gen_add(const struct field_gen *g, uint64_t seed, int field, int64_t row,
                   const struct eval_env *env, struct col_builder *b);

#endif
