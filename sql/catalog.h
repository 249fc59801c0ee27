/* catalog.h - what a table is, to the planner and to a connector. The connector API stands here so
 * that connectors depend on nothing else of sql/.
 *
 * A `struct table_desc` is a catalog table as declared. A `struct connector_table` is one use of it
 * in a plan: options resolved (hints applied), columns pruned; it travels as JSON inside the plan's
 * source and sink ops and is all that a connector gets to see. */
#ifndef PENSTOCK_SQL_CATALOG_H
#define PENSTOCK_SQL_CATALOG_H

#include "base/core/opt.h"
#include "vector/batch.h"

/* Which changes a connector gives or takes; bits by row kind. */
enum changelog_mode {
    CHANGELOG_INSERT = 1 << ROW_INSERT,
    CHANGELOG_UPDATE_BEFORE = 1 << ROW_UPDATE_BEFORE,
    CHANGELOG_UPDATE_AFTER = 1 << ROW_UPDATE_AFTER,
    CHANGELOG_DELETE = 1 << ROW_DELETE,
    CHANGELOG_ALL = 15,
    CHANGELOG_UPSERT = CHANGELOG_INSERT | CHANGELOG_UPDATE_AFTER | CHANGELOG_DELETE
};

struct table_option {
    const char *key, *value;
};

/* One use of a table. Lives in an arena. */
struct connector_table {
    const char *name;            /* as the user wrote it, for messages */
    const struct schema *schema; /* physical and metadata columns in declared order (no computed
                                    ones); a sink gets exactly these columns */
    const char *const *metadata; /* per column: metadata key, or NULL for a physical column; the
                                    array itself may be NULL */
    const int *projection;       /* source: columns of schema to produce, in this order */
    int n_projection;            /* -1 = all */
    int n_options;
    const struct table_option *options; /* "connector" included */
    int n_primary_key;
    const int *primary_key; /* column numbers */
    int n_partition_keys;
    const int *partition_keys;
    enum changelog_mode sink_mode;    /* sink: the changes the plan will send */
    const struct schema *dead_letter; /* source: the dead-letter table's schema, NULL = none */
    bool batch_mode;
    const char *zone; /* session time zone */
};

const char *connector_table_option(const struct connector_table *t, const char *key); /* or NULL */
/* err_wrap by "table 'name'", unless err says that already: connectors name their table, and so do
 * those who call them. */
int connector_err_wrap(struct err *err, const char *table);
cJSON *connector_table_to_json(const struct connector_table *t); /* secret options included */
int connector_table_from_json(struct arena *a, const cJSON *j, struct connector_table *ret,
                              struct err *err) ATTR_MUST_USE;

struct source;
struct sink;
struct lookup;
struct source_ctx;
struct sink_ctx;
struct lookup_ctx;

enum connector_caps {
    CONNECTOR_SOURCE = 1,
    CONNECTOR_SINK = 2,
    CONNECTOR_FORMAT = 4,     /* takes 'format' and '<format>.*' options */
    CONNECTOR_PROJECTION = 8, /* source: honours `projection` cheaply; without it the framework
                                 drops columns behind the source */
    CONNECTOR_LOOKUP = 16, /* joins FOR SYSTEM_TIME AS OF processing time; takes lookup.* options */
    CONNECTOR_PARTITIONED = 32, /* sink and source take PARTITIONED BY */
    CONNECTOR_HIDDEN = 64 /* for the planner alone: not in WITH ('connector' = ...), not in docs */
};

struct metadata_key {
    const char *key;
    const char *type; /* Flink type text */
    bool writable;
    const char *doc;
};

/* One per connector: `const struct connector_desc connector_<name>` in its .c, one line in
 * connector_list.def. */
struct connector_desc {
    const char *name; /* WITH ('connector' = name) */
    const char *doc;
    unsigned caps;
    struct opt_table
        options; /* its own; common ones (connector, format, penstock.dead-letter,
                    scan.parallelism, sink.parallelism, scan.watermark.*) are the planner's */
    const struct metadata_key *metadata; /* ended by a NULL key; may be NULL */

    /* Planning, any thread. Each may be NULL: nothing to check; bounded; insert-only source;
     * sink takes everything. */
    int (*check)(const struct connector_table *t, bool as_sink, struct err *err);
    int (*is_bounded)(const struct connector_table *t, bool *ret, struct err *err);
    enum changelog_mode (*source_mode)(const struct connector_table *t);
    enum changelog_mode (*sink_mode)(const struct connector_table *t, enum changelog_mode input);
    int (*fixed_parallelism)(const struct connector_table *t); /* 0 = any */
    /* A source's ROW columns may come with some of their fields only, in declared order: it finds
     * fields by name. NULL: no. */
    bool (*nested_projection)(const struct connector_table *t);

    /* Source, in the coordinator: the splits there are now, as a JSON array of objects each with a
     * unique string "id" and, where known, "bytes" or "records" (for progress). */
    int (*enumerate)(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                     struct err *err);
    /* The same, while the job runs: splits whose id is new are read from their beginning. NULL:
     * enumerate does. */
    int (*enumerate_more)(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                          struct err *err);
    /* How often an unbounded source's coordinator calls enumerate_more and hands out the splits
     * whose id is new; 0 = never. NULL: never. */
    int64_t (*discovery_interval_ms)(const struct connector_table *t);
    int (*source_new)(const struct connector_table *t, const struct source_ctx *ctx,
                      struct source **ret, struct err *err);

    /* CONNECTOR_LOOKUP: asks for rows by key. NULL: a bounded source, which is read whole and
     * looked up in memory. */
    int (*lookup_new)(const struct connector_table *t, const struct lookup_ctx *ctx,
                      struct lookup **ret, struct err *err);

    int (*sink_new)(const struct connector_table *t, const struct sink_ctx *ctx, struct sink **ret,
                    struct err *err);
    /* In the coordinator, once per checkpoint or at the end: makes what the sinks prepared visible,
     * all or nothing per committable. Idempotent. committables: array of what sinks prepared.
     * end: the job's input has ended. May be NULL where sinks prepare nothing. */
    int (*commit)(const struct connector_table *t, const cJSON *committables, bool end,
                  struct err *err);
    /* Removes what was prepared and not committed. */
    int (*abort)(const struct connector_table *t, const cJSON *committables, struct err *err);
};

const struct connector_desc *connector_find(const char *name); /* NULL if unknown */
const struct connector_desc *const *connector_all(size_t *ret_n);

#endif
