/* status.h - what a job's coordinator tells the operator: GET /v1/status, and at its end the file
 * of --result (a pod's termination message, at most STATUS_RESULT_MAX_BYTES, without "plan").
 *
 * {"state": one of STATUS_*, "workers": {"registered", "wanted"}, "job": as GET /v1/jobs/{id}
 * (docs/rest.md; absent before it is deployed), "plan": {"vertices": [{"uid", "name",
 * "parallelism", "slotGroup"}], "slots": needed} (once compiled), "checkpoints":
 * does it take any?, "checkpoint": {"id", "location",
 * "completedMs": since the epoch, "bytes"} (absent: none is complete), "error": ERROR (control.h;
 * failed)}.
 *
 * POST /v1/start {}: a job that was prepared (--hold) runs. POST /v1/stop {"checkpoint": bool}:
 * with a last checkpoint (ERR_UNSUPPORTED where the job takes none: nothing is stopped), or at
 * once. POST /v1/log-levels {"levels": "info,net=debug", "ttlMs"}: of the coordinator and its
 * workers. */
#ifndef PENSTOCK_BASE_PROTO_STATUS_H
#define PENSTOCK_BASE_PROTO_STATUS_H

#define STATUS_PATH "/v1/status"
#define STATUS_PATH_START "/v1/start"
#define STATUS_PATH_STOP "/v1/stop"
#define STATUS_PATH_LOG "/v1/log-levels"

#define STATUS_COMPILING "compiling"
#define STATUS_PREPARED "prepared" /* compiled; POST /v1/start is awaited */
#define STATUS_WAITING "waiting"   /* started; workers are missing */
#define STATUS_STARTING "starting" /* tasks are being deployed */
#define STATUS_RUNNING "running"
#define STATUS_STOPPING "stopping" /* also: sinks are being committed */
#define STATUS_FINISHED "finished"
#define STATUS_STOPPED "stopped" /* with a checkpoint to start from again */
#define STATUS_FAILED "failed"
#define STATUS_CANCELLED "cancelled"

enum { STATUS_RESULT_MAX_BYTES = 4000 };

#endif
