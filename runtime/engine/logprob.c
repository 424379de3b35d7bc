#include "runtime/engine/logprob.h"

#include <math.h>

#include "kernels/math.h"

double pw_log_sum_exp(const float *logits, int64_t vocab)
{
    float best = -INFINITY;
    for (int64_t i = 0; i < vocab; i++) best = logits[i] > best ? logits[i] : best;
    double sum = 0.0;
    for (int64_t i = 0; i < vocab; i++) sum += pw_exp((double)logits[i] - (double)best);
    return (double)best + pw_log(sum);
}

/* The best first, by insertion: n is small, and hardly a logit is among them. */
static void find_top(const float *logits, int64_t vocab, pewter_logprob *top, int32_t n)
{
    int32_t found = 0;
    for (int64_t i = 0; i < vocab; i++) {
        if (found == n && !(logits[i] > top[n - 1].logprob)) continue;
        int32_t at = found < n ? found++ : n - 1;
        for (; at > 0 && top[at - 1].logprob < logits[i]; at--) top[at] = top[at - 1];
        top[at] = (pewter_logprob){.token = (int32_t)i, .logprob = logits[i]};
    }
}

float pw_logprobs(const float *logits, int64_t vocab, int32_t token, pewter_logprob *top, int32_t n)
{
    const double sum = pw_log_sum_exp(logits, vocab);
    if (n > 0) find_top(logits, vocab, top, n);
    for (int32_t i = 0; i < n; i++) top[i].logprob = (float)((double)top[i].logprob - sum);
    return (float)((double)logits[token] - sum);
}
