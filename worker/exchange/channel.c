/* channel.c - the ring. Head and tail are free-running counters on cache lines of their own, each
 * side keeping a copy of the other's last seen value so that a line moves once per lap of the
 * room, not per element (Lamport's queue with cached indices: Lee et al., "MCRingBuffer",
 * IPDPS 2010).
 *
 * Waking the producer is a Dekker handshake: the producer sets `waiting`, then looks at the room;
 * the consumer makes room, then looks at `waiting`; all four accesses are sequentially consistent,
 * so that one of them sees the other. */
#include "worker/exchange/channel.h"

#include "base/core/mem.h"

#include <stdlib.h>

struct channel {
    atomic_uint refs;
    uint32_t cap; /* power of two */
    struct channel_id id;
    bool credited;
    uint64_t max_bytes;
    struct channel_peer producer, consumer;
    struct elem *slots;

    _Alignas(64) _Atomic uint64_t tail; /* pushed; written by the producer (release) */
    _Atomic uint64_t bytes_in;          /* relaxed; written by the producer */
    uint64_t head_seen, bytes_out_seen; /* producer's */

    _Alignas(64) _Atomic uint64_t head; /* popped; written by the consumer (seq_cst) */
    _Atomic uint64_t bytes_out;         /* relaxed, before head */
    uint64_t tail_seen;                 /* consumer's */
    uint64_t head_told, bytes_told;     /* consumer's: when a credited producer was last woken */

    _Atomic uint64_t taken; /* + 1: at the far end of a connection; 0 = unknown */

    _Alignas(64) atomic_uint waiting; /* enum channel_wait or 0 */
};

void elem_release(struct elem *e) {
    if (e->kind == ELEM_BATCH) batch_unref(e->u.batch);
    if (e->kind == ELEM_FRAME) buffer_unref(e->u.frame.buf);
    e->u.batch = NULL;
    e->kind = ELEM_WATERMARK;
}

struct channel *channel_new(struct channel_id id, uint32_t max_elems, uint64_t max_bytes) {
    CHECK(max_elems >= CHANNEL_ELEMS_MIN && max_elems <= CHANNEL_ELEMS_MAX);
    struct channel *ch = mem_aligned(64, sizeof(*ch));
    memset(ch, 0, sizeof(*ch));
    atomic_init(&ch->refs, 1);
    ch->id = id;
    ch->cap = CHANNEL_ELEMS_MIN;
    while (ch->cap < max_elems)
        ch->cap *= 2;
    ch->max_bytes = max_bytes;
    ch->slots = mem_calloc(ch->cap, sizeof(*ch->slots));
    return ch;
}

struct channel *channel_ref(struct channel *ch) {
    atomic_fetch_add_explicit(&ch->refs, 1, memory_order_relaxed);
    return ch;
}

void channel_unref(struct channel *ch) {
    if (!ch || atomic_fetch_sub_explicit(&ch->refs, 1, memory_order_acq_rel) != 1) return;
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    for (uint64_t i = atomic_load_explicit(&ch->head, memory_order_relaxed); i < tail; i++)
        elem_release(&ch->slots[i & (ch->cap - 1)]);
    free(ch->slots);
    free(ch);
}

struct channel_id channel_id_of(const struct channel *ch) {
    return ch->id;
}

uint32_t channel_max_elems(const struct channel *ch) {
    return ch->cap;
}

uint64_t channel_max_bytes(const struct channel *ch) {
    return ch->max_bytes;
}

void channel_set_producer(struct channel *ch, struct channel_peer producer) {
    ch->producer = producer;
}

void channel_set_consumer(struct channel *ch, struct channel_peer consumer) {
    ch->consumer = consumer;
}

void channel_set_credited(struct channel *ch) {
    ch->credited = true;
}

/* ---- producer's side ---- */

static bool room_seen(const struct channel *ch, uint64_t tail, uint64_t bytes_in, uint32_t cap,
                      uint64_t max_bytes) {
    return tail - ch->head_seen < cap && bytes_in - ch->bytes_out_seen < max_bytes;
}

static void see_head(struct channel *ch) {
    ch->head_seen = atomic_load(&ch->head);
    ch->bytes_out_seen = atomic_load_explicit(&ch->bytes_out, memory_order_relaxed);
}

bool channel_has_room(struct channel *ch) {
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    uint64_t in = atomic_load_explicit(&ch->bytes_in, memory_order_relaxed);
    if (likely(room_seen(ch, tail, in, ch->cap, ch->max_bytes))) return true;
    see_head(ch);
    return room_seen(ch, tail, in, ch->cap, ch->max_bytes);
}

void channel_push(struct channel *ch, struct elem *e) {
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    uint64_t in = atomic_load_explicit(&ch->bytes_in, memory_order_relaxed);
    if (unlikely(tail - ch->head_seen >= ch->cap)) see_head(ch);
    CHECK(tail - ch->head_seen < ch->cap);
    e->seq = tail;
    ch->slots[tail & (ch->cap - 1)] = *e;
    atomic_store_explicit(&ch->bytes_in, in + e->size_bytes, memory_order_relaxed);
    atomic_store_explicit(&ch->tail, tail + 1, memory_order_release);
    ch->consumer.wake(ch->consumer.self, ch->consumer.arg);
}

bool channel_wait(struct channel *ch, enum channel_wait what) {
    atomic_store(&ch->waiting, (unsigned)what);
    see_head(ch);
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    uint64_t in = atomic_load_explicit(&ch->bytes_in, memory_order_relaxed);
    bool now = what == CHANNEL_WAIT_EMPTY
                   ? tail == ch->head_seen
                   : room_seen(ch, tail, in, ch->cap / 2 + 1, ch->max_bytes / 2 + 1);
    if (!now) return true;
    /* If the consumer has cleared it meanwhile, a superfluous wake comes: harmless. */
    atomic_store(&ch->waiting, 0);
    return false;
}

bool channel_is_drained(struct channel *ch) {
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    if (tail == ch->head_seen) return true;
    see_head(ch);
    return tail == ch->head_seen;
}

uint32_t channel_backlog(const struct channel *ch) {
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&ch->taken, memory_order_relaxed);
    return (uint32_t)(tail -
                      (taken ? taken - 1 : atomic_load_explicit(&ch->head, memory_order_relaxed)));
}

/* ---- consumer's side ---- */

void channel_set_taken(struct channel *ch, uint64_t elems) {
    atomic_store_explicit(&ch->taken, elems + 1, memory_order_relaxed);
}

bool channel_is_empty(struct channel *ch) {
    uint64_t head = atomic_load_explicit(&ch->head, memory_order_relaxed);
    if (head != ch->tail_seen) return false;
    ch->tail_seen = atomic_load_explicit(&ch->tail, memory_order_acquire);
    return head == ch->tail_seen;
}

/* Behind a pop: tells the producer if it asked for it. */
static void tell_producer(struct channel *ch, uint64_t head, uint64_t out) {
    if (ch->credited) {
        bool half =
            head - ch->head_told >= ch->cap / 2 || out - ch->bytes_told >= ch->max_bytes / 2;
        if (!half) return;
        ch->head_told = head;
        ch->bytes_told = out;
        ch->producer.wake(ch->producer.self, ch->producer.arg);
        return;
    }
    unsigned what = atomic_load(&ch->waiting);
    if (likely(!what)) return;
    uint64_t tail = atomic_load_explicit(&ch->tail, memory_order_acquire);
    uint64_t in = atomic_load_explicit(&ch->bytes_in, memory_order_relaxed);
    bool now = what == CHANNEL_WAIT_EMPTY
                   ? head == tail
                   : tail - head <= ch->cap / 2 && in - out <= ch->max_bytes / 2;
    if (now && atomic_exchange(&ch->waiting, 0))
        ch->producer.wake(ch->producer.self, ch->producer.arg);
}

bool channel_pop(struct channel *ch, struct elem *ret) {
    if (channel_is_empty(ch)) return false;
    uint64_t head = atomic_load_explicit(&ch->head, memory_order_relaxed);
    uint64_t out = atomic_load_explicit(&ch->bytes_out, memory_order_relaxed);
    *ret = ch->slots[head & (ch->cap - 1)];
    out += ret->size_bytes;
    atomic_store_explicit(&ch->bytes_out, out, memory_order_relaxed);
    atomic_store(&ch->head, head + 1);
    tell_producer(ch, head + 1, out);
    return true;
}

struct channel_load channel_load(const struct channel *ch) {
    /* Out before in, so that in >= out. */
    struct channel_load l;
    l.popped = atomic_load_explicit(&ch->head, memory_order_acquire);
    l.popped_bytes = atomic_load_explicit(&ch->bytes_out, memory_order_relaxed);
    l.pushed_bytes = atomic_load_explicit(&ch->bytes_in, memory_order_relaxed);
    l.pushed = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    return l;
}
