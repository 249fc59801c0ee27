/* progress.h - the live display on standard error while a job runs: a bar with bytes, records,
 * rate, watermark and time left, redrawn in place. */
#ifndef PENSTOCK_CLI_PROGRESS_H
#define PENSTOCK_CLI_PROGRESS_H

#include "base/core/json.h"

struct progress;

struct progress *progress_new(void);
/* A job begins. */
void progress_begin(struct progress *p, const char *name);
/* EVENT_PROGRESS. */
void progress_update(struct progress *p, const cJSON *event);
/* Takes the display off the screen, before other lines are printed and at the end. */
void progress_hide(struct progress *p);
void progress_free(struct progress *p);

/* "1,234,567", "1.2 MB", "2013-05-01 03:00:00", "1 min 20 s". Appended. */
void show_count(struct str *out, int64_t n);
void show_bytes(struct str *out, int64_t n);
void show_time(struct str *out, int64_t epoch_ms);
void show_duration(struct str *out, int64_t ms);

#endif
