/* kinds.h - the kinds of physical nodes. */
#ifndef PENSTOCK_SQL_PHYS_KINDS_H
#define PENSTOCK_SQL_PHYS_KINDS_H

/* What sets a kind of op apart for the planner; rows in phys.c. */
enum phys_flags {
    PF_STATEFUL = 1,
    PF_PASS = 2,          /* hands changes on as they are: -U comes out if -U goes in */
    PF_UPDATE_BEFORE = 4, /* changes of its own; config.updateBefore says with -U or without */
    PF_RETRACTS = 8,      /* config.inputRetracts */
    PF_NEEDS_BEFORE = 16, /* of updates, it must see the old row */
    PF_VIRTUAL = 32       /* union: no op, only edges */
};

struct phys_kind {
    const char *name; /* of the op in the plan */
    unsigned flags;
};

#define PHYS_KIND_LIST(X)                                                                          \
    X(SOURCE, "source", PF_STATEFUL)                                                               \
    X(VALUES, "values", PF_STATEFUL)                                                               \
    X(WATERMARK, "watermark", PF_STATEFUL | PF_PASS)                                               \
    X(CALC, "calc", PF_PASS)                                                                       \
    X(UNION, "union", PF_PASS | PF_VIRTUAL)                                                        \
    X(WINDOW_TVF, "window_tvf", PF_PASS)                                                           \
    X(WINDOW_AGG, "window_agg", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)    \
    X(WINDOW_EMIT, "window_emit", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)  \
    X(SESSION_TVF, "session_tvf", PF_STATEFUL | PF_PASS)                                           \
    X(SESSION_AGG, "session_agg", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)  \
    X(GROUP_AGG, "group_agg", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)      \
    X(WINDOW_JOIN, "window_join", PF_STATEFUL)                                                     \
    X(INTERVAL_JOIN, "interval_join", PF_STATEFUL)                                                 \
    X(JOIN, "join", PF_STATEFUL)                                                                   \
    X(TEMPORAL_JOIN, "temporal_join", PF_STATEFUL)                                                 \
    X(LOOKUP_JOIN, "lookup_join", PF_PASS)                                                         \
    X(RANK, "rank", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)                \
    X(DEDUP, "dedup", PF_STATEFUL | PF_UPDATE_BEFORE)                                              \
    X(OVER, "over", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)                \
    X(MATCH, "match", PF_STATEFUL)                                                                 \
    X(SORT, "sort", PF_STATEFUL | PF_NEEDS_BEFORE)                                                 \
    X(LIMIT, "limit", PF_STATEFUL | PF_UPDATE_BEFORE | PF_RETRACTS | PF_NEEDS_BEFORE)              \
    X(EXPAND, "expand", PF_PASS)                                                                   \
    X(UNNEST, "unnest", PF_PASS)                                                                   \
    X(TABLE_FUNCTION, "table_function", PF_PASS)                                                   \
    X(REPLICATE, "replicate", PF_PASS | PF_NEEDS_BEFORE)                                           \
    X(NORMALIZE, "normalize", PF_STATEFUL | PF_UPDATE_BEFORE)                                      \
    X(MATERIALIZE, "materialize", PF_STATEFUL | PF_NEEDS_BEFORE)                                   \
    X(EXTREME_FILTER, "extreme_filter", PF_PASS)                                                   \
    X(DROP_BEFORE, "drop_before", 0)                                                               \
    X(TO_CHANGELOG, "to_changelog", 0)                                                             \
    X(FROM_CHANGELOG, "from_changelog", 0)                                                         \
    X(SINK, "sink", PF_STATEFUL)

enum pkind {
#define X(k, name, flags) PHYS_##k,
    PHYS_KIND_LIST(X)
#undef X
};

#endif
