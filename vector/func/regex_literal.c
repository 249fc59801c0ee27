/* regex_literal.c - see regex_literal.h. The longest run of plain characters outside of groups,
 * classes and alternatives. */
#include "vector/func/regex_literal.h"

#include "base/core/attr.h"
#include "vector/func/byte_mask.h"

#include <string.h>

enum { WIDTH_ANY = 1 << 20, CHAR_MAX_BYTES = 4, DEPTH_MAX = 32, LITERAL_MIN_BYTES = 2 };

/* What one element of a pattern can match at most, and the character it is, if it is a plain one.
 */
struct atom {
    int width;
    bool plain;
    char c;
};

struct scan {
    const char *p, *end;
    bool unsure;
    int depth;
};

static int add(int x, int y) {
    return x + y > WIDTH_ANY ? WIDTH_ANY : x + y;
}

static int alternatives(struct scan *s);

/* Behind "[". */
static void skip_class(struct scan *s) {
    if (s->p < s->end && *s->p == '^') s->p++;
    if (s->p < s->end && *s->p == ']') s->unsure = true;
    for (int depth = 1; depth && !s->unsure;) {
        if (s->p == s->end) {
            s->unsure = true;
            return;
        }
        char c = *s->p++;
        if (c == '[') depth++;
        if (c == ']') depth--;
        if (c != '\\') continue;
        if (s->p == s->end || *s->p == 'Q' || *s->p == 'E') s->unsure = true;
        s->p += !s->unsure;
    }
}

/* Behind the backslash. */
static struct atom escape(struct scan *s) {
    char c = s->p < s->end ? *s->p++ : 0;
    bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c && !alnum && !(c & 0x80)) return (struct atom){1, true, c};
    if (c && strchr("dDwWsShHvV", c)) return (struct atom){.width = CHAR_MAX_BYTES};
    if (c && strchr("bB", c)) return (struct atom){0};
    s->unsure = true;
    return (struct atom){0};
}

/* Behind "(". */
static int group(struct scan *s) {
    if (s->p < s->end && *s->p == '?') {
        if (s->end - s->p < 2 || s->p[1] != ':') {
            s->unsure = true;
            return 0;
        }
        s->p += 2;
    }
    if (++s->depth > DEPTH_MAX) s->unsure = true;
    int width = s->unsure ? 0 : alternatives(s);
    s->depth--;
    if (s->p == s->end || *s->p != ')') s->unsure = true;
    s->p += !s->unsure;
    return width;
}

static struct atom next_atom(struct scan *s) {
    char c = *s->p++;
    switch (c) {
    case '\\':
        return escape(s);
    case '(':
        return (struct atom){.width = group(s)};
    case '[':
        skip_class(s);
        return (struct atom){.width = CHAR_MAX_BYTES};
    case '.':
        return (struct atom){.width = CHAR_MAX_BYTES};
    case '^':
    case '$':
        return (struct atom){0};
    case '*':
    case '+':
    case '?':
    case '{':
    case ')':
    case '|':
        s->unsure = true;
        return (struct atom){0};
    default:
        return (struct atom){1, !(c & 0x80), c};
    }
}

/* How often the atom in front may come: 0 for none, else '?' (at most once), '+' (at least once) or
 * '*'. */
static char quantifier(struct scan *s) {
    if (s->p == s->end || !strchr("?*+{", *s->p)) return 0;
    char q = *s->p++;
    if (q == '{') {
        while (s->p < s->end && *s->p != '}')
            s->p++;
        if (s->p == s->end) s->unsure = true;
        s->p += !s->unsure;
        q = '*';
    }
    if (s->p < s->end && (*s->p == '?' || *s->p == '+')) s->p++; /* lazy, possessive */
    return q;
}

/* Within a group, up to its end: the width of the widest. */
static int alternatives(struct scan *s) {
    int widest = 0, width = 0;
    while (s->p < s->end && *s->p != ')' && !s->unsure) {
        if (*s->p == '|') {
            s->p++;
            width = 0;
            continue;
        }
        struct atom a = next_atom(s);
        char q = quantifier(s);
        width = add(width, q == '*' || q == '+' ? WIDTH_ANY : a.width);
        widest = MAX(widest, width);
    }
    return widest;
}

/* The rarer a character is in texts and links, the lower. */
static int frequency(char c) {
    if (strchr("=&/.:-, \"", c)) return 2;
    if (c >= 'a' && c <= 'z') return strchr("etaoinshrdlcum", c) ? 6 : 4;
    if (c >= 'A' && c <= 'Z') return 1;
    return c >= '0' && c <= '9' ? 3 : 0;
}

static size_t rarest(const struct str *text) {
    size_t at = 0;
    for (size_t i = 1; i < text->len; i++)
        if (frequency(text->ptr[i]) < frequency(text->ptr[at])) at = i;
    return at;
}

void regex_literal_of(struct sv java, struct regex_literal *ret) {
    *ret = (struct regex_literal){.lead_bytes = -1};
    struct scan s = {.p = java.ptr, .end = java.ptr + java.len};
    AUTO_STR run = STR_INIT;
    int width = 0, lead = 0; /* of all so far; in front of the run */
    for (bool end = false; !end && !s.unsure;) {
        end = s.p == s.end;
        struct atom a = end           ? (struct atom){0}
                        : *s.p == ')' ? (s.unsure = true, (struct atom){0})
                                      : next_atom(&s);
        char q = end ? 0 : quantifier(&s);
        bool stays = a.plain && (!q || q == '+');
        if (stays && !run.len) lead = width;
        if (stays) str_add_char(&run, a.c);
        width = add(width, q == '*' || q == '+' ? WIDTH_ANY : a.width);
        if (stays && !q) continue;
        if (run.len > ret->text.len) {
            str_clear(&ret->text);
            str_add_sv(&ret->text, str_view(&run));
            ret->lead_bytes = lead < WIDTH_ANY ? lead : -1;
        }
        str_clear(&run);
    }
    if (s.unsure || ret->text.len < LITERAL_MIN_BYTES) str_clear(&ret->text);
    ret->pivot = rarest(&ret->text);
}

void regex_literal_release(struct regex_literal *l) {
    str_release(&l->text);
}

static inline uint64_t load8(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline bool same_bytes(const char *x, const char *y, size_t n) {
    if (n < 8) return memcmp(x, y, n) == 0;
    if ((load8(x) ^ load8(y)) | (load8(x + n - 8) ^ load8(y + n - 8))) return false;
    return n <= 16 || memcmp(x + 8, y + 8, n - 16) == 0;
}

ptrdiff_t regex_literal_find(const struct regex_literal *l, struct sv s, size_t from) {
    const char *t = l->text.ptr;
    size_t n = l->text.len;
    for (size_t i = from; i + n <= s.len; i += 64) {
        size_t starts = MIN(s.len - n + 1 - i, (size_t)64);
        uint64_t m = byte_mask(s.ptr + i + l->pivot, starts, (unsigned char)t[l->pivot]);
        for (; m; m &= m - 1) {
            size_t at = i + (size_t)__builtin_ctzll(m);
            if (same_bytes(s.ptr + at, t, n)) return (ptrdiff_t)at;
        }
    }
    return -1;
}
