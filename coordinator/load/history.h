/* history.h - figures of the last 24 hours in bounded memory, at falling resolution: each second
 * for 10 minutes, each 10 seconds for 2 hours, each minute for 24 hours. A series is a vertex or an
 * edge; each of its samples has the same figures. Memory grows as time passes, up to
 * history_max_bytes. One thread. */
#ifndef PENSTOCK_COORDINATOR_LOAD_HISTORY_H
#define PENSTOCK_COORDINATOR_LOAD_HISTORY_H

#include "base/core/attr.h"

#include <stddef.h>
#include <stdint.h>

enum { HISTORY_FIGURES_MAX = 16, HISTORY_LEVELS = 3 };
extern const int64_t history_step_ms[HISTORY_LEVELS]; /* 1,000, 10,000, 60,000 */

/* How samples become one of a longer step. NaN is left out. */
enum history_fold { HISTORY_MEAN, HISTORY_MAX, HISTORY_SUM };

struct history;

/* folds: one per figure, copied. */
struct history *history_new(int n_series, const enum history_fold *folds, int n_figures);
void history_free(struct history *h); /* NULL accepted */
/* values: n_figures. time_ms: wall clock; a sample that is older than the series' newest counts as
 * of that time. Several within a second are folded. */
void history_add(struct history *h, int series, int64_t time_ms, const float *values);
/* Samples of one series that are complete, from since_ms on, oldest first, of the finest resolution
 * that reaches back so far (the coarsest if none does). times (start of the step) and values (n x
 * n_figures) are the caller's. Returns their number; *ret_step_ms: their resolution. */
size_t history_read(const struct history *h, int series, int64_t since_ms, int64_t **ret_times,
                    float **ret_values, int64_t *ret_step_ms);
size_t history_max_bytes(int n_series, int n_figures);

#endif
