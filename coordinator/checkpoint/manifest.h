/* manifest.h - records of the checkpoint log as bytes (docs/checkpoint-format.md): one line
 * "penstock-checkpoint <version> <XXH3 of the rest, 16 hex digits> <bytes of the rest>\n", then
 * JSON. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_MANIFEST_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_MANIFEST_H

#include "base/core/json.h"
#include "coordinator/checkpoint/protocol.h"

enum { CKPT_FORMAT_VERSION = 1 };

/* A record as read. Zero is a valid initial value. */
struct ckpt_manifest {
    struct ckpt_record record; /* files: owned by the manifest */
    cJSON *body;               /* what the job keeps in it; NULL in a leader's record */
};
void ckpt_manifest_release(struct ckpt_manifest *m);

/* body may be NULL. Appended. */
void ckpt_manifest_write(const struct ckpt_record *rec, const cJSON *body, struct str *out);
/* ERR_CORRUPT: anything that isn't as it was written. ERR_UNSUPPORTED: a newer version. */
int ckpt_manifest_read(struct sv bytes, struct ckpt_manifest *ret, struct err *err) ATTR_MUST_USE;

#endif
