/* inspect.c - TYPEOF and BIN: values described as text. */
#include "vector/func/args.h"

#include <string.h>

static int bind_typeof(struct func_bind *fb, struct err *err) {
    AUTO_STR text = STR_INIT;
    const struct type *t = fb->args[0]->type;
    type_print(type_with_time_attr(fb->arena, t, TIME_ATTR_NONE), &text);
    fb->rewrite =
        expr_literal(fb->arena, value_str(fb->arena, type_of(TYPE_VARCHAR), text.ptr, text.len));
    return 0;
}

const struct func func_typeof = {
    .name = "TYPEOF",
    .category = "conversion",
    .signature = "TYPEOF(value [, force_serializable])",
    .doc = "The value's data type as text.",
    .min_args = 1,
    .max_args = 2,
    .bind = bind_typeof,
};

static int kernel_bin(struct kernel_call *k, struct err *err) {
    struct arg x = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        uint64_t v = (uint64_t)arg_i64(&x, i);
        char text[64];
        int n = v ? 64 - __builtin_clzll(v) : 1;
        for (int b = 0; b < n; b++)
            text[b] = (char)('0' + (v >> (n - 1 - b) & 1));
        ret_copy(k, h, i, text, (size_t)n);
    }
    return 0;
}

const struct func func_bin = {
    .name = "BIN",
    .category = "arithmetic",
    .signature = "BIN(integer)",
    .doc = "The integer in binary, negative ones in two's complement of 64 bits.",
    .min_args = 1,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS,
    .args = "l",
    .ret = "STRING",
    .bind = func_bind_spec,
    .kernel = kernel_bin,
};
