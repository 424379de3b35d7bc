#include "runtime/engine/sampler.h"

#include <math.h>

#include "kernels/math.h"
#include "pw/num.h"

static bool is_in(const uint32_t *mask, int64_t token)
{
    return mask == NULL || (mask[token >> 5] >> (token & 31) & 1u) != 0;
}

/* The best of the tokens in the mask; -1: none is above minus infinity. */
static int32_t greedy_in(const uint32_t *mask, const float *logits, int64_t vocab)
{
    float best = -INFINITY;
    int32_t at = -1;
    for (int64_t i = 0; i < vocab; i++) {
        if ((i & 31) == 0 && mask[i >> 5] == 0) {
            i += 31;
            continue;
        }
        if (!is_in(mask, i) || !(logits[i] > best)) continue;
        best = logits[i];
        at = (int32_t)i;
    }
    return at;
}

/* The arg-max; -1 where a logit is NaN or the best is infinite. */
static int32_t greedy(const uint32_t *mask, const float *logits, int64_t vocab)
{
    float best = -INFINITY;
    bool numbers = true;
    for (int64_t i = 0; i < vocab; i++) {
        numbers = numbers && logits[i] == logits[i];
        best = logits[i] > best ? logits[i] : best;
    }
    if (!numbers || !isfinite(best)) return -1;
    int64_t at = 0;
    while (logits[at] != best) at++;
    return is_in(mask, at) ? (int32_t)at : greedy_in(mask, logits, vocab);
}

static bool has_penalties(const pewter_session_options *o)
{
    return o->repetition_penalty != 1.0f || o->presence_penalty != 0.0f ||
           o->frequency_penalty != 0.0f;
}

/* The candidates stand in the order of their ids here. */
static void add_biases(const pewter_session_options *o, pw_candidate *candidates, int64_t n)
{
    for (size_t i = 0; i < o->n_bias; i++) {
        int64_t low = 0, high = n;
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (candidates[middle].id < o->bias[i].token)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < n && candidates[low].id == o->bias[i].token)
            candidates[low].logit += o->bias[i].bias;
    }
}

/* Keskar et al. 2019 for repetition (a positive logit is divided, a negative one multiplied);
 * presence and frequency as in OpenAI's API. */
static float penalised(const pewter_session_options *o, float logit, int32_t count)
{
    if (count == 0) return logit;
    logit = logit > 0.0f ? logit / o->repetition_penalty : logit * o->repetition_penalty;
    return logit - o->presence_penalty - o->frequency_penalty * (float)count;
}

/* The tokens of the mask with their logits; returns how many. */
static int64_t take_candidates(const pewter_session_options *o, const float *logits, int64_t vocab,
                               const uint32_t *mask, const int32_t *recent, int64_t n_recent,
                               const pw_sampler_scratch *scratch)
{
    const bool penalties = has_penalties(o);
    int64_t n = 0;
    if (penalties)
        for (int64_t i = 0; i < n_recent; i++) scratch->counts[recent[i]]++;
    for (int64_t i = 0; i < vocab; i++) {
        if (!is_in(mask, i)) continue;
        const int32_t count = penalties ? scratch->counts[i] : 0;
        scratch->candidates[n++] =
            (pw_candidate){.id = (int32_t)i, .logit = penalised(o, logits[i], count)};
    }
    if (penalties)
        for (int64_t i = 0; i < n_recent; i++) scratch->counts[recent[i]] = 0;
    add_biases(o, scratch->candidates, n);
    return n;
}

/* Negative where x comes before y. */
static int by_logit(const pw_candidate *x, const pw_candidate *y)
{
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Restores the heap (least candidate on top) from `at` down. */
static void sift(pw_candidate *heap, int64_t n, int64_t at)
{
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n) return;
        if (child + 1 < n && by_logit(&heap[child + 1], &heap[child]) > 0) child++;
        if (by_logit(&heap[child], &heap[at]) <= 0) return;
        const pw_candidate swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

/* The k best to the front, in order: a heap of k, so that a large vocabulary is read once. */
static void best_first(pw_candidate *c, int64_t n, int64_t k)
{
    for (int64_t i = k / 2 - 1; i >= 0; i--) sift(c, k, i);
    for (int64_t i = k; i < n; i++) {
        if (by_logit(&c[i], &c[0]) >= 0) continue;
        c[0] = c[i];
        sift(c, k, 0);
    }
    for (int64_t left = k - 1; left > 0;
         left--) { /* the least goes last: no qsort, it may allocate */
        const pw_candidate least = c[0];
        c[0] = c[left];
        c[left] = least;
        sift(c, left, 0);
    }
}

/* Probabilities at temperature 1 decide top-p and min-p. `c` is sorted; returns how many stay. */
static int64_t cut(const pewter_session_options *o, const pw_candidate *c, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += pw_exp((double)c[i].logit - (double)c[0].logit);
    double before = 0.0;
    int64_t keep = 0;
    while (keep < n) {
        const double p = pw_exp((double)c[keep].logit - (double)c[0].logit);
        if (keep > 0 && (before >= (double)o->top_p * sum || p < (double)o->min_p)) break;
        before += p;
        keep++;
    }
    return keep;
}

static int32_t draw(const pewter_session_options *o, const pw_candidate *c, int64_t n, pw_rng *rng)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += pw_exp(((double)c[i].logit - (double)c[0].logit) / (double)o->temperature);
    double left = pw_rng_unit(rng) * sum;
    for (int64_t i = 0; i < n; i++) {
        left -= pw_exp(((double)c[i].logit - (double)c[0].logit) / (double)o->temperature);
        if (left < 0.0) return c[i].id;
    }
    return c[n - 1].id;
}

int32_t pw_sample(const pewter_session_options *options, const float *logits, int64_t vocab,
                  const uint32_t *mask, const int32_t *recent, int64_t n_recent, pw_rng *rng,
                  const pw_sampler_scratch *scratch)
{
    const int32_t best = greedy(mask, logits, vocab);
    if (best < 0) return -1;
    const bool cold = options->temperature <= 0.0f;
    if (cold && !has_penalties(options) && options->n_bias == 0) return best;

    const int64_t all = take_candidates(options, logits, vocab, mask, recent, n_recent, scratch);
    int64_t n = all;
    if (cold)
        n = 1;
    else if (options->top_k > 0)
        n = pw_min(options->top_k, all);
    best_first(scratch->candidates, all, n);
    if (cold) return scratch->candidates[0].id;
    n = cut(options, scratch->candidates, n);
    return draw(options, scratch->candidates, n, rng);
}
