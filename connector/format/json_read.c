/* json_read.c - cursor over an indexed JSON text; objects and arrays; strings. The values of scalar
 * types are in json_scalar.c, the splitting into records in json_lines.c. */
#include "connector/format/json_read.h"

#include "base/core/mem.h"
#include "connector/format/emit.h"
#include "connector/format/json_scalar.h"
#include "vector/text.h"

#include <string.h>

void json_reader_init(struct json_reader *r, const struct json_read_options *o) {
    memset(r, 0, sizeof *r);
    r->options = *o;
    r->index = simdjson_index_new();
}

void json_reader_release(struct json_reader *r) {
    simdjson_index_free(r->index);
    str_release(&r->scratch);
    str_release(&r->scratch2);
    memset(r, 0, sizeof *r);
}

int json_fail(struct json_reader *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = err_set_va(&r->err, ERR_RECORD, fmt, ap);
    va_end(ap);
    return rc;
}

static int fail_here(struct json_reader *r, const char *wanted) {
    if (*r->tok >= r->line_end)
        return json_fail(r, "the record ends where %s should follow", wanted);
    char c = r->buf[*r->tok];
    return json_fail(r, "'%c' where %s should stand", c >= 0x20 ? c : '?', wanted);
}

/* ---- tokens ---- */

static inline bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct sv json_token(const struct json_reader *r, const uint32_t *tok) {
    uint32_t from = tok[0], to = tok[1] < r->line_end ? tok[1] : r->line_end;
    while (to > from + 1 && is_space(r->buf[to - 1]))
        to--;
    return (struct sv){r->buf + from, to - from};
}

int json_skip(struct json_reader *r) {
    const uint32_t *t = r->tok;
    int depth = 0;
    do {
        if (*t >= r->line_end) {
            r->tok = t;
            return fail_here(r, "a value");
        }
        char c = r->buf[*t++];
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth-- == 0) {
                r->tok = t - 1;
                return fail_here(r, "a value");
            }
        }
    } while (depth);
    r->tok = t;
    return 0;
}

/* Inside of the string token at tok: no quotes, escapes as they stand. */
static inline int string_body(struct json_reader *r, const uint32_t *tok, struct sv *ret) {
    struct sv s = json_token(r, tok);
    if (unlikely(s.len < 2 || s.ptr[s.len - 1] != '"'))
        return json_fail(r, "a string has no closing quote");
    *ret = (struct sv){s.ptr + 1, s.len - 2};
    return 0;
}

int json_string_body(struct json_reader *r, struct sv *ret) {
    int rc = string_body(r, r->tok, ret);
    if (!rc) r->tok++;
    return rc;
}

/* memchr costs more than it finds in short strings. */
size_t json_plain_prefix(struct sv s) {
    const uint64_t ones = 0x0101010101010101ull;
    if (s.len >= 48) {
        const char *e = memchr(s.ptr, '\\', s.len);
        return e ? (size_t)(e - s.ptr) : s.len;
    }
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t w;
        memcpy(&w, s.ptr + i, 8);
        w ^= ones * '\\';
        if ((w - ones) & ~w & (ones << 7)) break;
    }
    while (i < s.len && s.ptr[i] != '\\')
        i++;
    return i;
}

static inline bool has_escape(const char *p, size_t n) {
    return json_plain_prefix((struct sv){p, n}) < n;
}

static int hex4(const char *p) {
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* "\uXXXX" behind the u, with its second half where it is a surrogate. Returns bytes read, or -1.
 */
static int unescape_u(char **dst, const char *p, const char *end) {
    if (end - p < 4) return -1;
    int hi = hex4(p);
    if (hi < 0) return -1;
    uint32_t cp = (uint32_t)hi;
    int used = 4;
    if (hi >= 0xD800 && hi < 0xE000) {
        int lo = hi < 0xDC00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u' ? hex4(p + 6) : -1;
        if (lo >= 0xDC00 && lo < 0xE000) {
            cp = 0x10000 + (((uint32_t)hi - 0xD800) << 10) + ((uint32_t)lo - 0xDC00);
            used = 10;
        } else {
            cp = '?'; /* half a pair: what Java's UTF-8 encoder makes of it */
        }
    }
    *dst += text_utf8_encode(*dst, cp);
    return used;
}

long json_unescape(char *dst, const char *src, size_t n) {
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char *d = dst;
    const char *end = src + n;
    while (src < end) {
        const char *b = memchr(src, '\\', (size_t)(end - src));
        size_t run = (size_t)((b ? b : end) - src);
        memcpy(d, src, run);
        d += run;
        if (!b) break;
        src = b + 1;
        if (src == end) return -1;
        unsigned char c = (unsigned char)*src++;
        if (c == 'u') {
            int used = unescape_u(&d, src, end);
            if (used < 0) return -1;
            src += used;
        } else {
            if (!plain[c]) return -1;
            *d++ = plain[c];
        }
    }
    return d - dst;
}

/* Unescapes into scratch. */
static int unescape_into(struct json_reader *r, struct sv body, struct str *scratch,
                         struct sv *ret) {
    str_clear(scratch);
    str_reserve(scratch, body.len + 1);
    long n = json_unescape(scratch->ptr, body.ptr, body.len);
    if (n < 0) return json_fail(r, "a string has a bad escape");
    *ret = (struct sv){scratch->ptr, (size_t)n};
    return 0;
}

int json_text(struct json_reader *r, struct str *scratch, struct sv *ret) {
    char c = json_peek(r);
    if (c == '"') {
        struct sv s = {NULL, 0};
        int rc = string_body(r, r->tok, &s);
        if (!rc && has_escape(s.ptr, s.len)) rc = unescape_into(r, s, scratch, &s);
        if (rc) return rc;
        *ret = s;
    } else if (c == 0 || c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',') {
        return fail_here(r, "a value");
    } else {
        *ret = json_token(r, r->tok);
        if (!json_scalar_valid(*ret))
            return json_fail(r, "'%.*s' is not a JSON value", (int)MIN(ret->len, 40), ret->ptr);
    }
    r->tok++;
    return 0;
}

int json_key(struct json_reader *r, struct sv *ret) {
    if (json_peek(r) != '"') return fail_here(r, "a field name in quotes");
    int rc = json_text(r, &r->scratch2, ret);
    if (rc) return rc;
    if (json_peek(r) != ':') return fail_here(r, "':'");
    r->tok++;
    return 0;
}

/* ---- containers ---- */

enum { JSON_DEPTH_MAX_READ = 1000 };

static int container_begin(struct json_reader *r, char open, char close, const char *what,
                           bool *ret_more) {
    if (json_peek(r) != open) return fail_here(r, what);
    if (++r->depth > JSON_DEPTH_MAX_READ)
        return json_fail(r, "values are nested deeper than %d", JSON_DEPTH_MAX_READ);
    r->tok++;
    *ret_more = json_peek(r) != close;
    if (!*ret_more) {
        r->tok++;
        r->depth--;
    }
    return 0;
}

static inline int container_next(struct json_reader *r, char close, const char *what,
                                 bool *ret_more) {
    char c = json_peek(r);
    if (c != ',' && c != close) return fail_here(r, what);
    r->tok++;
    *ret_more = c == ',';
    if (c == close) r->depth--;
    return 0;
}

int json_object_begin(struct json_reader *r, bool *ret_more) {
    return container_begin(r, '{', '}', "an object", ret_more);
}
int json_object_next(struct json_reader *r, bool *ret_more) {
    return container_next(r, '}', "',' or '}'", ret_more);
}
int json_array_begin(struct json_reader *r, bool *ret_more) {
    return container_begin(r, '[', ']', "an array", ret_more);
}
int json_array_next(struct json_reader *r, bool *ret_more) {
    return container_next(r, ']', "',' or ']'", ret_more);
}

/* ---- rows ---- */

static int field_by_name(const struct json_node *row, struct sv key) {
    for (int i = 0; i < row->n_fields; i++) {
        if (row->fields[i].len == key.len && memcmp(row->fields[i].name, key.ptr, key.len) == 0)
            return i;
    }
    return -1;
}

static inline bool same_bytes(const char *a, const char *b, size_t n) {
    while (n >= 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (x != y) return false;
        a += 8;
        b += 8;
        n -= 8;
    }
    for (; n; n--) {
        if (*a++ != *b++) return false;
    }
    return true;
}

/* Field of the key at the cursor (-1: none of ours), guessed from the object before; moves to the
 * value. */
static inline int match_field(struct json_reader *r, struct json_node *row, int at, int *ret) {
    struct json_shape *s = at < JSON_SHAPES_MAX ? &row->shapes[at] : NULL;
    const uint32_t *t = r->tok;
    if (s && s->len && t[1] < r->line_end) {
        const char *p = r->buf + t[0];
        if (p[0] == '"' && t[1] - t[0] == s->len + 2u && p[s->len + 1] == '"' &&
            r->buf[t[1]] == ':' && same_bytes(p + 1, s->key, s->len)) {
            *ret = s->field;
            r->tok += 2;
            return 0;
        }
    }
    bool plain = t[1] < r->line_end && !has_escape(r->buf + t[0], t[1] - t[0]);
    struct sv key;
    int rc = json_key(r, &key);
    if (rc) return rc;
    *ret = field_by_name(row, key);
    if (s && plain && key.len && key.len <= JSON_SHAPE_KEY_MAX_BYTES) {
        s->len = (uint8_t)key.len;
        memcpy(s->key, key.ptr, key.len);
        s->field = (int16_t)*ret;
    }
    return 0;
}

static int missing_fields(struct json_reader *r, struct json_node *row, struct col_builder *cols,
                          uint32_t serial) {
    for (int i = 0; i < row->n_fields; i++) {
        struct json_field *f = &row->fields[i];
        if (f->seen == serial) continue;
        if (r->options.fail_on_missing) {
            return json_fail(r, "field '%s' is missing ('fail-on-missing-field' is set)", f->name);
        }
        emit_null(&cols[f->column]);
    }
    return 0;
}

int json_row(struct json_reader *r, struct json_node *row, struct col_builder *cols) {
    uint32_t serial = ++row->serial;
    bool more;
    int found = 0;
    int rc = json_object_begin(r, &more);
    for (int at = 0; !rc && more; at++) {
        int i;
        rc = match_field(r, row, at, &i);
        if (rc) return rc;
        if (i < 0) {
            rc = json_skip(r);
        } else {
            struct json_field *f = &row->fields[i];
            struct col_builder *b = &cols[f->column];
            if (unlikely(f->seen == serial)) /* a second value of one name stands for the first */
                col_builder_truncate(b, b->col.n - 1);
            else
                found++;
            f->seen = serial;
            rc = json_value(r, f->node, b);
            if (rc) err_wrap(&r->err, "field '%s'", f->name);
        }
        if (!rc) rc = json_object_next(r, &more);
    }
    if (rc || found == row->n_fields) return rc;
    return missing_fields(r, row, cols, serial);
}

int json_places(struct json_reader *r, struct json_node *row, const uint32_t **places) {
    for (int i = 0; i < row->n_fields; i++)
        places[i] = NULL;
    bool more;
    int rc = json_object_begin(r, &more);
    for (int at = 0; !rc && more; at++) {
        int i;
        rc = match_field(r, row, at, &i);
        if (rc) return rc;
        if (i >= 0) places[i] = r->tok;
        rc = json_skip(r);
        if (!rc) rc = json_object_next(r, &more);
    }
    return rc;
}

/* ---- values ---- */

static int read_array(struct json_reader *r, struct json_node *nd, struct col_builder *b) {
    bool more;
    int rc = json_array_begin(r, &more);
    while (!rc && more) {
        rc = json_value(r, nd->elem, &b->children[0]);
        if (!rc) rc = json_array_next(r, &more);
    }
    if (!rc) col_close_row(b);
    return rc;
}

/* Drops the earlier entry of a key given twice, as a hash map does: rare, so looked for only in
 * maps, which are short. */
static void drop_duplicate(struct col_builder *b, uint32_t from) {
    struct column *keys = &b->children[0].col;
    struct strv *k = COL_DATA(keys, struct strv);
    uint32_t last = keys->n - 1;
    for (uint32_t i = from; i < last; i++) {
        if (!strv_eq(&k[i], &k[last])) continue;
        struct col_builder fresh;
        col_builder_init(&fresh, b->children[1].col.type, 8);
        for (uint32_t v = i + 1; v <= last; v++)
            col_add_from(&fresh, &b->children[1].col, v);
        col_builder_truncate(&b->children[1], i);
        struct strv moved[1];
        memcpy(moved, &k[last], sizeof moved);
        memmove(&k[i], &k[i + 1], (last - i) * sizeof *k);
        keys->n = last;
        for (uint32_t v = 0; v < fresh.col.n; v++)
            col_add_from(&b->children[1], &fresh.col, v);
        col_builder_release(&fresh);
        return;
    }
}

static int read_map(struct json_reader *r, struct json_node *nd, struct col_builder *b) {
    bool more;
    uint32_t from = b->children[0].col.n;
    bool nested = type_is_nested(nd->elem->type);
    int rc = json_object_begin(r, &more);
    while (!rc && more) {
        struct sv key;
        rc = json_key(r, &key);
        if (rc) break;
        col_add_str(&b->children[0], key.ptr, key.len);
        rc = json_value(r, nd->elem, &b->children[1]);
        if (!rc && !nested) drop_duplicate(b, from);
        if (!rc) rc = json_object_next(r, &more);
    }
    if (!rc) col_close_row(b);
    return rc;
}

static int read_value(struct json_reader *r, struct json_node *nd, struct col_builder *b) {
    switch (nd->type->kind) {
    case TYPE_ARRAY:
        return read_array(r, nd, b);
    case TYPE_MAP:
    case TYPE_MULTISET:
        return read_map(r, nd, b);
    case TYPE_ROW: {
        emit_row_begin(b);
        int rc = json_row(r, nd, b->children);
        if (!rc) col_close_row(b);
        return rc;
    }
    default:
        return json_scalar(r, nd->type, b);
    }
}

/* With ignore-parse-errors a value that doesn't fit is NULL; what is no JSON at all still fails the
 * record. */
static ATTR_COLD int value_or_null(struct json_reader *r, const uint32_t *at, uint32_t n, int depth,
                                   struct col_builder *b) {
    col_builder_truncate(b, n);
    r->tok = at;
    r->depth = depth;
    int rc = json_skip(r);
    if (!rc) emit_null(b);
    return rc;
}

int json_value(struct json_reader *r, struct json_node *nd, struct col_builder *b) {
    const uint32_t *at = r->tok;
    char c = json_peek(r);
    if (c == 'n') {
        struct sv s = json_token(r, at);
        if (s.len == 4 && memcmp(s.ptr, "null", 4) == 0) {
            emit_null(b);
            r->tok++;
            return 0;
        }
    }
    uint32_t n = b->col.n;
    int depth = r->depth;
    int rc = read_value(r, nd, b);
    if (unlikely(rc) && r->options.ignore_errors) return value_or_null(r, at, n, depth, b);
    return rc;
}

/* ---- compiling ---- */

int json_node_row(struct arena *a, int n, const struct field *fields, const int *columns,
                  struct json_node **ret, struct err *err) {
    struct json_node *nd = ARENA_NEW(a, struct json_node);
    nd->n_fields = n;
    nd->fields = ARENA_NEW_N(a, struct json_field, n + 1);
    nd->shapes = ARENA_NEW_N(a, struct json_shape, JSON_SHAPES_MAX);
    for (int i = 0; i < n; i++) {
        struct json_field *f = &nd->fields[i];
        f->name = fields[i].name;
        f->len = strlen(f->name);
        f->column = columns ? columns[i] : i;
        int rc = json_node_new(a, fields[i].type, &f->node, err);
        if (rc) return err_wrap(err, "column '%s'", f->name);
    }
    *ret = nd;
    return 0;
}

int json_node_new(struct arena *a, const struct type *t, struct json_node **ret, struct err *err) {
    if (t->kind == TYPE_ROW) {
        struct field *fields = ARENA_NEW_N(a, struct field, t->n_children + 1);
        for (int i = 0; i < t->n_children; i++)
            fields[i] = (struct field){t->field_names[i], t->children[i]};
        int rc = json_node_row(a, t->n_children, fields, NULL, ret, err);
        if (!rc) (*ret)->type = t;
        return rc;
    }
    struct json_node *nd = ARENA_NEW(a, struct json_node);
    nd->type = t;
    *ret = nd;
    if (t->kind == TYPE_ARRAY) return json_node_new(a, t->children[0], &nd->elem, err);
    if (t->kind == TYPE_MAP || t->kind == TYPE_MULTISET) {
        if (!type_is_char(t->children[0])) {
            return err_set(err, ERR_VALIDATION,
                           "JSON has no %s: its keys are always strings; use a string key type",
                           type_text_of(a, t));
        }
        if (t->kind == TYPE_MULTISET) return json_node_new(a, type_of(TYPE_INT), &nd->elem, err);
        return json_node_new(a, t->children[1], &nd->elem, err);
    }
    return json_scalar_check(t, err);
}
