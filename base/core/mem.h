/* mem.h - allocation that cannot fail: running out of memory ends the process with a message.
 * Budgets (worker memory, queues) are enforced above this and are a normal result, not a failure
 * of malloc. */
#ifndef PENSTOCK_BASE_CORE_MEM_H
#define PENSTOCK_BASE_CORE_MEM_H

#include "base/core/attr.h"

#include <stddef.h>

void *mem_alloc(size_t size_bytes);
void *mem_zalloc(size_t size_bytes);
void *mem_calloc(size_t count, size_t size_bytes); /* zeroed; overflow ends the process */
void *mem_realloc(void *p, size_t size_bytes);
void *mem_reallocarray(void *p, size_t count, size_t size_bytes);
void *mem_aligned(size_t align, size_t size_bytes);
/* For large blocks that are touched at random: on huge pages where the system gives them, which
 * saves page faults and address translation. Freed with free(). */
void *mem_pages(size_t size_bytes);
char *mem_strdup(const char *s); /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t size_bytes);

/* Asks for the cache line of p, to be read or written soon. The empty statement is what keeps the
 * compiler from taking a function that does nothing but this for one without effects, whose calls
 * it then drops. */
static inline void mem_prefetch(const void *p) {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

static inline void mem_prefetch_write(const void *p) {
    __builtin_prefetch(p, 1);
    __asm__ volatile("");
}

/* Makes room for one more element in a growing array: grows by doubling. */
#define MEM_GROW(arr, len, cap)                                                                    \
    do {                                                                                           \
        if ((len) == (cap)) {                                                                      \
            (cap) = (cap) ? (cap)*2 : 8;                                                           \
            (arr) = mem_reallocarray((arr), (size_t)(cap), sizeof(*(arr)));                        \
        }                                                                                          \
    } while (0)

void mem_free_ptr(void *pp); /* for ATTR_CLEANUP: frees *(void **)pp */
#define AUTO_FREE ATTR_CLEANUP(mem_free_ptr)

#endif
