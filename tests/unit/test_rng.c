#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pw/rng.h"

/* The first numbers of the generator with seed 1234567, as its author gives them. */
static void test_known(void **state)
{
    (void)state;
    static const uint64_t known[] = {6457827717110365317u, 3203168211198807973u,
                                     9817491932198370423u, 4593380528125082431u,
                                     16408922859458223821u};
    pw_rng rng = {1234567};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(pw_rng_u64(&rng) == known[i]);
}

static void test_unit(void **state)
{
    (void)state;
    pw_rng rng = {1};
    double sum = 0.0;
    for (int i = 0; i < 100000; i++) {
        const double u = pw_rng_unit(&rng);
        assert_true(u >= 0.0 && u < 1.0);
        sum += u;
    }
    assert_true(sum > 49500.0 && sum < 50500.0);
}

static void test_range(void **state)
{
    (void)state;
    pw_rng rng = {2};
    int64_t seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        const int64_t n = pw_rng_range(&rng, -3, 3);
        assert_true(n >= -3 && n <= 3);
        seen[n + 3]++;
    }
    for (int i = 0; i < 7; i++) assert_true(seen[i] > 800 && seen[i] < 1200);
    assert_int_equal(pw_rng_range(&rng, 5, 5), 5);
}

static void test_normal(void **state)
{
    (void)state;
    pw_rng rng = {3};
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < 100000; i++) {
        const double x = (double)pw_rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    assert_true(sum > -1500.0 && sum < 1500.0);
    assert_true(squares > 97000.0 && squares < 103000.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_normal),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
