#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/act.h"
#include "kernels/half.h"
#include "pw/rng.h"

static void *need(size_t bytes)
{
    void *data = malloc(bytes);
    assert_non_null(data);
    return memset(data, 0x5a, bytes);
}

static float largest(const float *x, int64_t n)
{
    float most = 0.0f;
    for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* Some blocks much smaller than others, some values far outside. */
static void fill(float *x, int64_t k, pw_rng *rng)
{
    for (int64_t i = 0; i < k; i++) {
        x[i] = pw_rng_normal(rng) * ldexpf(1.0f, -(int)(i / 32 * 5 % 31));
        if (i % 97 == 13) x[i] *= 8.0f;
    }
}

/* Every part of the definition in kernels/act.h, for one slab of one row. */
static void check_slab(const pw_q8x *a, void *data, int64_t slab, int64_t row, const float *x,
                       int64_t ks)
{
    const float amax = largest(x, ks), scale = *pw_q8x_scale(a, data, slab, row);
    const int8_t *q = pw_q8x_values(a, data, slab, row);
    const int32_t *exponent = pw_q8x_exponent(a, data, slab, row);
    const int32_t *sum = pw_q8x_sum(a, data, slab, row);
    assert_true(scale == amax / 127.0f);
    for (int64_t b = 0; b < PW_SLAB_BLOCKS; b++) {
        if (b >= ks / 32) {
            assert_int_equal(exponent[b], 0);
            assert_int_equal(sum[b], 0);
            continue;
        }
        const int e = exponent[b] / (1 << 23);
        const float most = largest(x + 32 * b, 32);
        assert_int_equal((uint32_t)exponent[b] & 0x7fffff, 0);
        assert_in_range(e + 20, 0, 20);
        assert_true(most <= ldexpf(amax, e));
        if (e > -20) assert_true(most > ldexpf(amax, e - 1));
        int32_t total = 0;
        for (int64_t i = 32 * b; i < 32 * b + 32; i++) {
            assert_true(q[i] >= -127);
            const float unit = ldexpf(scale, e);
            assert_true((float)q[i] == rintf(x[i] * (1.0f / unit)));
            assert_true(fabsf((float)q[i] * unit - x[i]) <= 0.501f * unit);
            total += q[i];
        }
        assert_int_equal(sum[b], -total);
    }
}

static void q8x_is_as_defined(void **state)
{
    (void)state;
    static const int64_t sizes[] = {32, 64, 256, 288, 576, 1024};
    pw_rng rng = {1};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t k = sizes[s], n = 3;
        float *x = need((size_t)(k * n) * sizeof *x), *y = need((size_t)k * sizeof *y);
        const size_t bytes = pw_act_bytes(PW_Q8X, k, n);
        const pw_q8x a = pw_q8x_of(k, n);
        char *data = need(bytes + 1);
        assert_int_equal(a.bytes, bytes);
        assert_int_equal((a.scale | a.exponent | a.sum | a.bytes) % 64, 0);
        for (int64_t row = 0; row < n; row++) {
            fill(x + row * k, k, &rng);
            pw_act_write(PW_Q8X, data, k, n, row, x + row * k);
        }
        for (int64_t row = 0; row < n; row++) {
            for (int64_t at = 0; at < k; at += PW_SLAB)
                check_slab(&a, data, at / PW_SLAB, row, x + row * k + at,
                           k - at < PW_SLAB ? k - at : PW_SLAB);
            pw_act_read(PW_Q8X, data, k, n, row, y);
            for (int64_t i = 0; i < k; i++)
                assert_true(fabsf(y[i] - x[row * k + i]) <= largest(x + row * k, k) / 253.0f);
        }
        assert_int_equal(data[bytes], 0x5a);
        free(data);
        free(y);
        free(x);
    }
}

/* Values that are small multiples of a scale come back as they were. */
static void q8x_keeps_whole_numbers(void **state)
{
    (void)state;
    float x[64], y[64];
    for (int i = 0; i < 64; i++) x[i] = (float)(i * 4 - 127);
    x[0] = -127.0f;
    x[63] = 127.0f;
    char *data = need(pw_act_bytes(PW_Q8X, 64, 1));
    pw_act_write(PW_Q8X, data, 64, 1, 0, x);
    pw_act_read(PW_Q8X, data, 64, 1, 0, y);
    assert_memory_equal(x, y, sizeof x);
    free(data);
}

static void q8x_of_zero_and_faint(void **state)
{
    (void)state;
    static const float levels[] = {0.0f, 0x1p-149f, 0x1p-81f};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        float x[288], y[288];
        for (int i = 0; i < 288; i++) x[i] = i % 2 == 0 ? levels[l] : -levels[l];
        char *data = need(pw_act_bytes(PW_Q8X, 288, 1));
        pw_act_write(PW_Q8X, data, 288, 1, 0, x);
        pw_act_read(PW_Q8X, data, 288, 1, 0, y);
        for (int i = 0; i < 288; i++) assert_true(y[i] == 0.0f);
        free(data);
    }
    /* The faintest slab that counts, with blocks down to nothing in it: all finite. */
    float x[256], y[256];
    for (int i = 0; i < 256; i++) x[i] = ldexpf(0x1p-80f, -(i / 32) * 6);
    char *data = need(pw_act_bytes(PW_Q8X, 256, 1));
    pw_act_write(PW_Q8X, data, 256, 1, 0, x);
    pw_act_read(PW_Q8X, data, 256, 1, 0, y);
    for (int i = 0; i < 256; i++)
        assert_true(fabsf(y[i] - x[i]) <= 0x1p-80f * 0x1p-27f + x[i] / 64);
    free(data);
}

static void q8x_of_what_is_not_finite(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        float x[512], y[512];
        for (int i = 0; i < 512; i++) x[i] = 1.0f;
        x[300] = bad[b];
        char *data = need(pw_act_bytes(PW_Q8X, 512, 1));
        const pw_q8x a = pw_q8x_of(512, 1);
        pw_act_write(PW_Q8X, data, 512, 1, 0, x);
        assert_true(isnan(*pw_q8x_scale(&a, data, 1, 0)));
        for (int i = 0; i < 256; i++) assert_int_equal(pw_q8x_values(&a, data, 1, 0)[i], 0);
        for (int i = 0; i < PW_SLAB_BLOCKS; i++) {
            assert_int_equal(pw_q8x_exponent(&a, data, 1, 0)[i], 0);
            assert_int_equal(pw_q8x_sum(&a, data, 1, 0)[i], 0);
        }
        pw_act_read(PW_Q8X, data, 512, 1, 0, y);
        for (int i = 0; i < 256; i++) assert_true(fabsf(y[i] - 1.0f) < 1e-6f);
        for (int i = 256; i < 512; i++) assert_true(isnan(y[i]));
        free(data);
    }
}

/* The largest numbers neither overflow nor lose their sign. */
static void q8x_of_the_largest(void **state)
{
    (void)state;
    float x[32], y[32];
    for (int i = 0; i < 32; i++) x[i] = i % 2 == 0 ? 3.4e38f : -3.4e38f;
    char *data = need(pw_act_bytes(PW_Q8X, 32, 1));
    pw_act_write(PW_Q8X, data, 32, 1, 0, x);
    pw_act_read(PW_Q8X, data, 32, 1, 0, y);
    for (int i = 0; i < 32; i++) assert_true(fabsf(y[i] / x[i] - 1.0f) < 1e-6f);
    free(data);
}

static void b16x_is_bf16_in_slabs(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 33, 256, 257, 600};
    pw_rng rng = {2};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t k = sizes[s], n = 2;
        float *x = need((size_t)(k * n) * sizeof *x), *y = need((size_t)k * sizeof *y);
        const size_t bytes = pw_act_bytes(PW_B16X, k, n);
        char *data = need(bytes + 1);
        for (int64_t row = 0; row < n; row++) {
            fill(x + row * k, k, &rng);
            pw_act_write(PW_B16X, data, k, n, row, x + row * k);
        }
        for (int64_t row = 0; row < n; row++) {
            pw_act_read(PW_B16X, data, k, n, row, y);
            for (int64_t i = 0; i < k; i++) {
                const uint16_t half = pw_f32_bf16(x[row * k + i]);
                assert_int_equal(pw_f32_bits(y[i]), pw_f32_bits(pw_bf16_f32(half)));
                assert_int_equal(pw_b16x_values(data, k, n, i / PW_SLAB, row)[i % PW_SLAB], half);
            }
            if (k % 2 == 1)
                assert_int_equal(pw_b16x_values(data, k, n, k / PW_SLAB, row)[k % PW_SLAB], 0);
        }
        assert_int_equal(data[bytes], 0x5a);
        free(data);
        free(y);
        free(x);
    }
}

static void f32_is_itself(void **state)
{
    (void)state;
    const float x[3] = {1.0f, -0.0f, 3e38f};
    float data[6], y[3];
    assert_int_equal(pw_act_bytes(PW_F32, 3, 2), 24);
    pw_act_write(PW_F32, data, 3, 2, 1, x);
    pw_act_read(PW_F32, data, 3, 2, 1, y);
    assert_memory_equal(x, y, sizeof x);
}

static void which_rows_are_taken(void **state)
{
    (void)state;
    assert_true(pw_act_takes(PW_Q8X, 576));
    assert_false(pw_act_takes(PW_Q8X, 577));
    assert_true(pw_act_takes(PW_B16X, 577));
    assert_true(pw_act_takes(PW_F32, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q8x_is_as_defined),     cmocka_unit_test(q8x_keeps_whole_numbers),
        cmocka_unit_test(q8x_of_zero_and_faint), cmocka_unit_test(q8x_of_what_is_not_finite),
        cmocka_unit_test(q8x_of_the_largest),    cmocka_unit_test(b16x_is_bf16_in_slabs),
        cmocka_unit_test(f32_is_itself),         cmocka_unit_test(which_rows_are_taken),
    };
    return cmocka_run_group_tests_name("act", tests, NULL, NULL);
}
