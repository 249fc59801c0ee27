/* arena.c - bump allocation out of a list of chunks. */
#include "base/core/arena.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer the unused rest of a chunk is poisoned, so that an overrun and a use
 * after arena_clear are found. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define ARENA_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { ARENA_GAP_BYTES = 16 };
#else
#define ARENA_POISON(p, n) ((void)(p), (void)(n))
#define ARENA_UNPOISON(p, n) ((void)(p), (void)(n))
enum { ARENA_GAP_BYTES = 0 };
#endif

enum { ARENA_ALIGN = 16, ARENA_CHUNK_MIN_BYTES = 4096, ARENA_CHUNK_MAX_BYTES = 1 << 20 };

struct arena_chunk {
    struct arena_chunk *next; /* older */
    size_t size_bytes;        /* of data */
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a) {
    *a = (struct arena){0};
}

void arena_release(struct arena *a) {
    for (struct arena_chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        ARENA_UNPOISON(c->data, c->size_bytes);
        free(c);
    }
    arena_init(a);
}

void arena_clear(struct arena *a) {
    struct arena_chunk *keep = a->head;
    for (struct arena_chunk *c = keep; c; c = c->next) {
        if (c->size_bytes > keep->size_bytes) keep = c;
    }
    for (struct arena_chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        ARENA_UNPOISON(c->data, c->size_bytes);
        if (c != keep) free(c);
    }
    a->head = keep;
    a->pos = a->end = NULL;
    a->used_bytes = 0;
    if (keep) {
        keep->next = NULL;
        a->pos = keep->data;
        a->end = keep->data + keep->size_bytes;
        ARENA_POISON(keep->data, keep->size_bytes);
    }
}

static struct arena_chunk *chunk_new(size_t size_bytes) {
    struct arena_chunk *c = mem_alloc(sizeof(*c) + size_bytes);
    c->next = NULL;
    c->size_bytes = size_bytes;
    ARENA_POISON(c->data, size_bytes);
    return c;
}

static ATTR_COLD void *arena_alloc_slow(struct arena *a, size_t need, size_t size_bytes) {
    if (!a->chunk_size_bytes) a->chunk_size_bytes = ARENA_CHUNK_MIN_BYTES;
    if (need > a->chunk_size_bytes / 2 && a->head) {
        /* A large block gets a chunk of its own behind the head, whose rest stays in use. */
        struct arena_chunk *c = chunk_new(need);
        c->next = a->head->next;
        a->head->next = c;
        ARENA_UNPOISON(c->data, size_bytes);
        a->used_bytes += need;
        return c->data;
    }
    struct arena_chunk *c = chunk_new(MAX(need, a->chunk_size_bytes));
    c->next = a->head;
    a->head = c;
    if (a->chunk_size_bytes < ARENA_CHUNK_MAX_BYTES) a->chunk_size_bytes *= 2;
    a->pos = c->data + need;
    a->end = c->data + c->size_bytes;
    a->used_bytes += need;
    ARENA_UNPOISON(c->data, size_bytes);
    return c->data;
}

void *arena_alloc(struct arena *a, size_t size_bytes) {
    CHECKF(size_bytes <= SIZE_MAX / 2, "arena allocation of %zu bytes", size_bytes);
    size_t need = ((size_bytes ? size_bytes : 1) + ARENA_GAP_BYTES + ARENA_ALIGN - 1) &
                  ~(size_t)(ARENA_ALIGN - 1);
    if (unlikely(need > (size_t)(a->end - a->pos))) return arena_alloc_slow(a, need, size_bytes);
    char *p = a->pos;
    a->pos += need;
    a->used_bytes += need;
    ARENA_UNPOISON(p, size_bytes);
    return p;
}

void *arena_zalloc(struct arena *a, size_t size_bytes) {
    void *p = arena_alloc(a, size_bytes);
    memset(p, 0, size_bytes);
    return p;
}

void *arena_dup(struct arena *a, const void *p, size_t size_bytes) {
    void *q = arena_alloc(a, size_bytes);
    if (size_bytes) memcpy(q, p, size_bytes);
    return q;
}

char *arena_strdup(struct arena *a, const char *s) {
    return s ? arena_dup(a, s, strlen(s) + 1) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    n = strnlen(s, n);
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    CHECKF(n >= 0, "format %s", fmt);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}
