/* Rotary positions against the papers' formulas in long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/model/rope.h"

static const long double two_pi = 6.283185307179586476925286766559L;

static long double clamp(long double x)
{
    return x < 0.0L ? 0.0L : x > 1.0L ? 1.0L : x;
}

/* Peng et al. 2023, equations 17, 18 and 23: the ramp over pairs between the two turning counts. */
static long double yarn(const pw_rope_spec *s, int64_t pair, long double angle)
{
    const long double dims = (long double)s->dims, base = (long double)s->base;
    const long double length = (long double)s->original_context;
    long double low =
        floorl(dims * logl(length / ((long double)s->beta_fast * two_pi)) / (2.0L * logl(base)));
    long double high =
        ceill(dims * logl(length / ((long double)s->beta_slow * two_pi)) / (2.0L * logl(base)));
    if (low < 0.0L) low = 0.0L;
    if (high > dims - 1.0L) high = dims - 1.0L;
    if (high - low < 0.001L) high = low + 0.001L;
    const long double share = clamp(((long double)pair - low) / (high - low));
    return angle / (long double)s->factor * share + angle * (1.0L - share);
}

static void check(const pw_rope_spec *s, const char *name)
{
    static const int64_t positions[] = {0, 1, 2, 63, 64, 1000, 8191, 131071};
    const pw_rope rope = pw_rope_of(s);
    assert_int_equal(rope.pairs, s->dims / 2);
    long double scale = 1.0L;
    if (s->scaling == PW_ROPE_YARN)
        scale = (long double)s->attention_factor * (1.0L + 0.1L * logl((long double)s->factor));
    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
        float row[2 * PW_ROPE_MAX_PAIRS];
        pw_rope_row(&rope, positions[p], row);
        for (int64_t i = 0; i < rope.pairs; i++) {
            long double angle =
                powl((long double)s->base, -2.0L * (long double)i / (long double)s->dims);
            if (s->factors != NULL) angle /= (long double)s->factors[i];
            if (s->scaling == PW_ROPE_LINEAR) angle /= (long double)s->factor;
            if (s->scaling == PW_ROPE_YARN) angle = yarn(s, i, angle);
            const long double x = (long double)positions[p] * angle;
            const long double error_cos = fabsl((long double)row[2 * i] - scale * cosl(x));
            const long double error_sin = fabsl((long double)row[2 * i + 1] - scale * sinl(x));
            if (error_cos > 1.2e-7L || error_sin > 1.2e-7L)
                fail_msg("%s: pair %lld at %lld: errors %Lg, %Lg", name, (long long)i,
                         (long long)positions[p], error_cos, error_sin);
        }
    }
}

static void test_no_scaling(void **state)
{
    (void)state;
    static const int64_t dims[] = {2, 8, 64, 96, 128, 512};
    static const double bases[] = {10000.0, 100000.0, 500000.0, 1e6, 2.0};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
            check(&(pw_rope_spec){.dims = dims[d], .base = bases[b], .factor = 1.0}, "none");
}

static void test_linear(void **state)
{
    (void)state;
    static const double factors[] = {1.0, 2.0, 4.0, 8.5};
    for (size_t i = 0; i < 4; i++)
        check(
            &(pw_rope_spec){
                .dims = 64, .base = 10000.0, .scaling = PW_ROPE_LINEAR, .factor = factors[i]},
            "linear");
}

/* The factors that Llama 3.1 stretches slow pairs by: 8 over 8192 positions, between 1 and 4 turns. */
static void test_llama3(void **state)
{
    (void)state;
    float factors[64];
    for (int i = 0; i < 64; i++) {
        const double length = 6.283185307179586 * pow(500000.0, 2.0 * i / 128.0);
        const double smooth = (8192.0 / length - 1.0) / 3.0;
        factors[i] = length < 2048.0   ? 1.0f
                     : length > 8192.0 ? 8.0f
                                       : (float)(1.0 / ((1.0 - smooth) / 8.0 + smooth));
    }
    assert_true(factors[0] == 1.0f && factors[63] == 8.0f);
    check(&(pw_rope_spec){.dims = 128, .base = 500000.0, .factor = 1.0, .factors = factors},
          "llama3");
}

static void test_yarn(void **state)
{
    (void)state;
    static const struct {
        int64_t dims, original;
        double base, factor, fast, slow, attention;
    } cases[] = {
        {128, 4096, 10000.0, 16.0, 32.0, 1.0, 1.0}, {128, 32768, 1e6, 4.0, 32.0, 1.0, 1.0},
        {64, 2048, 10000.0, 2.0, 32.0, 1.0, 0.9},   {64, 512, 10000.0, 8.0, 4.0, 2.0, 1.0},
        {32, 64, 10000.0, 4.0, 32.0, 1.0, 1.0},    /* the fast end is below pair 0 */
        {16, 1 << 20, 100.0, 4.0, 32.0, 1.0, 1.0}, /* the slow end is above the last */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&(pw_rope_spec){.dims = cases[i].dims,
                              .base = cases[i].base,
                              .scaling = PW_ROPE_YARN,
                              .factor = cases[i].factor,
                              .original_context = cases[i].original,
                              .beta_fast = cases[i].fast,
                              .beta_slow = cases[i].slow,
                              .attention_factor = cases[i].attention},
              "yarn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_scaling),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_llama3),
        cmocka_unit_test(test_yarn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
