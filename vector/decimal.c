/* decimal.c - DECIMAL arithmetic. Most operands fit 128 bits on the way; those that don't go
 * through 256 bits, one bit at a time, which is slow and rare. */
#include "vector/decimal.h"

#include "vector/text.h"

typedef unsigned __int128 u128;

struct u256 {
    u128 hi, lo;
};

static u128 magnitude(i128 v) {
    return v < 0 ? -(u128)v : (u128)v;
}

static struct u256 mul_wide(u128 a, u128 b) {
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    u128 p00 = (u128)a0 * b0, p01 = (u128)a0 * b1, p10 = (u128)a1 * b0, p11 = (u128)a1 * b1;
    u128 mid = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;
    return (struct u256){p11 + (p01 >> 64) + (p10 >> 64) + (mid >> 64), mid << 64 | (uint64_t)p00};
}

/* n / d rounded half up (or cut, if not round); false if it doesn't fit 128 bits. */
static bool div_wide(struct u256 n, u128 d, bool round, u128 *ret) {
    if (n.hi >= d) return false;
    u128 rem = n.hi, q = 0;
    for (int i = 127; i >= 0; i--) {
        bool carry = rem >> 127;
        rem = rem << 1 | (n.lo >> i & 1);
        q <<= 1;
        if (carry || rem >= d) {
            rem -= d;
            q |= 1;
        }
    }
    if (round && rem >= d - rem && ++q == 0) return false;
    *ret = q;
    return true;
}

i128 i128_div_round(i128 x, i128 y) {
    u128 a = magnitude(x), b = magnitude(y), q, rem;
    if (a <= UINT64_MAX && b <= UINT64_MAX) {
        q = (uint64_t)a / (uint64_t)b;
        rem = (uint64_t)a % (uint64_t)b;
    } else {
        q = a / b;
        rem = a - q * b;
    }
    if (rem >= b - rem) q++;
    return (x < 0) != (y < 0) ? -(i128)q : (i128)q;
}

/* |v| below 10^p, with the sign put back. */
static bool finish(u128 v, bool neg, int p, i128 *ret) {
    if (v >= (u128)text_pow10(p)) return false;
    *ret = neg ? -(i128)v : (i128)v;
    return true;
}

static bool rescale(i128 v, int from, int to, int p, i128 *ret) {
    if (from == to) return finish(magnitude(v), v < 0, p, ret);
    if (from - to > 38) { /* below half of the last digit */
        *ret = 0;
        return true;
    }
    if (from > to)
        return finish(magnitude(i128_div_round(v, text_pow10(from - to))), v < 0, p, ret);
    i128 r;
    if (__builtin_mul_overflow(v, text_pow10(to - from), &r)) return false;
    return finish(magnitude(r), v < 0, p, ret);
}

static int cmp_wide(struct u256 a, struct u256 b) {
    if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}

/* Sum of two magnitudes with signs. */
static struct u256 add_wide(struct u256 a, bool a_neg, struct u256 b, bool b_neg, bool *ret_neg) {
    struct u256 r;
    if (a_neg == b_neg) {
        r.lo = a.lo + b.lo;
        r.hi = a.hi + b.hi + (r.lo < a.lo);
        *ret_neg = a_neg;
        return r;
    }
    bool swap = cmp_wide(a, b) < 0;
    struct u256 big = swap ? b : a, small = swap ? a : b;
    r.lo = big.lo - small.lo;
    r.hi = big.hi - small.hi - (big.lo < small.lo);
    *ret_neg = swap ? b_neg : a_neg;
    return r;
}

bool decimal_add(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret) {
    int common = sx > sy ? sx : sy;
    i128 a, b, sum;
    if (!__builtin_mul_overflow(x, text_pow10(common - sx), &a) &&
        !__builtin_mul_overflow(y, text_pow10(common - sy), &b) &&
        !__builtin_add_overflow(a, b, &sum))
        return rescale(sum, common, s, p, ret);
    if (s > common) return false;
    bool neg;
    u128 q;
    struct u256 wide = add_wide(mul_wide(magnitude(x), (u128)text_pow10(common - sx)), x < 0,
                                mul_wide(magnitude(y), (u128)text_pow10(common - sy)), y < 0, &neg);
    if (!div_wide(wide, (u128)text_pow10(common - s), true, &q)) return false;
    return finish(q, neg, p, ret);
}

bool decimal_sub(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret) {
    return decimal_add(x, sx, -y, sy, p, s, ret);
}

bool decimal_mul(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret) {
    i128 r;
    if (!__builtin_mul_overflow(x, y, &r)) return rescale(r, sx + sy, s, p, ret);
    struct u256 wide = mul_wide(magnitude(x), magnitude(y));
    u128 q;
    int cut = sx + sy - s;
    if (cut <= 0) return false; /* nothing is rounded away, and it is too large already */
    bool first = cut > 38;      /* at most 76 digits of scale: two steps */
    if (first) {
        if (!div_wide(wide, (u128)text_pow10(38), false, &q)) return false;
        return finish(magnitude(i128_div_round((i128)q, text_pow10(cut - 38))), (x < 0) != (y < 0),
                      p, ret);
    }
    if (!div_wide(wide, (u128)text_pow10(cut), true, &q)) return false;
    return finish(q, (x < 0) != (y < 0), p, ret);
}

bool decimal_div(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret) {
    int e = s + sy - sx; /* x * 10^e / y */
    bool neg = (x < 0) != (y < 0);
    i128 num, den;
    u128 q;
    if (e < 0) {
        if (e < -38 || __builtin_mul_overflow(y, text_pow10(-e), &den)) {
            *ret = 0; /* more than 38 digits below a value of at most 38 */
            return true;
        }
        return finish(magnitude(i128_div_round(x, den)), neg, p, ret);
    }
    if (e <= 38 && !__builtin_mul_overflow(x, text_pow10(e), &num))
        return finish(magnitude(i128_div_round(num, y)), neg, p, ret);
    if (e > 38) {
        /* x * 10^38 / y first, then the rest of the power on a quotient that must stay small. */
        u128 d = magnitude(y), rest;
        struct u256 wide = mul_wide(magnitude(x), (u128)text_pow10(38));
        if (!div_wide(wide, d, false, &q)) return false;
        if (__builtin_mul_overflow(q, (u128)text_pow10(e - 38), &rest)) return false;
        return finish(rest, neg, p, ret);
    }
    if (!div_wide(mul_wide(magnitude(x), (u128)text_pow10(e)), magnitude(y), true, &q))
        return false;
    return finish(q, neg, p, ret);
}

bool decimal_mod(i128 x, int sx, i128 y, int sy, int p, int s, i128 *ret) {
    int common = sx > sy ? sx : sy;
    u128 b;
    if (__builtin_mul_overflow(magnitude(y), (u128)text_pow10(common - sy), &b)) {
        /* |y| exceeds any x of 38 digits: the remainder is x itself. */
        return rescale(x, sx, s, p, ret);
    }
    /* x * 10^k mod b, digit by digit where the product overflows. */
    u128 r = magnitude(x) % b;
    for (int k = common - sx; k > 0; k--) {
        u128 t = 0;
        for (int i = 0; i < 10; i++) /* t = 10 r mod b, without overflow: r, t < b */
            t = t >= b - r ? t - (b - r) : t + r;
        r = t;
    }
    return rescale(x < 0 ? -(i128)r : (i128)r, common, s, p, ret);
}
