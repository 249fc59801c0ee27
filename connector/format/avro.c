/* avro.c - the 'avro' format: a message is one record in Avro's binary form. */
#include "connector/format/avro.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct avro_options {
    int encoding;
    bool legacy;
    const char *codec;
};

static const char *const encoding_choices[] = {"binary", "json", NULL};

#define AT(f) offsetof(struct avro_options, f)
static const struct opt_row avro_rows[] = {
    {"codec", OPT_STRING, NULL, 0, 0, AT(codec),
     "Of files; messages aren't compressed one by one."},
    {"encoding", OPT_ENUM, "binary", 0, 0, AT(encoding), "'json' is not supported.", 0,
     encoding_choices},
    {"timestamp_mapping.legacy", OPT_BOOL, "true", 0, 0, AT(legacy),
     "TIMESTAMP as Avro's timestamp-millis, and no TIMESTAMP_LTZ. false: TIMESTAMP as "
     "local-timestamp-millis or -micros, TIMESTAMP_LTZ as timestamp-millis or -micros."},
};
#undef AT

extern const struct format_desc format_avro;

static int avro_check(const struct format_ctx *ctx, struct err *err) {
    struct arena a;
    struct avro_options o;
    arena_init(&a);
    int rc = format_options(&format_avro, ctx->table, &a, &o, err);
    arena_release(&a);
    if (rc) return rc;
    const char *name = ctx->table->name;
    const char *connector = connector_table_option(ctx->table, "connector");
    if (connector && !strcmp(connector, "filesystem"))
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': files in Avro's container format are not supported; 'avro' is "
                       "for messages",
                       name);
    if (o.encoding)
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': 'avro.encoding' = 'json' is not supported; the format 'json' "
                       "may do",
                       name);
    for (int i = 0; i < ctx->schema->n && !rc; i++) {
        rc = avro_check_type(ctx->schema->fields[i].type, o.legacy, err);
        if (rc) err_wrap(err, "table '%s': column '%s'", name, ctx->schema->fields[i].name);
    }
    return rc;
}

/* ---- reading ---- */

struct avro_decoder {
    struct decoder base;
    int n;
    const struct field *fields; /* all columns of the record */
    int *builder;               /* of each, or -1 */
};

static int no_files(struct err *err) {
    return err_set(err, ERR_UNSUPPORTED, "Avro's container files are not supported");
}

static int avro_decode(struct decoder *d, const char *data, size_t len, bool at_end,
                       struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                       struct record_error *ret_bad, struct err *err) {
    return no_files(err);
}

static int avro_message(struct decoder *base, const char *data, size_t len, struct row_sink *out,
                        struct err *err) {
    struct avro_decoder *d = CONTAINER_OF(base, struct avro_decoder, base);
    const unsigned char *p = (const unsigned char *)data;
    struct err why = ERR_INIT;
    struct avro_reader r = {p, p + len, &why};
    int rc = 0;
    for (int i = 0; i < d->n && !rc; i++) {
        int b = d->builder[i];
        rc = avro_read(&r, d->fields[i].type, b < 0 ? NULL : &out->cols[b]);
        if (rc) err_wrap(&why, "field '%s'", d->fields[i].name);
    }
    if (!rc) {
        out->n_rows++;
        return 0;
    }
    for (int i = 0; i < out->n_cols; i++)
        col_builder_truncate(&out->cols[i], out->n_rows);
    if (err) *err = why;
    return rc;
}

static void avro_decoder_free(struct decoder *base) {
    struct avro_decoder *d = CONTAINER_OF(base, struct avro_decoder, base);
    free(d->builder);
    free(d);
}

static const struct decoder_ops decoder_ops = {avro_decode, avro_message, avro_decoder_free};

static int avro_decoder_new(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    struct avro_decoder *d = mem_zalloc(sizeof *d);
    d->base.ops = &decoder_ops;
    d->n = ctx->schema->n;
    d->fields = ctx->schema->fields;
    d->builder = mem_calloc((size_t)d->n + 1, sizeof *d->builder);
    for (int i = 0; i < d->n; i++)
        d->builder[i] = -1;
    for (int i = 0; i < ctx->n_produced; i++)
        d->builder[ctx->produced[i]] = i;
    *ret = &d->base;
    return 0;
}

/* ---- writing ---- */

struct avro_encoder {
    struct encoder base;
    int n;
    const struct type **types;
};

static int avro_encode_message(struct encoder *base, const struct batch *b, uint32_t row,
                               struct str *out, struct err *err) {
    struct avro_encoder *e = CONTAINER_OF(base, struct avro_encoder, base);
    int rc = 0;
    for (int i = 0; i < e->n && !rc; i++)
        rc = avro_write(e->types[i], &b->cols[i], row, out, err);
    return rc;
}

static int avro_encode(struct encoder *e, const struct batch *b, uint32_t from, uint32_t n,
                       struct str *out, struct err *err) {
    return no_files(err);
}

static void avro_encoder_free(struct encoder *base) {
    struct avro_encoder *e = CONTAINER_OF(base, struct avro_encoder, base);
    free(e->types);
    free(e);
}

static const struct encoder_ops encoder_ops = {avro_encode, avro_encode_message, avro_encoder_free};

static int avro_encoder_new(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    struct avro_encoder *e = mem_zalloc(sizeof *e);
    e->base.ops = &encoder_ops;
    e->n = ctx->n_produced;
    e->types = mem_calloc((size_t)e->n + 1, sizeof *e->types);
    for (int i = 0; i < e->n; i++)
        e->types[i] = ctx->schema->fields[ctx->produced[i]].type;
    *ret = &e->base;
    return 0;
}

const struct format_desc format_avro = {
    .name = "avro",
    .doc = "One record a message in Avro's binary form, by the schema that the table gives "
           "(nullable columns are unions of null and their type). Not for files.",
    .options = {avro_rows, ARRAY_LEN(avro_rows)},
    .source_mode = CHANGELOG_INSERT,
    .sink_mode = CHANGELOG_INSERT,
    .check = avro_check,
    .decoder_new = avro_decoder_new,
    .encoder_new = avro_encoder_new,
    .file_suffix = ".avro",
};
