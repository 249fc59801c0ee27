/* frame.h - what goes over a connection between workers: a header of FRAME_HEADER_BYTES and a
 * payload (docs/wire.md). */
#ifndef PENSTOCK_WORKER_NET_FRAME_H
#define PENSTOCK_WORKER_NET_FRAME_H

#include "worker/exchange/channel.h"

enum frame_type {
    FRAME_HELLO = 1, /* dialer: who it is, which job; JSON */
    FRAME_WELCOME,   /* the connection is open */
    FRAME_REFUSE,    /* it isn't; JSON: why, whether to try again */
    FRAME_CREDIT,    /* receiver -> sender of a channel: how far it may go */
    FRAME_BATCH,
    FRAME_WATERMARK,
    FRAME_IDLE,
    FRAME_BARRIER,
    FRAME_LATENCY,
    FRAME_END,
    FRAME_TYPE_END
};

enum { FRAME_HEADER_BYTES = 48, FRAME_CONTROL_MAX_BYTES = 48, FRAME_JSON_MAX_BYTES = 4096 };

struct frame {
    enum frame_type type;
    uint32_t len, raw_len; /* of the payload; raw_len differs when it is compressed */
    uint32_t rows;         /* FRAME_BATCH */
    uint64_t channel, seq; /* elements; channel of FRAME_CREDIT */
    uint64_t checksum;     /* of the payload */
};

void frame_write_header(const struct frame *f, uint8_t ret[FRAME_HEADER_BYTES]);
/* ERR_CORRUPT unless magic, header checksum, type and lengths are right. */
int frame_read_header(const uint8_t bytes[FRAME_HEADER_BYTES], struct frame *ret,
                      struct err *err) ATTR_MUST_USE;

/* Elements but batches. Returns the payload's length; *ret_type: its frame. */
uint32_t frame_put_control(const struct elem *e, uint8_t ret[FRAME_CONTROL_MAX_BYTES],
                           enum frame_type *ret_type);
/* The payload has been checked against f->checksum. */
int frame_get_control(const struct frame *f, const uint8_t *payload, struct elem *ret,
                      struct err *err) ATTR_MUST_USE;

/* FRAME_CREDIT: totals since the channel's beginning that the sender may reach. */
struct frame_credit {
    uint64_t elems, bytes;
};

#endif
