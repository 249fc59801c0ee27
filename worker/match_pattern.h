/* match_pattern.h - the automaton of MATCH_RECOGNIZE, as Flink's pattern engine builds it (after
 * Agrawal et al., "Efficient pattern matching over event streams", SIGMOD 2008) for a sequence of
 * variables with quantifiers. Rows of a match are consecutive within their partition, so a run
 * needs no buffer of its own: its first row and how many rows each variable took say it all.
 *
 * A greedy variable keeps its rows: what comes behind it doesn't take a row that the variable's
 * condition holds for, even if the variable has taken as many as it may. */
#ifndef PENSTOCK_WORKER_MATCH_PATTERN_H
#define PENSTOCK_WORKER_MATCH_PATTERN_H

#include "base/core/err.h"
#include "base/core/json.h"

enum { MATCH_VARS_MAX = 64 };

enum match_skip { MATCH_SKIP_PAST_LAST, MATCH_SKIP_NEXT, MATCH_SKIP_FIRST, MATCH_SKIP_LAST };

struct match_quantifier {
    int64_t min, max; /* max INT64_MAX: unbounded */
    bool greedy;
};

struct match_pattern {
    int n;
    struct match_quantifier vars[MATCH_VARS_MAX];
    const char *names[MATCH_VARS_MAX];
    enum match_skip skip;
    int skip_var;
    int64_t within_ms; /* 0: none */
};

/* A run through the pattern: a match that isn't complete, or one that is. The rows that variable v
 * took stand behind those of the variables in front of it. Plain data of match_run_bytes. */
struct match_run {
    int64_t start; /* number of its first row within the partition */
    int64_t start_time;
    int64_t end_time; /* of its last row */
    uint32_t var;     /* that the next row is tried for first; n: complete */
    uint32_t rows;    /* in all */
    uint32_t counts[];
};

size_t match_run_bytes(const struct match_pattern *p);

/* One way on for a run: `took` takes the row. */
struct match_move {
    int took, var;
    bool complete; /* this is a match; a run that may go on, too, is a move of its own */
};

enum { MATCH_MOVES_MAX = 2 * MATCH_VARS_MAX };

/* Reads "vars", "skip", "skipVar", "within" of the config; names are borrowed from it. */
int match_pattern_read(const cJSON *config, struct match_pattern *ret,
                       struct err *err) ATTR_MUST_USE;
/* Bit v: the condition of variable v is needed to say how a run at `var`, of whose rows it took
 * `count`, goes on. */
uint64_t match_needs(const struct match_pattern *p, int var, uint64_t count);
/* The ways on for a run, best first; `holds` has a bit per condition that holds. None: it ends. */
int match_moves(const struct match_pattern *p, int var, uint64_t count, uint64_t holds,
                struct match_move *ret);
/* Runs and matches that begin before the returned row are given up once this match has been given;
 * an error where AFTER MATCH SKIP TO names a variable without rows, or the match's first row. */
int match_skip_to(const struct match_pattern *p, const struct match_run *match, int64_t *ret,
                  struct err *err) ATTR_MUST_USE;

#endif
