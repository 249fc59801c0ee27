/* program_test.c - programs against a naive evaluation row by row: random expressions over random
 * columns, with NULLs and failing divisions, at many batch sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/mem.h"
#include "vector/func/tz.h"
#include "vector/program.h"

#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct eval_env env;
static uint64_t seed = 7;

static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Columns: 0, 1 BIGINT; 2 BIGINT without NULLs; 3, 4 BOOLEAN; 5 STRING. */
enum { N_COLS = 6, COL_STR = 5 };
static const struct type *col_types[N_COLS];

static const struct expr *call(const char *name, const struct expr **args, int n) {
    struct err err = ERR_INIT;
    const struct expr *e;
    if (func_call_name(&arena, name, args, n, &e, &err)) fail_msg("%s: %s", name, err.msg);
    return e;
}

static const struct expr *call2(const char *name, const struct expr *x, const struct expr *y) {
    return call(name, (const struct expr *[]){x, y}, 2);
}

static const struct expr *lit(int64_t v) {
    return expr_literal(&arena, value_int(&arena, type_of_not_null(TYPE_BIGINT), v));
}

static const struct expr *lit_str(const char *s) {
    const struct type *t = type_text(&arena, TYPE_CHAR, (int)strlen(s), false);
    return expr_literal(&arena, value_str(&arena, t, s, strlen(s)));
}

static const struct expr *col(int i) {
    return expr_column(&arena, i, col_types[i]);
}

static const struct expr *gen_bool(int depth);
static const struct expr *gen_str(int depth);

/* In this order, whatever the compiler's order of evaluation. */
static const struct expr *pair(const char *name, const struct expr *(*gen)(int), int depth) {
    const struct expr *x = gen(depth), *y = gen(depth);
    return call2(name, x, y);
}

static const struct expr *gen_int(int depth) {
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    if (depth == 0) return rnd() % 3 ? col((int)(rnd() % 3)) : lit((int64_t)(rnd() % 5));
    switch (rnd() % 8) {
    case 0: { /* guarded division */
        const struct expr *d = gen_int(depth - 1);
        const struct expr *args[] = {call2("<>", d, lit(0)), call2("/", gen_int(depth - 1), d),
                                     gen_int(depth - 1)};
        return call("CASE", args, 3);
    }
    case 1: {
        const struct expr *args[] = {gen_bool(depth - 1), gen_int(depth - 1), gen_bool(depth - 1),
                                     gen_int(depth - 1), gen_int(depth - 1)};
        return call("CASE", args, 5);
    }
    case 2: {
        const struct expr *args[] = {gen_int(depth - 1), gen_int(depth - 1), gen_int(depth - 1)};
        return call("COALESCE", args, 3);
    }
    case 3:
        return pair("NULLIF", gen_int, depth - 1);
    default: {
        int op = (int)(rnd() % (rnd() % 4 ? 3 : 5)); /* few unguarded divisions */
        return pair(ops[op], gen_int, depth - 1);
    }
    }
}

static const struct expr *gen_bool(int depth) {
    static const char *const cmps[] = {
        "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};
    static const char *const tests[] = {"IS NULL",  "IS NOT NULL",  "IS TRUE", "IS NOT TRUE",
                                        "IS FALSE", "IS NOT FALSE", "NOT"};
    if (depth == 0) return col(3 + (int)(rnd() % 2));
    switch (rnd() % 6) {
    case 0:
    case 1: {
        const struct expr *args[] = {gen_bool(depth - 1), gen_bool(depth - 1), gen_bool(depth - 1)};
        return call(rnd() % 2 ? "AND" : "OR", args, 2 + (int)(rnd() % 2));
    }
    case 2: {
        const struct expr *arg = gen_bool(depth - 1);
        return call(tests[rnd() % ARRAY_LEN(tests)], &arg, 1);
    }
    case 3:
        return pair(cmps[rnd() % ARRAY_LEN(cmps)], gen_str, depth - 1);
    default:
        return pair(cmps[rnd() % ARRAY_LEN(cmps)], gen_int, depth - 1);
    }
}

static const struct expr *gen_str(int depth) {
    if (depth == 0)
        return rnd() % 3 ? col(COL_STR) : lit_str(rnd() % 2 ? "ab" : "a long literal of bytes");
    const struct expr *args[] = {gen_bool(depth - 1), gen_str(depth - 1), gen_str(depth - 1)};
    return rnd() % 2 ? call("CASE", args, 3) : call("COALESCE", args + 1, 2);
}

/* ---- the naive evaluation ------------------------------------------------------------------- */

struct val {
    bool null, failed;
    int64_t i;
    struct sv s;
};

static struct val eval(const struct expr *e, const struct column *cols, uint32_t row);

static struct val null_val(void) {
    return (struct val){.null = true};
}

static struct val bool_val(bool b) {
    return (struct val){.i = b};
}

static struct val read_val(const struct column *c, uint32_t row) {
    if (!col_is_valid(c, row)) return null_val();
    if (c->phys == PHYS_STR) return (struct val){.s = strv_sv(&COL_DATA(c, struct strv)[row])};
    return (struct val){.i = c->phys == PHYS_BOOL ? COL_DATA(c, uint8_t)[row]
                                                  : COL_DATA(c, int64_t)[row]};
}

static struct val arith(char op, int64_t x, int64_t y) {
    if ((op == '/' || op == '%') && y == 0) return (struct val){.failed = true};
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    switch (op) {
    case '+':
        return (struct val){.i = (int64_t)(a + b)};
    case '-':
        return (struct val){.i = (int64_t)(a - b)};
    case '*':
        return (struct val){.i = (int64_t)(a * b)};
    case '/':
        return (struct val){.i = y == -1 ? (int64_t)(0 - a) : x / y};
    default:
        return (struct val){.i = y == -1 ? 0 : x % y};
    }
}

static struct val compare(const char *op, bool text, struct val x, struct val y) {
    int c = text ? sv_cmp(x.s, y.s) : (x.i > y.i) - (x.i < y.i);
    if (strcmp(op, "=") == 0) return bool_val(c == 0);
    if (strcmp(op, "<>") == 0) return bool_val(c != 0);
    if (strcmp(op, "<") == 0) return bool_val(c < 0);
    if (strcmp(op, "<=") == 0) return bool_val(c <= 0);
    return bool_val(strcmp(op, ">") == 0 ? c > 0 : c >= 0);
}

static struct val eval_and_or(const struct expr *e, const struct column *cols, uint32_t row) {
    bool is_and = strcmp(e->func->name, "AND") == 0, null = false;
    for (int i = 0; i < e->n_args; i++) {
        struct val v = eval(e->args[i], cols, row);
        if (v.failed) return v;
        if (v.null)
            null = true;
        else if (v.i != is_and)
            return v;
    }
    return null ? null_val() : bool_val(is_and);
}

static struct val eval_test(const char *name, struct val v) {
    bool t = !v.null && v.i, f = !v.null && !v.i;
    if (strcmp(name, "IS NULL") == 0) return bool_val(v.null);
    if (strcmp(name, "IS NOT NULL") == 0) return bool_val(!v.null);
    if (strcmp(name, "IS TRUE") == 0) return bool_val(t);
    if (strcmp(name, "IS NOT TRUE") == 0) return bool_val(!t);
    if (strcmp(name, "IS FALSE") == 0) return bool_val(f);
    if (strcmp(name, "IS NOT FALSE") == 0) return bool_val(!f);
    return v.null ? v : bool_val(!v.i);
}

static struct val eval_call(const struct expr *e, const struct column *cols, uint32_t row) {
    const char *name = e->func->name;
    if (strcmp(name, "AND") == 0 || strcmp(name, "OR") == 0) return eval_and_or(e, cols, row);
    if (strcmp(name, "CASE") == 0) {
        int i = 0;
        for (; i + 1 < e->n_args; i += 2) {
            struct val c = eval(e->args[i], cols, row);
            if (c.failed) return c;
            if (!c.null && c.i) return eval(e->args[i + 1], cols, row);
        }
        return eval(e->args[i], cols, row);
    }
    if (strcmp(name, "COALESCE") == 0) {
        struct val v = null_val();
        for (int i = 0; i < e->n_args && v.null; i++)
            v = eval(e->args[i], cols, row);
        return v;
    }
    struct val x = eval(e->args[0], cols, row);
    if (x.failed) return x;
    if (strcmp(name, "CAST") == 0) return x; /* CHAR to VARCHAR */
    if (e->n_args == 1) return eval_test(name, x);
    struct val y = eval(e->args[1], cols, row);
    if (y.failed) return y;
    bool text = type_is_char(e->args[0]->type);
    if (strncmp(name, "IS ", 3) == 0) {
        bool same = x.null || y.null ? x.null == y.null : compare("=", text, x, y).i;
        return bool_val(strcmp(name, "IS DISTINCT FROM") == 0 ? !same : same);
    }
    if (x.null || y.null) return null_val();
    return strchr("+-*/%", name[0]) ? arith(name[0], x.i, y.i) : compare(name, text, x, y);
}

static struct val eval(const struct expr *e, const struct column *cols, uint32_t row) {
    if (e->kind == EXPR_COLUMN) return read_val(&cols[e->column], row);
    if (e->kind == EXPR_LITERAL) return read_val(e->literal, 0);
    return eval_call(e, cols, row);
}

/* ---- comparison ----------------------------------------------------------------------------- */

static void make_columns(struct column *cols, uint32_t n, int null_pct) {
    for (int c = 0; c < N_COLS; c++) {
        struct col_builder b;
        col_builder_init(&b, col_types[c], n);
        for (uint32_t i = 0; i < n; i++) {
            if ((int)(rnd() % 100) < null_pct && c != 2)
                col_add_null(&b);
            else if (c < 3)
                col_add_int(&b, (int64_t)(rnd() % 7) - 2);
            else if (c < 5)
                col_add_bool(&b, rnd() % 2);
            else
                col_add_str(&b, "abracadabra and more", rnd() % 20);
        }
        col_builder_finish(&b, &cols[c]);
        col_builder_release(&b);
    }
}

static void dump_fail(const struct program *p, const struct expr *e, uint32_t row) {
    AUTO_STR s = STR_INIT;
    expr_print(e, NULL, &s);
    str_add_char(&s, '\n');
    program_print(p, &s);
    fail_msg("row %u of %s", row, str_text(&s));
}

static void check_rows(const struct program *p, const struct expr *e, const struct column *cols,
                       const struct column *got, uint32_t n) {
    assert_int_equal(got->n, n);
    const struct expr *folded = expr_fold(&arena, e, &env);
    for (uint32_t i = 0; i < n; i++) {
        struct val want = eval(e, cols, i), have = read_val(got, i);
        /* NULL + x / 0 is folded to NULL: a failure may go away, nothing else. */
        if (want.failed) want = eval(folded, cols, i);
        bool same = !want.failed && want.null == have.null &&
                    (want.null || (want.i == have.i && sv_eq(want.s, have.s)));
        if (!same) dump_fail(p, e, i);
    }
}

static int n_ok, n_failed;

static void check(const struct expr **exprs, int n_exprs, uint32_t n, int null_pct) {
    struct err err = ERR_INIT;
    struct program *p;
    struct column cols[N_COLS], out[4];
    uint32_t err_row = 12345;
    if (program_new(exprs, n_exprs, &env, &p, &err)) fail_msg("%s", err.msg);
    for (int round = 0; round < 2; round++) { /* a program is used many times */
        make_columns(cols, n, null_pct);
        int rc = program_eval(p, cols, N_COLS, n, out, &err_row, &err);
        if (rc) {
            assert_int_equal(rc, ERR_RUNTIME);
            assert_string_equal(err.msg, "/ by zero");
            assert_true(err_row < n);
            bool fails = false;
            for (int k = 0; k < n_exprs; k++)
                fails |= eval(exprs[k], cols, err_row).failed;
            if (!fails) dump_fail(p, exprs[0], err_row);
            n_failed++;
        }
        for (int k = 0; k < n_exprs && !rc; k++) {
            check_rows(p, exprs[k], cols, &out[k], n);
            col_release(&out[k]);
        }
        n_ok += !rc;
        for (int c = 0; c < N_COLS; c++)
            col_release(&cols[c]);
    }
    program_free(p);
}

static const uint32_t sizes[] = {1, 2, 63, 64, 65, 2048, 4096};

static void test_random(void **state) {
    size_t before = buffer_total_bytes();
    for (int i = 0; i < 1200; i++) {
        const struct expr *e[3] = {gen_int(1 + i % 4), gen_bool(1 + i % 4), gen_str(i % 4)};
        uint32_t n = sizes[i % ARRAY_LEN(sizes)];
        check(e, 3, n, i % 3 * 20);
        arena_clear(&arena);
        for (int c = 0; c < N_COLS; c++)
            col_types[c] = type_of(c < 3 ? TYPE_BIGINT : c < 5 ? TYPE_BOOLEAN : TYPE_VARCHAR);
    }
    assert_int_equal(buffer_total_bytes(), before);
    assert_true(n_ok > 500 && n_failed > 50); /* both kinds of outcome are seen */
}

static void test_select(void **state) {
    struct err err = ERR_INIT;
    for (int i = 0; i < 200; i++) {
        const struct expr *e = gen_bool(2);
        struct program *p;
        struct column cols[N_COLS];
        uint32_t n = sizes[i % ARRAY_LEN(sizes)], *sel = mem_calloc(n, sizeof(*sel)), m = 0, at = 0;
        assert_int_equal(program_new(&e, 1, &env, &p, &err), 0);
        make_columns(cols, n, 20);
        if (program_select(p, cols, N_COLS, n, sel, &m, NULL, &err) == 0) {
            const struct expr *folded = expr_fold(&arena, e, &env);
            for (uint32_t r = 0; r < n; r++) {
                struct val v = eval(folded, cols, r);
                assert_false(v.failed);
                if (!v.null && v.i) assert_int_equal(sel[at++], r);
            }
            assert_int_equal(at, m);
        }
        for (int c = 0; c < N_COLS; c++)
            col_release(&cols[c]);
        free(sel);
        program_free(p);
    }
}

static void expect_program(const struct expr **e, int n, const char *want) {
    struct err err = ERR_INIT;
    struct program *p;
    AUTO_STR s = STR_INIT;
    assert_int_equal(program_new(e, n, &env, &p, &err), 0);
    program_print(p, &s);
    assert_string_equal(str_text(&s), want);
    program_free(p);
}

static void test_shared_subexpressions(void **state) {
    const struct expr *sum = call2("+", col(0), col(1));
    const struct expr *e[] = {call2("*", sum, lit(2)),
                              call2("<", call2("+", col(0), col(1)), lit(9))};
    expect_program(e, 2,
                   "%2 = +($0, $1) BIGINT\n"
                   "%4 = *(%2, 2) BIGINT\n"
                   "%6 = <(%2, 9) BOOLEAN\n"
                   "out 0 = %4\n"
                   "out 1 = %6\n");
}

static void test_lazy_division(void **state) {
    const struct expr *cond = call2("<>", col(1), lit(0));
    const struct expr *args[] = {cond, call2("/", col(0), col(1)), lit(0)};
    const struct expr *e = call("CASE", args, 3);
    expect_program(&e, 1,
                   "%2 = <>($1, 0) BOOLEAN\n"
                   "%7 = lazy CASE(%2, {1}, 0) BIGINT\n"
                   "  {1}:\n"
                   "    %4 = rows of $0\n"
                   "    %5 = rows of $1\n"
                   "    %6 = /(%4, %5) BIGINT\n"
                   "    -> %6\n"
                   "out 0 = %7\n");
    /* A literal divisor can't fail: evaluated for all rows. */
    args[1] = call2("/", col(0), lit(3));
    e = call("CASE", args, 3);
    struct err err = ERR_INIT;
    struct program *p;
    AUTO_STR s = STR_INIT;
    assert_int_equal(program_new(&e, 1, &env, &p, &err), 0);
    program_print(p, &s);
    assert_null(strstr(str_text(&s), "lazy"));
    program_free(p);
}

static void test_folding(void **state) {
    AUTO_STR s = STR_INIT;
    const struct expr *t = call2("<", lit(1), lit(2));
    const struct expr *e = call2("AND", t, call2("=", col(0), call2("+", lit(1), lit(2))));
    expr_print(expr_fold(&arena, e, &env), NULL, &s);
    assert_string_equal(str_text(&s), "($0 = 3)");
    str_clear(&s);
    const struct expr *bad = call2("/", lit(1), lit(0)); /* stays for run time */
    expr_print(expr_fold(&arena, bad, &env), NULL, &s);
    assert_string_equal(str_text(&s), "(1 / 0)");
    str_clear(&s);
    const struct expr *args[] = {t, lit(5), bad};
    expr_print(expr_fold(&arena, call("CASE", args, 3), &env), NULL, &s);
    assert_string_equal(str_text(&s), "5");
}

static void test_json_round_trip(void **state) {
    for (int i = 0; i < 300; i++) {
        const struct expr *e = i % 2 ? gen_bool(3) : gen_int(3);
        if (i % 3 == 0) e = expr_fold(&arena, e, &env);
        AUTO_JSON *j = expr_to_json(e);
        struct err err = ERR_INIT;
        const struct expr *back;
        if (expr_from_json(&arena, j, &back, &err)) fail_msg("%s", err.msg);
        if (!expr_eq(e, back)) {
            AUTO_STR text = STR_INIT;
            json_print(j, &text);
            fail_msg("%s", str_text(&text));
        }
        assert_int_equal(expr_hash(e), expr_hash(back));
    }
}

/* A list of 100,000 constants fits in a plan, comes back the same, and is compiled without
 * comparing each with all. */
static void test_long_in(void **state) {
    enum { N = 100000, PLAN_MAX_BYTES = 1 << 20 };
    const struct expr **args = mem_calloc(N + 1, sizeof *args);
    args[0] = expr_column(&arena, 2, type_of_not_null(TYPE_BIGINT));
    for (int i = 1; i <= N; i++)
        args[i] = lit(i * 3);
    const struct expr *e = call("IN", args, N + 1), *back;
    free(args);
    struct err err = ERR_INIT;
    AUTO_JSON *j = expr_to_json(e);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    assert_true(text.len < PLAN_MAX_BYTES);
    if (expr_from_json(&arena, j, &back, &err)) fail_msg("%s", err.msg);
    assert_true(expr_eq(e, back));
    struct program *p;
    assert_int_equal(program_new(&back, 1, &env, &p, &err), 0);
    struct column cols[N_COLS] = {{0}};
    int64_t values[] = {3, 4, 3 * N, 3 * N + 3};
    uint32_t sel[4], n;
    col_init(&cols[2], back->args[0]->type, 4);
    memcpy(cols[2].data, values, sizeof values);
    assert_int_equal(program_select(p, cols, N_COLS, 4, sel, &n, NULL, &err), 0);
    assert_int_equal(n, 2);
    assert_true(sel[0] == 0 && sel[1] == 2);
    col_release(&cols[2]);
    program_free(p);
}

static void test_bad_json(void **state) {
    static const char *const bad[][2] = {
        {"{\"col\": -1, \"type\": \"INT\"}", "column -1"},
        {"{\"col\": 1}", "type"},
        {"{\"call\": \"NOPE\", \"args\": [], \"type\": \"INT\"}", "unknown function 'NOPE'"},
        {"{\"call\": \"+\", \"args\": [{\"col\":0,\"type\":\"INT\"},{\"col\":1,\"type\":\"INT\"}], "
         "\"type\": \"STRING\"}",
         "yields INT"},
        {"{\"call\": \"+\", \"args\": "
         "[{\"col\":0,\"type\":\"INT\"},{\"col\":1,\"type\":\"BIGINT\"}],"
         " \"type\": \"INT\"}",
         "yields BIGINT"},
        {"{\"lit\": \"x\", \"type\": \"INT\"}", "expected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        cJSON *j;
        const struct expr *e;
        assert_int_equal(json_parse(bad[i][0], strlen(bad[i][0]), &j, &err), 0);
        assert_int_not_equal(expr_from_json(&arena, j, &e, &err), 0);
        if (!strstr(err.msg, bad[i][1])) fail_msg("%s: %s", bad[i][0], err.msg);
        cJSON_Delete(j);
    }
}

static int setup(void **state) {
    arena_init(&arena);
    env.zone = tz_utc();
    for (int c = 0; c < N_COLS; c++)
        col_types[c] = type_of(c < 3 ? TYPE_BIGINT : c < 5 ? TYPE_BOOLEAN : TYPE_VARCHAR);
    return 0;
}

static int teardown(void **state) {
    arena_release(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_shared_subexpressions),
        cmocka_unit_test(test_lazy_division),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_long_in),
        cmocka_unit_test(test_bad_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
