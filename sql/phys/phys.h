/* phys.h - physical nodes: what the planner makes of the logical plan, one op each, before they are
 * chained. phys_node translates bottom up, each kind of rel in its own file; changelog.c decides
 * who sends -U; graph.c chains, wires and names. A node is made once per rel. */
#ifndef PENSTOCK_SQL_PHYS_PHYS_H
#define PENSTOCK_SQL_PHYS_PHYS_H

#include "base/core/json.h"
#include "base/core/map.h"
#include "sql/phys/facts.h"
#include "sql/phys/kinds.h"
#include "sql/planner.h"
#include "sql/ptrmap.h"
#include "sql/session.h"
#include "sql/settings.h"

enum pdist {
    PDIST_ANY,  /* rows may come to any subtask */
    PDIST_HASH, /* by the keys */
    PDIST_ONE   /* all to one subtask */
};

enum { PHYS_KEYS_MAX = 16 }; /* upsert keys known of one node; further ones are forgotten */

struct pinput {
    struct pnode *node;
    int port; /* 1 = side output */
    enum pdist dist;
    struct colset keys; /* PDIST_HASH: in the order in which the op itself hashes them */
};

struct pnode {
    enum pkind kind;
    const struct rel *rel; /* what asked for it: line and column of messages */
    const char *label;     /* "GroupAggregate(groupBy=[k], select=[...])" */
    int n_inputs;
    struct pinput *inputs;
    const struct schema *schema; /* output; time attributes are still on it */
    cJSON *config;               /* owned by planner.json; of a calc made by graph.c */
    bool shared;                 /* several consumers: not to be merged into one of them */

    /* calc */
    const struct expr *filter;
    const struct expr *const *exprs;

    bool has_residual; /* join */

    /* aggregates, for the split in two phases */
    int n_aggs;
    const struct rel_agg *aggs;
    bool stateful;

    /* Changes: bits of enum changelog_mode without -U, and whether -U comes too. */
    unsigned kinds;
    bool before;
    bool want_before; /* a consumer needs -U */
    bool essential;   /* -U rows mean more than the row before +U: a filter may have dropped +U */
    unsigned source_mode, sink_mode; /* source, from_changelog: what it gives; to_changelog: what
                                        it looks for. sink: what it takes */
    bool exact_key; /* sink: its primary key is an upsert key of its input, or it has none */

    int n_keys; /* upsert keys: sorted columns by which the changelog updates */
    struct colset keys[PHYS_KEYS_MAX];
    int n_dist; /* the output is hash-distributed by these columns; -1: not known to be */
    const int *dist;
    const uint8_t *props;           /* enum window_prop per column; NULL: none */
    const struct window_spec *spec; /* of the window behind props */
    bool spec_ltz, spec_proctime;
    bool bounded;

    int parallelism, max_parallelism; /* fixed by an option or by the op; 0: the job's */
    const char *uid_seed; /* sources, sinks: what the uid is made of, in place of the digest */

    /* place.c, graph.c */
    int run;     /* subtasks */
    bool single; /* one, at any parallelism of the job */
    uint64_t *col_digests, row_digest;
    int order, vertex, op;
    uint64_t digest;
    const char *uid;
};

/* A table that bad records of one or more sources go to. */
struct dead_letter {
    const char *table; /* as the option says */
    const struct rel *rel;
    int n_sources;
    struct pnode **sources;
};

struct planner {
    struct arena *arena;
    const struct planner_input *in;
    const struct session_settings *set;
    struct plan_config config;
    bool batch;
    cJSON *json; /* array: owns the nodes' configs while planning */
    int n_nodes, cap_nodes;
    struct pnode **nodes; /* all, as made */
    struct ptrmap made;   /* rel -> its node */
    struct ptrmap uses;   /* rel -> number of consumers */
    int n_roots;
    struct pnode **roots; /* sinks */
    int n_dead;
    const struct schema *result; /* of a bare SELECT */
    struct dead_letter *dead;    /* tables that dead letters go to */
};

/* ---- nodes (phys.c) ---- */

const struct phys_kind *phys_kind_of(const struct pnode *n);
/* With a config object, its inputs set to PDIST_ANY, unknown distribution, boundedness from the
 * inputs, kinds those of the inputs. */
struct pnode *phys_new(struct planner *p, enum pkind kind, const struct rel *rel,
                       const struct schema *schema, struct pnode *const *inputs, int n_inputs);
void phys_label(struct planner *p, struct pnode *n, const char *fmt, ...) ATTR_PRINTF(3, 4);
void phys_hash(struct planner *p, struct pnode *n, int input, const int *keys, int n_keys);
void phys_one(struct pnode *n, int input); /* its input comes to one subtask */
/* The node of a rel; made on first call. */
int phys_node(struct planner *p, const struct rel *r, struct pnode **ret,
              struct err *err) ATTR_MUST_USE;
int phys_uses(const struct planner *p, const struct rel *r); /* consumers in the logical plan */
/* Error at the rel's place in the SQL. */
int phys_err(const struct rel *r, struct err *err, int code, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* Time to live of the state for an input: a STATE_TTL hint or the job's. */
int64_t phys_ttl(const struct planner *p, const struct rel *r, int input);
/* Puts the rel's place on an error that has none; returns its code. */
int phys_place(const struct rel *r, struct err *err);
/* Refuses input i unless it is insert-only: "who doesn't support consuming update changes which is
 * produced by node GroupAggregate(...)". accepts: bits that are fine. */
int phys_require(struct planner *p, const struct pnode *n, int input, unsigned accepts,
                 const char *who, struct err *err) ATTR_MUST_USE;

/* ---- translators: *ret is the node, or an error at the rel ---- */

typedef int (*phys_fn)(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_scan(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_values(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_watermark(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_project(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_filter(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_window(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_aggregate(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_join(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_temporal(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_correlate(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_over(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_sort(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_union(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_setop(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_match(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_codes(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);
int phys_sink(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err);

/* A calc over in: filter (NULL: all rows) and exprs over in's columns. Merged with a calc that in
 * is, and left out where it would change nothing. */
struct pnode *phys_calc(struct planner *p, const struct rel *rel, struct pnode *in,
                        const struct expr *filter, const struct expr *const *exprs,
                        const struct schema *schema);
/* in's columns cols[0..n) under in's names. */
struct pnode *phys_pick(struct planner *p, const struct rel *rel, struct pnode *in, const int *cols,
                        int n);
/* in with further expressions behind its columns, e.g. join keys. Names $f<i>. */
struct pnode *phys_append(struct planner *p, const struct rel *rel, struct pnode *in,
                          const struct expr *const *exprs, int n);
/* FILTER over OVER as Top-N or deduplication; *ret stays NULL where it is neither. */
int phys_topn(struct planner *p, const struct rel *filter, struct pnode **ret, struct err *err);
void phys_drop_rank(struct planner *p, struct pnode *rank);
/* Dead-letter sinks, after all sources are made. */
int phys_dead_letters(struct planner *p, struct err *err);

/* A table's connector; ERR_VALIDATION where it can't be a CONNECTOR_SOURCE, _SINK or _LOOKUP. */
int phys_connector(const struct rel *r, const struct table_desc *t,
                   const struct table_option *options, int n_options, enum connector_caps role,
                   const struct connector_desc **ret, struct err *err);
/* The table as its connector sees it: all columns but computed ones (a sink: but virtual ones). */
void phys_table(struct planner *p, const struct table_desc *t, const struct table_option *options,
                int n_options, bool as_sink, struct connector_table *ret);

/* By option `key` or fixed by the connector; 0: neither. */
int phys_parallelism(const struct rel *r, const struct connector_desc *d,
                     const struct connector_table *t, const char *key, int *ret, struct err *err);
int phys_dead_sink(struct planner *p, const struct dead_letter *d, const struct table_desc *t,
                   struct pnode **ret, struct err *err);
void phys_add_root(struct planner *p, struct pnode *sink);

/* ---- passes ---- */

/* Nodes reachable from the sinks, inputs first; sets their `order`. */
struct pnode **phys_order(struct planner *p, int *ret_n);
/* Decides -U, inserts drop_before, completes configs. */
void phys_changelog(struct planner *p);
void phys_parallel(struct planner *p); /* subtasks of each node: `run` */
void phys_digest(struct planner *p);
/* Rows of this input are where they must be without an exchange. */
bool phys_is_placed(const struct pnode *n, int input);
/* Local phases in front of aggregates. */
void phys_two_phase(struct planner *p);
int phys_graph(struct planner *p, struct plan **ret, struct err *err);

#endif
