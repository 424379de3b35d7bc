/* What the integer matmul rows of every x86 ISA share: operands taken apart, bricks walked.
 *
 * All of them keep one order of sums, "q8x". For one row of weights and one token:
 *   a slab of 256:  s = 0; for each block of 32 in ascending order
 *                     s = fma(minimum, 2^e float(-sum of q), s)   where the format has minima
 *                     s = fma(scale 2^e, float(integer dot product), s), twice where scales are
 *                         for 16 values
 *   the row:        c = fma(s, scale of the slab, c), slabs in ascending order from c = 0
 * Integer products are exact, so that neither the tiles nor the ISA show in the result. */
#ifndef PW_KERNELS_CPU_X86_INT8_H
#define PW_KERNELS_CPU_X86_INT8_H

#include "kernels/act.h"
#include "kernels/cpu/x86/matmul.h"

/* One slab of the activations. */
typedef struct pw_slab {
    int64_t nb, ks;          /* blocks of 32, values */
    const int8_t *q;         /* [ks, n] */
    const float *scale;      /* [n] */
    const int32_t *exponent; /* [8, n], shifted to where a float has it */
    const int32_t *sum;      /* [8, n], negated */
} pw_slab;

/* A brick taken out of its packing: values as bytes, one k-step of 32 lanes a pair of lines. */
typedef struct pw_bytes {
    const uint8_t *values; /* [4, 32, 8, nb]: 4 values, lanes, k-steps, blocks */
    float *scale;          /* [32, nb], or [32, 2 nb] where scales are for 16 values */
    float *minimum;        /* [32, nb]: what -sum is multiplied by */
    int32_t *start; /* [32, 2 nb]: of signed weights, in 16 bits: 128 times the sums of pairs */
} pw_bytes;

/* Tokens of a tile at most. */
enum { PW_TILE = 6 };

/* Scratch of the tiled rows. Sums follow: f32 [32, tokens of a sweep]. */
typedef struct pw_tiled_scratch {
    uint8_t values[2 * PW_LANES * PW_SLAB]; /* half of it where values are bytes */
    float scale[2 * PW_BRICK_BLOCKS * PW_LANES];
    float minimum[PW_BRICK_BLOCKS * PW_LANES];
    int32_t start[2 * PW_BRICK_BLOCKS * PW_LANES];
    int32_t dots[2 * PW_BRICK_BLOCKS * 3 * PW_LANES]; /* of the 256-bit rows */
} pw_tiled_scratch;

static inline pw_slab pw_slab_of(const pw_q8x *a, void *data, int64_t slab)
{
    const int64_t left = a->k - slab * PW_SLAB, ks = left < PW_SLAB ? left : PW_SLAB;
    return (pw_slab){
        .nb = ks / PW_BLOCK,
        .ks = ks,
        .q = pw_q8x_values(a, data, slab, 0),
        .scale = pw_q8x_scale(a, data, slab, 0),
        .exponent = pw_q8x_exponent(a, data, slab, 0),
        .sum = pw_q8x_sum(a, data, slab, 0),
    };
}

/* The slab from token `first` on. */
static inline pw_slab pw_slab_from(const pw_slab *x, int64_t first)
{
    return (pw_slab){
        .nb = x->nb,
        .ks = x->ks,
        .q = x->q + first * x->ks,
        .scale = x->scale + first,
        .exponent = x->exponent + first * PW_SLAB_BLOCKS,
        .sum = x->sum + first * PW_SLAB_BLOCKS,
    };
}

/* First byte of the panel that output `row` is in. */
static inline const uint8_t *pw_panel_of(const pw_call *call, pw_dtype dtype, int64_t row)
{
    return (const uint8_t *)call->src[0].data +
           row / pw_panel_rows(call) * pw_panel_bytes(dtype, call->src[0].n[0]);
}

#endif
