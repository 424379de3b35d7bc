/* NORM, CAST, GLU, ROPE and ADD on sixteen lanes: the same bits in AVX2 and AVX-512. Contracts are in
 * kernels/op.h. Activation results are made slab by slab, while a slab is warm. */
#ifndef PW_KERNELS_CPU_X86_ROW_H
#define PW_KERNELS_CPU_X86_ROW_H

#include <math.h>

#include "kernels/cpu/x86/cast.h"
#include "kernels/op.h"

/* ---- NORM ---- */

/* Squares of eight values to four lanes each of lower and upper sums in double. */
PW_INLINE void pw_row_square(__m256 v, __m256d *lower, __m256d *upper)
{
    const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    *lower = _mm256_fmadd_pd(a, a, *lower);
    *upper = _mm256_fmadd_pd(b, b, *upper);
}

static inline double pw_row_squares(const float *x, int64_t d)
{
    __m256d sum[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(),
                      _mm256_setzero_pd()};
    for (int64_t i = 0; i < d; i += 16) {
        const pw_v16 v = d - i >= 16 ? pw_v_load(x + i) : pw_v_load_some(x + i, d - i);
        pw_row_square(pw_v_low(v), &sum[0], &sum[1]);
        pw_row_square(pw_v_high(v), &sum[2], &sum[3]);
    }
    const __m256d four =
        _mm256_add_pd(_mm256_add_pd(sum[0], sum[1]), _mm256_add_pd(sum[2], sum[3]));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two));
}

/* y = w (x scale) over n values. */
PW_INLINE void pw_row_scale(const float *w, const float *x, float scale, float *y, int64_t n)
{
    const pw_v16 s = pw_v_set(scale);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        pw_v_store(y + i, pw_v_mul(pw_v_load(w + i), pw_v_mul(pw_v_load(x + i), s)));
    if (i == n) return;
    const pw_v16 v = pw_v_mul(pw_v_load_some(x + i, n - i), s);
    pw_v_store_some(y + i, pw_v_mul(pw_v_load_some(w + i, n - i), v), n - i);
}

static inline void pw_row_norm(const pw_call *call, int64_t begin, int64_t end)
{
    const pw_tensor *src = &call->src[1];
    const int64_t d = src->n[0], rows = pw_rows(src);
    const float *w = call->src[0].data;

    for (int64_t row = begin; row < end; row++) {
        const float *x = pw_row(src, row);
        const double mean = pw_row_squares(x, d) / (double)d;
        const float scale = (float)(1.0 / sqrt(mean + (double)call->params.eps));
        if (call->dst.dtype == PW_F32) {
            pw_row_scale(w, x, scale, pw_row(&call->dst, row), d);
            continue;
        }
        for (int64_t at = 0; at < d; at += PW_SLAB) {
            float y[PW_SLAB];
            pw_row_scale(w + at, x + at, scale, y, pw_min(d - at, PW_SLAB));
            pw_cast_act(call->dst.dtype, call->dst.data, d, rows, at / PW_SLAB, row, y);
        }
    }
}

/* ---- CAST ---- */

static inline void pw_row_cast(const pw_call *call, int64_t begin, int64_t end)
{
    const pw_tensor *x = &call->src[0];
    for (int64_t row = begin; row < end; row++)
        pw_cast_row(call->dst.dtype, call->dst.data, x->n[0], pw_rows(x), row, pw_row(x, row));
}

/* ---- GLU ---- */

PW_INLINE pw_v16 pw_row_silu(pw_v16 gate, pw_v16 up)
{
    return pw_v_mul(pw_v_silu(gate), up);
}

PW_INLINE void pw_row_gate(const float *gate, const float *up, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        pw_v_store(y + i, pw_row_silu(pw_v_load(gate + i), pw_v_load(up + i)));
    if (i == n) return;
    const pw_v16 g = pw_v_load_some(gate + i, n - i), u = pw_v_load_some(up + i, n - i);
    pw_v_store_some(y + i, pw_row_silu(g, u), n - i);
}

static inline void pw_row_glu(const pw_call *call, int64_t begin, int64_t end)
{
    const int64_t d = call->src[0].n[0], rows = pw_rows(&call->src[0]);
    for (int64_t row = begin; row < end; row++) {
        const float *gate = pw_row(&call->src[0], row), *up = pw_row(&call->src[1], row);
        if (call->dst.dtype == PW_F32) {
            pw_row_gate(gate, up, pw_row(&call->dst, row), d);
            continue;
        }
        for (int64_t at = 0; at < d; at += PW_SLAB) {
            float y[PW_SLAB];
            pw_row_gate(gate + at, up + at, y, pw_min(d - at, PW_SLAB));
            pw_cast_act(call->dst.dtype, call->dst.data, d, rows, at / PW_SLAB, row, y);
        }
    }
}

/* ---- ADD ---- */

static inline void pw_row_add(const pw_call *call, int64_t begin, int64_t end)
{
    const int64_t n = call->src[0].n[0];
    const bool one = pw_rows(&call->src[1]) == 1;
    for (int64_t row = begin; row < end; row++) {
        const float *a = pw_row(&call->src[0], row), *b = pw_row(&call->src[1], one ? 0 : row);
        float *y = pw_row(&call->dst, row);
        int64_t i = 0;
        for (; i + 16 <= n; i += 16)
            pw_v_store(y + i, pw_v_add(pw_v_load(a + i), pw_v_load(b + i)));
        if (i == n) continue;
        const pw_v16 u = pw_v_load_some(a + i, n - i), v = pw_v_load_some(b + i, n - i);
        pw_v_store_some(y + i, pw_v_add(u, v), n - i);
    }
}

/* ---- ROPE ---- */

/* Pairs (2 i, 2 i + 1), four in a register; `turn` holds cosine and sine of each. */
PW_INLINE void pw_row_turn_near(const float *x, const float *turn, float *y, int64_t values)
{
    int64_t i = 0;
    for (; i + 8 <= values; i += 8) {
        const __m256 v = _mm256_loadu_ps(x + i), t = _mm256_loadu_ps(turn + i);
        const __m256 cross = _mm256_mul_ps(_mm256_permute_ps(v, 0xb1), _mm256_movehdup_ps(t));
        _mm256_storeu_ps(y + i, _mm256_fmaddsub_ps(v, _mm256_moveldup_ps(t), cross));
    }
    for (; i < values; i += 2) {
        const float a = x[i], b = x[i + 1], c = turn[i], s = turn[i + 1];
        y[i] = fmaf(a, c, -(b * s));
        y[i + 1] = fmaf(b, c, a * s);
    }
}

/* Pairs (i, i + pairs). */
PW_INLINE void pw_row_turn_far(const float *x, const float *turn, float *y, int64_t pairs)
{
    int64_t i = 0;
    for (; i + 8 <= pairs; i += 8) {
        const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + pairs + i);
        const __m256 t = _mm256_loadu_ps(turn + 2 * i), u = _mm256_loadu_ps(turn + 2 * i + 8);
        const __m256 t2 = _mm256_permute2f128_ps(t, u, 0x20);
        const __m256 u2 = _mm256_permute2f128_ps(t, u, 0x31);
        const __m256 c = _mm256_shuffle_ps(t2, u2, 0x88), s = _mm256_shuffle_ps(t2, u2, 0xdd);
        _mm256_storeu_ps(y + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(y + pairs + i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; i < pairs; i++) {
        const float a = x[i], b = x[pairs + i], c = turn[2 * i], s = turn[2 * i + 1];
        y[i] = fmaf(a, c, -(b * s));
        y[pairs + i] = fmaf(b, c, a * s);
    }
}

static inline void pw_row_rope(const pw_call *call, int64_t begin, int64_t end)
{
    const pw_tensor *src = &call->src[0], *table = &call->src[1];
    const int64_t d = src->n[0], turned = table->n[0];
    for (int64_t row = begin; row < end; row++) {
        const float *x = pw_row(src, row), *turn = pw_row(table, row / src->n[1]);
        float *y = pw_row(&call->dst, row);
        if (call->params.neox)
            pw_row_turn_far(x, turn, y, turned / 2);
        else
            pw_row_turn_near(x, turn, y, turned);
        if (y != x && d > turned) memcpy(y + turned, x + turned, (size_t)(d - turned) * sizeof *y);
    }
}

#endif
