/* mem.c - allocation that cannot fail. */
#include "base/core/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static ATTR_NORETURN ATTR_COLD void mem_exhausted(size_t count, size_t size_bytes) {
    /* No allocation and no logger from here on. */
    fprintf(stderr, "out of memory: could not allocate %zu x %zu bytes\n", count, size_bytes);
    abort();
}

void *mem_alloc(size_t size_bytes) {
    void *p = malloc(size_bytes ? size_bytes : 1);
    if (unlikely(!p)) mem_exhausted(1, size_bytes);
    return p;
}

void *mem_zalloc(size_t size_bytes) {
    return mem_calloc(1, size_bytes);
}

void *mem_calloc(size_t count, size_t size_bytes) {
    void *p = calloc(count ? count : 1, size_bytes ? size_bytes : 1);
    if (unlikely(!p)) mem_exhausted(count, size_bytes);
    return p;
}

void *mem_realloc(void *p, size_t size_bytes) {
    void *q = realloc(p, size_bytes ? size_bytes : 1);
    if (unlikely(!q)) mem_exhausted(1, size_bytes);
    return q;
}

void *mem_reallocarray(void *p, size_t count, size_t size_bytes) {
    size_t total;
    if (unlikely(__builtin_mul_overflow(count, size_bytes, &total)))
        mem_exhausted(count, size_bytes);
    return mem_realloc(p, total);
}

void *mem_aligned(size_t align, size_t size_bytes) {
    /* aligned_alloc wants a multiple of the alignment. */
    size_t rounded = (size_bytes + align - 1) & ~(align - 1);
    if (unlikely(rounded < size_bytes)) mem_exhausted(1, size_bytes);
    void *p = aligned_alloc(align, rounded ? rounded : align);
    if (unlikely(!p)) mem_exhausted(1, size_bytes);
    return p;
}

void *mem_pages(size_t size_bytes) {
    enum { HUGE_PAGE_BYTES = 2 << 20, CACHE_LINE_BYTES = 64 };
    if (size_bytes < HUGE_PAGE_BYTES) return mem_aligned(CACHE_LINE_BYTES, size_bytes);
    void *p = mem_aligned(HUGE_PAGE_BYTES, size_bytes);
    /* Advice: without it everything works, only slower. */
    madvise(p, size_bytes, MADV_HUGEPAGE);
    return p;
}

char *mem_strdup(const char *s) {
    return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *mem_strndup(const char *s, size_t n) {
    n = strnlen(s, n);
    char *p = mem_alloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void *mem_dup(const void *p, size_t size_bytes) {
    void *q = mem_alloc(size_bytes);
    if (size_bytes) memcpy(q, p, size_bytes);
    return q;
}

void mem_free_ptr(void *pp) {
    void *p;
    memcpy(&p, pp, sizeof(p)); /* pp may be the address of any object pointer */
    free(p);
}
