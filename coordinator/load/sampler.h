/* sampler.h - what a job's tasks report, as rates and shares of time: now, over the last 24 hours,
 * and who slows it down. Shares come from the workers' own clocks: of the time between two reports
 * of a task. On the loop's thread. */
#ifndef PENSTOCK_COORDINATOR_LOAD_SAMPLER_H
#define PENSTOCK_COORDINATOR_LOAD_SAMPLER_H

#include "base/core/json.h"
#include "base/core/str.h"
#include "sql/plan.h"

enum { SAMPLER_INTERVAL_MS = 1000 };

struct sampler;

/* plan: borrowed. */
struct sampler *sampler_new(const struct plan *plan);
void sampler_free(struct sampler *s); /* NULL accepted */
/* task: one of job_runtime_stats' "tasks"; counters that fall (the task was started anew) begin
 * again from 0. */
void sampler_report(struct sampler *s, const cJSON *task);
/* Once per SAMPLER_INTERVAL_MS: what was reported goes into the history. */
void sampler_tick(struct sampler *s, int64_t now_ms);
/* GET /v1/jobs/{id}/load: docs/rest.md. */
cJSON *sampler_load(const struct sampler *s, int64_t now_ms);
/* GET /v1/jobs/{id}/history, as JSON text; appended. */
void sampler_history(const struct sampler *s, int64_t since_ms, struct str *out);

#endif
