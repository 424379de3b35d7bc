/* How weights lie in a GPU's memory: panels of 32 rows in planes, whose loads are 16 bytes a lane and side by side.
 *
 * A panel holds, nb = ceil(k / 32):
 *   quads   [nb][per][32 rows][16 bytes]   per 32 columns: 8 quads of F32, 4 of F16 and BF16, 2 of Q8_0, 1 of 4 bits
 *                                          (byte j: column j low, column j + 16 high)
 *   upper   [nb][32 rows][words]           Q5_K: bit i is the fifth of column i; Q6_K: two words of two bits a column
 *   scales  Q4_0, Q8_0: f16 d [nb][32]; Q4_1: f16 d, m [nb][32];
 *           Q4_K, Q5_K: bytes [k / 256][32][8 scales, 8 minima], then f16 d, dmin [k / 256][32];
 *           Q6_K: bytes [k / 256][32][16 scales], then f16 d, 0 [k / 256][32]
 * Missing rows and columns are zeros. */
#ifndef PW_KERNELS_VULKAN_PLANES_H
#define PW_KERNELS_VULKAN_PLANES_H

#include "kernels/kernel.h"

extern const pw_packing pw_planes_f32, pw_planes_f16, pw_planes_bf16, pw_planes_q4_0,
    pw_planes_q4_1, pw_planes_q8_0, pw_planes_q4_k, pw_planes_q5_k, pw_planes_q6_k;

#endif
