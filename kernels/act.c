#include "kernels/act.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/half.h"
#include "pw/num.h"

enum { ALIGN = 64, LEAST_EXPONENT = -20 };

/* Slabs below this count as zero, so that 1 / (scale 2^e) is finite. */
#define LEAST_AMAX 0x1p-80f

/* ---- Layout ---------------------------------------------------------------------------------- */

pw_q8x pw_q8x_of(int64_t k, int64_t n)
{
    const size_t slabs = (size_t)pw_ceil_div(k, PW_SLAB), rows = slabs * (size_t)n;
    pw_q8x a = {.k = k, .n = n};
    a.scale = pw_align_up((size_t)k * (size_t)n, ALIGN);
    a.exponent = pw_align_up(a.scale + rows * sizeof(float), ALIGN);
    a.sum = pw_align_up(a.exponent + rows * PW_SLAB_BLOCKS * sizeof(int32_t), ALIGN);
    a.bytes = pw_align_up(a.sum + rows * PW_SLAB_BLOCKS * sizeof(int32_t), ALIGN);
    return a;
}

/* Values in slab `slab` of a B16X row: even. */
static int64_t b16x_slab(int64_t k, int64_t slab)
{
    const int64_t left = k - slab * PW_SLAB;
    return left < PW_SLAB ? left + (left & 1) : PW_SLAB;
}

uint16_t *pw_b16x_values(void *data, int64_t k, int64_t n, int64_t slab, int64_t row)
{
    return (uint16_t *)data + slab * PW_SLAB * n + row * b16x_slab(k, slab);
}

size_t pw_act_bytes(pw_dtype act, int64_t k, int64_t n)
{
    if (act == PW_Q8X) return pw_q8x_of(k, n).bytes;
    if (act == PW_B16X) return pw_align_up((size_t)(k + (k & 1)) * (size_t)n * 2, ALIGN);
    assert(act == PW_F32);
    return (size_t)k * (size_t)n * sizeof(float);
}

bool pw_act_takes(pw_dtype act, int64_t k)
{
    return act != PW_Q8X || k % 32 == 0;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The least e in LEAST_EXPONENT..0 with amax <= whole 2^e. Bits of positive floats are in order, and
 * scaling by 2^e is a subtraction there, so this is exact where whole 2^e is normal. */
static int exponent_of(float amax, float whole)
{
    int e = 0;
    while (e > LEAST_EXPONENT && amax <= ldexpf(whole, e - 1)) e--;
    return e;
}

static void write_block(const float *x, float scale, int e, int8_t *q, int32_t *sum)
{
    const float inverse = scale > 0.0f ? 1.0f / ldexpf(scale, e) : 0.0f;
    int32_t total = 0;
    for (int i = 0; i < 32; i++) {
        float v = rintf(x[i] * inverse);
        v = v > 127.0f ? 127.0f : v < -127.0f ? -127.0f : v;
        q[i] = (int8_t)v;
        total += q[i];
    }
    *sum = -total;
}

static float largest(const float *x, int64_t n)
{
    float amax = 0.0f;
    for (int64_t i = 0; i < n; i++) amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
    return amax;
}

static bool all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static void write_q8x(void *data, int64_t k, int64_t n, int64_t row, const float *x)
{
    const pw_q8x a = pw_q8x_of(k, n);
    for (int64_t slab = 0; slab * PW_SLAB < k; slab++) {
        const float *xs = x + slab * PW_SLAB;
        const int64_t ks = pw_min(k - slab * PW_SLAB, PW_SLAB);
        int8_t *q = pw_q8x_values(&a, data, slab, row);
        int32_t *exponent = pw_q8x_exponent(&a, data, slab, row);
        int32_t *sum = pw_q8x_sum(&a, data, slab, row);
        memset(exponent, 0, PW_SLAB_BLOCKS * sizeof *exponent);
        memset(sum, 0, PW_SLAB_BLOCKS * sizeof *sum);
        if (!all_finite(xs, ks)) {
            *pw_q8x_scale(&a, data, slab, row) = NAN;
            memset(q, 0, (size_t)ks);
            continue;
        }
        const float largest_all = largest(xs, ks);
        const float amax = largest_all < LEAST_AMAX ? 0.0f : largest_all, scale = amax / 127.0f;
        *pw_q8x_scale(&a, data, slab, row) = scale;
        for (int64_t b = 0; b < ks / 32; b++) {
            const int e = amax > 0.0f ? exponent_of(largest(xs + b * 32, 32), amax) : 0;
            exponent[b] = (int32_t)((uint32_t)e << 23);
            write_block(xs + b * 32, scale, e, q + b * 32, &sum[b]);
        }
    }
}

static void write_b16x(void *data, int64_t k, int64_t n, int64_t row, const float *x)
{
    for (int64_t slab = 0; slab * PW_SLAB < k; slab++) {
        uint16_t *b = pw_b16x_values(data, k, n, slab, row);
        const int64_t ks = pw_min(k - slab * PW_SLAB, PW_SLAB);
        for (int64_t i = 0; i < ks; i++) b[i] = pw_f32_bf16(x[slab * PW_SLAB + i]);
        if (b16x_slab(k, slab) > ks) b[ks] = 0;
    }
}

void pw_act_write(pw_dtype act, void *data, int64_t k, int64_t n, int64_t row, const float *x)
{
    if (act == PW_Q8X)
        write_q8x(data, k, n, row, x);
    else if (act == PW_B16X)
        write_b16x(data, k, n, row, x);
    else
        memcpy((float *)data + row * k, x, (size_t)k * sizeof *x);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A pointer for the accessors, which serve writers too; nothing is written through it. */
static void *readable(const void *data)
{
    return (void *)(uintptr_t)data;
}

static void read_q8x(void *data, int64_t k, int64_t n, int64_t row, float *x)
{
    const pw_q8x a = pw_q8x_of(k, n);
    for (int64_t slab = 0; slab * PW_SLAB < k; slab++) {
        const int64_t ks = pw_min(k - slab * PW_SLAB, PW_SLAB);
        const int8_t *q = pw_q8x_values(&a, data, slab, row);
        const float scale = *pw_q8x_scale(&a, data, slab, row);
        for (int64_t i = 0; i < ks; i++) {
            const int e = pw_q8x_exponent(&a, data, slab, row)[i / 32] / (1 << 23);
            x[slab * PW_SLAB + i] = (float)q[i] * ldexpf(scale, e);
        }
    }
}

void pw_act_read(pw_dtype act, const void *data, int64_t k, int64_t n, int64_t row, float *x)
{
    if (act == PW_Q8X) {
        read_q8x(readable(data), k, n, row, x);
    } else if (act == PW_B16X) {
        for (int64_t i = 0; i < k; i++)
            x[i] = pw_bf16_f32(pw_b16x_values(readable(data), k, n, i / PW_SLAB, row)[i % PW_SLAB]);
    } else {
        memcpy(x, (const float *)data + row * k, (size_t)k * sizeof *x);
    }
}
