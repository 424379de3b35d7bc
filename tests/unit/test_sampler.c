#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/logprob.h"
#include "runtime/engine/sampler.h"

enum { VOCAB = 16 };

/* What a call needs, with room behind that nobody may touch. */
typedef struct bench {
    pw_candidate candidates[VOCAB];
    int32_t counts[VOCAB];
    pw_rng rng;
    pewter_session_options options;
    int32_t recent[8];
    int64_t n_recent;
} bench;

static bench plain(float temperature)
{
    return (bench){
        .options = {.temperature = temperature, .top_p = 1.0f, .repetition_penalty = 1.0f},
        .rng = {.state = 1}};
}

static int32_t sample(bench *b, const float *logits, int64_t vocab)
{
    const pw_sampler_scratch scratch = {b->candidates, b->counts};
    const int32_t token =
        pw_sample(&b->options, logits, vocab, NULL, b->recent, b->n_recent, &b->rng, &scratch);
    for (int i = 0; i < VOCAB; i++) assert_int_equal(b->counts[i], 0);
    return token;
}

/* Which tokens come in a thousand draws, as bits. */
static uint32_t seen(bench *b, const float *logits, int64_t vocab)
{
    uint32_t bits = 0;
    for (int i = 0; i < 1000; i++) {
        const int32_t token = sample(b, logits, vocab);
        assert_true(token >= 0 && token < vocab);
        bits |= UINT32_C(1) << token;
    }
    return bits;
}

static void test_greedy_takes_the_first_best(void **state)
{
    (void)state;
    bench b = plain(0.0f);
    const float logits[5] = {-1.0f, 3.0f, 2.0f, 3.0f, 3.0f};
    assert_int_equal(sample(&b, logits, 5), 1);
    assert_int_equal(sample(&b, logits, 1), 0);
    b.options.top_k = 40;
    b.options.temperature = -1.0f;
    assert_int_equal(sample(&b, logits, 5), 1);
}

static void test_equal_logits_keep_their_order(void **state)
{
    (void)state;
    bench b = plain(1.0f);
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++) logits[i] = 0.5f;
    for (int32_t k = 1; k <= VOCAB; k++) {
        b.options.top_k = k;
        assert_int_equal(seen(&b, logits, VOCAB), (UINT32_C(1) << k) - 1);
    }
    b = plain(0.0f);
    b.options.presence_penalty = 1.0f; /* greedy with penalties goes another way */
    assert_int_equal(sample(&b, logits, VOCAB), 0);
    b.recent[0] = 0;
    b.n_recent = 1;
    assert_int_equal(sample(&b, logits, VOCAB), 1);
}

static void test_what_is_no_number_is_no_token(void **state)
{
    (void)state;
    static const float temperatures[] = {0.0f, 1.0f};
    for (size_t t = 0; t < 2; t++) {
        for (int at = 0; at < 4; at++) {
            bench b = plain(temperatures[t]);
            float logits[4] = {1.0f, 2.0f, 3.0f, 4.0f};
            logits[at] = NAN;
            assert_int_equal(sample(&b, logits, 4), -1);
            logits[at] = INFINITY;
            assert_int_equal(sample(&b, logits, 4), -1);
            logits[at] = -INFINITY; /* a token that is forbidden */
            b.options.top_k = 0;
            assert_int_equal(seen(&b, logits, 4) & (1u << at), 0);
            for (int i = 0; i < 4; i++) logits[i] = -INFINITY;
            assert_int_equal(sample(&b, logits, 4), -1);
        }
        bench b = plain(temperatures[t]);
        b.options.repetition_penalty = 0.01f;
        b.recent[0] = 1;
        b.n_recent = 1;
        const float huge[3] = {-3e38f, 3e38f, 1.0f}; /* 3e40 after the penalty */
        const int32_t token = sample(&b, huge, 3);
        assert_true(token >= 0 && token < 3);
    }
}

static void test_penalties(void **state)
{
    (void)state;
    const float logits[4] = {2.0f, 1.9f, 1.0f, -5.0f};
    bench b = plain(0.0f);
    b.options.repetition_penalty = 1.1f;
    assert_int_equal(sample(&b, logits, 4), 0);
    b.recent[0] = 0;
    b.n_recent = 1;
    assert_int_equal(sample(&b, logits, 4), 1); /* 2 / 1.1 < 1.9 */
    b.options.repetition_penalty = 1.04f;
    assert_int_equal(sample(&b, logits, 4), 0);
    const float below[2] = {-1.0f, -1.05f};
    b.options.repetition_penalty = 1.1f;
    assert_int_equal(sample(&b, below, 2), 1); /* -1 1.1 < -1.05: negative ones are multiplied */

    b = plain(0.0f);
    b.recent[0] = b.recent[1] = b.recent[2] = 0;
    b.recent[3] = 1;
    b.n_recent = 4;
    b.options.presence_penalty = 0.5f; /* 1.5, 1.4, 1 */
    assert_int_equal(sample(&b, logits, 4), 0);
    b.options.presence_penalty = 1.5f; /* 0.5, 0.4, 1 */
    assert_int_equal(sample(&b, logits, 4), 2);
    b.options.presence_penalty = 0.0f;
    b.options.frequency_penalty = 0.2f; /* 1.4, 1.7, 1 */
    assert_int_equal(sample(&b, logits, 4), 1);
    b.options.frequency_penalty = -2.0f; /* 8, 3.9, 1 */
    assert_int_equal(sample(&b, logits, 4), 0);
}

/* Penalties come before top-k: a penalised best does not take a place. */
static void test_order_of_the_steps(void **state)
{
    (void)state;
    const float logits[4] = {5.0f, 4.0f, 3.0f, 2.0f};
    bench b = plain(1.0f);
    b.options.top_k = 2;
    assert_int_equal(seen(&b, logits, 4), 3);
    b.options.presence_penalty = 10.0f;
    b.n_recent = 1;
    assert_int_equal(seen(&b, logits, 4), 6);
    /* top-p decides at temperature 1: a high temperature lets no more in. */
    b = plain(50.0f);
    b.options.top_p = 0.6f; /* 0.644 is the share of the best */
    assert_int_equal(seen(&b, logits, 4), 1);
    b.options.top_p = 0.65f;
    assert_int_equal(seen(&b, logits, 4), 3);
}

static void test_top_p_and_min_p(void **state)
{
    (void)state;
    float logits[5];
    static const double p[5] = {0.4, 0.3, 0.15, 0.1, 0.05};
    for (int i = 0; i < 5; i++) logits[(i + 2) % 5] = (float)log(p[i]); /* best is number 2 */
    static const struct {
        float top_p, min_p;
        uint32_t wanted;
    } cases[] = {
        {0.0f, 0.0f, 0x04},  {0.39f, 0.0f, 0x04}, {0.41f, 0.0f, 0x0c}, {0.69f, 0.0f, 0x0c},
        {0.71f, 0.0f, 0x1c}, {0.9f, 0.0f, 0x1d},  {0.96f, 0.0f, 0x1f}, {1.0f, 0.0f, 0x1f},
        {1.0f, 0.1f, 0x1f},  {1.0f, 0.2f, 0x1d},  {1.0f, 0.3f, 0x1c},  {1.0f, 0.5f, 0x0c},
        {1.0f, 0.8f, 0x04},  {1.0f, 1.0f, 0x04},  {0.71f, 0.5f, 0x0c},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b = plain(1.0f);
        b.options.top_p = cases[i].top_p;
        b.options.min_p = cases[i].min_p;
        const uint32_t found = seen(&b, logits, 5);
        if (found != cases[i].wanted)
            fail_msg("top_p %g, min_p %g: %x, %x wanted", (double)cases[i].top_p,
                     (double)cases[i].min_p, found, cases[i].wanted);
    }
}

/* The k best of a large vocabulary, whatever their order was. */
static void test_top_k_of_many(void **state)
{
    (void)state;
    enum { MANY = 5000, K = 40 };
    float *logits = calloc(MANY, sizeof *logits);
    pw_candidate *candidates = calloc(MANY, sizeof *candidates);
    int32_t *counts = calloc(MANY, sizeof *counts);
    assert_true(logits != NULL && candidates != NULL && counts != NULL);
    pw_rng rng = {.state = 5};
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) logits[i] = (float)pw_rng_range(&rng, 0, 300) * 0.01f;
        bench b = plain(1.0f);
        b.options.top_k = K;
        const pw_sampler_scratch scratch = {candidates, counts};
        for (int draw = 0; draw < 300; draw++) {
            const int32_t token =
                pw_sample(&b.options, logits, MANY, NULL, NULL, 0, &b.rng, &scratch);
            int better = 0;
            for (int i = 0; i < MANY; i++)
                better += logits[i] > logits[token] || (logits[i] == logits[token] && i < token);
            assert_true(better < K);
        }
    }
    free(logits);
    free(candidates);
    free(counts);
}

/* Pearson's test with 7 degrees of freedom: 24.3 is passed by one seed in a thousand. */
static void test_distribution(void **state)
{
    (void)state;
    enum { CLASSES = 8, DRAWS = 200000 };
    static const float temperatures[] = {0.3f, 0.7f, 1.0f, 2.0f};
    const float logits[CLASSES] = {0.0f, 1.0f, -0.5f, 0.3f, 0.7f, -1.2f, 0.9f, 0.1f};
    for (size_t t = 0; t < sizeof temperatures / sizeof *temperatures; t++) {
        bench b = plain(temperatures[t]);
        b.rng.state = 1234 + t;
        double counts[CLASSES] = {0}, weights[CLASSES], sum = 0.0, chi = 0.0;
        for (int i = 0; i < DRAWS; i++) counts[sample(&b, logits, CLASSES)]++;
        for (int i = 0; i < CLASSES; i++)
            sum += weights[i] = exp((double)logits[i] / (double)temperatures[t]);
        for (int i = 0; i < CLASSES; i++) {
            const double wanted = DRAWS * weights[i] / sum;
            chi += (counts[i] - wanted) * (counts[i] - wanted) / wanted;
        }
        if (!(chi < 24.3)) fail_msg("temperature %g: %g", (double)temperatures[t], chi);
    }
}

static void test_same_seed_same_tokens(void **state)
{
    (void)state;
    float logits[VOCAB];
    pw_rng rng = {.state = 9};
    for (int i = 0; i < VOCAB; i++) logits[i] = pw_rng_normal(&rng);
    bench a = plain(1.5f), b = plain(1.5f), c = plain(1.5f);
    c.rng.state = 2;
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        const int32_t token = sample(&a, logits, VOCAB);
        assert_int_equal(sample(&b, logits, VOCAB), token);
        differ += sample(&c, logits, VOCAB) != token;
    }
    assert_true(differ > 50);
}

static void test_log_sum_exp(void **state)
{
    (void)state;
    const float logits[4] = {100.0f, 99.0f, -1000.0f, 98.5f};
    const double wanted = 100.0 + log(1.0 + exp(-1.0) + exp(-1.5));
    assert_true(fabs(pw_log_sum_exp(logits, 4) - wanted) < 1e-12);
    assert_true(fabs(pw_log_sum_exp(logits, 1) - 100.0) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy_takes_the_first_best),
        cmocka_unit_test(test_equal_logits_keep_their_order),
        cmocka_unit_test(test_what_is_no_number_is_no_token),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_order_of_the_steps),
        cmocka_unit_test(test_top_p_and_min_p),
        cmocka_unit_test(test_top_k_of_many),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_same_seed_same_tokens),
        cmocka_unit_test(test_log_sum_exp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
