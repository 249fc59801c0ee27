/* process_stats.h - what this process uses, read from /proc. */
#ifndef PENSTOCK_WORKER_PROCESS_STATS_H
#define PENSTOCK_WORKER_PROCESS_STATS_H

#include "base/core/json.h"

/* Adds "rssBytes", "peakBytes", "cpuMs" and "threads": [{"name", "cpuMs"}]. */
void process_stats_add(cJSON *obj);

#endif
