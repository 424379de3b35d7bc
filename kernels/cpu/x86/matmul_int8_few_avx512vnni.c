/* Integer matmul for one to three tokens: bricks are streamed once, straight into registers. Bound by
 * memory: what counts is that the next bricks are asked for early and evenly. */
#include <assert.h>

#include "kernels/cpu/x86/int8_512.h"
#include "kernels/cpu/x86/x86.h"

/* Dot products of one block of 32: [half][group][token]. The halves are apart where the format's
 * scales are for 16 values. */
typedef struct dots {
    __m512i of[2][2][PW_FEW];
} dots;

PW_INLINE dots block_dots(pw_dtype dtype, const uint8_t *block, const pw_slab *x, int64_t b,
                          int count)
{
    const __m512i flip = _mm512_set1_epi8(INT8_MIN), ones = _mm512_set1_epi8(1);
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum[2][2] = {{zero, zero}, {zero, zero}};
    dots d;
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        d.of[0][0][t] = d.of[0][1][t] = d.of[1][0][t] = d.of[1][1][t] = zero;
        if (pw_bricks[dtype].offset_log2 > 0 && dtype != PW_Q6_K) {
            const __m512i minus = _mm512_set1_epi32(x->sum[t * PW_SLAB_BLOCKS + b]);
            const __m512i shift = _mm512_set1_epi32(pw_bricks[dtype].offset_log2);
            d.of[0][0][t] = d.of[0][1][t] = _mm512_sllv_epi32(minus, shift);
        }
    }
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        PW_UNROLL
        for (int g = 0; g < 2; g++) {
            __m512i w[2];
            pw_steps_512(dtype, block, i, g, w);
            PW_UNROLL
            for (int h = 0; h < 2; h++) {
                if (dtype == PW_Q6_K) sum[h][g] = _mm512_dpbusd_epi32(sum[h][g], ones, w[h]);
                PW_UNROLL
                for (int t = 0; t < count; t++) {
                    const __m512i four =
                        pw_four_512(x->q + t * x->ks + b * PW_BLOCK + (4 * h + i) * 4);
                    __m512i *dot = &d.of[h][g][t];
                    *dot = dtype == PW_Q6_K
                               ? _mm512_dpbusd_epi32(*dot, _mm512_xor_si512(four, flip), w[h])
                               : _mm512_dpbusd_epi32(*dot, w[h], four);
                }
            }
        }
    }
    PW_UNROLL
    for (int j = 0; j < 4 * count; j++) {
        const int h = j & 1, g = j >> 1 & 1, t = j >> 2;
        if (dtype == PW_Q6_K)
            d.of[h][g][t] = _mm512_add_epi32(d.of[h][g][t], pw_start_512(sum[h][g]));
        else if (h == 0)
            d.of[0][g][t] = _mm512_add_epi32(d.of[0][g][t], d.of[1][g][t]);
    }
    return d;
}

/* Adds one block to the slab's sums [group][token], in the order that int8.h says. */
PW_INLINE void block(pw_dtype dtype, const uint8_t *brick, const pw_slab *x, int64_t b, int count,
                     __m512 s[2][PW_FEW])
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

/* Panels [begin, end) for `count` tokens. */
PW_INLINE void few(const pw_call *call, pw_dtype dtype, int64_t begin, int64_t end, int count)
{
    const int64_t k = call->src[0].n[0], slabs = (k + PW_SLAB - 1) / PW_SLAB;
    const pw_q8x act = pw_q8x_of(k, count);
    const uint8_t *brick = pw_panel_of(call, dtype, begin);
    for (int64_t row = begin; row < end; row += pw_panel_rows(call)) {
        __m512 c[2][PW_FEW];
        PW_UNROLL
        for (int t = 0; t < count; t++) c[0][t] = c[1][t] = _mm512_setzero_ps();

        for (int64_t slab = 0; slab < slabs; slab++) {
            const pw_slab x = pw_slab_of(&act, call->src[1].data, slab);
            const int64_t each = pw_bricks[dtype].values + pw_bricks[dtype].scales;
            __m512 s[2][PW_FEW];
            PW_UNROLL
            for (int t = 0; t < count; t++) s[0][t] = s[1][t] = _mm512_setzero_ps();
            for (int64_t b = 0; b < x.nb; b++) {
                pw_fetch_ahead(brick + b * each, each);
                block(dtype, brick, &x, b, count, s);
            }

            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m512 scale = _mm512_set1_ps(x.scale[t]);
                c[0][t] = _mm512_fmadd_ps(s[0][t], scale, c[0][t]);
                c[1][t] = _mm512_fmadd_ps(s[1][t], scale, c[1][t]);
            }
            brick += pw_brick_bytes(dtype, x.nb);
        }
        PW_UNROLL
        for (int t = 0; t < count; t++) pw_finish(call, t, row, end - row, c[0][t], c[1][t]);
    }
}

PW_INLINE void sized(const pw_call *call, pw_dtype dtype, int64_t begin, int64_t end)
{
    switch (pw_rows(&call->src[1])) {
    case 1: few(call, dtype, begin, end, 1); break;
    case 2: few(call, dtype, begin, end, 2); break;
    default: few(call, dtype, begin, end, 3); break;
    }
}

static void few_q4_0(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q4_0, begin, end);
}

static void few_q4_1(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q4_1, begin, end);
}

static void few_q5_0(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q5_0, begin, end);
}

static void few_q5_1(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q5_1, begin, end);
}

static void few_q8_0(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q8_0, begin, end);
}

static void few_q4_k(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q4_K, begin, end);
}

static void few_q5_k(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q5_K, begin, end);
}

static void few_q6_k(const pw_call *call, int64_t begin, int64_t end)
{
    sized(call, PW_Q6_K, begin, end);
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
