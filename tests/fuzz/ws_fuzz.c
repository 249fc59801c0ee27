/* ws_fuzz.c - WebSocket frames: a head that parses is the one that our writer makes of it. */
#include "base/net/ws_frame.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = ERR_INIT;
    struct ws_frame f;
    int rc = ws_frame_parse(data, size, &f, &err);
    if (rc) {
        CHECK(rc == WS_FRAME_MORE || (rc == ERR_PROTOCOL && err.msg[0]));
        return 0;
    }
    CHECK(f.head_bytes >= 2 && f.head_bytes <= 14 && f.head_bytes <= size);
    CHECK(ws_frame_parse(data, f.head_bytes - 1, &f, &err) == WS_FRAME_MORE);
    if (f.payload_bytes > size - f.head_bytes) return 0;
    /* Unmask and write it again. */
    AUTO_STR payload = STR_INIT, out = STR_INIT;
    str_add_n(&payload, data + f.head_bytes, (size_t)f.payload_bytes);
    if (f.masked) ws_mask(payload.ptr, payload.len, f.mask);
    ws_frame_add(&out, f.op, f.masked ? f.mask : NULL, payload.ptr, payload.len);
    CHECK(out.len == ws_frame_size(payload.len, f.masked));
    if (!f.fin) out.ptr[0] &= 0x7F;
    CHECK(memcmp(out.ptr, data, out.len) == 0);
    return 0;
}
