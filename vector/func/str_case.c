/* str_case.c - UPPER, LOWER, INITCAP, REVERSE, lengths and single characters. */
#include "vector/func/args.h"

#include "vector/func/unicode.h"

#include <string.h>

/* ---- case ----------------------------------------------------------------------------------- */

/* Characters whose upper case is several (Unicode SpecialCasing, the Latin ones). */
static const char *upper_special(uint32_t cp) {
    switch (cp) {
    case 0xDF:
        return "SS";
    case 0x149:
        return "\xCA\xBCN";
    case 0x1F0:
        return "J\xCC\x8C";
    case 0xFB00:
        return "FF";
    case 0xFB01:
        return "FI";
    case 0xFB02:
        return "FL";
    case 0xFB03:
        return "FFI";
    case 0xFB04:
        return "FFL";
    case 0xFB05:
    case 0xFB06:
        return "ST";
    default:
        return NULL;
    }
}

static bool is_letter_at(const char *p, size_t n) {
    uint32_t len;
    return n && unicode_is_letter(text_utf8_decode(p, n, &len));
}

/* Greek capital sigma at the end of a word becomes the final form. */
static bool is_final_sigma(const char *p, size_t n, size_t at) {
    size_t prev = at;
    while (prev > 0 && ((unsigned char)p[--prev] & 0xC0) == 0x80)
        ;
    return at > 0 && is_letter_at(p + prev, at - prev) && !is_letter_at(p + at + 2, n - at - 2);
}

static void map_unicode(const char *p, size_t n, bool upper, struct str *out) {
    for (size_t i = 0; i < n;) {
        uint32_t len, cp = text_utf8_decode(p + i, n - i, &len);
        const char *special = upper ? upper_special(cp) : NULL;
        if (special)
            str_add(out, special);
        else if (cp == 0xFFFD && len == 1)
            str_add_char(out, p[i]);
        else if (!upper && cp == 0x130)
            str_add(out, "i\xCC\x87");
        else if (!upper && cp == 0x3A3 && is_final_sigma(p, n, i))
            str_add(out, "\xCF\x82");
        else
            str_add_utf8(out, upper ? unicode_upper(cp) : unicode_lower(cp));
        i += len;
    }
}

/* Eight ASCII characters at once: bit 5 flips where a byte lies between the letters. */
static inline uint64_t ascii_case8(uint64_t w, bool upper) {
    const uint64_t ones = 0x0101010101010101ull;
    unsigned lo = upper ? 'a' : 'A', hi = upper ? 'z' : 'Z';
    uint64_t from = w + ones * (0x80 - lo), past = w + ones * (0x7F - hi);
    return w ^ ((from & ~past & 0x8080808080808080ull) >> 2);
}

static inline char ascii_case(char c, bool upper) {
    unsigned char u = (unsigned char)c;
    return (char)(upper ? u - ((unsigned char)(u - 'a') < 26 ? 32 : 0)
                        : u + ((unsigned char)(u - 'A') < 26 ? 32 : 0));
}

/* Short ASCII texts where they lie: a length below 13 is no letter. True: there are others. */
ATTR_KERNEL static bool case_inline(const uint64_t *restrict s, uint64_t *restrict d, uint32_t n,
                                    bool upper) {
    uint64_t others = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t a = s[2 * i], b = s[2 * i + 1];
        d[2 * i] = ascii_case8(a, upper);
        d[2 * i + 1] = ascii_case8(b, upper);
        others |=
            (uint64_t)((uint32_t)a > STRV_INLINE_MAX_BYTES) | ((a | b) & 0x8080808080808080ull);
    }
    return others;
}

/* The result never has more characters than the type allows. */
static int kernel_case(struct kernel_call *k, bool upper) {
    struct arg s = kernel_arg(k, 0);
    if (!arg_const(&s) && !case_inline(s.data, k->ret->data, k->n, upper)) return 0;
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        if (arg_strv(&s, i)->len <= STRV_INLINE_MAX_BYTES && !arg_const(&s) &&
            text_is_ascii(arg_strv(&s, i)->u.inl, arg_strv(&s, i)->len))
            continue;
        struct sv v = arg_sv(&s, i);
        if (likely(text_is_ascii(v.ptr, v.len))) {
            char small[STRV_INLINE_MAX_BYTES];
            char *d = v.len <= sizeof(small) ? small : (char *)heap_alloc(h, v.len);
            size_t j = 0;
            for (; j + 8 <= v.len; j += 8) {
                uint64_t w;
                memcpy(&w, v.ptr + j, 8);
                w = ascii_case8(w, upper);
                memcpy(d + j, &w, 8);
            }
            for (; j < v.len; j++)
                d[j] = ascii_case(v.ptr[j], upper);
            RET_STR(k)[i] = strv_borrow(d, (uint32_t)v.len);
            continue;
        }
        str_clear(&tmp);
        map_unicode(v.ptr, v.len, upper, &tmp);
        size_t n = text_utf8_offset(tmp.ptr, tmp.len, (size_t)k->call->type->length);
        ret_copy(k, h, i, tmp.ptr, n);
    }
    return 0;
}

static int kernel_upper(struct kernel_call *k, struct err *err) {
    return kernel_case(k, true);
}

static int kernel_lower(struct kernel_call *k, struct err *err) {
    return kernel_case(k, false);
}

/* A word is a run of ASCII letters and digits; everything else separates words. */
static int kernel_initcap(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        str_clear(&tmp);
        str_add_n(&tmp, v.ptr, v.len);
        bool start = true;
        for (size_t j = 0; j < v.len; j++) {
            char c = v.ptr[j];
            bool letter = (unsigned char)((c | 0x20) - 'a') < 26;
            bool digit = (unsigned char)(c - '0') < 10;
            if (letter) tmp.ptr[j] = ascii_case(c, start);
            start = !letter && !digit;
        }
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

static int kernel_reverse(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        char small[STRV_INLINE_MAX_BYTES];
        char *d = v.len <= sizeof(small) ? small : (char *)heap_alloc(h, v.len);
        size_t from = 0;
        for (uint64_t w; from + 8 <= v.len; from += 8) { /* while it is ASCII */
            memcpy(&w, v.ptr + from, 8);
            if (w & 0x8080808080808080ull) break;
            w = __builtin_bswap64(w);
            memcpy(d + v.len - from - 8, &w, 8);
        }
        for (size_t j = from; j < v.len;) {
            size_t len = text_utf8_len((unsigned char)v.ptr[j]);
            if (len > v.len - j) len = v.len - j;
            memcpy(d + v.len - j - len, v.ptr + j, len);
            j += len;
        }
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)v.len);
    }
    return 0;
}

/* ---- lengths and characters ----------------------------------------------------------------- */

static int kernel_char_length(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        COL_DATA(k->ret, int32_t)[i] = (int32_t)text_utf8_count(v.ptr, v.len);
    }
    return 0;
}

/* The first byte, signed, as Flink has it. */
static int kernel_ascii(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        COL_DATA(k->ret, int32_t)[i] = v.len ? (signed char)v.ptr[0] : 0;
    }
    return 0;
}

static int kernel_chr(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t v = arg_i64(&s, i);
        char buf[4];
        uint32_t n = v < 0 ? 0 : text_utf8_encode(buf, (uint32_t)(v & 0xFF));
        RET_STR(k)[i] = strv_borrow(buf, n);
    }
    return 0;
}

static int kernel_repeat(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), times = kernel_arg(k, 1);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        int64_t n = arg_i32(&times, i);
        if (!col_is_valid(k->ret, i) || n < 0 || !v.len) n = 0;
        if (n * (int64_t)v.len > INT32_MAX)
            return kernel_fail(k, i, err, "REPEAT: the result is longer than 2 GiB");
        char *d = (char *)heap_alloc(h, (size_t)n * v.len);
        for (int64_t j = 0; j < n; j++)
            memcpy(d + (size_t)j * v.len, v.ptr, v.len);
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)((size_t)n * v.len));
    }
    return 0;
}

#define STRING_FUNC(sym, name_, sig, doc_, n, args_, ret_, kernel_)                                \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "string",                                          \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = n,                                                 \
                                    .max_args = n,                                                 \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS,                        \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = func_bind_spec,                                        \
                                    .kernel = kernel_}

STRING_FUNC(upper, "UPPER", "UPPER(string)", "The string in upper case.", 1, "c", "@0",
            kernel_upper);
STRING_FUNC(lower, "LOWER", "LOWER(string)", "The string in lower case.", 1, "c", "@0",
            kernel_lower);
STRING_FUNC(initcap, "INITCAP", "INITCAP(string)",
            "Each word with its first letter in upper case and the others in lower case. Words are "
            "runs of ASCII letters and digits.",
            1, "c", "@0", kernel_initcap);
STRING_FUNC(reverse, "REVERSE", "REVERSE(string)", "The characters in reverse order.", 1, "c",
            "STRING?", kernel_reverse);
STRING_FUNC(ascii, "ASCII", "ASCII(string)", "The code of the first byte, 0 for the empty string.",
            1, "c", "INT", kernel_ascii);
STRING_FUNC(chr, "CHR", "CHR(integer)",
            "The character of this code modulo 256; the empty string for a negative one.", 1, "l",
            "STRING?", kernel_chr);

const struct func func_char_length = {
    .name = "CHAR_LENGTH",
    .aliases = "CHARACTER_LENGTH",
    .category = "string",
    .signature = "CHAR_LENGTH(string)",
    .doc = "The number of characters.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "c",
    .ret = "INT",
    .bind = func_bind_spec,
    .kernel = kernel_char_length,
};

const struct func func_repeat = {
    .name = "REPEAT",
    .category = "string",
    .signature = "REPEAT(string, times)",
    .doc = "The string, so many times behind itself.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .args = "ci",
    .ret = "STRING",
    .bind = func_bind_spec,
    .kernel = kernel_repeat,
};
