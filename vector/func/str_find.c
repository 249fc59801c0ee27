/* str_find.c - searching, replacing and splitting. Positions count characters from 1; 0 means not
 * found. */
#include "vector/func/args.h"

#include "base/core/mem.h"
#include "vector/func/byte_mask.h"

#include <string.h>

static const char *find(struct sv hay, struct sv needle) {
    if (needle.len == 1) return memchr(hay.ptr, *needle.ptr, hay.len);
    return needle.len <= hay.len ? memmem(hay.ptr, hay.len, needle.ptr, needle.len) : NULL;
}

/* Position of needle at or behind character `from` (1-based); the empty string is found at 1. */
static int64_t position(struct sv needle, struct sv hay, int64_t from) {
    if (needle.len == 0) return 1;
    size_t skip = from > 1 ? text_utf8_offset(hay.ptr, hay.len, (size_t)(from - 1)) : 0;
    const char *at = find((struct sv){hay.ptr + skip, hay.len - skip}, needle);
    return at ? (int64_t)text_utf8_count(hay.ptr, (size_t)(at - hay.ptr)) + 1 : 0;
}

/* The nth occurrence that ends before the |from|th character from the end, searched backwards. */
static int64_t position_back(struct sv needle, struct sv hay, int64_t from, int64_t nth) {
    if (needle.len == 0) return (int64_t)text_utf8_count(hay.ptr, hay.len) + 1;
    int64_t total = (int64_t)text_utf8_count(hay.ptr, hay.len);
    if (from > total) return 0;
    size_t end = text_utf8_offset(hay.ptr, hay.len, (size_t)(total - from + 1));
    for (size_t at = end + 1; at-- > 0;) {
        if (at + needle.len > end || memcmp(hay.ptr + at, needle.ptr, needle.len) != 0) continue;
        if (--nth == 0) return (int64_t)text_utf8_count(hay.ptr, at) + 1;
    }
    return 0;
}

static int64_t instr(struct sv hay, struct sv needle, int64_t from, int64_t nth) {
    if (from == 0) return 0;
    if (from < 0) return position_back(needle, hay, -from, nth);
    int64_t at = 0;
    for (; nth > 0; nth--) {
        at = position(needle, hay, from);
        if (at == 0) return 0;
        from = at + 1;
    }
    return at;
}

static int kernel_position(struct kernel_call *k, struct err *err) {
    struct arg needle = kernel_arg(k, 0), hay = kernel_arg(k, 1), from = {0};
    if (k->n_args == 3) from = kernel_arg(k, 2);
    for (uint32_t i = 0; i < k->n; i++)
        COL_DATA(k->ret, int32_t)
    [i] = (int32_t)position(arg_sv(&needle, i), arg_sv(&hay, i),
                            k->n_args == 3 ? arg_i32(&from, i) : 1);
    return 0;
}

static int kernel_instr(struct kernel_call *k, struct err *err) {
    struct arg hay = kernel_arg(k, 0), needle = kernel_arg(k, 1), from = {0}, nth = {0};
    if (k->n_args > 2) from = kernel_arg(k, 2);
    if (k->n_args > 3) nth = kernel_arg(k, 3);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t f = k->n_args > 2 ? arg_i32(&from, i) : 1;
        int64_t n = k->n_args > 3 ? arg_i32(&nth, i) : 1;
        if (n <= 0 && col_is_valid(k->ret, i))
            return kernel_fail(k, i, err, "nthAppearance must be positive!");
        COL_DATA(k->ret, int32_t)[i] = (int32_t)instr(arg_sv(&hay, i), arg_sv(&needle, i), f, n);
    }
    return 0;
}

static int kernel_startswith(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), p = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i), w = arg_sv(&p, i);
        COL_DATA(k->ret, uint8_t)[i] = v.len >= w.len && memcmp(v.ptr, w.ptr, w.len) == 0;
    }
    return 0;
}

static int kernel_endswith(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), p = kernel_arg(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i), w = arg_sv(&p, i);
        COL_DATA(k->ret, uint8_t)
        [i] = v.len >= w.len && memcmp(v.ptr + v.len - w.len, w.ptr, w.len) == 0;
    }
    return 0;
}

/* ---- REPLACE, TRANSLATE --------------------------------------------------------------------- */

/* The empty string stands between all characters. */
static void replace_empty(struct sv v, struct sv with, struct str *out) {
    str_add_sv(out, with);
    for (size_t i = 0; i < v.len;) {
        size_t len = text_utf8_len((unsigned char)v.ptr[i]);
        if (len > v.len - i) len = v.len - i;
        str_add_n(out, v.ptr + i, len);
        str_add_sv(out, with);
        i += len;
    }
}

static int kernel_replace(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), old = kernel_arg(k, 1), new = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i), o = arg_sv(&old, i), w = arg_sv(&new, i);
        const char *at = o.len ? find(v, o) : v.ptr;
        if (!at || !col_is_valid(k->ret, i)) {
            ret_piece(k, &s, h, i, v.ptr, v.len);
            continue;
        }
        str_clear(&tmp);
        if (o.len == 0) {
            replace_empty(v, w, &tmp);
        } else {
            for (; at; at = find(v, o)) {
                str_add_n(&tmp, v.ptr, (size_t)(at - v.ptr));
                str_add_sv(&tmp, w);
                v.len -= (size_t)(at - v.ptr) + o.len;
                v.ptr = at + o.len;
            }
            str_add_sv(&tmp, v);
        }
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

/* Appends what the character at p becomes: the one at its place in `to`, nothing if that is
 * shorter, itself if it isn't in `from`. */
static void translate_one(const char *p, size_t len, struct sv from, struct sv to,
                          struct str *out) {
    size_t j = 0;
    for (size_t i = 0; i < from.len;) {
        size_t fl = text_utf8_len((unsigned char)from.ptr[i]);
        size_t tl = j < to.len ? text_utf8_len((unsigned char)to.ptr[j]) : 0;
        if (fl == len && i + fl <= from.len && memcmp(from.ptr + i, p, len) == 0) {
            str_add_n(out, to.ptr + j, MIN(tl, to.len - j));
            return;
        }
        i += fl;
        j += tl;
    }
    str_add_n(out, p, len);
}

/* Not strict: a NULL `from` leaves the string as it is, a NULL `to` deletes. */
static int kernel_translate(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), from = kernel_arg(k, 1), to = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!arg_valid(&s, i)) {
            ret_null(k, i);
            continue;
        }
        struct sv v = arg_sv(&s, i), empty = {"", 0};
        struct sv f = arg_valid(&from, i) ? arg_sv(&from, i) : empty;
        struct sv t = arg_valid(&to, i) ? arg_sv(&to, i) : empty;
        str_clear(&tmp);
        for (size_t j = 0; j < v.len;) {
            size_t len = text_utf8_len((unsigned char)v.ptr[j]);
            if (len > v.len - j) len = v.len - j;
            translate_one(v.ptr + j, len, f, t, &tmp);
            j += len;
        }
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

static int bind_translate(struct func_bind *fb, struct err *err) {
    int rc = args_check(fb, "ccc", err);
    if (rc) return rc;
    fb->ret_type = type_with_null(fb->arena, type_of(TYPE_VARCHAR), fb->args[0]->type->nullable);
    return 0;
}

/* ---- splitting ------------------------------------------------------------------------------ */

/* Part number `index` between bytes sep. */
static inline bool split_part_byte(struct sv v, char sep, uint32_t index, struct sv *ret) {
    const char *from = v.ptr, *end = v.ptr + v.len;
    for (const char *p = v.ptr; p < end; p += 64) {
        uint64_t m = byte_mask(p, MIN((size_t)(end - p), (size_t)64), (unsigned char)sep);
        for (; m && index; m &= m - 1)
            if (--index == 0) from = p + __builtin_ctzll(m) + 1;
        if (!m) continue; /* index is 0 */
        *ret = (struct sv){from, (size_t)(p + __builtin_ctzll(m) - from)};
        return true;
    }
    *ret = (struct sv){from, (size_t)(end - from)};
    return index == 0;
}

/* Part number `index` between separators; false if there are fewer. The empty string has none. */
static bool split_part(struct sv v, struct sv sep, int32_t index, struct sv *ret) {
    if (index < 0 || v.len == 0) return false;
    if (sep.len == 0) sep = SV_LIT(" ");
    if (sep.len == 1) return split_part_byte(v, *sep.ptr, (uint32_t)index, ret);
    for (;; index--) {
        const char *at = find(v, sep);
        if (index == 0) {
            *ret = (struct sv){v.ptr, at ? (size_t)(at - v.ptr) : v.len};
            return true;
        }
        if (!at) return false;
        v.len -= (size_t)(at - v.ptr) + sep.len;
        v.ptr = at + sep.len;
    }
}

/* One separator of one byte, and one index. */
static void split_index_byte(struct kernel_call *k, const struct arg *s, char sep, uint32_t index) {
    heap_borrow(col_heap(k->ret), s->col->heap);
    const struct strv *v = s->data;
    struct strv *out = RET_STR(k);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv part, all = strv_sv(&v[i]);
        arg_prefetch(s, i, k->n);
        if (!all.len || !split_part_byte(all, sep, index, &part)) {
            ret_null(k, i);
            continue;
        }
        size_t room = (size_t)(all.ptr + all.len - part.ptr);
        out[i] = strv_borrow_part(part.ptr, (uint32_t)part.len, room);
    }
}

static int kernel_split_index(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), sep = kernel_arg(k, 1), index = kernel_arg(k, 2);
    bool by_code = sep.col->phys == PHYS_I32;
    if (!by_code && !k->ret->valid && !arg_const(&s) && arg_const(&sep) && arg_const(&index) &&
        arg_sv(&sep, 0).len == 1 && arg_i32(&index, 0) >= 0) {
        split_index_byte(k, &s, *arg_sv(&sep, 0).ptr, (uint32_t)arg_i32(&index, 0));
        return 0;
    }
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv part, by;
        char buf[4];
        int32_t code = by_code ? arg_i32(&sep, i) : 1;
        if (by_code)
            by = (struct sv){buf, text_utf8_encode(buf, (uint32_t)(code & 0xFF))};
        else
            by = arg_sv(&sep, i);
        bool ok =
            code >= 1 && code <= 255 && split_part(arg_sv(&s, i), by, arg_i32(&index, i), &part);
        if (ok)
            ret_piece(k, &s, h, i, part.ptr, part.len);
        else
            ret_null(k, i);
    }
    return 0;
}

static void split_row(struct col_builder *parts, struct sv v, struct sv sep) {
    if (sep.len == 0) {
        for (size_t i = 0; i < v.len;) {
            size_t len = text_utf8_len((unsigned char)v.ptr[i]);
            if (len > v.len - i) len = v.len - i;
            col_add_str(parts, v.ptr + i, len);
            i += len;
        }
        return;
    }
    for (const char *at; (at = find(v, sep)) != NULL;) {
        col_add_str(parts, v.ptr, (size_t)(at - v.ptr));
        v.len -= (size_t)(at - v.ptr) + sep.len;
        v.ptr = at + sep.len;
    }
    col_add_str(parts, v.ptr, v.len);
}

static int kernel_split(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), sep = kernel_arg(k, 1);
    struct col_builder parts;
    col_builder_init(&parts, k->ret->children[0].type, k->n * 4);
    uint32_t *off = k->ret->data;
    off[0] = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (col_is_valid(k->ret, i)) split_row(&parts, arg_sv(&s, i), arg_sv(&sep, i));
        off[i + 1] = parts.col.n;
    }
    col_release(&k->ret->children[0]);
    col_builder_finish(&parts, &k->ret->children[0]);
    return 0;
}

#define FIND_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, ret_, kernel_)                   \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "string",                                          \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS | (flags_),             \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = func_bind_spec,                                        \
                                    .kernel = kernel_}

FIND_FUNC(position, "POSITION", "POSITION(text IN string)",
          "Where text first occurs in string, 0 if nowhere.", 2, 2, 0, "cc", "INT",
          kernel_position);
FIND_FUNC(locate, "LOCATE", "LOCATE(text, string [, start])",
          "Where text first occurs in string at or behind position start, 0 if nowhere.", 2, 3, 0,
          "cci", "INT", kernel_position);
FIND_FUNC(instr, "INSTR", "INSTR(string, text [, start [, nth]])",
          "Where text occurs for the nth time in string, counted from position start; a negative "
          "start searches backwards from the end.",
          2, 4, FUNC_CAN_FAIL, "ccii", "INT", kernel_instr);
FIND_FUNC(startswith, "STARTSWITH", "STARTSWITH(string, start)",
          "Whether the string starts with the other.", 2, 2, 0, "[cb]", "BOOLEAN",
          kernel_startswith);
FIND_FUNC(endswith, "ENDSWITH", "ENDSWITH(string, end)", "Whether the string ends with the other.",
          2, 2, 0, "[cb]", "BOOLEAN", kernel_endswith);
FIND_FUNC(replace, "REPLACE", "REPLACE(string, old, new)",
          "The string with each occurrence of old replaced by new.", 3, 3, 0, "c", "STRING",
          kernel_replace);
FIND_FUNC(split_index, "SPLIT_INDEX", "SPLIT_INDEX(string, separator, index)",
          "Part number index, from 0, between separators (a string, or the code of a character); "
          "NULL if there are fewer.",
          3, 3, 0, "c[ci]i", "STRING?", kernel_split_index);
FIND_FUNC(split, "SPLIT", "SPLIT(string, separator)",
          "The parts between separators; single characters if the separator is empty.", 2, 2, 0,
          "c", "ARRAY<STRING>", kernel_split);

const struct func func_translate = {
    .name = "TRANSLATE",
    .category = "string",
    .signature = "TRANSLATE(string, from, to)",
    .doc = "The string with each character of `from` replaced by the one at its place in `to`, or "
           "deleted if `to` is shorter.",
    .min_args = 3,
    .max_args = 3,
    .flags = FUNC_CONST_ARGS,
    .bind = bind_translate,
    .kernel = kernel_translate,
};
