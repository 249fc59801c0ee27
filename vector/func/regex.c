/* regex.c - the only user of PCRE2. */
#include "vector/func/regex.h"

#include "base/core/mem.h"
#include "vector/func/regex_literal.h"
#include "vector/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum {
    CACHE_SLOTS = 16,
    JIT_STACK_MIN_BYTES = 32 << 10,
    JIT_STACK_MAX_BYTES = 4 << 20,
    MATCH_LIMIT = 50000000 /* steps, before a search gives up as not found */
};

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *ctx;
    pcre2_jit_stack *stack;
    size_t *ovector;
    int n_groups;
    struct regex_literal literal;
};

static int compile(struct sv pcre, uint32_t flags, struct sv shown, struct regex **ret,
                   struct err *err) {
    int code = 0;
    size_t at = 0;
    pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
    CHECK(cc != NULL);
    pcre2_set_newline(cc, PCRE2_NEWLINE_ANY);
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pcre.ptr, pcre.len,
                                  flags | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at, cc);
    pcre2_compile_context_free(cc);
    if (!c) {
        char text[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
        return err_set(err, ERR_RUNTIME, "regular expression '%.*s': %s", (int)MIN(shown.len, 200),
                       shown.ptr, text);
    }
    struct regex *re = mem_zalloc(sizeof(*re));
    re->code = c;
    re->match = pcre2_match_data_create_from_pattern(c, NULL);
    re->ctx = pcre2_match_context_create(NULL);
    CHECK(re->match && re->ctx);
    pcre2_set_match_limit(re->ctx, MATCH_LIMIT);
    if (pcre2_jit_compile(c, PCRE2_JIT_COMPLETE) == 0) {
        re->stack = pcre2_jit_stack_create(JIT_STACK_MIN_BYTES, JIT_STACK_MAX_BYTES, NULL);
        pcre2_jit_stack_assign(re->ctx, NULL, re->stack);
    }
    re->ovector = pcre2_get_ovector_pointer(re->match);
    uint32_t n = 0;
    pcre2_pattern_info(c, PCRE2_INFO_CAPTURECOUNT, &n);
    re->n_groups = (int)n;
    *ret = re;
    return 0;
}

int regex_new(struct sv pattern, struct regex **ret, struct err *err) {
    AUTO_STR pcre = STR_INIT;
    int rc = regex_from_java(pattern, &pcre, err);
    if (!rc) rc = compile((struct sv){str_text(&pcre), pcre.len}, 0, pattern, ret, err);
    if (!rc) regex_literal_of(pattern, &(*ret)->literal);
    return rc;
}

int regex_new_whole(struct sv pcre_pattern, struct regex **ret, struct err *err) {
    return compile(pcre_pattern, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL, pcre_pattern,
                   ret, err);
}

void regex_free(struct regex *re) {
    if (!re) return;
    pcre2_match_data_free(re->match);
    pcre2_match_context_free(re->ctx);
    if (re->stack) pcre2_jit_stack_free(re->stack);
    pcre2_code_free(re->code);
    regex_literal_release(&re->literal);
    free(re);
}

int regex_group_count(const struct regex *re) {
    return re->n_groups;
}

/* Where a search from `from` may begin: the first match can't begin before. False: there is none.
 */
static bool skip_to_literal(const struct regex *re, struct sv s, size_t *from) {
    if (!re->literal.text.len) return true;
    ptrdiff_t at = regex_literal_find(&re->literal, s, *from);
    size_t lead = (size_t)re->literal.lead_bytes;
    if (at < 0) return false;
    if (re->literal.lead_bytes < 0 || (size_t)at < *from + lead) return true;
    size_t start = (size_t)at - lead;
    while (start > *from && ((unsigned char)s.ptr[start] & 0xC0) == 0x80)
        start--;
    *from = start;
    return true;
}

bool regex_find(struct regex *re, struct sv s, size_t from) {
    if (!skip_to_literal(re, s, &from)) return false;
    /* Texts need not be valid UTF-8 (PCRE2_MATCH_INVALID_UTF), so the fast path has nothing to
     * check. */
    return (re->stack ? pcre2_jit_match : pcre2_match)(re->code, (PCRE2_SPTR)s.ptr, s.len, from, 0,
                                                       re->match, re->ctx) > 0;
}

bool regex_group(const struct regex *re, int g, size_t *ret_begin, size_t *ret_end) {
    if (g < 0 || g > re->n_groups || re->ovector[g * 2] == PCRE2_UNSET) return false;
    *ret_begin = re->ovector[g * 2];
    *ret_end = re->ovector[g * 2 + 1];
    return true;
}

bool regex_next(struct regex *re, struct sv s, size_t *pos) {
    if (*pos > s.len || !regex_find(re, s, *pos)) return false;
    size_t b = re->ovector[0], e = re->ovector[1];
    /* Behind an empty match the search goes on one character later. */
    *pos = e > b ? e : e < s.len ? e + text_utf8_len((unsigned char)s.ptr[e]) : s.len + 1;
    return true;
}

void regex_split(struct regex *re, struct sv s, int limit, void (*part)(void *self, struct sv),
                 void *self) {
    size_t at = 0, empties = 0;
    int n = 0;
    bool any = false;
    for (size_t pos = 0; (limit == 0 || n < limit - 1) && regex_next(re, s, &pos);) {
        size_t b = re->ovector[0], e = re->ovector[1];
        if (e == 0) continue; /* an empty match at the start parts nothing */
        if (b == s.len && e == b) break;
        any = true;
        if (b == at && limit == 0) {
            empties++; /* given out once something follows */
        } else {
            for (; empties; empties--)
                part(self, (struct sv){s.ptr, 0});
            part(self, (struct sv){s.ptr + at, b - at});
        }
        n++;
        at = e;
    }
    if (at == s.len && any && limit == 0) return;
    for (; empties; empties--)
        part(self, (struct sv){s.ptr, 0});
    part(self, (struct sv){s.ptr + at, s.len - at});
}

/* ---- cache ---------------------------------------------------------------------------------- */

struct slot {
    char *text;
    size_t len;
    struct regex *re; /* NULL: malformed, as err says */
    struct err *err;
};

struct regex_cache {
    struct slot slots[CACHE_SLOTS];
    int next, last;
};

struct regex_cache *regex_cache_new(void) {
    return mem_zalloc(sizeof(struct regex_cache));
}

static void slot_clear(struct slot *s) {
    regex_free(s->re);
    free(s->text);
    free(s->err);
    memset(s, 0, sizeof(*s));
}

void regex_cache_free(struct regex_cache *c) {
    if (!c) return;
    for (int i = 0; i < CACHE_SLOTS; i++)
        slot_clear(&c->slots[i]);
    free(c);
}

static bool slot_is(const struct slot *s, struct sv pattern) {
    return s->text && s->len == pattern.len && memcmp(s->text, pattern.ptr, pattern.len) == 0;
}

struct regex *regex_cache_get(struct regex_cache *c, struct sv pattern, struct err *err) {
    struct slot *s = &c->slots[c->last];
    if (!slot_is(s, pattern)) {
        int i = 0;
        while (i < CACHE_SLOTS && !slot_is(&c->slots[i], pattern))
            i++;
        if (i == CACHE_SLOTS) {
            i = c->next;
            c->next = (c->next + 1) % CACHE_SLOTS;
            s = &c->slots[i];
            slot_clear(s);
            s->text = mem_dup(pattern.len ? pattern.ptr : "", pattern.len + (pattern.len == 0));
            s->len = pattern.len;
            struct err e = ERR_INIT;
            if (regex_new(pattern, &s->re, &e)) s->err = mem_dup(&e, sizeof(e));
        }
        c->last = i;
        s = &c->slots[i];
    }
    if (!s->re && err) *err = *s->err;
    return s->re;
}
