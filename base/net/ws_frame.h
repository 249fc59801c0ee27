/* ws_frame.h - WebSocket frames (RFC 6455, section 5) and the handshake's key, as pure functions.
 */
#ifndef PENSTOCK_BASE_NET_WS_FRAME_H
#define PENSTOCK_BASE_NET_WS_FRAME_H

#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_OP_CONTINUATION = 0,
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10
};

enum {
    WS_FRAME_MORE = 1, /* the head isn't whole yet */
    WS_CONTROL_MAX_BYTES = 125,
    WS_ACCEPT_BYTES = 29 /* base64 of 20 bytes and NUL */
};

struct ws_frame {
    bool fin, masked;
    enum ws_opcode op;
    uint8_t mask[4];
    size_t head_bytes;
    uint64_t payload_bytes;
};

/* The head at the start of buf. 0, WS_FRAME_MORE, or ERR_PROTOCOL. */
int ws_frame_parse(const void *buf, size_t len, struct ws_frame *ret,
                   struct err *err) ATTR_MUST_USE;
/* Applies the mask in place. */
void ws_mask(void *data, size_t len, const uint8_t mask[4]);
/* Appends one whole frame; mask NULL = unmasked (server). */
void ws_frame_add(struct str *out, enum ws_opcode op, const uint8_t mask[4], const void *data,
                  size_t len);
size_t ws_frame_size(size_t payload_bytes, bool masked);
/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void ws_accept_key(const char *key, char ret[WS_ACCEPT_BYTES]);
/* May this code stand in a close frame? */
bool ws_close_code_valid(int code);

#endif
