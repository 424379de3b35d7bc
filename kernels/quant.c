#include "kernels/quant.h"

#include <assert.h>
#include <string.h>

#include "kernels/half.h"
#include "kernels/quant_block.h"

/* ---- Values without blocks ------------------------------------------------------------------- */

static void from_f32(const void *src, float *y, int64_t k)
{
    memcpy(y, src, (size_t)k * sizeof *y);
}

static void from_f16(const void *src, float *y, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        uint16_t half;
        memcpy(&half, (const char *)src + 2 * i, sizeof half);
        y[i] = pw_f16_f32(half);
    }
}

static void from_bf16(const void *src, float *y, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        uint16_t half;
        memcpy(&half, (const char *)src + 2 * i, sizeof half);
        y[i] = pw_bf16_f32(half);
    }
}

/* ---- Blocks of 32 ---------------------------------------------------------------------------- */

static void decode_q4_0(const void *block, float *y)
{
    pw_block_q4_0 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int i = 0; i < 16; i++) {
        y[i] = (float)((b.qs[i] & 15) - 8) * d;
        y[i + 16] = (float)((b.qs[i] >> 4) - 8) * d;
    }
}

static void decode_q4_1(const void *block, float *y)
{
    pw_block_q4_1 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d), m = pw_f16_f32(b.m);
    for (int i = 0; i < 16; i++) {
        y[i] = (float)(b.qs[i] & 15) * d + m;
        y[i + 16] = (float)(b.qs[i] >> 4) * d + m;
    }
}

/* Values 0..31 of 32 out of nibbles and fifth bits. */
static void five_bits(const uint8_t *qs, const uint8_t *qh, uint8_t q[32])
{
    for (int i = 0; i < 16; i++) {
        q[i] = (uint8_t)((qs[i] & 15) | (qh[i / 8] >> i % 8 & 1) << 4);
        q[i + 16] = (uint8_t)(qs[i] >> 4 | (qh[2 + i / 8] >> i % 8 & 1) << 4);
    }
}

static void decode_q5_0(const void *block, float *y)
{
    pw_block_q5_0 b;
    uint8_t q[32];
    memcpy(&b, block, sizeof b);
    five_bits(b.qs, b.qh, q);
    const float d = pw_f16_f32(b.d);
    for (int i = 0; i < 32; i++) y[i] = (float)(q[i] - 16) * d;
}

static void decode_q5_1(const void *block, float *y)
{
    pw_block_q5_1 b;
    uint8_t q[32];
    memcpy(&b, block, sizeof b);
    five_bits(b.qs, b.qh, q);
    const float d = pw_f16_f32(b.d), m = pw_f16_f32(b.m);
    for (int i = 0; i < 32; i++) y[i] = (float)q[i] * d + m;
}

static void decode_q8_0(const void *block, float *y)
{
    pw_block_q8_0 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int i = 0; i < 32; i++) y[i] = (float)b.qs[i] * d;
}

const int8_t pw_mxfp4_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float pw_mxfp4_scale(uint8_t e)
{
    /* 2^-128 and 2^-127 are subnormal. */
    return pw_bits_f32(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

static void decode_mxfp4(const void *block, float *y)
{
    pw_block_mxfp4 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_mxfp4_scale(b.e);
    for (int i = 0; i < 16; i++) {
        y[i] = (float)pw_mxfp4_levels[b.qs[i] & 15] * d;
        y[i + 16] = (float)pw_mxfp4_levels[b.qs[i] >> 4] * d;
    }
}

/* ---- Ternary blocks of 256 ------------------------------------------------------------------- */

/* `digits` base-3 digits of each of `width` bytes: digit j of byte i is value j width + i. */
static void base3(const uint8_t *bytes, int width, int digits, float d, float *y)
{
    for (int i = 0; i < width; i++) {
        uint8_t left = bytes[i];
        for (int j = 0; j < digits; j++) {
            y[j * width + i] = (float)((left * 3 >> 8) - 1) * d;
            left = (uint8_t)(left * 3);
        }
    }
}

static void decode_tq1_0(const void *block, float *y)
{
    pw_block_tq1_0 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    base3(b.qs, 32, 5, d, y);
    base3(b.qs + 32, 16, 5, d, y + 160);
    base3(b.qh, 4, 4, d, y + 240);
}

static void decode_tq2_0(const void *block, float *y)
{
    pw_block_tq2_0 b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int i = 0; i < 256; i++) {
        const int byte = b.qs[i / 128 * 32 + i % 32];
        y[i] = (float)((byte >> i % 128 / 32 * 2 & 3) - 1) * d;
    }
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* A format has one or the other. */
typedef struct decoder {
    void (*values)(const void *src, float *y, int64_t k);
    pw_decode_fn *block;
} decoder;

static const decoder decoders[PW_DTYPE_COUNT] = {
    // clang-format off
    [PW_F32]     = {.values = from_f32},
    [PW_F16]     = {.values = from_f16},
    [PW_BF16]    = {.values = from_bf16},
    [PW_Q4_0]    = {.block = decode_q4_0},
    [PW_Q4_1]    = {.block = decode_q4_1},
    [PW_Q5_0]    = {.block = decode_q5_0},
    [PW_Q5_1]    = {.block = decode_q5_1},
    [PW_Q8_0]    = {.block = decode_q8_0},
    [PW_Q2_K]    = {.block = pw_decode_q2_k},
    [PW_Q3_K]    = {.block = pw_decode_q3_k},
    [PW_Q4_K]    = {.block = pw_decode_q4_k},
    [PW_Q5_K]    = {.block = pw_decode_q5_k},
    [PW_Q6_K]    = {.block = pw_decode_q6_k},
    [PW_IQ1_S]   = {.block = pw_decode_iq1_s},
    [PW_IQ1_M]   = {.block = pw_decode_iq1_m},
    [PW_IQ2_XXS] = {.block = pw_decode_iq2_xxs},
    [PW_IQ2_XS]  = {.block = pw_decode_iq2_xs},
    [PW_IQ2_S]   = {.block = pw_decode_iq2_s},
    [PW_IQ3_XXS] = {.block = pw_decode_iq3_xxs},
    [PW_IQ3_S]   = {.block = pw_decode_iq3_s},
    [PW_IQ4_NL]  = {.block = pw_decode_iq4_nl},
    [PW_IQ4_XS]  = {.block = pw_decode_iq4_xs},
    [PW_MXFP4]   = {.block = decode_mxfp4},
    [PW_TQ1_0]   = {.block = decode_tq1_0},
    [PW_TQ2_0]   = {.block = decode_tq2_0},
    // clang-format on
};

void pw_dequantize(pw_dtype dtype, const void *src, float *dst, int64_t k)
{
    const pw_dtype_info *info = pw_dtype_get(dtype);
    const decoder *decode = &decoders[dtype];
    assert(decode->values != NULL || decode->block != NULL);
    assert(k % info->block == 0);
    if (decode->values != NULL) {
        decode->values(src, dst, k);
        return;
    }
    const char *block = src;
    for (int64_t i = 0; i < k; i += info->block, block += info->block_bytes)
        decode->block(block, dst + i);
}
