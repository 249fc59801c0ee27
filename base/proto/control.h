/* control.h - what coordinator, workers and clients say to each other: JSON text frames over
 * WebSocket, each an object with a "t" (type). Shapes below; fields not listed are ignored by
 * readers, so that versions may differ by additions. 64-bit counters travel as numbers up to 2^53,
 * as strings beyond.
 *
 * Paths on the coordinator: /v1/worker (workers), /v1/client (whoever runs the job). Both need the
 * job's bearer token. ERROR is {"code": "VALIDATION", "class": "USER", "stage": "parse" |
 * "validation" | "runtime", "line": n, "column": n, "message": "..."} (line and column absent where
 * there is no place). TASK is {"v": vertex index in the plan, "s": subtask}. */
#ifndef PENSTOCK_BASE_PROTO_CONTROL_H
#define PENSTOCK_BASE_PROTO_CONTROL_H

#include "base/core/json.h"
#include "base/core/str.h"

/* NUL in the text of rows and of output: a JSON string of a frame can't hold it. U+10FFFF is one of
 * the characters that Unicode keeps for such internal use. */
#define CONTROL_NUL "\xF4\x8F\xBF\xBF"
/* s as such a text, and a text with something in NUL's place. Appended. */
void control_hide_nul(struct sv s, struct str *out);
void control_show_nul(const char *text, struct sv nul, struct str *out);

#define CONTROL_PATH_WORKER "/v1/worker"
#define CONTROL_PATH_CLIENT "/v1/client"
enum { CONTROL_VERSION = 1 };

/* ---- worker → coordinator ---- */
/* {"t", "version", "id": "w0", "pid", "host", "dataPort", "slots"}: first frame of a connection. */
#define MSG_REGISTER "register"
/* {"t", "job", "attempt"}: every task of a deploy is open: channels connected, nothing started. */
#define MSG_DEPLOYED "deployed"
/* {"t", "job", "attempt", "v", "s", "state": "running" | "finished" | "failed" | "cancelled",
 * "error": ERROR (failed), "committables": [{"op": index in the vertex, "value": ...}] (finished)}
 */
#define MSG_TASK "task"
/* {"t", "job", "attempt", "seq", "rows": [["+I", [text or null, ...]], ...]}: result of a bare
 * SELECT. */
#define MSG_ROWS "rows"
/* {"t", "job", "attempt", "seq", "stream": "stdout" | "stderr", "text": "lines with \n"}: print
 * sinks. */
#define MSG_OUTPUT "output"
/* {"t", "job", "attempt", "rssBytes", "cpuMs", "threads": [{"name", "cpuMs"}], "stats":
 * job_runtime_stats (worker/job_runtime.h), "fileSystems": [fs_metrics_to_json (fs/metrics.h)...]}:
 * about once a second while a job runs, and before the last task's final MSG_TASK. Counters rise
 * from 0. */
#define MSG_REPORT "report"
/* {"t", "job", "source", "position", "error"}: a record was skipped; at most 10 a second are told,
 * all are counted. */
#define MSG_SKIPPED "skipped"

/* {"t", "job", "attempt", "checkpoint", "file": name below state/ or null, "bytes", "ms": from the
 * trigger's arrival to the file's being visible, "tasks": [{"v", "s", "pieces": [[offset,
 * bytes]...], "full": true if they don't build on the base, "groups": [first, last] key groups,
 * "watermarks": [{"op": uid, "wm": event time it had come to, "out": that it had passed on}] (of
 * all its ops; handed back as it is), "splits": [SPLIT...] (sources: with their positions; what
 * was read to its end may be missing), "committables": [{"op": index in the vertex, "value"}]
 * (what sinks prepared for this checkpoint, and for earlier ones not known to be complete),
 * "finished": true if the task had come to its end (then without state, pieces and watermarks: it
 * has no chain, and committables are those of its end), "syncMs": of the barrier, "alignMs"}...]}:
 * this worker's share of a checkpoint is durable. */
#define MSG_ACKED "acked"
/* {"t", "job", "attempt", "checkpoint", "reason"}: it can't take part in this one. */
#define MSG_DECLINED "declined"
/* {"t", "job", "attempt", "checkpoint"}: answers MSG_COMMITTED of a checkpoint. */
#define MSG_COMMIT_DONE "commitDone"

/* ---- coordinator → worker ---- */
/* {"t", "worker": number}: the registration is accepted. */
#define MSG_REGISTERED "registered"
/* {"t", "job", "name", "attempt", "plan": docs/plan.md, "workers": [{"id", "host", "dataPort"}...],
 * "placement": [[worker number per subtask] per vertex], "tasks": [{"v", "s", "splits": [...]
 * (sources), "moreSplits": true if MSG_SPLITS may follow}] of this worker, "idle": [{"v", "s",
 * "moreSplits"}] sources of all workers that have no split, "token", "fileSystems": rows as in the
 * manifest: where keys stand, not the keys; absent: none, "checkpoints": {"dir": URI, "timeoutMs",
 * "unalignedAfterMs": -1 never} (absent: the job takes none), "restore": RESTORE (absent: from
 * nothing)}.
 * RESTORE: {"dir": URI, "checkpoint", "files": [name...], "chains": [{"ops": [uids of stateful
 * ops], "first", "last": key groups, "pieces": [[index in files, offset, bytes]...] in the order to
 * apply, "watermarks": as in MSG_ACKED}...]}: all chains of the job; a task reads those that share
 * an op with it and overlap its key groups, leaving out blocks of other ops, and of groups that
 * aren't the chain's. Sources get their splits, with positions, in "tasks" (VALUES too, and those
 * of finished tasks); at the same parallelism each subtask those it had, since watermarks are kept
 * per subtask. */
#define MSG_DEPLOY "deploy"
/* {"t", "job", "attempt"}: all workers have deployed: run. */
#define MSG_START "start"
/* {"t", "job", "attempt", "v", "s", "splits": [...]}: splits that came into being since. */
#define MSG_SPLITS "splits"
/* {"t", "job", "attempt", "epoch", "checkpoint", "base": the newest complete one, 0 = none, "kind":
 * "checkpoint" | "savepoint" | "stop", "full": true: everything, not what changed since the base}:
 * to all workers with tasks; sources send the barrier. "stop": sources send nothing behind it, no
 * window fires, nothing ends; tasks finish when they hear MSG_COMMITTED of it. */
#define MSG_TRIGGER "trigger"
/* {"t", "job", "attempt", "checkpoint"}: given up: what was taken for it comes with the next. */
#define MSG_ABORT "abort"
/* {"t", "job", "attempt"}: stop all tasks; each answers MSG_TASK cancelled (or what it ended with).
 */
#define MSG_CANCEL "cancel"
/* {"t", "job", "attempt", "checkpoint"}: sinks' output of this checkpoint (0: the end) is
 * committed. */
#define MSG_COMMITTED "committed"
/* {"t", "job", "attempt"}: all is over: free what is left of it. */
#define MSG_RELEASE "release"
/* {"t", "job", "seq"}: rows and output up to seq have been handed on (credit for
 * CONTROL_OUTPUT_WINDOW). */
#define MSG_ACK "ack"
/* {"t", "levels": "info,net=debug", "ttlMs"} */
#define MSG_LOG "log"
/* {"t"}: close and exit 0. */
#define MSG_SHUTDOWN "shutdown"

/* Rows and output messages a worker may have unacknowledged, per job. */
enum { CONTROL_OUTPUT_WINDOW = 16, CONTROL_OUTPUT_MAX_BYTES = 256 << 10 };
/* A frame; a message of output that is nearly full and a row or piece of a line more fit in. */
enum { CONTROL_MESSAGE_MAX_BYTES = JSON_SIZE_MAX_BYTES };
/* A result's row as JSON (a longer one fails the job), and what a longer line is sent in (a piece
 * has at most six times its bytes as JSON). */
enum { CONTROL_ROW_MAX_BYTES = 12 << 20, CONTROL_LINE_PIECE_BYTES = 2 << 20 };

/* ---- coordinator → client ---- */
/* {"t", "index", "line", "column", "sql": the statement's text (shortened), "kind": "done" | "rows"
 * | "query" | "insert", "what": "CREATE TABLE", "text", "schema": [{"name", "type"}] (rows, query),
 * "rows": [[text or null]] (rows)}: a statement has been carried out (done, rows), or its job
 * begins (query, insert). */
#define EVENT_STATEMENT "statement"
/* {"t", "index", "job", "name", "recoverable": another coordinator can go on with it, "plan":
 * public plan}: begins to run. */
#define EVENT_JOB "job"
/* {"t", "index", "rows"}, {"t", "index", "stream", "text"}: MSG_ROWS and MSG_OUTPUT handed on. */
#define EVENT_ROWS "rows"
#define EVENT_OUTPUT "output"
/* {"t", "index", "elapsedMs", "recordsIn", "bytesIn", "totalBytes", "recordsOut", "watermark",
 * "skipped"}: while a job runs, twice a second; totals are of bounded sources, 0 unknown. */
#define EVENT_PROGRESS "progress"
/* {"t", "index", "state": "finished" | "stopped" | "failed" | "cancelled", "error": ERROR,
 * "checkpoint": as in status.h (stopped), "elapsedMs",
 * "recordsIn", "recordsOut", "skipped", "sinks": [{"table", "connector", "path", "records"}]} */
#define EVENT_END "end"
/* {"t", "index", "line", "column", "sql", "error": ERROR, "rendered": text with caret}: a statement
 * was refused. */
#define EVENT_ERROR "error"
/* {"t", "index", "job", "attempt": the one that failed, "delayMs", "error": ERROR, "checkpoint":
 * will the next one start from a checkpoint?}: the job starts again. */
#define EVENT_RESTART "restart"
/* {"t", "missing": n}: so many workers are to be started in place of those that are gone. */
#define EVENT_WORKERS "workers"
/* {"t", "text"} */
#define EVENT_WARNING "warning"
/* {"t", "failed": number of statements that failed, "cancelled": was any part of it cancelled?,
 * "statements": number}: the script is done; the coordinator closes. */
#define EVENT_DONE "done"

/* ---- client → coordinator ---- */
/* {"t", "job": id, absent = all}: stop. */
#define CLIENT_CANCEL "cancel"

/* {"t": type}, to be filled and sent. */
cJSON *control_new(const char *type);
/* Parses a frame and its type; *ret_type borrows the tree. */
int control_parse(const void *data, size_t len, cJSON **ret_json, const char **ret_type,
                  struct err *err) ATTR_MUST_USE;
cJSON *control_error_to_json(const struct err *e, const char *stage);
void control_error_from_json(const cJSON *j, struct err *ret_err, const char **ret_stage);

#endif
