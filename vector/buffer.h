/* buffer.h - reference-counted memory blocks that hold column data. Immutable once the column is
 * published (handed to another op or thread). Reference counts are atomic: batches cross threads.
 * Small, frequent sizes come from per-thread free lists, so a steady stream allocates nothing. */
#ifndef PENSTOCK_VECTOR_BUFFER_H
#define PENSTOCK_VECTOR_BUFFER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    atomic_uint refs;
    uint32_t size_class;
    size_t size_bytes;                 /* usable */
    void (*free_fn)(struct buffer *b); /* foreign memory (Arrow, mmap); NULL = own block */
    void *owner;                       /* for free_fn */
    uint8_t *data;                     /* 64-byte aligned; 64 readable bytes behind size_bytes */
};

struct buffer *buffer_new(size_t size_bytes); /* one reference, not zeroed */
struct buffer *buffer_wrap(void *data, size_t size_bytes, void (*free_fn)(struct buffer *),
                           void *owner);     /* alignment and tail are the caller's promise */
struct buffer *buffer_ref(struct buffer *b); /* NULL stays NULL */
void buffer_unref(struct buffer *b);         /* NULL accepted */
/* Bytes in live buffers of the process. Any thread. */
size_t buffer_total_bytes(void);

/* String bytes behind a column of views: a growing list of chunks, plus the heaps it borrows from.
 * Chunks never move, so views into them stay valid as long as one reference to the heap lives.
 * Written by one thread until published. */
struct heap {
    atomic_uint refs;
    uint32_t n_chunks, cap_chunks;
    struct buffer **chunks;
    uint8_t *pos, *end; /* room in the last chunk */
    uint32_t n_parents, cap_parents;
    struct heap **parents;
    size_t used_bytes;
};

struct heap *heap_new(void);
struct heap *heap_ref(struct heap *h);
void heap_unref(struct heap *h);
/* Room for n bytes, to be written by the caller at once. */
uint8_t *heap_alloc(struct heap *h, size_t n);
/* Gives back the unused tail of the last heap_alloc: keeps only n bytes of it. */
void heap_trim(struct heap *h, const uint8_t *p, size_t n);
/* h keeps parent (and what it borrows) alive; does nothing for NULL, itself or one already held. */
void heap_borrow(struct heap *h, struct heap *parent);
/* h keeps a buffer alive (file block that views point into). */
void heap_adopt(struct heap *h, struct buffer *b /* takes */);

#endif
