/* part.h - one part file on its way: encoded, written under no visible name, staged in the
 * background, and made visible by the commit. Writing is done on I/O threads. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_PART_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_PART_H

#include "connector/filesystem/codec.h"
#include "fs/fs.h"

#include <stdint.h>

enum { PART_QUEUED_MAX_BYTES = 32 << 20 }; /* of a sink, encoded and not yet handed to the store */

/* The part files of a sink: counts work under way and keeps the first error. Outlives the sink
 * while something runs. */
struct part_group;
struct part_group *part_group_new(struct fs *f, void (*wake)(void *self), void *self);
/* The owner goes: wake will not be called again, and what is under way is broken off. */
void part_group_free(struct part_group *g);
/* Parts that are closed and not yet staged. wake follows when there are none. */
uint32_t part_group_pending(struct part_group *g);
/* Too much is queued: wake follows when there is room. */
bool part_group_full(struct part_group *g);
/* The first failure so far, with err set; 0 if there is none. */
int part_group_error(struct part_group *g, struct err *err) ATTR_MUST_USE;

struct part_io; /* its writer, and what is queued for it */

struct part {
    char *dst, *partition; /* URI; "a=1/b=2" or "" */
    struct part_io *io;
    struct packer *packer;
    struct str buf; /* encoded, not yet written */
    uint64_t bytes, records;
    int64_t opened_ms, written_ms;
    struct part *next;
};

int part_open(struct part_group *g, const char *dir, const char *name, const char *partition,
              enum codec codec, struct part **ret, struct err *err) ATTR_MUST_USE;
/* Writes p->buf out when there is much of it. */
void part_write(struct part *p);
/* Writes the rest, and has it staged in the background. */
void part_close(struct part *p);
/* What fs_commit needs, once nothing is pending and there was no error; owned by the caller. From
 * then on part_free leaves the file alone. */
cJSON *part_take_staged(struct part *p);
/* Frees p; its file is removed, in the background, unless it was taken. */
void part_free(struct part *p);

#endif
