/* What the float matmul rows share. */
#ifndef PW_KERNELS_CPU_X86_FLOAT_H
#define PW_KERNELS_CPU_X86_FLOAT_H

#include "kernels/cpu/x86/int8.h"

/* Values of k that a tile runs over at a time (a brick), panels at most that share a copy of the activations,
 * and tokens of the largest block. */
enum { PW_F32_SLAB = PW_SLAB, PW_F32_PANELS = 4, PW_F32_TOKENS_MAX = 96 };

/* Scratch of the rows that multiply in f32. Sums follow: f32 [32, tokens of a sweep] a panel. */
typedef struct pw_f32_scratch {
    float w[PW_F32_PANELS][PW_F32_SLAB * PW_LANES]; /* decoded weights, in columns */
    float x[PW_F32_TOKENS_MAX * PW_F32_SLAB];       /* [slab, tokens]: a block's activations */
    pw_tiled_scratch brick;                         /* on its way to f32 */
} pw_f32_scratch;

#endif
