/* str_code.c - strings in other forms: ENCODE, DECODE, base 64, hexadecimal, URL escapes. */
#include "vector/func/args.h"

#include "vector/func/charset.h"
#include "vector/value_text.h"

#include <stdio.h>
#include <string.h>

/* ---- ENCODE, DECODE ------------------------------------------------------------------------- */

static int recode(struct kernel_call *k, bool encode, struct err *err) {
    struct arg s = kernel_arg(k, 0), set = kernel_arg(k, 1);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) {
            RET_STR(k)[i] = (struct strv){0};
            continue;
        }
        char name[64];
        struct sv c = arg_sv(&set, i);
        snprintf(name, sizeof(name), "%.*s", (int)MIN(c.len, sizeof(name) - 1), c.ptr);
        str_clear(&tmp);
        int rc = encode ? charset_encode(name, arg_sv(&s, i), &tmp, err)
                        : charset_decode(name, arg_sv(&s, i), &tmp, err);
        if (rc) {
            k->err_row = i;
            return rc;
        }
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

static int kernel_encode(struct kernel_call *k, struct err *err) {
    return recode(k, true, err);
}

static int kernel_decode(struct kernel_call *k, struct err *err) {
    return recode(k, false, err);
}

/* ---- base 64 -------------------------------------------------------------------------------- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int kernel_to_base64(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        const unsigned char *p = (const unsigned char *)v.ptr;
        size_t n = (v.len + 2) / 3 * 4;
        char *d = (char *)heap_alloc(h, n), *e = d;
        for (size_t j = 0; j < v.len; j += 3) {
            size_t have = MIN(v.len - j, 3);
            uint32_t w = (uint32_t)p[j] << 16 | (have > 1 ? (uint32_t)p[j + 1] << 8 : 0) |
                         (have > 2 ? p[j + 2] : 0);
            *e++ = base64[w >> 18];
            *e++ = base64[w >> 12 & 63];
            *e++ = have > 1 ? base64[w >> 6 & 63] : '=';
            *e++ = have > 2 ? base64[w & 63] : '=';
        }
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)n);
    }
    return 0;
}

/* Decodes into d; NULL, or Java's words for what is wrong. */
static const char *base64_decode(struct sv v, char *d, size_t *ret_n, char *ret_bad) {
    size_t n = v.len, out = 0;
    if (n && v.ptr[n - 1] == '=') {
        if (n % 4) return "Input byte array has wrong 4-byte ending unit";
        n -= n > 1 && v.ptr[n - 2] == '=' ? 2 : 1;
    }
    if (n % 4 == 1) return "Input byte[] should at least have 2 bytes for base64 bytes";
    uint32_t w = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = v.ptr[i] ? strchr(base64, v.ptr[i]) : NULL;
        if (!at) {
            *ret_bad = v.ptr[i];
            return "Illegal base64 character";
        }
        w = w << 6 | (uint32_t)(at - base64);
        if (i % 4 == 3) {
            d[out++] = (char)(w >> 16);
            d[out++] = (char)(w >> 8);
            d[out++] = (char)w;
            w = 0;
        }
    }
    if (n % 4 == 2) d[out++] = (char)(w >> 4);
    if (n % 4 == 3) {
        d[out++] = (char)(w >> 10);
        d[out++] = (char)(w >> 2);
    }
    *ret_n = out;
    return NULL;
}

static int kernel_from_base64(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        size_t n = 0;
        char bad = 0;
        str_clear(&tmp);
        str_reserve(&tmp, v.len + 4);
        const char *why = base64_decode(v, tmp.ptr, &n, &bad);
        if (why && col_is_valid(k->ret, i))
            return bad ? kernel_fail(k, i, err, "%s %x", why, (unsigned char)bad)
                       : kernel_fail(k, i, err, "%s", why);
        ret_copy(k, h, i, tmp.ptr, why ? 0 : n);
    }
    return 0;
}

/* ---- hexadecimal ---------------------------------------------------------------------------- */

static int kernel_hex(struct kernel_call *k, struct err *err) {
    static const char hex[] = "0123456789ABCDEF";
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    bool number = s.col->phys == PHYS_I64;
    for (uint32_t i = 0; i < k->n; i++) {
        char buf[17];
        if (number) {
            int n = snprintf(buf, sizeof(buf), "%llX", (unsigned long long)arg_i64(&s, i));
            ret_copy(k, h, i, buf, (size_t)n);
            continue;
        }
        struct sv v = arg_sv(&s, i);
        char *d = (char *)heap_alloc(h, v.len * 2);
        for (size_t j = 0; j < v.len; j++) {
            d[j * 2] = hex[(unsigned char)v.ptr[j] >> 4];
            d[j * 2 + 1] = hex[v.ptr[j] & 15];
        }
        RET_STR(k)[i] = strv_borrow(d, (uint32_t)v.len * 2);
    }
    return 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An odd first digit is a byte of its own. */
static bool unhex(struct sv v, char *d) {
    size_t odd = v.len & 1;
    if (odd) {
        if (hex_digit(v.ptr[0]) < 0) return false;
        *d++ = (char)hex_digit(v.ptr[0]);
    }
    for (size_t i = odd; i < v.len; i += 2) {
        int l = hex_digit(v.ptr[i]), r = hex_digit(v.ptr[i + 1]);
        if (l < 0 || r < 0) return false;
        *d++ = (char)(l << 4 | r);
    }
    return true;
}

static int kernel_unhex(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        uint32_t n = (uint32_t)(v.len + 1) / 2;
        char *d = (char *)heap_alloc(h, n);
        if (unhex(v, d))
            RET_STR(k)[i] = strv_borrow(d, n);
        else
            ret_null(k, i);
    }
    return 0;
}

/* ---- URL escapes ---------------------------------------------------------------------------- */

static bool url_safe(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '*' || c == '_';
}

static int kernel_url_encode(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    static const char hex[] = "0123456789ABCDEF";
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        str_clear(&tmp);
        str_reserve(&tmp, v.len * 3 + 1);
        char *d = tmp.ptr;
        for (size_t j = 0; j < v.len; j++) {
            unsigned char c = (unsigned char)v.ptr[j];
            if (url_safe(v.ptr[j])) {
                *d++ = (char)c;
            } else if (c == ' ') {
                *d++ = '+';
            } else {
                *d++ = '%';
                *d++ = hex[c >> 4];
                *d++ = hex[c & 15];
            }
        }
        ret_copy(k, h, i, tmp.ptr, (size_t)(d - tmp.ptr));
    }
    return 0;
}

static bool url_decode(struct sv v, struct str *out) {
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] != '%') {
            str_add_char(out, v.ptr[i] == '+' ? ' ' : v.ptr[i]);
            continue;
        }
        int l = i + 2 < v.len ? hex_digit(v.ptr[i + 1]) : -1;
        int r = l >= 0 ? hex_digit(v.ptr[i + 2]) : -1;
        if (r < 0) return false;
        str_add_char(out, (char)(l << 4 | r));
        i += 2;
    }
    return true;
}

static int kernel_url_decode(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR tmp = STR_INIT;
    AUTO_STR text = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        str_clear(&tmp);
        if (!url_decode(arg_sv(&s, i), &tmp)) {
            ret_null(k, i);
            continue;
        }
        str_clear(&text);
        value_text_utf8(str_text(&tmp), tmp.len, &text);
        ret_copy(k, h, i, str_text(&text), text.len);
    }
    return 0;
}

enum { URL_DEPTH = 10 };

/* At least 1, or NULL: what can't be a depth is refused when the call is bound. */
static int32_t url_depth(const struct expr *call) {
    if (call->n_args < 2) return URL_DEPTH;
    return COL_DATA(call->args[1]->literal, int32_t)[0];
}

static int kernel_url_decode_recursive(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    AUTO_STR now = STR_INIT;
    AUTO_STR raw = STR_INIT;
    AUTO_STR next = STR_INIT;
    int32_t depth = url_depth(k->call);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        int32_t done = 0;
        bool stable = false;
        str_clear(&now);
        str_add_n(&now, v.ptr, v.len);
        for (; done < depth && !stable; done++) {
            str_clear(&raw);
            str_clear(&next);
            if (!url_decode((struct sv){str_text(&now), now.len}, &raw)) break;
            value_text_utf8(str_text(&raw), raw.len, &next);
            stable = next.len == now.len && !memcmp(str_text(&next), str_text(&now), now.len);
            str_clear(&now);
            str_add_n(&now, str_text(&next), next.len);
        }
        if (done)
            ret_copy(k, h, i, str_text(&now), now.len);
        else
            ret_null(k, i);
    }
    return 0;
}

static int bind_url_decode_recursive(struct func_bind *fb, struct err *err) {
    int rc = func_bind_spec(fb, err);
    if (rc || fb->n_args < 2) return rc;
    const struct expr *depth = fb->args[1];
    if (depth->kind != EXPR_LITERAL || !col_is_valid(depth->literal, 0) ||
        COL_DATA(depth->literal, int32_t)[0] < 1)
        return err_set(err, ERR_VALIDATION,
                       "URL_DECODE_RECURSIVE: the depth must be a positive integer literal");
    return 0;
}

#define CODE_FUNC(sym, name_, sig, doc_, n, flags_, args_, ret_, kernel_)                          \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "string",                                          \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = n,                                                 \
                                    .max_args = n,                                                 \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS | (flags_),             \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = func_bind_spec,                                        \
                                    .kernel = kernel_}

CODE_FUNC(encode, "ENCODE", "ENCODE(string, charset)",
          "The string's bytes in a charset: UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE, "
          "UTF-16LE or another that the system knows.",
          2, FUNC_CAN_FAIL, "cc", "BYTES", kernel_encode);
CODE_FUNC(decode, "DECODE", "DECODE(bytes, charset)", "The text that the bytes are in a charset.",
          2, FUNC_CAN_FAIL, "bc", "STRING", kernel_decode);
CODE_FUNC(to_base64, "TO_BASE64", "TO_BASE64(string)", "The string's bytes in base 64.", 1, 0,
          "[cb]", "STRING", kernel_to_base64);
CODE_FUNC(from_base64, "FROM_BASE64", "FROM_BASE64(string)", "The text that base 64 stands for.", 1,
          FUNC_CAN_FAIL, "[cb]", "STRING", kernel_from_base64);
CODE_FUNC(hex, "HEX", "HEX(integer | string)",
          "The number, or the string's bytes, in hexadecimal digits.", 1, 0, "[clb]", "STRING",
          kernel_hex);
CODE_FUNC(unhex, "UNHEX", "UNHEX(string)",
          "The bytes that hexadecimal digits stand for; NULL if there are others.", 1, 0, "c",
          "BYTES?", kernel_unhex);
CODE_FUNC(url_encode, "URL_ENCODE", "URL_ENCODE(string)",
          "The string as application/x-www-form-urlencoded.", 1, 0, "c", "STRING?",
          kernel_url_encode);
CODE_FUNC(url_decode, "URL_DECODE", "URL_DECODE(string)",
          "The text of an application/x-www-form-urlencoded string; NULL if it is malformed.", 1, 0,
          "c", "STRING?", kernel_url_decode);

const struct func func_url_decode_recursive = {
    .name = "URL_DECODE_RECURSIVE",
    .category = "string",
    .signature = "URL_DECODE_RECURSIVE(string [, depth])",
    .doc = "URL_DECODE again and again until nothing changes or can be decoded any more, at most "
           "depth "
           "times (10); NULL if the string itself is malformed.",
    .min_args = 1,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "ci",
    .ret = "STRING?",
    .bind = bind_url_decode_recursive,
    .kernel = kernel_url_decode_recursive,
};
