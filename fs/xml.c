/* xml.c - see xml.h. */
#include "fs/xml.h"

#include <stdlib.h>
#include <string.h>

void xml_begin(struct xml *x, struct sv text) {
    *x = (struct xml){.p = text.ptr, .end = text.ptr + text.len};
    if (!text.ptr) x->p = x->end = "";
    x->text_from = x->p;
}

static const char *find(const char *p, const char *end, const char *what) {
    size_t n = strlen(what);
    return p < end ? memmem(p, (size_t)(end - p), what, n) : NULL;
}

/* Without the namespace's prefix. */
static struct sv name_at(const char *p, const char *end) {
    const char *from = p;
    while (p < end && !strchr(" \t\r\n/>", *p)) {
        if (*p == ':') from = p + 1;
        p++;
    }
    return (struct sv){from, (size_t)(p - from)};
}

enum xml_event xml_next(struct xml *x, struct sv *ret_name) {
    for (;;) {
        const char *lt = find(x->p, x->end, "<");
        if (!lt || lt + 1 >= x->end) return XML_DONE;
        bool odd = lt[1] == '?' || lt[1] == '!';
        const char *close =
            find(lt, x->end, lt + 4 <= x->end && !memcmp(lt, "<!--", 4) ? "-->" : ">");
        if (!close) return XML_DONE;
        if (odd) {
            x->p = close + (*close == '-' ? 3 : 1);
            continue;
        }
        if (lt[1] == '/') {
            *ret_name = name_at(lt + 2, close);
            if (!x->depth || !sv_eq(x->path[x->depth - 1], *ret_name)) return XML_DONE;
            x->depth--;
            x->text = (struct sv){x->text_from, (size_t)(lt - x->text_from)};
            x->p = x->text_from = close + 1;
            return XML_END;
        }
        *ret_name = name_at(lt + 1, close);
        x->p = x->text_from = close + 1;
        if (close[-1] == '/') { /* <a/>: an element without text */
            x->text = (struct sv){close, 0};
            return XML_END;
        }
        if (x->depth == XML_DEPTH_MAX) return XML_DONE;
        x->path[x->depth++] = *ret_name;
        return XML_BEGIN;
    }
}

static size_t entity(struct sv s, struct str *out) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (sv_starts(s, known[i].name)) {
            str_add_char(out, known[i].c);
            return strlen(known[i].name);
        }
    }
    const char *semi = memchr(s.ptr, ';', s.len < 12 ? s.len : 12);
    if (s.len > 3 && s.ptr[1] == '#' && semi) {
        bool hex = s.ptr[2] == 'x';
        char digits[12] = {0};
        const char *from = s.ptr + 2 + hex;
        memcpy(digits, from, (size_t)(semi - from));
        unsigned long code = strtoul(digits, NULL, hex ? 16 : 10);
        if (code && code <= 0x10FFFF) str_add_utf8(out, (uint32_t)code);
        return (size_t)(semi + 1 - s.ptr);
    }
    str_add_char(out, '&');
    return 1;
}

void xml_unescape(struct sv text, struct str *out) {
    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] == '&') {
            i += entity((struct sv){text.ptr + i, text.len - i}, out);
        } else {
            str_add_char(out, text.ptr[i++]);
        }
    }
}

void xml_escape(struct sv text, struct str *out) {
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '<':
            str_add(out, "&lt;");
            break;
        case '>':
            str_add(out, "&gt;");
            break;
        case '&':
            str_add(out, "&amp;");
            break;
        case '"':
            str_add(out, "&quot;");
            break;
        case '\r':
            str_add(out, "&#13;");
            break;
        default:
            str_add_char(out, text.ptr[i]);
        }
    }
}

bool xml_find(struct sv text, const char *name, struct str *out) {
    struct xml x;
    struct sv at;
    enum xml_event e;
    xml_begin(&x, text);
    while ((e = xml_next(&x, &at)) != XML_DONE) {
        if (e == XML_END && sv_eq_str(at, name)) {
            xml_unescape(x.text, out);
            return true;
        }
    }
    return false;
}
