/* json_lines.c - newline-delimited records. A window of whole lines is indexed at once; where the
 * window has a malformed line, its lines are indexed one by one, so that the others are read. */
#include "connector/format/json_read.h"

#include "base/core/mem.h"
#include "connector/format/emit.h"

#include <string.h>

enum { WINDOW_MIN_BYTES = 4 << 10, WINDOW_MAX_BYTES = 256 << 10, ROW_BYTES_GUESS = 256 };

/* Strings of this call's rows may point into the input. */
static void keep_input(struct row_sink *out, struct col_builder *b) {
    if (b->col.phys == PHYS_STR) heap_adopt(col_heap(&b->col), buffer_ref(out->borrow));
    for (int i = 0; i < b->col.n_children; i++)
        keep_input(out, &b->children[i]);
}

static void fill_rows(struct row_sink *out) {
    for (int i = 0; i < out->n_cols; i++)
        emit_fill(&out->cols[i]);
}

static void roll_back(struct row_sink *out, uint32_t n) {
    for (int i = 0; i < out->n_cols; i++)
        col_builder_truncate(&out->cols[i], n);
    if (out->kinds) col_builder_truncate(out->kinds, n);
    out->n_rows = n;
}

/* A copy of the line with control characters within strings escaped: Flink takes them, simdjson
 * doesn't. False if there are none, so that something else is wrong. */
static bool escape_controls(const char *p, size_t n, struct str *out) {
    bool in_string = false, found = false;
    str_clear(out);
    str_reserve(out, n + 64);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (in_string && c == '\\' && i + 1 < n) {
            str_add_n(out, p + i++, 2);
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (in_string && c < 0x20) {
            str_addf(out, "\\u%04x", c);
            found = true;
        } else {
            str_add_char(out, (char)c);
        }
    }
    str_reserve(out, 64);
    return found && !in_string;
}

/* One record on its own: data[0..n) without line break. */
static int read_alone(struct json_lines *l, const char *data, size_t n, struct row_sink *out) {
    struct json_reader *r = l->reader;
    const uint32_t *tok;
    uint32_t n_tok;
    AUTO_STR fixed = STR_INIT;
    if (n > SIMDJSON_INDEX_MAX_BYTES)
        return json_fail(r, "the record is larger than %d bytes", SIMDJSON_INDEX_MAX_BYTES);
    struct buffer *borrow = r->borrow;
    const char *why = simdjson_index_text(r->index, data, n, &tok, &n_tok);
    if (why && escape_controls(data, n, &fixed)) {
        data = str_text(&fixed);
        n = fixed.len;
        r->borrow = NULL;
        why = simdjson_index_text(r->index, data, n, &tok, &n_tok);
    }
    int rc;
    if (why) {
        rc = json_fail(r, "%s", why);
    } else {
        r->buf = data;
        r->tok = tok;
        r->line_end = (uint32_t)n;
        r->depth = 0;
        rc = l->read_record(l->self, r, out);
    }
    r->borrow = borrow;
    return rc;
}

struct line_run {
    struct row_sink *out;
    struct record_error *bad;
    size_t at; /* in the caller's data */
    uint64_t records, lines;
};

/* A record failed: reports it and goes on (0), or stops with its error. */
static ATTR_COLD int bad_record(struct json_lines *l, struct line_run *run, const char *line,
                                size_t n) {
    struct json_reader *r = l->reader;
    struct decoder *d = l->decoder;
    struct record_error *bad = run->bad;
    bad->offset = run->at;
    bad->length = n;
    bad->record = run->records;
    bad->line = run->lines;
    bad->err = r->err;
    if (!r->options.ignore_errors && !d->skip_bad) return ERR_RECORD;
    if (d->on_bad) d->on_bad(d->bad_self, bad, (struct sv){line, n});
    return 0;
}

static size_t trimmed(const char *p, size_t n) {
    while (n && (p[n - 1] == '\r' || p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    return n;
}

/* Reads the lines of an indexed (tok) or unindexed (tok NULL) window of whole lines. */
static int read_window(struct json_lines *l, const char *data, size_t len, const uint32_t *tok,
                       struct line_run *run) {
    struct json_reader *r = l->reader;
    struct row_sink *out = run->out;
    size_t at = 0;
    while (at < len && out->n_rows < out->max_rows) {
        const char *nl = memchr(data + at, '\n', len - at);
        size_t end = nl ? (size_t)(nl - data) : len, next = nl ? end + 1 : len;
        uint32_t rows = out->n_rows;
        int rc = 0;
        if (tok) {
            if (*tok < end) {
                r->buf = data;
                r->tok = tok;
                r->line_end = (uint32_t)end;
                r->depth = 0;
                rc = l->read_record(l->self, r, out);
                tok = r->tok;
                if (unlikely(rc || *tok < end)) {
                    while (*tok <
                           end) /* what stands behind the record is not looked at, as in Flink */
                        tok++;
                }
            }
        } else {
            size_t n = trimmed(data + at, end - at);
            if (n) rc = read_alone(l, data + at, n, out);
        }
        if (unlikely(rc)) {
            roll_back(out, rows);
            rc = bad_record(l, run, data + at, trimmed(data + at, end - at));
            if (rc) return rc;
        }
        run->at += next - at;
        run->records++;
        run->lines += nl != NULL;
        at = next;
    }
    return 0;
}

/* Bytes of the next window: whole lines, about as many as there are rows wanted. 0: no whole line.
 */
static size_t window_bytes(const struct json_lines *l, const char *data, size_t len, bool at_end,
                           uint32_t rows_wanted) {
    size_t row = l->row_bytes ? l->row_bytes : ROW_BYTES_GUESS;
    size_t want = row * rows_wanted + row;
    want = MIN(MAX(want, (size_t)WINDOW_MIN_BYTES), (size_t)WINDOW_MAX_BYTES);
    if (want < len) {
        const char *nl = memrchr(data, '\n', want);
        if (nl) return (size_t)(nl + 1 - data);
    }
    const char *nl = want < len ? memchr(data + want, '\n', len - want) : NULL;
    if (nl) return (size_t)(nl + 1 - data);
    if (at_end) return len;
    nl = memrchr(data, '\n', len);
    return nl ? (size_t)(nl + 1 - data) : 0;
}

int json_lines_decode(struct json_lines *l, const char *data, size_t len, bool at_end,
                      struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                      struct record_error *ret_bad, struct err *err) {
    struct json_reader *r = l->reader;
    struct line_run run = {.out = out, .bad = ret_bad};
    uint32_t rows = out->n_rows;
    int rc = 0;
    r->borrow = out->borrow;
    while (run.at < len && out->n_rows < out->max_rows) {
        size_t n =
            window_bytes(l, data + run.at, len - run.at, at_end, out->max_rows - out->n_rows);
        if (!n) break;
        const uint32_t *tok = NULL;
        uint32_t n_tok;
        if (n <= SIMDJSON_INDEX_MAX_BYTES &&
            simdjson_index_text(r->index, data + run.at, n, &tok, &n_tok))
            tok = NULL;
        rc = read_window(l, data + run.at, n, tok, &run);
        if (rc) break;
    }
    l->decoder->at_file_start = false;
    if (out->n_rows > rows) {
        l->row_bytes = (uint32_t)MIN(run.at / (out->n_rows - rows) + 1, (size_t)WINDOW_MAX_BYTES);
        if (out->borrow) {
            for (int i = 0; i < out->n_cols; i++)
                keep_input(out, &out->cols[i]);
        }
    }
    fill_rows(out);
    *ret_consumed = run.at;
    *ret_lines = run.lines;
    if (rc && err) *err = r->err;
    return rc;
}

int json_lines_message(struct json_lines *l, const char *data, size_t len, struct row_sink *out,
                       struct err *err) {
    uint32_t rows = out->n_rows;
    size_t n = trimmed(data, len);
    if (!n) return 0;
    l->reader->borrow = NULL;
    int rc = read_alone(l, data, n, out);
    fill_rows(out);
    if (rc) {
        roll_back(out, rows);
        if (l->reader->options.ignore_errors) return 0;
        if (err) *err = l->reader->err;
    }
    return rc;
}
