/* random.c - RAND, RAND_INTEGER, UUID. With a seed the sequence is that of java.util.Random, so
 * that a script that relies on it sees the same numbers. */
#include "vector/func/args.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LCG_MUL UINT64_C(0x5DEECE66D)
#define LCG_ADD UINT64_C(0xB)
#define LCG_MASK ((UINT64_C(1) << 48) - 1)

struct lcg {
    uint64_t s;
};

static void lcg_seed(struct lcg *g, int64_t seed) {
    g->s = ((uint64_t)seed ^ LCG_MUL) & LCG_MASK;
}

static int32_t lcg_next(struct lcg *g, int bits) {
    g->s = (g->s * LCG_MUL + LCG_ADD) & LCG_MASK;
    return (int32_t)(uint32_t)(g->s >> (48 - bits));
}

static double lcg_double(struct lcg *g) {
    int64_t hi = lcg_next(g, 26);
    return (double)((hi << 27) + lcg_next(g, 27)) / (double)(INT64_C(1) << 53);
}

/* Evenly from 0 to bound - 1. */
static int32_t lcg_below(struct lcg *g, int32_t bound) {
    int32_t bits = lcg_next(g, 31);
    if ((bound & -bound) == bound) return (int32_t)(((int64_t)bound * bits) >> 31);
    int32_t v = bits % bound;
    while (bits - v > INT32_MAX - (bound - 1)) {
        bits = lcg_next(g, 31);
        v = bits % bound;
    }
    return v;
}

static int random_prepare(const struct expr *call, const struct eval_env *env, void **ret_state,
                          struct err *err) {
    struct lcg *g = mem_zalloc(sizeof(*g));
    int seed_arg = strcmp(call->func->name, "RAND") == 0 ? 0 : call->n_args == 2 ? 0 : -1;
    int64_t seed = 0;
    if (seed_arg == 0 && call->n_args && call->args[0]->kind == EXPR_LITERAL)
        seed = *(const int32_t *)call->args[0]->literal->data;
    else if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = clock_wall_ns();
    lcg_seed(g, seed);
    *ret_state = g;
    return 0;
}

/* A seed that is no literal starts anew for each row. */
static void reseed(struct lcg *g, const struct kernel_call *k, const struct arg *seed, uint32_t i) {
    if (k->call->args[0]->kind != EXPR_LITERAL) lcg_seed(g, arg_i32(seed, i));
}

static int kernel_rand(struct kernel_call *k, struct err *err) {
    struct lcg *g = k->state;
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->n_args) {
            struct arg seed = kernel_arg(k, 0);
            reseed(g, k, &seed, i);
        }
        COL_DATA(k->ret, double)[i] = lcg_double(g);
    }
    return 0;
}

static int kernel_rand_integer(struct kernel_call *k, struct err *err) {
    struct lcg *g = k->state;
    struct arg bound = kernel_arg(k, k->n_args - 1), seed = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        if (!col_is_valid(k->ret, i)) continue;
        int32_t n = arg_i32(&bound, i);
        if (n <= 0)
            return kernel_fail(k, i, err, "RAND_INTEGER: bound must be positive, not %d", n);
        if (k->n_args == 2) reseed(g, k, &seed, i);
        COL_DATA(k->ret, int32_t)[i] = lcg_below(g, n);
    }
    return 0;
}

/* Version 4, from a generator of its own per program (xoshiro256**). */
struct uuid_gen {
    uint64_t s[4];
};

static uint64_t uuid_next(struct uuid_gen *g) {
    uint64_t *s = g->s, x = s[1] * 5;
    uint64_t r = (x << 7 | x >> 57) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return r;
}

static int uuid_prepare(const struct expr *call, const struct eval_env *env, void **ret_state,
                        struct err *err) {
    struct uuid_gen *g = mem_zalloc(sizeof(*g));
    if (getrandom(g->s, sizeof(g->s), 0) != (ssize_t)sizeof(g->s)) {
        free(g);
        return err_set(err, ERR_IO, "UUID: the system gave no random bytes");
    }
    *ret_state = g;
    return 0;
}

static int kernel_uuid(struct kernel_call *k, struct err *err) {
    struct heap *h = col_heap(k->ret);
    for (uint32_t i = 0; i < k->n; i++) {
        uint64_t hi = (uuid_next(k->state) & ~UINT64_C(0xf000)) | 0x4000;
        uint64_t lo = (uuid_next(k->state) & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
        char text[36];
        for (int n = 0, at = 0; n < 32; n++) {
            if (n == 8 || n == 12 || n == 16 || n == 20) text[at++] = '-';
            uint64_t w = n < 16 ? hi : lo;
            text[at++] = "0123456789abcdef"[w >> (60 - n % 16 * 4) & 15];
        }
        ret_copy(k, h, i, text, sizeof(text));
    }
    return 0;
}

const struct func func_rand = {
    .name = "RAND",
    .category = "arithmetic",
    .signature = "RAND([seed])",
    .doc = "Random number from 0 (inclusive) to 1 (exclusive).",
    .min_args = 0,
    .max_args = 1,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_NONDETERMINISTIC,
    .args = "i",
    .ret = "DOUBLE",
    .bind = func_bind_spec,
    .kernel = kernel_rand,
    .prepare = random_prepare,
    .unprepare = free,
};

const struct func func_rand_integer = {
    .name = "RAND_INTEGER",
    .category = "arithmetic",
    .signature = "RAND_INTEGER([seed,] bound)",
    .doc = "Random integer from 0 to bound - 1.",
    .min_args = 1,
    .max_args = 2,
    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_NONDETERMINISTIC | FUNC_CAN_FAIL,
    .args = "i",
    .ret = "INT",
    .bind = func_bind_spec,
    .kernel = kernel_rand_integer,
    .prepare = random_prepare,
    .unprepare = free,
};

const struct func func_uuid = {
    .name = "UUID",
    .category = "string",
    .signature = "UUID()",
    .doc = "A random UUID (version 4).",
    .min_args = 0,
    .max_args = 0,
    .flags = FUNC_STRICT | FUNC_NONDETERMINISTIC,
    .ret = "CHAR(36)",
    .bind = func_bind_spec,
    .kernel = kernel_uuid,
    .prepare = uuid_prepare,
    .unprepare = free,
};
