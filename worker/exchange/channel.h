/* channel.h - a channel carries elements, in order, from one upstream subtask to one downstream
 * subtask of an edge: a bounded single-producer single-consumer ring of references. Nothing is
 * copied.
 *
 * In one process the upstream task produces and the downstream task consumes. Between processes
 * there are two rings: on the sending side the connection consumes, on the receiving side it
 * produces (worker/net). Either way the ring's bound in elements and bytes is the credit.
 *
 * Every element carries the channel's sequence number; the consumer checks that none is missing. */
#ifndef PENSTOCK_WORKER_EXCHANGE_CHANNEL_H
#define PENSTOCK_WORKER_EXCHANGE_CHANNEL_H

#include "worker/op.h"

enum elem_kind {
    ELEM_BATCH,     /* u.batch, owned */
    ELEM_FRAME,     /* u.frame, owned: a batch in wire format (net/wire.h) */
    ELEM_WATERMARK, /* u.wm */
    ELEM_IDLE,      /* u.idle: idle, or active again */
    ELEM_BARRIER,   /* u.barrier */
    ELEM_LATENCY,   /* u.latency */
    ELEM_END,       /* no more will come; WATERMARK_MAX came before */
    ELEM_KIND_COUNT
};

/* Made by sources now and then; sinks measure the age. */
struct latency_marker {
    int32_t vertex, subtask; /* source it comes from */
    int64_t source_ns;       /* wall clock */
};

struct elem {
    enum elem_kind kind;
    uint32_t rows;       /* ELEM_BATCH, ELEM_FRAME */
    uint64_t seq;        /* set by channel_push */
    uint64_t size_bytes; /* counted against the channel's bytes */
    union {
        struct batch *batch;
        struct frame_payload {
            struct buffer *buf;
            uint64_t checksum;
            uint32_t len, raw_len; /* raw_len: before compression; equal = not compressed */
        } frame;
        int64_t wm;
        bool idle;
        struct barrier barrier;
        struct latency_marker latency;
    } u;
};

/* Drops what the element owns. */
void elem_release(struct elem *e);

/* Whom to tell that something can go on. Called on the other side's thread. */
struct channel_peer {
    void (*wake)(void *self, uint32_t arg);
    void *self;
    uint32_t arg;
};

/* Names a channel within an attempt of a job. epoch: rises when one end is made anew. */
struct channel_id {
    uint16_t edge, from, to, epoch;
};
static inline uint64_t channel_id_pack(struct channel_id id) {
    return (uint64_t)id.edge << 48 | (uint64_t)id.from << 32 | (uint64_t)id.to << 16 | id.epoch;
}
static inline struct channel_id channel_id_unpack(uint64_t v) {
    return (struct channel_id){(uint16_t)(v >> 48), (uint16_t)(v >> 32), (uint16_t)(v >> 16),
                               (uint16_t)v};
}

struct channel;

enum { CHANNEL_ELEMS_MIN = 2, CHANNEL_ELEMS_MAX = 1024 };

/* One reference. max_elems is rounded up to a power of two. max_bytes is soft: an element is taken
 * while fewer bytes than that are in flight, so that one larger than the bound still passes. */
struct channel *channel_new(struct channel_id id, uint32_t max_elems, uint64_t max_bytes);
struct channel *channel_ref(struct channel *ch);
/* The last one releases what is left in the ring. */
void channel_unref(struct channel *ch);
struct channel_id channel_id_of(const struct channel *ch);
uint32_t channel_max_elems(const struct channel *ch);
uint64_t channel_max_bytes(const struct channel *ch);
/* Before the first element. */
void channel_set_producer(struct channel *ch, struct channel_peer producer);
void channel_set_consumer(struct channel *ch, struct channel_peer consumer);
/* The producer is woken each time half of the room has been used, so that it can hand out new
 * credit (connections); otherwise only if it waits. */
void channel_set_credited(struct channel *ch);

/* ---- producer's side ---- */

bool channel_has_room(struct channel *ch);
/* Takes e's content. There must be room. Wakes the consumer. */
void channel_push(struct channel *ch, struct elem *e);
enum channel_wait { CHANNEL_WAIT_ROOM = 1, CHANNEL_WAIT_EMPTY = 2 };
/* Asks for a wake when half the room is free (or all is). Returns false if that is so already:
 * then no wake will come. */
bool channel_wait(struct channel *ch, enum channel_wait what);
/* Everything pushed has been taken. */
bool channel_is_drained(struct channel *ch);
/* Elements pushed that the task at the far end hasn't taken yet; between processes as of the last
 * credit. */
uint32_t channel_backlog(const struct channel *ch);

/* ---- consumer's side ---- */

bool channel_is_empty(struct channel *ch);
bool channel_pop(struct channel *ch, struct elem *ret);
/* Connections that send: so many elements have been taken at the far end; rises. Before the first
 * call the consumer of the ring counts as the far end. */
void channel_set_taken(struct channel *ch, uint64_t elems);

/* ---- any thread ---- */

struct channel_load {
    uint64_t pushed, popped, pushed_bytes, popped_bytes;
};
struct channel_load channel_load(const struct channel *ch);

#endif
