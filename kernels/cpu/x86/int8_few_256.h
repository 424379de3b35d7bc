/* Integer matmul for one to three tokens in 256-bit registers, 8 lanes each: bricks are streamed once,
 * straight into registers. The integer products are the including file's. */
#ifndef PW_KERNELS_CPU_X86_INT8_FEW_256_H
#define PW_KERNELS_CPU_X86_INT8_FEW_256_H

#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

/* Adds the products of a block's values in one quarter of the lanes with `count` tokens of x to
 * out[half][token]. Halves are apart for Q6_K, else all products go into out[0]. */
typedef void pw_few_dots_fn(pw_dtype dtype, const uint8_t *block, int quarter,
                            const int8_t *const x[PW_FEW], int count, __m256i out[2][PW_FEW]);

/* Whether the products take the values signed, so that no offset is to be put right. */
PW_INLINE bool pw_few_signed(pw_dtype dtype, bool signed8)
{
    return dtype == PW_Q6_K || (dtype == PW_Q8_0 && signed8);
}

/* Adds block b to the sums [quarter][token], in the order that int8.h says. */
PW_INLINE void pw_few_block_256(pw_dtype dtype, pw_few_dots_fn *dots, bool signed8,
                                const uint8_t *brick, const pw_slab *x, int64_t b, int count,
                                __m256 s[PW_QUARTERS][PW_FEW])
{
    const pw_brick *size = &pw_bricks[dtype];
    const int halves = size->halves ? 2 : 1;
    const bool shifts = size->offset_log2 > 0 && !pw_few_signed(dtype, signed8);
    const uint8_t *scales = brick + x->nb * size->values;
    const int8_t *q[PW_FEW] = {NULL, NULL, NULL};
    int32_t start[PW_FEW], exponent[PW_FEW];
    __m256 minus[PW_FEW];
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        const int32_t sum = x->sum[t * PW_SLAB_BLOCKS + b];
        exponent[t] = x->exponent[t * PW_SLAB_BLOCKS + b];
        q[t] = x->q + t * x->ks + b * PW_BLOCK;
        start[t] = shifts ? sum * (1 << size->offset_log2) : 0;
        const __m256i power = _mm256_set1_epi32(exponent[t] + (127 << 23));
        if (size->minima)
            minus[t] = _mm256_mul_ps(_mm256_set1_ps((float)sum), _mm256_castsi256_ps(power));
    }
    PW_UNROLL
    for (int g = 0; g < PW_QUARTERS; g++) {
        __m256i of[2][PW_FEW];
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            of[0][t] = _mm256_set1_epi32(start[t]);
            of[1][t] = _mm256_setzero_si256();
        }
        dots(dtype, brick + b * size->values, g, q, count, of);
        if (size->minima) {
            const __m256 m = pw_minimum_256(dtype, scales, x->nb, b, g);
            PW_UNROLL
            for (int t = 0; t < count; t++) s[g][t] = _mm256_fmadd_ps(m, minus[t], s[g][t]);
        }
        PW_UNROLL
        for (int h = 0; h < halves; h++) {
            const __m256 scale = pw_scale_256(dtype, scales, halves * b + h, g);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m256i e = _mm256_set1_epi32(exponent[t]);
                const __m256i f = _mm256_add_epi32(_mm256_castps_si256(scale), e);
                s[g][t] =
                    _mm256_fmadd_ps(_mm256_castsi256_ps(f), _mm256_cvtepi32_ps(of[h][t]), s[g][t]);
            }
        }
    }
}

/* Panels of outputs [begin, end) for `count` tokens. */
PW_INLINE void pw_few_256(pw_dtype dtype, pw_few_dots_fn *dots, bool signed8, const pw_call *call,
                          int64_t begin, int64_t end, int count)
{
    const int64_t k = call->src[0].n[0], slabs = (k + PW_SLAB - 1) / PW_SLAB;
    const int64_t each = pw_bricks[dtype].values + pw_bricks[dtype].scales;
    const pw_q8x act = pw_q8x_of(k, count);
    const uint8_t *brick = pw_panel_of(call, dtype, begin);
    for (int64_t row = begin; row < end; row += pw_panel_rows(call)) {
        float c[PW_FEW][PW_LANES] PW_ALIGNED(32) = {{0.0f}};
        for (int64_t slab = 0; slab < slabs; slab++) {
            const pw_slab x = pw_slab_of(&act, call->src[1].data, slab);
            __m256 s[PW_QUARTERS][PW_FEW];
            PW_UNROLL
            for (int i = 0; i < PW_QUARTERS * count; i++)
                s[i % PW_QUARTERS][i / PW_QUARTERS] = _mm256_setzero_ps();
            for (int64_t b = 0; b < x.nb; b++) {
                pw_fetch_ahead(brick + b * each, each);
                pw_few_block_256(dtype, dots, signed8, brick, &x, b, count, s);
            }
            PW_UNROLL
            for (int i = 0; i < PW_QUARTERS * count; i++) {
                const int g = i % PW_QUARTERS, t = i / PW_QUARTERS;
                float *to = &c[t][g * PW_QUARTER];
                const __m256 scale = _mm256_set1_ps(x.scale[t]);
                _mm256_store_ps(to, _mm256_fmadd_ps(s[g][t], scale, _mm256_load_ps(to)));
            }
            brick += pw_brick_bytes(dtype, x.nb);
        }
        for (int t = 0; t < count; t++)
            pw_finish(call, t, row, end - row, pw_v_load(c[t]), pw_v_load(c[t] + PW_GROUP));
    }
}

PW_INLINE void pw_few_sized_256(pw_dtype dtype, pw_few_dots_fn *dots, bool signed8,
                                const pw_call *call, int64_t begin, int64_t end)
{
    switch (pw_rows(&call->src[1])) {
    case 1: pw_few_256(dtype, dots, signed8, call, begin, end, 1); break;
    case 2: pw_few_256(dtype, dots, signed8, call, begin, end, 2); break;
    default: pw_few_256(dtype, dots, signed8, call, begin, end, 3); break;
    }
}

typedef void pw_few_fn_256(const pw_call *call, int64_t begin, int64_t end);

#endif
