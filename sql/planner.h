/* planner.h - logical plans to a physical plan: rules (one per file in sql/rules/), changelog
 * inference, distribution, chaining, parallelism. Pure: no I/O but the connectors' own checks. */
#ifndef PENSTOCK_SQL_PLANNER_H
#define PENSTOCK_SQL_PLANNER_H

#include "sql/plan.h"
#include "sql/rel.h"

struct session;

/* Overrides by vertex uid, from spec.plan.vertices. */
struct vertex_override {
    const char *uid;
    int parallelism; /* 0 = unchanged */
    const char *slot_group;
    int chain; /* -1 unchanged, 0 don't chain to what is in front, 1 chain */
};

struct planner_input {
    const char *name; /* of the job */
    int n_sinks;
    const struct rel *const *sinks; /* REL_SINK */
    struct session *session;
    int parallelism;     /* default parallelism, >= 1 */
    int max_parallelism; /* 0 = MAX_PARALLELISM_DEFAULT or more as parallelism needs */
    int n_overrides;
    const struct vertex_override *overrides;
};

/* The plan and everything in it lives in a. Errors are ERR_VALIDATION or ERR_UNSUPPORTED with line
 * and column of the SQL. */
int planner_plan(struct arena *a, const struct planner_input *in, struct plan **ret,
                 struct err *err) ATTR_MUST_USE;
/* The rewritten logical plan, for EXPLAIN. */
int planner_optimize(struct arena *a, const struct planner_input *in, const struct rel **ret_sinks,
                     struct err *err) ATTR_MUST_USE;

#endif
