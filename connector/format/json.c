/* json.c - the 'json' format: one object a line. */
#include "base/core/mem.h"
#include "connector/format/json_write.h"

#include <stdlib.h>
#include <string.h>

struct json_options {
    bool fail_on_missing, ignore_errors, plain_decimal, skip_null_fields, json_parser;
    int time, null_key, zero_time;
    const char *null_key_literal;
};

static const char *const time_choices[] = {"SQL", "ISO-8601", NULL};
static const char *const null_key_choices[] = {"FAIL", "DROP", "LITERAL", NULL};
static const char *const zero_choices[] = {"FAIL", "CONVERT_TO_NULL", NULL};

#define AT(f) offsetof(struct json_options, f)
static const struct opt_row json_rows[] = {
    {"fail-on-missing-field", OPT_BOOL, "false", 0, 0, AT(fail_on_missing),
     "A record without one of the table's fields is malformed."},
    {"ignore-parse-errors", OPT_BOOL, "false", 0, 0, AT(ignore_errors),
     "Fields that can't be read become NULL, records that are no JSON are skipped."},
    {"timestamp-format.standard", OPT_ENUM, "SQL", 0, 0, AT(time),
     "SQL: '2020-12-30 12:13:14.123'; ISO-8601: '2020-12-30T12:13:14.123'.", 0, time_choices},
    {"map-null-key.mode", OPT_ENUM, "FAIL", 0, 0, AT(null_key),
     "What to do with a MAP's NULL key when writing.", 0, null_key_choices},
    {"map-null-key.literal", OPT_STRING, "null", 0, 0, AT(null_key_literal),
     "The key written for NULL with mode LITERAL."},
    {"zero-timestamp.behavior", OPT_ENUM, "FAIL", 0, 0, AT(zero_time),
     "What to do with '0000-00-00 00:00:00' when reading.", 0, zero_choices},
    {"encode.decimal-as-plain-number", OPT_BOOL, "false", 0, 0, AT(plain_decimal),
     "Writes DECIMALs as 27800 rather than 2.78E+4."},
    {"encode.ignore-null-fields", OPT_BOOL, "false", 0, 0, AT(skip_null_fields),
     "Leaves NULL fields out when writing."},
    {"decode.json-parser.enabled", OPT_BOOL, "true", 0, 0, AT(json_parser),
     "Accepted for compatibility; there is one parser."},
};
#undef AT

extern const struct format_desc format_json;

static int read_options(const struct format_ctx *ctx, struct arena *a, struct json_options *o,
                        struct err *err) {
    return format_options(&format_json, ctx->table, a, o, err);
}

/* ---- decoder ---- */

struct json_decoder {
    struct decoder base;
    struct arena arena;
    struct json_reader reader;
    struct json_lines lines;
    struct json_node *row;
};

static int read_record(void *self, struct json_reader *r, struct row_sink *out) {
    struct json_decoder *d = self;
    int rc = json_row(r, d->row, out->cols);
    if (!rc) out->n_rows++;
    return rc;
}

static int json_decode(struct decoder *d, const char *data, size_t len, bool at_end,
                       struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                       struct record_error *ret_bad, struct err *err) {
    struct json_decoder *j = CONTAINER_OF(d, struct json_decoder, base);
    return json_lines_decode(&j->lines, data, len, at_end, out, ret_consumed, ret_lines, ret_bad,
                             err);
}

static int json_message(struct decoder *d, const char *data, size_t len, struct row_sink *out,
                        struct err *err) {
    struct json_decoder *j = CONTAINER_OF(d, struct json_decoder, base);
    return json_lines_message(&j->lines, data, len, out, err);
}

static void json_decoder_free(struct decoder *d) {
    struct json_decoder *j = CONTAINER_OF(d, struct json_decoder, base);
    json_reader_release(&j->reader);
    arena_release(&j->arena);
    free(j);
}

static const struct decoder_ops decoder_ops = {json_decode, json_message, json_decoder_free};

static int json_decoder_new(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    struct json_decoder *d = mem_zalloc(sizeof *d);
    arena_init(&d->arena);
    d->base.ops = &decoder_ops;
    struct json_options o;
    struct field *fields = ARENA_NEW_N(&d->arena, struct field, ctx->n_produced + 1);
    for (int i = 0; i < ctx->n_produced; i++)
        fields[i] = ctx->schema->fields[ctx->produced[i]];
    int rc = read_options(ctx, &d->arena, &o, err);
    if (!rc) rc = json_node_row(&d->arena, ctx->n_produced, fields, NULL, &d->row, err);
    if (rc) {
        arena_release(&d->arena);
        free(d);
        return rc;
    }
    struct json_read_options ro = {.ignore_errors = o.ignore_errors,
                                   .fail_on_missing = o.fail_on_missing,
                                   .zero_time_is_null = o.zero_time == 1,
                                   .time = (enum json_time_format)o.time};
    json_reader_init(&d->reader, &ro);
    d->lines = (struct json_lines){&d->reader, &d->base, read_record, d, 0};
    *ret = &d->base;
    return 0;
}

/* ---- encoder ---- */

struct json_encoder {
    struct encoder base;
    struct arena arena;
    struct json_write_options options;
    const struct sv *names;
    int n;
};

static int json_encode_message(struct encoder *e, const struct batch *b, uint32_t row,
                               struct str *out, struct err *err) {
    struct json_encoder *j = CONTAINER_OF(e, struct json_encoder, base);
    return json_write_row(&j->options, b->cols, j->names, j->n, row, out, err);
}

static int json_encode(struct encoder *e, const struct batch *b, uint32_t from, uint32_t n,
                       struct str *out, struct err *err) {
    for (uint32_t i = from; i < from + n; i++) {
        int rc = json_encode_message(e, b, i, out, err);
        if (rc) return rc;
        str_add_char(out, '\n');
    }
    return 0;
}

static void json_encoder_free(struct encoder *e) {
    struct json_encoder *j = CONTAINER_OF(e, struct json_encoder, base);
    arena_release(&j->arena);
    free(j);
}

static const struct encoder_ops encoder_ops = {json_encode, json_encode_message, json_encoder_free};

static int json_encoder_new(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    struct json_encoder *e = mem_zalloc(sizeof *e);
    arena_init(&e->arena);
    e->base.ops = &encoder_ops;
    struct json_options o;
    int rc = read_options(ctx, &e->arena, &o, err);
    if (rc) {
        arena_release(&e->arena);
        free(e);
        return rc;
    }
    e->options = (struct json_write_options){.time = (enum json_time_format)o.time,
                                             .null_key = (enum json_null_key)o.null_key,
                                             .null_key_literal = o.null_key_literal,
                                             .plain_decimal = o.plain_decimal,
                                             .skip_null_fields = o.skip_null_fields};
    e->names = json_write_names(&e->arena, ctx->schema, ctx->produced, ctx->n_produced);
    e->n = ctx->n_produced;
    *ret = &e->base;
    return 0;
}

static int json_check(const struct format_ctx *ctx, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct json_options o;
    int rc = read_options(ctx, &a, &o, err);
    if (!rc && o.fail_on_missing && o.ignore_errors) {
        rc = err_set(err, ERR_VALIDATION,
                     "table '%s': 'json.fail-on-missing-field' and 'json.ignore-parse-errors' "
                     "can't both be true",
                     ctx->table->name);
    }
    for (int i = 0; i < ctx->n_produced && !rc; i++) {
        const struct field *f = &ctx->schema->fields[ctx->produced[i]];
        rc = json_write_check(f->type, err);
        if (rc) err_wrap(err, "table '%s': column '%s'", ctx->table->name, f->name);
    }
    arena_release(&a);
    return rc;
}

const struct format_desc format_json = {
    .name = "json",
    .doc = "One JSON object a line or message.",
    .options = {json_rows, ARRAY_LEN(json_rows)},
    .source_mode = CHANGELOG_INSERT,
    .sink_mode = CHANGELOG_INSERT,
    .check = json_check,
    .decoder_new = json_decoder_new,
    .encoder_new = json_encoder_new,
    .file_suffix = ".json",
    .by_name = true,
};
