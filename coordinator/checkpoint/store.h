/* store.h - the checkpoint log and the files of state in a job's checkpoint directory:
 *
 *   <dir>/log/<seq, 20 digits>      records (manifest.h), made by "create only if absent"
 *   <dir>/state/<name>              files of state
 *
 * Calls block; they are made on I/O threads. Any thread. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_STORE_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_STORE_H

#include "coordinator/checkpoint/manifest.h"
#include "fs/fs.h"

struct ckpt_store;

enum { CKPT_STORE_TIMEOUT_MS = 30000 };

/* fs is borrowed. dir: without a slash at its end. */
struct ckpt_store *ckpt_store_new(struct fs *fs, const char *dir);
void ckpt_store_free(struct ckpt_store *s); /* NULL accepted */

/* Rising. The array is the caller's. */
int ckpt_store_slots(struct ckpt_store *s, uint64_t **ret, size_t *ret_n,
                     struct err *err) ATTR_MUST_USE;
/* ERR_NOT_FOUND; ERR_CORRUPT, ERR_UNSUPPORTED: see manifest.h. */
int ckpt_store_read(struct ckpt_store *s, uint64_t seq, struct ckpt_manifest *ret,
                    struct err *err) ATTR_MUST_USE;
/* CKPT_UNKNOWN: it may have been made or not; err says what happened. */
enum ckpt_created ckpt_store_create(struct ckpt_store *s, const struct ckpt_record *rec,
                                    const cJSON *body, struct err *err);
int ckpt_store_delete_slots(struct ckpt_store *s, const uint64_t *seqs, size_t n,
                            struct err *err) ATTR_MUST_USE;
int ckpt_store_files(struct ckpt_store *s, struct ckpt_file **ret, size_t *ret_n,
                     struct err *err) ATTR_MUST_USE;
int ckpt_store_delete_files(struct ckpt_store *s, const struct ckpt_file *files, size_t n,
                            struct err *err) ATTR_MUST_USE;
/* Removes what writers that died had begun below state/ for epochs up to this one, but for its
 * checkpoints from first_open on: they may begin while this runs. */
int ckpt_store_sweep(struct ckpt_store *s, uint64_t epoch, uint64_t first_open,
                     struct err *err) ATTR_MUST_USE;

#endif
