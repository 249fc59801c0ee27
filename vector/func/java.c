/* java.c - counterparts of well-known Java functions, which CREATE FUNCTION f AS 'their.Class'
 * finds (vector/udf/library.c) and no other name does. */
#include "vector/func/args.h"

#include <string.h>

/* com.github.nexmark.flink.udf.CountChar: how often the first byte of the second string is among
 * the bytes of the first; 0 for NULL. */
static int count_char_kernel(struct kernel_call *k, struct err *err) {
    struct arg text = kernel_arg(k, 0), character = kernel_arg(k, 1);
    int64_t *ret = k->ret->data;
    for (uint32_t i = 0; i < k->n; i++) {
        ret[i] = 0;
        if (!arg_valid(&text, i)) continue;
        if (!arg_valid(&character, i) || !arg_sv(&character, i).len)
            return kernel_fail(k, i, err, "CountChar: the character is %s",
                               arg_valid(&character, i) ? "empty" : "NULL");
        struct sv s = arg_sv(&text, i);
        char c = arg_sv(&character, i).ptr[0];
        int64_t n = 0;
        for (size_t b = 0; b < s.len; b++)
            n += s.ptr[b] == c;
        ret[i] = n;
    }
    return 0;
}

const struct func func_count_char = {
    .name = "COUNT_CHAR",
    .category = "string",
    .signature = "COUNT_CHAR(string, character)",
    .doc = "How often the first byte of character occurs in the string; 0 for NULL.",
    .min_args = 2,
    .max_args = 2,
    .flags = FUNC_CONST_ARGS | FUNC_CAN_FAIL | FUNC_HIDDEN,
    .args = "c",
    .ret = "BIGINT!",
    .bind = func_bind_spec,
    .kernel = count_char_kernel,
};
