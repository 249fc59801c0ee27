/* var_memory.h - variable-size blocks of a state: strings of keys, blobs of accumulators. Size
 * classes over pages, larger blocks by themselves. One thread. It is a blob_alloc
 * (vector/func/agg.h). */
#ifndef PENSTOCK_WORKER_STATE_VAR_MEMORY_H
#define PENSTOCK_WORKER_STATE_VAR_MEMORY_H

#include "vector/func/agg.h"

enum {
    VAR_CLASSES = 76,
    VAR_PAGE_BYTES = 64 << 10,
    VAR_PAGE_MAX_BYTES = 2 << 20,
    VAR_LARGE_BYTES = 8 << 10
};

struct var_page;
struct var_memory {
    struct blob_alloc blobs; /* hand this to aggregates */
    struct var_page *pages;  /* newest first */
    char *pos, *end;         /* room in the newest page */
    void *free_lists[VAR_CLASSES];
    size_t used_bytes; /* of pages and large blocks */
    uint64_t n_large;  /* blocks by themselves: without any, var_release frees all there is */
};

void var_init(struct var_memory *v);
void var_release(struct var_memory *v);
/* Makes everything free at once; keeps one page. Large blocks must have been freed before. */
void var_clear(struct var_memory *v);
void *var_alloc(struct var_memory *v, size_t size_bytes);
void var_free(struct var_memory *v, void *p,
              size_t size_bytes); /* the size it was allocated with */

/* Whether a block of one size can be used as one of the other, so that it needn't move. */
bool var_same_block(size_t a_bytes, size_t b_bytes);

#endif
