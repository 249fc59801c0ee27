/* output.h - what `penstock run` shows: results on standard output (table or JSON), progress and
 * messages on standard error. Fed with the coordinator's events (base/proto/control.h). */
#ifndef PENSTOCK_CLI_OUTPUT_H
#define PENSTOCK_CLI_OUTPUT_H

#include "base/core/json.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };
enum output_progress { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

struct output;

struct output *output_new(enum output_format format, enum output_progress progress);
/* One event of the coordinator. */
void output_event(struct output *o, const char *type, const cJSON *event);
/* Closes what is open (a table, a JSON line, the progress display). */
void output_finish(struct output *o);
void output_free(struct output *o);

#endif
