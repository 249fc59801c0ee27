/* text.c - user-defined functions in C, one of each kind:
 *
 * - reverse_words(s), scalar: the words of s in reverse order
 * - gcd(a, b, ...), scalar: greatest common divisor of any number of INTs or BIGINTs
 * - count_char(s, c), scalar: how often the first byte of c is in s
 * - split_words(s), table: a row (word, position) for each word
 * - weighted_avg(x, weight), aggregate: takes rows back, so it may stand over updates
 * - longest(s), aggregate whose accumulator owns memory
 */
#include "arrow_build.h"

#include <penstock/udf.h>

#include <stdio.h>

/* ---- reverse_words: strings in, strings out ---- */

static int reverse_words(struct penstock_udf_call *call, struct ArrowArray *args,
                         struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    const struct ArrowArray *text = args->children[0];
    struct string_builder out = {0};
    for (int64_t i = 0; i < args->length; i++) {
        size_t len = 0;
        /* STRICT: what is given for a NULL doesn't matter, but there must be a value. */
        const char *s = array_valid(text, i) ? array_string(text, i, &len) : "";
        char *reversed = malloc(len + 1), *to = reversed + len;
        for (size_t at = 0; at < len;) {
            size_t word = at;
            while (word < len && s[word] != ' ')
                word++;
            to -= word - at;
            memcpy(to, s + at, word - at);
            if (word < len) *--to = ' ';
            at = word + 1;
        }
        strings_add(&out, to, len);
        free(reversed);
    }
    strings_finish(&out, ret);
    return 0;
}

static const struct penstock_udf_overload reverse_words_overloads[] = {
    {"(STRING) -> STRING NOT NULL", reverse_words, NULL},
};

/* ---- gcd: several overloads, any number of arguments, an error by row ---- */

static int64_t value_at(const struct ArrowArray *a, bool wide, int64_t i) {
    return wide ? ((const int64_t *)a->buffers[1])[i] : ((const int32_t *)a->buffers[1])[i];
}

static int gcd(struct penstock_udf_call *call, struct ArrowArray *args, struct ArrowArray *ret,
               struct ArrowSchema *ret_schema) {
    bool wide = call->overload == 1;
    void *out = array_fixed(ret, args->length, wide ? 8 : 4);
    for (int64_t i = 0; i < args->length; i++) {
        int64_t g = 0;
        for (int64_t k = 0; k < args->n_children; k++) {
            if (!array_valid(args->children[k], i)) continue;
            int64_t v = value_at(args->children[k], wide, i);
            if (v < 0) {
                char message[80];
                snprintf(message, sizeof message, "gcd of the negative number %lld", (long long)v);
                call->fail(call, i, message);
                return 1; /* *ret is released by the engine */
            }
            while (v) {
                int64_t rest = g % v;
                g = v;
                v = rest;
            }
        }
        if (wide)
            ((int64_t *)out)[i] = g;
        else
            ((int32_t *)out)[i] = (int32_t)g;
    }
    return 0;
}

static const struct penstock_udf_overload gcd_overloads[] = {
    {"(INT, INT...) -> INT", gcd, NULL},
    {"(BIGINT, BIGINT...) -> BIGINT", gcd, NULL},
};

/* ---- count_char: strings in, numbers out ---- */

/* A counter of one byte, as long as it lasts: the compiler takes many bytes at once then. */
static int64_t count_byte(const char *s, size_t n, char wanted) {
    int64_t count = 0;
    while (n) {
        size_t part = n < UINT8_MAX ? n : UINT8_MAX;
        uint8_t few = 0;
        for (size_t i = 0; i < part; i++)
            few += s[i] == wanted;
        count += few;
        s += part;
        n -= part;
    }
    return count;
}

static int count_char(struct penstock_udf_call *call, struct ArrowArray *args,
                      struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    int64_t *out = array_fixed(ret, args->length, sizeof *out);
    for (int64_t i = 0; i < args->length; i++) {
        size_t len, c_len;
        const char *s = array_string(args->children[0], i, &len);
        const char *c = array_string(args->children[1], i, &c_len);
        out[i] = c_len ? count_byte(s, len, *c) : 0;
    }
    return 0;
}

static const struct penstock_udf_overload count_char_overloads[] = {
    {"(STRING, STRING) -> BIGINT NOT NULL", count_char, NULL},
};

/* ---- split_words: for each row a list of rows ---- */

static int split_words(struct penstock_udf_call *call, struct ArrowArray *args,
                       struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    const struct ArrowArray *text = args->children[0];
    struct string_builder words = {0};
    int32_t *positions = NULL;
    array_init(ret, args->length, 2, 1); /* +l: offsets, and the rows as its child */
    int32_t *offsets = calloc((size_t)args->length + 1, sizeof *offsets);
    ret->buffers[1] = offsets;
    for (int64_t i = 0; i < args->length; i++) {
        size_t len = 0;
        const char *s = array_valid(text, i) ? array_string(text, i, &len) : "";
        int32_t position = 0;
        for (size_t at = 0; at < len;) {
            size_t end = at;
            while (end < len && s[end] != ' ')
                end++;
            if (end > at) {
                strings_add(&words, s + at, end - at);
                positions = realloc(positions, (size_t)words.n * sizeof *positions);
                positions[words.n - 1] = ++position;
            }
            at = end + 1;
        }
        offsets[i + 1] = (int32_t)words.n;
    }
    struct ArrowArray *rows = ret->children[0];
    array_init(rows, words.n, 1, 2); /* +s: a child for each field */
    array_init(rows->children[1], words.n, 2, 0);
    rows->children[1]->buffers[1] = positions ? positions : calloc(1, sizeof *positions);
    strings_finish(&words, rows->children[0]);
    return 0;
}

static const struct penstock_udf_overload split_words_overloads[] = {
    {"(STRING) -> ROW<word STRING NOT NULL, `position` INT NOT NULL> NOT NULL", split_words, NULL},
};

/* ---- weighted_avg: an accumulator of plain numbers ---- */

struct weighted_avg {
    double sum, weight;
    int64_t count;
};

static void weighted_avg_fold(void *const *accs, const struct ArrowArray *args, int sign) {
    const double *x = args->children[0]->buffers[1], *w = args->children[1]->buffers[1];
    for (int64_t i = 0; i < args->length; i++) {
        struct weighted_avg *acc = accs[i];
        acc->sum += sign * x[i] * w[i];
        acc->weight += sign * w[i];
        acc->count += sign;
    }
}

static int weighted_avg_accumulate(struct penstock_udf_call *call, void *const *accs,
                                   struct ArrowArray *args) {
    weighted_avg_fold(accs, args, 1);
    return 0;
}

static int weighted_avg_retract(struct penstock_udf_call *call, void *const *accs,
                                struct ArrowArray *args) {
    weighted_avg_fold(accs, args, -1);
    return 0;
}

static int weighted_avg_merge(struct penstock_udf_call *call, void *const *dst,
                              const void *const *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        struct weighted_avg *to = dst[i];
        const struct weighted_avg *from = src[i];
        to->sum += from->sum;
        to->weight += from->weight;
        to->count += from->count;
    }
    return 0;
}

static int weighted_avg_value(struct penstock_udf_call *call, const void *const *accs, int64_t n,
                              struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    double *out = array_fixed(ret, n, sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        const struct weighted_avg *acc = accs[i];
        if (acc->count && acc->weight != 0)
            out[i] = acc->sum / acc->weight;
        else
            array_set_null(ret, i);
    }
    return 0;
}

static const struct penstock_udf_aggregate weighted_avg_ops = {
    .acc_size_bytes = sizeof(struct weighted_avg),
    .accumulate = weighted_avg_accumulate,
    .retract = weighted_avg_retract,
    .merge = weighted_avg_merge,
    .value = weighted_avg_value,
};
static const struct penstock_udf_overload weighted_avg_overloads[] = {
    {"(DOUBLE, DOUBLE) -> DOUBLE", NULL, &weighted_avg_ops},
};

/* ---- longest: an accumulator that points to memory of its own ---- */

struct longest {
    char *text; /* NULL: no value so far */
    size_t len;
};

static void longest_take(struct longest *acc, const char *s, size_t len) {
    if (acc->text && acc->len >= len) return;
    acc->text = realloc(acc->text, len + 1);
    memcpy(acc->text, s, len);
    acc->len = len;
}

static void longest_destroy(struct penstock_udf_call *call, void *acc) {
    free(((struct longest *)acc)->text);
}

static int longest_accumulate(struct penstock_udf_call *call, void *const *accs,
                              struct ArrowArray *args) {
    for (int64_t i = 0; i < args->length; i++) {
        size_t len;
        const char *s = array_string(args->children[0], i, &len);
        longest_take(accs[i], s, len);
    }
    return 0;
}

static int longest_merge(struct penstock_udf_call *call, void *const *dst, const void *const *src,
                         int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const struct longest *from = src[i];
        if (from->text) longest_take(dst[i], from->text, from->len);
    }
    return 0;
}

static void longest_serialise(struct penstock_udf_call *call, const void *acc, void *out,
                              void (*write)(void *out, const void *bytes, size_t n)) {
    const struct longest *a = acc;
    char version = a->text ? 1 : 0;
    write(out, &version, 1);
    if (a->text) write(out, a->text, a->len);
}

static int longest_restore(struct penstock_udf_call *call, void *acc, const void *bytes, size_t n) {
    const char *p = bytes;
    if (n < 1 || p[0] > 1) {
        call->fail(call, -1, "state of a newer version of longest");
        return 1;
    }
    if (p[0]) longest_take(acc, p + 1, n - 1);
    return 0;
}

static int longest_value(struct penstock_udf_call *call, const void *const *accs, int64_t n,
                         struct ArrowArray *ret, struct ArrowSchema *ret_schema) {
    struct string_builder out = {0};
    for (int64_t i = 0; i < n; i++) {
        const struct longest *acc = accs[i];
        strings_add(&out, acc->text ? acc->text : "", acc->len);
    }
    strings_finish(&out, ret);
    for (int64_t i = 0; i < n; i++)
        if (!((const struct longest *)accs[i])->text) array_set_null(ret, i);
    return 0;
}

static const struct penstock_udf_aggregate longest_ops = {
    .acc_size_bytes = sizeof(struct longest),
    .destroy = longest_destroy,
    .accumulate = longest_accumulate,
    .merge = longest_merge,
    .serialise = longest_serialise,
    .restore = longest_restore,
    .value = longest_value,
};
static const struct penstock_udf_overload longest_overloads[] = {
    {"(STRING) -> STRING", NULL, &longest_ops},
};

/* ---- what SQL finds ---- */

#define FUNCTION(fn, fn_kind, fn_flags, text)                                                      \
    PENSTOCK_UDF_EXPORT const struct penstock_udf *penstock_udf_##fn(uint32_t engine_abi);         \
    PENSTOCK_UDF_EXPORT const struct penstock_udf *penstock_udf_##fn(uint32_t engine_abi) {        \
        static const struct penstock_udf udf = {                                                   \
            .abi = PENSTOCK_UDF_ABI,                                                               \
            .size_bytes = sizeof udf,                                                              \
            .kind = fn_kind,                                                                       \
            .flags = fn_flags,                                                                     \
            .n_overloads = sizeof fn##_overloads / sizeof *fn##_overloads,                         \
            .overloads = fn##_overloads,                                                           \
            .doc = text,                                                                           \
        };                                                                                         \
        return &udf;                                                                               \
    }

FUNCTION(reverse_words, PENSTOCK_UDF_SCALAR, PENSTOCK_UDF_STRICT, "The words in reverse order.")
FUNCTION(gcd, PENSTOCK_UDF_SCALAR, 0, "Greatest common divisor; NULLs are left out.")
FUNCTION(count_char, PENSTOCK_UDF_SCALAR, PENSTOCK_UDF_STRICT, "How often a byte is in a string.")
FUNCTION(split_words, PENSTOCK_UDF_TABLE, 0, "A row for each word.")
FUNCTION(weighted_avg, PENSTOCK_UDF_AGGREGATE, PENSTOCK_UDF_STRICT, "Weighted mean.")
FUNCTION(longest, PENSTOCK_UDF_AGGREGATE, PENSTOCK_UDF_STRICT,
         "The longest string, of several the first.")
