#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/gate.h"
#include "pw/rng.h"

/* Rounds of a case with noise of some 1 %, the judged side `slower` times as slow. */
static gate_case made(size_t n, double slower, uint64_t seed)
{
    gate_case c = {.name = "case", .n = n};
    pw_rng rng = {.state = seed};
    for (size_t i = 0; i < n; i++) {
        c.base[i] = 1.0 + 0.01 * (double)pw_rng_normal(&rng);
        c.self[i] = slower * (1.0 + 0.01 * (double)pw_rng_normal(&rng));
        c.seconds[0][i] = c.base[i];
        c.seconds[1][i] = c.self[i];
    }
    return c;
}

static void test_slower(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        gate_case c = made(24, 1.05, seed);
        gate_verdict v = gate_judge(&c, false);
        assert_true(v.slower && v.ratio > 1.03 && v.ratio < 1.07);
        c = made(24, 1.04, seed);
        assert_true(gate_judge(&c, false).slower);
        c.memory_bound = true; /* there the bound is wider */
        assert_false(gate_judge(&c, false).slower);
        c = made(24, 1.10, seed);
        c.memory_bound = true;
        assert_true(gate_judge(&c, false).slower);
        memcpy(c.seconds[1], c.seconds[0], sizeof c.seconds[0]); /* only the probe was faster */
        assert_false(gate_judge(&c, false).slower);
        c = made(7, 1.05, seed);
        assert_true(gate_judge(&c, true).slower);
    }
}

static void test_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        const gate_case c = made(24, 1.0, seed);
        assert_false(gate_judge(&c, false).slower);
        const gate_case faster = made(24, 0.8, seed);
        assert_false(gate_judge(&faster, true).slower);
    }
}

/* Eight cases of few rounds and much noise: too little for each alone. */
static gate_row row_of(double slower, uint64_t seed)
{
    static gate_row row;
    static const char *const names[] = {"r/1", "r/2", "r/3", "r/4", "r/5", "r/6", "r/7", "r/8"};
    pw_rng rng = {.state = seed};
    row = (gate_row){.name = "r"};
    for (size_t i = 0; i < 8; i++) {
        gate_case c = {.name = names[i], .n = 24};
        const double scale = (double)(1 << i);
        for (size_t k = 0; k < c.n; k++) {
            c.base[k] = scale * (1.0 + 0.05 * (double)pw_rng_normal(&rng));
            c.self[k] = slower * scale * (1.0 + 0.05 * (double)pw_rng_normal(&rng));
        }
        gate_row_add(&row, &c);
    }
    return row;
}

static void test_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        gate_row row = row_of(1.05, seed);
        assert_int_equal(row.n_cases, 8);
        assert_int_equal(row.n, 8 * 24);
        assert_true(gate_row_judge(&row, false).slower);
        row = row_of(1.0, seed);
        assert_false(gate_row_judge(&row, false).slower);
    }
    gate_row row = {.n = 0};
    gate_case c = made(24, 2.0, 1);
    c.memory_bound = true; /* says nothing of the row's arithmetic */
    gate_row_add(&row, &c);
    c.memory_bound = false;
    c.busy = true;
    gate_row_add(&row, &c);
    c.busy = false;
    snprintf(c.error, sizeof c.error, "lost");
    gate_row_add(&row, &c);
    assert_int_equal(row.n_cases, 0);
    assert_false(gate_row_judge(&row, true).slower);
}

static void test_agreed(void **state)
{
    (void)state;
    char text[128];
    json_t *refs = json_loads("{\"cases\":{\"a\":{\"share\":0.5,\"vs\":{\"ggml\":1.5}}}}", 0, NULL);
    const json_t *agreed = gate_agreed(refs, "a");
    assert_non_null(agreed);
    assert_null(gate_agreed(refs, "b"));
    assert_null(gate_agreed(NULL, "a"));
    json_t *good = json_loads("{\"ggml\":1.6}", 0, NULL),
           *bad = json_loads("{\"ggml\":1.4}", 0, NULL);
    gate_below(agreed, 0.6, good, text, sizeof text);
    assert_string_equal(text, "");
    gate_below(agreed, 0.6, NULL, text, sizeof text); /* a rival that is not there is no failure */
    assert_string_equal(text, "");
    gate_below(agreed, 0.45, good, text, sizeof text);
    assert_string_equal(text, "45.0 % of the limit, 50.0 % agreed");
    gate_below(agreed, 0.6, bad, text, sizeof text);
    assert_string_equal(text, "1.40 times ggml, 1.50 agreed");
    json_decref(good);
    json_decref(bad);
    json_decref(refs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slower),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
