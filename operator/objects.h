/* objects.h - the Kubernetes objects of a FlinkJob. Pure and deterministic: the same job gives the
 * same objects, which tests compare as they stand. All are owned by the FlinkJob.
 *
 *   <job>            ServiceAccount (without rights or token), Service (REST of the current run),
 *                    PodDisruptionBudget, NetworkPolicy (unless isolation: none)
 *   <job>-keys       Secret: job token, and a certificate for the job's pods (keys.h)
 *   <job>-<hash>     ConfigMap: a spec as its coordinator reads it, and as pods are made from it
 *   <job>-<run>-coordinator, <job>-<run>-worker-<i>    Pods
 *
 * Pods pass the Pod Security Standard "restricted". */
#ifndef PENSTOCK_OPERATOR_OBJECTS_H
#define PENSTOCK_OPERATOR_OBJECTS_H

#include "operator/job.h"

enum {
    OBJECTS_REST_PORT = 8081,   /* coordinator */
    OBJECTS_HEALTH_PORT = 8082, /* worker */
    OBJECTS_GRACE_S = 30
};

/* Objects beside pods, specs and keys, in the order to make them; run: whose coordinator the
 * service is for. An array; owned by the caller. */
cJSON *objects_base(const struct job *job, const struct job_defaults *d, int64_t run);
/* Of all of them as text: tells whether they are as they should be. */
void objects_base_hash(const struct job *job, const struct job_defaults *d, int64_t run,
                       char ret[JOB_HASH_BYTES]);

/* The ConfigMap of the job's spec. */
cJSON *objects_spec(const struct job *job);
/* The FlinkJob that such a ConfigMap was made from, for pods of a run that isn't the spec's: with
 * the metadata of `object`, and without its status. ERR_CORRUPT. Owned by the caller. */
int objects_spec_read(const cJSON *config_map, const cJSON *object, cJSON **ret,
                      struct err *err) ATTR_MUST_USE;

/* hash: of the spec's ConfigMap. job: of that spec. */
/* origin: the run that this one goes on with; its own number: none. fresh: it doesn't start from a
 * checkpoint (of another). */
cJSON *objects_coordinator(const struct job *job, int64_t run, int64_t origin, const char *hash,
                           bool fresh);
cJSON *objects_worker(const struct job *job, int64_t run, int index, const char *coordinator_ip);

/* Names; appended. */
void objects_coordinator_name(const char *job, int64_t run, struct str *out);
void objects_spec_name(const char *job, const char *hash, struct str *out);
void objects_keys_name(const char *job, struct str *out);
/* What the coordinator's certificate is for. */
void objects_server_name(const char *job, const char *ns, struct str *out);

/* Puts owner and labels on an object; role NULL: none; run 0: none. */
void objects_adopt(cJSON *object, const struct job *job, const char *role, int64_t run);

#endif
