/* Rows of f32 to f16, bf16 and the activation formats, bit for bit as kernels/half.h and
 * kernels/act.c define them. */
#ifndef PW_KERNELS_CPU_X86_CAST_H
#define PW_KERNELS_CPU_X86_CAST_H

#include <string.h>

#include "kernels/act.h"
#include "kernels/cpu/x86/v16.h"
#include "kernels/half.h"
#include "pw/num.h"

/* ---- f16, bf16 ---- */

static inline void pw_cast_f16(const float *x, uint16_t *y, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(y + i), half);
    }
    for (; i < n; i++) y[i] = pw_f32_f16(x[i]);
}

/* bf16 in the low halves of eight words; not by vcvtneps2bf16, which drops what is subnormal. */
PW_INLINE __m256i pw_bf16_words(__m256 v)
{
    const __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i carry = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, carry), 16);
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i is_number = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_ORD_Q));
    return _mm256_blendv_epi8(quiet, rounded, is_number);
}

static inline void pw_cast_bf16(const float *x, uint16_t *y, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i low = pw_bf16_words(_mm256_loadu_ps(x + i));
        const __m256i high = pw_bf16_words(_mm256_loadu_ps(x + i + 8));
        const __m256i mixed = _mm256_packus_epi32(low, high); /* 64-bit words 0 2 1 3 */
        _mm256_storeu_si256((__m256i *)(void *)(y + i), _mm256_permute4x64_epi64(mixed, 0xd8));
    }
    for (; i < n; i++) y[i] = pw_f32_bf16(x[i]);
}

/* ---- Q8X ---- */

/* Sixteen values, nearest even within +-127, to bytes; adds them to the words of `sum`. */
PW_INLINE __m256i pw_cast_q8(pw_v16 v, int8_t *q, __m256i sum)
{
    const __m256i top = _mm256_set1_epi32(127), least = _mm256_set1_epi32(-127);
    __m256i low = _mm256_cvtps_epi32(pw_v_low(v)), high = _mm256_cvtps_epi32(pw_v_high(v));
    low = _mm256_max_epi32(_mm256_min_epi32(low, top), least);
    high = _mm256_max_epi32(_mm256_min_epi32(high, top), least);

    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)q, bytes);
    return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
}

/* Minus the sum of eight words. */
PW_INLINE int32_t pw_cast_minus(__m256i sum)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return -_mm_cvtsi128_si32(four);
}

/* The exponent e << 23 of a block: the least e in -20..0 with amax <= whole 2^e. Bits of positive
 * floats are in order, and a power of two is a step of 2^23 in them. */
PW_INLINE int32_t pw_cast_exponent(float amax, float whole)
{
    const int32_t distance = (int32_t)pw_f32_bits(amax) - (int32_t)pw_f32_bits(whole);
    const int32_t e = (distance + 0x7fffff) >> 23;
    return (e < -20 ? -20 : e) * (1 << 23);
}

/* One slab of ks values of a row to Q8X. */
static inline void pw_cast_slab(const float *x, int64_t ks, int8_t *q, float *scale,
                                int32_t *exponent, int32_t *sum)
{
    float amax[PW_SLAB_BLOCKS] = {0.0f};
    const int64_t blocks = ks / 32;
    pw_v16 most = pw_v_set(0.0f), strange = pw_v_set(0.0f);
    for (int64_t b = 0; b < blocks; b++) {
        const pw_v16 v = pw_v_load(x + 32 * b), w = pw_v_load(x + 32 * b + 16);
        const pw_v16 largest = pw_v_max(pw_v_abs(v), pw_v_abs(w));
        amax[b] = pw_v_most(largest);
        most = pw_v_max(largest, most);
        /* x - x is not a number where x is not finite. */
        strange = pw_v_add(strange, pw_v_add(pw_v_sub(v, v), pw_v_sub(w, w)));
    }
    const bool finite = pw_v_sum(strange) == 0.0f;
    float whole = pw_v_most(most);
    if (!(finite && whole >= 0x1p-80f)) whole = 0.0f;
    *scale = finite ? whole / 127.0f : pw_bits_f32(0x7fc00000u);
    memset(exponent, 0, PW_SLAB_BLOCKS * sizeof *exponent);
    memset(sum, 0, PW_SLAB_BLOCKS * sizeof *sum);
    if (whole == 0.0f) {
        memset(q, 0, (size_t)ks);
        return;
    }
    for (int64_t b = 0; b < blocks; b++) {
        exponent[b] = pw_cast_exponent(amax[b], whole);
        const float own = pw_bits_f32((uint32_t)((int32_t)pw_f32_bits(*scale) + exponent[b]));
        const pw_v16 inverse = pw_v_set(1.0f / own);
        __m256i total = _mm256_setzero_si256();
        total = pw_cast_q8(pw_v_mul(pw_v_load(x + 32 * b), inverse), q + 32 * b, total);
        total = pw_cast_q8(pw_v_mul(pw_v_load(x + 32 * b + 16), inverse), q + 32 * b + 16, total);
        sum[b] = pw_cast_minus(total);
    }
}

/* Slab `slab` of row `row` of an activation tensor [k, n]; `x` its ks values. */
static inline void pw_cast_act(pw_dtype act, void *data, int64_t k, int64_t n, int64_t slab,
                               int64_t row, const float *x)
{
    const int64_t ks = pw_min(k - slab * PW_SLAB, PW_SLAB);
    if (act == PW_B16X) {
        uint16_t *y = (uint16_t *)data + slab * PW_SLAB * n + row * (ks + (ks & 1));
        pw_cast_bf16(x, y, ks);
        if ((ks & 1) != 0) y[ks] = 0;
        return;
    }
    const pw_q8x a = pw_q8x_of(k, n);
    pw_cast_slab(x, ks, pw_q8x_values(&a, data, slab, row), pw_q8x_scale(&a, data, slab, row),
                 pw_q8x_exponent(&a, data, slab, row), pw_q8x_sum(&a, data, slab, row));
}

/* A whole row, as pw_act_write. */
static inline void pw_cast_row(pw_dtype act, void *data, int64_t k, int64_t n, int64_t row,
                               const float *x)
{
    for (int64_t slab = 0; slab * PW_SLAB < k; slab++)
        pw_cast_act(act, data, k, n, slab, row, x + slab * PW_SLAB);
}

#endif
