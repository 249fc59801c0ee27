/* frame.c - frame headers and control elements as bytes. */
#include "worker/net/frame.h"

#include "worker/net/wire.h"

enum { MAGIC = 0x314b5350 }; /* "PSK1" */

struct header {
    uint32_t magic, check; /* check: of the rest */
    uint8_t type, zero[3];
    uint32_t len, raw_len, rows;
    uint64_t channel, seq, checksum;
};
_Static_assert(sizeof(struct header) == FRAME_HEADER_BYTES, "no padding");

static uint32_t header_check(const struct header *h) {
    return (uint32_t)wire_checksum((const uint8_t *)h + 8, sizeof(*h) - 8);
}

void frame_write_header(const struct frame *f, uint8_t ret[FRAME_HEADER_BYTES]) {
    struct header h = {.magic = MAGIC,
                       .type = (uint8_t)f->type,
                       .len = f->len,
                       .raw_len = f->raw_len,
                       .rows = f->rows,
                       .channel = f->channel,
                       .seq = f->seq,
                       .checksum = f->checksum};
    h.check = header_check(&h);
    memcpy(ret, &h, sizeof(h));
}

static uint32_t len_max(enum frame_type type) {
    if (type == FRAME_BATCH) return WIRE_BATCH_MAX_BYTES;
    return type <= FRAME_REFUSE ? FRAME_JSON_MAX_BYTES : FRAME_CONTROL_MAX_BYTES;
}

int frame_read_header(const uint8_t bytes[FRAME_HEADER_BYTES], struct frame *ret, struct err *err) {
    struct header h;
    memcpy(&h, bytes, sizeof(h));
    if (h.magic != MAGIC) return err_set(err, ERR_CORRUPT, "no frame begins here");
    if (h.check != header_check(&h)) return err_set(err, ERR_CORRUPT, "frame header is damaged");
    if (h.type < FRAME_HELLO || h.type >= FRAME_TYPE_END)
        return err_set(err, ERR_CORRUPT, "unknown frame type %u", h.type);
    if (h.len > len_max((enum frame_type)h.type) || h.raw_len < h.len)
        return err_set(err, ERR_CORRUPT, "frame type %u of length %u", h.type, h.len);
    *ret = (struct frame){
        (enum frame_type)h.type, h.len, h.raw_len, h.rows, h.channel, h.seq, h.checksum};
    return 0;
}

/* ---- control elements ----------------------------------------------------------------------- */

struct barrier_payload {
    uint64_t id, routing_version;
    int64_t trigger_ms;
    uint32_t kind, full;
    uint64_t epoch, base;
};
_Static_assert(sizeof(struct barrier_payload) == FRAME_CONTROL_MAX_BYTES, "the longest");

struct latency_payload {
    int32_t vertex, subtask;
    int64_t source_ns;
};

uint32_t frame_put_control(const struct elem *e, uint8_t ret[FRAME_CONTROL_MAX_BYTES],
                           enum frame_type *ret_type) {
    switch (e->kind) {
    case ELEM_WATERMARK:
        *ret_type = FRAME_WATERMARK;
        memcpy(ret, &e->u.wm, sizeof(e->u.wm));
        return sizeof(e->u.wm);
    case ELEM_IDLE:
        *ret_type = FRAME_IDLE;
        ret[0] = e->u.idle;
        return 1;
    case ELEM_BARRIER: {
        const struct barrier *b = &e->u.barrier;
        struct barrier_payload p = {b->id,   b->routing_version, b->trigger_ms, b->kind,
                                    b->full, b->epoch,           b->base};
        *ret_type = FRAME_BARRIER;
        memcpy(ret, &p, sizeof(p));
        return sizeof(p);
    }
    case ELEM_LATENCY: {
        struct latency_payload p = {e->u.latency.vertex, e->u.latency.subtask,
                                    e->u.latency.source_ns};
        *ret_type = FRAME_LATENCY;
        memcpy(ret, &p, sizeof(p));
        return sizeof(p);
    }
    case ELEM_END:
        *ret_type = FRAME_END;
        return 0;
    case ELEM_BATCH:
    case ELEM_FRAME:
    case ELEM_KIND_COUNT:
        break;
    }
    UNREACHABLE("element %d is no control element", (int)e->kind);
}

int frame_get_control(const struct frame *f, const uint8_t *payload, struct elem *ret,
                      struct err *err) {
    struct elem e = {.kind = ELEM_END};
    uint32_t want = 0;
    if (f->type == FRAME_WATERMARK) {
        e.kind = ELEM_WATERMARK;
        want = sizeof(e.u.wm);
        if (f->len == want) memcpy(&e.u.wm, payload, want);
    } else if (f->type == FRAME_IDLE) {
        e.kind = ELEM_IDLE;
        want = 1;
        if (f->len == want) e.u.idle = payload[0] != 0;
    } else if (f->type == FRAME_BARRIER) {
        struct barrier_payload p = {0};
        e.kind = ELEM_BARRIER;
        want = sizeof(p);
        if (f->len == want) memcpy(&p, payload, want);
        if (p.kind > BARRIER_STOP || p.full > 1)
            return err_set(err, ERR_CORRUPT, "a barrier of unknown kind");
        e.u.barrier = (struct barrier){.id = p.id,
                                       .kind = (enum barrier_kind)p.kind,
                                       .routing_version = p.routing_version,
                                       .trigger_ms = p.trigger_ms,
                                       .epoch = p.epoch,
                                       .base = p.base,
                                       .full = p.full};
    } else if (f->type == FRAME_LATENCY) {
        struct latency_payload p = {0};
        e.kind = ELEM_LATENCY;
        want = sizeof(p);
        if (f->len == want) memcpy(&p, payload, want);
        e.u.latency = (struct latency_marker){p.vertex, p.subtask, p.source_ns};
    } else if (f->type != FRAME_END) {
        return err_set(err, ERR_PROTOCOL, "frame type %d is no element", (int)f->type);
    }
    if (f->len != want)
        return err_set(err, ERR_CORRUPT, "frame type %d of length %u", (int)f->type, f->len);
    *ret = e;
    return 0;
}
