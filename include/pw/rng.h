/* A small seeded generator for the sampler, synthetic weights, tests and benches.
 * Source: Vigna 2015, splitmix64. */
#ifndef PW_RNG_H
#define PW_RNG_H

#include <stdint.h>

typedef struct pw_rng {
    uint64_t state;
} pw_rng;

static inline uint64_t pw_rng_u64(pw_rng *rng)
{
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1), 53 bits. */
static inline double pw_rng_unit(pw_rng *rng)
{
    return (double)(pw_rng_u64(rng) >> 11) * 0x1p-53;
}

/* Uniform in [low, high]. */
static inline int64_t pw_rng_range(pw_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)(pw_rng_u64(rng) % (uint64_t)(high - low + 1));
}

/* Near to a standard normal: the sum of twelve uniforms, minus six. */
static inline float pw_rng_normal(pw_rng *rng)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++) sum += pw_rng_unit(rng);
    return (float)sum;
}

#endif
