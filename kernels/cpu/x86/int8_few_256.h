/* Integer matmul for one to three tokens in 256-bit registers, 8 lanes each: bricks are streamed once,
 * straight into registers. Products by VNNI, or without it: of unsigned and signed bytes in pairs
 * (vpmaddubsw), summed in 16 bits as long as no sum can pass 32767, then in 32. */
#ifndef PW_KERNELS_CPU_X86_INT8_FEW_256_H
#define PW_KERNELS_CPU_X86_INT8_FEW_256_H

#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

/* ---- Integer products ------------------------------------------------------------------------ */

/* pw_few_dots_256 adds the products of a block's values in one quarter of the lanes with `count` tokens
 * of x to out[half][token]. Halves are apart for Q6_K, else all products go into out[0]. */
#if defined(__AVXVNNI__)

/* Whether the products take the values signed, so that no offset is to be put right. */
PW_INLINE bool pw_few_signed(pw_dtype dtype)
{
    return dtype == PW_Q6_K;
}

PW_INLINE void pw_few_dots_256(pw_dtype dtype, const uint8_t *block, int quarter,
                               const int8_t *const x[PW_FEW], int count, __m256i out[2][PW_FEW])
{
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i w[2];
        pw_steps_256(dtype, block, i, quarter, w);
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1, to = dtype == PW_Q6_K ? h : 0;
            const __m256i four = pw_four_256(x[t] + (4 * h + i) * 4);
            __m256i *dot = &out[to][t];
            *dot = dtype == PW_Q6_K ? _mm256_dpbusd_avx_epi32(*dot, _mm256_abs_epi8(w[h]),
                                                              _mm256_sign_epi8(four, w[h]))
                                    : _mm256_dpbusd_avx_epi32(*dot, w[h], four);
        }
    }
}

#else

PW_INLINE bool pw_few_signed(pw_dtype dtype)
{
    return dtype == PW_Q6_K || dtype == PW_Q8_0;
}

/* K-steps of a half, of four, until 16 bits could be too few: a k-step adds two products to a sum. */
PW_INLINE int pw_few_steps(pw_dtype dtype)
{
    /* 1 x 2 x 128 x 127 = 32512; 4 x 2 x 32 x 127 = 32512, 4 x 2 x 31 x 127 = 31496; and of 4 bits
     * both halves, 8 x 2 x 15 x 127 = 30480 */
    return dtype == PW_Q8_0 ? 1 : 4;
}

PW_INLINE bool pw_few_bits4(pw_dtype dtype)
{
    return dtype == PW_Q4_0 || dtype == PW_Q4_1 || dtype == PW_Q4_K;
}

/* Pairs of products: signed weights give their sign to the activations. */
PW_INLINE __m256i pw_few_pairs(bool is_signed, __m256i w, __m256i x)
{
    return is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                     : _mm256_maddubs_epi16(w, x);
}

PW_INLINE void pw_few_dots_256(pw_dtype dtype, const uint8_t *block, int quarter,
                               const int8_t *const x[PW_FEW], int count, __m256i out[2][PW_FEW])
{
    const bool is_signed = pw_few_signed(dtype);
    const __m256i ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(INT8_MIN);
    const int run = pw_few_steps(dtype);
    __m256i sum[2][PW_FEW];
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i w[2];
        pw_steps_256(dtype, block, i, quarter, w);
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1;
            const int to = pw_few_bits4(dtype) ? 0 : h;
            const __m256i value = dtype == PW_Q8_0 ? _mm256_xor_si256(w[h], flip) : w[h];
            const __m256i two = pw_few_pairs(is_signed, value, pw_four_256(x[t] + (4 * h + i) * 4));
            sum[to][t] = i % run == 0 && to == h ? two : _mm256_add_epi16(sum[to][t], two);
        }
        if (i % run != run - 1) continue;
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1, to = dtype == PW_Q6_K ? h : 0;
            if (pw_few_bits4(dtype) && h == 1) continue;
            out[to][t] = _mm256_add_epi32(out[to][t], _mm256_madd_epi16(sum[h][t], ones));
        }
    }
}

#endif

/* ---- Bricks ---------------------------------------------------------------------------------- */

/* Adds block b to the sums [quarter][token], in the order that int8.h says. */
PW_INLINE void pw_few_block_256(pw_dtype dtype, const uint8_t *brick, const pw_slab *x, int64_t b,
                                int count, __m256 s[PW_QUARTERS][PW_FEW])
{
    const pw_brick *size = &pw_bricks[dtype];
    const int halves = size->halves ? 2 : 1;
    const bool shifts = size->offset_log2 > 0 && !pw_few_signed(dtype);
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
        pw_few_dots_256(dtype, brick + b * size->values, g, q, count, of);
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
PW_INLINE void pw_few_256(pw_dtype dtype, const pw_call *call, int64_t begin, int64_t end,
                          int count)
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
                pw_few_block_256(dtype, brick, &x, b, count, s);
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

PW_INLINE void pw_few_sized_256(pw_dtype dtype, const pw_call *call, int64_t begin, int64_t end)
{
    switch (pw_rows(&call->src[1])) {
    case 1: pw_few_256(dtype, call, begin, end, 1); break;
    case 2: pw_few_256(dtype, call, begin, end, 2); break;
    default: pw_few_256(dtype, call, begin, end, 3); break;
    }
}

/* A function a format: all of them in one were less than half as fast by gcc 12. */
static void pw_few_q4_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_0, call, begin, end);
}

static void pw_few_q4_1_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_1, call, begin, end);
}

static void pw_few_q5_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_0, call, begin, end);
}

static void pw_few_q5_1_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_1, call, begin, end);
}

static void pw_few_q8_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q8_0, call, begin, end);
}

static void pw_few_q4_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_K, call, begin, end);
}

static void pw_few_q5_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_K, call, begin, end);
}

static void pw_few_q6_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q6_K, call, begin, end);
}

/* Outputs [begin, end) of the call. */
static inline void pw_few_run_256(const pw_call *call, int64_t begin, int64_t end)
{
    static void (*const formats[PW_DTYPE_COUNT])(const pw_call *, int64_t, int64_t) = {
        [PW_Q4_0] = pw_few_q4_0_256, [PW_Q4_1] = pw_few_q4_1_256, [PW_Q5_0] = pw_few_q5_0_256,
        [PW_Q5_1] = pw_few_q5_1_256, [PW_Q8_0] = pw_few_q8_0_256, [PW_Q4_K] = pw_few_q4_k_256,
        [PW_Q5_K] = pw_few_q5_k_256, [PW_Q6_K] = pw_few_q6_k_256,
    };
    assert(pw_rows(&call->src[1]) <= PW_FEW && begin % pw_panel_rows(call) == 0);
    formats[call->src[0].dtype](call, begin, end);
}

#endif
