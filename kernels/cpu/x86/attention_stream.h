/* Attention in f32 products over keys and values that become f32 in registers: for tiles of a few rows, as
 * in decode, which read them once or twice, and for pages that are f32. */
#ifndef PW_KERNELS_CPU_X86_ATTENTION_STREAM_H
#define PW_KERNELS_CPU_X86_ATTENTION_STREAM_H

#include <string.h>

#include "kernels/cpu/x86/attention_v16.h"
#include "kernels/cpu/x86/cast.h"
#include "kernels/cpu/x86/cut.h"
#include "pw/num.h"

/* A register tile has six rows by so many groups of sixteen lanes. */
#if defined(__AVX512F__)
enum { PW_F32_GROUPS = 4 };
#else
enum { PW_F32_GROUPS = 1 };
#endif
enum {
    PW_F32_ROWS = 6,
    PW_F32_LANES = 16,
    PW_STREAM_ROWS = 2 * PW_F32_ROWS,
    PW_F32_BLOCKS = PW_PAGE / PW_F32_LANES
};

PW_INLINE pw_v16 pw_f32_of_bytes(const char *from)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
    return pw_v_join(low, high);
}

/* Bytes of a value, without the scales of blocks. */
PW_INLINE int64_t pw_f32_size(pw_dtype dtype)
{
    return dtype == PW_F32 ? 4 : dtype == PW_Q8_0 ? 1 : 2;
}

/* Values that become f32 together: bf16 lie in pairs. */
PW_INLINE int pw_f32_pair(pw_dtype dtype)
{
    return dtype == PW_BF16 ? 2 : 1;
}

/* Beside the reading of bytes [at, at + bytes) of a page: what lies a little ahead into the first cache,
 * the same bytes of the page that is read next (NULL: none) into the second. */
PW_INLINE void pw_f32_ask(const char *page, const char *next, int64_t at, int64_t bytes)
{
    enum { LINE = 64, NEAR = 512 };
    if (next == NULL) return;
    for (int64_t i = (int64_t)pw_align_up((size_t)at, LINE); i < at + bytes; i += LINE) {
        _mm_prefetch(page + NEAR + i, _MM_HINT_T0);
        _mm_prefetch(next + i, _MM_HINT_T1);
    }
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* Value i (and i + 1 of bf16) of the sixteen keys of a block; `scale`: of the values' block of 32. */
PW_INLINE void pw_stream_key(pw_dtype dtype, const char *keys, int64_t block, int64_t i, int64_t d,
                             pw_v16 scale, pw_v16 out[2])
{
    enum { LINE = 64 };
    const char *at = keys + (block * d + i) * PW_F32_LANES * pw_f32_size(dtype);
    if (dtype == PW_F32)
        out[0] = pw_v_load((const float *)(const void *)at);
    else if (dtype == PW_F16)
        out[0] = pw_v_halves(at);
    else if (dtype == PW_BF16)
        pw_v_pairs(keys + (block / 2 * pw_kv_even(d) + block % 2 + i) * LINE, &out[0], &out[1]);
    else
        out[0] = pw_v_mul(pw_f32_of_bytes(at), scale);
}

/* Scores of `rows` rows with groups x 16 keys from `block` on: one lane a key, one sum a lane, d in
 * order. */
PW_INLINE void pw_stream_score_tile(pw_dtype dtype, const pw_tile *t, int64_t row, const char *keys,
                                    int64_t block, int64_t at, const char *ahead, const int rows,
                                    const int groups)
{
    enum { SCALED = 32 };
    const int64_t d = t->d, stride = pw_kv_padded(d);
    const int pair = pw_f32_pair(dtype);
    const int64_t each = groups * PW_F32_LANES * pw_f32_size(dtype); /* bytes that one i reads */
    const int64_t asked = block * d * PW_F32_LANES * pw_f32_size(dtype);
    const char *scales = keys + PW_PAGE * d;
    const float *q = (const float *)t->q + row * stride;
    pw_v16 sum[PW_F32_ROWS][PW_F32_GROUPS], scale[PW_F32_GROUPS];
    PW_UNROLL
    for (int g = 0; g < groups; g++) {
        scale[g] = pw_v_set(1.0f);
        PW_UNROLL
        for (int r = 0; r < rows; r++) sum[r][g] = pw_v_set(0.0f);
    }
    for (int64_t i = 0; i < d; i += pair) {
        pw_v16 key[PW_F32_GROUPS][2];
        pw_f32_ask(keys, ahead, asked + i * each, pair * each);
        PW_UNROLL
        for (int g = 0; g < groups; g++) {
            if (dtype == PW_Q8_0 && i % SCALED == 0)
                scale[g] = pw_v_halves(scales + ((block + g) * (d / SCALED) + i / SCALED) *
                                                    PW_F32_LANES * 2);
            pw_stream_key(dtype, keys, block + g, i, d, scale[g], key[g]);
        }
        PW_UNROLL
        for (int r = 0; r < pair * rows; r++) {
            const pw_v16 value = pw_v_set(q[r / pair * stride + i + r % pair]);
            PW_UNROLL
            for (int g = 0; g < groups; g++)
                sum[r / pair][g] = pw_v_fma(key[g][r % pair], value, sum[r / pair][g]);
        }
    }
    float *score = t->score + row * PW_SCORES + at;
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++)
            pw_v_store(score + r * PW_SCORES + g * PW_F32_LANES, sum[r][g]);
    }
}

PW_INLINE void pw_stream_score_rows(pw_dtype dtype, const pw_tile *t, int64_t row, const char *keys,
                                    int64_t block, int64_t at, const char *ahead, int64_t rows,
                                    const int groups)
{
    switch (rows) {
    case 1: pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, 1, groups); break;
    case 2: pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, 2, groups); break;
    case 3: pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, 3, groups); break;
    case 4: pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, 4, groups); break;
    case 5: pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, 5, groups); break;
    default:
        pw_stream_score_tile(dtype, t, row, keys, block, at, ahead, PW_F32_ROWS, groups);
        break;
    }
}

/* Blocks of sixteen keys, in pairs, that hold `count` of a page's. */
static inline int64_t pw_stream_blocks(int64_t count)
{
    return pw_ceil_div(pw_min(count, PW_PAGE), 2 * PW_F32_LANES) * 2;
}

PW_INLINE void pw_stream_score_of(pw_dtype dtype, const pw_tile *t, const char *keys, int64_t at,
                                  int64_t count, const char *ahead)
{
    const int64_t blocks = pw_stream_blocks(count);
    const int64_t plain = PW_PAGE * t->d * pw_f32_size(dtype);
    pw_f32_ask(keys, ahead, plain, (int64_t)pw_kv_lanes_keys(dtype, t->d) - plain); /* scales */
    const pw_cut cut = pw_cut_of(t->rows, PW_F32_ROWS);
    for (int64_t c = 0; c < cut.tiles; c++) {
        const int64_t row = pw_cut_at(&cut, c), rows = pw_cut_at(&cut, c + 1) - row;
        const char *next = c == 0 ? ahead : NULL;
        int64_t b = 0;
        for (; b + PW_F32_GROUPS <= blocks; b += PW_F32_GROUPS)
            pw_stream_score_rows(dtype, t, row, keys, b, at + b * PW_F32_LANES, next, rows,
                                 PW_F32_GROUPS);
        for (; b < blocks; b++)
            pw_stream_score_rows(dtype, t, row, keys, b, at + b * PW_F32_LANES, next, rows, 1);
    }
}

static inline void pw_stream_score(const pw_tile *t, const char *keys, int64_t at, int64_t count,
                                   const char *ahead)
{
    if (t->dtype == PW_F32)
        pw_stream_score_of(PW_F32, t, keys, at, count, ahead);
    else if (t->dtype == PW_F16)
        pw_stream_score_of(PW_F16, t, keys, at, count, ahead);
    else if (t->dtype == PW_BF16)
        pw_stream_score_of(PW_BF16, t, keys, at, count, ahead);
    else
        pw_stream_score_of(PW_Q8_0, t, keys, at, count, ahead);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Sixteen values from i on of position j (and j + 1 of bf16). */
PW_INLINE void pw_stream_value(pw_dtype dtype, const char *values, int64_t j, int64_t i, int64_t d,
                               pw_v16 out[2])
{
    const int64_t padded = pw_kv_padded(d);
    const char *at = values + (j * padded + i) * pw_f32_size(dtype);
    if (dtype == PW_F32) {
        out[0] = pw_v_load((const float *)(const void *)at);
    } else if (dtype == PW_F16) {
        out[0] = pw_v_halves(at);
    } else if (dtype == PW_BF16) {
        pw_v_pairs(values + (j / 2 * padded + i) * 4, &out[0], &out[1]);
    } else {
        uint16_t half;
        memcpy(&half, values + PW_PAGE * d + (j * (d / 32) + i / 32) * 2, sizeof half);
        out[0] = pw_v_mul(pw_f32_of_bytes(at), pw_v_set(_cvtsh_ss(half)));
    }
}

/* Adds `count` weighed values to groups x 16 of d, from `first` on, for `rows` rows. */
PW_INLINE void pw_stream_gather_tile(pw_dtype dtype, const pw_tile *t, int64_t row,
                                     const char *values, int64_t at, int64_t count,
                                     const char *ahead, int64_t first, const int rows,
                                     const int groups)
{
    const int64_t padded = pw_kv_padded(t->d), record = pw_record_floats(t->d);
    const int pair = pw_f32_pair(dtype);
    const int64_t line = padded * pw_f32_size(dtype), share = groups * 16 * pw_f32_size(dtype);
    const float *weight = t->score + row * PW_SCORES + at;
    float *part = t->part + row * record + PW_RECORD + first;
    pw_v16 sum[PW_F32_ROWS][PW_F32_GROUPS];
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++) sum[r][g] = pw_v_load(part + r * record + 16 * g);
    }
    for (int64_t j = 0; j < count; j += pair) {
        pw_v16 value[PW_F32_GROUPS][2];
        pw_f32_ask(values, ahead, j * line + first * pair * pw_f32_size(dtype), pair * share);
        PW_UNROLL
        for (int g = 0; g < groups; g++)
            pw_stream_value(dtype, values, j, first + 16 * g, t->d, value[g]);
        for (int s = 0; s < pair && j + s < count; s++) {
            PW_UNROLL
            for (int r = 0; r < rows; r++) {
                const pw_v16 p = pw_v_set(weight[r * PW_SCORES + j + s]);
                PW_UNROLL
                for (int g = 0; g < groups; g++) sum[r][g] = pw_v_fma(value[g][s], p, sum[r][g]);
            }
        }
    }
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++) pw_v_store(part + r * record + 16 * g, sum[r][g]);
    }
}

PW_INLINE void pw_stream_gather_rows(pw_dtype dtype, const pw_tile *t, int64_t row,
                                     const char *values, int64_t at, int64_t count,
                                     const char *ahead, int64_t first, int64_t rows,
                                     const int groups)
{
    switch (rows) {
    case 1: pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, 1, groups); break;
    case 2: pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, 2, groups); break;
    case 3: pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, 3, groups); break;
    case 4: pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, 4, groups); break;
    case 5: pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, 5, groups); break;
    default:
        pw_stream_gather_tile(dtype, t, row, values, at, count, ahead, first, PW_F32_ROWS, groups);
        break;
    }
}

PW_INLINE void pw_stream_gather_of(pw_dtype dtype, const pw_tile *t, const char *values, int64_t at,
                                   int64_t count, const char *ahead)
{
    const int64_t padded = pw_kv_padded(t->d), plain = PW_PAGE * padded * pw_f32_size(dtype);
    pw_f32_ask(values, ahead, plain, (int64_t)pw_kv_lanes_keys(dtype, t->d) - plain); /* scales */
    const pw_cut cut = pw_cut_of(t->rows, PW_F32_ROWS);
    for (int64_t c = 0; c < cut.tiles; c++) {
        const int64_t row = pw_cut_at(&cut, c), rows = pw_cut_at(&cut, c + 1) - row;
        const char *next = c == 0 ? ahead : NULL;
        int64_t first = 0;
        for (; first + 16 * PW_F32_GROUPS <= padded; first += 16 * PW_F32_GROUPS)
            pw_stream_gather_rows(dtype, t, row, values, at, count, next, first, rows,
                                  PW_F32_GROUPS);
        for (; first < padded; first += 16)
            pw_stream_gather_rows(dtype, t, row, values, at, count, next, first, rows, 1);
    }
}

static inline void pw_stream_gather(const pw_tile *t, const char *values, int64_t at, int64_t count,
                                    const char *ahead)
{
    if (t->dtype == PW_F32)
        pw_stream_gather_of(PW_F32, t, values, at, count, ahead);
    else if (t->dtype == PW_F16)
        pw_stream_gather_of(PW_F16, t, values, at, count, ahead);
    else if (t->dtype == PW_BF16)
        pw_stream_gather_of(PW_BF16, t, values, at, count, ahead);
    else
        pw_stream_gather_of(PW_Q8_0, t, values, at, count, ahead);
}

#endif
