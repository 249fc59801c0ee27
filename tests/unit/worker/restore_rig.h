/* restore_rig.h - a query's ops under checkpoints, kills and restores at other parallelisms.
 *
 * A case is SQL; its plan's vertices run in this thread, each subtask a task without an executor,
 * joined by edges that hand on at once. Sources are fed with generated rows, the watermark ops and
 * the sink are replaced. A script (rows, watermarks, the clock, barriers) runs once undisturbed, at
 * parallelism 1, then with snapshots, most of them incremental, that are copied while rows change,
 * given up, or lost, and with kills: new tasks at another parallelism load the newest complete
 * checkpoint, and the script goes on behind its barrier. What came out of each step of the script
 * must be the same, in any order; or, where ops behind an exchange see their rows in another order,
 * the table that all changes amount to. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RESTORE_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_RESTORE_RIG_H

#include "base/core/arena.h"
#include "base/core/str.h"
#include "sql/plan.h"
#include "sql/session.h"
#include "tests/unit/worker/random_batch.h"

enum {
    RESTORE_SOURCES_MAX = 4,
    RESTORE_BATCH_ROWS = 24,
    RESTORE_STEPS_MAX = 64 /* of a script */
};

struct restore_case {
    const char *name, *sql;
    bool fold;     /* compare what all changes amount to */
    bool ordered;  /* rows of a step must come in order */
    uint64_t seed; /* of a round that once failed; 0: none */
};

/* ---- the case, compiled --------------------------------------------------------------------- */

struct restore_query {
    const struct restore_case *c;
    struct arena arena;
    struct session *session;
    struct plan *plan; /* at parallelism 4: vertices of parallelism 1 stay alone */
};
void restore_compile(struct restore_query *q, const struct restore_case *c);
void restore_query_release(struct restore_query *q);

/* ---- scripts (restore_script.c) ------------------------------------------------------------- */

enum restore_step_kind { STEP_ROWS, STEP_WATERMARK, STEP_CLOCK, STEP_BARRIER };

struct restore_step {
    enum restore_step_kind kind;
    int vertex;          /* of the source; rows, watermarks */
    struct batch *batch; /* rows */
    int64_t ms;          /* watermark; wall clock from now on */
};

struct restore_script {
    struct restore_step steps[RESTORE_STEPS_MAX];
    int n;
};
void restore_script_make(struct restore_script *s, const struct plan *plan, struct rnd *r);
void restore_script_release(struct restore_script *s);

/* ---- one life of the tasks (restore_graph.c) ------------------------------------------------ */

/* A checkpoint as storage would have it. */
struct restore_checkpoint {
    uint64_t id, newest; /* newest: the complete one when it began; 0: none */
    bool full;
    int at; /* step of its barrier */
    int64_t now_ms;
    int64_t *watermarks; /* per vertex and op: [vertex * 16 + op]; behind them, per edge */
    struct str blocks;
};

struct restore_graph;

struct restore_graph *restore_graph_new(const struct restore_query *q, int parallelism,
                                        struct rnd *r);
void restore_graph_free(struct restore_graph *g);
/* chain: the checkpoint and its bases, oldest first. NULL: from nothing. */
void restore_graph_start(struct restore_graph *g, const struct restore_checkpoint *const *chain,
                         int n);
/* Carries a step out, until nothing is left to do; what comes out is appended, a line per row. take
 * (barriers; may be NULL): the snapshots begin, as a full one or on top of a base. */
void restore_graph_step(struct restore_graph *g, const struct restore_step *s,
                        struct restore_checkpoint *take, struct str *out);
/* The end of all inputs. */
void restore_graph_finish(struct restore_graph *g, struct str *out);
/* Copies some rows of the snapshots under way; true: all are done. */
bool restore_graph_copy(struct restore_graph *g);
void restore_graph_cancel(struct restore_graph *g);

/* ---- all of it ------------------------------------------------------------------------------ */

/* One script, undisturbed and disturbed; fails the test with seed and first difference. */
void restore_round(const struct restore_query *q, uint64_t seed);

#endif
