#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/features.h"

static const uint64_t all = PW_CPU_AVX2 | PW_CPU_FMA | PW_CPU_F16C | PW_CPU_AVXVNNI |
                            PW_CPU_AVX512 | PW_CPU_AVX512VNNI | PW_CPU_AVX512BF16 |
                            PW_CPU_AVX512VBMI | PW_CPU_NEON | PW_CPU_DOTPROD | PW_CPU_I8MM;

static void test_detect(void **state)
{
    (void)state;
    const uint64_t found = pw_cpu_detect();
    assert_int_equal(found & ~all, 0);
    assert_int_equal(found, pw_cpu_detect());
    const uint64_t needs_512 = PW_CPU_AVX512VNNI | PW_CPU_AVX512BF16 | PW_CPU_AVX512VBMI;
    if ((found & needs_512) != 0) assert_true((found & PW_CPU_AVX512) != 0);
    const uint64_t needs_avx2 = PW_CPU_AVXVNNI | PW_CPU_AVX512 | PW_CPU_F16C | PW_CPU_FMA;
    if ((found & needs_avx2) != 0) assert_true((found & PW_CPU_AVX2) != 0);
#if defined(__x86_64__)
    /* The compiler's own detection, which also asks the system for the register states. */
    assert_int_equal((found & PW_CPU_AVX2) != 0, __builtin_cpu_supports("avx2") != 0);
    assert_int_equal((found & PW_CPU_FMA) != 0, __builtin_cpu_supports("fma") != 0);
    assert_int_equal((found & PW_CPU_AVX512VNNI) != 0, __builtin_cpu_supports("avx512vnni") != 0);
    assert_int_equal((found & PW_CPU_AVX512) != 0, __builtin_cpu_supports("avx512bw") != 0 &&
                                                       __builtin_cpu_supports("avx512vl") != 0 &&
                                                       __builtin_cpu_supports("avx512dq") != 0);
#endif
}

static void test_levels(void **state)
{
    (void)state;
    const char *bad = NULL;
    uint64_t out = 1;
    assert_true(pw_cpu_mask("scalar", all, &out, &bad));
    assert_int_equal(out, 0);
    assert_true(pw_cpu_mask("avx2", all, &out, &bad));
    assert_int_equal(out, PW_CPU_AVX2 | PW_CPU_FMA | PW_CPU_F16C);
    assert_true(pw_cpu_mask("avx512", all, &out, &bad));
    assert_int_equal(out, all & ~(uint64_t)(PW_CPU_NEON | PW_CPU_DOTPROD | PW_CPU_I8MM));
    /* A mask takes away and never adds. */
    assert_true(pw_cpu_mask("avx512", PW_CPU_AVX2, &out, &bad));
    assert_int_equal(out, PW_CPU_AVX2);
    assert_true(bad == NULL);
}

static void test_names(void **state)
{
    (void)state;
    const char *bad = NULL;
    uint64_t out = 7;
    assert_true(pw_cpu_mask("avx2+f16c", all, &out, &bad));
    assert_int_equal(out, PW_CPU_AVX2 | PW_CPU_F16C);
    assert_true(pw_cpu_mask("avxvnni", all, &out, &bad));
    assert_int_equal(out, PW_CPU_AVXVNNI);

    static const char *const wrong[] = {"",          "avx9",     "avx2+", "+avx2",
                                        "avx2+avx9", "avx2 fma", "avx",   "scalar+avx2"};
    static const size_t at[] = {0, 0, 5, 0, 5, 0, 0, 0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        out = 7;
        bad = NULL;
        assert_false(pw_cpu_mask(wrong[i], all, &out, &bad));
        assert_ptr_equal(bad, wrong[i] + at[i]);
        assert_int_equal(out, 7);
    }
}

static void test_words(void **state)
{
    (void)state;
    char buf[128];
    pw_cpu_words(PW_CPU_AVX2 | PW_CPU_AVX512VNNI, buf, sizeof buf);
    assert_string_equal(buf, "avx2 avx512vnni");
    pw_cpu_words(0, buf, sizeof buf);
    assert_string_equal(buf, "");

    /* Every cut leaves a terminated start of the whole, and nothing behind it. */
    char whole[128];
    pw_cpu_words(all, whole, sizeof whole);
    for (size_t cap = 0; cap < sizeof buf; cap++) {
        memset(buf, '#', sizeof buf);
        pw_cpu_words(all, buf, cap);
        if (cap > 0) assert_memory_equal(buf, whole, strlen(buf));
        if (cap > 0) assert_true(strlen(buf) < cap);
        assert_int_equal(buf[cap], '#');
        if (cap == sizeof buf - 1) break;
    }
}

static void test_name(void **state)
{
    (void)state;
    char buf[64], small[4] = "###";
    pw_cpu_name(buf, sizeof buf);
    assert_true(strlen(buf) < sizeof buf);
    if (buf[0] != '\0') assert_true(buf[0] != ' ' && buf[strlen(buf) - 1] != ' ');
    pw_cpu_name(small, 0);
    assert_string_equal(small, "###");
    pw_cpu_name(small, sizeof small);
    assert_true(strlen(small) < sizeof small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect), cmocka_unit_test(test_levels), cmocka_unit_test(test_names),
        cmocka_unit_test(test_words),  cmocka_unit_test(test_name),
    };
    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
