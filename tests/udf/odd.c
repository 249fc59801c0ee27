/* odd.c - functions that a library should not have, and a few that use rare parts of the interface.
 * tests/sql/udf_errors.test says what the engine makes of each. */
#include "examples/udf-c/arrow_build.h"

#define EVAL(fn)                                                                                   \
    static int fn(struct penstock_udf_call *call, struct ArrowArray *args, struct ArrowArray *ret, \
                  struct ArrowSchema *ret_schema)

/* ---- wrong descriptions ---- */

#define ENTRY(fn) PENSTOCK_UDF_EXPORT const struct penstock_udf *penstock_udf_##fn(uint32_t abi)
#define EXPORT(fn, ...)                                                                            \
    ENTRY(fn);                                                                                     \
    ENTRY(fn) {                                                                                    \
        static const struct penstock_udf udf = {__VA_ARGS__};                                      \
        return &udf;                                                                               \
    }
#define HEAD .abi = PENSTOCK_UDF_ABI, .size_bytes = sizeof udf
#define ONE(list) .n_overloads = 1, .overloads = list
#define SCALAR(fn, text)                                                                           \
    static const struct penstock_udf_overload fn##_overloads[] = {{text, fn, NULL}};               \
    EXPORT(fn, HEAD, .kind = PENSTOCK_UDF_SCALAR, ONE(fn##_overloads))

EVAL(first) {
    void *out = array_fixed(ret, args->length, 4);
    memcpy(out, args->children[0]->buffers[1], (size_t)args->length * 4);
    return 0;
}
SCALAR(first, "(INT) -> INT")

EXPORT(other_abi, .abi = 99, .size_bytes = sizeof udf, .kind = 1, ONE(first_overloads))
EXPORT(short_description, .abi = PENSTOCK_UDF_ABI, .size_bytes = 8, .kind = 1, ONE(first_overloads))
EXPORT(no_kind, HEAD, ONE(first_overloads))
EXPORT(no_overloads, HEAD, .kind = PENSTOCK_UDF_SCALAR)
ENTRY(refuses);
ENTRY(refuses) {
    return NULL;
}
static const struct penstock_udf_overload unknown_type_overloads[] = {
    {"(STRIN) -> INT", first, NULL}};
EXPORT(unknown_type, HEAD, .kind = PENSTOCK_UDF_SCALAR, ONE(unknown_type_overloads))
static const struct penstock_udf_overload multiset_overloads[] = {
    {"(MULTISET<INT>) -> INT", first, NULL}};
EXPORT(takes_multiset, HEAD, .kind = PENSTOCK_UDF_SCALAR, ONE(multiset_overloads))
static const struct penstock_udf_aggregate no_merge_ops = {.acc_size_bytes = 8};
static const struct penstock_udf_overload no_merge_overloads[] = {
    {"(INT) -> INT", NULL, &no_merge_ops}};
EXPORT(no_merge, HEAD, .kind = PENSTOCK_UDF_AGGREGATE, ONE(no_merge_overloads))

/* ---- wrong results ---- */

EVAL(too_short) {
    array_fixed(ret, args->length - 1, 4);
    return 0;
}
SCALAR(too_short, "(INT) -> INT")

EVAL(nothing) {
    return 0;
}
SCALAR(nothing, "(INT) -> INT")

EVAL(one_buffer) {
    array_init(ret, args->length, 1, 0);
    return 0;
}
SCALAR(one_buffer, "(INT) -> INT")

EVAL(no_values) {
    array_init(ret, args->length, 2, 0);
    return 0;
}
SCALAR(no_values, "(INT) -> INT")

EVAL(null_promised) {
    array_fixed(ret, args->length, 4);
    array_set_null(ret, args->length - 1);
    return 0;
}
SCALAR(null_promised, "(INT) -> INT NOT NULL")

EVAL(null_uncounted) {
    array_fixed(ret, args->length, 4);
    ret->null_count = 1;
    return 0;
}
SCALAR(null_uncounted, "(INT) -> INT")

EVAL(latin1) {
    struct string_builder b = {0};
    for (int64_t i = 0; i < args->length; i++)
        strings_add(&b, "caf\xe9", 4);
    strings_finish(&b, ret);
    return 0;
}
SCALAR(latin1, "(INT) -> STRING")

EVAL(falling) {
    struct string_builder b = {0};
    for (int64_t i = 0; i < args->length; i++)
        strings_add(&b, "word", 4);
    strings_finish(&b, ret);
    ((int32_t *)ret->buffers[1])[args->length] = -4;
    return 0;
}
SCALAR(falling, "(INT) -> STRING")

EVAL(too_long) {
    struct string_builder b = {0};
    for (int64_t i = 0; i < args->length; i++)
        strings_add(&b, "word", 4);
    strings_finish(&b, ret);
    return 0;
}
SCALAR(too_long, "(INT) -> VARCHAR(3)")

EVAL(tomorrow) {
    int32_t *out = array_fixed(ret, args->length, 4);
    out[0] = 86400000;
    return 0;
}
SCALAR(tomorrow, "(INT) -> TIME(3)")

EVAL(many_digits) {
    int64_t *out = array_fixed(ret, args->length, 16);
    out[0] = 1000;
    return 0;
}
SCALAR(many_digits, "(INT) -> DECIMAL(3, 1)")

EVAL(other_format) {
    array_fixed(ret, args->length, 8);
    static const struct ArrowSchema schema = {.format = "l"};
    *ret_schema = schema;
    ret_schema->release = NULL;
    return 0;
}

static void schema_release(struct ArrowSchema *s) {
    s->release = NULL;
}

EVAL(wrong_format) {
    int rc = other_format(call, args, ret, ret_schema);
    ret_schema->release = schema_release;
    return rc;
}
SCALAR(wrong_format, "(INT) -> INT")

EVAL(list_back) {
    array_init(ret, args->length, 2, 1);
    int32_t *offsets = calloc((size_t)args->length + 1, sizeof *offsets);
    ret->buffers[1] = offsets;
    array_fixed(ret->children[0], 0, 4);
    offsets[args->length] = 5; /* of 0 */
    return 0;
}
SCALAR(list_back, "(INT) -> ARRAY<INT>")

EVAL(silent) {
    return 7;
}
SCALAR(silent, "(INT) -> INT")

EVAL(keeps) {
    static struct ArrowArray kept;
    kept = *args;
    args->release = NULL;
    return first(call, &kept, ret, ret_schema);
}
SCALAR(keeps, "(INT) -> INT")

EVAL(third_row) {
    const int32_t *in = args->children[0]->buffers[1];
    for (int64_t i = 0; i < args->length; i++)
        if (in[i] == 3) {
            call->fail(call, i, "three is not my number");
            return 1;
        }
    return first(call, args, ret, ret_schema);
}
SCALAR(third_row, "(INT NOT NULL) -> INT NOT NULL")

/* ---- right, if rarely done ---- */

EVAL(moves) {
    struct ArrowArray mine = *args;
    args->release = NULL;
    int rc = first(call, &mine, ret, ret_schema);
    mine.release(&mine);
    return rc;
}
SCALAR(moves, "(INT) -> INT")

/* Strings as views: short ones inline, long ones in the second of two data buffers. */
EVAL(views) {
    static const char text[] = "<<a string of more than twelve bytes>>";
    static const struct ArrowSchema schema = {.format = "vu", .release = schema_release};
    const int32_t *in = args->children[0]->buffers[1];
    array_init(ret, args->length, 5, 0);
    int32_t(*view)[4] = calloc((size_t)args->length, sizeof *view);
    int64_t *sizes = calloc(2, sizeof *sizes);
    for (int64_t i = 0; i < args->length; i++) {
        bool inside = in[i] % 2;
        view[i][0] = inside ? 3 : 34;
        if (inside) {
            memcpy(&view[i][1], "odd", 3);
        } else {
            memcpy(&view[i][1], text + 2, 4);
            view[i][2] = 1;
            view[i][3] = 2;
        }
    }
    sizes[1] = sizeof text;
    ret->buffers[1] = view;
    ret->buffers[2] = malloc(1);
    ret->buffers[3] = strdup(text);
    ret->buffers[4] = sizes;
    *ret_schema = schema;
    return 0;
}
SCALAR(views, "(INT) -> STRING")

/* What comes in goes out: every type that can cross, there and back. */
static int copy_array(const struct ArrowArray *from, const struct ArrowSchema *s,
                      struct ArrowArray *to) {
    array_init(to, from->length, (int)from->n_buffers, (int)from->n_children);
    size_t n = (size_t)from->length, bits = n / 8 + 1;
    static const char wide[] = "lgd", narrow[] = "if";
    char f = s->format[0];
    size_t size = strchr(wide, f) ? f == 'd' ? 16 : 8 : strchr(narrow, f) ? 4 : f == 's' ? 2 : 1;
    if (f == 't') size = s->format[1] == 's' || s->format[1] == 'D' ? 8 : 4;
    to->null_count = from->null_count;
    if (from->buffers[0]) to->buffers[0] = memcpy(malloc(bits), from->buffers[0], bits);
    if (f == 'u' || f == 'z') {
        const int32_t *offsets = from->buffers[1];
        to->buffers[1] = memcpy(malloc(4 * n + 4), offsets, 4 * n + 4);
        to->buffers[2] =
            memcpy(malloc((size_t)offsets[n] + 1), from->buffers[2], (size_t)offsets[n]);
    } else if (f == 'b') {
        to->buffers[1] = memcpy(malloc(bits), from->buffers[1], bits);
    } else if (f == '+') {
        if (s->format[1] != 's')
            to->buffers[1] = memcpy(malloc(4 * n + 4), from->buffers[1], 4 * n + 4);
        for (int64_t i = 0; i < from->n_children; i++)
            copy_array(from->children[i], s->children[i], to->children[i]);
    } else {
        to->buffers[1] = memcpy(malloc(size * n + 1), from->buffers[1], size * n);
    }
    return 0;
}

EVAL(same) {
    return copy_array(args->children[0], call->args->children[0], ret);
}

static const struct penstock_udf_overload same_overloads[] = {
    {"(BOOLEAN) -> BOOLEAN", same, NULL},
    {"(TINYINT) -> TINYINT", same, NULL},
    {"(SMALLINT) -> SMALLINT", same, NULL},
    {"(INT) -> INT", same, NULL},
    {"(BIGINT) -> BIGINT", same, NULL},
    {"(FLOAT) -> FLOAT", same, NULL},
    {"(DOUBLE) -> DOUBLE", same, NULL},
    {"(DECIMAL(20, 2)) -> DECIMAL(20, 2)", same, NULL},
    {"(STRING) -> STRING", same, NULL},
    {"(BYTES) -> BYTES", same, NULL},
    {"(DATE) -> DATE", same, NULL},
    {"(TIME(3)) -> TIME(3)", same, NULL},
    {"(TIMESTAMP(3)) -> TIMESTAMP(3)", same, NULL},
    {"(TIMESTAMP(9)) -> TIMESTAMP(9)", same, NULL},
    {"(TIMESTAMP_LTZ(3)) -> TIMESTAMP_LTZ(3)", same, NULL},
    {"(INTERVAL DAY TO SECOND(3)) -> INTERVAL DAY TO SECOND(3)", same, NULL},
    {"(ARRAY<STRING>) -> ARRAY<STRING>", same, NULL},
    {"(MAP<STRING, INT>) -> MAP<STRING, INT>", same, NULL},
    {"(ROW<a INT, b STRING>) -> ROW<a INT, b STRING>", same, NULL},
};
EXPORT(same, HEAD, .kind = PENSTOCK_UDF_SCALAR,
       .n_overloads = sizeof same_overloads / sizeof *same_overloads, .overloads = same_overloads)

/* open and close: how often this use of the function was called. */
static int counter_open(struct penstock_udf_call *call) {
    call->state = calloc(1, sizeof(int32_t));
    return call->state ? 0 : 1;
}
static void counter_close(struct penstock_udf_call *call) {
    free(call->state);
}
EVAL(counter) {
    int32_t *out = array_fixed(ret, args->length, 4), *count = call->state;
    for (int64_t i = 0; i < args->length; i++)
        out[i] = ++*count;
    return 0;
}
static const struct penstock_udf_overload counter_overloads[] = {
    {"() -> INT NOT NULL", counter, NULL}};
EXPORT(counter, HEAD, .kind = PENSTOCK_UDF_SCALAR, .flags = PENSTOCK_UDF_NONDETERMINISTIC,
       ONE(counter_overloads), .open = counter_open, .close = counter_close)

/* An aggregate without arguments that can't take rows back. */
static int row_count_accumulate(struct penstock_udf_call *call, void *const *accs,
                                struct ArrowArray *args) {
    for (int64_t i = 0; i < args->length; i++)
        ++*(int64_t *)accs[i];
    return 0;
}
static int row_count_merge(struct penstock_udf_call *call, void *const *dst, const void *const *src,
                           int64_t n) {
    for (int64_t i = 0; i < n; i++)
        *(int64_t *)dst[i] += *(const int64_t *)src[i];
    return 0;
}
static int row_count_value(struct penstock_udf_call *call, const void *const *accs, int64_t n,
                           struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    int64_t *out = array_fixed(ret, n, sizeof *out);
    for (int64_t i = 0; i < n; i++)
        out[i] = *(const int64_t *)accs[i];
    return 0;
}
static const struct penstock_udf_aggregate row_count_ops = {.acc_size_bytes = 8,
                                                            .accumulate = row_count_accumulate,
                                                            .merge = row_count_merge,
                                                            .value = row_count_value};
static const struct penstock_udf_overload row_count_overloads[] = {
    {"() -> BIGINT NOT NULL", NULL, &row_count_ops}};
EXPORT(row_count, HEAD, .kind = PENSTOCK_UDF_AGGREGATE, ONE(row_count_overloads))
