/* part.h - one part file on its way: written under a hidden name, closed, made durable in the
 * background, and given its final name by the commit. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_PART_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_PART_H

#include "connector/filesystem/codec.h"

#include <stdint.h>

/* Files being synced; counts them and keeps the first error. Outlives the sink while a sync runs.
 */
struct sync_group;
struct sync_group *sync_group_new(void (*wake)(void *self), void *self);
/* The owner goes: wake will not be called again. */
void sync_group_free(struct sync_group *g);
uint32_t sync_group_pending(struct sync_group *g);
/* The first failure so far, with err set; 0 if there is none. */
int sync_group_error(struct sync_group *g, struct err *err) ATTR_MUST_USE;

struct part {
    char *tmp, *dst, *partition; /* paths; "a=1/b=2" or "" */
    int fd;                      /* -1: closed */
    struct packer *packer;
    struct str buf; /* encoded, not yet written */
    uint64_t bytes, records;
    int64_t opened_ms, written_ms;
    struct part *next;
};

int part_open(const char *dir, const char *name, const char *partition, enum codec codec,
              struct part **ret, struct err *err) ATTR_MUST_USE;
/* Writes p->buf out when there is much of it. */
int part_write(struct part *p, struct err *err) ATTR_MUST_USE;
/* Writes the rest, and has g sync and close it. */
int part_close(struct part *p, struct sync_group *g, struct err *err) ATTR_MUST_USE;
/* Frees p; removes its file if remove. */
void part_free(struct part *p, bool remove);

#endif
