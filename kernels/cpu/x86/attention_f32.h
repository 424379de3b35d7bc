/* Attention in f32 products over pages of any dtype, on sixteen lanes: the same bits in AVX2 and
 * AVX-512. For more than a few rows, a page that is not f32 is decoded into the tile's
 * `page` first, once for all of them. */
#ifndef PW_KERNELS_CPU_X86_ATTENTION_F32_H
#define PW_KERNELS_CPU_X86_ATTENTION_F32_H

#include "kernels/cpu/x86/attention_stream.h"

/* ---- Pages to f32 ---------------------------------------------------------------------------- */

/* Sixteen pairs of bf16: the first of each to `first`, the second to `second`. */
PW_INLINE void pw_f32_of_pairs(const char *from, float *first, float *second)
{
    pw_v16 a, b;
    pw_v_pairs(from, &a, &b);
    pw_v_store(first, a);
    pw_v_store(second, b);
}

/* Sixteen keys, number `block` of the page, to f32 [even d][16]. */
PW_INLINE void pw_f32_keys(pw_dtype dtype, const char *keys, int64_t block, int64_t d, float *to)
{
    if (dtype == PW_F16) {
        const char *from = keys + block * d * PW_F32_LANES * 2;
        for (int64_t i = 0; i < d; i++)
            pw_v_store(to + i * PW_F32_LANES, pw_v_halves(from + i * PW_F32_LANES * 2));
    } else if (dtype == PW_BF16) {
        enum { LINE = 64 };
        const char *from = keys + block / 2 * pw_kv_even(d) * LINE + block % 2 * LINE;
        for (int64_t i = 0; i < d; i += 2)
            pw_f32_of_pairs(from + i * LINE, to + i * PW_F32_LANES, to + (i + 1) * PW_F32_LANES);
    } else {
        const char *from = keys + block * d * PW_F32_LANES;
        const char *scales = keys + PW_PAGE * d + block * (d / 32) * PW_F32_LANES * 2;
        for (int64_t b = 0; b < d / 32; b++) {
            const pw_v16 scale = pw_v_halves(scales + b * PW_F32_LANES * 2);
            for (int64_t i = 32 * b; i < 32 * (b + 1); i++)
                pw_v_store(to + i * PW_F32_LANES,
                           pw_v_mul(pw_f32_of_bytes(from + i * PW_F32_LANES), scale));
        }
    }
}

/* Values [begin, end) of the page, both multiples of 16, to f32 [64][padded d]. */
PW_INLINE void pw_f32_values(pw_dtype dtype, const char *values, int64_t begin, int64_t end,
                             int64_t d, float *to)
{
    const int64_t padded = pw_kv_padded(d);
    if (dtype == PW_F16) {
        for (int64_t i = begin * padded; i < end * padded; i += 16)
            pw_v_store(to + i, pw_v_halves(values + 2 * i));
    } else if (dtype == PW_BF16) {
        for (int64_t j = begin; j < end; j += 2) {
            float *first = to + j * padded;
            for (int64_t i = 0; i < padded; i += 16)
                pw_f32_of_pairs(values + (j / 2 * padded + i) * 4, first + i, first + padded + i);
        }
    } else {
        for (int64_t j = begin; j < end; j++) {
            const char *scales = values + PW_PAGE * d + j * (d / 32) * 2;
            for (int64_t i = 0; i < d; i += 16) {
                uint16_t half;
                memcpy(&half, scales + i / 32 * 2, sizeof half);
                const pw_v16 scale = pw_v_set(_cvtsh_ss(half));
                pw_v_store(to + j * d + i, pw_v_mul(pw_f32_of_bytes(values + j * d + i), scale));
            }
        }
    }
}

/* Fetches part `number` of PW_F32_BLOCKS of `bytes` bytes; NULL is allowed. */
PW_INLINE void pw_f32_fetch(const char *ahead, size_t bytes, int64_t number)
{
    enum { LINE = 64 };
    if (ahead == NULL) return;
    const char *from = ahead + (size_t)number * bytes / PW_F32_BLOCKS;
    for (size_t i = 0; i < bytes / PW_F32_BLOCKS; i += LINE) _mm_prefetch(from + i, _MM_HINT_T0);
}

/* ---- The steps of a tile --------------------------------------------------------------------- */

static inline void pw_f32_query(const pw_tile *t, int64_t row, const float *q, float scale)
{
    float *to = (float *)t->q + row * pw_kv_padded(t->d);
    for (int64_t i = 0; i < t->d; i += 16)
        pw_v_store(to + i, pw_v_mul(pw_v_load_some(q + i, pw_min(t->d - i, 16)), pw_v_set(scale)));
}

static inline void pw_f32_score(const pw_tile *t, const char *keys, int64_t at, int64_t count,
                                const char *ahead)
{
    if (t->dtype == PW_F32 || t->rows <= PW_STREAM_ROWS) {
        pw_stream_score(t, keys, at, count, ahead);
        return;
    }
    /* The odd last value of bf16 is written over by the next block. */
    for (int64_t b = 0; b < pw_stream_blocks(count); b++) {
        pw_f32_fetch(ahead, pw_kv_lanes_keys(t->dtype, t->d), b);
        pw_f32_keys(t->dtype, keys, b, t->d, t->page + b * t->d * PW_F32_LANES);
    }
    pw_stream_score_of(PW_F32, t, (const char *)t->page, at, count, NULL);
}

static inline void pw_f32_weigh(const pw_tile *t, int64_t from, int64_t to)
{
    for (int64_t r = 0; r < t->rows; r++) {
        float *score = t->score + r * PW_SCORES;
        pw_v16 most = pw_v_load(score + from);
        for (int64_t i = from + 16; i < to; i += 16) most = pw_v_max(most, pw_v_load(score + i));

        const pw_v16 base = pw_v_set(pw_attention_raise(t, r, pw_v_most(most)));
        pw_v16 sum = pw_v_load(t->sum + r * 16);
        for (int64_t i = from; i < to; i += 16) {
            const pw_v16 weight = pw_v_exp2(pw_v_sub(pw_v_load(score + i), base));
            pw_v_store(score + i, weight);
            sum = pw_v_add(sum, weight);
        }
        pw_v_store(t->sum + r * 16, sum);
    }
}

static inline void pw_f32_gather(const pw_tile *t, const char *values, int64_t at, int64_t count,
                                 const char *ahead)
{
    if (t->dtype == PW_F32 || t->rows <= PW_STREAM_ROWS) {
        pw_stream_gather(t, values, at, count, ahead);
        return;
    }
    for (int64_t b = 0; b < pw_ceil_div(count, PW_F32_LANES); b++) {
        const int64_t begin = b * PW_F32_LANES;
        pw_f32_fetch(ahead, pw_kv_lanes_keys(t->dtype, t->d), b);
        pw_f32_values(t->dtype, values, begin, begin + PW_F32_LANES, t->d, t->page);
    }
    pw_stream_gather_of(PW_F32, t, (const char *)t->page, at, count, NULL);
}

static const pw_attention_ops pw_f32_ops = {
    .query = pw_f32_query,
    .score = pw_f32_score,
    .weigh = pw_f32_weigh,
    .gather = pw_f32_gather,
    .close = pw_attention_close,
    .merge = pw_attention_add,
    .finish = pw_attention_finish,
    .act = pw_cast_row,
};

#endif
