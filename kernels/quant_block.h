/* One block of one format to f32 and back: the pieces that pw_dequantize and pw_quantize put
 * together. `block` needs no alignment; its size and the number of values are the format's. */
#ifndef PW_KERNELS_QUANT_BLOCK_H
#define PW_KERNELS_QUANT_BLOCK_H

#include <stdint.h>

#include "kernels/blocks.h"

/* y f32 [values of a block]. */
typedef void pw_decode_fn(const void *block, float *y);

pw_decode_fn pw_decode_q2_k, pw_decode_q3_k, pw_decode_q4_k, pw_decode_q5_k, pw_decode_q6_k;
pw_decode_fn pw_decode_iq1_s, pw_decode_iq1_m, pw_decode_iq2_xxs, pw_decode_iq2_xs, pw_decode_iq2_s,
    pw_decode_iq3_xxs, pw_decode_iq3_s, pw_decode_iq4_nl, pw_decode_iq4_xs;

/* x f32 [values of a block], finite. */
typedef void pw_encode_fn(const float *x, void *block);

pw_encode_fn pw_encode_q4_k, pw_encode_q5_k, pw_encode_q6_k;

/* The doubled levels of E2M1, and 2^(e - 128) as f32: what MXFP4 is made of. */
extern const int8_t pw_mxfp4_levels[16];
float pw_mxfp4_scale(uint8_t e);

/* Scale and minimum of sub-block b (0..7) of Q4_K and Q5_K: 6 bits each. In the 12 bytes, 0..3 hold
 * sc and 4..7 m of sub-blocks 0..3 in their low six bits; 8..11 the low nibbles of both of
 * sub-blocks 4..7, whose upper two bits lie on top of bytes 0..7. */
static inline void pw_get_scale(const uint8_t packed[12], int b, uint8_t *sc, uint8_t *m)
{
    if (b < 4) {
        *sc = packed[b] & 63;
        *m = packed[b + 4] & 63;
    } else {
        *sc = (uint8_t)((packed[b + 4] & 15) | packed[b - 4] >> 6 << 4);
        *m = (uint8_t)(packed[b + 4] >> 4 | packed[b] >> 6 << 4);
    }
}

#endif
