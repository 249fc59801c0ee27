/* rel.h - the logical plan: relational algebra as the binder makes it and the rules rewrite it.
 * Nodes live in an arena, are treated as immutable once another node refers to them, and may be
 * shared (views, CTEs, several sinks: a shared node is computed once). Expressions refer to the
 * concatenation of the inputs' columns.
 *
 * Schemas carry time attributes as Flink's resolved schema shows them. Where an op loses them
 * although its type keeps them (both sides of a regular join, keys of an updating aggregate), the
 * planner materialises. Names within a schema may repeat below the topmost PROJECT. */
#ifndef PENSTOCK_SQL_REL_H
#define PENSTOCK_SQL_REL_H

#include "sql/catalog.h"
#include "sql/rel_match.h"
#include "sql/rel_types.h"
#include "vector/func/agg.h"

#define REL_LIST(X)                                                                                \
    X(SCAN)      /* a catalog table: physical and metadata columns as declared */                  \
    X(VALUES)    /* literal rows */                                                                \
    X(PROJECT)   /* exprs */                                                                       \
    X(FILTER)    /* predicate */                                                                   \
    X(WATERMARK) /* WATERMARK FOR of a table: column + expression */                               \
    X(WINDOW)    /* window table function: appends window_start, window_end, window_time */        \
    X(AGGREGATE) /* GROUP BY, DISTINCT, grouping sets */                                           \
    X(JOIN)      /* any of enum join_type on a predicate */                                        \
    X(TEMPORAL)  /* join FOR SYSTEM_TIME AS OF: temporal table or lookup */                        \
    X(CORRELATE) /* lateral: UNNEST or table function of the left row */                           \
    X(OVER)      /* analytic functions: appends one column per call */                             \
    X(SORT)      /* ORDER BY, OFFSET, LIMIT; all optional */                                       \
    X(UNION)     /* UNION ALL of n inputs */                                                       \
    X(SETOP)     /* INTERSECT, EXCEPT [ALL] */                                                     \
    X(MATCH)     /* MATCH_RECOGNIZE */                                                             \
    X(CHANGELOG) /* TO_CHANGELOG, FROM_CHANGELOG */                                                \
    X(SINK)      /* INSERT INTO; inputs[0] has the sink's columns */

enum rel_kind {
#define X(k) REL_##k,
    REL_LIST(X)
#undef X
        REL_KIND_COUNT
};

enum window_type { WINDOW_TUMBLE, WINDOW_HOP, WINDOW_CUMULATE, WINDOW_SESSION };

struct window_spec {
    enum window_type type;
    int time_column;
    int64_t size_ms, slide_ms, gap_ms, offset_ms; /* slide: HOP's slide, CUMULATE's step */
    int n_keys;                                   /* SESSION: PARTITION BY */
    const int *keys;
};

struct rel_agg {
    struct agg_call call;
    int args[AGG_ARGS_MAX]; /* input columns */
    int filter;             /* BOOLEAN input column or -1 */
    int n_order;            /* WITHIN GROUP (ORDER BY ...) */
    const struct sort_key *order;
};

/* Window properties and group functions of the older GROUP BY TUMBLE(...) form. */
struct legacy_window {
    struct window_spec spec; /* time_column of the aggregate's input */
    bool on;
    bool want_start, want_end, want_rowtime, want_proctime; /* appended in this order */
};

struct over_call {
    struct agg_call call; /* or: */
    const char *rank_fn;  /* ROW_NUMBER, RANK, DENSE_RANK, NTILE, PERCENT_RANK, CUME_DIST,
                             LAG, LEAD; NULL for aggregates */
    const struct type *type;
    int n_args;
    int args[AGG_ARGS_MAX]; /* LAG, LEAD: value, then the default if there is one */
    int64_t offset;         /* LAG, LEAD; NTILE's n */
};

#define FRAME_UNBOUNDED INT64_MAX

struct over_spec { /* one window of calls that share it */
    int n_partition;
    const int *partition;
    int n_order;
    const struct sort_key *order;
    bool rows;                    /* ROWS, else RANGE */
    int64_t preceding, following; /* rows; RANGE: ms, or units of a numeric order column. 0 =
                                     current row, FRAME_UNBOUNDED; negative = on the other side */
    int n_calls;
    const struct over_call *calls;
};

struct changelog_code {
    enum row_kind kind;
    const char *code;
};

struct rel_hint { /* STATE_TTL('a' = '1d'), LOOKUP(...) and their like, as written */
    const char *name;
    int n_args;
    const struct table_option *args; /* key NULL for positional */
    int line, column;
};

struct table_desc;

struct rel {
    enum rel_kind kind;
    const struct schema *schema; /* output names and types; rowtime and proctime attributes set */
    int n_inputs;
    const struct rel *const *inputs;
    int n_hints;
    const struct rel_hint *hints;
    const int64_t *ttl_ms; /* JOIN, AGGREGATE: STATE_TTL per input, -1 = not given; NULL: none */
    int line, column;      /* of the SQL that asked for it */
    union {
        struct {
            const struct table_desc *table;     /* sql/session.h */
            const struct table_option *options; /* with hints' OPTIONS applied */
            int n_options;
        } scan;
        struct {
            int n_rows;
            const struct column *const *cells; /* n_rows x schema->n values, row by row */
        } values;
        struct {
            const struct expr *const *exprs; /* schema->n */
        } project;
        struct {
            const struct expr *predicate;
        } filter;
        struct {
            int column;
            const struct expr *expr;
        } watermark;
        struct window_spec window;
        struct {
            int n_keys;
            const int *keys;
            int n_aggs;
            const struct rel_agg *aggs;
            /* grouping sets: each a bit set over keys; 0 = plain GROUP BY. Output: keys, aggs,
             * legacy window properties, then GROUPING/GROUPING_ID columns as asked for */
            int n_sets;
            const uint64_t *sets;
            int n_groupings; /* GROUPING_ID calls: each a list of key positions */
            const int *const *groupings;
            const int *grouping_lens;
            struct legacy_window legacy;
        } agg;
        struct {
            enum join_type type;
            const struct expr *predicate; /* NULL = TRUE; over left then right columns */
            bool null_aware; /* ANTI from NOT IN of nullable values: the predicate says so itself,
                                x = y OR x IS NULL OR y IS NULL */
        } join;
        struct {
            enum join_type type; /* INNER, LEFT */
            const struct expr *predicate;
            int left_time; /* FOR SYSTEM_TIME AS OF left column */
        } temporal;
        struct {
            enum join_type type;           /* INNER, LEFT */
            const struct expr *collection; /* ARRAY, MAP or MULTISET of the left row; or a user's
                                              table function, which gives an ARRAY of its rows */
            bool ordinality;
        } correlate;
        struct over_spec over;
        struct {
            int n_keys;
            const struct sort_key *keys;
            int64_t offset, limit; /* limit -1 = none */
        } sort;
        struct {
            bool except, all; /* else INTERSECT */
        } setop;
        struct {
            const struct match_spec *spec;
            const struct ast_match *ast; /* for EXPLAIN */
        } match;
        struct {
            bool to;    /* rows get a code (column 0); else codes make row kinds */
            int column; /* FROM_CHANGELOG: the codes */
            int n_codes;
            const struct changelog_code *codes; /* rows of other kinds or codes are dropped */
        } changelog;
        struct {
            const struct table_desc *table;
            const struct table_option *options;
            int n_options;
            bool overwrite;
            bool collect; /* bare SELECT: rows go to whoever runs the script; table NULL */
            const char *on_conflict; /* ON CONFLICT DO ERROR | NOTHING | DEDUPLICATE; NULL */
        } sink;
    } u;
};

const char *rel_kind_name(enum rel_kind k);
const char *join_type_name(enum join_type t); /* "inner" */
struct rel *rel_new(struct arena *a, enum rel_kind kind, const struct schema *schema,
                    const struct rel *const *inputs, int n_inputs);
/* Indented tree, as EXPLAIN shows it. Appended. */
void rel_print(const struct rel *r, struct str *out);

#endif
