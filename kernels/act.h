/* The activation formats that tuned rows read. Opaque outside kernels/; written by CAST, by NORM
 * and by epilogues, read by rows whose `act` it is.
 *
 * Both are cut into slabs of 256 along k; slab-major, all rows of a batch in one tensor. The last
 * slab is short: ks = k mod 256, never padded.
 *
 * Q8X, for x [k, n], k a multiple of 32:
 *   int8  q[slab][row][ks]          the values
 *   f32   scale[slab][row]          at the next multiple of 64 bytes; finite, not negative
 *   i32   exponent[slab][row][8]    at the next multiple of 64; e << 23 with e in -20..0, one for 32
 *   i32   sum[slab][row][8]         at the next multiple of 64; minus the sum of the 32 q
 *   x = q scale 2^e. With amax over the slab and over the 32: scale = amax_slab / 127; e is the
 *   least integer with amax_32 <= amax_slab 2^e, kept within -20..0 (0 where the slab is zero);
 *   q = nearest even of x (1 / (scale 2^e)), |q| <= 127. Entries of a short slab's missing blocks: 0.
 *   A slab with amax below 2^-80 counts as zero: scale, e and q are 0. One that holds a value that is
 *   not finite has scale NaN, e and q 0, so that the result is NaN and is noticed.
 * B16X, for x [k, n]: bf16 (nearest even) b[slab][row][ks], ks rounded up to 2 with a zero. */
#ifndef PW_KERNELS_ACT_H
#define PW_KERNELS_ACT_H

#include "kernels/tensor.h"

enum { PW_SLAB = 256, PW_SLAB_BLOCKS = 8 };

/* Where the parts of a Q8X tensor of shape [k, n] begin, in bytes. */
typedef struct pw_q8x {
    int64_t k, n;
    size_t scale, exponent, sum, bytes;
} pw_q8x;

pw_q8x pw_q8x_of(int64_t k, int64_t n);

static inline int8_t *pw_q8x_values(const pw_q8x *a, void *data, int64_t slab, int64_t row)
{
    const int64_t ks = a->k - slab * PW_SLAB < PW_SLAB ? a->k - slab * PW_SLAB : PW_SLAB;
    return (int8_t *)data + slab * PW_SLAB * a->n + row * ks;
}

static inline float *pw_q8x_scale(const pw_q8x *a, void *data, int64_t slab, int64_t row)
{
    return (float *)(void *)((char *)data + a->scale) + slab * a->n + row;
}

static inline int32_t *pw_q8x_exponent(const pw_q8x *a, void *data, int64_t slab, int64_t row)
{
    return (int32_t *)(void *)((char *)data + a->exponent) + (slab * a->n + row) * PW_SLAB_BLOCKS;
}

static inline int32_t *pw_q8x_sum(const pw_q8x *a, void *data, int64_t slab, int64_t row)
{
    return (int32_t *)(void *)((char *)data + a->sum) + (slab * a->n + row) * PW_SLAB_BLOCKS;
}

/* Row `row` of slab `slab` of a B16X tensor [k, n]. */
uint16_t *pw_b16x_values(void *data, int64_t k, int64_t n, int64_t slab, int64_t row);

/* Bytes of an activation tensor [k, n] in Q8X, B16X or F32. */
size_t pw_act_bytes(pw_dtype act, int64_t k, int64_t n);

/* Whether rows of k values can be held in the format at all (Q8X wants multiples of 32). */
bool pw_act_takes(pw_dtype act, int64_t k);

/* One row to the format; the definition that every CAST row equals bit for bit. `x` f32 [k]. */
void pw_act_write(pw_dtype act, void *data, int64_t k, int64_t n, int64_t row, const float *x);

/* One row back to f32 [k]: exact. */
void pw_act_read(pw_dtype act, const void *data, int64_t k, int64_t n, int64_t row, float *x);

#endif
