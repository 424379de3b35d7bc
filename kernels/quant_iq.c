/* The IQ formats: a byte or so names four or eight magnitudes of a grid; signs and scales beside. */
#include <stdbool.h>
#include <string.h>

#include "kernels/half.h"
#include "kernels/quant_block.h"
#include "kernels/quant_iq_tables.h"

/* Eight signs out of seven bits: the eighth makes their number even. */
static uint8_t even_signs(uint32_t seven)
{
    uint32_t parity = seven ^ seven >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return (uint8_t)((seven & 127) | (parity & 1) << 7);
}

/* Eight values of an IQ2 grid. */
static void eight(uint16_t entry, uint8_t signs, float scale, float *y)
{
    for (int i = 0; i < 8; i++) {
        const int sign = 1 - 2 * (signs >> i & 1);
        y[i] = scale * (float)(sign * iq2_levels[entry >> 2 * i & 3]);
    }
}

/* Four values of an IQ3 grid. */
static void four(const uint8_t levels[8], uint16_t entry, int signs, float scale, float *y)
{
    for (int i = 0; i < 4; i++) {
        const int sign = 1 - 2 * (signs >> i & 1);
        y[i] = scale * (float)(sign * levels[entry >> 3 * i & 7]);
    }
}

/* Nibble s of a run of nibbles, the low one of a byte first. */
static int nibble(const uint8_t *bytes, int s)
{
    return bytes[s / 2] >> s % 2 * 4 & 15;
}

/* ---- IQ2 ------------------------------------------------------------------------------------- */

void pw_decode_iq2_xxs(const void *block, float *y)
{
    pw_block_iq2_xxs b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int s = 0; s < 8; s++) {
        const uint16_t *qs = b.qs + 4 * s;
        const uint32_t more = qs[2] | (uint32_t)qs[3] << 16;
        const float scale = d * (0.5f + (float)(more >> 28)) * 0.25f;
        for (int g = 0; g < 4; g++, y += 8) {
            const int entry = qs[g / 2] >> g % 2 * 8 & 255;
            eight(iq2_xxs_grid[entry], even_signs(more >> 7 * g & 127), scale, y);
        }
    }
}

void pw_decode_iq2_xs(const void *block, float *y)
{
    pw_block_iq2_xs b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int g = 0; g < 32; g++, y += 8) {
        const float scale = d * (0.5f + (float)nibble(b.scales, g / 2)) * 0.25f;
        eight(iq2_xs_grid[b.qs[g] & 511], even_signs(b.qs[g] >> 9), scale, y);
    }
}

void pw_decode_iq2_s(const void *block, float *y)
{
    pw_block_iq2_s b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int g = 0; g < 32; g++, y += 8) {
        const float scale = d * (0.5f + (float)nibble(b.scales, g / 2)) * 0.25f;
        const int entry = b.qs[g] | (b.qh[g / 4] >> g % 4 * 2 & 3) << 8;
        eight(iq2_s_grid[entry], b.qs[32 + g], scale, y);
    }
}

/* ---- IQ3 ------------------------------------------------------------------------------------- */

void pw_decode_iq3_xxs(const void *block, float *y)
{
    pw_block_iq3_xxs b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int s = 0; s < 8; s++) {
        uint32_t more;
        memcpy(&more, b.qs + 64 + 4 * s, sizeof more);
        const float scale = d * (0.5f + (float)(more >> 28)) * 0.5f;
        for (int g = 0; g < 8; g++, y += 4) {
            const int signs = even_signs(more >> g / 2 * 7 & 127) >> g % 2 * 4;
            four(iq3_xxs_levels, iq3_xxs_grid[b.qs[8 * s + g]], signs, scale, y);
        }
    }
}

void pw_decode_iq3_s(const void *block, float *y)
{
    pw_block_iq3_s b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int g = 0; g < 64; g++, y += 4) {
        const float scale = d * (float)(1 + 2 * nibble(b.scales, g / 8));
        const int entry = b.qs[g] | (b.qh[g / 8] >> g % 8 & 1) << 8;
        const int signs = b.signs[g / 2] >> g % 2 * 4;
        four(iq3_s_levels, iq3_s_grid[entry], signs, scale, y);
    }
}

/* ---- IQ1 ------------------------------------------------------------------------------------- */

/* Eight values of the IQ1 grid, all moved by an eighth up or down. */
static void shifted(uint16_t entry, bool down, float scale, float *y)
{
    const float shift = down ? -0.125f : 0.125f;
    for (int i = 0; i < 8; i++) y[i] = scale * ((float)iq1_levels[entry >> 2 * i & 3] + shift);
}

void pw_decode_iq1_s(const void *block, float *y)
{
    pw_block_iq1_s b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int g = 0; g < 32; g++, y += 8) {
        const int more = b.qh[g / 4];
        const float scale = d * (float)(2 * (more >> 12 & 7) + 1);
        const int entry = b.qs[g] | (more >> g % 4 * 3 & 7) << 8;
        shifted(iq1_grid[entry], (more & 0x8000) != 0, scale, y);
    }
}

void pw_decode_iq1_m(const void *block, float *y)
{
    pw_block_iq1_m b;
    memcpy(&b, block, sizeof b);
    int half = 0;
    for (int i = 0; i < 4; i++) half |= b.scales[i] >> 12 << 4 * i;
    const float d = pw_f16_f32((uint16_t)half);
    for (int g = 0; g < 32; g++, y += 8) {
        const int sc = b.scales[g / 8] >> g / 2 % 4 * 3 & 7, more = nibble(b.qh, g);
        const int entry = b.qs[g] | (more & 7) << 8;
        shifted(iq1_grid[entry], (more & 8) != 0, d * (float)(2 * sc + 1), y);
    }
}

/* ---- IQ4 ------------------------------------------------------------------------------------- */

/* 32 values: low nibbles of 16 bytes, then the high ones. */
static void sixteen_levels(const uint8_t *qs, float scale, float *y)
{
    for (int i = 0; i < 16; i++) {
        y[i] = scale * (float)iq4_levels[qs[i] & 15];
        y[i + 16] = scale * (float)iq4_levels[qs[i] >> 4];
    }
}

void pw_decode_iq4_nl(const void *block, float *y)
{
    pw_block_iq4_nl b;
    memcpy(&b, block, sizeof b);
    sixteen_levels(b.qs, pw_f16_f32(b.d), y);
}

void pw_decode_iq4_xs(const void *block, float *y)
{
    pw_block_iq4_xs b;
    memcpy(&b, block, sizeof b);
    const float d = pw_f16_f32(b.d);
    for (int s = 0; s < 8; s++) {
        const int sc = nibble(b.scales_l, s) | (b.scales_h >> 2 * s & 3) << 4;
        sixteen_levels(b.qs + 16 * s, d * (float)(sc - 32), y + 32 * s);
    }
}
