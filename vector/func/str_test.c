/* str_test.c - IS_ALPHA, IS_DIGIT, IS_DECIMAL, and UTF-8 validity of bytes. */
#include "vector/func/args.h"

#include "vector/func/unicode.h"
#include "vector/value_text.h"

static bool all(struct sv v, bool (*test)(uint32_t cp)) {
    for (size_t i = 0; i < v.len;) {
        uint32_t len, cp = text_utf8_decode(v.ptr + i, v.len - i, &len);
        if (!test(cp)) return false;
        i += len;
    }
    return v.len > 0;
}

/* Without the blanks that parseDouble allows around a number. */
static bool is_number(struct sv v) {
    double d;
    return text_parse_f64(v.ptr, v.len, &d) == TEXT_OK;
}

enum test { ALPHA, DIGIT, DECIMAL };

static bool is_number_phys(enum test t, enum phys p) {
    if (t == ALPHA) return false;
    return (p >= PHYS_I8 && p <= PHYS_I64) || (t == DECIMAL && p != PHYS_BOOL);
}

/* Never NULL: NULL is no letter, digit or number. */
static int test(struct kernel_call *k, enum test t) {
    struct arg s = kernel_arg(k, 0);
    bool text = s.col->phys == PHYS_STR;
    for (uint32_t i = 0; i < k->n; i++) {
        bool r = false;
        if (s.col->phys == PHYS_NULL || !arg_valid(&s, i))
            r = false;
        else if (!text)
            r = is_number_phys(t, s.col->phys);
        else if (t == ALPHA)
            r = all(arg_sv(&s, i), unicode_is_letter);
        else if (t == DIGIT)
            r = all(arg_sv(&s, i), unicode_is_digit);
        else
            r = is_number(arg_sv(&s, i));
        COL_DATA(k->ret, uint8_t)[i] = r;
    }
    return 0;
}

static int kernel_is_alpha(struct kernel_call *k, struct err *err) {
    return test(k, ALPHA);
}
static int kernel_is_digit(struct kernel_call *k, struct err *err) {
    return test(k, DIGIT);
}
static int kernel_is_decimal(struct kernel_call *k, struct err *err) {
    return test(k, DECIMAL);
}

static int kernel_is_valid_utf8(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++)
        COL_DATA(k->ret, uint8_t)[i] = text_utf8_valid(arg_sv(&s, i).ptr, arg_sv(&s, i).len);
    return 0;
}

static int kernel_make_valid_utf8(struct kernel_call *k, struct err *err) {
    struct arg s = kernel_arg(k, 0);
    struct heap *h = ret_borrow(k, &s);
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < k->n; i++) {
        struct sv v = arg_sv(&s, i);
        if (text_utf8_valid(v.ptr, v.len)) {
            ret_piece(k, &s, h, i, v.ptr, v.len);
            continue;
        }
        str_clear(&tmp);
        value_text_utf8(v.ptr, v.len, &tmp);
        ret_copy(k, h, i, str_text(&tmp), tmp.len);
    }
    return 0;
}

#define TEST_FUNC(sym, name_, sig, doc_, flags_, args_, ret_, kernel_)                             \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "string",                                          \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = 1,                                                 \
                                    .max_args = 1,                                                 \
                                    .flags = FUNC_CONST_ARGS | (flags_),                           \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = func_bind_spec,                                        \
                                    .kernel = kernel_}

TEST_FUNC(is_alpha, "IS_ALPHA", "IS_ALPHA(string)",
          "Whether the string has letters alone, and at least one.", 0, "[cn]", "BOOLEAN!",
          kernel_is_alpha);
TEST_FUNC(is_digit, "IS_DIGIT", "IS_DIGIT(string)",
          "Whether the string has digits alone, and at least one.", 0, "[cn]", "BOOLEAN!",
          kernel_is_digit);
TEST_FUNC(is_decimal, "IS_DECIMAL", "IS_DECIMAL(string)",
          "Whether the string can be read as a number.", 0, "[cn]", "BOOLEAN!", kernel_is_decimal);
TEST_FUNC(is_valid_utf8, "IS_VALID_UTF8", "IS_VALID_UTF8(bytes)", "Whether the bytes are UTF-8.",
          FUNC_STRICT, "b", "BOOLEAN", kernel_is_valid_utf8);
TEST_FUNC(make_valid_utf8, "MAKE_VALID_UTF8", "MAKE_VALID_UTF8(bytes)",
          "The bytes as text, malformed ones replaced by U+FFFD.", FUNC_STRICT, "b", "STRING",
          kernel_make_valid_utf8);
