/* arith_test.c - arithmetic and comparison loops of every width against plain C, at many sizes,
 * with a column or a constant on either side; DECIMALs against wide integers. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/mem.h"
#include "vector/decimal.h"
#include "vector/func/arith.h"
#include "vector/func/compare_kernel.h"

#include <stdlib.h>
#include <string.h>

static uint64_t seed = 3;

static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Values of all magnitudes, of both signs, and the extremes. */
static int64_t rnd_int(int max_bits) {
    if (rnd() % 16 == 0) return rnd() % 2 ? INT64_MIN : INT64_MAX;
    int64_t v = (int64_t)(rnd() >> (64 - (1 + rnd() % (uint64_t)max_bits)));
    return rnd() % 2 ? v : -v;
}

enum { N_MAX = 4096 };
static int64_t xs[N_MAX + 8], ys[N_MAX + 8], got[N_MAX + 8];
static const uint32_t sizes[] = {1, 2, 7, 63, 64, 65, 2048, 4096};

static struct arg arg_of(const void *data, bool one) {
    return (struct arg){.data = data, .step = one ? 0 : 1};
}

static int64_t reference(enum arith_op op, int64_t x, int64_t y) {
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    switch (op) {
    case ARITH_ADD:
        return (int64_t)(a + b);
    case ARITH_SUB:
        return (int64_t)(a - b);
    case ARITH_MUL:
        return (int64_t)(a * b);
    case ARITH_DIV:
        return y == -1 ? (int64_t)(0 - a) : x / y;
    default:
        return y == -1 ? 0 : x % y;
    }
}

static void check_i64(enum arith_op op, uint32_t n, int max_bits, int form) {
    for (uint32_t i = 0; i < n; i++) {
        xs[i] = rnd_int(max_bits);
        do
            ys[i] = rnd_int(max_bits);
        while (ys[i] == 0);
        if (max_bits <= 52) { /* near the limit of the floating-point way, too */
            if (xs[i] == INT64_MIN || xs[i] == INT64_MAX) xs[i] = (INT64_C(1) << 52) - 1;
            if (ys[i] == INT64_MIN || ys[i] == INT64_MAX) ys[i] = 1 - (INT64_C(1) << 52);
        }
    }
    struct arg x = arg_of(xs, form == 2), y = arg_of(ys, form == 1);
    arith_vectors(PHYS_I64, op, &x, &y, got, n);
    for (uint32_t i = 0; i < n; i++) {
        int64_t a = xs[form == 2 ? 0 : i], b = ys[form == 1 ? 0 : i];
        if (got[i] != reference(op, a, b))
            fail_msg("op %d, form %d: %lld and %lld give %lld", op, form, (long long)a,
                     (long long)b, (long long)got[i]);
    }
}

static void test_i64(void **state) {
    static const int bits[] = {3, 20, 52, 63};
    for (int op = ARITH_ADD; op <= ARITH_MOD; op++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (size_t b = 0; b < ARRAY_LEN(bits); b++)
                for (int form = 0; form < 3; form++)
                    check_i64((enum arith_op)op, sizes[s], bits[b], form);
    /* Quotients that are whole, or one below: where rounding up would show. */
    for (int r = 0; r < 20000; r++) {
        int64_t y = rnd_int(26), q = rnd_int(26);
        if (y == 0 || y == INT64_MIN || y == INT64_MAX || q == INT64_MIN || q == INT64_MAX)
            continue;
        xs[r % N_MAX] = q * y - (int64_t)(rnd() % 3) + 1;
        ys[r % N_MAX] = y;
        if (r % N_MAX != N_MAX - 1) continue;
        for (int op = ARITH_DIV; op <= ARITH_MOD; op++) {
            struct arg x = arg_of(xs, false), yy = arg_of(ys, false);
            arith_vectors(PHYS_I64, (enum arith_op)op, &x, &yy, got, N_MAX);
            for (uint32_t i = 0; i < N_MAX; i++)
                assert_true(ys[i] == 0 || got[i] == reference((enum arith_op)op, xs[i], ys[i]));
        }
    }
}

#define CHECK_NARROW(phys, ctype)                                                                  \
    do {                                                                                           \
        ctype *x = (ctype *)xs, *y = (ctype *)ys, *r = (ctype *)got;                               \
        for (uint32_t i = 0; i < 1000; i++) {                                                      \
            x[i] = (ctype)rnd();                                                                   \
            y[i] = (ctype)(rnd() | 1);                                                             \
        }                                                                                          \
        for (int op = ARITH_ADD; op <= ARITH_MOD; op++) {                                          \
            struct arg ax = arg_of(x, false), ay = arg_of(y, false);                               \
            arith_vectors(phys, (enum arith_op)op, &ax, &ay, r, 1000);                             \
            for (uint32_t i = 0; i < 1000; i++)                                                    \
                assert_int_equal(r[i], (ctype)reference((enum arith_op)op, x[i], y[i]));           \
        }                                                                                          \
    } while (0)

static void test_narrow(void **state) {
    CHECK_NARROW(PHYS_I8, int8_t);
    CHECK_NARROW(PHYS_I16, int16_t);
    CHECK_NARROW(PHYS_I32, int32_t);
}

static void test_compare(void **state) {
    uint8_t d[N_MAX];
    for (int round = 0; round < 50; round++) {
        uint32_t n = sizes[rnd() % ARRAY_LEN(sizes)];
        for (uint32_t i = 0; i < n; i++) {
            xs[i] = (int64_t)(rnd() % 5) - 2;
            ys[i] = (int64_t)(rnd() % 5) - 2;
        }
        for (int op = CMP_EQ; op <= CMP_GE; op++)
            for (int one = 0; one < 2; one++) {
                compare_vectors(PHYS_I64, (enum cmp_op)op, xs, ys, one, d, n);
                for (uint32_t i = 0; i < n; i++) {
                    int64_t x = xs[i], y = ys[one ? 0 : i];
                    bool want[] = {x == y, x != y, x<y, x <= y, x> y, x >= y};
                    assert_int_equal(d[i], want[op]);
                }
            }
    }
}

/* Half up, away from zero, on magnitudes that fit 128 bits. */
static i128 round_div(i128 n, i128 d) {
    i128 q = n / d, r = n % d;
    if (r < 0) r = -r;
    i128 a = d < 0 ? -d : d;
    if (r >= a - r) q += (n < 0) != (d < 0) ? -1 : 1;
    return q;
}

static void test_decimal(void **state) {
    for (int i = 0; i < 20000; i++) {
        int sx = (int)(rnd() % 9), sy = (int)(rnd() % 9), s = (int)(rnd() % 9);
        i128 x = rnd_int(40), y = rnd_int(40), r, p10[9];
        for (int k = 0; k < 9; k++)
            p10[k] = k ? p10[k - 1] * 10 : 1;
        if (x > INT32_MAX || x < INT32_MIN || y > INT32_MAX || y < INT32_MIN || y == 0) continue;
        assert_true(decimal_mul(x, sx, y, sy, 38, s, &r));
        i128 product = x * y * p10[8]; /* scale sx + sy + 8 */
        i128 unit = 1;
        for (int k = s; k < sx + sy + 8; k++)
            unit *= 10;
        assert_true(r == round_div(product, unit));
        assert_true(decimal_add(x, sx, y, sy, 38, s, &r));
        i128 sum = x * p10[8 - sx] + y * p10[8 - sy];
        assert_true(r == round_div(sum, p10[8 - s]));
        assert_true(decimal_div(x, sx, y, sy, 38, s, &r));
        assert_true(r == round_div(x * p10[s] * p10[sy], y * p10[sx]));
        assert_true(decimal_mod(x, sx, y, sy, 38, 8, &r));
        assert_true(r == x * p10[8 - sx] % (y * p10[8 - sy]));
    }
}

/* The slow ways through 256 bits agree with the fast ones: (x * k) / k = x and so on. */
static void test_decimal_wide(void **state) {
    i128 e37 = 1;
    for (int k = 0; k < 37; k++)
        e37 *= 10;
    for (int i = 0; i < 2000; i++) {
        i128 x = (e37 / 1000000000) * (1 + (i128)(rnd() % 1000000000)), r, back;
        i128 y = 1 + (i128)(rnd() % 1000000);
        if (rnd() % 2) x = -x;
        /* x * y / 10^6, by a 256-bit product. */
        bool ok = decimal_mul(x, 18, y, 6, 38, 18, &r);
        assert_true(ok);
        i128 whole = x / 1000000, rest = x % 1000000;
        assert_true(r == whole * y + round_div(rest * y, 1000000));
        /* (x / y) at ten more digits, then back. */
        if (decimal_div(x, 18, y, 0, 38, 18, &r)) {
            assert_true(decimal_mul(r, 18, y, 0, 38, 18, &back));
            i128 diff = back - x;
            assert_true(diff <= y && diff >= -y);
        }
        assert_true(decimal_mod(x, 18, y, 0, 38, 18, &r));
        i128 unit = y; /* y at scale 18 */
        for (int k = 0; k < 18; k++)
            unit *= 10;
        assert_true(r == x % unit);
    }
    i128 r;
    assert_false(decimal_mul(e37, 0, e37, 0, 38, 0, &r));
    assert_false(decimal_add(e37 * 9, 0, e37 * 9, 0, 38, 0, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i64),          cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_compare),      cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_decimal_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
