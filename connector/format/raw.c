/* raw.c - the 'raw' format: a line or message is the one column's bytes, nothing else. */
#include "base/core/mem.h"
#include "connector/format/emit.h"
#include "connector/format/format.h"
#include "vector/func/charset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct raw_options {
    const char *charset;
    int endianness;
};

static const char *const endian_choices[] = {"big-endian", "little-endian", NULL};

static const struct opt_row raw_rows[] = {
    {"charset", OPT_STRING, "UTF-8", 0, 0, offsetof(struct raw_options, charset),
     "Encoding of strings."},
    {"endianness", OPT_ENUM, "big-endian", 0, 0, offsetof(struct raw_options, endianness),
     "Order of the bytes of numbers.", 0, endian_choices},
};

extern const struct format_desc format_raw;

struct raw {
    struct raw_options options;
    struct arena arena;
    const struct type *type;
    const char *column;
    bool utf8, little, wanted;
    struct str scratch;
};

static int raw_init(struct raw *r, const struct format_ctx *ctx, struct err *err) {
    arena_init(&r->arena);
    int rc = format_options(&format_raw, ctx->table, &r->arena, &r->options, err);
    if (rc) return rc;
    r->type = ctx->schema->fields[0].type;
    r->column = ctx->schema->fields[0].name;
    r->utf8 =
        strcasecmp(r->options.charset, "UTF-8") == 0 || strcasecmp(r->options.charset, "UTF8") == 0;
    r->little = r->options.endianness == 1;
    r->wanted = ctx->n_produced > 0;
    return 0;
}

static void raw_release(struct raw *r) {
    str_release(&r->scratch);
    arena_release(&r->arena);
}

/* ---- reading ---- */

struct raw_decoder {
    struct decoder base;
    struct raw raw;
};

static int size_of(const struct type *t) {
    return t->kind == TYPE_BOOLEAN ? 1 : phys_size_bytes(type_phys(t));
}

static int number(struct raw *r, const char *p, size_t n, struct col_builder *b, struct err *err) {
    size_t size = (size_t)size_of(r->type);
    if (n != size) {
        AUTO_STR name = STR_INIT;
        type_print(r->type, &name);
        return err_set(err, ERR_RECORD, "column '%s': %zu bytes are no %s, which has %zu",
                       r->column, n, str_text(&name), size);
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[r->little ? n - 1 - i : i];
    switch (r->type->kind) {
    case TYPE_BOOLEAN:
        col_add_bool(b, v != 0);
        break;
    case TYPE_TINYINT:
        col_add_int(b, (int8_t)v);
        break;
    case TYPE_SMALLINT:
        col_add_int(b, (int16_t)v);
        break;
    case TYPE_INT:
        col_add_int(b, (int32_t)v);
        break;
    case TYPE_FLOAT: {
        float f;
        uint32_t v32 = (uint32_t)v;
        memcpy(&f, &v32, sizeof f);
        col_add_f64(b, f);
        break;
    }
    case TYPE_DOUBLE: {
        double d;
        memcpy(&d, &v, sizeof d);
        col_add_f64(b, d);
        break;
    }
    default:
        col_add_int(b, (int64_t)v);
    }
    return 0;
}

static int value(struct raw *r, const char *p, size_t n, bool borrow, struct col_builder *b,
                 struct err *err) {
    if (type_is_char(r->type) && !r->utf8) {
        str_clear(&r->scratch);
        int rc = charset_decode(r->options.charset, (struct sv){p, n}, &r->scratch, err);
        if (rc) return rc;
        col_add_str(b, str_text(&r->scratch), r->scratch.len);
        return 0;
    }
    if (!type_is_char(r->type) && !type_is_binary(r->type)) return number(r, p, n, b, err);
    if (borrow)
        emit_str_borrowed(b, p, n);
    else
        col_add_str(b, p, n);
    return 0;
}

static int raw_decode(struct decoder *base, const char *data, size_t len, bool at_end,
                      struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                      struct record_error *ret_bad, struct err *err) {
    struct raw_decoder *d = CONTAINER_OF(base, struct raw_decoder, base);
    size_t at = 0;
    uint64_t lines = 0;
    uint32_t rows = out->n_rows;
    int rc = 0;
    base->at_file_start = false;
    while (at < len && out->n_rows < out->max_rows) {
        const char *nl = memchr(data + at, '\n', len - at);
        if (!nl && !at_end) break;
        size_t end = nl ? (size_t)(nl - data) : len, n = end - at;
        if (n && nl && data[end - 1] == '\r') n--;
        struct err why = ERR_INIT;
        rc = d->raw.wanted ? value(&d->raw, data + at, n, out->borrow, &out->cols[0], &why) : 0;
        if (rc) {
            *ret_bad = (struct record_error){at, n, lines, lines, why};
            if (!base->skip_bad) {
                if (err) *err = why;
                break;
            }
            if (base->on_bad) base->on_bad(base->bad_self, ret_bad, (struct sv){data + at, n});
            rc = 0;
        } else {
            out->n_rows++;
        }
        at = end + (nl != NULL);
        lines++;
    }
    if (out->borrow && out->n_cols && out->n_rows > rows && out->cols[0].col.phys == PHYS_STR)
        heap_adopt(col_heap(&out->cols[0].col), buffer_ref(out->borrow));
    *ret_consumed = at;
    *ret_lines = lines;
    return rc;
}

static int raw_message(struct decoder *base, const char *data, size_t len, struct row_sink *out,
                       struct err *err) {
    struct raw_decoder *d = CONTAINER_OF(base, struct raw_decoder, base);
    int rc = d->raw.wanted ? value(&d->raw, data, len, false, &out->cols[0], err) : 0;
    if (!rc) out->n_rows++;
    return rc;
}

static void raw_decoder_free(struct decoder *base) {
    struct raw_decoder *d = CONTAINER_OF(base, struct raw_decoder, base);
    raw_release(&d->raw);
    free(d);
}

static const struct decoder_ops decoder_ops = {raw_decode, raw_message, raw_decoder_free};

static int raw_decoder_new(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    struct raw_decoder *d = mem_zalloc(sizeof *d);
    d->base.ops = &decoder_ops;
    int rc = raw_init(&d->raw, ctx, err);
    if (rc)
        raw_decoder_free(&d->base);
    else
        *ret = &d->base;
    return rc;
}

/* ---- writing ---- */

struct raw_encoder {
    struct encoder base;
    struct raw raw;
};

static void put_number(const struct raw *r, const struct column *c, uint32_t row, struct str *out) {
    int n = size_of(r->type);
    uint64_t v = 0;
    memcpy(&v, (const char *)c->data + (size_t)row * (size_t)n, (size_t)n); /* little-endian host */
    for (int i = 0; i < n; i++)
        str_add_char(out, (char)(v >> 8 * (r->little ? i : n - 1 - i)));
}

static int raw_encode_message(struct encoder *base, const struct batch *b, uint32_t row,
                              struct str *out, struct err *err) {
    struct raw_encoder *e = CONTAINER_OF(base, struct raw_encoder, base);
    const struct column *c = &b->cols[0];
    if (!col_is_valid(c, row)) return 0;
    if (c->phys != PHYS_STR) {
        put_number(&e->raw, c, row, out);
        return 0;
    }
    struct sv s = strv_sv(&COL_DATA(c, struct strv)[row]);
    if (type_is_char(c->type) && !e->raw.utf8)
        return charset_encode(e->raw.options.charset, s, out, err);
    str_add_sv(out, s);
    return 0;
}

static int raw_encode(struct encoder *base, const struct batch *b, uint32_t from, uint32_t n,
                      struct str *out, struct err *err) {
    for (uint32_t i = from; i < from + n; i++) {
        int rc = raw_encode_message(base, b, i, out, err);
        if (rc) return rc;
        str_add_char(out, '\n');
    }
    return 0;
}

static void raw_encoder_free(struct encoder *base) {
    struct raw_encoder *e = CONTAINER_OF(base, struct raw_encoder, base);
    raw_release(&e->raw);
    free(e);
}

static const struct encoder_ops encoder_ops = {raw_encode, raw_encode_message, raw_encoder_free};

static int raw_encoder_new(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    struct raw_encoder *e = mem_zalloc(sizeof *e);
    e->base.ops = &encoder_ops;
    int rc = raw_init(&e->raw, ctx, err);
    if (rc)
        raw_encoder_free(&e->base);
    else
        *ret = &e->base;
    return rc;
}

static int raw_check(const struct format_ctx *ctx, struct err *err) {
    if (ctx->schema->n != 1) {
        return err_set(err, ERR_VALIDATION,
                       "table '%s': format 'raw' has exactly one physical column, the table has %d",
                       ctx->table->name, ctx->schema->n);
    }
    struct raw r = {0};
    AUTO_STR probe = STR_INIT, name = STR_INIT;
    int rc = raw_init(&r, ctx, err);
    if (!rc && !r.utf8) {
        rc = charset_encode(r.options.charset, SV_LIT("a"), &probe, err);
        if (rc) err_wrap(err, "table '%s': option 'raw.charset'", ctx->table->name);
    }
    if (!rc && !(r.type->kind >= TYPE_BOOLEAN && r.type->kind <= TYPE_DOUBLE) &&
        !type_is_char(r.type) && !type_is_binary(r.type)) {
        type_print(r.type, &name);
        rc = err_set(err, ERR_UNSUPPORTED,
                     "table '%s': column '%s': format 'raw' can't carry a %s; there are strings, "
                     "bytes, BOOLEAN, integers, FLOAT and DOUBLE",
                     ctx->table->name, r.column, str_text(&name));
    }
    raw_release(&r);
    return rc;
}

/* Text in UTF-16 or UTF-32 and numbers have bytes that look like line breaks. */
static bool raw_splittable(const struct format_ctx *ctx) {
    struct raw r = {0};
    bool ok = ctx->schema->n == 1 && raw_init(&r, ctx, NULL) == 0 &&
              type_phys(r.type) == PHYS_STR && strncasecmp(r.options.charset, "UTF-16", 6) != 0 &&
              strncasecmp(r.options.charset, "UTF-32", 6) != 0;
    raw_release(&r);
    return ok;
}

const struct format_desc format_raw = {
    .name = "raw",
    .doc = "One column, whose bytes are the whole line or message.",
    .options = {raw_rows, ARRAY_LEN(raw_rows)},
    .source_mode = CHANGELOG_INSERT,
    .sink_mode = CHANGELOG_INSERT,
    .check = raw_check,
    .decoder_new = raw_decoder_new,
    .encoder_new = raw_encoder_new,
    .file_suffix = ".txt",
    .splittable = raw_splittable,
};
