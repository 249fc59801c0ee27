/* buffer.c - blocks from per-thread magazines with a shared depot behind them (Bonwick & Adams,
 * "Magazines and Vmem", USENIX 2001). A block freed on another thread than it was made on goes to
 * that thread's magazine; full magazines move to the depot half at a time, so producer and
 * consumer threads exchange blocks with one lock per half magazine. */
#include "vector/buffer.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGN_BYTES = 64,
    TAIL_BYTES = 64,
    MIN_SHIFT = 6,  /* smallest class: 64 bytes */
    MAX_SHIFT = 20, /* largest class: 1 MiB; beyond that straight from malloc */
    STEPS = 4,      /* classes per doubling */
    N_CLASSES = (MAX_SHIFT - MIN_SHIFT) * STEPS + 1,
    CLASS_NONE = 0xff,               /* not cached */
    MAGAZINE_MAX = 64,               /* blocks of one class a thread keeps */
    MAGAZINE_MAX_BYTES = 1 << 20,    /* ... and bytes */
    DEPOT_CLASS_MAX_BYTES = 8 << 20, /* of one class, all threads together */
    HEAP_CHUNK_MIN_BYTES = 4096,
    HEAP_CHUNK_MAX_BYTES = 256 << 10
};

_Static_assert(sizeof(struct buffer) <= ALIGN_BYTES, "header fits in front of the data");

/* Free blocks are linked through `owner`. */
struct thread_cache {
    struct buffer *free_list[N_CLASSES];
    uint16_t n_free[N_CLASSES];
    _Atomic int64_t live_bytes; /* written by its thread only (relaxed); read by anyone */
    struct thread_cache *next, **prev;
};

static struct {
    pthread_mutex_t lock;
    struct buffer *free_list[N_CLASSES];
    _Atomic uint32_t n_free[N_CLASSES]; /* changed under the lock; peeked at without (relaxed) */
    struct thread_cache *threads;
    int64_t gone_bytes; /* balance of threads that ended */
} depot = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct thread_cache *tls_cache;
static pthread_key_t tls_key;
static pthread_once_t tls_once = PTHREAD_ONCE_INIT;

static uint32_t class_of(size_t size) {
    if (size <= 1u << MIN_SHIFT) return 0;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(size - 1);
    uint32_t step = (uint32_t)((size - 1) >> (shift - 2)) & (STEPS - 1);
    return (shift - MIN_SHIFT) * STEPS + step + 1;
}

static size_t class_bytes(uint32_t cls) {
    if (cls == 0) return 1u << MIN_SHIFT;
    uint32_t shift = (cls - 1) / STEPS + MIN_SHIFT, step = (cls - 1) % STEPS;
    return ((size_t)1 << shift) + ((size_t)(step + 1) << (shift - 2));
}

static uint32_t magazine_cap(uint32_t cls) {
    size_t n = MAGAZINE_MAX_BYTES / class_bytes(cls);
    return n > MAGAZINE_MAX ? MAGAZINE_MAX : n < 2 ? 2 : (uint32_t)n;
}

/* Moves up to n blocks of the thread's magazine to the depot; what the depot has no room for goes
 * back to malloc. */
static void cache_drain(struct thread_cache *tc, uint32_t cls, uint32_t n) {
    struct buffer *surplus = NULL;
    uint32_t cap = (uint32_t)(DEPOT_CLASS_MAX_BYTES / class_bytes(cls));
    pthread_mutex_lock(&depot.lock);
    while (n-- && tc->free_list[cls]) {
        struct buffer *b = tc->free_list[cls];
        tc->free_list[cls] = b->owner;
        tc->n_free[cls]--;
        if (depot.n_free[cls] < cap) {
            b->owner = depot.free_list[cls];
            depot.free_list[cls] = b;
            depot.n_free[cls]++;
        } else {
            b->owner = surplus;
            surplus = b;
        }
    }
    pthread_mutex_unlock(&depot.lock);
    while (surplus) {
        struct buffer *next = surplus->owner;
        free(surplus);
        surplus = next;
    }
}

ATTR_UNUSED static void cache_refill(struct thread_cache *tc, uint32_t cls) {
    uint32_t n = magazine_cap(cls) / 2;
    pthread_mutex_lock(&depot.lock);
    while (n-- && depot.free_list[cls]) {
        struct buffer *b = depot.free_list[cls];
        depot.free_list[cls] = b->owner;
        depot.n_free[cls]--;
        b->owner = tc->free_list[cls];
        tc->free_list[cls] = b;
        tc->n_free[cls]++;
    }
    pthread_mutex_unlock(&depot.lock);
}

static void cache_exit(void *arg) {
    struct thread_cache *tc = arg;
    for (uint32_t c = 0; c < N_CLASSES; c++)
        cache_drain(tc, c, UINT32_MAX);
    pthread_mutex_lock(&depot.lock);
    depot.gone_bytes += atomic_load_explicit(&tc->live_bytes, memory_order_relaxed);
    *tc->prev = tc->next;
    if (tc->next) tc->next->prev = tc->prev;
    pthread_mutex_unlock(&depot.lock);
    free(tc);
    tls_cache = NULL;
}

static void make_key(void) {
    CHECK(pthread_key_create(&tls_key, cache_exit) == 0);
}

static ATTR_COLD struct thread_cache *cache_new(void) {
    pthread_once(&tls_once, make_key);
    struct thread_cache *tc = mem_zalloc(sizeof(*tc));
    pthread_setspecific(tls_key, tc);
    pthread_mutex_lock(&depot.lock);
    tc->next = depot.threads;
    tc->prev = &depot.threads;
    if (tc->next) tc->next->prev = &tc->next;
    depot.threads = tc;
    pthread_mutex_unlock(&depot.lock);
    tls_cache = tc;
    return tc;
}

static inline struct thread_cache *cache_get(void) {
    return likely(tls_cache != NULL) ? tls_cache : cache_new();
}

/* The owning thread is the only writer, so a plain read-modify-write of an atomic will do. */
static inline void count_bytes(struct thread_cache *tc, int64_t delta) {
    int64_t v = atomic_load_explicit(&tc->live_bytes, memory_order_relaxed);
    atomic_store_explicit(&tc->live_bytes, v + delta, memory_order_relaxed);
}

struct buffer *buffer_new(size_t size_bytes) {
    uint32_t cls = size_bytes <= (size_t)1 << MAX_SHIFT ? class_of(size_bytes) : CLASS_NONE;
    size_t usable = cls == CLASS_NONE ? (size_bytes + 63) & ~(size_t)63 : class_bytes(cls);
    struct thread_cache *tc = cache_get();
    struct buffer *b = NULL;
#ifndef PENSTOCK_SANITIZE
    if (cls != CLASS_NONE) {
        if (unlikely(!tc->free_list[cls]) &&
            atomic_load_explicit(&depot.n_free[cls], memory_order_relaxed))
            cache_refill(tc, cls);
        b = tc->free_list[cls];
        if (b) {
            tc->free_list[cls] = b->owner;
            tc->n_free[cls]--;
        }
    }
#endif
    if (!b) {
        b = mem_aligned(ALIGN_BYTES, ALIGN_BYTES + usable + TAIL_BYTES);
        memset((uint8_t *)b + ALIGN_BYTES + usable, 0, TAIL_BYTES);
    }
    atomic_init(&b->refs, 1);
    b->size_class = cls;
    b->size_bytes = usable;
    b->free_fn = NULL;
    b->owner = NULL;
    b->data = (uint8_t *)b + ALIGN_BYTES;
    count_bytes(tc, (int64_t)usable);
    return b;
}

struct buffer *buffer_wrap(void *data, size_t size_bytes, void (*free_fn)(struct buffer *),
                           void *owner) {
    struct buffer *b = mem_zalloc(sizeof(*b));
    atomic_init(&b->refs, 1);
    b->size_class = CLASS_NONE;
    b->size_bytes = size_bytes;
    b->free_fn = free_fn;
    b->owner = owner;
    b->data = data;
    count_bytes(cache_get(), (int64_t)size_bytes);
    return b;
}

struct buffer *buffer_ref(struct buffer *b) {
    /* Relaxed: a new reference is made from one that is already held. */
    if (b) atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

static void buffer_free(struct buffer *b) {
    struct thread_cache *tc = cache_get();
    count_bytes(tc, -(int64_t)b->size_bytes);
    if (b->free_fn) {
        b->free_fn(b);
        free(b);
        return;
    }
    uint32_t cls = b->size_class;
#ifdef PENSTOCK_SANITIZE
    cls = CLASS_NONE; /* let the sanitizer see every free */
#endif
    if (cls == CLASS_NONE || b->data != (uint8_t *)b + ALIGN_BYTES) {
        free(b);
        return;
    }
    b->owner = tc->free_list[cls];
    tc->free_list[cls] = b;
    if (++tc->n_free[cls] > magazine_cap(cls)) cache_drain(tc, cls, magazine_cap(cls) / 2);
}

void buffer_unref(struct buffer *b) {
    if (!b) return;
    /* The last one skips the locked instruction: nobody else can hold or make a reference.
     * Acquire/release: writes made under other references happen before the reuse. */
    if (atomic_load_explicit(&b->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        buffer_free(b);
}

size_t buffer_total_bytes(void) {
    pthread_mutex_lock(&depot.lock);
    int64_t sum = depot.gone_bytes;
    for (struct thread_cache *tc = depot.threads; tc; tc = tc->next)
        sum += atomic_load_explicit(&tc->live_bytes, memory_order_relaxed);
    pthread_mutex_unlock(&depot.lock);
    return sum > 0 ? (size_t)sum : 0;
}

/* ---- heap ----------------------------------------------------------------------------------- */

struct heap *heap_new(void) {
    struct heap *h = mem_zalloc(sizeof(*h));
    atomic_init(&h->refs, 1);
    return h;
}

struct heap *heap_ref(struct heap *h) {
    if (h) atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

void heap_unref(struct heap *h) {
    if (!h) return;
    if (atomic_load_explicit(&h->refs, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < h->n_chunks; i++)
        buffer_unref(h->chunks[i]);
    for (uint32_t i = 0; i < h->n_parents; i++)
        heap_unref(h->parents[i]);
    free(h->chunks);
    free(h->parents);
    free(h);
}

/* Foreign blocks go in front of the last chunk, which stays the one being filled. */
static void heap_insert(struct heap *h, struct buffer *b, bool current) {
    MEM_GROW(h->chunks, h->n_chunks, h->cap_chunks);
    if (current || !h->end) {
        h->chunks[h->n_chunks++] = b;
    } else {
        h->chunks[h->n_chunks] = h->chunks[h->n_chunks - 1];
        h->chunks[h->n_chunks - 1] = b;
        h->n_chunks++;
    }
}

static ATTR_COLD uint8_t *heap_grow(struct heap *h, size_t n) {
    size_t next = HEAP_CHUNK_MIN_BYTES;
    if (h->end) next = h->chunks[h->n_chunks - 1]->size_bytes * 2;
    if (next > HEAP_CHUNK_MAX_BYTES) next = HEAP_CHUNK_MAX_BYTES;
    if (n > next / 2) { /* a block of its own; the current chunk keeps its room */
        struct buffer *b = buffer_new(n);
        heap_insert(h, b, false);
        h->used_bytes += n;
        return b->data;
    }
    struct buffer *b = buffer_new(next);
    heap_insert(h, b, true);
    h->end = b->data + b->size_bytes;
    h->pos = b->data + n;
    h->used_bytes += n;
    return b->data;
}

uint8_t *heap_alloc(struct heap *h, size_t n) {
    if (unlikely((size_t)(h->end - h->pos) < n)) return heap_grow(h, n);
    uint8_t *p = h->pos;
    h->pos = n ? p + n : p; /* nothing of nothing: both NULL */
    h->used_bytes += n;
    return p;
}

void heap_trim(struct heap *h, const uint8_t *p, size_t n) {
    if (!h->end) return;
    struct buffer *last = h->chunks[h->n_chunks - 1];
    if (p < last->data || p + n > h->pos) return; /* a block of its own: nothing to give back */
    h->used_bytes -= (size_t)(h->pos - (p + n));
    h->pos = (uint8_t *)p + n;
}

void heap_borrow(struct heap *h, struct heap *parent) {
    if (!parent || parent == h) return;
    for (uint32_t i = h->n_parents; i-- > 0;)
        if (h->parents[i] == parent) return;
    MEM_GROW(h->parents, h->n_parents, h->cap_parents);
    h->parents[h->n_parents++] = heap_ref(parent);
}

void heap_adopt(struct heap *h, struct buffer *b) {
    heap_insert(h, b, false);
    h->used_bytes += b->size_bytes;
}
