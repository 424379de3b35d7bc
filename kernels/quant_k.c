/* The K formats: 256 values in sub-blocks of 16 or 32 with scales of a few bits. */
#include <string.h>

#include "kernels/half.h"
#include "kernels/quant_block.h"

/* Value i of a block whose bits lie in layers: `width` bytes carry their lowest `bits` first, then
 * the next, and so on; then come the next `width` bytes. */
static int layered(const uint8_t *bytes, int width, int bits, int i)
{
    const int layers = 8 / bits, turn = i / (width * layers), layer = i / width % layers;
    return bytes[turn * width + i % width] >> layer * bits & ((1 << bits) - 1);
}

void pw_decode_q2_k(const void *block, float *y)
{
    pw_block_q2_k b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d), dmin = pw_f16_f32(b.dmin);
    for (int s = 0; s < 16; s++) {
        const float scale = d * (float)(b.scales[s] & 15),
                    minimum = dmin * (float)(b.scales[s] >> 4);
        for (int i = 16 * s; i < 16 * s + 16; i++)
            y[i] = scale * (float)layered(b.qs, 32, 2, i) - minimum;
    }
}

/* Scale s of 16: low nibbles in eight bytes, then two upper bits each in four. */
static int scale_q3_k(const uint8_t packed[12], int s)
{
    const int low = packed[s % 8] >> s / 8 * 4 & 15;
    const int high = packed[8 + s % 4] >> s / 4 * 2 & 3;
    return (low | high << 4) - 32;
}

void pw_decode_q3_k(const void *block, float *y)
{
    pw_block_q3_k b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int s = 0; s < 16; s++) {
        const float scale = d * (float)scale_q3_k(b.scales, s);
        for (int i = 16 * s; i < 16 * s + 16; i++) {
            const int q = layered(b.qs, 32, 2, i) | layered(b.hmask, 32, 1, i) << 2;
            y[i] = scale * (float)(q - 4);
        }
    }
}

void pw_decode_q4_k(const void *block, float *y)
{
    pw_block_q4_k b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d), dmin = pw_f16_f32(b.dmin);
    for (int s = 0; s < 8; s++, y += 32) {
        uint8_t sc, m;
        pw_get_scale(b.scales, s, &sc, &m);
        const float scale = d * (float)sc, minimum = dmin * (float)m;
        const uint8_t *qs = b.qs + s / 2 * 32;
        const int shift = s % 2 * 4;
        for (int i = 0; i < 32; i++) y[i] = scale * (float)(qs[i] >> shift & 15) - minimum;
    }
}

void pw_decode_q5_k(const void *block, float *y)
{
    pw_block_q5_k b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d), dmin = pw_f16_f32(b.dmin);
    for (int s = 0; s < 8; s++, y += 32) {
        uint8_t sc, m;
        pw_get_scale(b.scales, s, &sc, &m);
        const float scale = d * (float)sc, minimum = dmin * (float)m;
        const uint8_t *qs = b.qs + s / 2 * 32;
        const int shift = s % 2 * 4;
        for (int i = 0; i < 32; i++) {
            const int q = (qs[i] >> shift & 15) | (b.qh[i] >> s & 1) << 4;
            y[i] = scale * (float)q - minimum;
        }
    }
}

void pw_decode_q6_k(const void *block, float *y)
{
    pw_block_q6_k b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int s = 0; s < 16; s++, y += 16) {
        /* Each 128: ql in two layers of 64 bytes, qh in four of 32. */
        const int turn = s / 8, part = s % 8;
        const uint8_t *ql = b.ql + turn * 64 + part % 4 * 16;
        const uint8_t *qh = b.qh + turn * 32 + part % 2 * 16;
        const int low = part / 4 * 4, high = part / 2 * 2;
        const float scale = d * (float)b.scales[s];
        for (int i = 0; i < 16; i++) {
            const int q = (ql[i] >> low & 15) | (qh[i] >> high & 3) << 4;
            y[i] = scale * (float)(q - 32);
        }
    }
}
