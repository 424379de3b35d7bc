/* Integer matmul for one to eight tokens in 256-bit registers, 8 lanes each: bricks are streamed once,
 * straight into registers, which up to four tokens share. Products by VNNI, or without it: of unsigned and signed bytes in pairs
 * (vpmaddubsw), summed in 16 bits as long as no sum can pass 32767, then in 32. */
#ifndef PW_KERNELS_CPU_X86_INT8_FEW_256_H
#define PW_KERNELS_CPU_X86_INT8_FEW_256_H

#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

/* Tokens that share the values of a block in registers. */
enum { PW_FEW_GROUP = 4 };

/* What is asked for ahead of time beside block b: `bytes` from `from` + b * `each` on. */
typedef struct pw_few_fetch {
    const uint8_t *from;
    int64_t each, bytes;
} pw_few_fetch;

/* ---- Integer products ------------------------------------------------------------------------ */

/* One block of the activations of a group. What Q6_K's offset adds to the sum of a half is in `less`: 32
 * times the sums, in 16 bits, of values 4 j and 4 j + 1 and of values 4 j + 2 and 4 j + 3, in turns. */
typedef struct pw_few_x {
    __m256i four[8][PW_FEW_GROUP]; /* of each k-step, in every lane */
    __m256i less[2][PW_FEW_GROUP];
    int32_t start[PW_FEW_GROUP]; /* what the dot products start from */
    int32_t exponent[PW_FEW_GROUP];
} pw_few_x;

/* `less` of a block. */
PW_INLINE void pw_few_less_256(const int8_t *q, __m256i *first, __m256i *second)
{
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q);
    __m256i sum = _mm256_maddubs_epi16(_mm256_set1_epi8(32), x);
    sum = _mm256_add_epi16(sum, _mm256_shuffle_epi32(sum, 0x4e));
    sum = _mm256_add_epi16(sum, _mm256_shuffle_epi32(sum, 0xb1));
    *first = _mm256_permute2x128_si256(sum, sum, 0x00);
    *second = _mm256_permute2x128_si256(sum, sum, 0x11);
}

/* pw_few_dots_256 writes the dot products of the k-steps [first, first + steps) of a block in one quarter
 * of the lanes with `count` tokens; a half at a time for Q6_K. */
#if defined(__AVXVNNI__)

PW_INLINE bool pw_few_signed(pw_dtype dtype)
{
    (void)dtype;
    return false;
}

PW_INLINE void pw_few_dots_256(pw_dtype dtype, const uint8_t *block, int quarter, int first,
                               int steps, const pw_few_x *x, int count, __m256i out[PW_FEW_GROUP])
{
    PW_UNROLL
    for (int t = 0; t < count; t++)
        out[t] = dtype != PW_Q6_K ? _mm256_set1_epi32(x->start[t])
                                  : _mm256_madd_epi16(x->less[first / 4][t], _mm256_set1_epi16(-1));
    PW_UNROLL
    for (int j = first; j < first + steps; j++) {
        const __m256i w = pw_step_256(dtype, block, j, quarter);
        PW_UNROLL
        for (int t = 0; t < count; t++) out[t] = _mm256_dpbusd_avx_epi32(out[t], w, x->four[j][t]);
    }
}

#else

/* Whether the products take the values signed, so that no offset is to be put right. */
PW_INLINE bool pw_few_signed(pw_dtype dtype)
{
    return dtype == PW_Q8_0;
}

/* K-steps until 16 bits could be too few: a k-step adds two products to a sum. With Q6_K it is the sum less
 * `less` that must fit, what stands between may wrap. */
PW_INLINE int pw_few_run(pw_dtype dtype)
{
    /* 1 x 2 x 128 x 127 = 32512; 8 x 2 x 15 x 127 = 30480; 4 x 2 x 31 x 127 = 31496 and
     * 4 x 2 x 32 x 127 = 32512 */
    if (dtype == PW_Q8_0) return 1;
    return dtype == PW_Q4_0 || dtype == PW_Q4_1 || dtype == PW_Q4_K ? 8 : 4;
}

/* Pairs of products: signed weights give their sign to the activations. */
PW_INLINE __m256i pw_few_pairs(bool is_signed, __m256i w, __m256i x)
{
    return is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                     : _mm256_maddubs_epi16(w, x);
}

PW_INLINE void pw_few_dots_256(pw_dtype dtype, const uint8_t *block, int quarter, int first,
                               int steps, const pw_few_x *x, int count, __m256i out[PW_FEW_GROUP])
{
    const __m256i ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(INT8_MIN);
    const bool is_signed = pw_few_signed(dtype);
    const int run = pw_few_run(dtype);
    __m256i sum[PW_FEW_GROUP];
    PW_UNROLL
    for (int t = 0; t < count; t++) out[t] = _mm256_set1_epi32(x->start[t]);
    PW_UNROLL
    for (int j = first; j < first + steps; j++) {
        __m256i w = pw_step_256(dtype, block, j, quarter);
        if (is_signed) w = _mm256_xor_si256(w, flip);
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            const __m256i two = pw_few_pairs(is_signed, w, x->four[j][t]);
            if (j % run > 0)
                sum[t] = pw_add16_256(sum[t], two);
            else
                sum[t] = dtype == PW_Q6_K ? _mm256_sub_epi16(two, x->less[j / 4][t]) : two;
            if (j % run == run - 1) out[t] = pw_add32_256(out[t], _mm256_madd_epi16(sum[t], ones));
        }
    }
}

#endif

/* ---- Bricks ---------------------------------------------------------------------------------- */

/* The activations of block b. */
PW_INLINE void pw_few_x_256(pw_dtype dtype, const pw_slab *slab, int64_t b, int count, pw_few_x *x)
{
    const int shift = pw_bricks[dtype].offset_log2;
    const bool starts = shift > 0 && dtype != PW_Q6_K && !pw_few_signed(dtype);
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        const int8_t *q = slab->q + t * slab->ks + b * PW_BLOCK;
        PW_UNROLL
        for (int j = 0; j < 8; j++) x->four[j][t] = pw_four_256(q + 4 * j);
        x->start[t] = starts ? slab->sum[t * PW_SLAB_BLOCKS + b] * (1 << shift) : 0;
        x->exponent[t] = slab->exponent[t * PW_SLAB_BLOCKS + b];
        if (dtype == PW_Q6_K) pw_few_less_256(q, &x->less[0][t], &x->less[1][t]);
    }
}

/* Adds block b to the sums [quarter][token], in the order that int8.h says. */
PW_INLINE void pw_few_block_256(pw_dtype dtype, const uint8_t *brick, const pw_slab *slab,
                                int64_t b, int count, __m256 s[PW_QUARTERS][PW_FEW_GROUP])
{
    const pw_brick *size = &pw_bricks[dtype];
    const int halves = size->halves ? 2 : 1, steps = 8 / halves;
    const uint8_t *scales = brick + slab->nb * size->values;
    pw_few_x x;
    __m256 minus[PW_FEW_GROUP];
    pw_few_x_256(dtype, slab, b, count, &x);
    if (size->minima) {
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            const __m256i power = _mm256_set1_epi32(x.exponent[t] + (127 << 23));
            const float sum = (float)slab->sum[t * PW_SLAB_BLOCKS + b];
            minus[t] = _mm256_mul_ps(_mm256_set1_ps(sum), _mm256_castsi256_ps(power));
        }
    }
#pragma GCC unroll 1
    for (int g = 0; g < PW_QUARTERS; g++) {
        if (size->minima) {
            const __m256 m = pw_minimum_256(dtype, scales, slab->nb, b, g);
            PW_UNROLL
            for (int t = 0; t < count; t++) s[g][t] = _mm256_fmadd_ps(m, minus[t], s[g][t]);
        }
        PW_UNROLL
        for (int h = 0; h < halves; h++) {
            __m256i of[PW_FEW_GROUP];
            pw_few_dots_256(dtype, brick + b * size->values, g, h * steps, steps, &x, count, of);
            const __m256 scale = pw_scale_256(dtype, scales, halves * b + h, g);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m256i e = _mm256_set1_epi32(x.exponent[t]);
                const __m256i f = _mm256_add_epi32(_mm256_castps_si256(scale), e);
                s[g][t] =
                    _mm256_fmadd_ps(_mm256_castsi256_ps(f), _mm256_cvtepi32_ps(of[t]), s[g][t]);
            }
        }
    }
}

/* One brick for `count` tokens: its sums go into c. */
PW_INLINE void pw_few_brick_256(pw_dtype dtype, const uint8_t *brick, const pw_slab *slab,
                                int count, const pw_few_fetch *fetch, float c[][PW_LANES])
{
    __m256 s[PW_QUARTERS][PW_FEW_GROUP];
    PW_UNROLL
    for (int i = 0; i < PW_QUARTERS * count; i++)
        s[i % PW_QUARTERS][i / PW_QUARTERS] = _mm256_setzero_ps();
    for (int64_t b = 0; b < slab->nb; b++) {
        pw_fetch_ahead(fetch->from + b * fetch->each, fetch->bytes);
        pw_few_block_256(dtype, brick, slab, b, count, s);
    }
    PW_UNROLL
    for (int i = 0; i < PW_QUARTERS * count; i++) {
        const int g = i % PW_QUARTERS, t = i / PW_QUARTERS;
        float *to = &c[t][g * PW_QUARTER];
        const __m256 scale = _mm256_set1_ps(slab->scale[t]);
        _mm256_store_ps(to, _mm256_fmadd_ps(s[g][t], scale, _mm256_load_ps(to)));
    }
}

/* The same for all tokens, in groups: the second reads the brick from the first cache. */
PW_INLINE void pw_few_groups_256(pw_dtype dtype, const uint8_t *brick, const pw_slab *slab,
                                 int64_t n, float c[][PW_LANES])
{
    const pw_cut cut = pw_cut_of(n, PW_FEW_GROUP);
    const int64_t each = pw_bricks[dtype].values + pw_bricks[dtype].scales;
    for (int64_t i = 0; i < cut.tiles; i++) {
        const int64_t first = pw_cut_at(&cut, i), part = each / cut.tiles;
        const pw_slab x = pw_slab_from(slab, first);
        const pw_few_fetch fetch = {.from = brick + i * part, .each = each, .bytes = part};
        switch (pw_cut_at(&cut, i + 1) - first) {
        case 1: pw_few_brick_256(dtype, brick, &x, 1, &fetch, c + first); break;
        case 2: pw_few_brick_256(dtype, brick, &x, 2, &fetch, c + first); break;
        case 3: pw_few_brick_256(dtype, brick, &x, 3, &fetch, c + first); break;
        default: pw_few_brick_256(dtype, brick, &x, PW_FEW_GROUP, &fetch, c + first); break;
        }
    }
}

/* Panels of outputs [begin, end). */
PW_INLINE void pw_few_256(pw_dtype dtype, const pw_call *call, int64_t begin, int64_t end)
{
    const int64_t k = call->src[0].n[0], slabs = (k + PW_SLAB - 1) / PW_SLAB;
    const int64_t n = pw_rows(&call->src[1]);
    const pw_q8x act = pw_q8x_of(k, n);
    const uint8_t *brick = pw_panel_of(call, dtype, begin);
    for (int64_t row = begin; row < end; row += pw_panel_rows(call)) {
        float c[PW_FEW][PW_LANES] PW_ALIGNED(32) = {{0.0f}};
        for (int64_t i = 0; i < slabs; i++) {
            const pw_slab slab = pw_slab_of(&act, call->src[1].data, i);
            pw_few_groups_256(dtype, brick, &slab, n, c);
            brick += pw_brick_bytes(dtype, slab.nb);
        }
        for (int64_t t = 0; t < n; t++)
            pw_finish(call, t, row, end - row, pw_v_load(c[t]), pw_v_load(c[t] + PW_GROUP));
    }
}

/* A function a format: all of them in one were less than half as fast by gcc 12. */
static void pw_few_q4_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q4_0, call, begin, end);
}

static void pw_few_q4_1_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q4_1, call, begin, end);
}

static void pw_few_q5_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q5_0, call, begin, end);
}

static void pw_few_q5_1_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q5_1, call, begin, end);
}

static void pw_few_q8_0_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q8_0, call, begin, end);
}

static void pw_few_q4_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q4_K, call, begin, end);
}

static void pw_few_q5_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q5_K, call, begin, end);
}

static void pw_few_q6_k_256(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_256(PW_Q6_K, call, begin, end);
}

/* Outputs [begin, end) of the call. */
static inline void pw_few_run_256(const pw_call *call, int64_t begin, int64_t end)
{
    static void (*const formats[PW_DTYPE_COUNT])(const pw_call *, int64_t, int64_t) = {
        [PW_Q4_0] = pw_few_q4_0_256, [PW_Q4_1] = pw_few_q4_1_256, [PW_Q5_0] = pw_few_q5_0_256,
        [PW_Q5_1] = pw_few_q5_1_256, [PW_Q8_0] = pw_few_q8_0_256, [PW_Q4_K] = pw_few_q4_k_256,
        [PW_Q5_K] = pw_few_q5_k_256, [PW_Q6_K] = pw_few_q6_k_256,
    };
    assert(pw_rows(&call->src[1]) <= PW_FEW && begin % pw_panel_rows(call) == 0);
    formats[call->src[0].dtype](call, begin, end);
}

#endif
