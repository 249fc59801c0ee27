/* jsonformat_fuzz.c - any bytes as lines of JSON: no crash; the rows don't depend on where blocks
 * end or how many rows are wanted at once; what was read is written and read again as it was; the
 * changelog formats survive the same text. The first byte picks options, the second where the
 * blocks meet. */
#include "tests/fuzz/format_decode.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char row_type[] =
    "ROW<a INT, b STRING, c TIMESTAMP(3), d ARRAY<ROW<x BIGINT, y STRING>>, e DECIMAL(9, 2), f "
    "MAP<STRING, DOUBLE>, g BYTES, h DATE>";

static void check_write(struct format_setup *f, const struct batch *b, const struct str *text) {
    struct err err = ERR_INIT;
    struct encoder *e;
    AUTO_STR written = STR_INIT, again = STR_INIT;
    CHECKF(format_find("json")->encoder_new(&f->ctx, &e, &err) == 0, "%s", err.msg);
    CHECKF(e->ops->encode(e, b, 0, b->n, &written, &err) == 0, "%s", err.msg);
    e->ops->free(e);
    format_decode_all(f, "json", (const uint8_t *)str_text(&written), written.len, written.len,
                      4096, &again);
    CHECKF(sv_eq(str_view(text), str_view(&again)), "rows:\n%s\nwritten:\n%s\nread:\n%s",
           str_text(text), str_text(&written), str_text(&again));
}

/* Counts alone: these formats make several rows of one message. */
static void check_changes(struct format_setup *f, const char *format, const uint8_t *data,
                          size_t size) {
    const struct schema *s = f->table.schema;
    struct decoder *d = format_setup_decoder(f, format);
    struct col_builder cols[FORMAT_COLS_MAX], kinds;
    for (int i = 0; i < s->n; i++)
        col_builder_init(&cols[i], s->fields[i].type, 16);
    col_builder_init(&kinds, type_of(TYPE_TINYINT), 16);
    struct row_sink sink = {.n_cols = s->n, .cols = cols, .max_rows = UINT32_MAX, .kinds = &kinds};
    struct record_error bad;
    struct err err = ERR_INIT;
    size_t used;
    uint64_t lines;
    CHECK(d->ops->decode(d, (const char *)data, size, true, &sink, &used, &lines, &bad, &err) == 0);
    CHECK(used == size && kinds.col.n == sink.n_rows);
    for (int i = 0; i < s->n; i++) {
        CHECK(cols[i].col.n == sink.n_rows);
        col_builder_release(&cols[i]);
    }
    col_builder_release(&kinds);
    d->ops->free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint8_t pick = data[0], cut_at = data[1];
    data += 2;
    size -= 2;
    struct table_option o[4];
    int n = 0;
    if (pick & 1) o[n++] = (struct table_option){"json.ignore-parse-errors", "true"};
    if (pick & 2) o[n++] = (struct table_option){"json.timestamp-format.standard", "ISO-8601"};
    struct format_setup f;
    format_setup_init(&f, row_type, o, n);
    if (pick & 4) {
        static const char *const formats[] = {"debezium-json", "canal-json", "maxwell-json",
                                              "ogg-json"};
        check_changes(&f, formats[pick >> 3 & 3], data, size);
        arena_release(&f.arena);
        return 0;
    }
    AUTO_STR whole = STR_INIT, pieces = STR_INIT;
    struct decoder *d = format_setup_decoder(&f, "json");
    struct batch *b;
    size_t used = format_decode_block(&f, d, data, size, true, BATCH_ROWS_MAX, &whole, &b);
    d->ops->free(d);
    if (used == size) {
        format_decode_all(&f, "json", data, size, size * cut_at / 255, 1 + pick / 64, &pieces);
        CHECKF(sv_eq(str_view(&whole), str_view(&pieces)), "whole:\n%s\npieces:\n%s",
               str_text(&whole), str_text(&pieces));
        check_write(&f, b, &whole);
    }
    batch_unref(b);
    arena_release(&f.arena);
    return 0;
}
