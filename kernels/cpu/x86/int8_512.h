/* Bricks in 512-bit registers, a group of 16 lanes each. */
#ifndef PW_KERNELS_CPU_X86_INT8_512_H
#define PW_KERNELS_CPU_X86_INT8_512_H

#include <immintrin.h>
#include <string.h>

#include "kernels/cpu/x86/finish.h"
#include "kernels/cpu/x86/int8.h"

/* ---- A block's values ------------------------------------------------------------------------ */

/* Bit `bit` of every byte, moved to bit 4. */
PW_INLINE __m512i pw_fifth_512(__m512i bits, int bit)
{
    const __m512i mask = _mm512_set1_epi8(16);
    switch (bit) {
    case 0: return _mm512_and_si512(_mm512_slli_epi16(bits, 4), mask);
    case 1: return _mm512_and_si512(_mm512_slli_epi16(bits, 3), mask);
    case 2: return _mm512_and_si512(_mm512_slli_epi16(bits, 2), mask);
    case 3: return _mm512_and_si512(_mm512_slli_epi16(bits, 1), mask);
    case 4: return _mm512_and_si512(bits, mask);
    case 5: return _mm512_and_si512(_mm512_srli_epi16(bits, 1), mask);
    case 6: return _mm512_and_si512(_mm512_srli_epi16(bits, 2), mask);
    default: return _mm512_and_si512(_mm512_srli_epi16(bits, 3), mask);
    }
}

/* Bits 2 i and 2 i + 1 of every byte, moved to bits 4 and 5. */
PW_INLINE __m512i pw_upper_512(__m512i bits, int i)
{
    const __m512i mask = _mm512_set1_epi8(48);
    switch (i) {
    case 0: return _mm512_and_si512(_mm512_slli_epi16(bits, 4), mask);
    case 1: return _mm512_and_si512(_mm512_slli_epi16(bits, 2), mask);
    case 2: return _mm512_and_si512(bits, mask);
    default: return _mm512_and_si512(_mm512_srli_epi16(bits, 2), mask);
    }
}

/* K-steps i and i + 4 of one group of a block, a byte a value: unsigned with the format's offset. */
PW_INLINE void pw_steps_512(pw_dtype dtype, const uint8_t *block, int i, int group, __m512i out[2])
{
    const uint8_t *line = block + (2 * i + group) * PW_LINE;
    const __m512i low = _mm512_load_si512(line);
    if (dtype == PW_Q8_0) {
        out[0] = low;
        out[1] = _mm512_load_si512(line + 8 * PW_LINE);
        return;
    }
    const __m512i nibble = _mm512_set1_epi8(15);
    out[0] = _mm512_and_si512(low, nibble);
    out[1] = _mm512_and_si512(_mm512_srli_epi16(low, 4), nibble);

    const uint8_t *more = block + (8 + group) * PW_LINE;
    if (dtype == PW_Q5_0 || dtype == PW_Q5_1 || dtype == PW_Q5_K) {
        const __m512i fifths = _mm512_load_si512(more);
        out[0] = _mm512_or_si512(out[0], pw_fifth_512(fifths, i));
        out[1] = _mm512_or_si512(out[1], pw_fifth_512(fifths, i + 4));
    }
    if (dtype == PW_Q6_K) {
        const __m512i first = _mm512_load_si512(more);
        const __m512i second = _mm512_load_si512(more + 2 * PW_LINE);
        out[0] = _mm512_or_si512(out[0], pw_upper_512(first, i));
        out[1] = _mm512_or_si512(out[1], pw_upper_512(second, i));
    }
}

/* ---- A block's scales ------------------------------------------------------------------------ */

PW_INLINE __m512 pw_halves_512(const uint8_t *at)
{
    return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)at));
}

/* Scales of 16 lanes: of block b, or of the b-th 16 values where the format has such. `scales` is
 * where the brick of nb blocks has its first. */
PW_INLINE __m512 pw_scale_512(pw_dtype dtype, const uint8_t *scales, int64_t b, int group)
{
    if (dtype == PW_Q4_K || dtype == PW_Q5_K || dtype == PW_Q6_K) {
        const uint8_t *at = scales + b * PW_LANES + group * 16;
        const __m128i sc = _mm_load_si128((const __m128i *)(const void *)at);
        const __m512i wide = dtype == PW_Q6_K ? _mm512_cvtepi8_epi32(sc) : _mm512_cvtepu8_epi32(sc);
        return _mm512_mul_ps(pw_halves_512(scales + 512 + group * 32), _mm512_cvtepi32_ps(wide));
    }
    return pw_halves_512(scales + b * 64 + group * 32);
}

/* What the negated sum of block b is multiplied by: w = d q + m, or d sc q - dmin m. */
PW_INLINE __m512 pw_minimum_512(pw_dtype dtype, const uint8_t *scales, int64_t nb, int64_t b,
                                int group)
{
    if (dtype == PW_Q4_K || dtype == PW_Q5_K) {
        const uint8_t *at = scales + (PW_BRICK_BLOCKS + b) * PW_LANES + group * 16;
        const __m512i m = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(const void *)at));
        return _mm512_mul_ps(pw_halves_512(scales + 576 + group * 32), _mm512_cvtepi32_ps(m));
    }
    const __m512 m = pw_halves_512(scales + (nb + b) * 64 + group * 32);
    return _mm512_castsi512_ps(
        _mm512_xor_si512(_mm512_castps_si512(m), _mm512_set1_epi32(INT32_MIN)));
}

/* What a sum of 16 signed weights starts the dot product from, whose activations have 128 added. */
PW_INLINE __m512i pw_start_512(__m512i sum)
{
    return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(sum, 7));
}

/* ---- Activations ----------------------------------------------------------------------------- */

/* Four values of a token, in every lane. */
PW_INLINE __m512i pw_four_512(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm512_set1_epi32(four);
}

/* 2^e of an exponent that is shifted to where a float has it. */
PW_INLINE __m256 pw_power_256(__m256i exponent)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(127 << 23)));
}

/* The negated sums of a slab's blocks as floats, with their exponents: exact. */
PW_INLINE void pw_sums_512(const int32_t *sum, const int32_t *exponent, float out[PW_SLAB_BLOCKS])
{
    const __m256i sums = _mm256_loadu_si256((const __m256i *)(const void *)sum);
    const __m256i powers = _mm256_loadu_si256((const __m256i *)(const void *)exponent);
    _mm256_store_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), pw_power_256(powers)));
}

/* The same of block b of one token, in every lane. */
PW_INLINE __m512 pw_sum_512(const pw_slab *x, int64_t token, int64_t b)
{
    const int64_t at = token * PW_SLAB_BLOCKS + b;
    const __m512i power =
        _mm512_add_epi32(_mm512_set1_epi32(x->exponent[at]), _mm512_set1_epi32(127 << 23));
    const __m512 sum = _mm512_cvtepi32_ps(_mm512_set1_epi32(x->sum[at]));
    return _mm512_mul_ps(sum, _mm512_castsi512_ps(power));
}

#endif
