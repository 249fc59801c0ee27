/* regex_func.c - REGEXP and its kin, STR_TO_MAP. A malformed pattern gives NULL (REGEXP: FALSE), as
 * in Flink; REGEXP_EXTRACT_ALL raises it. */
#include "vector/func/args.h"

#include "base/core/mem.h"
#include "vector/func/regex.h"

#include <string.h>

static int prepare_cache(const struct expr *call, const struct eval_env *env, void **ret_state,
                         struct err *err) {
    *ret_state = regex_cache_new();
    return 0;
}

static void unprepare_cache(void *state) {
    regex_cache_free(state);
}

/* The patterns of argument i_arg: looked up once where it is a constant. */
struct patterns {
    struct kernel_call *k;
    struct arg arg;
    struct regex *one;
};

static struct patterns patterns_of(struct kernel_call *k, int i_arg) {
    struct patterns p = {.k = k, .arg = kernel_arg(k, i_arg)};
    if (arg_const(&p.arg) && arg_valid(&p.arg, 0))
        p.one = regex_cache_get(k->state, arg_sv(&p.arg, 0), NULL);
    return p;
}

/* The pattern of row i; NULL if it is malformed or the row NULL. */
static inline struct regex *pattern_at(const struct patterns *p, uint32_t i) {
    if (!col_is_valid(p->k->ret, i)) return NULL;
    return arg_const(&p->arg) ? p->one : regex_cache_get(p->k->state, arg_sv(&p->arg, i), NULL);
}

static int kernel_regexp(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct patterns p = patterns_of(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        arg_prefetch(&s, i, k->n);
        struct regex *re = arg_sv(&p.arg, i).len ? pattern_at(&p, i) : NULL;
        COL_DATA(k->ret, uint8_t)[i] = re && regex_find(re, arg_sv(&s, i), 0);
    }
    return 0;
}

static int kernel_regexp_extract(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), group = {0};
    struct patterns p = patterns_of(k, 1);
    if (k->n_args == 3) group = kernel_arg(k, 2);
    struct heap *h = ret_borrow(k, &s);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        size_t b, e;
        arg_prefetch(&s, i, k->n);
        struct regex *re = pattern_at(&p, i);
        if (re && regex_find(re, v, 0) &&
            regex_group(re, k->n_args == 3 ? arg_i32(&group, i) : 0, &b, &e))
            ret_piece(k, &s, h, i, v.ptr + b, e - b);
        else
            ret_null(k, i);
    }
    return 0;
}

static int kernel_regexp_replace(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), with = kernel_arg(k, 2);
    struct patterns p = patterns_of(k, 1);
    struct heap *h = ret_borrow(k, &s);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        struct regex *re = pattern_at(&p, i);
        if (!re) {
            ret_null(k, i);
            continue;
        }
        size_t at = 0;
        bool any = false;
        str_clear(&tmp);
        for (size_t pos = 0; regex_next(re, v, &pos); any = true) {
            size_t b = 0, e = 0;
            regex_group(re, 0, &b, &e);
            str_add_n(&tmp, v.ptr + at, b - at);
            str_add_sv(&tmp, arg_sv(&with, i));
            at = e;
        }
        if (!any) {
            ret_piece(k, &s, h, i, v.ptr, v.len);
            continue;
        }
        str_add_n(&tmp, v.ptr + at, v.len - at);
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

static int kernel_regexp_count(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct patterns p = patterns_of(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        struct regex *re = pattern_at(&p, i);
        int32_t n = 0;
        if (re)
            for (size_t pos = 0; regex_next(re, arg_sv(&s, i), &pos);)
                n++;
        else
            col_set_null(k->ret, i);
        COL_DATA(k->ret, int32_t)[i] = n;
    }
    return 0;
}

static int kernel_regexp_instr(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct patterns p = patterns_of(k, 1);
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        struct regex *re = pattern_at(&p, i);
        size_t b = 0, e = 0;
        int32_t at = 0;
        if (!re)
            col_set_null(k->ret, i);
        else if (regex_find(re, v, 0) && regex_group(re, 0, &b, &e))
            at = (int32_t)text_utf8_count(v.ptr, b) + 1;
        COL_DATA(k->ret, int32_t)[i] = at;
    }
    return 0;
}

static int kernel_regexp_extract_all(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0), p = kernel_arg(k, 1), group = {0};
    if (k->n_args == 3) group = kernel_arg(k, 2);
    struct col_builder all;
    col_builder_init(&all, k->ret->children[0].type, k->n * 2);
    uint32_t *off = k->ret->data;
    int rc = 0;
    off[0] = 0;
    for (uint32_t i = 0; i < k->n && !rc; i++, off[i] = all.col.n) {
        if (!col_is_valid(k->ret, i)) continue;
        struct sv v = arg_sv(&s, i);
        int g = k->n_args == 3 ? arg_i32(&group, i) : 1;
        struct regex *re = regex_cache_get(k->state, arg_sv(&p, i), err);
        if (!re) {
            k->err_row = i;
            rc = ERR_RUNTIME;
        } else if (g < 0 || g > regex_group_count(re)) {
            rc = kernel_fail(k, i, err, "Extract group index %d is out of range [0, %d].", g,
                             regex_group_count(re));
        } else {
            for (size_t pos = 0, b, e; regex_next(re, v, &pos);) {
                if (regex_group(re, g, &b, &e))
                    col_add_str(&all, v.ptr + b, e - b);
                else
                    col_add_null(&all);
            }
        }
    }
    if (rc) {
        col_builder_release(&all);
        return rc;
    }
    col_release(&k->ret->children[0]);
    col_builder_finish(&all, &k->ret->children[0]);
    return 0;
}

/* ---- STR_TO_MAP ----------------------------------------------------------------------------- */

struct entries {
    struct col_builder *keys, *values;
    uint32_t from; /* first entry of this row */
    struct regex *kv;
    struct sv part[2];
    int n_parts;
};

static void on_part(void *self, struct sv part) {
    struct entries *e = self;
    if (e->n_parts < 2) e->part[e->n_parts++] = part;
}

/* The row of the key among this row's entries, or -1. */
static int64_t find_key(const struct entries *e, struct sv key) {
    const struct strv *keys = e->keys->col.data;
    for (uint32_t i = e->from; i < e->keys->col.n; i++)
        if (sv_eq(strv_sv(&keys[i]), key)) return i;
    return -1;
}

/* "key=value", or a key alone with the value NULL; a later key replaces an earlier one. */
static void on_pair(void *self, struct sv pair) {
    struct entries *e = self;
    e->n_parts = 0;
    regex_split(e->kv, pair, 2, on_part, e);
    struct sv key = e->n_parts == 2 ? e->part[0] : pair;
    int64_t at = find_key(e, key);
    if (at >= 0) {
        /* Entries hold values in step: drop the earlier one by moving the later ones up. */
        uint32_t n = e->keys->col.n;
        struct strv *ks = e->keys->col.data, *vs = e->values->col.data;
        for (uint32_t i = (uint32_t)at; i + 1 < n; i++) {
            ks[i] = ks[i + 1];
            vs[i] = vs[i + 1];
            if (e->values->col.valid)
                col_set_valid_bit(&e->values->col, i, col_is_valid(&e->values->col, i + 1));
        }
        col_builder_truncate(e->keys, n - 1);
        col_builder_truncate(e->values, n - 1);
    }
    col_add_str(e->keys, key.ptr, key.len);
    if (e->n_parts == 2)
        col_add_str(e->values, e->part[1].ptr, e->part[1].len);
    else
        col_add_null(e->values);
}

static struct regex *delimiter(struct kernel_call *k, int i_arg, uint32_t row, const char *def,
                               struct err *err) {
    struct sv p = sv_from(def);
    if (k->n_args > i_arg) {
        struct arg a = kernel_arg(k, i_arg);
        p = arg_sv(&a, row);
    }
    struct regex *re = regex_cache_get(k->state, p, err);
    if (!re) k->err_row = row;
    return re;
}

static int kernel_str_to_map(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct col_builder keys, values;
    col_builder_init(&keys, k->ret->children[0].type, k->n * 2);
    col_builder_init(&values, k->ret->children[1].type, k->n * 2);
    uint32_t *off = k->ret->data;
    int rc = 0;
    off[0] = 0;
    for (uint32_t i = 0; i < k->n && !rc; i++, off[i] = keys.col.n) {
        struct sv v = arg_sv(&s, i);
        if (!col_is_valid(k->ret, i) || v.len == 0) continue;
        struct regex *list = delimiter(k, 1, i, ",", err);
        struct regex *kv = list ? delimiter(k, 2, i, "=", err) : NULL;
        struct entries e = {.keys = &keys, .values = &values, .from = keys.col.n, .kv = kv};
        if (kv)
            regex_split(list, v, 0, on_pair, &e);
        else
            rc = ERR_RUNTIME;
    }
    if (rc) {
        col_builder_release(&keys);
        col_builder_release(&values);
        return rc;
    }
    col_release(&k->ret->children[0]);
    col_release(&k->ret->children[1]);
    col_builder_finish(&keys, &k->ret->children[0]);
    col_builder_finish(&values, &k->ret->children[1]);
    return 0;
}

static int bind_str_to_map(struct func_bind *fb, struct err *err) {
    return fb->n_args == 2 ? func_bind_fail(fb, NULL, err) : func_bind_spec(fb, err);
}

#define REGEX_FUNC(sym, name_, sig, doc_, min, max, flags_, args_, ret_, bind_, kernel_)           \
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
                                    .kernel = kernel_,                                             \
                                    .prepare = prepare_cache,                                      \
                                    .unprepare = unprepare_cache}

REGEX_FUNC(
    regexp, "REGEXP", "REGEXP(string, pattern)",
    "Whether the regular expression matches somewhere in the string; FALSE for an empty one.", 2, 2,
    0, "cc", "BOOLEAN", func_bind_spec, kernel_regexp);
REGEX_FUNC(regexp_extract, "REGEXP_EXTRACT", "REGEXP_EXTRACT(string, pattern [, group])",
           "The first match, or a group of it; NULL if there is none.", 2, 3, 0, "cci", "STRING?",
           func_bind_spec, kernel_regexp_extract);
REGEX_FUNC(regexp_extract_all, "REGEXP_EXTRACT_ALL",
           "REGEXP_EXTRACT_ALL(string, pattern [, group])", "Group 1, or another, of each match.",
           2, 3, FUNC_CAN_FAIL, "cci", "ARRAY<STRING>?", func_bind_spec, kernel_regexp_extract_all);
REGEX_FUNC(regexp_replace, "REGEXP_REPLACE", "REGEXP_REPLACE(string, pattern, replacement)",
           "The string with each match replaced by a text.", 3, 3, 0, "ccc", "STRING",
           func_bind_spec, kernel_regexp_replace);
REGEX_FUNC(regexp_count, "REGEXP_COUNT", "REGEXP_COUNT(string, pattern)", "The number of matches.",
           2, 2, 0, "cc", "INT?", func_bind_spec, kernel_regexp_count);
REGEX_FUNC(regexp_instr, "REGEXP_INSTR", "REGEXP_INSTR(string, pattern)",
           "Where the first match starts, 0 if there is none.", 2, 2, 0, "cc", "INT?",
           func_bind_spec, kernel_regexp_instr);
REGEX_FUNC(regexp_substr, "REGEXP_SUBSTR", "REGEXP_SUBSTR(string, pattern)",
           "The first match, NULL if there is none.", 2, 2, 0, "cc", "STRING?", func_bind_spec,
           kernel_regexp_extract);
REGEX_FUNC(str_to_map, "STR_TO_MAP", "STR_TO_MAP(string [, pair separator, value separator])",
           "The map that a string like 'a=1,b=2' spells. Separators are regular expressions.", 1, 3,
           FUNC_CAN_FAIL, "ccc", "MAP<STRING, STRING>?", bind_str_to_map, kernel_str_to_map);
