/* Values to blocks. The formats of 32 values and the ternary ones give the bytes of ggml's reference
 * quantiser; the K formats are fitted by quantize_k.c. */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/half.h"
#include "kernels/math.h"
#include "kernels/quant.h"
#include "kernels/quant_block.h"

/* ---- Values without blocks ------------------------------------------------------------------- */

static void to_f32(const float *x, void *dst, int64_t k)
{
    memcpy(dst, x, (size_t)k * sizeof *x);
}

static void to_f16(const float *x, void *dst, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        const uint16_t half = pw_f32_f16(x[i]);
        memcpy((char *)dst + 2 * i, &half, sizeof half);
    }
}

static void to_bf16(const float *x, void *dst, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        const uint16_t half = pw_f32_bf16(x[i]);
        memcpy((char *)dst + 2 * i, &half, sizeof half);
    }
}

/* ---- What the encoders share ----------------------------------------------------------------- */

/* The whole part of v, kept in 0..most; 0 for not-a-number. */
static uint8_t level(float v, int most)
{
    if (!(v > 0.0f)) return 0;
    return (uint8_t)(v < (float)most ? (int)v : most);
}

/* The whole number nearest to |v|, halves up, kept in 0..most. Adding a half would lift the number
 * just below it. */
static int nearest(float v, int most)
{
    const float size = fabsf(v);
    const int whole = level(size, most);
    return whole < most && size - (float)whole >= 0.5f ? whole + 1 : whole;
}

/* 1 / d, but 0 for 0. */
static float inverse(float d)
{
    return d == 0.0f ? 0.0f : 1.0f / d;
}

/* The first value of greatest magnitude. */
static float extreme(const float *x, int count)
{
    float most = x[0];
    for (int i = 1; i < count; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    return most;
}

static void range(const float *x, int count, float *low, float *high)
{
    *low = *high = x[0];
    for (int i = 1; i < count; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

/* ---- Blocks of 32 ---------------------------------------------------------------------------- */

/* Nibbles and, where `qh` is not NULL, fifth bits of 32 values. */
static void put_levels(const uint8_t q[32], uint8_t qs[16], uint8_t qh[4])
{
    for (int i = 0; i < 16; i++) qs[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
    if (qh == NULL) return;
    memset(qh, 0, 4);
    for (int i = 0; i < 32; i++) qh[i / 8] |= (uint8_t)((q[i] >> 4) << i % 8);
}

static void encode_q4_0(const float *x, void *block)
{
    pw_block_q4_0 b;
    uint8_t q[32];
    const float d = extreme(x, 32) / -8.0f, by = inverse(d);
    for (int i = 0; i < 32; i++) q[i] = level(x[i] * by + 8.5f, 15);
    b.d = pw_f32_f16(d);
    put_levels(q, b.qs, NULL);
    memcpy(block, &b, sizeof b);
}

static void encode_q4_1(const float *x, void *block)
{
    pw_block_q4_1 b;
    uint8_t q[32];
    float low, high;
    range(x, 32, &low, &high);
    const float d = (high - low) / 15.0f, by = inverse(d);
    for (int i = 0; i < 32; i++) q[i] = level((x[i] - low) * by + 0.5f, 15);
    b.d = pw_f32_f16(d);
    b.m = pw_f32_f16(low);
    put_levels(q, b.qs, NULL);
    memcpy(block, &b, sizeof b);
}

static void encode_q5_0(const float *x, void *block)
{
    pw_block_q5_0 b;
    uint8_t q[32];
    const float d = extreme(x, 32) / -16.0f, by = inverse(d);
    for (int i = 0; i < 32; i++) q[i] = level(x[i] * by + 16.5f, 31);
    b.d = pw_f32_f16(d);
    put_levels(q, b.qs, b.qh);
    memcpy(block, &b, sizeof b);
}

static void encode_q5_1(const float *x, void *block)
{
    pw_block_q5_1 b;
    uint8_t q[32];
    float low, high;
    range(x, 32, &low, &high);
    const float d = (high - low) / 31.0f, by = inverse(d);
    for (int i = 0; i < 32; i++) q[i] = level((x[i] - low) * by + 0.5f, 31);
    b.d = pw_f32_f16(d);
    b.m = pw_f32_f16(low);
    put_levels(q, b.qs, b.qh);
    memcpy(block, &b, sizeof b);
}

static void encode_q8_0(const float *x, void *block)
{
    pw_block_q8_0 b;
    const float d = fabsf(extreme(x, 32)) / 127.0f, by = inverse(d);
    for (int i = 0; i < 32; i++) {
        const int q = nearest(x[i] * by, 127);
        b.qs[i] = (int8_t)(x[i] < 0.0f ? -q : q);
    }
    b.d = pw_f32_f16(d);
    memcpy(block, &b, sizeof b);
}

/* The level nearest to x, the first of two that are equally near. */
static uint8_t nearest_mxfp4(float x, float d)
{
    int best = 0;
    float least = fabsf(d * (float)pw_mxfp4_levels[0] - x);
    for (int i = 1; i < 16; i++) {
        const float error = fabsf(d * (float)pw_mxfp4_levels[i] - x);
        if (error < least) {
            least = error;
            best = i;
        }
    }
    return (uint8_t)best;
}

static void encode_mxfp4(const float *x, void *block)
{
    pw_block_mxfp4 b;
    uint8_t q[32];
    const float amax = fabsf(extreme(x, 32));
    /* The logarithm is rounded to f32 as in ggml, which lifts values just below a power of two. */
    const double log2e = 0x1.71547652b82fep+0;
    b.e = amax > 0.0f ? level(floorf((float)(pw_log((double)amax) * log2e)) + 125.0f, 254) : 0;
    const float d = pw_mxfp4_scale(b.e);
    for (int i = 0; i < 32; i++) q[i] = nearest_mxfp4(x[i], d);
    put_levels(q, b.qs, NULL);
    memcpy(block, &b, sizeof b);
}

/* ---- Ternary blocks of 256 ------------------------------------------------------------------- */

/* 0, 1 or 2 for the nearest of -amax, 0, amax. Returns amax. */
static float ternary(const float *x, uint8_t q[256])
{
    const float d = fabsf(extreme(x, 256)), by = inverse(d);
    for (int i = 0; i < 256; i++) {
        const int size = nearest(x[i] * by, 1);
        q[i] = (uint8_t)(x[i] < 0.0f ? 1 - size : 1 + size);
    }
    return d;
}

/* `digits` values to each of `width` bytes, as decoding takes them out by threes. */
static void to_base3(const uint8_t *q, int width, int digits, uint8_t *bytes)
{
    for (int i = 0; i < width; i++) {
        int sum = 0;
        for (int j = 0; j < 5; j++) sum = sum * 3 + (j < digits ? q[j * width + i] : 0);
        bytes[i] = (uint8_t)((sum * 256 + 242) / 243);
    }
}

static void encode_tq1_0(const float *x, void *block)
{
    pw_block_tq1_0 b;
    uint8_t q[256];
    b.d = pw_f32_f16(ternary(x, q));
    to_base3(q, 32, 5, b.qs);
    to_base3(q + 160, 16, 5, b.qs + 32);
    to_base3(q + 240, 4, 4, b.qh);
    memcpy(block, &b, sizeof b);
}

static void encode_tq2_0(const float *x, void *block)
{
    pw_block_tq2_0 b;
    uint8_t q[256];
    b.d = pw_f32_f16(ternary(x, q));
    memset(b.qs, 0, sizeof b.qs);
    for (int i = 0; i < 256; i++)
        b.qs[i / 128 * 32 + i % 32] |= (uint8_t)(q[i] << i % 128 / 32 * 2);
    memcpy(block, &b, sizeof b);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* A format has one or the other, or neither: then it is not written. */
typedef struct encoder {
    void (*values)(const float *x, void *dst, int64_t k);
    pw_encode_fn *block;
} encoder;

static const encoder encoders[PW_DTYPE_COUNT] = {
    // clang-format off
    [PW_F32]   = {.values = to_f32},
    [PW_F16]   = {.values = to_f16},
    [PW_BF16]  = {.values = to_bf16},
    [PW_Q4_0]  = {.block = encode_q4_0},
    [PW_Q4_1]  = {.block = encode_q4_1},
    [PW_Q5_0]  = {.block = encode_q5_0},
    [PW_Q5_1]  = {.block = encode_q5_1},
    [PW_Q8_0]  = {.block = encode_q8_0},
    [PW_Q4_K]  = {.block = pw_encode_q4_k},
    [PW_Q5_K]  = {.block = pw_encode_q5_k},
    [PW_Q6_K]  = {.block = pw_encode_q6_k},
    [PW_MXFP4] = {.block = encode_mxfp4},
    [PW_TQ1_0] = {.block = encode_tq1_0},
    [PW_TQ2_0] = {.block = encode_tq2_0},
    // clang-format on
};

bool pw_can_quantize(pw_dtype dtype)
{
    assert(dtype < PW_DTYPE_COUNT);
    return encoders[dtype].values != NULL || encoders[dtype].block != NULL;
}

/* Not-a-number as zero, infinities as the largest number. */
static float bounded(float x)
{
    if (isnan(x)) return 0.0f;
    return x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : x;
}

void pw_quantize(pw_dtype dtype, const float *src, void *dst, int64_t k)
{
    enum { LONGEST = 256 };
    const pw_dtype_info *info = pw_dtype_get(dtype);
    const encoder *encode = &encoders[dtype];
    assert(pw_can_quantize(dtype) && k % info->block == 0 && info->block <= LONGEST);
    if (encode->values != NULL) {
        encode->values(src, dst, k);
        return;
    }
    char *block = dst;
    for (int64_t i = 0; i < k; i += info->block, block += info->block_bytes) {
        float x[LONGEST];
        for (int64_t j = 0; j < info->block; j++) x[j] = bounded(src[i + j]);
        encode->block(x, block);
    }
}
