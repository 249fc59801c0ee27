/* var_memory.c - size classes: multiples of 16 up to 1024 bytes, then four per power of two up to
 * 8192. */
#include "worker/state/var_memory.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct var_page {
    struct var_page *next;
    size_t size_bytes;
    char pad[48]; /* blocks begin on a cache line */
};

enum { FINE_CLASSES = 64, FINE_BYTES = 1024 };

static int class_of(size_t n) {
    if (n <= FINE_BYTES) return n ? (int)((n - 1) / 16) : 0;
    int log = 63 - __builtin_clzl(n - 1); /* 2^log < n <= 2^(log+1) */
    size_t quarter = (n - 1 - ((size_t)1 << log)) >> (log - 2);
    return FINE_CLASSES + 4 * (log - 10) + (int)quarter;
}

static size_t class_bytes(int c) {
    if (c < FINE_CLASSES) return 16 * ((size_t)c + 1);
    int log = 10 + (c - FINE_CLASSES) / 4, quarter = (c - FINE_CLASSES) % 4;
    return ((size_t)1 << log) + (((size_t)quarter + 1) << (log - 2));
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
    if (v->pages->size_bytes != VAR_PAGE_BYTES) { /* what a table keeps for reuse is small */
        free(v->pages);
        v->pages = NULL;
        v->pos = v->end = NULL;
        v->used_bytes = 0;
        memset(v->free_lists, 0, sizeof v->free_lists);
        return;
    }
    for (int i = 0; i < VAR_CLASSES; i++)
        v->free_lists[i] = NULL;
    v->pos = (char *)(v->pages + 1);
    v->end = (char *)v->pages + VAR_PAGE_BYTES;
    v->used_bytes = VAR_PAGE_BYTES;
}

/* Pages grow with the state, so that a large one has few of them and a small one wastes little. */
static void add_page(struct var_memory *v) {
    size_t n = v->used_bytes / 16 / VAR_PAGE_BYTES * VAR_PAGE_BYTES;
    n = MIN(MAX(n, (size_t)VAR_PAGE_BYTES), (size_t)VAR_PAGE_MAX_BYTES);
    struct var_page *page = mem_aligned(64, n);
    page->next = v->pages;
    page->size_bytes = n;
    v->pages = page;
    v->pos = (char *)(page + 1);
    v->end = (char *)page + n;
    v->used_bytes += n;
}

void *var_alloc(struct var_memory *v, size_t n) {
    if (n > VAR_LARGE_BYTES) {
        v->used_bytes += n;
        v->n_large++;
        return mem_alloc(n);
    }
    int c = class_of(n);
    if (v->free_lists[c]) {
        void *p = v->free_lists[c];
        v->free_lists[c] = *(void **)p;
        return p;
    }
    size_t size = class_bytes(c);
    if ((size_t)(v->end - v->pos) < size) add_page(v);
    void *p = v->pos;
    v->pos += size;
    return p;
}

void var_free(struct var_memory *v, void *p, size_t n) {
    if (!p) return;
    if (n > VAR_LARGE_BYTES) {
        v->used_bytes -= n;
        v->n_large--;
        free(p);
        return;
    }
    int c = class_of(n);
    *(void **)p = v->free_lists[c];
    v->free_lists[c] = p;
}

bool var_same_block(size_t a, size_t b) {
    return a <= VAR_LARGE_BYTES && b <= VAR_LARGE_BYTES ? class_of(a) == class_of(b) : a == b;
}
