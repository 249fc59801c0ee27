/* agg_test.c - each aggregate: values, result types, retraction, merging, saving and loading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/json.h"
#include "base/core/mem.h"
#include "vector/func/agg.h"
#include "vector/func/tz.h"
#include "vector/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct eval_env env;

/* Counts live bytes, so that a leak shows. */
struct counting {
    struct blob_alloc blobs;
    size_t live;
};

static void *counted_alloc(struct blob_alloc *self, size_t n) {
    ((struct counting *)self)->live += n;
    return mem_alloc(n);
}

static void counted_free(struct blob_alloc *self, void *p, size_t n) {
    ((struct counting *)self)->live -= n;
    free(p);
}

static struct counting mem = {.blobs = {counted_alloc, counted_free}};

/* The column of a JSON array of values. */
static struct column make_column(const char *type, const char *values) {
    struct err err = ERR_INIT;
    const struct type *t;
    const struct column *list;
    cJSON *j;
    if (type_parse(&arena, type, &t, &err)) fail_msg("%s", err.msg);
    if (json_parse(values, strlen(values), &j, &err)) fail_msg("%s", err.msg);
    const struct type *at = type_array(&arena, t, false);
    if (value_from_json(&arena, at, j, &list, &err)) fail_msg("%s", err.msg);
    cJSON_Delete(j);
    struct column c;
    col_ref(&c, &list->children[0]);
    return c;
}

struct run {
    struct agg_call call;
    struct column args[2];
    uint8_t *kinds;
    char *acc;
};

enum { OFFSET = 8 };

static void bind(struct run *r, const char *name, const char *type, const char *sep) {
    struct err err = ERR_INIT;
    const struct agg *agg = agg_find(name);
    const struct type *t;
    if (!agg) fail_msg("no aggregate %s", name);
    assert_int_equal(type_parse(&arena, type, &t, &err), 0);
    const struct expr *args[2] = {expr_column(&arena, 0, t), NULL};
    if (sep) {
        const struct type *st = type_text(&arena, TYPE_CHAR, (int)strlen(sep), false);
        args[1] = expr_literal(&arena, value_str(&arena, st, sep, strlen(sep)));
    }
    if (agg_bind(&arena, agg, args, sep ? 2 : 1, false, r->kinds != NULL, true, &r->call, &err))
        fail_msg("%s: %s", name, err.msg);
    /* The op projects the argument with the cast that bind asked for. */
    struct program *p;
    struct column out;
    assert_int_equal(program_new(args, 1, &env, &p, &err), 0);
    assert_int_equal(program_eval(p, r->args, 1, r->args[0].n, &out, NULL, &err), 0);
    col_release(&r->args[0]);
    r->args[0] = out;
    program_free(p);
}

static void fold(const struct run *r, char *acc, uint32_t from, uint32_t n) {
    struct err err = ERR_INIT;
    uint32_t rows[64];
    char *accs[64];
    const struct column *args[2] = {&r->args[0], NULL};
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = from + i;
        accs[i] = acc;
    }
    struct agg_rows ar = {.n = n,
                          .rows = rows,
                          .args = args,
                          .kinds = r->kinds,
                          .accs = accs,
                          .acc_offset = OFFSET,
                          .blobs = &mem.blobs,
                          .env = &env};
    if (r->call.agg->update(&r->call, &ar, &err)) fail_msg("%s", err.msg);
}

static char *acc_new(const struct run *r) {
    char *acc = mem_zalloc(OFFSET + r->call.acc_size_bytes);
    if (r->call.agg->init) r->call.agg->init(&r->call, acc + OFFSET);
    return acc;
}

static void acc_free(const struct run *r, char *acc) {
    if (r->call.agg->free_acc) r->call.agg->free_acc(&r->call, acc + OFFSET, &mem.blobs);
    free(acc);
}

static char *result(const struct run *r, char *acc) {
    struct err err = ERR_INIT;
    struct column ret;
    AUTO_STR s = STR_INIT;
    col_init(&ret, r->call.ret_type, 1);
    if (r->call.agg->finish(&r->call, &acc, OFFSET, 1, &ret, &err)) fail_msg("%s", err.msg);
    value_print(&ret, 0, NULL, &s);
    col_release(&ret);
    return arena_strdup(&arena, str_text(&s));
}

/* Whole; in two halves merged; and saved and loaded in between. */
static void check_full(const char *name, const char *type, const char *sep, const char *values,
                       const char *kinds, const char *want_type, const char *want) {
    struct run r = {.args = {make_column(type, values)}};
    uint8_t k[64];
    uint32_t n = r.args[0].n, half = n / 2;
    if (kinds) {
        for (uint32_t i = 0; i < n; i++)
            k[i] = kinds[i] == '-' ? ROW_DELETE : ROW_INSERT;
        r.kinds = k;
    }
    bind(&r, name, type, sep);
    assert_string_equal(type_text_of(&arena, r.call.ret_type), want_type);
    char *acc = acc_new(&r);
    fold(&r, acc, 0, n);
    if (strcmp(result(&r, acc), want) != 0) fail_msg("%s: %s, not %s", name, result(&r, acc), want);

    struct err err = ERR_INIT;
    char *left = acc_new(&r), *right = acc_new(&r), *loaded = acc_new(&r);
    fold(&r, left, 0, half);
    fold(&r, right, half, n - half);
    if (r.call.agg->save) {
        AUTO_STR s = STR_INIT;
        r.call.agg->save(&r.call, left + OFFSET, &s);
        if (r.call.agg->load(&r.call, loaded + OFFSET, str_view(&s), &mem.blobs, &err))
            fail_msg("%s", err.msg);
    } else {
        memcpy(loaded, left, OFFSET + r.call.acc_size_bytes);
    }
    const char *src = right;
    if (r.call.agg->merge(&r.call, &loaded, &src, OFFSET, 1, &mem.blobs, &err))
        fail_msg("%s", err.msg);
    if (strcmp(result(&r, loaded), want) != 0)
        fail_msg("%s merged: %s, not %s", name, result(&r, loaded), want);

    /* The plan's JSON gives the same call. */
    AUTO_JSON *j = agg_call_to_json(&r.call);
    struct agg_call back;
    if (agg_call_from_json(&arena, j, &back, &err)) fail_msg("%s: %s", name, err.msg);
    assert_ptr_equal(back.agg, r.call.agg);
    assert_true(type_eq(back.ret_type, r.call.ret_type));
    assert_int_equal(back.acc_size_bytes, r.call.acc_size_bytes);

    acc_free(&r, acc);
    acc_free(&r, left);
    acc_free(&r, right);
    acc_free(&r, loaded);
    col_release(&r.args[0]);
    assert_int_equal(mem.live, 0);
}

static void check(const char *name, const char *type, const char *values, const char *want_type,
                  const char *want) {
    check_full(name, type, NULL, values, NULL, want_type, want);
}

static void test_count_sum(void **state) {
    check("COUNT", "INT", "[1, null, 3]", "BIGINT NOT NULL", "2");
    check("COUNT", "INT", "[]", "BIGINT NOT NULL", "0");
    check("SUM", "INT", "[2000000000, 2000000000, null, 1]", "INT", "-294967295");
    check("SUM", "TINYINT", "[100, 100]", "TINYINT", "-56");
    check("SUM", "BIGINT NOT NULL", "[1, 2]", "BIGINT NOT NULL", "3");
    check("SUM", "BIGINT", "[null, null]", "BIGINT", "NULL");
    check("SUM", "FLOAT", "[1.5, 0.25]", "FLOAT", "1.75");
    check("SUM", "DOUBLE", "[0.1, 0.2]", "DOUBLE", "0.30000000000000004");
    check("SUM", "DECIMAL(10, 2)", "[110, 220, 9999999999]", "DECIMAL(38, 2)", "100000003.29");
    check("SUM", "DECIMAL(38, 0)",
          "[\"60000000000000000000000000000000000000\", "
          "\"60000000000000000000000000000000000000\"]",
          "DECIMAL(38, 0)", "NULL");
    check("$SUM0", "INT", "[null]", "INT NOT NULL", "0");
    check_full("SUM", "INT", NULL, "[5, 7, 5]", "++-", "INT", "7");
    check_full("SUM", "INT", NULL, "[5, 5]", "+-", "INT", "NULL");
    check_full("COUNT", "INT", NULL, "[5, null, 6, 5]", "++++", "BIGINT NOT NULL", "3");
    check_full("COUNT", "INT", NULL, "[5, null, 6, 5]", "+++-", "BIGINT NOT NULL", "1");
}

static void test_avg(void **state) {
    check("AVG", "TINYINT", "[100, 100, 7]", "TINYINT", "69");
    check("AVG", "INT", "[2000000000, 2000000000, 1]", "INT", "1333333333");
    check("AVG", "BIGINT", "[\"9000000000000000000\", \"9000000000000000000\", 1]", "BIGINT",
          "-148914691236517205");
    check("AVG", "FLOAT", "[1.5, 2.5, 0.10000000149011612]", "FLOAT", "1.3666667");
    check("AVG", "DOUBLE", "[1.25, 2.5, 0.1]", "DOUBLE", "1.2833333333333334");
    check("AVG", "DECIMAL(10, 2)", "[1005, 10, 1]", "DECIMAL(38, 6)", "3.386667");
    check("AVG", "DECIMAL(38, 18)",
          "[\"3000000000000000000\", \"1000000000000000000\", "
          "\"1000000000000000000\"]",
          "DECIMAL(38, 18)", "1.666666666666666667");
    check("AVG", "INT", "[null]", "INT", "NULL");
    check_full("AVG", "INT", NULL, "[10, 20, 10]", "++-", "INT", "20");
}

static void test_min_max(void **state) {
    check("MIN", "INT", "[3, null, -1, 2]", "INT", "-1");
    check("MAX", "BIGINT", "[3, null, 9, 2]", "BIGINT", "9");
    check("MAX", "DOUBLE", "[3, 9.5, 2]", "DOUBLE", "9.5");
    check("MIN", "FLOAT", "[3, 9.5, 2]", "FLOAT", "2.0");
    check("MIN", "BOOLEAN", "[true, false, null]", "BOOLEAN", "FALSE");
    check("MAX", "BOOLEAN", "[true, false, null]", "BOOLEAN", "TRUE");
    check("MAX", "DATE", "[1, 19782]", "DATE", "2024-02-29");
    check("MAX", "DECIMAL(5, 2)", "[-100, 250]", "DECIMAL(5, 2)", "2.50");
    check("MAX", "STRING", "[\"b\", null, \"a long string indeed\", \"c\", \"bb\"]", "STRING", "c");
    check("MIN", "STRING", "[\"b\", null, \"a long string indeed\", \"c\"]", "STRING",
          "a long string indeed");
    check("MIN", "STRING", "[null]", "STRING", "NULL");
    check("MAX", "STRING", "[\"\"]", "STRING", "");
    check("MAX", "TIMESTAMP(9)", "[1, 2]", "TIMESTAMP(9)", "1970-01-01 00:00:00.000000002");
}

static void test_variance(void **state) {
    const char *v = "[1.25, 2.5, 0.1]";
    check("VAR_POP", "DOUBLE", v, "DOUBLE", "0.9605555555555555");
    check("VAR_SAMP", "DOUBLE", v, "DOUBLE", "1.4408333333333332");
    check("STDDEV_POP", "DOUBLE", v, "DOUBLE", "0.9800793618659437");
    check("STDDEV_SAMP", "DOUBLE", v, "DOUBLE", "1.200347172002056");
    check("STDDEV", "DOUBLE", "[1]", "DOUBLE", "NULL");
    check("VAR_POP", "DOUBLE", "[1]", "DOUBLE", "0.0");
    check("VARIANCE", "INT", "[2000000000, 2000000000, 1]", "INT", "2147483647");
    check("VAR_POP", "INT", "[1, 3]", "INT", "1");
    check_full("VAR_POP", "DOUBLE", NULL, "[1, 3, 5, 5]", "+++-", "DOUBLE", "1.0");
}

static void test_values(void **state) {
    check("FIRST_VALUE", "INT", "[null, 5, 6]", "INT", "5");
    check("LAST_VALUE", "STRING", "[\"a\", \"the last of the strings\", null]", "STRING",
          "the last of the strings");
    check("LAST_VALUE", "INT", "[null]", "INT", "NULL");
    check("$SINGLE_VALUE", "INT", "[7]", "INT", "7");
    check("$SINGLE_VALUE", "INT", "[]", "INT", "NULL");
    check("LISTAGG", "STRING", "[\"10\", null, \"5\", \"5\"]", "STRING", "10,5,5");
    check("LISTAGG", "STRING NOT NULL", "[\"x\"]", "STRING NOT NULL", "x");
    check("LISTAGG", "STRING", "[null]", "STRING", "NULL");
    check_full("LISTAGG", "STRING", " / ", "[\"1\", \"3\", \"7\"]", NULL, "STRING", "1 / 3 / 7");
    check("ARRAY_AGG", "INT", "[1, null, 3]", "ARRAY<INT>", "[1, NULL, 3]");
    check("ARRAY_AGG", "INT", "[]", "ARRAY<INT>", "NULL");
    check("ARRAY_AGG", "ROW<`a` INT, `b` STRING>", "[[1, \"x\"], null]",
          "ARRAY<ROW<`a` INT, `b` STRING>>", "[(1, x), NULL]");
    check("COLLECT", "INT", "[5, null, 10, 5]", "MULTISET<INT> NOT NULL", "{5=2, 10=1}");
    check("COLLECT", "INT", "[null]", "MULTISET<INT> NOT NULL", "{}");
    check_full("COLLECT", "STRING", NULL, "[\"a\", \"b\", \"a\", \"b\"]", "+++-",
               "MULTISET<STRING> NOT NULL", "{a=2}");
}

static void test_bitmaps(void **state) {
    check("BITMAP_BUILD_AGG", "INT", "[3, null, 1, 3, -1]", "BITMAP", "{1,3,4294967295}");
    check("BITMAP_BUILD_AGG", "SMALLINT", "[null]", "BITMAP", "NULL");
    check("BITMAP_BUILD_CARDINALITY_AGG", "INT", "[3, null, 1, 3, -1]", "BIGINT", "3");
    /* Taken back before it came, as in Flink's tests; and all of it. */
    check_full("BITMAP_BUILD_AGG", "INT", NULL, "[1, 1, 3, 2, -1, 2, 2, 1, 1, 3, 1]", "+-+-++++--+",
               "BITMAP", "{1,2,4294967295}");
    check_full("BITMAP_BUILD_AGG", "INT", NULL, "[1, 2, 1, 2]", "++--", "BITMAP", "NULL");
    check_full("BITMAP_BUILD_CARDINALITY_AGG", "INT", NULL, "[1, 2, 1, 5]", "++-+", "BIGINT", "2");
}

/* PERCENTILE of values at 0.5 and 0.9: folded in two halves, one of which was saved and loaded. */
static char *percentile(const char *values, const char *frequencies, const char *kinds) {
    struct err err = ERR_INIT;
    struct column cols[3] = {make_column("DOUBLE", values)};
    uint32_t n = cols[0].n, half = n / 2, rows[64];
    const struct column *at = NULL;
    cJSON *j;
    const struct type *list = type_array(&arena, type_of(TYPE_DOUBLE), true);
    assert_int_equal(json_parse("[0.5, 0.9]", 10, &j, &err), 0);
    assert_int_equal(value_from_json(&arena, list, j, &at, &err), 0);
    cJSON_Delete(j);
    col_repeat(&cols[1], at, list, n);
    cols[2] = make_column("BIGINT", frequencies);
    const struct expr *args[3];
    const struct column *ptrs[3];
    for (int i = 0; i < 3; i++) {
        args[i] = expr_column(&arena, i, cols[i].type);
        ptrs[i] = &cols[i];
    }
    struct run r = {0};
    if (agg_bind(&arena, agg_find("PERCENTILE"), args, 3, false, true, true, &r.call, &err))
        fail_msg("%s", err.msg);
    uint8_t k[64];
    char *first = acc_new(&r), *second = acc_new(&r), *loaded = acc_new(&r), *accs[64];
    for (uint32_t i = 0; i < n; i++) {
        k[i] = kinds[i] == '-' ? ROW_DELETE : ROW_INSERT;
        rows[i] = i;
        accs[i] = i < half ? first : second;
    }
    struct agg_rows ar = {.n = n, .rows = rows, .args = ptrs, .kinds = k, .accs = accs};
    ar.acc_offset = OFFSET;
    ar.blobs = &mem.blobs;
    ar.env = &env;
    if (r.call.agg->update(&r.call, &ar, &err)) fail_msg("%s", err.msg);
    AUTO_STR s = STR_INIT;
    r.call.agg->save(&r.call, first + OFFSET, &s);
    if (r.call.agg->load(&r.call, loaded + OFFSET, str_view(&s), &mem.blobs, &err))
        fail_msg("%s", err.msg);
    const char *src = second;
    if (r.call.agg->merge(&r.call, &loaded, &src, OFFSET, 1, &mem.blobs, &err))
        fail_msg("%s", err.msg);
    char *text = result(&r, loaded);
    acc_free(&r, first);
    acc_free(&r, second);
    acc_free(&r, loaded);
    for (int i = 0; i < 3; i++)
        col_release(&cols[i]);
    assert_int_equal(mem.live, 0);
    return text;
}

static void test_percentile(void **state) {
    assert_string_equal(percentile("[10, 20, 30, 40]", "[1, 1, 1, 1]", "++++"), "[25.0, 37.0]");
    assert_string_equal(percentile("[10, 20, null, 30, 30]", "[1, 2, 5, 1, null]", "+++++"),
                        "[20.0, 27.000000000000004]");
    assert_string_equal(percentile("[10, 20, 99, -3, 99, 10]", "[1, 1, 4, 1, 4, 1]", "++++--"),
                        "[8.5, 17.7]");
    assert_string_equal(percentile("[1, 1]", "[1, 1]", "+-"), "NULL");
}

/* Two arguments: key and value, as a ROW's fields. */
static char *object_agg(const char *symbol, const char *keys, const char *values, const char *kinds,
                        struct err *err) {
    struct agg_call call;
    struct column cols[2] = {make_column("STRING", keys), make_column("INT", values)};
    const struct expr *args[3] = {expr_column(&arena, 0, cols[0].type),
                                  expr_column(&arena, 1, cols[1].type), NULL};
    if (symbol) {
        const struct type *t = type_of_not_null(TYPE_SYMBOL);
        args[2] = expr_literal(&arena, value_str(&arena, t, symbol, strlen(symbol)));
    }
    assert_int_equal(agg_bind(&arena, agg_find("JSON_OBJECTAGG"), args, symbol ? 3 : 2, false,
                              false, true, &call, err),
                     0);
    assert_int_equal(call.n_args, 2);
    struct run r = {.call = call};
    char *acc = acc_new(&r), *accs[8], *text = NULL;
    uint8_t k[8];
    for (uint32_t i = 0; i < cols[0].n; i++) {
        accs[i] = acc;
        k[i] = kinds && kinds[i] == '-' ? ROW_DELETE : ROW_INSERT;
    }
    const struct column *ptrs[2] = {&cols[0], &cols[1]};
    struct agg_rows ar = {.n = cols[0].n, .args = ptrs, .kinds = k, .accs = accs};
    ar.acc_offset = OFFSET;
    ar.blobs = &mem.blobs;
    if (call.agg->update(&call, &ar, err) == 0) text = result(&r, acc);
    acc_free(&r, acc);
    col_release(&cols[0]);
    col_release(&cols[1]);
    assert_int_equal(mem.live, 0);
    return text;
}

static void test_json(void **state) {
    struct err err = ERR_INIT;
    check("JSON_ARRAYAGG", "INT", "[10, null, 5, 5]", "VARCHAR(2000) NOT NULL", "[10,5,5]");
    check("$JSON_ARRAYAGG_NULL", "STRING", "[\"a\\\"b\", null]", "VARCHAR(2000) NOT NULL",
          "[\"a\\\"b\",null]");
    check("JSON_ARRAYAGG", "INT", "[null]", "VARCHAR(2000) NOT NULL", "[]");
    assert_string_equal(object_agg(NULL, "[\"b\", \"a\"]", "[1, null]", NULL, &err),
                        "{\"b\":1,\"a\":null}");
    assert_string_equal(object_agg("ABSENT", "[\"b\", \"a\"]", "[1, null]", NULL, &err),
                        "{\"b\":1}");
    assert_string_equal(object_agg("NULL", "[\"b\", \"a\", \"b\"]", "[1, 2, 1]", "++-", &err),
                        "{\"a\":2}");
    assert_null(object_agg(NULL, "[\"b\", \"b\"]", "[1, 2]", NULL, &err));
    assert_non_null(strstr(err.msg, "Key \"b\" is already present"));
    assert_null(object_agg(NULL, "[null]", "[1]", NULL, &err));
    assert_non_null(strstr(err.msg, "must not be NULL"));
}

static void test_single_value_fails(void **state) {
    struct run r = {.args = {make_column("INT", "[1, 2]")}};
    bind(&r, "$SINGLE_VALUE", "INT", NULL);
    char *acc = acc_new(&r), *accs[2] = {acc, acc};
    const struct column *args[1] = {&r.args[0]};
    struct agg_rows ar = {.n = 2, .args = args, .accs = accs, .acc_offset = OFFSET};
    ar.blobs = &mem.blobs;
    struct err err = ERR_INIT;
    assert_int_equal(r.call.agg->update(&r.call, &ar, &err), ERR_RUNTIME);
    acc_free(&r, acc);
    col_release(&r.args[0]);
}

static void test_approx(void **state) {
    check("APPROX_COUNT_DISTINCT", "INT", "[1, 2, 2, null, 3]", "BIGINT NOT NULL", "3");
    struct run r = {0};
    enum { BATCHES = 50 };
    r.args[0] = make_column("BIGINT", "[1]");
    bind(&r, "APPROX_COUNT_DISTINCT", "BIGINT", NULL);
    char *acc = acc_new(&r), *accs[BATCH_ROWS_MAX];
    for (int i = 0; i < BATCH_ROWS_MAX; i++)
        accs[i] = acc;
    for (int b = 0; b < BATCHES; b++) {
        struct col_builder cb;
        struct column c;
        struct err err = ERR_INIT;
        col_builder_init(&cb, type_of(TYPE_BIGINT), BATCH_ROWS_MAX);
        for (int i = 0; i < BATCH_ROWS_MAX; i++) /* each value twice */
            col_add_int(&cb, (b * BATCH_ROWS_MAX + i) / 2);
        col_builder_finish(&cb, &c);
        col_builder_release(&cb);
        const struct column *args[1] = {&c};
        struct agg_rows ar = {
            .n = BATCH_ROWS_MAX, .args = args, .accs = accs, .acc_offset = OFFSET};
        ar.blobs = &mem.blobs;
        assert_int_equal(r.call.agg->update(&r.call, &ar, &err), 0);
        col_release(&c);
    }
    double want = BATCHES * BATCH_ROWS_MAX / 2.0, got = strtod(result(&r, acc), NULL);
    assert_true(fabs(got / want - 1) < 0.03);
    acc_free(&r, acc);
    col_release(&r.args[0]);
    assert_int_equal(mem.live, 0);
}

static void test_bad_arguments(void **state) {
    static const char *const bad[][2] = {{"SUM", "STRING"},
                                         {"AVG", "BOOLEAN"},
                                         {"VAR_POP", "DATE"},
                                         {"LISTAGG", "INT"},
                                         {"MIN", "ARRAY<INT>"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct agg_call call;
        const struct type *t;
        assert_int_equal(type_parse(&arena, bad[i][1], &t, &err), 0);
        const struct expr *arg = expr_column(&arena, 0, t);
        assert_int_equal(
            agg_bind(&arena, agg_find(bad[i][0]), &arg, 1, false, false, true, &call, &err),
            ERR_VALIDATION);
        assert_non_null(strstr(err.msg, bad[i][0]));
    }
}

static int setup(void **state) {
    arena_init(&arena);
    env.zone = tz_utc();
    return 0;
}

static int teardown(void **state) {
    arena_release(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_sum),
        cmocka_unit_test(test_avg),
        cmocka_unit_test(test_min_max),
        cmocka_unit_test(test_variance),
        cmocka_unit_test(test_bitmaps),
        cmocka_unit_test(test_percentile),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_single_value_fails),
        cmocka_unit_test(test_approx),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
