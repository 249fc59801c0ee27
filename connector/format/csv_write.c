/* csv_write.c - rows as CSV, quoted where Flink (Jackson's CSV generator) quotes: strings longer
 * than 24 characters, or with any character up to the largest of delimiter, quote and line feed. */
#include "base/core/mem.h"
#include "connector/format/base64.h"
#include "connector/format/csv.h"
#include "connector/format/iso_time.h"
#include "connector/format/json_write.h"
#include "vector/text.h"

#include <stdlib.h>
#include <string.h>

enum { QUOTE_ALWAYS_CHARS = 24, UTF8_MAX_BYTES = 4 };

struct csv_encoder {
    struct encoder base;
    struct arena arena;
    struct csv_options options;
    char delimiter, quote, escape; /* NUL: none */
    unsigned char safe;            /* characters from here on need no quotes */
    int n;
    struct str list; /* an ARRAY or ROW before quoting */
};

static bool needs_quotes(const struct csv_encoder *e, struct sv s) {
    if (!e->quote) return false;
    if (s.len > QUOTE_ALWAYS_CHARS * UTF8_MAX_BYTES ||
        (s.len > QUOTE_ALWAYS_CHARS && text_utf8_count(s.ptr, s.len) > QUOTE_ALWAYS_CHARS))
        return true;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < e->safe || (e->escape && s.ptr[i] == e->escape)) return true;
    }
    return false;
}

static void write_text(const struct csv_encoder *e, struct sv s, struct str *out) {
    if (!needs_quotes(e, s)) {
        str_add_sv(out, s);
        return;
    }
    str_reserve(out, 2 * s.len + 2);
    char *d = out->ptr + out->len;
    *d++ = e->quote;
    if (!e->escape && !memchr(s.ptr, e->quote, s.len)) {
        memcpy(d, s.ptr, s.len);
        d += s.len;
    } else {
        for (size_t i = 0; i < s.len; i++) {
            if (s.ptr[i] == e->quote || (e->escape && s.ptr[i] == e->escape)) *d++ = s.ptr[i];
            *d++ = s.ptr[i];
        }
    }
    *d++ = e->quote;
    *d = '\0';
    out->len = (size_t)(d - out->ptr);
}

/* Times and dates as text, without quotes. */
static size_t time_text(const struct column *c, uint32_t row, char *dst) {
    int64_t ms;
    int32_t ns = 0;
    switch (c->type->kind) {
    case TYPE_DATE:
        return iso_fmt_date(dst, COL_DATA(c, int32_t)[row]);
    case TYPE_TIME:
        return iso_fmt_time(dst, (int64_t)COL_DATA(c, int32_t)[row] * 1000000);
    default:
        if (c->phys == PHYS_I64)
            ms = COL_DATA(c, int64_t)[row];
        else
            text_timestamp_split(COL_DATA(c, i128)[row], &ms, &ns);
        size_t n = iso_fmt_timestamp(dst, ms, ns, ' ');
        if (c->type->kind == TYPE_TIMESTAMP_LTZ) dst[n++] = 'Z';
        return n;
    }
}

static void number_text(const struct csv_encoder *e, const struct column *c, uint32_t row,
                        struct str *out) {
    char tmp[64];
    size_t n;
    switch (c->phys) {
    case PHYS_BOOL:
        str_add(out, COL_DATA(c, uint8_t)[row] ? "true" : "false");
        return;
    case PHYS_I8:
        n = text_fmt_i64(tmp, COL_DATA(c, int8_t)[row]);
        break;
    case PHYS_I16:
        n = text_fmt_i64(tmp, COL_DATA(c, int16_t)[row]);
        break;
    case PHYS_I32:
        n = text_fmt_i64(tmp, COL_DATA(c, int32_t)[row]);
        break;
    case PHYS_I64:
        n = text_fmt_i64(tmp, COL_DATA(c, int64_t)[row]);
        break;
    case PHYS_F32:
        n = text_fmt_f32(tmp, COL_DATA(c, float)[row]);
        break;
    case PHYS_F64:
        n = text_fmt_f64(tmp, COL_DATA(c, double)[row]);
        break;
    default:
        json_write_decimal(COL_DATA(c, i128)[row], c->type->scale, !e->options.scientific, out);
        return;
    }
    str_add_n(out, tmp, n);
}

static bool is_time(const struct type *t) {
    return t->kind == TYPE_DATE || t->kind == TYPE_TIME || type_is_timestamp(t);
}

/* A simple value; quoted: as a field of its own, else as an element of a list. */
static void write_simple(struct csv_encoder *e, const struct column *c, uint32_t row, bool quoted,
                         struct str *out) {
    char tmp[ISO_TIMESTAMP_MAX_BYTES];
    AUTO_STR bytes = STR_INIT;
    struct sv s;
    if (!col_is_valid(c, row)) {
        if (e->options.null_literal) str_add(out, e->options.null_literal);
        return;
    }
    if (is_time(c->type)) {
        s = (struct sv){tmp, time_text(c, row, tmp)};
    } else if (c->phys == PHYS_STR) {
        s = strv_sv(&COL_DATA(c, struct strv)[row]);
        if (!type_is_char(c->type)) {
            base64_encode(s.ptr, s.len, &bytes);
            s = str_view(&bytes);
        }
    } else {
        number_text(e, c, row, out);
        return;
    }
    if (quoted)
        write_text(e, s, out);
    else
        str_add_sv(out, s);
}

static void write_list(struct csv_encoder *e, const struct column *c, uint32_t row,
                       struct str *out) {
    str_clear(&e->list);
    if (c->phys == PHYS_ROW) {
        for (int i = 0; i < c->n_children; i++) {
            if (i) str_add_char(&e->list, e->options.array_delimiter[0]);
            write_simple(e, &c->children[i], row, false, &e->list);
        }
    } else {
        uint32_t from = COL_DATA(c, uint32_t)[row], to = COL_DATA(c, uint32_t)[row + 1];
        for (uint32_t i = from; i < to; i++) {
            if (i > from) str_add_char(&e->list, e->options.array_delimiter[0]);
            write_simple(e, &c->children[0], i, false, &e->list);
        }
    }
    write_text(e, str_view(&e->list), out);
}

static int csv_encode_message(struct encoder *base, const struct batch *b, uint32_t row,
                              struct str *out, struct err *err) {
    struct csv_encoder *e = CONTAINER_OF(base, struct csv_encoder, base);
    for (int i = 0; i < e->n; i++) {
        if (i) str_add_char(out, e->delimiter);
        const struct column *c = &b->cols[i];
        if ((c->phys == PHYS_LIST || c->phys == PHYS_ROW) && col_is_valid(c, row))
            write_list(e, c, row, out);
        else
            write_simple(e, c, row, true, out);
    }
    return 0;
}

static int csv_encode(struct encoder *base, const struct batch *b, uint32_t from, uint32_t n,
                      struct str *out, struct err *err) {
    for (uint32_t i = from; i < from + n; i++) {
        int rc = csv_encode_message(base, b, i, out, err);
        if (rc) return rc;
        str_add_char(out, '\n');
    }
    return 0;
}

static void csv_encoder_free(struct encoder *base) {
    struct csv_encoder *e = CONTAINER_OF(base, struct csv_encoder, base);
    str_release(&e->list);
    arena_release(&e->arena);
    free(e);
}

static const struct encoder_ops encoder_ops = {csv_encode, csv_encode_message, csv_encoder_free};

int csv_encoder_new(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    struct csv_encoder *e = mem_zalloc(sizeof *e);
    arena_init(&e->arena);
    e->base.ops = &encoder_ops;
    int rc = csv_options(ctx, &e->arena, &e->options, err);
    if (rc) {
        csv_encoder_free(&e->base);
        return rc;
    }
    e->delimiter = e->options.delimiter[0];
    e->quote = e->options.no_quote ? 0 : e->options.quote[0];
    e->escape = e->options.escape ? e->options.escape[0] : 0;
    unsigned char d = (unsigned char)e->delimiter, q = (unsigned char)e->quote;
    e->safe = (unsigned char)(MAX(MAX(d, q), '\n') + 1);
    e->n = ctx->n_produced;
    *ret = &e->base;
    return 0;
}
