/* Log-probabilities of tokens, and the likeliest of a place. */
#ifndef PW_RUNTIME_ENGINE_LOGPROB_H
#define PW_RUNTIME_ENGINE_LOGPROB_H

#include "pewter.h"

/* log(sum(exp(logits))), in double. */
double pw_log_sum_exp(const float *logits, int64_t vocab);

/* The log-probability of `token`; the n likeliest (n up to vocab) into `top`, best first, of equal ones the lower
 * id first. */
float pw_logprobs(const float *logits, int64_t vocab, int32_t token, pewter_logprob *top,
                  int32_t n);

#endif
