/* ckpt_file.h - names of the files that hold checkpointed state. */
#ifndef PENSTOCK_BASE_PROTO_CKPT_FILE_H
#define PENSTOCK_BASE_PROTO_CKPT_FILE_H

#include <stdbool.h>
#include <stdint.h>

enum { CKPT_FILE_NAME_MAX = 127 };

/* A file of state: written by one worker for one checkpoint, named so that its maker can be told
 * from the name (ckpt_file_name). */
struct ckpt_file {
    char name[CKPT_FILE_NAME_MAX + 1];
};
/* "<epoch>-<checkpoint>-<worker>-<salt>.state"; the epoch is that of the leader that triggered the
 * checkpoint, not of the attempt, which a later leader may have adopted: a leader that doesn't know
 * yet that it is none may delete files of its own epoch and before, and no newer record names one
 * of those that it doesn't know. */
void ckpt_file_name(uint64_t epoch, uint64_t checkpoint, const char *worker, uint32_t salt,
                    struct ckpt_file *ret);
bool ckpt_file_parse(const char *name, uint64_t *ret_epoch, uint64_t *ret_checkpoint);

#endif
