/* plan.h - the physical plan: what the planner makes, the coordinator deploys, the workers execute,
 * and `penstock plan` prints. As JSON it is versioned and documented in docs/plan.md, with the
 * config of each op kind. A plan lives in one arena and is immutable once made.
 *
 * A vertex is a chain of ops run as one task per subtask. Its ops form a tree inside the task:
 * ops[0] is the head (a source, or fed by edges into its ports), every other op names the op in
 * front of it. Edges connect an output port of any op to an input port of another vertex's head. */
#ifndef PENSTOCK_SQL_PLAN_H
#define PENSTOCK_SQL_PLAN_H

#include "sql/catalog.h"

enum { PLAN_VERSION = 1, PLAN_SIZE_MAX_BYTES = 1 << 20, PLAN_PORTS_MAX = 64 };
enum { MAX_PARALLELISM_DEFAULT = 128, MAX_PARALLELISM_LIMIT = 32768 };

enum routing {
    ROUTING_FORWARD,   /* subtask i to subtask i; equal parallelism */
    ROUTING_HASH,      /* by key group of `keys` */
    ROUTING_RESCALE,   /* proportional parallelism: each talks to its share only */
    ROUTING_REBALANCE, /* round-robin by batch */
    ROUTING_BROADCAST, /* everything to everyone */
    ROUTING_GLOBAL     /* everything to subtask 0 */
};

struct plan_op {
    const char *kind; /* "source", "calc", "window_agg"...: worker/op_list.def */
    const char *uid;  /* stable: derived from the plan's shape; names the op's state */
    const char *name; /* for people: "Calc(where: (a > 1), select: a, b)" */
    int input;        /* op of the same vertex in front; -1 for the head */
    int input_port;   /* output port of that op: 0, or 1 = side output (dead letters, late rows) */
    const cJSON *config;           /* in the plan's arena */
    const struct schema *output;   /* of port 0 */
    enum changelog_mode changelog; /* what port 0 produces */
    bool stateful;
};

struct plan_vertex {
    const char *uid;
    const char *name;
    int parallelism, max_parallelism;
    const char *slot_group;
    int n_ops;
    struct plan_op *ops;
    int n_inputs; /* ports of the head */
};

struct plan_edge {
    int from, from_op, from_port; /* vertex, op in it, output port of the op */
    int to, to_port;              /* vertex, input port of its head */
    enum routing routing;
    int n_keys;
    const int *keys; /* columns of the edge's schema; ROUTING_HASH */
    const struct schema *schema;
};

/* Settings that workers need: from SET and the job's spec. */
struct plan_config {
    const char *zone;
    bool batch_mode;
    bool bounded;                  /* all sources end */
    uint32_t batch_rows;           /* penstock.batch-rows, 1 .. BATCH_ROWS_MAX */
    int64_t buffer_timeout_ms;     /* execution.buffer-timeout.interval */
    int64_t watermark_interval_ms; /* pipeline.auto-watermark-interval */
    int64_t idle_timeout_ms;       /* table.exec.source.idle-timeout; 0 = off */
    int64_t query_start_ms;
    bool legacy_cast;
    bool mini_batch; /* table.exec.mini-batch.enabled */
    int64_t mini_batch_latency_ms, mini_batch_size;
    int64_t state_ttl_ms;        /* table.exec.state.ttl; 0 = for ever */
    int64_t latency_interval_ms; /* metrics.latency.interval; 0 = no latency markers */
};

struct plan {
    struct arena *arena;
    const char *name;
    struct plan_config config;
    int n_vertices;
    struct plan_vertex *vertices;
    int n_edges;
    struct plan_edge *edges;
    /* The sink that collects a bare SELECT's result: its schema; NULL otherwise. */
    const struct schema *result;
};

cJSON *plan_to_json(const struct plan *p);
int plan_from_json(struct arena *a, const cJSON *j, struct plan **ret,
                   struct err *err) ATTR_MUST_USE;
/* A deep copy of j that lives in the arena, as plan_op.config does: never changed or deleted. */
const cJSON *plan_json_copy(struct arena *a, const cJSON *j);
/* Structure: indices in range, one head, ports fed, schemas equal along edges, forward edges of
 * equal parallelism, no cycle. Workers and coordinator check what they get. */
int plan_verify(const struct plan *p, struct err *err) ATTR_MUST_USE;
void plan_print_text(const struct plan *p, struct str *out);
void plan_print_dot(const struct plan *p, struct str *out);
/* With secret options masked: for status, CLI and UI. */
cJSON *plan_to_public_json(const struct plan *p);
const char *routing_name(enum routing r);                             /* "hash" */
int routing_parse(const char *name, enum routing *ret) ATTR_MUST_USE; /* 0, or -1 if unknown */
/* "I", "I,UA,D"...: the row kinds of a mode. */
void changelog_print(enum changelog_mode m, struct str *out);                  /* appended */
int changelog_parse(const char *text, enum changelog_mode *ret) ATTR_MUST_USE; /* 0 or -1 */
/* Schema of the rows that arrive at an input port; NULL if no edge feeds it. */
const struct schema *plan_port_schema(const struct plan *p, int vertex, int port);
int plan_edge_channels(const struct plan *p, const struct plan_edge *e);

#endif
