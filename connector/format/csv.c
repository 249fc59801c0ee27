/* csv.c - the 'csv' format: options and reading. A window of text is indexed (csv_index.h), then
 * records are walked from special character to special character; fields go to their columns as
 * they are met. */
#include "connector/format/csv.h"

#include "base/core/mem.h"
#include "connector/format/csv_index.h"
#include "connector/format/emit.h"
#include "vector/text.h"
#include "vector/value_text.h"

#include <stdlib.h>
#include <string.h>

#define AT(f) offsetof(struct csv_options, f)
static const struct opt_row csv_rows[] = {
    {"field-delimiter", OPT_CHAR, ",", 0, 0, AT(delimiter), "Character between fields."},
    {"disable-quote-character", OPT_BOOL, "false", 0, 0, AT(no_quote),
     "Quotes have no meaning; fields can't hold delimiters or line breaks."},
    {"quote-character", OPT_CHAR, "\"", 0, 0, AT(quote), "Character around fields."},
    {"allow-comments", OPT_BOOL, "false", 0, 0, AT(comments),
     "Lines that begin with # are passed "
     "over."},
    {"ignore-parse-errors", OPT_BOOL, "false", 0, 0, AT(ignore_errors),
     "Fields that can't be read become NULL, records that can't are skipped."},
    {"array-element-delimiter", OPT_CHAR, ";", 0, 0, AT(array_delimiter),
     "Character between the elements of ARRAYs and ROWs."},
    {"escape-character", OPT_CHAR, NULL, 0, 0, AT(escape),
     "Character that takes the meaning from the one behind it."},
    {"null-literal", OPT_STRING, NULL, 0, 0, AT(null_literal), "Text that stands for NULL."},
    {"write-bigdecimal-in-scientific-notation", OPT_BOOL, "true", 0, 0, AT(scientific),
     "Writes the DECIMAL 100000 as 1E+5."},
    {"trim-spaces", OPT_BOOL, "false", 0, 0, AT(trim),
     "Blanks around unquoted fields are dropped."},
    {"ignore-trailing-unmappable", OPT_BOOL, "false", 0, 0, AT(ignore_trailing),
     "More fields than columns are passed over."},
    {"allow-trailing-comma", OPT_BOOL, "true", 0, 0, AT(trailing_comma),
     "A delimiter may stand behind the last field."},
    {"fail-on-missing-columns", OPT_BOOL, "false", 0, 0, AT(fail_on_missing),
     "Fewer fields than columns are an error also with ignore-parse-errors."},
    {"empty-string-as-null", OPT_BOOL, "false", 0, 0, AT(empty_is_null), "Empty fields are NULL."},
    {"ignore-first-line", OPT_BOOL, "false", 0, 0, AT(skip_first),
     "The first record of each file is passed over."},
    {"penstock.multi-line", OPT_BOOL, "true", 0, 0, AT(multi_line),
     "Quoted fields may have line breaks. False: they have none, so that large files are read by "
     "several subtasks at once."},
};
#undef AT

int csv_options(const struct format_ctx *ctx, struct arena *a, struct csv_options *ret,
                struct err *err) {
    int rc = format_options(&format_csv, ctx->table, a, ret, err);
    if (!rc && ret->no_quote && connector_table_option(ctx->table, "csv.quote-character")) {
        rc = err_set(
            err, ERR_VALIDATION,
            "table '%s': 'csv.quote-character' and 'csv.disable-quote-character' can't both "
            "be set",
            ctx->table->name);
    }
    const char *const one[] = {ret->delimiter, ret->quote, ret->array_delimiter, ret->escape};
    for (int i = 0; i < 4 && !rc; i++) {
        if (one[i] && (strlen(one[i]) != 1 || one[i][0] == '\n' || one[i][0] == '\r'))
            rc = err_set(err, ERR_VALIDATION,
                         "table '%s': '%s' can't be a special character of csv: one byte is wanted",
                         ctx->table->name, one[i]);
    }
    return rc;
}

/* ---- decoder ---- */

enum { WINDOW_MIN_BYTES = 4 << 10, WINDOW_MAX_BYTES = 64 << 10, ROW_BYTES_GUESS = 100 };

struct csv_decoder {
    struct decoder base;
    struct arena arena;
    struct csv_options options;
    char delimiter, quote, escape; /* NUL: none */
    char specials[CSV_SPECIALS_MAX];
    int n_columns; /* of a record */
    const struct field *fields;
    const int *target; /* builder of each, -1: not wanted */
    uint32_t *pos;     /* specials in the window */
    uint32_t pos_cap, row_bytes;
    struct str scratch, mended;
    struct err err;
    struct buffer *borrow;
    bool ascii;  /* the window */
    bool header; /* the record being read is a file's first, and passed over */
};

/* Cursor over the record being read. */
struct csv_cursor {
    const char *text;
    uint32_t at, len;    /* of the window */
    const uint32_t *pos; /* next special at or behind `at`; ends in UINT32_MAX */
    uint32_t lines;      /* line breaks inside quoted fields */
    bool whole;          /* nothing follows the window */
};

enum csv_end { END_FIELD, END_RECORD, END_WINDOW };

struct csv_field {
    struct sv text;
    bool escaped; /* text is in scratch */
};

static struct sv trim_blanks(struct sv s) {
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* What follows a closing quote: blanks, then the field's or record's end. */
static int after_quote(struct csv_decoder *d, struct csv_cursor *c, enum csv_end *ret) {
    uint32_t i = c->at;
    while (i < c->len && (c->text[i] == ' ' || c->text[i] == '\t' || c->text[i] == '\r') &&
           c->text[i] != d->delimiter)
        i++;
    while (*c->pos < i)
        c->pos++;
    c->at = i;
    if (i >= c->len) {
        *ret = END_WINDOW;
        return 0;
    }
    char e = c->text[i];
    if (e != d->delimiter && e != '\n')
        return err_set(&d->err, ERR_RECORD, "'%c' behind a closing quote", e >= ' ' ? e : '?');
    *ret = e == '\n' ? END_RECORD : END_FIELD;
    c->at++;
    c->pos++;
    return 0;
}

/* A field that begins with a quote at c->at. END_WINDOW with *ret_open: the window ends in it. */
static int quoted_field(struct csv_decoder *d, struct csv_cursor *c, struct csv_field *ret,
                        enum csv_end *ret_end, bool *ret_open) {
    const char *t = c->text;
    uint32_t from = c->at + 1, copied = from;
    bool escaped = false;
    c->pos++;
    for (;; c->pos++) {
        uint32_t p = *c->pos;
        if (p >= c->len || (d->escape && t[p] == d->escape && p + 1 >= c->len)) {
            if (c->whole)
                return err_set(&d->err, ERR_RECORD, "a quoted field has no closing quote");
            *ret_open = true;
            return 0;
        }
        if (t[p] == '\n') {
            if (!d->options.multi_line)
                return err_set(&d->err, ERR_RECORD,
                               "a quoted field has a line break, or no closing quote "
                               "('csv.penstock.multi-line' is false)");
            c->lines++;
        }
        bool doubled = d->quote && t[p] == d->quote && p + 1 < c->len && t[p + 1] == d->quote;
        if (doubled || (d->escape && t[p] == d->escape)) {
            if (!escaped) str_clear(&d->scratch);
            escaped = true;
            str_add_n(&d->scratch, t + copied, p - copied);
            str_add_char(&d->scratch, t[p + 1]);
            copied = p + 2;
            if (c->pos[1] == p + 1) c->pos++;
        } else if (t[p] == d->quote) {
            if (escaped) str_add_n(&d->scratch, t + copied, p - copied);
            ret->text = escaped ? str_view(&d->scratch) : (struct sv){t + from, p - from};
            if (!ret->text.ptr) ret->text.ptr = "";
            ret->escaped = escaped;
            c->at = p + 1;
            c->pos++;
            return after_quote(d, c, ret_end);
        }
    }
}

/* A field without quotes. */
static inline void plain_field(struct csv_decoder *d, struct csv_cursor *c, struct csv_field *ret,
                               enum csv_end *ret_end) {
    const char *t = c->text;
    uint32_t from = c->at, copied = from;
    bool escaped = false;
    uint32_t p;
    for (;; c->pos++) {
        p = *c->pos;
        if (p >= c->len) {
            p = c->len;
            *ret_end = END_WINDOW;
            break;
        }
        if (t[p] == d->delimiter || t[p] == '\n') {
            *ret_end = t[p] == '\n' ? END_RECORD : END_FIELD;
            c->pos++;
            break;
        }
        if (d->escape && t[p] == d->escape && p + 1 < c->len) {
            if (!escaped) str_clear(&d->scratch);
            escaped = true;
            str_add_n(&d->scratch, t + copied, p - copied);
            str_add_char(&d->scratch, t[p + 1]);
            copied = p + 2;
            if (c->pos[1] == p + 1) c->pos++;
        }
    }
    c->at = p + (*ret_end != END_WINDOW);
    uint32_t end = p;
    if (*ret_end != END_FIELD && end > copied && t[end - 1] == '\r') end--;
    if (escaped) {
        str_add_n(&d->scratch, t + copied, end - copied);
        ret->text = str_view(&d->scratch);
    } else {
        ret->text = (struct sv){t + from, end - from};
    }
    if (d->options.trim) ret->text = trim_blanks(ret->text);
    ret->escaped = escaped;
}

static int put_field(struct csv_decoder *d, struct row_sink *out, int i,
                     const struct csv_field *f) {
    if (d->header || i >= d->n_columns || d->target[i] < 0) return 0;
    const struct type *t = d->fields[i].type;
    struct sv text = f->text;
    bool mend = !d->ascii && !text_utf8_valid(text.ptr, text.len);
    if (unlikely(mend)) { /* what isn't UTF-8 becomes U+FFFD */
        str_clear(&d->mended);
        value_text_utf8(text.ptr, text.len, &d->mended);
        text = str_view(&d->mended);
    }
    int rc = csv_value(&d->options, t, text, d->borrow && !f->escaped && !mend,
                       &out->cols[d->target[i]], &d->err);
    return rc ? err_wrap(&d->err, "column '%s'", d->fields[i].name) : 0;
}

/* The record had n fields, the last of them f. */
static int end_of_fields(struct csv_decoder *d, struct row_sink *out, int n,
                         const struct csv_field *f) {
    const struct csv_options *o = &d->options;
    if (d->header) return 0;
    bool comma = o->trailing_comma && n == d->n_columns + 1 && !f->text.len;
    if (n > d->n_columns && !comma && !o->ignore_trailing)
        return err_set(&d->err, ERR_RECORD, "the record has %d fields, the table %d", n,
                       d->n_columns);
    if (n < d->n_columns) {
        if (!o->ignore_errors || o->fail_on_missing)
            return err_set(&d->err, ERR_RECORD, "the record has %d field%s, the table %d", n,
                           n == 1 ? "" : "s", d->n_columns);
        for (int i = n; i < d->n_columns; i++) {
            if (d->target[i] >= 0) emit_null(&out->cols[d->target[i]]);
        }
    }
    out->n_rows++;
    return 0;
}

/* One record. *ret_open: the window ends before the record's end. */
static int read_record(struct csv_decoder *d, struct csv_cursor *c, struct row_sink *out,
                       bool *ret_open) {
    struct csv_field f = {{"", 0}, false};
    enum csv_end end = END_FIELD;
    int n = 0;
    while (end == END_FIELD) {
        if (d->quote && c->at < c->len && c->text[c->at] == d->quote) {
            int rc = quoted_field(d, c, &f, &end, ret_open);
            if (rc || *ret_open) return rc;
        } else {
            plain_field(d, c, &f, &end);
        }
        int rc = put_field(d, out, n, &f);
        if (unlikely(rc)) return rc;
        n++;
    }
    if (end == END_WINDOW) *ret_open = true;
    return end_of_fields(d, out, n, &f);
}

/* Steps over the rest of a record that can't be read: to the next line. */
static void skip_line(struct csv_cursor *c, uint32_t from) {
    const char *nl = memchr(c->text + from, '\n', c->len - from);
    c->at = nl ? (uint32_t)(nl + 1 - c->text) : c->len;
    while (*c->pos < c->at)
        c->pos++;
}

static void roll_back(struct row_sink *out, uint32_t n) {
    for (int i = 0; i < out->n_cols; i++)
        col_builder_truncate(&out->cols[i], n);
    out->n_rows = n;
}

struct csv_run {
    struct row_sink *out;
    struct record_error *bad;
    size_t at; /* in the caller's data */
    uint64_t records, lines;
};

static ATTR_COLD int bad_record(struct csv_decoder *d, struct csv_run *run, const char *text,
                                size_t n) {
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    *run->bad = (struct record_error){run->at, n, run->records, run->lines, d->err};
    if (!d->options.ignore_errors && !d->base.skip_bad) return ERR_RECORD;
    if (d->base.on_bad) d->base.on_bad(d->base.bad_self, run->bad, (struct sv){text, n});
    return 0;
}

/* Steps over a comment, or reads one record and leaves c behind it. *ret_open: it isn't whole. */
static int step(struct csv_decoder *d, struct csv_cursor *c, struct row_sink *out, bool *ret_open) {
    c->lines = 0;
    if (d->options.comments && c->text[c->at] == '#') {
        skip_line(c, c->at);
        *ret_open = c->text[c->len - 1] != '\n' && c->at == c->len;
        return 0;
    }
    d->header = d->options.skip_first && d->base.at_file_start;
    int rc = read_record(d, c, out, ret_open);
    if (!*ret_open || c->whole) d->base.at_file_start = false;
    d->header = false;
    return rc;
}

/* Records of an indexed window. whole: nothing follows the window, so that its last record is
 * complete. Stops before a record that isn't. */
static int read_window(struct csv_decoder *d, const char *text, uint32_t len, uint32_t n_pos,
                       bool whole, struct csv_run *run) {
    struct csv_cursor c = {.text = text, .len = len, .pos = d->pos, .whole = whole};
    d->pos[n_pos] = d->pos[n_pos + 1] = UINT32_MAX;
    while (c.at < len && run->out->n_rows < run->out->max_rows) {
        uint32_t start = c.at, rows = run->out->n_rows;
        const uint32_t *start_pos = c.pos;
        bool open = false;
        int rc = step(d, &c, run->out, &open);
        if (unlikely(rc)) {
            /* Go on behind the first line, wherever the walk got stuck: that may be back. */
            c.pos = start_pos;
            skip_line(&c, start);
            c.lines = 0;
            open = c.at == len && text[len - 1] != '\n';
        }
        if (unlikely(rc || (open && !whole))) roll_back(run->out, rows);
        if (open && !whole) return 0;
        if (unlikely(rc)) {
            rc = bad_record(d, run, text + start, c.at - start);
            if (rc) return rc;
        }
        run->at += c.at - start;
        run->records++;
        run->lines += c.lines + 1;
    }
    return 0;
}

static void fill_rows(struct row_sink *out) {
    for (int i = 0; i < out->n_cols; i++)
        emit_fill(&out->cols[i]);
}

static void keep_input(struct row_sink *out, struct col_builder *b) {
    if (b->col.phys == PHYS_STR) heap_adopt(col_heap(&b->col), buffer_ref(out->borrow));
    for (int i = 0; i < b->col.n_children; i++)
        keep_input(out, &b->children[i]);
}

static void reserve_positions(struct csv_decoder *d, uint32_t n) {
    if (d->pos_cap >= n + 16) return;
    d->pos_cap = n + 16 + n / 2;
    free(d->pos);
    d->pos = mem_alloc(d->pos_cap * sizeof *d->pos);
}

static int csv_decode(struct decoder *base, const char *data, size_t len, bool at_end,
                      struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                      struct record_error *ret_bad, struct err *err) {
    struct csv_decoder *d = CONTAINER_OF(base, struct csv_decoder, base);
    struct csv_run run = {.out = out, .bad = ret_bad};
    uint32_t rows = out->n_rows;
    size_t grow = 0;
    int rc = 0;
    d->borrow = out->borrow;
    while (!rc && run.at < len && out->n_rows < out->max_rows) {
        size_t left = len - run.at, want = d->row_bytes ? d->row_bytes : ROW_BYTES_GUESS;
        want = want * (out->max_rows - out->n_rows) + want;
        want = MIN(MAX(want, (size_t)WINDOW_MIN_BYTES), (size_t)WINDOW_MAX_BYTES);
        uint32_t n = (uint32_t)MIN(left, MAX(want, grow));
        reserve_positions(d, n);
        uint32_t n_pos = csv_index(data + run.at, n, d->specials, d->pos);
        d->ascii = text_is_ascii(data + run.at, n);
        size_t before = run.at;
        rc = read_window(d, data + run.at, n, n_pos, at_end && n == left, &run);
        if (run.at == before && !rc) { /* not one whole record in it: look further */
            if (n == left) break;
            grow = MIN((size_t)n * 2, (size_t)UINT32_MAX / 2);
        } else {
            grow = 0;
        }
    }
    if (out->n_rows > rows) {
        d->row_bytes = (uint32_t)MIN(run.at / (out->n_rows - rows) + 1, (size_t)WINDOW_MAX_BYTES);
        for (int i = 0; i < out->n_cols && out->borrow; i++)
            keep_input(out, &out->cols[i]);
    }
    fill_rows(out);
    *ret_consumed = run.at;
    *ret_lines = run.lines;
    if (rc && err) *err = d->err;
    return rc;
}

static int csv_message(struct decoder *base, const char *data, size_t len, struct row_sink *out,
                       struct err *err) {
    struct csv_decoder *d = CONTAINER_OF(base, struct csv_decoder, base);
    uint32_t rows = out->n_rows;
    if (len > UINT32_MAX / 2) return err_set(err, ERR_RECORD, "the message is larger than 2 GiB");
    /* The indexer reads whole blocks. */
    AUTO_STR copy = STR_INIT;
    str_reserve(&copy, len + 64);
    str_add_n(&copy, data, len);
    reserve_positions(d, (uint32_t)len);
    uint32_t n_pos = csv_index(str_text(&copy), (uint32_t)len, d->specials, d->pos);
    d->ascii = text_is_ascii(data, len);
    d->pos[n_pos] = d->pos[n_pos + 1] = UINT32_MAX;
    struct csv_cursor c = {
        .text = str_text(&copy), .len = (uint32_t)len, .pos = d->pos, .whole = true};
    d->borrow = NULL;
    bool open = false;
    int rc = read_record(d, &c, out, &open);
    fill_rows(out);
    if (rc) {
        roll_back(out, rows);
        if (d->options.ignore_errors) return 0;
        if (err) *err = d->err;
    }
    return rc;
}

static void csv_decoder_free(struct decoder *base) {
    struct csv_decoder *d = CONTAINER_OF(base, struct csv_decoder, base);
    str_release(&d->scratch);
    str_release(&d->mended);
    free(d->pos);
    arena_release(&d->arena);
    free(d);
}

static const struct decoder_ops decoder_ops = {csv_decode, csv_message, csv_decoder_free};

static int csv_decoder_new(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    struct csv_decoder *d = mem_zalloc(sizeof *d);
    arena_init(&d->arena);
    d->base.ops = &decoder_ops;
    int rc = csv_options(ctx, &d->arena, &d->options, err);
    if (rc) {
        csv_decoder_free(&d->base);
        return rc;
    }
    d->delimiter = d->options.delimiter[0];
    d->quote = d->options.no_quote ? 0 : d->options.quote[0];
    d->escape = d->options.escape ? d->options.escape[0] : 0;
    d->specials[0] = d->delimiter;
    d->specials[1] = '\n';
    d->specials[2] = d->quote ? d->quote : '\n';
    d->specials[3] = d->escape ? d->escape : '\n';
    d->n_columns = ctx->schema->n;
    d->fields = ctx->schema->fields;
    int *target = ARENA_NEW_N(&d->arena, int, d->n_columns + 1);
    for (int i = 0; i < d->n_columns; i++)
        target[i] = -1;
    for (int i = 0; i < ctx->n_produced; i++)
        target[ctx->produced[i]] = i;
    d->target = target;
    *ret = &d->base;
    return 0;
}

static int csv_check(const struct format_ctx *ctx, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct csv_options o;
    int rc = csv_options(ctx, &a, &o, err);
    for (int i = 0; i < ctx->schema->n && !rc; i++) {
        rc = csv_type_check(ctx->schema->fields[i].type, err);
        if (rc)
            err_wrap(err, "table '%s': column '%s'", ctx->table->name, ctx->schema->fields[i].name);
    }
    arena_release(&a);
    return rc;
}

/* A line break ends a record unless it may stand in quotes. */
static bool csv_splittable(const struct format_ctx *ctx) {
    struct arena a;
    arena_init(&a);
    struct csv_options o;
    bool ok = csv_options(ctx, &a, &o, NULL) == 0 && (o.no_quote || !o.multi_line) && !o.escape;
    arena_release(&a);
    return ok;
}

const struct format_desc format_csv = {
    .name = "csv",
    .doc = "Comma-separated values, one record a line.",
    .options = {csv_rows, ARRAY_LEN(csv_rows)},
    .source_mode = CHANGELOG_INSERT,
    .sink_mode = CHANGELOG_INSERT,
    .check = csv_check,
    .decoder_new = csv_decoder_new,
    .encoder_new = csv_encoder_new,
    .file_suffix = ".csv",
    .splittable = csv_splittable,
};
