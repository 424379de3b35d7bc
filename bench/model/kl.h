/* How far a model's distributions are from those of the same model computed with f32 activations. */
#ifndef PW_BENCH_MODEL_KL_H
#define PW_BENCH_MODEL_KL_H

#include "bench/model/write.h"

/* All logits of `count` tokens of the tests' text, f32 [count][vocab]; freed by free(). */
PW_MUST pewter_status kl_rows(pewter_model *model, int64_t count, float **out, pewter_error *err);

/* Kullback-Leibler divergence of each position, in nats. */
record_kl kl_between(const float *exact, const float *other, int64_t count, int64_t vocab);

#endif
