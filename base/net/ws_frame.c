/* ws_frame.c - WebSocket frames. */
#include "base/net/ws_frame.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static int fail(struct err *err, const char *what) {
    return err_set(err, ERR_PROTOCOL, "WebSocket frame: %s", what);
}

int ws_frame_parse(const void *buf, size_t len, struct ws_frame *ret, struct err *err) {
    const uint8_t *p = buf;
    if (len < 2) return WS_FRAME_MORE;
    struct ws_frame f = {.fin = p[0] & 0x80, .masked = p[1] & 0x80, .op = p[0] & 0x0F};
    if (p[0] & 0x70) return fail(err, "reserved bit set");
    if ((f.op > WS_OP_BINARY && f.op < WS_OP_CLOSE) || f.op > WS_OP_PONG)
        return fail(err, "unknown opcode");
    unsigned size = p[1] & 0x7F;
    size_t extra = size == 127 ? 8 : size == 126 ? 2 : 0;
    if (f.op >= WS_OP_CLOSE && (extra || !f.fin))
        return fail(err, "control frame in pieces, or too long");
    f.head_bytes = 2 + extra + (f.masked ? 4 : 0);
    if (len < f.head_bytes) return WS_FRAME_MORE;
    f.payload_bytes = extra ? 0 : size;
    for (size_t i = 0; i < extra; i++)
        f.payload_bytes = f.payload_bytes << 8 | p[2 + i];
    if ((extra == 2 && f.payload_bytes < 126) || (extra == 8 && f.payload_bytes <= UINT16_MAX))
        return fail(err, "length not in its shortest form");
    if (f.payload_bytes > INT64_MAX) return fail(err, "length");
    if (f.masked) memcpy(f.mask, p + 2 + extra, 4);
    *ret = f;
    return 0;
}

void ws_mask(void *data, size_t len, const uint8_t mask[4]) {
    uint8_t *p = data;
    uint64_t wide;
    uint8_t twice[8];
    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&wide, twice, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        v ^= wide;
        memcpy(p + i, &v, 8);
    }
    for (; i < len; i++)
        p[i] ^= mask[i & 3];
}

size_t ws_frame_size(size_t payload_bytes, bool masked) {
    size_t head = payload_bytes > UINT16_MAX ? 10 : payload_bytes > 125 ? 4 : 2;
    return head + (masked ? 4 : 0) + payload_bytes;
}

void ws_frame_add(struct str *out, enum ws_opcode op, const uint8_t mask[4], const void *data,
                  size_t len) {
    uint8_t head[14];
    size_t n = 2;
    head[0] = (uint8_t)(0x80 | op);
    int length_bytes = len > UINT16_MAX ? 8 : len > 125 ? 2 : 0;
    head[1] = (uint8_t)(length_bytes == 8 ? 127 : length_bytes == 2 ? 126 : len);
    for (int i = length_bytes - 1; i >= 0; i--)
        head[n++] = (uint8_t)((uint64_t)len >> (8 * i));
    if (mask) {
        head[1] |= 0x80;
        memcpy(head + n, mask, 4);
        n += 4;
    }
    str_add_n(out, head, n);
    str_add_n(out, data, len);
    if (mask) ws_mask(out->ptr + out->len - len, len, mask);
}

void ws_accept_key(const char *key, char ret[WS_ACCEPT_BYTES]) {
    unsigned char digest[SHA_DIGEST_LENGTH];
    AUTO_STR text = STR_INIT;
    str_addf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    unsigned int n = sizeof(digest);
    int ok = EVP_Digest(text.ptr, text.len, digest, &n, EVP_sha1(), NULL);
    CHECKF(ok == 1, "SHA-1");
    EVP_EncodeBlock((unsigned char *)ret, digest, sizeof(digest));
}

bool ws_close_code_valid(int code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}
