#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/math.h"
#include "pw/rng.h"

enum { DRAWS = 200000 };

/* Distance in units in the last place of a double. Where long double is no longer than double this
 * is the distance to libm's own result, hence the bound of two. */
static double ulps(double got, long double want)
{
    int exponent;
    frexpl(want, &exponent);
    return (double)fabsl(((long double)got - want) / ldexpl(1.0L, exponent - 53));
}

static double between(pw_rng *rng, double low, double high)
{
    return low + (high - low) * pw_rng_unit(rng);
}

static void test_exp(void **state)
{
    (void)state;
    pw_rng rng = {1};
    for (int i = 0; i < DRAWS; i++) {
        const double x = i % 2 == 0 ? between(&rng, -700.0, 709.0) : between(&rng, -1.0, 1.0);
        assert_true(ulps(pw_exp(x), expl((long double)x)) < 2.0);
    }
    assert_true(pw_exp(0.0) == 1.0);
    assert_true(pw_exp(-1e9) == 0.0 && pw_exp(-(double)INFINITY) == 0.0);
    assert_true(isinf(pw_exp(1e9)) && isinf(pw_exp((double)INFINITY)));
    assert_true(isnan(pw_exp((double)NAN)));
    assert_true(fabs(pw_exp(-740.0) - exp(-740.0)) <= 0x1p-1074);
}

static void test_log(void **state)
{
    (void)state;
    pw_rng rng = {2};
    for (int i = 0; i < DRAWS; i++) {
        const double x =
            i % 2 == 0 ? pw_exp(between(&rng, -700.0, 700.0)) : 1.0 + between(&rng, -1e-3, 1e-3);
        assert_true(ulps(pw_log(x), logl((long double)x)) < 2.0);
    }
    assert_true(pw_log(1.0) == 0.0);
    assert_true(ulps(pw_log(0x1p-1074), logl(0x1p-1074L)) < 2.0);
}

static void test_pow(void **state)
{
    (void)state;
    pw_rng rng = {3};
    for (int i = 0; i < DRAWS; i++) {
        const double x = between(&rng, 1e3, 1e7), y = between(&rng, -2.0, 2.0);
        assert_true(ulps(pw_pow(x, y), powl((long double)x, (long double)y)) < 2.0);
    }
    assert_true(pw_pow(10000.0, 0.0) == 1.0);
    assert_true(pw_pow(2.0, 10.0) == 1024.0);
    assert_true(pw_pow(10.0, 400.0) > 1e308 && pw_pow(10.0, -400.0) == 0.0);
}

static void test_sincos(void **state)
{
    (void)state;
    pw_rng rng = {4};
    for (int i = 0; i < DRAWS; i++) {
        double x = between(&rng, -1e7, 1e7), s, c;
        if (i % 3 == 1) x = between(&rng, -7.0, 7.0);
        if (i % 3 == 2) x = (double)pw_rng_range(&rng, 0, 6000000) * 0x1.921fb54442d18p+0;
        pw_sincos(x, &s, &c);
        assert_true(ulps(s, sinl((long double)x)) < 2.0);
        assert_true(ulps(c, cosl((long double)x)) < 2.0);
    }
    double s, c;
    pw_sincos(0.0, &s, &c);
    assert_true(s == 0.0 && c == 1.0);
    pw_sincos(1e9, &s, &c);
    assert_true(isnan(s) && isnan(c));
    pw_sincos((double)NAN, &s, &c);
    assert_true(isnan(s) && isnan(c));
}

/* The same bits on every machine: a few are written down. */
static void test_bits(void **state)
{
    (void)state;
    double s, c;
    pw_sincos(123456.0, &s, &c);
    assert_true(s == -0x1.7b066ed06d1ddp-1 && c == -0x1.583708e3f768cp-1);
    assert_true(pw_exp(1.0) == 0x1.5bf0a8b145769p+1);
    assert_true(pw_pow(10000.0, -2.0 / 64.0) == 0x1.7ff2224115d9ap-1);
    assert_true(pw_log(3.0) == 0x1.193ea7aad030bp+0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),    cmocka_unit_test(test_log),  cmocka_unit_test(test_pow),
        cmocka_unit_test(test_sincos), cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
