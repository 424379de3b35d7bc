/* Integer matmul for one to eight tokens: bricks are streamed once, straight into registers. Bound by
 * memory: what counts is that the next bricks are asked for early and evenly. */
#include <assert.h>

#include "kernels/cpu/x86/int8_512.h"
#include "kernels/cpu/x86/x86.h"

enum { TILE = 4 };

/* Dot products of one block of 32: [half][group][token]. The halves are apart where the format's
 * scales are for 16 values, and where there are too few tokens to hide a product's latency. */
typedef struct dots {
    __m512i of[2][2][TILE];
} dots;

/* What the dot products of 32 values of a token with unsigned weights start from, for each half of them:
 * minus the sum of its values, times the offset of Q6_K. */
PW_INLINE void half_starts(const int8_t *q, __m512i start[2])
{
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q);
    const __m256i flip = _mm256_set1_epi8(INT8_MIN);
    const __m256i eights = _mm256_sad_epu8(_mm256_xor_si256(x, flip), _mm256_setzero_si256());
    const __m256i halves = _mm256_add_epi32(eights, _mm256_shuffle_epi32(eights, 0x4e));
    const __m256i minus = _mm256_sub_epi32(_mm256_set1_epi32(16 * 128), halves);
    const __m256i scaled = _mm256_slli_epi32(minus, pw_bricks[PW_Q6_K].offset_log2);
    start[0] = _mm512_broadcastd_epi32(_mm256_castsi256_si128(scaled));
    start[1] = _mm512_broadcastd_epi32(_mm256_extracti128_si256(scaled, 1));
}

PW_INLINE dots block_dots(pw_dtype dtype, const uint8_t *block, const pw_slab *x, int64_t b,
                          int count)
{
    const bool apart = dtype == PW_Q6_K || count < 3;
    dots d;
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        __m512i start[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        if (dtype == PW_Q6_K) {
            half_starts(x->q + t * x->ks + b * PW_BLOCK, start);
        } else if (pw_bricks[dtype].offset_log2 > 0) {
            const __m512i minus = _mm512_set1_epi32(x->sum[t * PW_SLAB_BLOCKS + b]);
            const __m512i shift = _mm512_set1_epi32(pw_bricks[dtype].offset_log2);
            start[0] = _mm512_sllv_epi32(minus, shift);
        }
        d.of[0][0][t] = d.of[0][1][t] = start[0];
        d.of[1][0][t] = d.of[1][1][t] = start[1];
    }
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        PW_UNROLL
        for (int g = 0; g < 2; g++) {
            __m512i w[2];
            pw_steps_512(dtype, block, i, g, w);
            PW_UNROLL
            for (int j = 0; j < 2 * count; j++) {
                const int h = j & 1, t = j >> 1;
                const int8_t *q = x->q + t * x->ks + b * PW_BLOCK + (4 * h + i) * 4;
                __m512i *dot = &d.of[apart ? h : 0][g][t];
                *dot = _mm512_dpbusd_epi32(*dot, w[h], pw_four_512(q));
            }
        }
    }
    PW_UNROLL
    for (int j = 0; j < 2 * count; j++) {
        const int g = j & 1, t = j >> 1;
        if (apart && dtype != PW_Q6_K)
            d.of[0][g][t] = _mm512_add_epi32(d.of[0][g][t], d.of[1][g][t]);
    }
    return d;
}

/* Adds one block to the slab's sums [group][token], in the order that int8.h says. */
PW_INLINE void block(pw_dtype dtype, const uint8_t *brick, const pw_slab *x, int64_t b, int count,
                     __m512 s[2][TILE])
{
    const pw_brick *size = &pw_bricks[dtype];
    const int halves = size->halves ? 2 : 1;
    const uint8_t *scales = brick + x->nb * size->values;
    const dots d = block_dots(dtype, brick + b * size->values, x, b, count);
    PW_UNROLL
    for (int g = 0; g < 2; g++) {
        if (size->minima) {
            const __m512 m = pw_minimum_512(dtype, scales, x->nb, b, g);
            PW_UNROLL
            for (int t = 0; t < count; t++)
                s[g][t] = _mm512_fmadd_ps(m, pw_sum_512(x, t, b), s[g][t]);
        }
        PW_UNROLL
        for (int h = 0; h < halves; h++) {
            const __m512 scale = pw_scale_512(dtype, scales, halves * b + h, g);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m512i e = _mm512_set1_epi32(x->exponent[t * PW_SLAB_BLOCKS + b]);
                const __m512i f = _mm512_add_epi32(_mm512_castps_si512(scale), e);
                s[g][t] = _mm512_fmadd_ps(_mm512_castsi512_ps(f), _mm512_cvtepi32_ps(d.of[h][g][t]),
                                          s[g][t]);
            }
        }
    }
}

/* Adds one brick's products with `count` tokens to c [32, count]. */
PW_INLINE void tile(pw_dtype dtype, const uint8_t *brick, const pw_slab *x, bool ahead, int count,
                    float *c)
{
    const int64_t each = pw_bricks[dtype].values + pw_bricks[dtype].scales;
    __m512 s[2][TILE];
    PW_UNROLL
    for (int t = 0; t < count; t++) s[0][t] = s[1][t] = _mm512_setzero_ps();
    for (int64_t b = 0; b < x->nb; b++) {
        if (ahead) pw_fetch_ahead(brick + b * each, each);
        block(dtype, brick, x, b, count, s);
    }
    PW_UNROLL
    for (int i = 0; i < 2 * count; i++) {
        float *to = c + i * PW_GROUP;
        const __m512 scale = _mm512_set1_ps(x->scale[i / 2]);
        _mm512_store_ps(to, _mm512_fmadd_ps(s[i % 2][i / 2], scale, _mm512_load_ps(to)));
    }
}

PW_INLINE void sized(pw_dtype dtype, const uint8_t *brick, const pw_slab *x, bool ahead,
                     int64_t count, float *c)
{
    switch (count) {
    case 1: tile(dtype, brick, x, ahead, 1, c); break;
    case 2: tile(dtype, brick, x, ahead, 2, c); break;
    case 3: tile(dtype, brick, x, ahead, 3, c); break;
    default: tile(dtype, brick, x, ahead, 4, c); break;
    }
}

/* Panels of outputs [begin, end): a brick meets all tokens, in one tile or two, before the next. */
PW_INLINE void few(const pw_call *call, pw_dtype dtype, int64_t begin, int64_t end)
{
    const int64_t k = call->src[0].n[0], slabs = (k + PW_SLAB - 1) / PW_SLAB;
    const int64_t n = pw_rows(&call->src[1]);
    const pw_cut cut = pw_cut_of(n, TILE);
    const pw_q8x act = pw_q8x_of(k, n);
    const uint8_t *brick = pw_panel_of(call, dtype, begin);
    for (int64_t row = begin; row < end; row += pw_panel_rows(call)) {
        float c[PW_FEW][PW_LANES] PW_ALIGNED(64);
        memset(c, 0, (size_t)n * sizeof *c);
        for (int64_t slab = 0; slab < slabs; slab++) {
            const pw_slab all = pw_slab_of(&act, call->src[1].data, slab);
            for (int64_t i = 0; i < cut.tiles; i++) {
                const int64_t first = pw_cut_at(&cut, i);
                const pw_slab x = pw_slab_from(&all, first);
                sized(dtype, brick, &x, i == 0, pw_cut_at(&cut, i + 1) - first, c[first]);
            }
            brick += pw_brick_bytes(dtype, all.nb);
        }
        for (int64_t t = 0; t < n; t++)
            pw_finish(call, t, row, end - row, _mm512_load_ps(c[t]),
                      _mm512_load_ps(c[t] + PW_GROUP));
    }
}

static void few_q4_0(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q4_0, begin, end);
}

static void few_q4_1(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q4_1, begin, end);
}

static void few_q5_0(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q5_0, begin, end);
}

static void few_q5_1(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q5_1, begin, end);
}

static void few_q8_0(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q8_0, begin, end);
}

static void few_q4_k(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q4_K, begin, end);
}

static void few_q5_k(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q5_K, begin, end);
}

static void few_q6_k(const pw_call *call, int64_t begin, int64_t end)
{
    few(call, PW_Q6_K, begin, end);
}

static void (*const formats[PW_DTYPE_COUNT])(const pw_call *call, int64_t begin, int64_t end) = {
    [PW_Q4_0] = few_q4_0, [PW_Q4_1] = few_q4_1, [PW_Q5_0] = few_q5_0, [PW_Q5_1] = few_q5_1,
    [PW_Q8_0] = few_q8_0, [PW_Q4_K] = few_q4_k, [PW_Q5_K] = few_q5_k, [PW_Q6_K] = few_q6_k,
};

void pw_matmul_int8_few_avx512vnni(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    assert(pw_rows(&call->src[1]) <= PW_FEW && begin % pw_panel_rows(call) == 0);
    formats[call->src[0].dtype](call, begin, end);
}
