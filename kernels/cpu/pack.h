/* Weight bricks: one layout for all x86 rows that multiply in 8-bit integers, below; and panels of
 * floats, which have no scales and so no bricks: F32 and F16 [k][32 lanes], BF16 [k / 2][32 lanes][2],
 * the last pair half zero where k is odd.
 *
 * A panel is 32 rows of weights, its lanes; group 0 is lanes 0..15, group 1 lanes 16..31. A brick is
 * a panel's 256 values of k; all bricks of a panel lie in sequence, and the last is short where k is
 * no multiple of 256. A brick of nb blocks of 32 holds, in this order:
 *
 *   values  [nb][lines] of 64 bytes, lane-major: byte 4 lane + c of a line is value 4 j + c of the
 *           block for its k-step j = 0..7. Values are unsigned: `offset` was added.
 *           4 bits: 8 lines, number 2 i + group: low nibbles k-step i, high nibbles k-step i + 4
 *           5 bits: 2 lines more, one a group: bit j is the fifth bit of k-step j
 *           6 bits: 4 lines more, number 2 h + group: bits 2 i, 2 i + 1 are the upper bits of
 *                   k-step 4 h + i
 *           8 bits: 16 lines, number 2 j + group
 *   scales  Q4_0 Q5_0 Q8_0   d f16 [nb][32]
 *           Q4_1 Q5_1        d f16 [nb][32], m f16 [nb][32]
 *           Q4_K Q5_K        sc u8 [8][32], m u8 [8][32], d f16 [32], dmin f16 [32]
 *           Q6_K             sc i8 [16][32], d f16 [32]
 *
 * No d and no sc is zero, for kernels add to the exponent of their product: where the file has a
 * zero, the values say zero (they are `offset`) and the scale says one. */
#ifndef PW_KERNELS_CPU_PACK_H
#define PW_KERNELS_CPU_PACK_H

#include "kernels/kernel.h"

enum { PW_LANES = 32, PW_GROUP = 16, PW_LINE = 64, PW_BLOCK = 32, PW_BRICK_BLOCKS = 8 };

/* Sizes in bytes: of a block's values, of a block's scales, of what a brick has once. */
typedef struct pw_brick {
    int64_t values, scales, once;
    int offset_log2; /* offset = 1 << offset_log2; -1: none */
    bool minima;     /* w = d q + m */
    bool halves;     /* scales are for 16 values, not 32 */
} pw_brick;

/* clang-format off */
static const pw_brick pw_bricks[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = {.values = 512,  .scales = 64,  .once = 0,   .offset_log2 = 3},
    [PW_Q4_1] = {.values = 512,  .scales = 128, .once = 0,   .offset_log2 = -1, .minima = true},
    [PW_Q5_0] = {.values = 640,  .scales = 64,  .once = 0,   .offset_log2 = 4},
    [PW_Q5_1] = {.values = 640,  .scales = 128, .once = 0,   .offset_log2 = -1, .minima = true},
    [PW_Q8_0] = {.values = 1024, .scales = 64,  .once = 0,   .offset_log2 = 7},
    [PW_Q4_K] = {.values = 512,  .scales = 64,  .once = 128, .offset_log2 = -1, .minima = true},
    [PW_Q5_K] = {.values = 640,  .scales = 64,  .once = 128, .offset_log2 = -1, .minima = true},
    [PW_Q6_K] = {.values = 768,  .scales = 64,  .once = 64,  .offset_log2 = 5,  .halves = true},
};
/* clang-format on */

/* Bytes of a brick of nb blocks of 32. */
static inline int64_t pw_brick_bytes(pw_dtype dtype, int64_t nb)
{
    const pw_brick *b = &pw_bricks[dtype];
    return nb * (b->values + b->scales) + b->once;
}

/* Bytes of a panel of rows of k values. */
static inline int64_t pw_panel_bytes(pw_dtype dtype, int64_t k)
{
    const int64_t full = k / (PW_BRICK_BLOCKS * PW_BLOCK), rest = k / PW_BLOCK % PW_BRICK_BLOCKS;
    return full * pw_brick_bytes(dtype, PW_BRICK_BLOCKS) +
           (rest > 0 ? pw_brick_bytes(dtype, rest) : 0);
}

/* First byte of a lane's row of weights; NULL where the panel has none. */
static inline const uint8_t *pw_pack_row(const pw_pack *args, int64_t lane)
{
    const int64_t source = args->fused ? lane / PW_GROUP : 0;
    const int64_t row = args->fused ? lane % PW_GROUP : lane;
    if (row >= args->rows) return NULL;
    return (const uint8_t *)args->src[source] + (size_t)row * args->row_bytes;
}

extern const pw_packing pw_brick_q4_0, pw_brick_q4_1, pw_brick_q5_0, pw_brick_q5_1, pw_brick_q8_0,
    pw_brick_q4_k, pw_brick_q5_k, pw_brick_q6_k, pw_brick_f32, pw_brick_f16, pw_brick_bf16;

#endif
