#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/half.h"
#include "pw/rng.h"

enum { DRAWS = 300000 };

/* The value of an f16 by its definition. */
static double f16_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 0) return sign * ldexp((double)mantissa, -24);
    return sign * ldexp((double)(mantissa + 1024), exponent - 25);
}

static void every_f16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const uint16_t half = (uint16_t)i;
        const float value = pw_f16_f32(half);
        if ((half & 0x7fff) > 0x7c00) {
            assert_true(isnan(value));
            assert_int_equal(pw_f32_bits(value) >> 22 & 1, 1);
            assert_int_equal(pw_f32_f16(value), half | 0x200);
            continue;
        }
        if ((half & 0x7fff) == 0x7c00)
            assert_true(isinf(value) && (value < 0.0f) == (half > 0x8000));
        else
            assert_true((double)value == f16_value(half));
        assert_int_equal(pw_f32_f16(value), half);
        assert_int_equal(signbit(value) != 0, half >> 15);
    }
}

/* Between neighbours the nearer one is taken, and the even one from the middle. */
static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7bff; i++) {
        const float low = pw_f16_f32((uint16_t)i), high = pw_f16_f32((uint16_t)(i + 1));
        const float middle = low + (high - low) / 2.0f;
        const uint32_t even = (i & 1) == 0 ? i : i + 1;
        assert_int_equal(pw_f32_f16(middle), even);
        assert_int_equal(pw_f32_f16(nextafterf(middle, INFINITY)), i + 1);
        assert_int_equal(pw_f32_f16(nextafterf(middle, 0.0f)), i);
        assert_int_equal(pw_f32_f16(-middle), even | 0x8000);
    }
    assert_int_equal(pw_f32_f16(65519.996f), 0x7bff);
    assert_int_equal(pw_f32_f16(65520.0f), 0x7c00);
    assert_int_equal(pw_f32_f16(3e38f), 0x7c00);
    assert_int_equal(pw_f32_f16(-INFINITY), 0xfc00);
    assert_int_equal(pw_f32_f16(0x1p-25f), 0);
    assert_int_equal(pw_f32_f16(0x1.000002p-25f), 1);
    assert_int_equal(pw_f32_f16(-0.0f), 0x8000);
    assert_int_equal(pw_f32_f16(0x1p-149f), 0);
    assert_int_equal(pw_f32_f16(pw_bits_f32(0x7f800001u)), 0x7e00);
}

static void every_bf16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const uint16_t half = (uint16_t)i;
        const float value = pw_bf16_f32(half);
        assert_int_equal(pw_f32_bits(value), i << 16);
        if (isnan(value))
            assert_int_equal(pw_f32_bf16(value), half | 0x40);
        else
            assert_int_equal(pw_f32_bf16(value), half);
    }
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    pw_rng rng = {5};
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t bits = (uint32_t)pw_rng_u64(&rng);
        const float value = pw_bits_f32(bits);
        if (!isfinite(value)) continue;
        const uint32_t low = bits >> 16, rest = bits & 0xffff;
        const uint32_t up = rest > 0x8000 || (rest == 0x8000 && (low & 1) != 0);
        assert_int_equal(pw_f32_bf16(value), low + up);
    }
    assert_int_equal(pw_f32_bf16(pw_bits_f32(0x7f7fffffu)), 0x7f80);
    assert_int_equal(pw_f32_bf16(pw_bits_f32(0x7f800001u)), 0x7fc0);
    assert_int_equal(pw_f32_bf16(pw_bits_f32(0xffffffffu)), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(every_bf16),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
