/* var_memory.c - size classes 16, 32, 48, 64, 96, 128, 192, ... 8192 bytes: two per power of two.
 */
#include "worker/state/var_memory.h"

#include "base/core/mem.h"

#include <stdlib.h>

struct var_page {
    struct var_page *next;
    char pad[56]; /* blocks begin on a cache line */
};

static const uint32_t class_bytes[VAR_CLASSES] = {16,   32,   48,  64,   96,   128,  192,  256,
                                                  384,  512,  768, 1024, 1536, 2048, 3072, 4096,
                                                  6144, 8192, 0,   0,    0,    0,    0,    0};

static int class_of(size_t n) {
    if (n <= 16) return 0;
    if (n <= 32) return 1;
    if (n <= 48) return 2;
    if (n <= 64) return 3;
    int log = 63 - __builtin_clzl(n - 1); /* 2^log < n <= 2^(log+1) */
    bool half = n <= (size_t)3 << (log - 1);
    return 4 + 2 * (log - 6) + !half;
}

static void *blob_alloc_fn(struct blob_alloc *self, size_t n) {
    return var_alloc(CONTAINER_OF(self, struct var_memory, blobs), n);
}

static void blob_free_fn(struct blob_alloc *self, void *p, size_t n) {
    var_free(CONTAINER_OF(self, struct var_memory, blobs), p, n);
}

void var_init(struct var_memory *v) {
    *v = (struct var_memory){.blobs = {blob_alloc_fn, blob_free_fn}};
}

void var_release(struct var_memory *v) {
    while (v->pages) {
        struct var_page *next = v->pages->next;
        free(v->pages);
        v->pages = next;
    }
    var_init(v);
}

void var_clear(struct var_memory *v) {
    if (!v->pages) return;
    while (v->pages->next) {
        struct var_page *next = v->pages->next;
        v->pages->next = next->next;
        free(next);
    }
    for (int i = 0; i < VAR_CLASSES; i++)
        v->free_lists[i] = NULL;
    v->pos = (char *)(v->pages + 1);
    v->end = (char *)v->pages + VAR_PAGE_BYTES;
    v->used_bytes = VAR_PAGE_BYTES;
}

void *var_alloc(struct var_memory *v, size_t n) {
    if (n > VAR_LARGE_BYTES) {
        v->used_bytes += n;
        return mem_alloc(n);
    }
    int c = class_of(n);
    if (v->free_lists[c]) {
        void *p = v->free_lists[c];
        v->free_lists[c] = *(void **)p;
        return p;
    }
    size_t size = class_bytes[c];
    if ((size_t)(v->end - v->pos) < size) {
        struct var_page *page = mem_aligned(64, VAR_PAGE_BYTES);
        page->next = v->pages;
        v->pages = page;
        v->pos = (char *)(page + 1);
        v->end = (char *)page + VAR_PAGE_BYTES;
        v->used_bytes += VAR_PAGE_BYTES;
    }
    void *p = v->pos;
    v->pos += size;
    return p;
}

void var_free(struct var_memory *v, void *p, size_t n) {
    if (!p) return;
    if (n > VAR_LARGE_BYTES) {
        v->used_bytes -= n;
        free(p);
        return;
    }
    int c = class_of(n);
    *(void **)p = v->free_lists[c];
    v->free_lists[c] = p;
}
