/* What the float matmul rows share. */
#ifndef PW_KERNELS_CPU_X86_FLOAT_H
#define PW_KERNELS_CPU_X86_FLOAT_H

#include "kernels/cpu/x86/int8.h"

/* Values of k that a tile runs over at a time (a brick), panels that share a copy of the activations,
 * and tokens of the widest tile. */
enum { PW_F32_SLAB = PW_SLAB, PW_F32_PANELS = 2, PW_F32_TOKENS_MAX = 12 };

/* Scratch of the rows that multiply in f32. Sums follow: f32 [32, tokens of a sweep] a panel. */
typedef struct pw_f32_scratch {
    float w[PW_F32_PANELS][PW_F32_SLAB * PW_LANES]; /* [32, slab]: weights that are not f32 */
    float x[PW_F32_TOKENS_MAX * PW_F32_SLAB];       /* [slab, tokens]: one tile's activations */
    pw_tiled_scratch brick;                         /* on its way to f32 */
} pw_f32_scratch;

#endif
