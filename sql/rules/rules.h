/* rules.h - rewriting the logical plan. A rule is one .c with one `const struct rule rule_<name>`
 * and one line in rules.def. Rules are pure: they make new nodes in the arena and leave the old
 * ones alone.
 *
 * Stages run in order. In a stage of local rules every node is visited inputs first; a rule that
 * returns another node has it visited again, until no rule applies. A rule that is a pass sees the
 * whole plan at once. */
#ifndef PENSTOCK_SQL_RULES_RULES_H
#define PENSTOCK_SQL_RULES_RULES_H

#include "sql/ptrmap.h"
#include "sql/rel.h"
#include "sql/session.h"

enum rule_stage {
    RULE_SHARE,    /* equal parts become one node */
    RULE_SIMPLIFY, /* local: constants, filters down, neighbours merged */
    RULE_PRUNE,    /* columns nobody reads go */
    RULE_TIDY,     /* local: what pruning left behind */
    RULE_RESHARE,
    RULE_STAGES
};

struct rule_ctx {
    struct arena *arena;
    bool batch;
    bool share;               /* table.optimizer.reuse-sub-plan-enabled */
    int64_t distinct_buckets; /* of split DISTINCT aggregates; 0: none are split */
    const struct eval_env *env;
    struct ptrmap uses; /* rel -> consumers; nodes made by rules count as used once */
};

struct rule {
    const char *name, *doc;
    unsigned stages; /* bits: 1 << enum rule_stage */
    /* One of them. apply: NULL where the rule does not apply to r. */
    const struct rel *(*apply)(struct rule_ctx *ctx, const struct rel *r);
    int (*pass)(struct rule_ctx *ctx, const struct rel **sinks, int n_sinks, struct err *err);
};

/* Rewrites sinks[0..n) in place. */
int rules_run(struct rule_ctx *ctx, const struct rel **sinks, int n_sinks,
              struct err *err) ATTR_MUST_USE;

/* ---- for rules (rewrite.c) ---- */

bool rule_is_shared(const struct rule_ctx *ctx, const struct rel *r);
/* r over other inputs of the same columns. */
const struct rel *rule_with_inputs(struct arena *a, const struct rel *r,
                                   const struct rel *const *inputs);
/* A shallow copy, to be changed. */
struct rel *rule_copy(struct arena *a, const struct rel *r);
const struct rel *rule_filter(struct arena *a, const struct rel *in, const struct expr *predicate,
                              const struct rel *at);
/* Columns cols[0..n) of in. */
const struct rel *rule_pick(struct arena *a, const struct rel *in, const int *cols, int n);
const struct rel *rule_empty(struct arena *a, const struct rel *like);
bool rule_is_empty(const struct rel *r); /* VALUES without rows */
/* Whether exprs over a projection can be written over its input: no blow-up, nothing random
 * computed twice. */
bool rule_can_substitute(struct arena *a, const struct expr *const *exprs, int n,
                         const struct expr *const *below, int n_below);
/* Whether e reads columns in [from, to) only. */
bool rule_reads_within(const struct expr *e, int from, int to);
const struct expr *rule_shift_columns(struct arena *a, const struct expr *e, int from, int by,
                                      int n);
bool rule_is_true(const struct expr *e);
bool rule_is_false(const struct expr *e); /* FALSE or NULL: as a condition the same */

/* Whether a column comes straight from a window table function's own columns; through_aggregates:
 * also as a key of an aggregate in between. */
bool rule_is_window_column(const struct rel *r, int column, bool through_aggregates);

enum { RULE_CONJUNCTS_MAX = 256 };
/* Conjuncts of e into ret[RULE_CONJUNCTS_MAX]; one (e itself) where there are too many. */
int rule_conjuncts(const struct expr *e, const struct expr **ret);

#endif
