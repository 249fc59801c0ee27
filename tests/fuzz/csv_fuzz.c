/* csv_fuzz.c - any bytes as CSV: no crash; the rows don't depend on where blocks end or how many
 * rows are wanted at once; what was read is written and read again as it was. The first byte picks
 * options, the second where the blocks meet. */
#include "tests/fuzz/format_decode.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char row_type[] =
    "ROW<a INT, b STRING, c TIMESTAMP(3), d ARRAY<BIGINT>, e DECIMAL(9, 2)>";

static void check_write(struct format_setup *f, const struct batch *b, const struct str *text) {
    struct err err = ERR_INIT;
    struct encoder *e;
    AUTO_STR written = STR_INIT, again = STR_INIT;
    CHECKF(format_find("csv")->encoder_new(&f->ctx, &e, &err) == 0, "%s", err.msg);
    CHECKF(e->ops->encode(e, b, 0, b->n, &written, &err) == 0, "%s", err.msg);
    e->ops->free(e);
    format_decode_all(f, "csv", (const uint8_t *)str_text(&written), written.len, written.len, 4096,
                      &again);
    CHECKF(sv_eq(str_view(text), str_view(&again)), "rows:\n%s\nwritten:\n%s\nread:\n%s",
           str_text(text), str_text(&written), str_text(&again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint8_t pick = data[0], cut_at = data[1];
    data += 2;
    size -= 2;
    struct table_option o[8];
    int n = 0;
    o[n++] = (struct table_option){"csv.null-literal", "\\N"};
    if (pick & 1) o[n++] = (struct table_option){"csv.ignore-parse-errors", "true"};
    if (pick & 2) o[n++] = (struct table_option){"csv.escape-character", "\\"};
    if (pick & 4) o[n++] = (struct table_option){"csv.allow-comments", "true"};
    if (pick & 8) o[n++] = (struct table_option){"csv.ignore-first-line", "true"};
    if (pick & 16) o[n++] = (struct table_option){"csv.penstock.multi-line", "false"};
    if (pick & 32) o[n++] = (struct table_option){"csv.disable-quote-character", "true"};
    struct format_setup f;
    format_setup_init(&f, row_type, o, n);
    AUTO_STR whole = STR_INIT, pieces = STR_INIT;
    struct decoder *d = format_setup_decoder(&f, "csv");
    struct batch *b;
    size_t used = format_decode_block(&f, d, data, size, true, BATCH_ROWS_MAX, &whole, &b);
    d->ops->free(d);
    if (used == size) { /* else there are more rows than a batch has */
        format_decode_all(&f, "csv", data, size, size * cut_at / 255, 1 + pick / 64, &pieces);
        CHECKF(sv_eq(str_view(&whole), str_view(&pieces)), "whole:\n%s\npieces:\n%s",
               str_text(&whole), str_text(&pieces));
        /* Only with plain options does the format write what it reads: NULL and quotes have a text.
         */
        if (!(pick & ~1u & 63) && !memmem(str_text(&whole), whole.len, "[NULL]", 6))
            check_write(&f, b, &whole);
    }
    batch_unref(b);
    arena_release(&f.arena);
    return 0;
}
