/* csv_write.c - rows as CSV, quoted where Flink (Jackson's CSV generator) quotes: strings longer
 * than 24 characters, or with any character up to the largest of delimiter, quote and line feed. */
#include "base/core/mem.h"
#include "connector/format/base64.h"
#include "connector/format/csv.h"
#include "connector/format/iso_time.h"
#include "connector/format/json_write.h"
#include "vector/text.h"
#include "vector/text_digits.h"

#include <stdlib.h>
#include <string.h>

enum { QUOTE_ALWAYS_CHARS = 24, UTF8_MAX_BYTES = 4, MS_PER_SECOND = 1000 };

/* How a column's values are written: the frequent kinds straight into the output. */
enum csv_put { PUT_OTHER, PUT_INT, PUT_TIME, PUT_TEXT };

struct csv_field {
    enum csv_put put;
    /* PUT_TIME: the text of the second that the last value was in, up to its fraction. */
    bool has_second;
    uint8_t n_text;
    int64_t second_ms;
    char text[ISO_TIMESTAMP_MAX_BYTES + 1];
};

struct csv_encoder {
    struct encoder base;
    struct arena arena;
    struct csv_options options;
    char delimiter, quote, escape; /* NUL: none */
    unsigned char safe;            /* characters from here on need no quotes */
    int n;
    struct csv_field *fields;
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

/* ---- straight into the output ---- */

/* Room for n bytes at d and a NUL behind them. */
static inline char *room(struct str *out, char *d, size_t n) {
    size_t len = (size_t)(d - out->ptr);
    if (out->cap - len > n) return d;
    out->len = len;
    str_reserve(out, n);
    return out->ptr + len;
}

static inline uint64_t load8(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

#define EACH_BYTE(b) (~0ull / 255 * (uint64_t)(b))

/* Whether one of eight bytes is below b, at most 128. */
static inline bool any_below(uint64_t w, unsigned b) {
    return (w - EACH_BYTE(b)) & ~w & EACH_BYTE(0x80);
}

/* Of n <= 8 bytes. The others read as 0xff. */
static inline uint64_t load_few(const char *p, size_t n) {
    uint64_t w = ~0ull;
    memcpy(&w, p, n);
    return w;
}

/* Whether s has a character that asks for quotes, or more than 24. */
static inline bool is_quoted(const struct csv_encoder *e, const char *s, size_t n) {
    if (n > QUOTE_ALWAYS_CHARS * UTF8_MAX_BYTES) return true;
    if (n > QUOTE_ALWAYS_CHARS) {
        uint64_t high = load8(s) | load8(s + 8) | load8(s + 16) | (uint8_t)s[24];
        if (!(high & EACH_BYTE(0x80))) return true; /* 25 of ASCII */
        if (text_utf8_count(s, n) > QUOTE_ALWAYS_CHARS) return true;
    }
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        if (any_below(load8(s + i), e->safe)) return true;
    return i < n && any_below(load_few(s + i, n - i), e->safe);
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Copies n bytes; whether q is among them. */
static inline bool copy_finding(char *d, const char *s, size_t n, char q) {
    if (n < 16) {
        bool found = false;
        for (size_t i = 0; i < n; i++) {
            d[i] = s[i];
            found |= s[i] == q;
        }
        return found;
    }
    bytes16 hits = {0}, v;
    for (size_t i = 0; i < n; i += 16) {
        size_t at = MIN(i, n - 16); /* the last ones overlap */
        memcpy(&v, s + at, 16);
        memcpy(d + at, &v, 16);
        hits |= (bytes16)(v == (uint8_t)q);
    }
    uint64_t w[2];
    memcpy(w, &hits, 16);
    return w[0] | w[1];
}

/* There is room for twice the bytes and two quotes. */
static char *put_text(const struct csv_encoder *e, char *d, const struct strv *v) {
    const char *s = strv_data(v);
    size_t n = v->len;
    if (!e->quote || !is_quoted(e, s, n)) {
        memcpy(d, s, n);
        return d + n;
    }
    *d++ = e->quote;
    if (!copy_finding(d, s, n, e->quote)) {
        d += n;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (s[i] == e->quote) *d++ = s[i];
            *d++ = s[i];
        }
    }
    *d++ = e->quote;
    return d;
}

static void begin_second(const struct csv_encoder *e, struct csv_field *f, int64_t ms) {
    int64_t in_second = ms % MS_PER_SECOND;
    f->second_ms = ms - in_second - (in_second < 0 ? MS_PER_SECOND : 0);
    f->has_second = true;
    f->n_text = 0;
    if (e->quote) f->text[f->n_text++] = e->quote;
    f->n_text += (uint8_t)iso_fmt_timestamp(f->text + f->n_text, f->second_ms, 0, ' ');
}

static char *put_time(const struct csv_encoder *e, struct csv_field *f, char *d, int64_t ms,
                      bool zulu) {
    if (!f->has_second || (uint64_t)(ms - f->second_ms) >= MS_PER_SECOND) begin_second(e, f, ms);
    memcpy(d, f->text, sizeof f->text);
    d += f->n_text;
    unsigned frac = (unsigned)(ms - f->second_ms);
    if (frac) {
        unsigned tenths = frac / 100, rest = frac % 100;
        *d++ = '.';
        *d++ = (char)('0' + tenths);
        if (rest) *d++ = (char)('0' + rest / 10);
        if (rest % 10) *d++ = (char)('0' + rest % 10);
    }
    if (zulu) *d++ = 'Z';
    if (e->quote) *d++ = e->quote;
    return d;
}

static char *put_other(struct csv_encoder *e, const struct column *c, uint32_t row, char *d,
                       struct str *out) {
    out->len = (size_t)(d - out->ptr);
    if ((c->phys == PHYS_LIST || c->phys == PHYS_ROW) && col_is_valid(c, row))
        write_list(e, c, row, out);
    else
        write_simple(e, c, row, true, out);
    return room(out, out->ptr + out->len, 1);
}

static char *put_row(struct csv_encoder *e, const struct batch *b, uint32_t row, char *d,
                     struct str *out) {
    for (int i = 0; i < e->n; i++) {
        struct csv_field *f = &e->fields[i];
        const struct column *c = &b->cols[i];
        enum csv_put put = col_is_valid(c, row) ? f->put : PUT_OTHER;
        size_t text = put == PUT_TEXT ? 2 * (size_t)COL_DATA(c, struct strv)[row].len : 0;
        d = room(out, d, text + sizeof f->text + TEXT_PUT_MAX_BYTES);
        if (i) *d++ = e->delimiter;
        if (put == PUT_INT)
            d = text_put_i64(d, col_int_at(c, row));
        else if (put == PUT_TIME)
            d = put_time(e, f, d, COL_DATA(c, int64_t)[row], c->type->kind == TYPE_TIMESTAMP_LTZ);
        else if (put == PUT_TEXT)
            d = put_text(e, d, &COL_DATA(c, struct strv)[row]);
        else
            d = put_other(e, c, row, d, out);
    }
    return d;
}

/* A timestamp's text has quotes around it, or none have; and nothing in it is doubled. */
static bool times_are_simple(const struct csv_encoder *e) {
    return !e->quote || (!e->escape && e->safe > ' ' && !strchr("0123456789-+: .Z", e->quote));
}

static enum csv_put put_of(const struct csv_encoder *e, const struct type *t) {
    enum phys ph = type_phys(t);
    if (type_is_timestamp(t)) return ph == PHYS_I64 && times_are_simple(e) ? PUT_TIME : PUT_OTHER;
    if (is_time(t)) return PUT_OTHER;
    if (ph >= PHYS_I8 && ph <= PHYS_I64) return PUT_INT;
    bool text = ph == PHYS_STR && type_is_char(t) && !e->escape && e->safe <= 128;
    return text ? PUT_TEXT : PUT_OTHER;
}

static int csv_encode_message(struct encoder *base, const struct batch *b, uint32_t row,
                              struct str *out, struct err *err) {
    struct csv_encoder *e = CONTAINER_OF(base, struct csv_encoder, base);
    str_reserve(out, 1);
    char *d = put_row(e, b, row, out->ptr + out->len, out);
    *d = '\0';
    out->len = (size_t)(d - out->ptr);
    return 0;
}

static int csv_encode(struct encoder *base, const struct batch *b, uint32_t from, uint32_t n,
                      struct str *out, struct err *err) {
    struct csv_encoder *e = CONTAINER_OF(base, struct csv_encoder, base);
    str_reserve(out, 1);
    char *d = out->ptr + out->len;
    for (uint32_t i = from; i < from + n; i++) {
        d = room(out, put_row(e, b, i, d, out), 1);
        *d++ = '\n';
    }
    *d = '\0';
    out->len = (size_t)(d - out->ptr);
    return 0;
}

static void csv_encoder_free(struct encoder *base) {
    struct csv_encoder *e = CONTAINER_OF(base, struct csv_encoder, base);
    str_release(&e->list);
    free(e->fields);
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
    e->fields = mem_calloc((size_t)e->n + 1, sizeof *e->fields);
    for (int i = 0; i < e->n; i++)
        e->fields[i].put = put_of(e, ctx->schema->fields[ctx->produced[i]].type);
    *ret = &e->base;
    return 0;
}
