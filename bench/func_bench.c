/* func_bench.c - nanoseconds per row of casts and functions on text and time, over batches of 4,096
 * rows.
 *
 *     make bench-func [ARGS=pattern] */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "vector/func/tz.h"
#include "vector/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = BATCH_ROWS_MAX, MIN_MS = 60 };

static struct arena arena;
static struct eval_env env;
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* ---- input ---------------------------------------------------------------------------------- */

enum {
    C_I64,
    C_F64,
    C_TS,
    C_WORD,
    C_TEXT,
    C_URL,
    C_INTS,
    C_NUMS,
    C_TIMES,
    C_DATES,
    C_JSON,
    C_COUNT
};

static const char *const col_types[C_COUNT] = {
    "BIGINT NOT NULL", "DOUBLE NOT NULL", "TIMESTAMP(3) NOT NULL", "STRING NOT NULL",
    "STRING NOT NULL", "STRING NOT NULL", "STRING NOT NULL",       "STRING NOT NULL",
    "STRING NOT NULL", "STRING NOT NULL", "STRING NOT NULL"};
static struct column cols[C_COUNT];
static const struct type *types[C_COUNT];

static int text_of(int c, char *buf, size_t size) {
    unsigned r = (unsigned)(rnd() >> 20);
    switch (c) {
    case C_WORD:
        return snprintf(buf, size, "Channel%u", r % 1000);
    case C_TEXT:
        return snprintf(buf, size, "The quick brown Fox no. %u jumps over the Lazy dog ", r % 1000);
    case C_URL:
        return snprintf(buf, size, "https://www.nexmark.com/a%u/b%u/item.htm?query=1&channel_id=%u",
                        r % 10, r % 100, r % 100000);
    case C_INTS:
        return snprintf(buf, size, "%u", r % 10000000);
    case C_NUMS:
        return snprintf(buf, size, "%u.%02u", r % 100000, r % 97);
    case C_TIMES:
        return snprintf(buf, size, "2024-%02u-%02u %02u:%02u:%02u.%03u", r % 12 + 1, r % 28 + 1,
                        r % 24, r % 60, r % 59, r % 1000);
    case C_DATES:
        return snprintf(buf, size, "2024-%02u-%02u", r % 12 + 1, r % 28 + 1);
    default:
        return snprintf(buf, size, "{\"id\":%u,\"user\":{\"name\":\"u%u\",\"tags\":[1,2,3]}}", r,
                        r % 99);
    }
}

static void make_input(void) {
    struct err err = ERR_INIT;
    char buf[200];
    for (int c = 0; c < C_COUNT; c++) {
        if (type_parse(&arena, col_types[c], &types[c], &err)) abort();
        struct col_builder b;
        col_builder_init(&b, types[c], N);
        for (int i = 0; i < N; i++)
            if (c == C_I64)
                col_add_int(&b, (int64_t)(rnd() % 100000000));
            else if (c == C_F64)
                col_add_f64(&b, (double)(rnd() % 1000000) / 7);
            else if (c == C_TS)
                col_add_int(&b, 1700000000000 + (int64_t)(rnd() % 100000000));
            else
                col_add_str(&b, buf, (size_t)text_of(c, buf, sizeof(buf)));
        col_builder_finish(&b, &cols[c]);
        col_builder_release(&b);
    }
}

/* ---- expressions ---------------------------------------------------------------------------- */

static const struct expr *col(int c) {
    return expr_column(&arena, c, types[c]);
}

static const struct expr *num(int v) {
    return expr_literal(&arena, value_int(&arena, type_of_not_null(TYPE_INT), v));
}

static const struct expr *text(const char *s) {
    const struct type *t = type_text(&arena, TYPE_CHAR, (int)strlen(s), false);
    return expr_literal(&arena, value_str(&arena, t, s, strlen(s)));
}

static const struct expr *symbol(const char *s) {
    return expr_literal(&arena, value_str(&arena, type_of_not_null(TYPE_SYMBOL), s, strlen(s)));
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

static const char *pattern = "";

static void bench(const char *name, const struct expr *e) {
    struct err err = ERR_INIT;
    struct program *p;
    struct column out;
    if (!strstr(name, pattern)) return;
    if (program_new(&e, 1, &env, &p, &err)) {
        fprintf(stderr, "%s: %s\n", name, err.msg);
        exit(1);
    }
    int64_t spent = 0, rounds = 0, start = clock_thread_cpu_ns();
    while (spent < MIN_MS * 1000000ll) {
        if (program_eval(p, cols, C_COUNT, N, &out, NULL, &err)) {
            fprintf(stderr, "%s: %s\n", name, err.msg);
            exit(1);
        }
        col_release(&out);
        if (++rounds == 10) start = clock_thread_cpu_ns(); /* warm */
        spent = rounds > 10 ? clock_thread_cpu_ns() - start : 0;
    }
    printf("%-44s %8.2f ns/row\n", name, (double)spent / (double)((rounds - 10) * N));
    program_free(p);
}

static void bench_casts(void) {
    bench("cast i64 to string", cast(col(C_I64), "STRING"));
    bench("cast double to string", cast(col(C_F64), "STRING"));
    bench("cast timestamp to string", cast(col(C_TS), "STRING"));
    bench("cast string to i64", cast(col(C_INTS), "BIGINT"));
    bench("cast string to double", cast(col(C_NUMS), "DOUBLE"));
    bench("cast string to decimal", cast(col(C_NUMS), "DECIMAL(12, 2)"));
    bench("cast string to timestamp", cast(col(C_TIMES), "TIMESTAMP(3)"));
    bench("cast string to date", cast(col(C_DATES), "DATE"));
    bench("cast string to varchar(5)", cast(col(C_TEXT), "VARCHAR(5)"));
    bench("cast timestamp to date", cast(col(C_TS), "DATE"));
}

static void bench_strings(void) {
    bench("UPPER short", CALL("UPPER", col(C_WORD)));
    bench("LOWER 50 bytes", CALL("LOWER", col(C_TEXT)));
    bench("INITCAP 50 bytes", CALL("INITCAP", col(C_TEXT)));
    bench("CHAR_LENGTH", CALL("CHAR_LENGTH", col(C_TEXT)));
    bench("SUBSTRING", CALL("SUBSTRING", col(C_TEXT), num(5), num(20)));
    bench("TRIM", CALL("TRIM", symbol("BOTH"), text(" "), col(C_TEXT)));
    bench("CONCAT", CALL("CONCAT", col(C_WORD), text("-"), col(C_INTS)));
    bench("REPLACE", CALL("REPLACE", col(C_TEXT), text("o"), text("00")));
    bench("REVERSE", CALL("REVERSE", col(C_TEXT)));
    bench("LPAD", CALL("LPAD", col(C_INTS), num(10), text("0")));
    bench("POSITION", CALL("POSITION", text("jumps"), col(C_TEXT)));
    bench("SPLIT_INDEX", CALL("SPLIT_INDEX", col(C_URL), text("/"), num(3)));
    bench("STARTSWITH", CALL("STARTSWITH", col(C_URL), text("https://")));
    bench("LIKE prefix%", CALL("LIKE", col(C_URL), text("https://www%")));
    bench("LIKE %mid%", CALL("LIKE", col(C_URL), text("%channel%")));
    bench("LIKE a%b_c%", CALL("LIKE", col(C_URL), text("http%b_/%channel%")));
    bench("REGEXP", CALL("REGEXP", col(C_URL), text("channel_id=[0-9]+$")));
    bench("REGEXP_EXTRACT",
          CALL("REGEXP_EXTRACT", col(C_URL), text("(&|^)channel_id=([^&]*)"), num(2)));
    bench("REGEXP_REPLACE", CALL("REGEXP_REPLACE", col(C_TEXT), text("[aeiou]"), text("*")));
    bench("MD5", CALL("MD5", col(C_WORD)));
    bench("SHA256", CALL("SHA256", col(C_WORD)));
    bench("TO_BASE64", CALL("TO_BASE64", col(C_TEXT)));
    bench("HEX", CALL("HEX", col(C_WORD)));
    bench("URL_ENCODE", CALL("URL_ENCODE", col(C_URL)));
    bench("PARSE_URL", CALL("PARSE_URL", col(C_URL), text("HOST")));
    bench("HASH_CODE", CALL("HASH_CODE", col(C_TEXT)));
    bench("JSON_VALUE", CALL("JSON_VALUE", col(C_JSON), text("$.user.name")));
    bench("JSON_STRING", CALL("JSON_STRING", col(C_TEXT)));
}

static void bench_times(void) {
    bench("HOUR", CALL("HOUR", col(C_TS)));
    bench("EXTRACT DAY", CALL("EXTRACT", symbol("DAY"), col(C_TS)));
    bench("FLOOR TO HOUR", CALL("FLOOR TO", col(C_TS), symbol("HOUR")));
    bench("FLOOR TO MONTH", CALL("FLOOR TO", col(C_TS), symbol("MONTH")));
    bench("TIMESTAMPADD MONTH", CALL("TIMESTAMPADD", symbol("MONTH"), num(1), col(C_TS)));
    bench("TIMESTAMPDIFF DAY", CALL("TIMESTAMPDIFF", symbol("DAY"), col(C_TS), col(C_TS)));
    bench("DATE_FORMAT", CALL("DATE_FORMAT", col(C_TS), text("yyyy-MM-dd HH:mm")));
    bench("TO_TIMESTAMP", CALL("TO_TIMESTAMP", col(C_TIMES)));
    bench("TO_DATE", CALL("TO_DATE", col(C_DATES)));
    bench("UNIX_TIMESTAMP", CALL("UNIX_TIMESTAMP", col(C_TIMES)));
    bench("FROM_UNIXTIME", CALL("FROM_UNIXTIME", col(C_I64)));
}

int main(int argc, char **argv) {
    if (argc > 1) pattern = argv[1];
    arena_init(&arena);
    env.zone = tz_utc();
    make_input();
    bench_casts();
    bench_strings();
    bench_times();
    for (int c = 0; c < C_COUNT; c++)
        col_release(&cols[c]);
    arena_release(&arena);
    return 0;
}
