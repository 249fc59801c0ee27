/* connector.h - the running side of a connector: sources and sinks inside a task. Every call comes
 * on the task's executor thread, in turns; none may block for long (a local file read is fine, a
 * network round trip is not: start it, return SOURCE_WAIT, call ctx->wake from any thread). */
#ifndef PENSTOCK_CONNECTOR_CONNECTOR_H
#define PENSTOCK_CONNECTOR_CONNECTOR_H

#include "sql/catalog.h"

struct eval_env;

/* Fills dst, the connector's option struct, with defaults and then the table's options; strings go
 * into the arena. Rows whose name has a '#' (fields.#.kind: any column name) or ends in '*' name
 * families of options: they are accepted, and read by the connector through
 * connector_table_option. Common and '<format>.*' options are passed over. ERR_VALIDATION for an
 * unknown option, with the nearest known name; for a bad value; for a missing required one. */
int connector_options(const struct connector_desc *d, const struct connector_table *t,
                      struct arena *arena, void *dst, struct err *err) ATTR_MUST_USE;
/* Schema of the batches that a source of t produces: schema by projection. */
const struct schema *connector_produced(struct arena *arena, const struct connector_table *t);

/* ---- sources ---- */

enum source_status {
    SOURCE_DATA, /* *ret_batch is set; owned by the caller */
    SOURCE_MORE, /* nothing this time, call again (made progress, or yields the turn) */
    SOURCE_WAIT, /* nothing ready: ctx->wake will be called, or poll again at ret_wake_ns */
    SOURCE_IDLE, /* as SOURCE_WAIT, since all splits are at their end, but more may come: nobody's
                    event time waits for this source until it has rows again */
    SOURCE_END   /* all splits are at their end and no more will come */
};

struct source_ctx {
    int subtask, parallelism;
    const struct eval_env *env;
    const struct schema *produced; /* schema of the batches wanted: schema by projection */
    uint32_t batch_rows;           /* 1 .. BATCH_ROWS_MAX */
    bool emit_partial; /* streaming: give what is there rather than wait for a full batch */
    void *wake_self;
    void (*wake)(void *wake_self); /* any thread: poll me again */
    /* One record that could not be read and is skipped by the table's options. raw: its bytes;
     * place: "file.csv:17 offset 1234". dead_letter says whether it goes to the dead-letter table.
     */
    void *report_self;
    void (*skipped)(void *report_self, struct sv raw, const char *place, const struct err *why);
    /* Of sources whose batches say which split they are of (batch.split; a number of the subtask's
     * own, from 0): each split has a watermark of its own, and event time waits for all that were
     * added and haven't ended. Within add_split and poll. May be NULL. */
    void (*split_added)(void *report_self, uint32_t split);
    void (*split_ended)(void *report_self, uint32_t split);
};

struct source_stats { /* monotonic counters, read by the metrics thread: relaxed atomics inside */
    uint64_t records, errors;
    uint64_t bytes; /* as "bytes" of splits counts them: of files, their compressed size */
};

struct source {
    const struct source_ops *ops;
    struct source_stats stats;
    uint64_t checkpoint; /* that the next snapshot is for */
};

struct source_ops {
    /* A split from enumerate, or restored: with "position" as snapshot gave it. Before the first
     * poll, or any time later (discovery). */
    int (*add_split)(struct source *s, const cJSON *split, struct err *err);
    /* No further split will be added: SOURCE_END when those there are done. */
    void (*no_more_splits)(struct source *s);
    /* Returns enum source_status, or a negative ERR_*. */
    int (*poll)(struct source *s, struct batch **ret_batch, int64_t *ret_wake_ns, struct err *err);
    /* All splits with "position", such that reading on from there gives exactly the records not yet
     * returned by poll. Array, owned by the caller. */
    int (*snapshot)(struct source *s, cJSON **ret_splits, struct err *err);
    void (*free)(struct source *s);
    /* The checkpoint is complete and committed. May be NULL. */
    void (*committed)(struct source *s, uint64_t checkpoint);
};

/* ---- lookups ---- */

enum lookup_cache_kind { LOOKUP_CACHE_NONE, LOOKUP_CACHE_PARTIAL, LOOKUP_CACHE_FULL };
enum lookup_reload { LOOKUP_RELOAD_PERIODIC, LOOKUP_RELOAD_TIMED };
enum lookup_schedule { LOOKUP_FIXED_DELAY, LOOKUP_FIXED_RATE };

/* The table's lookup.* options, which mean the same for every connector. */
struct lookup_options {
    int cache;           /* enum lookup_cache_kind; -1: not said */
    bool async;          /* several keys at once */
    int64_t max_retries; /* of a key that could not be asked for */
    bool cache_missing;  /* PARTIAL: that there are no rows is remembered, too */
    int64_t expire_access_ms, expire_write_ms, max_keys; /* PARTIAL; 0 = never, no limit */
    int reload, schedule;                                /* FULL */
    int64_t reload_ms;                                   /* FULL; 0 = read once */
    const char *reload_time;                             /* FULL, timed */
    int64_t reload_days;
};
/* ERR_VALIDATION, ERR_UNSUPPORTED, which names the option. whole: the table is read whole
 * (connector_desc.lookup_new is NULL). */
int connector_lookup_options(const struct connector_table *t, bool whole, struct arena *arena,
                             struct lookup_options *ret, struct err *err) ATTR_MUST_USE;
/* For docs. */
const struct opt_table *connector_lookup_rows(void);

struct lookup_ctx {
    int subtask, parallelism;
    const struct eval_env *env;
    const struct schema *produced; /* of answers: schema by projection */
    int n_keys;
    const int *keys;    /* columns of the table's schema that are given */
    uint32_t capacity;  /* keys under way at once, at most */
    int64_t timeout_ms; /* of one key, repetitions included */
    void *wake_self;
    void (*wake)(void *wake_self); /* any thread: there are answers, or room to ask again */
};

struct lookup_answer {
    uint64_t ticket;
    struct batch *rows; /* owned by the caller; NULL: none */
};

struct lookup {
    const struct lookup_ops *ops;
};

struct lookup_ops {
    /* Asks for the rows of some keys: columns as in ctx->keys, without NULLs, rows[0..n) of them;
     * borrowed for the call. The ticket of row r is first_ticket + r. Returns how many of them were
     * taken, maybe 0 (wake follows), or a negative ERR_*. */
    int (*ask)(struct lookup *l, const struct column *keys, const uint32_t *rows, uint32_t n,
               uint64_t first_ticket, struct err *err);
    /* Takes up to max answers, in any order. Returns how many, or a negative ERR_*. */
    int (*take)(struct lookup *l, struct lookup_answer *answers, uint32_t max, struct err *err);
    void (*free)(struct lookup *l);
};

/* ---- sinks ---- */

struct sink_ctx {
    int subtask, parallelism;
    const struct eval_env *env;
    const char *job_id; /* names of temporary files, transactions */
    const char *op_uid; /* of the sink op in the plan: tells two sinks of one table apart */
    uint64_t attempt;   /* rises with each restart: fences the former */
    void *wake_self;
    void (*wake)(void *wake_self);
    /* print and collect: whole lines / batches on their way to the person who runs the job. The
     * bytes are copied. Order is kept per sink. */
    void *output_self;
    void (*print_line)(void *output_self, struct sv line, bool to_stderr);
    void (*collect)(void *output_self, struct batch *b /* borrowed */);
    /* The person reads more slowly than this: a sink then answers SINK_BUSY instead of handing on
     * more, and wake follows. */
    bool (*output_full)(void *output_self);
};

enum sink_status {
    SINK_OK,
    SINK_BUSY /* not taken: ctx->wake will be called; give the same batch again */
};

struct sink {
    const struct sink_ops *ops;
    uint64_t records, bytes; /* as struct source_stats */
    bool keeps_back;         /* flush has left rows for later: to be called again */
};

struct sink_ops {
    /* Takes in a batch (borrowed). Returns enum sink_status or a negative ERR_*. */
    int (*write)(struct sink *s, struct batch *in, struct err *err);
    /* Hands buffered rows on (linger over, or before a barrier). SINK_BUSY as in write. NULL:
     * nothing buffers. */
    int (*flush)(struct sink *s, struct err *err);
    /* At a barrier or the end of input: everything written so far is durable but not visible;
     * *ret_committable (may stay NULL) is what connector_desc.commit needs. SINK_BUSY as in write.
     */
    int (*prepare)(struct sink *s, uint64_t checkpoint, bool end, cJSON **ret_committable,
                   struct err *err);
    /* Event time has come to wm: everything written before is older or late. May be NULL. */
    void (*watermark)(struct sink *s, int64_t wm);
    /* The commit of this checkpoint has been carried out. May be NULL. */
    void (*committed)(struct sink *s, uint64_t checkpoint);
    void (*free)(struct sink *s); /* unprepared output is removed */
};

#endif
