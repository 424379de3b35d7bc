/* Sixteen f32 lanes: one AVX-512 register, or two of AVX2. The same operations in the same order, so
 * that a row written on them gives the same bits in both. */
#ifndef PW_KERNELS_CPU_X86_V16_H
#define PW_KERNELS_CPU_X86_V16_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/cpu/x86/simd.h"

#if defined(__AVX512F__)

typedef __m512 pw_v16;

PW_INLINE pw_v16 pw_v_set(float x)
{
    return _mm512_set1_ps(x);
}

PW_INLINE pw_v16 pw_v_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

/* The first n lanes (0..16) from memory, zeros behind them. */
PW_INLINE pw_v16 pw_v_load_some(const float *x, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}

PW_INLINE void pw_v_store(float *y, pw_v16 v)
{
    _mm512_storeu_ps(y, v);
}

PW_INLINE void pw_v_store_some(float *y, pw_v16 v, int64_t n)
{
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), v);
}

PW_INLINE pw_v16 pw_v_add(pw_v16 a, pw_v16 b)
{
    return _mm512_add_ps(a, b);
}

PW_INLINE pw_v16 pw_v_sub(pw_v16 a, pw_v16 b)
{
    return _mm512_sub_ps(a, b);
}

PW_INLINE pw_v16 pw_v_mul(pw_v16 a, pw_v16 b)
{
    return _mm512_mul_ps(a, b);
}

PW_INLINE pw_v16 pw_v_div(pw_v16 a, pw_v16 b)
{
    return _mm512_div_ps(a, b);
}

/* a b + c. */
PW_INLINE pw_v16 pw_v_fma(pw_v16 a, pw_v16 b, pw_v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The greater of each pair; b where one of them is not a number. */
PW_INLINE pw_v16 pw_v_max(pw_v16 a, pw_v16 b)
{
    return _mm512_max_ps(a, b);
}

PW_INLINE pw_v16 pw_v_abs(pw_v16 a)
{
    return _mm512_abs_ps(a);
}

PW_INLINE pw_v16 pw_v_exp(pw_v16 x)
{
    return pw_exp16(x);
}

/* 2^x for x <= 0 within 2 units in the last place; 0 below 2^-127. */
PW_INLINE pw_v16 pw_v_exp2(pw_v16 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-127.0f), x);
    const __m512i n = _mm512_cvtps_epi32(x);
    const __m512 r = _mm512_sub_ps(x, _mm512_cvtepi32_ps(n));
    __m512 p = _mm512_set1_ps(0x1.41fbbcp-13f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.5f3e52p-10f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.3b2d4cp-7f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.c6aee8p-5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.ebfbdcp-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.62e430p-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    const __m512i scale = _mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23);
    return _mm512_mul_ps(p, _mm512_castsi512_ps(scale));
}

PW_INLINE __m256 pw_v_low(pw_v16 v)
{
    return _mm512_castps512_ps256(v);
}

PW_INLINE __m256 pw_v_high(pw_v16 v)
{
    return _mm512_extractf32x8_ps(v, 1);
}

PW_INLINE pw_v16 pw_v_join(__m256 low, __m256 high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

/* Sixteen f16 at `from`. */
PW_INLINE pw_v16 pw_v_halves(const void *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}

/* Sixteen pairs of bf16 at `from`: the first and the second of each. */
PW_INLINE void pw_v_pairs(const void *from, pw_v16 *first, pw_v16 *second)
{
    const __m512i pairs = _mm512_loadu_si512(from);
    *first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    *second = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}

/* Sixteen times four bytes at `from`, aligned, signed or not: byte c of each to out[c]. */
PW_INLINE void pw_v_bytes(const void *from, bool is_signed, pw_v16 out[4])
{
    const __m512i line = _mm512_load_si512(from);
    PW_UNROLL
    for (int c = 0; c < 4; c++) {
        const __m512i top = _mm512_sllv_epi32(line, _mm512_set1_epi32(24 - 8 * c));
        out[c] =
            _mm512_cvtepi32_ps(is_signed ? _mm512_srai_epi32(top, 24) : _mm512_srli_epi32(top, 24));
    }
}

#else

typedef struct pw_v16 {
    __m256 low, high;
} pw_v16;

PW_INLINE pw_v16 pw_v_set(float x)
{
    return (pw_v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

PW_INLINE pw_v16 pw_v_load(const float *x)
{
    return (pw_v16){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

/* All bits in the first n of 8 lanes, from lane `at` of 16 on. */
PW_INLINE __m256i pw_v_some(int64_t n, int at)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - at), lane);
}

/* The first n lanes (0..16) from memory, zeros behind them. */
PW_INLINE pw_v16 pw_v_load_some(const float *x, int64_t n)
{
    return (pw_v16){_mm256_maskload_ps(x, pw_v_some(n, 0)),
                    _mm256_maskload_ps(x + 8, pw_v_some(n, 8))};
}

PW_INLINE void pw_v_store(float *y, pw_v16 v)
{
    _mm256_storeu_ps(y, v.low);
    _mm256_storeu_ps(y + 8, v.high);
}

PW_INLINE void pw_v_store_some(float *y, pw_v16 v, int64_t n)
{
    if (n >= 16) { /* a masked store takes tens of cycles on some CPUs */
        pw_v_store(y, v);
        return;
    }
    _mm256_maskstore_ps(y, pw_v_some(n, 0), v.low);
    _mm256_maskstore_ps(y + 8, pw_v_some(n, 8), v.high);
}

PW_INLINE pw_v16 pw_v_add(pw_v16 a, pw_v16 b)
{
    return (pw_v16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

PW_INLINE pw_v16 pw_v_sub(pw_v16 a, pw_v16 b)
{
    return (pw_v16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

PW_INLINE pw_v16 pw_v_mul(pw_v16 a, pw_v16 b)
{
    return (pw_v16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

PW_INLINE pw_v16 pw_v_div(pw_v16 a, pw_v16 b)
{
    return (pw_v16){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

/* a b + c. */
PW_INLINE pw_v16 pw_v_fma(pw_v16 a, pw_v16 b, pw_v16 c)
{
    return (pw_v16){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

/* The greater of each pair; b where one of them is not a number. */
PW_INLINE pw_v16 pw_v_max(pw_v16 a, pw_v16 b)
{
    return (pw_v16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

PW_INLINE pw_v16 pw_v_abs(pw_v16 a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (pw_v16){_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}

PW_INLINE pw_v16 pw_v_exp(pw_v16 x)
{
    return (pw_v16){pw_exp8(x.low), pw_exp8(x.high)};
}

PW_INLINE __m256 pw_v_exp2_half(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(-127.0f), x);
    const __m256i n = _mm256_cvtps_epi32(x);
    const __m256 r = _mm256_sub_ps(x, _mm256_cvtepi32_ps(n));
    __m256 p = _mm256_set1_ps(0x1.41fbbcp-13f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.5f3e52p-10f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.3b2d4cp-7f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.c6aee8p-5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.ebfbdcp-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.62e430p-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    const __m256i scale = _mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(scale));
}

/* 2^x for x <= 0 within 2 units in the last place; 0 below 2^-127. */
PW_INLINE pw_v16 pw_v_exp2(pw_v16 x)
{
    return (pw_v16){pw_v_exp2_half(x.low), pw_v_exp2_half(x.high)};
}

PW_INLINE __m256 pw_v_low(pw_v16 v)
{
    return v.low;
}

PW_INLINE __m256 pw_v_high(pw_v16 v)
{
    return v.high;
}

PW_INLINE pw_v16 pw_v_join(__m256 low, __m256 high)
{
    return (pw_v16){low, high};
}

/* Sixteen f16 at `from`. */
PW_INLINE pw_v16 pw_v_halves(const void *from)
{
    const __m128i *at = (const __m128i *)from;
    return (pw_v16){_mm256_cvtph_ps(_mm_loadu_si128(at)), _mm256_cvtph_ps(_mm_loadu_si128(at + 1))};
}

/* Sixteen pairs of bf16 at `from`: the first and the second of each. */
PW_INLINE void pw_v_pairs(const void *from, pw_v16 *first, pw_v16 *second)
{
    const __m256i *at = (const __m256i *)from;
    const __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    const __m256i upper = _mm256_set1_epi32(-65536);
    *first = (pw_v16){_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
                      _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
    *second = (pw_v16){_mm256_castsi256_ps(_mm256_and_si256(low, upper)),
                       _mm256_castsi256_ps(_mm256_and_si256(high, upper))};
}

/* One half of pw_v_bytes. */
PW_INLINE __m256 pw_v_byte_half(__m256i line, int c, bool is_signed)
{
    const __m256i top = _mm256_sllv_epi32(line, _mm256_set1_epi32(24 - 8 * c));
    return _mm256_cvtepi32_ps(is_signed ? _mm256_srai_epi32(top, 24) : _mm256_srli_epi32(top, 24));
}

/* Sixteen times four bytes at `from`, aligned, signed or not: byte c of each to out[c]. */
PW_INLINE void pw_v_bytes(const void *from, bool is_signed, pw_v16 out[4])
{
    const __m256i low = _mm256_load_si256((const __m256i *)from);
    const __m256i high = _mm256_load_si256((const __m256i *)from + 1);
    PW_UNROLL
    for (int c = 0; c < 4; c++)
        out[c] = (pw_v16){pw_v_byte_half(low, c, is_signed), pw_v_byte_half(high, c, is_signed)};
}

#endif

/* x / (1 + exp(-x)). */
PW_INLINE pw_v16 pw_v_silu(pw_v16 x)
{
    const pw_v16 power = pw_v_exp(pw_v_sub(pw_v_set(0.0f), x));
    return pw_v_div(x, pw_v_add(pw_v_set(1.0f), power));
}

/* The sum of all lanes, halves added to halves. */
PW_INLINE float pw_v_sum(pw_v16 v)
{
    const __m256 eight = _mm256_add_ps(pw_v_low(v), pw_v_high(v));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

/* The greatest lane. */
PW_INLINE float pw_v_most(pw_v16 v)
{
    const __m256 eight = _mm256_max_ps(pw_v_low(v), pw_v_high(v));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

/* 2^x for x <= 0, the bits of pw_v_exp2. */
PW_INLINE float pw_exp2_of(float x)
{
    return _mm256_cvtss_f32(pw_v_low(pw_v_exp2(pw_v_set(x))));
}

#endif
