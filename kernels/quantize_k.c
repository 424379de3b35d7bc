/* Values to the K formats: each sub-block is fitted alone by least squares over a few trial scales,
 * then its scale is rounded to a share of the block's, and the values to that. Sums in double, as
 * squares of f32 pass its range. */
#include <math.h>
#include <string.h>

#include "kernels/half.h"
#include "kernels/quant_block.h"

enum { TRIALS = 7 };

/* A share of a whole: the largest level is tried as 0.7 to 1.3 more than it is. */
static double trial(int levels, int i)
{
    const int steps = i - TRIALS / 2;
    return (double)levels + 0.2 * (double)steps;
}

/* The nearest whole number to v in low..high; low for not-a-number. */
static int nearest(double v, int low, int high)
{
    const double above = v - (double)low;
    if (!(above > 0.0)) return low;
    return above < (double)(high - low) ? low + (int)(above + 0.5) : high;
}

/* ---- Q4_K and Q5_K: x = scale q - minimum, neither negative ----------------------------------- */

typedef struct fit {
    double scale, minimum, error;
} fit;

/* The best scale and minimum for the levels q of 32 values. */
static fit least_squares(const float *x, const uint8_t *q)
{
    double sq = 0.0, sqq = 0.0, sx = 0.0, sqx = 0.0;
    for (int i = 0; i < 32; i++) {
        const double level = (double)q[i], value = (double)x[i];
        sq += level;
        sqq += level * level;
        sx += value;
        sqx += level * value;
    }
    fit f = {0};
    const double spread = 32.0 * sqq - sq * sq;
    if (spread > 0.0) f.scale = (32.0 * sqx - sq * sx) / spread;
    f.minimum = (f.scale * sq - sx) / 32.0;
    if (f.minimum < 0.0) {
        f.minimum = 0.0;
        f.scale = sqq > 0.0 ? sqx / sqq : 0.0;
    }
    if (f.scale < 0.0) f.scale = 0.0;
    for (int i = 0; i < 32; i++) {
        const double error = f.scale * (double)q[i] - f.minimum - (double)x[i];
        f.error += error * error;
    }
    return f;
}

static fit fit_32(const float *x, int levels)
{
    double low = 0.0, high = (double)x[0];
    for (int i = 0; i < 32; i++) {
        low = (double)x[i] < low ? (double)x[i] : low;
        high = (double)x[i] > high ? (double)x[i] : high;
    }
    fit best = {.minimum = -low, .error = (double)INFINITY};
    for (int t = 0; t < TRIALS && high > low; t++) {
        const double by = trial(levels, t) / (high - low);
        uint8_t q[32];
        for (int i = 0; i < 32; i++) q[i] = (uint8_t)nearest(((double)x[i] - low) * by, 0, levels);
        const fit f = least_squares(x, q);
        if (f.error < best.error) best = f;
    }
    return best;
}

/* Eight scales and minima of 6 bits; the layout is that of pw_get_scale. */
static void put_scales(const uint8_t sc[8], const uint8_t m[8], uint8_t packed[12])
{
    for (int b = 0; b < 4; b++) {
        packed[b] = (uint8_t)(sc[b] | sc[b + 4] >> 4 << 6);
        packed[b + 4] = (uint8_t)(m[b] | m[b + 4] >> 4 << 6);
        packed[b + 8] = (uint8_t)((sc[b + 4] & 15) | (m[b + 4] & 15) << 4);
    }
}

/* The block's two halves, 12 bytes of scales, and 256 levels. */
static void encode_affine(const float *x, int levels, uint16_t halves[2], uint8_t packed[12],
                          uint8_t q[256])
{
    fit fits[8];
    uint8_t sc[8], m[8];
    double most_scale = 0.0, most_minimum = 0.0;
    for (int b = 0; b < 8; b++) {
        fits[b] = fit_32(x + 32 * b, levels);
        most_scale = fits[b].scale > most_scale ? fits[b].scale : most_scale;
        most_minimum = fits[b].minimum > most_minimum ? fits[b].minimum : most_minimum;
    }
    halves[0] = pw_f32_f16((float)(most_scale / 63.0));
    halves[1] = pw_f32_f16((float)(most_minimum / 63.0));
    const double d = (double)pw_f16_f32(halves[0]), dmin = (double)pw_f16_f32(halves[1]);

    for (int b = 0; b < 8; b++) {
        sc[b] = (uint8_t)(d > 0.0 ? nearest(fits[b].scale / d, 0, 63) : 0);
        m[b] = (uint8_t)(dmin > 0.0 ? nearest(fits[b].minimum / dmin, 0, 63) : 0);
        const double scale = d * (double)sc[b], minimum = dmin * (double)m[b];
        for (int i = 32 * b; i < 32 * b + 32; i++)
            q[i] =
                (uint8_t)(scale > 0.0 ? nearest(((double)x[i] + minimum) / scale, 0, levels) : 0);
    }
    put_scales(sc, m, packed);
}

/* Low nibbles of sub-blocks 0, 2, 4, 6 and over them those of 1, 3, 5, 7. */
static void put_nibbles(const uint8_t q[256], uint8_t qs[128])
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *at = q + i / 32 * 64 + i % 32;
        qs[i] = (uint8_t)((at[0] & 15) | (at[32] & 15) << 4);
    }
}

void pw_encode_q4_k(const float *x, void *block)
{
    pw_block_q4_k b;
    uint16_t halves[2];
    uint8_t q[256];
    encode_affine(x, 15, halves, b.scales, q);
    b.d = halves[0];
    b.dmin = halves[1];
    put_nibbles(q, b.qs);
    memcpy(block, &b, sizeof b);
}

void pw_encode_q5_k(const float *x, void *block)
{
    pw_block_q5_k b;
    uint16_t halves[2];
    uint8_t q[256];
    encode_affine(x, 31, halves, b.scales, q);
    b.d = halves[0];
    b.dmin = halves[1];
    put_nibbles(q, b.qs);
    memset(b.qh, 0, sizeof b.qh);
    for (int i = 0; i < 256; i++) b.qh[i % 32] |= (uint8_t)((q[i] >> 4) << i / 32);
    memcpy(block, &b, sizeof b);
}

/* ---- Q6_K: x = scale q, q in -32..31 ---------------------------------------------------------- */

static double fit_16(const float *x)
{
    double extreme = 0.0, best = 0.0, most = -1.0;
    for (int i = 0; i < 16; i++)
        if (fabs((double)x[i]) > fabs(extreme)) extreme = (double)x[i];
    for (int t = 0; t < TRIALS && extreme != 0.0; t++) {
        const double by = -trial(32, t) / extreme;
        double sqq = 0.0, sqx = 0.0;
        for (int i = 0; i < 16; i++) {
            const double q = (double)nearest((double)x[i] * by, -32, 31);
            sqq += q * q;
            sqx += q * (double)x[i];
        }
        /* The squared error is that of all zeros less sqx^2 / sqq. */
        if (sqq > 0.0 && sqx * sqx / sqq > most) {
            most = sqx * sqx / sqq;
            best = sqx / sqq;
        }
    }
    return best;
}

void pw_encode_q6_k(const float *x, void *block)
{
    pw_block_q6_k b;
    double scales[16], most = 0.0;
    for (int s = 0; s < 16; s++) {
        scales[s] = fit_16(x + 16 * s);
        most = fabs(scales[s]) > most ? fabs(scales[s]) : most;
    }
    b.d = pw_f32_f16((float)(most / 127.0));
    const double d = (double)pw_f16_f32(b.d);
    memset(b.ql, 0, sizeof b.ql);
    memset(b.qh, 0, sizeof b.qh);
    for (int s = 0; s < 16; s++) {
        b.scales[s] = (int8_t)(d > 0.0 ? nearest(scales[s] / d, -127, 127) : 0);
        const double scale = d * (double)b.scales[s];
        for (int i = 16 * s; i < 16 * s + 16; i++) {
            const int q = 32 + (scale != 0.0 ? nearest((double)x[i] / scale, -32, 31) : 0);
            const int turn = i / 128, part = i % 128;
            b.ql[turn * 64 + part % 64] |= (uint8_t)((q & 15) << part / 64 * 4);
            b.qh[turn * 32 + part % 32] |= (uint8_t)((q >> 4) << part / 32 * 2);
        }
    }
    memcpy(block, &b, sizeof b);
}
