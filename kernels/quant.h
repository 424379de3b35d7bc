/* A row of any file format to f32 and back: what each format means. */
#ifndef PW_KERNELS_QUANT_H
#define PW_KERNELS_QUANT_H

#include "kernels/dtype.h"

/* Decodes k values (a multiple of the format's block) of a row. Any file format; bit for bit what
 * ggml decodes. `src` needs no alignment. */
void pw_dequantize(pw_dtype dtype, const void *src, float *dst, int64_t k);

/* Whether pw_quantize writes this format. */
bool pw_can_quantize(pw_dtype dtype);

/* Encodes k values (a multiple of the block): F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q5_K Q6_K
 * TQ1_0 TQ2_0 MXFP4. Not-a-number is encoded as zero where the format has none. */
void pw_quantize(pw_dtype dtype, const float *src, void *dst, int64_t k);

#endif
