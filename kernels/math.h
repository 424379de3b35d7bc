/* exp, log, pow, sin and cos in double, without libm: the same bits on every CPU, because a libm
 * may choose its code by CPU. Right to about one unit in the last place; plain IEEE arithmetic, so
 * files that include this are built with -ffp-contract=off.
 * Method: argument reduction by constants split into short parts (Cody and Waite 1980), Taylor
 * series, and error-free sums and products (Dekker 1971) where a double alone would not do. */
#ifndef PW_KERNELS_MATH_H
#define PW_KERNELS_MATH_H

#include <stdint.h>
#include <string.h>

/* A number as the unevaluated sum of two doubles. */
typedef struct pw_two {
    double hi, lo;
} pw_two;

/* a + b exactly. */
static inline pw_two pw_two_sum(double a, double b)
{
    const double sum = a + b, part = sum - a;
    return (pw_two){sum, (a - (sum - part)) + (b - part)};
}

/* a b exactly, where neither overflows when multiplied by 2^27. */
static inline pw_two pw_two_product(double a, double b)
{
    const double split = 0x1p27 + 1.0;
    const double ta = split * a, tb = split * b;
    const double a1 = ta - (ta - a), b1 = tb - (tb - b);
    const double a2 = a - a1, b2 = b - b1, product = a * b;
    return (pw_two){product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2};
}

/* The nearest integer, halves to even, of |x| < 2^51. */
static inline double pw_nearest(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

/* 2^k for k in -1022..1023. */
static inline double pw_exp2i(int64_t k)
{
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* e^(hi + lo), |lo| tiny beside hi. Infinity above 709.78, 0 below -745.13. */
static inline double pw_exp_two(double hi, double lo)
{
    if (hi != hi) return hi;
    if (hi > 710.0) return (double)__builtin_inff();
    if (hi < -746.0) return 0.0;

    const double k = pw_nearest(hi * 0x1.71547652b82fep+0);
    const double far = hi - k * 0x1.62e42fefa3800p-1; /* ln 2, its first 42 bits */
    const double near = lo - k * 0x1.ef35793c76730p-45;
    const pw_two r = pw_two_sum(far, near);

    const double inverse[] = {1.0 / 2,       1.0 / 6,         1.0 / 24,         1.0 / 120,
                              1.0 / 720,     1.0 / 5040,      1.0 / 40320,      1.0 / 362880,
                              1.0 / 3628800, 1.0 / 39916800., 1.0 / 479001600., 1.0 / 6227020800.};
    double series = 0.0;
    for (int i = 11; i >= 0; i--) series = series * r.hi + inverse[i];
    const double small = r.hi * r.hi * series + (r.lo + r.hi * r.lo);
    const pw_two sum = pw_two_sum(1.0, r.hi);
    const int64_t half = (int64_t)k / 2;
    return (sum.hi + (sum.lo + small)) * pw_exp2i(half) * pw_exp2i((int64_t)k - half);
}

static inline double pw_exp(double x)
{
    return pw_exp_two(x, 0.0);
}

/* ln x for finite x > 0, to some 60 bits. */
static inline pw_two pw_log_two(double x)
{
    double scale = 0.0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        scale = -54.0;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t e = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    const double f = m - 1.0;
    const pw_two d = pw_two_sum(2.0, f);
    const double s = f / d.hi;
    const pw_two back = pw_two_product(s, d.hi);
    const double s_low = ((f - back.hi) - back.lo - s * d.lo) / d.hi;

    double series = 0.0;
    for (int i = 23; i >= 3; i -= 2) series = series * (s * s) + 2.0 / (double)i;
    const double small = 2.0 * s_low + s * (s * s * series);

    const double k = (double)e + scale;
    const pw_two sum = pw_two_sum(k * 0x1.62e42fefa3800p-1, 2.0 * s);
    return pw_two_sum(sum.hi, sum.lo + (k * 0x1.ef35793c76730p-45 + small));
}

/* The natural logarithm of finite x > 0. */
static inline double pw_log(double x)
{
    return pw_log_two(x).hi;
}

/* x^y for finite x > 0; within two units in the last place for |y ln x| <= 100. */
static inline double pw_pow(double x, double y)
{
    const pw_two l = pw_log_two(x);
    if (!(l.hi * y < 1e3 && l.hi * y > -1e3)) return pw_exp(l.hi * y);
    const pw_two p = pw_two_product(l.hi, y);
    return pw_exp_two(p.hi, p.lo + l.lo * y);
}

/* Sine and cosine of |x| <= 1e7; not-a-number beyond. */
static inline void pw_sincos(double x, double *sine, double *cosine)
{
    if (!(x <= 1e7 && x >= -1e7)) {
        *sine = *cosine = (double)__builtin_nanf("");
        return;
    }
    /* pi/2 in parts of 30 bits, so that the first three products are exact. */
    const double n = pw_nearest(x * 0x1.45f306dc9c883p-1);
    const pw_two one = pw_two_sum(x - n * 0x1.921fb54000000p+0, -n * 0x1.10b4611800000p-30);
    const pw_two two = pw_two_sum(one.hi, -n * 0x1.313198a000000p-61);
    const pw_two r = pw_two_sum(two.hi, one.lo + (two.lo - n * 0x1.701b839a25205p-92));

    const double z = r.hi * r.hi;
    double odd = 0.0, even = 0.0;
    for (int i = 18; i >= 4; i -= 2) {
        even = even * -z / (double)((i + 3) * (i + 4)) + 1.0;
        odd = odd * -z / (double)((i + 2) * (i + 3)) + 1.0;
    }
    odd = 1.0 - z / 20.0 * odd;
    even = 1.0 - z / 30.0 * even;

    const double s = r.hi + (r.lo * (1.0 - 0.5 * z) - r.hi * z / 6.0 * odd);
    const double w = 1.0 - 0.5 * z;
    const double c = w + (((1.0 - w) - 0.5 * z) + (z * z / 24.0 * even - r.hi * r.lo));

    const int64_t quarter = (int64_t)n & 3;
    *sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    *cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

#endif
