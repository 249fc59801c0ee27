/* str_slice.c - parts of strings: SUBSTRING, LEFT, RIGHT, TRIM, padding, OVERLAY. Results are views
 * into the argument where they can be. */
#include "vector/func/args.h"

#include <string.h>

/* ---- SUBSTRING, LEFT, RIGHT ----------------------------------------------------------------- */

/* Characters [start, start + len) of v. */
static struct sv slice(struct sv v, int64_t start, int64_t len) {
    size_t from = text_utf8_offset(v.ptr, v.len, (size_t)start);
    size_t n = text_utf8_offset(v.ptr + from, v.len - from, (size_t)len);
    return (struct sv){v.ptr + from, n};
}

/* Positions count from 1, negative ones from the end; 0 is the start. A start in front of the
 * string gives nothing. */
static struct sv substring(struct sv v, int64_t pos, int64_t len) {
    if (pos > 0) return slice(v, pos - 1, len);
    if (pos == 0) return slice(v, 0, len);
    int64_t start = (int64_t)text_utf8_count(v.ptr, v.len) + pos;
    return start < 0 ? (struct sv){v.ptr, 0} : slice(v, start, len);
}

static int kernel_substring(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), pos = kernel_arg(k, 1), len = {0};
    if (k->n_args == 3) len = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        int32_t n = k->n_args == 3 ? arg_i32(&len, i) : INT32_MAX;
        if (n < 0) {
            ret_null(k, i);
            continue;
        }
        struct sv v = substring(arg_sv(&s, i), arg_i32(&pos, i), n);
        ret_piece(k, &s, h, i, v.ptr, v.len);
    }
    return 0;
}

static int kernel_left(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), len = kernel_arg(k, 1);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        int32_t n = arg_i32(&len, i);
        struct sv v = slice(arg_sv(&s, i), 0, n < 0 ? 0 : n);
        ret_piece(k, &s, h, i, v.ptr, v.len);
    }
    return 0;
}

static int kernel_right(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), len = kernel_arg(k, 1);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        int64_t n = arg_i32(&len, i), have = (int64_t)text_utf8_count(v.ptr, v.len);
        if (n < 0) n = 0;
        v = slice(v, n < have ? have - n : 0, n);
        ret_piece(k, &s, h, i, v.ptr, v.len);
    }
    return 0;
}

/* ---- TRIM ----------------------------------------------------------------------------------- */

/* Whether the character at p (len bytes) is one of set's. */
static bool in_set(struct sv set, const char *p, size_t len) {
    if (len == 1) return memchr(set.ptr, *p, set.len) != NULL;
    for (size_t i = 0; i + len <= set.len; i++)
        if (memcmp(set.ptr + i, p, len) == 0) return true;
    return false;
}

static struct sv trim_left(struct sv v, struct sv set) {
    while (v.len) {
        size_t len = text_utf8_len((unsigned char)*v.ptr);
        if (len > v.len || !in_set(set, v.ptr, len)) break;
        v.ptr += len;
        v.len -= len;
    }
    return v;
}

static struct sv trim_right(struct sv v, struct sv set) {
    while (v.len) {
        size_t len = 1;
        while (len < 4 && len < v.len && ((unsigned char)v.ptr[v.len - len] & 0xC0) == 0x80)
            len++;
        if (!in_set(set, v.ptr + v.len - len, len)) break;
        v.len -= len;
    }
    return v;
}

/* sides: 1 left, 2 right, 3 both. set_arg < 0: blanks. */
static int trim(struct kernel_call *k, int str_arg, int set_arg, int sides) {
    struct arg s = kernel_arg(k, str_arg), set = {0};
    if (set_arg >= 0) set = kernel_arg(k, set_arg);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv chars = set_arg >= 0 ? arg_sv(&set, i) : SV_LIT(" ");
        struct sv v = arg_sv(&s, i);
        if (sides & 1) v = trim_left(v, chars);
        if (sides & 2) v = trim_right(v, chars);
        ret_piece(k, &s, h, i, v.ptr, v.len);
    }
    return 0;
}

static const char *const trim_flags[] = {"LEADING", "TRAILING", "BOTH", NULL};

static int kernel_trim(struct kernel_call *k, struct err *err) {
    if (k->n_args == 1) return trim(k, 0, -1, 3);
    return trim(k, 2, 1, args_symbol_index(k->call, 0, trim_flags) + 1);
}

static int kernel_ltrim(struct kernel_call *k, struct err *err) {
    return trim(k, 0, k->n_args == 2 ? 1 : -1, 1);
}
static int kernel_rtrim(struct kernel_call *k, struct err *err) {
    return trim(k, 0, k->n_args == 2 ? 1 : -1, 2);
}
static int kernel_btrim(struct kernel_call *k, struct err *err) {
    return trim(k, 0, k->n_args == 2 ? 1 : -1, 3);
}

static int bind_trim(struct func_bind *fb, struct err *err) {
    if (fb->n_args == 2) return func_bind_fail(fb, NULL, err);
    int rc = args_check(fb, fb->n_args == 1 ? "c" : "ycc", err);
    if (rc) return rc;
    const struct type *t = fb->args[fb->n_args - 1]->type;
    fb->ret_type =
        type_text(fb->arena, TYPE_VARCHAR, t->length,
                  fb->n_args == 1 ? t->nullable : fb->args[1]->type->nullable || t->nullable);
    return 0;
}

/* ---- padding -------------------------------------------------------------------------------- */

/* Characters of pad, over and over, n in all. */
static char *put_pad(char *d, struct sv pad, int64_t n) {
    while (n > 0) {
        size_t len = text_utf8_offset(pad.ptr, pad.len, (size_t)n);
        memcpy(d, pad.ptr, len);
        d += len;
        n -= (int64_t)text_utf8_count(pad.ptr, len);
    }
    return d;
}

static int pad(struct kernel_call *k, bool left, struct err *err) {
    struct arg s = kernel_arg(k, 0), len = kernel_arg(k, 1), fill = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i), p = arg_sv(&fill, i);
        int64_t want = arg_i32(&len, i);
        if (want < 0 || p.len == 0) {
            ret_null(k, i);
            continue;
        }
        int64_t have = (int64_t)text_utf8_count(v.ptr, v.len);
        if (have >= want || !col_is_valid(k->ret, i)) {
            v = slice(v, 0, want);
            ret_piece(k, &s, h, i, v.ptr, v.len);
            continue;
        }
        if (want > INT32_MAX / 4)
            return kernel_fail(k, i, err, "%s: a length of %lld is too much", k->call->func->name,
                               (long long)want);
        size_t room = v.len + (size_t)(want - have) * 4;
        char *d = (char *)heap_alloc(h, room), *e = d;
        if (left) e = put_pad(e, p, want - have);
        memcpy(e, v.ptr, v.len);
        e += v.len;
        if (!left) e = put_pad(e, p, want - have);
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)(e - d));
        heap_trim(h, (uint8_t *)d, (size_t)(e - d));
    }
    return 0;
}

static int kernel_lpad(struct kernel_call *k, struct err *err) {
    return pad(k, true, err);
}

static int kernel_rpad(struct kernel_call *k, struct err *err) {
    return pad(k, false, err);
}

/* ---- OVERLAY -------------------------------------------------------------------------------- */

/* With a length below 1, or one that reaches past the end, nothing of the tail remains: so does
 * Flink. */
static int kernel_overlay(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), r = kernel_arg(k, 1), start = kernel_arg(k, 2), len = {0};
    if (k->n_args == 4) len = kernel_arg(k, 3);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i), p = arg_sv(&r, i);
        int64_t have = (int64_t)text_utf8_count(v.ptr, v.len), at = arg_i32(&start, i);
        int64_t n = k->n_args == 4 ? arg_i32(&len, i) : (int64_t)text_utf8_count(p.ptr, p.len);
        if (at <= 0 || at > have) {
            ret_piece(k, &s, h, i, v.ptr, v.len);
            continue;
        }
        struct sv head = slice(v, 0, at - 1), tail = {v.ptr, 0};
        if (at + n <= have && n > 0) tail = slice(v, at - 1 + n, have);
        size_t total = head.len + p.len + tail.len;
        char *d = (char *)heap_alloc(h, total);
        memcpy(d, head.ptr, head.len);
        memcpy(d + head.len, p.ptr, p.len);
        memcpy(d + head.len + p.len, tail.ptr, tail.len);
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)total);
    }
    return 0;
}

static int bind_overlay(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "ccii", err);
    if (rc) return rc;
    int64_t len = (int64_t)fb->args[0]->type->length + fb->args[1]->type->length;
    fb->ret_type = type_text(fb->arena, TYPE_VARCHAR,
                             len > TYPE_LENGTH_MAX ? TYPE_LENGTH_MAX : (int)len, args_nullable(fb));
    return 0;
}

#define SLICE_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, ret_, bind_, kernel_)           \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "string",                                          \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS | (flags_),             \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_}

SLICE_FUNC(
    substring, "SUBSTRING", "SUBSTRING(string, start [, length])",
    "The characters from position start (1 is the first, -1 the last), length of them or all "
    "that follow.",
    2, 3, 0, "cii", "@v0?", func_bind_spec, kernel_substring);
SLICE_FUNC(substr, "SUBSTR", "SUBSTR(string, start [, length])", "The same as SUBSTRING.", 2, 3, 0,
           "cii", "@v0?", func_bind_spec, kernel_substring);
SLICE_FUNC(left, "LEFT", "LEFT(string, length)", "The first characters.", 2, 2, 0, "ci", "@v0?",
           func_bind_spec, kernel_left);
SLICE_FUNC(right, "RIGHT", "RIGHT(string, length)", "The last characters.", 2, 2, 0, "ci", "@v0?",
           func_bind_spec, kernel_right);
SLICE_FUNC(trim, "TRIM", "TRIM([BOTH | LEADING | TRAILING] [characters FROM] string)",
           "The string without the given characters (blanks) at its ends.", 1, 3, 0, NULL, NULL,
           bind_trim, kernel_trim);
SLICE_FUNC(ltrim, "LTRIM", "LTRIM(string [, characters])",
           "The string without the given characters (blanks) at its start.", 1, 2, 0, "cc", "@v0",
           func_bind_spec, kernel_ltrim);
SLICE_FUNC(rtrim, "RTRIM", "RTRIM(string [, characters])",
           "The string without the given characters (blanks) at its end.", 1, 2, 0, "cc", "@v0",
           func_bind_spec, kernel_rtrim);
SLICE_FUNC(btrim, "BTRIM", "BTRIM(string [, characters])",
           "The string without the given characters (blanks) at both ends.", 1, 2, 0, "cc",
           "STRING", func_bind_spec, kernel_btrim);
SLICE_FUNC(lpad, "LPAD", "LPAD(string, length, fill)",
           "The string filled up on the left, or cut, to length characters.", 3, 3, FUNC_CAN_FAIL,
           "cic", "STRING", func_bind_spec, kernel_lpad);
SLICE_FUNC(rpad, "RPAD", "RPAD(string, length, fill)",
           "The string filled up on the right, or cut, to length characters.", 3, 3, FUNC_CAN_FAIL,
           "cic", "STRING", func_bind_spec, kernel_rpad);
SLICE_FUNC(
    overlay, "OVERLAY", "OVERLAY(string PLACING text FROM start [FOR length])",
    "The string with length characters (as many as text has) from start on replaced by text.", 3, 4,
    0, NULL, NULL, bind_overlay, kernel_overlay);
