/* Logits to a token. */
#ifndef PW_RUNTIME_ENGINE_SAMPLER_H
#define PW_RUNTIME_ENGINE_SAMPLER_H

#include "pewter.h"
#include "pw/rng.h"

typedef struct pw_candidate {
    int32_t id;
    float logit; /* later: probability, not normalised */
} pw_candidate;

/* Working memory for one sampler at a time; both [vocab], counts all zero between calls. */
typedef struct pw_sampler_scratch {
    pw_candidate *candidates;
    int32_t *counts;
} pw_sampler_scratch;

/* The next token, -1 where a logit is not a number or the best is infinite. `mask` has one bit a token, of the
 * lowest first: those that may come next; NULL: all. `recent` are the tokens that penalties count. Order: penalties and biases, top-k, top-p, min-p, temperature, draw. Equal logits: the lower
 * id first. The same seed draws the same tokens on every machine. */
int32_t pw_sample(const pewter_session_options *options, const float *logits, int64_t vocab,
                  const uint32_t *mask, const int32_t *recent, int64_t n_recent, pw_rng *rng,
                  const pw_sampler_scratch *scratch);

#endif
