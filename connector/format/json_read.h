/* json_read.h - JSON values to typed columns, by Flink's coercions. Works on an indexed text
 * (simdjson_index.h): a cursor steps over tokens, so skipping a value costs nothing but the step.
 * Shared by json and the changelog formats built on it. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_JSON_READ_H
#define PENSTOCK_CONNECTOR_FORMAT_JSON_READ_H

#include "base/core/arena.h"
#include "connector/format/format.h"
#include "connector/format/simdjson_index.h"

enum json_time_format { JSON_TIME_SQL, JSON_TIME_ISO };

/* The '<format>.*' options that reading depends on. */
struct json_read_options {
    bool ignore_errors; /* a value that doesn't fit its type is NULL */
    bool fail_on_missing;
    bool zero_time_is_null; /* 0000-00-00 00:00:00 */
    enum json_time_format time;
};

enum { JSON_SHAPES_MAX = 64, JSON_SHAPE_KEY_MAX_BYTES = 30 };

/* What stood at the n-th place of the last object: the next one is most likely alike. */
struct json_shape {
    uint8_t len; /* 0 = nothing known */
    char key[JSON_SHAPE_KEY_MAX_BYTES];
    int16_t field; /* -1: not a field */
};

struct json_node;
struct json_field {
    const char *name;
    size_t len;
    struct json_node *node;
    int column;    /* builder it goes to */
    uint32_t seen; /* serial of the object that last had it */
};

/* How one type is read; immutable but for the caches. */
struct json_node {
    const struct type *type;
    int n_fields; /* ROW */
    struct json_field *fields;
    struct json_node *elem; /* ARRAY: element; MAP, MULTISET: value */
    uint32_t serial;
    struct json_shape *shapes; /* ROW: JSON_SHAPES_MAX */
};

struct json_reader {
    struct json_read_options options;
    struct simdjson_index *index;
    const char *buf;     /* the indexed text */
    const uint32_t *tok; /* cursor */
    uint32_t line_end;   /* the record ends here: tokens from here on are not its own */
    struct buffer *borrow;
    struct str scratch, scratch2;
    struct err err; /* of the last failure */
    int depth;
};

/* What a type needs is found once. ERR_VALIDATION for a MAP whose key is not a string. */
int json_node_new(struct arena *a, const struct type *t, struct json_node **ret,
                  struct err *err) ATTR_MUST_USE;
/* A ROW node of n named fields that go to builders columns[i] (NULL: i). */
int json_node_row(struct arena *a, int n, const struct field *fields, const int *columns,
                  struct json_node **ret, struct err *err) ATTR_MUST_USE;

void json_reader_init(struct json_reader *r, const struct json_read_options *o);
void json_reader_release(struct json_reader *r);

/* ---- the cursor ---- */

/* First character of the token at the cursor; 0 at the record's end. */
static inline char json_peek(const struct json_reader *r) {
    uint32_t p = *r->tok;
    return p < r->line_end ? r->buf[p] : 0;
}
/* Bytes of the scalar or string token at tok, quotes included. */
struct sv json_token(const struct json_reader *r, const uint32_t *tok);
/* Steps over the value at the cursor. */
int json_skip(struct json_reader *r) ATTR_MUST_USE;

/* Iterates over an object whose '{' is at the cursor:
 *     rc = json_object_begin(r, &more);
 *     while (!rc && more) { key is at r->key; cursor at the value: read or skip it;
 *                           rc = json_object_next(r, &more); }
 */
int json_object_begin(struct json_reader *r, bool *ret_more) ATTR_MUST_USE;
int json_object_next(struct json_reader *r, bool *ret_more) ATTR_MUST_USE;
int json_array_begin(struct json_reader *r, bool *ret_more) ATTR_MUST_USE;
int json_array_next(struct json_reader *r, bool *ret_more) ATTR_MUST_USE;
/* The key at the cursor, unescaped; moves to the value. */
int json_key(struct json_reader *r, struct sv *ret) ATTR_MUST_USE;

/* Text of the scalar at the cursor: a string unescaped (into *scratch where it has escapes), others
 * as they stand. Moves on. */
int json_text(struct json_reader *r, struct str *scratch, struct sv *ret) ATTR_MUST_USE;

/* The string at the cursor as it stands between its quotes; moves on. */
int json_string_body(struct json_reader *r, struct sv *ret) ATTR_MUST_USE;
/* Bytes in front of the first escape; all of them if there is none. */
size_t json_plain_prefix(struct sv body);

/* ---- values ---- */

/* Appends the value at the cursor to b, NULL for null. On failure b may have a partial value:
 * truncate it. */
int json_value(struct json_reader *r, struct json_node *nd, struct col_builder *b) ATTR_MUST_USE;
/* Appends one row: the object's fields to cols[field.column], NULL for what is missing. Failure as
 * json_value. */
int json_row(struct json_reader *r, struct json_node *row, struct col_builder *cols) ATTR_MUST_USE;
/* Fills places[i] with the token of field i's value, NULL where there is none, without reading
 * them. Moves behind the object. */
int json_places(struct json_reader *r, struct json_node *row,
                const uint32_t **places) ATTR_MUST_USE;

/* Every error of reading goes through here: ERR_RECORD, "<what> at byte n of the record". */
int json_fail(struct json_reader *r, const char *fmt, ...) ATTR_PRINTF(2, 3) ATTR_COLD;

/* Unescapes src (without quotes) to dst, which has room for n bytes. -1: a bad escape. */
long json_unescape(char *dst, const char *src, size_t n);

/* ---- records ---- */

/* Runs read_record over each line of data; see decoder_ops.decode for the contract. */
struct json_lines {
    struct json_reader *reader;
    struct decoder *decoder;
    /* One record: cursor at its first token. Appends rows to out, sets out->n_rows. */
    int (*read_record)(void *self, struct json_reader *r, struct row_sink *out);
    void *self;
    uint32_t row_bytes; /* running mean, to index no more than is needed */
};
int json_lines_decode(struct json_lines *l, const char *data, size_t len, bool at_end,
                      struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                      struct record_error *ret_bad, struct err *err) ATTR_MUST_USE;
int json_lines_message(struct json_lines *l, const char *data, size_t len, struct row_sink *out,
                       struct err *err) ATTR_MUST_USE;

#endif
