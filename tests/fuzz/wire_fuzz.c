/* wire_fuzz.c - hostile bytes into the frame and batch decoders: whatever comes, no bad access. The
 * first byte picks the schema, the second what the rest is: a frame header, a control payload, or a
 * batch (whose checksum is made right, so that the decoder behind it is reached). */
#include "base/core/mem.h"
#include "worker/net/frame.h"
#include "worker/net/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[] = {"BOOLEAN",
                                      "BIGINT",
                                      "STRING",
                                      "DECIMAL(20, 3)",
                                      "ARRAY<INT>",
                                      "MAP<STRING, ARRAY<STRING>>",
                                      "ROW<a INT, b STRING, c ARRAY<BOOLEAN>>",
                                      "TIMESTAMP(9)",
                                      "MULTISET<STRING>",
                                      "DOUBLE"};

/* Columns whose bit is set in pick. */
static const struct schema *make_schema(struct arena *a, unsigned pick) {
    struct field *f = ARENA_NEW_N(a, struct field, ARRAY_LEN(columns));
    struct schema *s = ARENA_NEW(a, struct schema);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (!(pick >> i & 1)) continue;
        struct err err = ERR_INIT;
        f[s->n].name = "c";
        CHECK(type_parse(a, columns[i], &f[s->n].type, &err) == 0);
        s->n++;
    }
    s->fields = f;
    return s;
}

/* Reads every value, and sends the batch on its way again. */
static void use(const struct batch *b) {
    struct err err = ERR_INIT;
    CHECKF(batch_verify(b, &err) == 0, "%s", err.msg);
    uint64_t *hash = mem_calloc((size_t)b->n + 1, sizeof(*hash));
    for (int i = 0; i < b->n_cols; i++)
        col_hash(&b->cols[i], hash, b->n);
    free(hash);
    struct frame_payload p;
    CHECKF(wire_encode_batch(b, false, &p, &err) == 0, "%s", err.msg);
    buffer_unref(p.buf);
}

static void fuzz_batch(const uint8_t *data, size_t size, unsigned pick, bool compressed) {
    struct arena a;
    arena_init(&a);
    struct frame_payload p = {.buf = buffer_new(size), .len = (uint32_t)size};
    memcpy(p.buf->data, data, size);
    p.raw_len = compressed ? p.len + 16 * (pick & 255) : p.len;
    p.checksum = wire_checksum(p.buf->data, p.len);
    struct err err = ERR_INIT;
    struct batch *b;
    if (wire_decode_batch(&p, make_schema(&a, pick), &b, &err) == 0) {
        use(b);
        batch_unref(b);
    }
    buffer_unref(p.buf);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3 || size > 1 << 16) return 0;
    unsigned pick = data[0] | (unsigned)(data[1] >> 4) << 8, what = data[1] & 3;
    data += 2;
    size -= 2;
    struct err err = ERR_INIT;
    struct frame f;
    if (what == 0 && size >= FRAME_HEADER_BYTES) {
        if (frame_read_header(data, &f, &err) == 0) CHECK(f.len <= WIRE_BATCH_MAX_BYTES);
    } else if (what == 1) {
        struct elem e;
        f = (struct frame){.type = (enum frame_type)(pick % FRAME_TYPE_END), .len = (uint32_t)size};
        if (frame_get_control(&f, data, &e, &err) == 0) CHECK(e.kind < ELEM_KIND_COUNT);
    } else {
        fuzz_batch(data, size, pick, what == 3);
    }
    return 0;
}
