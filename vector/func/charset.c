/* charset.c - the encodings every Java has are done here; others by the C library's iconv. */
#include "vector/func/charset.h"

#include "vector/text.h"
#include "vector/value_text.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

enum charset { ASCII, LATIN1, UTF8, UTF16BE, UTF16LE, UTF16, OTHER };

static enum charset lookup(const char *name) {
    static const struct {
        const char *name;
        enum charset set;
    } names[] = {{"US-ASCII", ASCII},   {"ASCII", ASCII},       {"ISO-8859-1", LATIN1},
                 {"ISO8859_1", LATIN1}, {"LATIN1", LATIN1},     {"UTF-8", UTF8},
                 {"UTF8", UTF8},        {"UTF-16BE", UTF16BE},  {"UTF-16LE", UTF16LE},
                 {"UTF-16", UTF16},     {"UTF_16BE", UTF16BE},  {"UTF_16LE", UTF16LE},
                 {"UTF_16", UTF16},     {"UnicodeBig", UTF16BE}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(names[i].name, name) == 0) return names[i].set;
    return OTHER;
}

static void put16(uint32_t unit, bool big, struct str *out) {
    char b[2] = {(char)(unit >> 8), (char)unit};
    str_add_char(out, b[big ? 0 : 1]);
    str_add_char(out, b[big ? 1 : 0]);
}

static void put_utf16(uint32_t cp, bool big, struct str *out) {
    if (cp < 0x10000) {
        put16(cp, big, out);
        return;
    }
    cp -= 0x10000;
    put16(0xD800 | cp >> 10, big, out);
    put16(0xDC00 | (cp & 0x3FF), big, out);
}

/* Runs iconv to the end; what it can't convert becomes `bad`. */
static int convert(const char *to, const char *from, const char *charset, struct sv in,
                   const char *bad, struct str *out, struct err *err) {
    iconv_t cd = iconv_open(to, from);
    if (cd == (iconv_t)-1) return err_set(err, ERR_RUNTIME, "%s", charset);
    char *p = (char *)(uintptr_t)in.ptr;
    size_t left = in.len;
    while (left) {
        char buf[512], *q = buf;
        size_t room = sizeof(buf);
        size_t rc = iconv(cd, &p, &left, &q, &room);
        str_add_n(out, buf, (size_t)(q - buf));
        if (rc != (size_t)-1 || errno == E2BIG) continue;
        str_add(out, bad);
        p++;
        left--;
        while (strcmp(from, "UTF-8") == 0 && left && ((unsigned char)*p & 0xC0) == 0x80)
            p++, left--;
    }
    iconv_close(cd);
    return 0;
}

int charset_encode(const char *charset, struct sv text, struct str *out, struct err *err) {
    enum charset set = lookup(charset);
    if (set == OTHER) return convert(charset, "UTF-8", charset, text, "?", out, err);
    if (set == UTF8) {
        str_add_sv(out, text);
        return 0;
    }
    if (set == UTF16) put16(0xFEFF, true, out);
    for (size_t i = 0; i < text.len;) {
        uint32_t len, cp = text_utf8_decode(text.ptr + i, text.len - i, &len);
        i += len;
        if (set == ASCII || set == LATIN1)
            str_add_char(out, cp < (set == ASCII ? 0x80u : 0x100u) ? (char)cp : '?');
        else
            put_utf16(cp, set != UTF16LE, out);
    }
    return 0;
}

static void decode_utf16(struct sv b, bool big, struct str *out) {
    const unsigned char *p = (const unsigned char *)b.ptr;
    size_t i = 0;
    while (i + 2 <= b.len) {
        uint32_t u = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
        i += 2;
        if (u >= 0xD800 && u < 0xDC00 && i + 2 <= b.len) {
            uint32_t v = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
            if (v >= 0xDC00 && v < 0xE000) {
                i += 2;
                str_add_utf8(out, 0x10000 + ((u & 0x3FF) << 10) + (v & 0x3FF));
                continue;
            }
        }
        str_add_utf8(out, u >= 0xD800 && u < 0xE000 ? 0xFFFD : u);
    }
    if (i < b.len) str_add_utf8(out, 0xFFFD);
}

int charset_decode(const char *charset, struct sv bytes, struct str *out, struct err *err) {
    switch (lookup(charset)) {
    case OTHER:
        return convert("UTF-8", charset, charset, bytes, "\xEF\xBF\xBD", out, err);
    case UTF8:
        value_text_utf8(bytes.ptr, bytes.len, out);
        return 0;
    case UTF16: {
        bool little = bytes.len >= 2 && memcmp(bytes.ptr, "\xFF\xFE", 2) == 0;
        bool marked = little || (bytes.len >= 2 && memcmp(bytes.ptr, "\xFE\xFF", 2) == 0);
        if (marked) bytes = (struct sv){bytes.ptr + 2, bytes.len - 2};
        decode_utf16(bytes, !little, out);
        return 0;
    }
    case UTF16BE:
        decode_utf16(bytes, true, out);
        return 0;
    case UTF16LE:
        decode_utf16(bytes, false, out);
        return 0;
    case ASCII:
        for (size_t i = 0; i < bytes.len; i++)
            str_add_utf8(out, (unsigned char)bytes.ptr[i] < 0x80 ? (uint32_t)bytes.ptr[i] : 0xFFFD);
        return 0;
    case LATIN1:
        for (size_t i = 0; i < bytes.len; i++)
            str_add_utf8(out, (unsigned char)bytes.ptr[i]);
        return 0;
    }
    UNREACHABLE("charset");
}
