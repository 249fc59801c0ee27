/* harness.c - see harness.h. */
#include "tests/unit/connector/harness.h"

#include "vector/value.h"

#include <string.h>

static const struct schema *schema_of(struct arena *a, const char *row_type) {
    struct err err = ERR_INIT;
    const struct type *t;
    if (type_parse(a, row_type, &t, &err)) fail_msg("%s: %s", row_type, err.msg);
    const struct schema *s = schema_new(a, t->n_children);
    for (int i = 0; i < t->n_children; i++)
        ((struct field *)s->fields)[i] = (struct field){t->field_names[i], t->children[i]};
    return s;
}

void harness_init(struct harness *h, const char *row_type, const char *const *options) {
    memset(h, 0, sizeof *h);
    arena_init(&h->arena);
    h->env.zone = tz_utc();
    h->table.name = "t";
    h->table.zone = "UTC";
    h->table.schema = schema_of(&h->arena, row_type);
    h->table.n_projection = -1;
    int n = 0;
    while (options && options[n])
        n += 2;
    struct table_option *o = ARENA_NEW_N(&h->arena, struct table_option, n / 2 + 1);
    for (int i = 0; i < n / 2; i++)
        o[i] = (struct table_option){options[2 * i], options[2 * i + 1]};
    h->table.options = o;
    h->table.n_options = n / 2;
    for (int i = 0; i < 64; i++)
        h->all[i] = i;
}

void harness_release(struct harness *h) {
    arena_release(&h->arena);
}

struct format_ctx harness_format_ctx(struct harness *h) {
    return (struct format_ctx){h->table.schema, h->all, h->table.schema->n, &h->table, &h->env};
}

struct decoder *harness_decoder(struct harness *h, const char *format) {
    struct err err = ERR_INIT;
    struct decoder *d = NULL;
    struct format_ctx ctx = harness_format_ctx(h);
    const struct format_desc *f = format_find(format);
    assert_non_null(f);
    if ((f->check && f->check(&ctx, &err)) || f->decoder_new(&ctx, &d, &err))
        fail_msg("%s: %s", format, err.msg);
    return d;
}

void harness_print(const struct batch *b, struct str *out) {
    for (uint32_t r = 0; r < b->n; r++) {
        str_add(out, row_kind_text[b->kinds ? b->kinds[r] : 0]);
        str_add_char(out, '(');
        for (int i = 0; i < b->n_cols; i++) {
            if (i) str_add(out, ", ");
            value_print(&b->cols[i], r, NULL, out);
        }
        str_add(out, ")\n");
    }
}

static struct batch *finish(const struct schema *s, struct col_builder *cols,
                            struct col_builder *kinds, bool with_kinds, uint32_t n) {
    struct batch *b = batch_new(s->n);
    b->n = n;
    for (int i = 0; i < s->n; i++) {
        col_builder_finish(&cols[i], &b->cols[i]);
        assert_int_equal(b->cols[i].n, n);
    }
    struct column k;
    col_builder_finish(kinds, &k);
    if (with_kinds) {
        assert_int_equal(k.n, n);
        memcpy(batch_make_kinds(b), k.data, n);
    }
    col_release(&k);
    struct err err = ERR_INIT;
    if (batch_verify(b, &err)) fail_msg("%s", err.msg);
    return b;
}

static void on_bad(void *self, const struct record_error *bad, struct sv raw) {
    str_addf(self, "bad line %llu offset %llu: %s: %.*s\n", (unsigned long long)bad->line + 1,
             (unsigned long long)bad->offset, bad->err.msg, (int)raw.len, raw.ptr);
}

const char *harness_decode(struct harness *h, const char *format, const char *text, size_t len,
                           uint32_t batch) {
    struct decoder *d = harness_decoder(h, format);
    bool changelog = format_find(format)->source_mode != CHANGELOG_INSERT;
    const struct schema *s = h->table.schema;
    AUTO_STR out = STR_INIT;
    d->bad_self = &out;
    d->on_bad = on_bad;
    d->at_file_start = true;
    if (h->table.dead_letter) d->skip_bad = true;
    struct buffer *block = buffer_new(len + 1);
    memcpy(block->data, text, len);
    struct col_builder cols[64], kinds;
    for (int i = 0; i < s->n; i++)
        col_builder_init(&cols[i], s->fields[i].type, batch);
    col_builder_init(&kinds, type_of(TYPE_TINYINT), batch);
    size_t at = 0;
    int rc = 0;
    while (at < len && !rc) {
        struct row_sink sink = {.n_cols = s->n,
                                .cols = cols,
                                .max_rows = batch,
                                .borrow = block,
                                .kinds = changelog ? &kinds : NULL};
        size_t used = 0;
        uint64_t lines = 0;
        struct record_error bad = {0};
        struct err err = ERR_INIT;
        rc = d->ops->decode(d, (char *)block->data + at, len - at, true, &sink, &used, &lines, &bad,
                            &err);
        at += used;
        struct batch *b = finish(s, cols, &kinds, changelog, sink.n_rows);
        harness_print(b, &out);
        batch_unref(b);
        if (rc)
            str_addf(&out, "error: %s\n", err.msg);
        else
            assert_true(used > 0 || sink.n_rows > 0);
    }
    for (int i = 0; i < s->n; i++)
        col_builder_release(&cols[i]);
    col_builder_release(&kinds);
    buffer_unref(block);
    d->ops->free(d);
    return arena_strndup(&h->arena, str_text(&out), out.len);
}

struct batch *harness_batch(struct harness *h, const char *json_lines, const char *const *kinds) {
    struct harness plain;
    memset(&plain, 0, sizeof plain);
    plain = *h;
    plain.table.n_options = 0;
    struct decoder *d = harness_decoder(&plain, "json");
    const struct schema *s = h->table.schema;
    struct col_builder cols[64], kind;
    for (int i = 0; i < s->n; i++)
        col_builder_init(&cols[i], s->fields[i].type, 64);
    col_builder_init(&kind, type_of(TYPE_TINYINT), 64);
    struct row_sink sink = {.n_cols = s->n, .cols = cols, .max_rows = BATCH_ROWS_MAX};
    size_t used;
    uint64_t lines;
    struct record_error bad;
    struct err err = ERR_INIT;
    if (d->ops->decode(d, json_lines, strlen(json_lines), true, &sink, &used, &lines, &bad, &err))
        fail_msg("%s", err.msg);
    for (uint32_t i = 0; kinds && i < sink.n_rows; i++) {
        int k = 0;
        while (k < 4 && strcmp(kinds[i], row_kind_text[k]) != 0)
            k++;
        assert_true(k < 4);
        col_add_int(&kind, k);
    }
    struct batch *b = finish(s, cols, &kind, kinds != NULL, sink.n_rows);
    for (int i = 0; i < s->n; i++)
        col_builder_release(&cols[i]);
    col_builder_release(&kind);
    d->ops->free(d);
    return b;
}

const char *harness_encode(struct harness *h, const char *format, const struct batch *b) {
    struct err err = ERR_INIT;
    struct encoder *e = NULL;
    struct format_ctx ctx = harness_format_ctx(h);
    const struct format_desc *f = format_find(format);
    assert_non_null(f);
    AUTO_STR out = STR_INIT;
    if ((f->check && f->check(&ctx, &err)) || f->encoder_new(&ctx, &e, &err))
        fail_msg("%s: %s", format, err.msg);
    if (e->ops->encode(e, b, 0, b->n, &out, &err)) str_addf(&out, "error: %s\n", err.msg);
    e->ops->free(e);
    return arena_dup(&h->arena, str_text(&out), out.len + 1);
}
