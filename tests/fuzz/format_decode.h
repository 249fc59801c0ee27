/* format_decode.h - for fuzzers of formats: text to rows as text, whole or in two blocks. */
#ifndef PENSTOCK_TESTS_FUZZ_FORMAT_DECODE_H
#define PENSTOCK_TESTS_FUZZ_FORMAT_DECODE_H

#include "connector/format/format.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"
#include "vector/value.h"

#include <string.h>

enum { FORMAT_COLS_MAX = 16 };

struct format_setup {
    struct arena arena;
    struct connector_table table;
    struct eval_env env;
    struct format_ctx ctx;
    int all[FORMAT_COLS_MAX];
};

static inline void format_setup_init(struct format_setup *f, const char *row_type,
                                     const struct table_option *options, int n_options) {
    memset(f, 0, sizeof *f);
    arena_init(&f->arena);
    const struct type *t;
    struct err err = ERR_INIT;
    CHECK(type_parse(&f->arena, row_type, &t, &err) == 0);
    const struct schema *s = schema_new(&f->arena, t->n_children);
    for (int i = 0; i < t->n_children; i++) {
        ((struct field *)s->fields)[i] = (struct field){t->field_names[i], t->children[i]};
        f->all[i] = i;
    }
    f->env.zone = tz_utc();
    f->table = (struct connector_table){
        .name = "t", .schema = s, .n_projection = -1, .options = options, .n_options = n_options};
    f->ctx = (struct format_ctx){
        .schema = s, .produced = f->all, .n_produced = s->n, .table = &f->table, .env = &f->env};
}

static inline struct decoder *format_setup_decoder(struct format_setup *f, const char *format) {
    struct decoder *d = NULL;
    struct err err = ERR_INIT;
    CHECKF(format_find(format)->decoder_new(&f->ctx, &d, &err) == 0, "%s", err.msg);
    d->skip_bad = true;
    d->at_file_start = true;
    return d;
}

static inline void format_print(const struct batch *b, struct str *out) {
    for (uint32_t r = 0; r < b->n; r++) {
        for (int i = 0; i < b->n_cols; i++) {
            str_add(out, i ? "|" : "");
            value_print(&b->cols[i], r, NULL, out);
        }
        str_add_char(out, '\n');
    }
}

/* Decodes one block that ends at an allocation's end; returns bytes consumed. *ret_batch (may be
 * NULL) gets the rows, which are printed too. */
static inline size_t format_decode_block(struct format_setup *f, struct decoder *d,
                                         const uint8_t *data, size_t n, bool at_end,
                                         uint32_t max_rows, struct str *out,
                                         struct batch **ret_batch) {
    const struct schema *s = f->table.schema;
    struct col_builder cols[FORMAT_COLS_MAX];
    for (int i = 0; i < s->n; i++)
        col_builder_init(&cols[i], s->fields[i].type, 16);
    struct buffer *block = buffer_new(n ? n : 1);
    memcpy(block->data, data, n);
    struct row_sink sink = {.n_cols = s->n, .cols = cols, .max_rows = max_rows, .borrow = block};
    struct record_error bad = {0};
    struct err err = ERR_INIT;
    size_t used = 0;
    uint64_t lines = 0;
    int rc =
        d->ops->decode(d, (const char *)block->data, n, at_end, &sink, &used, &lines, &bad, &err);
    CHECKF(rc == 0, "%s", err.msg);
    CHECK(used <= n && sink.n_rows <= max_rows);
    struct batch *b = batch_new(s->n);
    b->n = sink.n_rows;
    for (int i = 0; i < s->n; i++) {
        col_builder_finish(&cols[i], &b->cols[i]);
        col_builder_release(&cols[i]);
    }
    CHECKF(batch_verify(b, &err) == 0, "%s", err.msg);
    buffer_unref(block);
    format_print(b, out);
    if (ret_batch)
        *ret_batch = b;
    else
        batch_unref(b);
    return used;
}

/* All of data, so many rows at a time; the blocks meet at cut. */
static inline void format_decode_all(struct format_setup *f, const char *format,
                                     const uint8_t *data, size_t n, size_t cut, uint32_t max_rows,
                                     struct str *out) {
    struct decoder *d = format_setup_decoder(f, format);
    size_t at = 0, used;
    do {
        used = format_decode_block(f, d, data + at, cut - at, cut == n, max_rows, out, NULL);
        at += used;
    } while (used && at < cut);
    while (at < n) {
        used = format_decode_block(f, d, data + at, n - at, true, max_rows, out, NULL);
        CHECK(used > 0);
        at += used;
    }
    d->ops->free(d);
}

#endif
