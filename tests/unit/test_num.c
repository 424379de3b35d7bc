#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pw/num.h"
#include "pw/rng.h"

static void test_mul(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(pw_mul(0, SIZE_MAX, &out) && out == 0);
    assert_true(pw_mul(1, SIZE_MAX, &out) && out == SIZE_MAX);
    assert_true(pw_mul(SIZE_MAX / 3, 3, &out) && out == SIZE_MAX / 3 * 3);
    out = 7;
    assert_false(pw_mul(2, SIZE_MAX / 2 + 1, &out));
    assert_false(pw_mul(SIZE_MAX, SIZE_MAX, &out));
    assert_false(pw_mul((size_t)1 << 32, (size_t)1 << 32, &out));
    assert_int_equal(out, 7);
}

static void test_add(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(pw_add(SIZE_MAX, 0, &out) && out == SIZE_MAX);
    assert_true(pw_add(SIZE_MAX - 5, 5, &out) && out == SIZE_MAX);
    out = 7;
    assert_false(pw_add(SIZE_MAX, 1, &out));
    assert_false(pw_add(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &out));
    assert_int_equal(out, 7);
}

static void test_align(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(pw_align(0, 64, &out) && out == 0);
    assert_true(pw_align(1, 64, &out) && out == 64);
    assert_true(pw_align(64, 64, &out) && out == 64);
    assert_true(pw_align(65, 64, &out) && out == 128);
    assert_true(pw_align(SIZE_MAX - 63, 64, &out) && out == SIZE_MAX - 63);
    assert_true(pw_align(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    out = 7;
    assert_false(pw_align(SIZE_MAX - 62, 64, &out));
    assert_false(pw_align(SIZE_MAX, 4096, &out));
    assert_int_equal(out, 7);
    for (size_t value = 0; value < 300; value++) {
        assert_true(pw_align(value, 32, &out));
        assert_int_equal(out, pw_align_up(value, 32));
        assert_true(out % 32 == 0 && out >= value && out < value + 32);
    }
}

/* Sums and products of random sizes against wider numbers. */
static void test_random(void **state)
{
    (void)state;
    pw_rng rng = {42};
    for (int i = 0; i < 100000; i++) {
        const size_t a = (size_t)(pw_rng_u64(&rng) >> pw_rng_range(&rng, 0, 63));
        const size_t b = (size_t)(pw_rng_u64(&rng) >> pw_rng_range(&rng, 0, 63));
        const bool fits = a == 0 || b <= SIZE_MAX / a;
        size_t out = 0;
        assert_int_equal(pw_mul(a, b, &out), fits);
        assert_true(!fits || out == a * b);
        assert_int_equal(pw_add(a, b, &out), b <= SIZE_MAX - a);
    }
}

static void test_small(void **state)
{
    (void)state;
    assert_int_equal(pw_ceil_div(0, 7), 0);
    assert_int_equal(pw_ceil_div(7, 7), 1);
    assert_int_equal(pw_ceil_div(8, 7), 2);
    assert_int_equal(pw_min(-3, 4), -3);
    assert_int_equal(pw_max(-3, 4), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mul),    cmocka_unit_test(test_add),   cmocka_unit_test(test_align),
        cmocka_unit_test(test_random), cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
