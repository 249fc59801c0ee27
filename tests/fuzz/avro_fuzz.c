/* avro_fuzz.c - any bytes as an Avro message: no crash; a record that can't be read leaves nothing
 * behind; what was read is written and read again as it was; columns read by themselves are the
 * same as with all others. */
#include "tests/fuzz/format_decode.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char row_type[] =
    "ROW<a INT, b STRING NOT NULL, c TIMESTAMP(3), d ARRAY<ROW<x BIGINT, y STRING>>, e DECIMAL(9, "
    "2), f MAP<STRING, DOUBLE>, g BYTES, h BOOLEAN NOT NULL>";

/* The record's produced columns as text, and as a batch; false if it can't be read. */
static bool read_message(struct format_setup *f, const uint8_t *data, size_t size, struct str *out,
                         struct batch **ret) {
    struct decoder *d = format_setup_decoder(f, "avro");
    struct col_builder cols[FORMAT_COLS_MAX];
    int n = f->ctx.n_produced;
    for (int i = 0; i < n; i++)
        col_builder_init(&cols[i], f->table.schema->fields[f->ctx.produced[i]].type, 4);
    struct row_sink sink = {.n_cols = n, .cols = cols, .max_rows = 1};
    struct err err = ERR_INIT;
    int rc = d->ops->decode_message(d, (const char *)data, size, &sink, &err);
    CHECK(rc == 0 || rc == ERR_RECORD);
    struct batch *b = batch_new(n);
    b->n = rc ? 0 : 1;
    for (int i = 0; i < n; i++) {
        CHECK(cols[i].col.n == b->n);
        col_builder_finish(&cols[i], &b->cols[i]);
        col_builder_release(&cols[i]);
    }
    format_print(b, out);
    d->ops->free(d);
    *ret = b;
    return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct format_setup f;
    format_setup_init(&f, row_type, NULL, 0);
    AUTO_STR text = STR_INIT, again = STR_INIT, written = STR_INIT;
    struct batch *b, *other;
    if (read_message(&f, data, size, &text, &b)) {
        struct err err = ERR_INIT;
        struct encoder *e;
        CHECKF(format_find("avro")->encoder_new(&f.ctx, &e, &err) == 0, "%s", err.msg);
        CHECKF(e->ops->encode_message(e, b, 0, &written, &err) == 0, "%s", err.msg);
        e->ops->free(e);
        CHECK(read_message(&f, (const uint8_t *)str_text(&written), written.len, &again, &other));
        CHECKF(sv_eq(str_view(&text), str_view(&again)), "read:\n%s\nagain:\n%s", str_text(&text),
               str_text(&again));
        batch_unref(other);
        static const int some[] = {6, 1};
        f.ctx.produced = some;
        f.ctx.n_produced = 2;
        str_clear(&again);
        CHECK(read_message(&f, data, size, &again, &other));
        batch_unref(other);
    }
    batch_unref(b);
    arena_release(&f.arena);
    return 0;
}
