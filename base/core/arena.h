/* arena.h - bump allocation with one lifetime (process, job, epoch, turn; PostgreSQL's memory
 * contexts). Nothing is freed singly; arena_clear makes the whole ready for reuse and keeps the
 * largest chunk. An arena belongs to one thread. */
#ifndef PENSTOCK_BASE_CORE_ARENA_H
#define PENSTOCK_BASE_CORE_ARENA_H

#include "base/core/attr.h"

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* newest */
    char *pos, *end;
    size_t chunk_size_bytes; /* of the next chunk; doubles up to 1 MiB */
    size_t used_bytes;
};

void arena_init(struct arena *a); /* no allocation until first use */
void arena_release(struct arena *a);
void arena_clear(struct arena *a);
void *arena_alloc(struct arena *a, size_t size_bytes); /* 16-byte aligned, not zeroed */
void *arena_zalloc(struct arena *a, size_t size_bytes);
void *arena_dup(struct arena *a, const void *p, size_t size_bytes);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) ATTR_PRINTF(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_NEW_N(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

#endif
