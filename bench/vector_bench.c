/* vector_bench.c - nanoseconds per row of vector/'s kernels, over batches of 4,096 rows.
 *
 *     make bench-vector [ARGS=pattern] */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "vector/func/agg.h"
#include "vector/func/tz.h"
#include "vector/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = BATCH_ROWS_MAX, MIN_MS = 60 };

static struct arena arena;
static struct eval_env env;
static const char *pattern = "";
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Runs body until MIN_MS have passed; prints ns per row. */
#define BENCH(name, body)                                                                          \
    do {                                                                                           \
        if (!strstr(name, pattern)) break;                                                         \
        for (int w_ = 0; w_ < 20; w_++) {                                                          \
            body;                                                                                  \
        }                                                                                          \
        int64_t start_ = clock_thread_cpu_ns(), rounds_ = 0, spent_;                               \
        do {                                                                                       \
            for (int k_ = 0; k_ < 50; k_++) {                                                      \
                body;                                                                              \
            }                                                                                      \
            rounds_ += 50;                                                                         \
            spent_ = clock_thread_cpu_ns() - start_;                                               \
        } while (spent_ < MIN_MS * 1000000ll);                                                     \
        printf("%-44s %8.2f ns/row\n", name, (double)spent_ / (double)(rounds_ * N));              \
    } while (0)

/* ---- input ---------------------------------------------------------------------------------- */

enum { C_I64, C_I64B, C_I64N, C_I32, C_F64, C_DEC, C_BOOL, C_STR, C_LONG, C_TS, C_COUNT };
static const char *const col_types[C_COUNT] = {
    "BIGINT NOT NULL", "BIGINT NOT NULL",         "BIGINT",           "INT NOT NULL",
    "DOUBLE NOT NULL", "DECIMAL(20, 3) NOT NULL", "BOOLEAN NOT NULL", "STRING NOT NULL",
    "STRING NOT NULL", "TIMESTAMP(3) NOT NULL"};
static struct column cols[C_COUNT];
static const struct type *types[C_COUNT];

static void fill(struct col_builder *b, int c) {
    char text[80];
    switch (c) {
    case C_DEC:
        col_add_i128(b, (i128)(rnd() % 1000000000));
        break;
    case C_F64:
        col_add_f64(b, (double)(rnd() % 1000000) / 7);
        break;
    case C_BOOL:
        col_add_bool(b, rnd() & 1);
        break;
    case C_STR:
        col_add_str(b, text, (size_t)snprintf(text, sizeof(text), "ch%d", (int)(rnd() % 1000)));
        break;
    case C_LONG:
        col_add_str(b, text,
                    (size_t)snprintf(text, sizeof(text), "https://www.example.com/%llu/item",
                                     (unsigned long long)rnd()));
        break;
    case C_I64N:
        if (rnd() % 5 == 0) {
            col_add_null(b);
            break;
        } /* fall through */
    default:
        col_add_int(b, (int64_t)(rnd() % 100000) + 1);
    }
}

static void make_input(void) {
    struct err err = ERR_INIT;
    for (int c = 0; c < C_COUNT; c++) {
        if (type_parse(&arena, col_types[c], &types[c], &err)) abort();
        struct col_builder b;
        col_builder_init(&b, types[c], N);
        for (int i = 0; i < N; i++)
            fill(&b, c);
        col_builder_finish(&b, &cols[c]);
        col_builder_release(&b);
    }
}

/* ---- expressions ---------------------------------------------------------------------------- */

static const struct expr *col(int c) {
    return expr_column(&arena, c, types[c]);
}

static const struct expr *lit(int64_t v) {
    return expr_literal(&arena, value_int(&arena, type_of_not_null(TYPE_BIGINT), v));
}

static const struct expr *text(const char *s) {
    const struct type *t = type_text(&arena, TYPE_CHAR, (int)strlen(s), false);
    return expr_literal(&arena, value_str(&arena, t, s, strlen(s)));
}

static const struct expr *call_n(const char *name, int n, const struct expr **args) {
    struct err err = ERR_INIT;
    const struct expr *e;
    if (func_call_name(&arena, name, args, n, &e, &err)) {
        fprintf(stderr, "%s: %s\n", name, err.msg);
        exit(1);
    }
    return e;
}
#define CALL(name, ...)                                                                            \
    call_n(name, ARRAY_LEN(((const struct expr *[]){__VA_ARGS__})),                                \
           (const struct expr *[]){__VA_ARGS__})

static const struct expr *cast(const struct expr *e, const char *type) {
    struct err err = ERR_INIT;
    const struct type *t;
    const struct expr *r;
    if (type_parse(&arena, type, &t, &err) || func_cast(&arena, e, t, false, &r, &err)) abort();
    return r;
}

static void bench_expr(const char *name, const struct expr *e) {
    struct err err = ERR_INIT;
    struct program *p;
    struct column out;
    if (program_new(&e, 1, &env, &p, &err)) {
        fprintf(stderr, "%s: %s\n", name, err.msg);
        exit(1);
    }
    BENCH(name, {
        if (program_eval(p, cols, C_COUNT, N, &out, NULL, &err)) abort();
        col_release(&out);
    });
    program_free(p);
}

static void bench_select(const char *name, const struct expr *e) {
    struct err err = ERR_INIT;
    struct program *p;
    static uint32_t sel[N];
    uint32_t n;
    if (program_new(&e, 1, &env, &p, &err)) exit(1);
    BENCH(name, {
        if (program_select(p, cols, C_COUNT, N, sel, &n, NULL, &err)) abort();
    });
    program_free(p);
}

static void bench_exprs(void) {
    bench_expr("i64 + i64", CALL("+", col(C_I64), col(C_I64B)));
    bench_expr("i64 + i64 with NULLs", CALL("+", col(C_I64N), col(C_I64B)));
    bench_expr("i64 * literal", CALL("*", col(C_I64), lit(3)));
    bench_expr("i64 / i64 (checked)", CALL("/", col(C_I64), col(C_I64B)));
    bench_expr("i64 % 123", CALL("%", col(C_I64), lit(123)));
    bench_expr("i32 + i32", CALL("+", col(C_I32), col(C_I32)));
    bench_expr("f64 * f64", CALL("*", col(C_F64), col(C_F64)));
    bench_expr("decimal + decimal", CALL("+", col(C_DEC), col(C_DEC)));
    bench_expr("decimal * decimal", CALL("*", col(C_DEC), col(C_DEC)));
    bench_expr("decimal / decimal", CALL("/", col(C_DEC), col(C_DEC)));
    bench_expr("0.908 * i64 (decimal)",
               CALL("*", cast(text("0.908"), "DECIMAL(3, 3)"), col(C_I64)));
    bench_expr("i64 = i64", CALL("=", col(C_I64), col(C_I64B)));
    bench_expr("i64 < literal", CALL("<", col(C_I64), lit(5000)));
    bench_expr("string = short literal", CALL("=", col(C_STR), text("ch17")));
    bench_expr("string = string (long)", CALL("=", col(C_LONG), col(C_LONG)));
    bench_expr("i64 IN (6 literals)",
               CALL("IN", col(C_I64), lit(1), lit(20), lit(300), lit(4000), lit(50000), lit(6)));
    bench_expr("string IN (4 literals)",
               CALL("IN", col(C_STR), text("ch1"), text("ch20"), text("ch300"), text("ch4")));
    const struct expr *a = CALL("<", col(C_I64), lit(50000)), *b = CALL(">", col(C_I64B), lit(300));
    bench_expr("a < x AND b > y", CALL("AND", a, b));
    bench_expr("CASE of i64 (dense)", CALL("CASE", a, col(C_I64), b, col(C_I64B), lit(0)));
    bench_expr("CASE of strings (dense)",
               CALL("CASE", a, text("day"), b, text("night"), text("x")));
    bench_expr("CASE guarding a division",
               CALL("CASE", a, CALL("/", col(C_I64), col(C_I64B)), lit(0)));
    bench_expr("COALESCE(i64, literal)", CALL("COALESCE", col(C_I64N), lit(0)));
    bench_expr("IS NOT NULL", CALL("IS NOT NULL", col(C_I64N)));
    bench_expr("CAST(i64 AS DOUBLE)", cast(col(C_I64), "DOUBLE"));
    bench_expr("CAST(i64 AS DECIMAL(19, 0))", cast(col(C_I64), "DECIMAL(19, 0)"));
    bench_expr("CAST(i64 AS INT)", cast(col(C_I64), "INT"));
    bench_expr("CAST(i32 AS BIGINT)", cast(col(C_I32), "BIGINT"));
    bench_expr("CAST(i64 AS STRING)", cast(col(C_I64), "STRING"));
    bench_expr("UPPER(short string)", CALL("UPPER", col(C_STR)));
    bench_expr("ROUND(f64, 2)", CALL("ROUND", col(C_F64), cast(lit(2), "INT")));
    bench_expr("SQRT(f64)", CALL("SQRT", col(C_F64)));
    bench_select("select: 1 of 2 rows", CALL("<", col(C_I64), lit(50000)));
    bench_select("select: i64 % 123 = 0", CALL("=", CALL("%", col(C_I64), lit(123)), lit(0)));
}

/* ---- columns -------------------------------------------------------------------------------- */

static void bench_columns(void) {
    static uint64_t hash[N];
    static uint32_t idx[N];
    struct column out;
    for (int i = 0; i < N; i++)
        idx[i] = (uint32_t)(rnd() % N);
    BENCH("hash i64", col_hash(&cols[C_I64], hash, N));
    BENCH("hash i64 with NULLs", col_hash(&cols[C_I64N], hash, N));
    BENCH("hash short string", col_hash(&cols[C_STR], hash, N));
    BENCH("hash string of 45 bytes", col_hash(&cols[C_LONG], hash, N));
    BENCH("gather i64", {
        col_gather(&out, &cols[C_I64], idx, N);
        col_release(&out);
    });
    BENCH("gather i64 with NULLs", {
        col_gather(&out, &cols[C_I64N], idx, N);
        col_release(&out);
    });
    BENCH("gather string", {
        col_gather(&out, &cols[C_LONG], idx, N);
        col_release(&out);
    });
    const struct column *two[2] = {&cols[C_LONG], &cols[C_LONG]};
    BENCH("concat strings", {
        col_concat(&out, two, 2);
        col_release(&out);
    });
    BENCH("compact strings of 45 bytes", {
        col_ref(&out, &cols[C_LONG]);
        col_compact(&out);
        col_release(&out);
    });
    BENCH("new + release of a buffer (per call)", {
        for (int i = 0; i < N; i++)
            buffer_unref(buffer_new(32768));
    });
    struct col_builder b;
    col_builder_init(&b, types[C_I64], N);
    BENCH("col_add_int", {
        for (int i = 0; i < N; i++)
            col_add_int(&b, i);
        col_builder_finish(&b, &out);
        col_release(&out);
    });
    col_builder_release(&b);
    col_builder_init(&b, types[C_STR], N);
    BENCH("col_add_str (5 bytes)", {
        for (int i = 0; i < N; i++)
            col_add_str(&b, "hello", 5);
        col_builder_finish(&b, &out);
        col_release(&out);
    });
    BENCH("col_add_str (40 bytes)", {
        for (int i = 0; i < N; i++)
            col_add_str(&b, "0123456789012345678901234567890123456789", 40);
        col_builder_finish(&b, &out);
        col_release(&out);
    });
    col_builder_release(&b);
}

/* ---- aggregates ----------------------------------------------------------------------------- */

static void *blob_alloc_fn(struct blob_alloc *self, size_t n) {
    return mem_alloc(n);
}

static void blob_free_fn(struct blob_alloc *self, void *p, size_t n) {
    free(p);
}

static void bench_agg(const char *label, const char *name, int c, int groups) {
    struct err err = ERR_INIT;
    struct agg_call call;
    const struct expr *arg = col(c);
    struct blob_alloc blobs = {blob_alloc_fn, blob_free_fn};
    if (agg_bind(&arena, agg_find(name), &arg, 1, false, false, true, &call, &err)) exit(1);
    char *memory = mem_zalloc((size_t)groups * 64);
    static char *accs[N];
    for (int i = 0; i < N; i++)
        accs[i] = memory + rnd() % (uint64_t)groups * 64;
    const struct column *args[1] = {&cols[c]};
    struct agg_rows r = {.n = N, .args = args, .accs = accs, .blobs = &blobs, .env = &env};
    BENCH(label, {
        if (call.agg->update(&call, &r, &err)) abort();
    });
    if (call.agg->free_acc)
        for (int i = 0; i < groups; i++)
            call.agg->free_acc(&call, memory + (size_t)i * 64, &blobs);
    free(memory);
}

int main(int argc, char **argv) {
    if (argc > 1) pattern = argv[1];
    arena_init(&arena);
    env.zone = tz_utc();
    make_input();
    bench_columns();
    bench_exprs();
    bench_agg("COUNT, 1000 groups", "COUNT", C_I64, 1000);
    bench_agg("SUM(i64), 1000 groups", "SUM", C_I64, 1000);
    bench_agg("SUM(i64 with NULLs), 1000 groups", "SUM", C_I64N, 1000);
    bench_agg("SUM(decimal), 1000 groups", "SUM", C_DEC, 1000);
    bench_agg("MAX(i64), 1000 groups", "MAX", C_I64, 1000);
    bench_agg("MAX(string), 1000 groups", "MAX", C_STR, 1000);
    for (int c = 0; c < C_COUNT; c++)
        col_release(&cols[c]);
    arena_release(&arena);
    return 0;
}
