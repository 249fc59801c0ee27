/* output.h - one edge as seen from one upstream subtask: routes batches to the channels of the
 * downstream subtasks and keeps control elements in their place between them.
 *
 * Lanes: rows are collected per lane (accum.h) until a batch is worth sending; a keyed router has a
 * lane per destination, all others one lane, whose complete batches go to the destination that
 * the router picks. A large batch that needs no splitting passes by reference. What is collected
 * is sent when it is full (rows or bytes), when input has run dry and a consumer is out of work,
 * before a control element, or after the buffer timeout.
 *
 * Watermarks: one that comes behind collected rows becomes a step of their batch; a destination
 * without rows gets it as an element; while a channel is full, watermarks for it coalesce.
 *
 * An output is "full" when what the task would give it next could not go on. It still takes
 * everything: what doesn't fit into a channel waits in the destination's overflow list, which is
 * as long as one push of one op makes it. Belongs to the task's thread. */
#ifndef PENSTOCK_WORKER_EXCHANGE_OUTPUT_H
#define PENSTOCK_WORKER_EXCHANGE_OUTPUT_H

#include "worker/exchange/accum.h"
#include "worker/exchange/channel.h"
#include "worker/exchange/hot_keys.h"
#include "worker/metrics.h"
#include "worker/net/wire.h"

struct output;

#define ROUTE_ALL UINT32_MAX

/* How complete batches find their destination. Pluggable: one per enum routing today, load-aware
 * ones beside them. */
struct router_ops {
    const char *name;
    bool keyed; /* rows are split by key group; lane = destination */
    /* Not keyed: where the next batch goes; a destination or ROUTE_ALL. */
    uint32_t (*pick)(struct output *o);
    /* The next batch couldn't go on. */
    bool (*full)(const struct output *o);
};
const struct router_ops *router_of(enum routing r);

/* Whether an edge has a channel between two subtasks; rescale gives each upstream (downstream)
 * subtask a contiguous share of the larger side. */
bool edge_connects(enum routing r, int from_parallelism, int to_parallelism, int from, int to);

/* Key group -> destination; versioned, so that a barrier can switch it. Immutable, shared. */
struct routing_table {
    atomic_uint refs;
    uint64_t version;
    uint32_t n_groups;
    uint16_t dest[]; /* index into the output's destinations */
};
struct routing_table *routing_table_new(uint64_t version, uint32_t n_groups); /* dest zeroed */
/* Contiguous even ranges: key_group_subtask. */
struct routing_table *routing_table_even(uint64_t version, uint32_t max_parallelism, int n_dests);
struct routing_table *routing_table_ref(struct routing_table *t);
void routing_table_unref(struct routing_table *t);

struct dest {
    struct channel *ch; /* own reference */
    bool remote;        /* batches are encoded before they are pushed */
    bool blocked;       /* in overflow, or no room; counted in output.n_blocked */
    bool has_wm;        /* wm waits for room (coalesced) */
    int64_t wm, wm_sent;
    struct elem *overflow; /* FIFO: [head, head + n) */
    uint32_t head, n, cap;
    struct channel_metrics metrics;
};

struct output_opts {
    uint32_t target_rows;      /* 1 .. BATCH_ROWS_MAX */
    uint64_t target_bytes;     /* of a collected batch */
    int64_t buffer_timeout_ns; /* < 0: none; 0: nothing is held back */
    bool compress;             /* LZ4 on remote channels */
};

/* Latency markers behind the rows that a lane holds. */
enum { LANE_MARKERS_MAX = 256 }; /* more are left out until the rows have gone */
struct lane_markers {
    struct latency_marker *at;
    uint32_t n, cap;
};

struct output {
    const struct plan_edge *edge;
    const struct router_ops *router;
    struct output_opts opts;
    uint32_t max_parallelism;
    uint32_t n_dests, n_blocked, n_lanes, turn; /* turn: round-robin position */
    struct dest *dests;
    struct accum *lanes;
    struct lane_markers *markers;     /* per lane; NULL before the first marker */
    struct routing_table *table;      /* keyed */
    struct routing_table *next_table; /* taken up at the barrier that names its version */
    uint64_t row_bytes;               /* about, of the batch under way */
    int64_t now_ns;                   /* set by the task: about the present */
    struct edge_metrics *metrics;     /* borrowed */
    struct hash_scratch *scratch;     /* keyed */
    struct hot_keys *hot_keys;        /* keyed, with several destinations */
};

/* dests are added with output_add_dest before the first element. */
void output_init(struct output *o, const struct plan_edge *edge, uint32_t max_parallelism,
                 const struct output_opts *opts, struct edge_metrics *metrics);
void output_add_dest(struct output *o, struct channel *ch /* takes a reference of its own */,
                     bool remote);
/* After the last destination: lanes and the even routing table. */
void output_ready(struct output *o);
void output_release(struct output *o);

/* Takes b, on failure too. */
int output_batch(struct output *o, struct batch *b, struct err *err) ATTR_MUST_USE;
int output_watermark(struct output *o, int64_t wm, struct err *err) ATTR_MUST_USE;
/* A latency marker: waits behind the rows that are collected, and goes on with them. */
void output_latency(struct output *o, const struct latency_marker *m);
/* Idle, barrier or end: flushes what is collected, then goes to everyone. A barrier that names
 * next_table's version switches to it. */
int output_control(struct output *o, const struct elem *e, struct err *err) ATTR_MUST_USE;

static inline bool output_full(const struct output *o) {
    return o->n_blocked && o->router->full(o);
}
/* Moves overflow on where there is room again; what stays blocked asks for a wake. */
void output_poll(struct output *o);
/* Overflow and watermarks held back are all gone. */
bool output_is_flushed(const struct output *o);
/* Input has run dry: sends what is collected to consumers that are out of work. Returns when to be
 * called again at the latest (INT64_MAX: when woken). */
int output_dry(struct output *o, int64_t *ret_wake_ns, struct err *err) ATTR_MUST_USE;
/* Sends what is older than the buffer timeout; called about once a turn. */
int output_expire(struct output *o, struct err *err) ATTR_MUST_USE;
/* Sends all that is collected. */
int output_flush(struct output *o, struct err *err) ATTR_MUST_USE;
/* Gives the table for a later barrier; takes the reference. */
void output_set_next_table(struct output *o, struct routing_table *t);

/* For routers. */
int output_send(struct output *o, uint32_t lane, struct batch *b /* takes */, uint64_t size_bytes,
                struct err *err) ATTR_MUST_USE;
/* Adds rows to a lane, sending each time it is full. */
int output_collect(struct output *o, uint32_t lane, const struct batch *b, const uint32_t *idx,
                   uint32_t from, uint32_t n, const uint64_t *hashes, bool copy_strings,
                   struct err *err) ATTR_MUST_USE;

/* partition.c: the keyed split. Takes b. bytes: about its weight; whole: it may pass undivided if
 * all its rows go one way. */
struct hash_scratch *hash_scratch_new(uint32_t n_dests);
void hash_scratch_free(struct hash_scratch *s);
int output_partition(struct output *o, struct batch *b, uint64_t bytes, bool whole,
                     struct err *err) ATTR_MUST_USE;

#endif
