/* f16 and bf16 to and from f32: exact one way, to nearest even the other; NaN stays NaN, quiet. */
#ifndef PW_KERNELS_HALF_H
#define PW_KERNELS_HALF_H

#include <stdint.h>
#include <string.h>

static inline float pw_bits_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t pw_f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float pw_bf16_f32(uint16_t half)
{
    return pw_bits_f32((uint32_t)half << 16);
}

static inline uint16_t pw_f32_bf16(float value)
{
    const uint32_t bits = pw_f32_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float pw_f16_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, low = half & 0x7fffu;
    if (low > 0x7c00u) return pw_bits_f32(sign | 0x7fc00000u | (low & 0x3ffu) << 13);
    if (low == 0x7c00u) return pw_bits_f32(sign | 0x7f800000u);
    if (low >= 0x0400u) return pw_bits_f32(sign | ((low << 13) + 0x38000000u));
    /* Subnormal: low is a count of 2^-24. */
    const float value = (float)low * 0x1p-24f;
    return pw_bits_f32(sign | pw_f32_bits(value));
}

static inline uint16_t pw_f32_f16(float value)
{
    const uint32_t bits = pw_f32_bits(value);
    const uint32_t sign = bits >> 16 & 0x8000u, low = bits & 0x7fffffffu;
    if (low > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (low >> 13 & 0x1ffu));
    if (low >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 2^16 or more */
    if (low >= 0x38800000u)                                    /* normal: at least 2^-14 */
        return (uint16_t)(sign | (low - 0x38000000u + 0xfffu + (low >> 13 & 1u)) >> 13);
    /* Adding 0.5 leaves a count of 2^-24 in the low bits, rounded to nearest even by the addition. */
    const float shifted = pw_bits_f32(low) + 0.5f;
    return (uint16_t)(sign | (pw_f32_bits(shifted) - 0x3f000000u));
}

#endif
