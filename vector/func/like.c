/* like.c - LIKE without regular expressions: a pattern is a list of pieces between '%'s, matched by
 * byte search; SIMILAR TO by translation. There is no escape character unless one is given. */
#include "vector/func/args.h"

#include "base/core/mem.h"
#include "vector/func/regex.h"

#include <stdlib.h>
#include <string.h>

/* ---- LIKE ----------------------------------------------------------------------------------- */

/* Bytes of a piece with '_' as 0xFF, which UTF-8 never has. */
#define ANY_CHAR '\xFF'

struct piece {
    char *p;
    size_t len;
    size_t n_any; /* how many ANY_CHARs; 0 = plain bytes */
};

struct like {
    struct sv text, escape; /* what it was compiled of, in `own` */
    char *own;
    struct piece *pieces; /* n_pieces, between n_pieces - 1 '%'s */
    size_t n_pieces;
    char *bytes;
};

static void like_release(struct like *l) {
    free(l->own);
    free(l->pieces);
    free(l->bytes);
    memset(l, 0, sizeof(*l));
}

static int bad_sequence(struct sv text, size_t at, struct err *err) {
    return err_set(err, ERR_RUNTIME, "Invalid escape sequence '%.*s', %zu", (int)MIN(text.len, 200),
                   text.ptr, at);
}

static int like_compile(struct like *l, struct sv text, bool has_escape, struct sv escape,
                        struct err *err) {
    if (has_escape && text_utf8_count(escape.ptr, escape.len) != 1)
        return err_set(err, ERR_RUNTIME, "Invalid escape character '%.*s'",
                       (int)MIN(escape.len, 100), escape.ptr);
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '%';
    l->pieces = mem_calloc(n, sizeof(*l->pieces));
    l->bytes = mem_alloc(text.len + 1);
    l->n_pieces = 1;
    char *d = l->bytes;
    struct piece *p = l->pieces;
    p->p = d;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (has_escape && text.len - i >= escape.len &&
            memcmp(text.ptr + i, escape.ptr, escape.len) == 0) {
            size_t next = i + escape.len;
            bool self = text.len - next >= escape.len && next < text.len &&
                        memcmp(text.ptr + next, escape.ptr, escape.len) == 0;
            if (!self && (next >= text.len || (text.ptr[next] != '%' && text.ptr[next] != '_')))
                return bad_sequence(text, i, err);
            size_t len = self ? escape.len : 1;
            memcpy(d, text.ptr + next, len);
            d += len;
            i = next + len - 1;
        } else if (c == '%') {
            p->len = (size_t)(d - p->p);
            p = &l->pieces[l->n_pieces++];
            p->p = d;
        } else {
            p->n_any += c == '_';
            *d++ = c == '_' ? ANY_CHAR : c;
        }
    }
    p->len = (size_t)(d - p->p);
    return 0;
}

/* Whether the piece stands at the front of s; *ret_used how many bytes of it. */
static bool piece_at(const struct piece *p, struct sv s, size_t *ret_used) {
    if (p->n_any == 0) {
        *ret_used = p->len;
        return s.len >= p->len && memcmp(s.ptr, p->p, p->len) == 0;
    }
    size_t at = 0;
    for (size_t i = 0; i < p->len; i++) {
        if (at >= s.len) return false;
        if (p->p[i] != ANY_CHAR) {
            if (s.ptr[at++] != p->p[i]) return false;
        } else {
            at += text_utf8_len((unsigned char)s.ptr[at]);
        }
    }
    *ret_used = at;
    return at <= s.len;
}

/* The first place of a piece in s. */
static bool piece_find(const struct piece *p, struct sv s, size_t *ret_end) {
    if (p->len == 0) {
        *ret_end = 0;
        return true;
    }
    if (p->n_any == 0) {
        const char *at = memmem(s.ptr, s.len, p->p, p->len);
        if (!at) return false;
        *ret_end = (size_t)(at - s.ptr) + p->len;
        return true;
    }
    /* A byte that begins a character is found at the beginning of one only. */
    bool known = p->p[0] != ANY_CHAR;
    for (size_t i = 0; i < s.len; i += text_utf8_len((unsigned char)s.ptr[i])) {
        size_t used;
        if (known) {
            const char *at = memchr(s.ptr + i, p->p[0], s.len - i);
            if (!at) return false;
            i = (size_t)(at - s.ptr);
        }
        if (piece_at(p, (struct sv){s.ptr + i, s.len - i}, &used)) {
            *ret_end = i + used;
            return true;
        }
    }
    return false;
}

static bool piece_at_end(const struct piece *p, struct sv s) {
    size_t used;
    if (p->n_any == 0) return s.len >= p->len && memcmp(s.ptr + s.len - p->len, p->p, p->len) == 0;
    for (size_t i = 0; i <= s.len; i += i < s.len ? text_utf8_len((unsigned char)s.ptr[i]) : 1)
        if (piece_at(p, (struct sv){s.ptr + i, s.len - i}, &used) && i + used == s.len) return true;
    return false;
}

static bool like_match(const struct like *l, struct sv s) {
    size_t used;
    if (!piece_at(&l->pieces[0], s, &used)) return false;
    if (l->n_pieces == 1) return used == s.len;
    s = (struct sv){s.ptr + used, s.len - used};
    for (size_t i = 1; i + 1 < l->n_pieces; i++) {
        if (!piece_find(&l->pieces[i], s, &used)) return false;
        s = (struct sv){s.ptr + used, s.len - used};
    }
    return piece_at_end(&l->pieces[l->n_pieces - 1], s);
}

/* The compiled pattern stays until a row brings another one. */
static int like_get(struct like *l, struct sv text, bool has_escape, struct sv escape,
                    struct err *err) {
    if (l->own && sv_eq(l->text, text) && sv_eq(l->escape, escape)) return 0;
    like_release(l);
    int rc = like_compile(l, text, has_escape, escape, err);
    if (rc) {
        like_release(l);
        return rc;
    }
    l->own = mem_alloc(text.len + escape.len + 1);
    if (text.len) memcpy(l->own, text.ptr, text.len);
    if (escape.len) memcpy(l->own + text.len, escape.ptr, escape.len);
    l->text = (struct sv){l->own, text.len};
    l->escape = (struct sv){l->own + text.len, escape.len};
    return 0;
}

static int prepare_like(const struct expr *call, const struct eval_env *env, void **ret_state,
                        struct err *err) {
    *ret_state = mem_zalloc(sizeof(struct like));
    return 0;
}

static void unprepare_like(void *state) {
    if (state) like_release(state);
    free(state);
}

static int kernel_like(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), p = kernel_arg(k, 1), e = {0};
    bool has_escape = k->n_args == 3, fixed = arg_const(&p) && (!has_escape || k->const_mask & 4);
    if (has_escape) e = kernel_arg(k, 2);
    struct like *l = k->state;
    uint8_t *d = k->ret->data;
    bool ready = false;
    for (uint32_t i = 0; i < k->n; i++) {
        d[i] = 0;
        if (!col_is_valid(k->ret, i)) continue;
        if (!ready) {
            struct sv escape = has_escape ? arg_sv(&e, i) : (struct sv){"", 0};
            int rc = like_get(l, arg_sv(&p, i), has_escape, escape, err);
            if (rc) {
                k->err_row = i;
                return rc;
            }
            ready = fixed;
        }
        d[i] = like_match(l, arg_sv(&s, i));
    }
    return 0;
}

/* ---- SIMILAR TO ----------------------------------------------------------------------------- */

static int bad_similar(struct sv p, size_t at, struct err *err) {
    return err_set(err, ERR_RUNTIME, "Invalid regular expression '%.*s', index %zu",
                   (int)MIN(p.len, 200), p.ptr, at);
}

/* [a-f], [^x], [[:digit:]]; *i is at the '['. */
static int similar_class(struct sv p, size_t *i, struct str *out, struct err *err) {
    size_t j = *i + 1;
    str_add_char(out, '[');
    if (j < p.len && p.ptr[j] == '^') str_add_char(out, p.ptr[j++]);
    for (; j < p.len && p.ptr[j] != ']'; j++) {
        if (p.ptr[j] == '[' && j + 1 < p.len && p.ptr[j + 1] == ':') {
            const char *close = memmem(p.ptr + j, p.len - j, ":]", 2);
            if (!close) return bad_similar(p, j, err);
            size_t n = (size_t)(close + 2 - (p.ptr + j));
            for (size_t c = 0; c < n; c++) {
                char ch = p.ptr[j + c];
                str_add_char(out, ch >= 'A' && ch <= 'Z' ? (char)(ch | 0x20) : ch);
            }
            j += n - 1;
        } else {
            if (strchr("[\\^", p.ptr[j])) str_add_char(out, '\\');
            str_add_char(out, p.ptr[j]);
        }
    }
    if (j >= p.len) return bad_similar(p, *i, err);
    str_add_char(out, ']');
    *i = j;
    return 0;
}

static int similar_to_pcre(struct sv p, struct sv escape, struct str *out, struct err *err) {
    if (escape.len && text_utf8_count(escape.ptr, escape.len) != 1)
        return err_set(err, ERR_RUNTIME, "Invalid escape character '%.*s'",
                       (int)MIN(escape.len, 100), escape.ptr);
    str_add(out, "(?:");
    for (size_t i = 0; i < p.len; i++) {
        char c = p.ptr[i];
        int rc = 0;
        if (escape.len && p.len - i >= escape.len &&
            memcmp(p.ptr + i, escape.ptr, escape.len) == 0) {
            i += escape.len;
            if (i >= p.len) return bad_sequence(p, i - escape.len, err);
            str_add_char(out, '\\');
            str_add_char(out, p.ptr[i]);
        } else if (c == '_') {
            str_add_char(out, '.');
        } else if (c == '%') {
            str_add(out, ".*");
        } else if (c == '[') {
            rc = similar_class(p, &i, out, err);
        } else {
            if (strchr("\\$^.", c)) str_add_char(out, '\\');
            str_add_char(out, c);
        }
        if (rc) return rc;
    }
    str_add_char(out, ')');
    return 0;
}

struct similar {
    struct str text; /* pattern, NUL, escape of `re` */
    struct regex *re;
};

static int prepare_similar(const struct expr *call, const struct eval_env *env, void **ret_state,
                           struct err *err) {
    *ret_state = mem_zalloc(sizeof(struct similar));
    return 0;
}

static void unprepare_similar(void *state) {
    struct similar *s = state;
    if (!s) return;
    str_release(&s->text);
    regex_free(s->re);
    free(s);
}

static int similar_get(struct similar *s, struct sv p, struct sv escape, struct err *err) {
    size_t n = p.len + 1 + escape.len;
    if (s->re && s->text.len == n && memcmp(s->text.ptr, p.ptr, p.len) == 0 &&
        memcmp(s->text.ptr + p.len + 1, escape.ptr, escape.len) == 0)
        return 0;
    regex_free(s->re);
    s->re = NULL;
    AUTO_STR pcre = STR_INIT;
    int rc = similar_to_pcre(p, escape, &pcre, err);
    if (rc) return rc;
    str_clear(&s->text);
    str_add_sv(&s->text, p);
    str_add_char(&s->text, 0);
    str_add_sv(&s->text, escape);
    return regex_new_whole(str_view(&pcre), &s->re, err);
}

static int kernel_similar(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), p = kernel_arg(k, 1), e = {0};
    if (k->n_args == 3) e = kernel_arg(k, 2);
    struct similar *st = k->state;
    for (uint32_t i = 0; i < k->n; i++) {
        COL_DATA(k->ret, uint8_t)[i] = 0;
        if (!col_is_valid(k->ret, i)) continue;
        struct sv escape = k->n_args == 3 ? arg_sv(&e, i) : (struct sv){"", 0};
        int rc = similar_get(st, arg_sv(&p, i), escape, err);
        if (rc) {
            k->err_row = i;
            return rc;
        }
        COL_DATA(k->ret, uint8_t)[i] = regex_find(st->re, arg_sv(&s, i), 0);
    }
    return 0;
}

/* With ESCAPE a pattern may be malformed; without, LIKE never fails. */
static const struct func like_escape = {
    .name = "LIKE",
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .min_args = 3,
    .max_args = 3,
    .kernel = kernel_like,
    .prepare = prepare_like,
    .unprepare = unprepare_like,
};

static int bind_like(struct func_bind *fb, struct err *err) {
    int rc = func_bind_spec(fb, err);
    if (!rc && fb->n_args == 3)
        fb->rewrite = expr_call(fb->arena, &like_escape, fb->ret_type, fb->args, 3);
    return rc;
}

const struct func func_like = {
    .name = "LIKE",
    .category = "comparison",
    .signature = "string LIKE pattern [ESCAPE character]",
    .doc = "Whether the whole string fits the pattern: '_' is any character, '%' any number of "
           "them. There is no escape character unless one is given.",
    .min_args = 2,
    .max_args = 3,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "c",
    .ret = "BOOLEAN",
    .bind = bind_like,
    .kernel = kernel_like,
    .prepare = prepare_like,
    .unprepare = unprepare_like,
};

const struct func func_similar_to = {
    .name = "SIMILAR TO",
    .category = "comparison",
    .signature = "string SIMILAR TO pattern [ESCAPE character]",
    .doc = "Whether the whole string fits an SQL regular expression: LIKE's signs, and | * + ? {} "
           "() [] of regular expressions.",
    .min_args = 2,
    .max_args = 3,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,
    .args = "c",
    .ret = "BOOLEAN",
    .bind = func_bind_spec,
    .kernel = kernel_similar,
    .prepare = prepare_similar,
    .unprepare = unprepare_similar,
};
