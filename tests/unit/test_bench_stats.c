#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/base/stats.h"

static void near(double got, double want, double slack)
{
    if (fabs(got - want) > slack) fail_msg("got %.12g, want %.12g", got, want);
}

static void test_order(void **state)
{
    (void)state;
    double values[] = {5, 1, 4, 2, 3};
    const stats s = stats_of(values, 5);
    near(s.median, 3, 0);
    near(s.least, 1, 0);
    near(s.most, 5, 0);
    near(s.low, 1, 0); /* too few for an interval: all */
    near(s.high, 5, 0);
    near(s.mean, 3, 1e-15);
    near(s.deviation, sqrt(2.5), 1e-15);
    double even[] = {4, 1, 3, 2};
    near(stats_of(even, 4).median, 2.5, 0);
    assert_int_equal(stats_of(NULL, 0).n, 0);
    double one[] = {7};
    near(stats_of(one, 1).deviation, 0, 0);
}

/* Ranks of the interval of a median, Conover 1999, table A3: binomial of a half. */
static void test_interval(void **state)
{
    (void)state;
    static const struct {
        size_t n, rank; /* from 1 */
    } known[] = {{6, 1}, {8, 1}, {9, 2}, {10, 2}, {12, 3}, {20, 6}, {25, 8}, {50, 18}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double values[64];
        for (size_t k = 0; k < known[i].n; k++) values[k] = (double)(k + 1);
        const stats s = stats_of(values, known[i].n);
        near(s.low, (double)known[i].rank, 0);
        near(s.high, (double)(known[i].n + 1 - known[i].rank), 0);
    }
}

static void test_quantile(void **state)
{
    (void)state;
    const double sorted[] = {10, 20, 30, 40, 50};
    near(stats_quantile(sorted, 5, 0), 10, 0);
    near(stats_quantile(sorted, 5, 1), 50, 0);
    near(stats_quantile(sorted, 5, 0.9), 46, 1e-12);
    near(stats_quantile(sorted, 0, 0.5), 0, 0);
}

static void test_mann_whitney(void **state)
{
    (void)state;
    const double low[] = {1, 2, 3}, high[] = {4, 5, 6};
    near(stats_larger(high, 3, low, 3), 1.0 / 20.0, 1e-12); /* one order of 6 over 3 */
    near(stats_larger(low, 3, high, 3), 1.0, 1e-12);
    const double a[] = {1, 4, 5}, b[] = {2, 3, 6};
    /* U = 0 + 2 + 2 = 4 of 9; 13 of 20 orders are as large. */
    near(stats_larger(a, 3, b, 3), 13.0 / 20.0, 1e-12);
    near(stats_larger(a, 0, b, 3), 1.0, 0);
    const double same[] = {1, 1, 1};
    near(stats_larger(same, 3, same, 3), 1.0, 0);
    /* With ties, by the normal approximation: U = 14, mean 8, three pairs of ties, 3 (8 - 2),
     * variance 16 / 12 (9 - 18 / 56). */
    const double x[] = {2, 3, 4, 5}, y[] = {1, 1, 2, 3};
    const double variance = 16.0 / 12.0 * (9.0 - 18.0 / 56.0);
    near(stats_larger(x, 4, y, 4), 0.5 * erfc((14.0 - 8.0 - 0.5) / sqrt(2.0 * variance)), 1e-12);
    double many_a[30], many_b[30];
    for (int i = 0; i < 30; i++) {
        many_a[i] = 100.0 + i;
        many_b[i] = 95.0 + i;
    }
    const double p = stats_larger(many_a, 30, many_b, 30);
    assert_true(p > 0.01 && p < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_mann_whitney),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
