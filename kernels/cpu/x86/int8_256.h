/* Integer matmul in 256-bit registers, 8 lanes each, for any number of tokens: a brick is unpacked
 * to bytes in the first cache, and all tokens run over it in tiles of 32 lanes x a few tokens. The
 * integer dot product is the including file's: by VNNI, or by what AVX2 has. */
#ifndef PW_KERNELS_CPU_X86_INT8_256_H
#define PW_KERNELS_CPU_X86_INT8_256_H

#include <assert.h>
#include <immintrin.h>
#include <string.h>

#include "kernels/cpu/x86/finish.h"
#include "kernels/cpu/x86/int8.h"

enum { PW_TILE_256 = 3, PW_QUARTERS = 4, PW_QUARTER = 8 };

/* How the values of a format lie in the unpacked brick. */
typedef enum pw_values {
    PW_BITS4, /* 0..15 */
    PW_BITS5, /* 0..31 */
    PW_BITS8, /* 0..255 */
    PW_WORDS, /* -128..127 in 16 bits: of each k-step the even values, 32 lanes, then the odd ones */
    PW_HALVES /* -32..31, scales for 16 values; activations have 128 added */
} pw_values;

typedef struct pw_tile_256 {
    pw_slab x;
    pw_bytes w;
    int shift; /* log2 of the offset; 32: none */
    int64_t token;
    int32_t *dots;       /* [32, PW_TILE_256, 16]: room */
    float *c;            /* [32, tokens], of the first token */
    bool start;          /* c is not read: it begins at zero */
    const uint8_t *next; /* `share` bytes to be asked for beside it */
    int64_t share;
} pw_tile_256;

/* One block of a tile, or one of its halves where scales are for 16 values. */
typedef struct pw_part_256 {
    const uint8_t *w;     /* first k-step */
    const int32_t *start; /* [32]: PW_HALVES: what sums of pairs are too large by, in 16 bits */
    const int32_t *sum;   /* of the first token; elsewhere what all lanes of a token start from */
    const int8_t *q[PW_TILE_256];
    __m256i shift;
} pw_part_256;

/* Integer dot products of all lanes with each of `count` tokens, and what they start from. */
typedef void pw_dots_fn(pw_values values, const pw_part_256 *part, int count,
                        __m256i out[PW_TILE_256][PW_QUARTERS]);

/* What differs between the ISAs. */
typedef struct pw_isa_256 {
    pw_dots_fn *dots;
    int tile;   /* tokens */
    bool words; /* bytes of 8 bits are unpacked to PW_WORDS */
} pw_isa_256;

/* ---- The microkernel ------------------------------------------------------------------------- */

PW_INLINE __m256i pw_load_256(const void *at)
{
    return _mm256_load_si256((const __m256i *)at);
}

PW_INLINE void pw_save_256(void *at, __m256i value)
{
    _mm256_store_si256((__m256i *)at, value);
}

/* Sums in the order that is written: a compiler that adds in another has too few registers. (vpaddsw
 * would keep it too, but runs on half as many ports.) */
PW_INLINE __m256i pw_add16_256(__m256i a, __m256i b)
{
    __m256i sum = _mm256_add_epi16(a, b);
    __asm__("" : "+x"(sum));
    return sum;
}

PW_INLINE __m256i pw_add32_256(__m256i a, __m256i b)
{
    __m256i sum = _mm256_add_epi32(a, b);
    __asm__("" : "+x"(sum));
    return sum;
}

/* Four values of a token, in every lane. */
PW_INLINE __m256i pw_four_256(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm256_set1_epi32(four);
}

/* What the dot product of token `t` starts from, but with PW_HALVES. */
PW_INLINE __m256i pw_start_256(pw_values values, const pw_part_256 *part, int t)
{
    if (values == PW_WORDS) return _mm256_setzero_si256();
    return _mm256_sllv_epi32(_mm256_set1_epi32(part->sum[t * PW_SLAB_BLOCKS]), part->shift);
}

/* The integer part of a tile over a brick: dots [32, PW_TILE_256, parts]. */
PW_INLINE void pw_tile_dots_256(const pw_tile_256 *a, pw_values values, pw_isa_256 isa, int count)
{
    const int halves = values == PW_HALVES ? 2 : 1, steps = 8 / halves;
    const int line = values == PW_WORDS ? 256 : 128;
    int32_t *to = a->dots;
    pw_part_256 part = {.w = a->w.values,
                        .start = a->w.start,
                        .sum = a->x.sum + a->token * PW_SLAB_BLOCKS,
                        .shift = _mm256_set1_epi32(a->shift)};
    PW_UNROLL
    for (int t = 0; t < count; t++) part.q[t] = a->x.q + (a->token + t) * a->x.ks;

    for (int64_t i = 0; i < a->x.nb * halves; i++) {
        __m256i dots[PW_TILE_256][PW_QUARTERS];
        isa.dots(values, &part, count, dots);
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            PW_UNROLL
            for (int g = 0; g < PW_QUARTERS; g++)
                pw_save_256(to + t * PW_LANES + g * PW_QUARTER, dots[t][g]);
            part.q[t] += 4 * steps;
        }
        to += PW_TILE_256 * PW_LANES;
        part.w += steps * line;
        part.start += PW_LANES;
        if (values != PW_HALVES) part.sum++;
    }
}

/* The rest of it for one token: dots become floats, scaled and summed, and go into c. */
PW_INLINE void pw_tile_sum_256(const pw_tile_256 *a, int halves, bool minima, int t)
{
    const int64_t token = a->token + t;
    const int32_t *exponent = a->x.exponent + token * PW_SLAB_BLOCKS;
    const int32_t *sum = a->x.sum + token * PW_SLAB_BLOCKS;
    const int32_t *dots = a->dots + t * PW_LANES;
    const float *scale = a->w.scale, *minimum = a->w.minimum;
    __m256 s[PW_QUARTERS];
    PW_UNROLL
    for (int g = 0; g < PW_QUARTERS; g++) s[g] = _mm256_setzero_ps();

    for (int64_t b = 0; b < a->x.nb; b++) {
        const __m256i e = _mm256_set1_epi32(exponent[b]);
        if (minima) {
            const __m256i power = _mm256_add_epi32(e, _mm256_set1_epi32(127 << 23));
            const __m256 minus = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_set1_epi32(sum[b])),
                                               _mm256_castsi256_ps(power));
            PW_UNROLL
            for (int g = 0; g < PW_QUARTERS; g++)
                s[g] = _mm256_fmadd_ps(_mm256_load_ps(minimum + g * PW_QUARTER), minus, s[g]);
            minimum += PW_LANES;
        }
        for (int h = 0; h < halves; h++) {
            PW_UNROLL
            for (int g = 0; g < PW_QUARTERS; g++) {
                const __m256i d = _mm256_add_epi32(pw_load_256(scale + g * PW_QUARTER), e);
                const __m256 dot = _mm256_cvtepi32_ps(pw_load_256(dots + g * PW_QUARTER));
                s[g] = _mm256_fmadd_ps(_mm256_castsi256_ps(d), dot, s[g]);
            }
            scale += PW_LANES;
            dots += PW_TILE_256 * PW_LANES;
        }
    }
    const __m256 x = _mm256_set1_ps(a->x.scale[token]);
    PW_UNROLL
    for (int g = 0; g < PW_QUARTERS; g++) {
        float *c = a->c + t * PW_LANES + g * PW_QUARTER;
        const __m256 old = a->start ? _mm256_setzero_ps() : _mm256_load_ps(c);
        _mm256_store_ps(c, _mm256_fmadd_ps(s[g], x, old));
    }
}

/* Part `i` of `parts` of what a tile asks for: a burst of it all would wait for the few misses that a core
 * can have open. */
PW_INLINE void pw_tile_fetch_256(const pw_tile_256 *a, int64_t i, int64_t parts)
{
    const int64_t each = pw_ceil_div(a->share, parts * PW_LINE) * PW_LINE;
    pw_fetch_later(a->next + i * each, pw_min(each, a->share - i * each));
}

/* One tile over one brick. Integers first, floats after: together they would want more registers
 * than there are. */
PW_INLINE void pw_tile_run_256(const pw_tile_256 *a, pw_values values, bool minima, pw_isa_256 isa,
                               int count)
{
    pw_tile_fetch_256(a, 0, count + 1);
    pw_tile_dots_256(a, values, isa, count);
    for (int t = 0; t < count; t++) {
        pw_tile_fetch_256(a, t + 1, count + 1);
        pw_tile_sum_256(a, values == PW_HALVES ? 2 : 1, minima, t);
    }
}

PW_INLINE void pw_tile_sized_256(const pw_tile_256 *a, pw_values values, bool minima,
                                 pw_isa_256 isa, int64_t count)
{
    if (count == 1)
        pw_tile_run_256(a, values, minima, isa, 1);
    else if (count == 2 || isa.tile == 2)
        pw_tile_run_256(a, values, minima, isa, 2);
    else
        pw_tile_run_256(a, values, minima, isa, 3);
}

/* ---- Bricks to bytes ------------------------------------------------------------------------- */

/* Bit `bit` of every byte, moved to bit 4. */
PW_INLINE __m256i pw_fifth_256(__m256i bits, int bit)
{
    const __m256i mask = _mm256_set1_epi8(16);
    switch (bit) {
    case 0: return _mm256_and_si256(_mm256_slli_epi16(bits, 4), mask);
    case 1: return _mm256_and_si256(_mm256_slli_epi16(bits, 3), mask);
    case 2: return _mm256_and_si256(_mm256_slli_epi16(bits, 2), mask);
    case 3: return _mm256_and_si256(_mm256_slli_epi16(bits, 1), mask);
    case 4: return _mm256_and_si256(bits, mask);
    case 5: return _mm256_and_si256(_mm256_srli_epi16(bits, 1), mask);
    case 6: return _mm256_and_si256(_mm256_srli_epi16(bits, 2), mask);
    default: return _mm256_and_si256(_mm256_srli_epi16(bits, 3), mask);
    }
}

/* Bits 2 i and 2 i + 1 of every byte, moved to bits 4 and 5. */
PW_INLINE __m256i pw_upper_256(__m256i bits, int i)
{
    const __m256i mask = _mm256_set1_epi8(48);
    switch (i) {
    case 0: return _mm256_and_si256(_mm256_slli_epi16(bits, 4), mask);
    case 1: return _mm256_and_si256(_mm256_slli_epi16(bits, 2), mask);
    case 2: return _mm256_and_si256(bits, mask);
    default: return _mm256_and_si256(_mm256_srli_epi16(bits, 2), mask);
    }
}

/* K-step j of a quarter of a block's lanes, a byte a value: unsigned with the format's offset. */
PW_INLINE __m256i pw_step_256(pw_dtype dtype, const uint8_t *block, int j, int quarter)
{
    const int i = j % 4, h = j / 4;
    if (dtype == PW_Q8_0) return pw_load_256(block + 128 * j + 32 * quarter);

    const __m256i both = pw_load_256(block + 128 * i + 32 * quarter);
    const __m256i low =
        _mm256_and_si256(h == 0 ? both : _mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
    const uint8_t *more = block + 512 + 32 * quarter;
    if (dtype == PW_Q5_0 || dtype == PW_Q5_1 || dtype == PW_Q5_K)
        return _mm256_or_si256(low, pw_fifth_256(pw_load_256(more), j));
    if (dtype == PW_Q6_K) return _mm256_or_si256(low, pw_upper_256(pw_load_256(more + 128 * h), i));
    return low;
}

PW_INLINE __m256 pw_halves_256(const uint8_t *at)
{
    return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)at));
}

/* Scales of 8 lanes: of block b, or of the b-th 16 values where the format has such. */
PW_INLINE __m256 pw_scale_256(pw_dtype dtype, const uint8_t *scales, int64_t b, int quarter)
{
    if (dtype == PW_Q4_K || dtype == PW_Q5_K || dtype == PW_Q6_K) {
        const uint8_t *at = scales + b * PW_LANES + quarter * 8;
        const __m128i sc = _mm_loadl_epi64((const __m128i *)(const void *)at);
        const __m256i wide = dtype == PW_Q6_K ? _mm256_cvtepi8_epi32(sc) : _mm256_cvtepu8_epi32(sc);
        return _mm256_mul_ps(pw_halves_256(scales + 512 + quarter * 16), _mm256_cvtepi32_ps(wide));
    }
    return pw_halves_256(scales + b * 64 + quarter * 16);
}

/* What the negated sum of block b is multiplied by: w = d q + m, or d sc q - dmin m. */
PW_INLINE __m256 pw_minimum_256(pw_dtype dtype, const uint8_t *scales, int64_t nb, int64_t b,
                                int quarter)
{
    if (dtype == PW_Q4_K || dtype == PW_Q5_K) {
        const uint8_t *at = scales + (PW_BRICK_BLOCKS + b) * PW_LANES + quarter * 8;
        const __m128i m = _mm_loadl_epi64((const __m128i *)(const void *)at);
        const __m256 dmin = pw_halves_256(scales + 576 + quarter * 16);
        return _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(m)));
    }
    const __m256 m = pw_halves_256(scales + (nb + b) * 64 + quarter * 16);
    return _mm256_xor_ps(m, _mm256_set1_ps(-0.0f));
}

/* Values of one quarter of a block's lanes to `to`; of signed weights 128 times the sums of pairs, of both
 * halves, to `start`: what activations with 128 added are too large by. */
PW_INLINE void pw_unpack_values_256(pw_dtype dtype, const uint8_t *block, int quarter, uint8_t *to,
                                    int32_t *start)
{
    __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    PW_UNROLL
    for (int j = 0; j < 8; j++) {
        __m256i w = pw_step_256(dtype, block, j, quarter);
        if (dtype == PW_Q6_K) {
            w = _mm256_sub_epi8(w, _mm256_set1_epi8(32));
            sum[j / 4] =
                _mm256_add_epi16(sum[j / 4], _mm256_maddubs_epi16(_mm256_set1_epi8(INT8_MIN), w));
        }
        pw_save_256(to + j * 128 + quarter * 32, w);
    }
    if (dtype != PW_Q6_K) return;
    PW_UNROLL
    for (int h = 0; h < 2; h++) pw_save_256(start + h * PW_LANES + quarter * PW_QUARTER, sum[h]);
}

/* The bytes of one quarter of a block's lanes as words, without their offset. */
PW_INLINE void pw_unpack_words_256(const uint8_t *block, int quarter, uint8_t *to)
{
    PW_UNROLL
    for (int j = 0; j < 8; j++) {
        const __m256i line = _mm256_xor_si256(pw_load_256(block + j * 128 + quarter * 32),
                                              _mm256_set1_epi8(INT8_MIN));
        __m256i *at = (__m256i *)(void *)(to + j * 256 + quarter * 32);
        _mm256_store_si256(at, _mm256_srai_epi16(_mm256_slli_epi16(line, 8), 8));
        _mm256_store_si256(at + 4, _mm256_srai_epi16(line, 8));
    }
}

/* Fills `to` from a brick of nb blocks; values that are bytes already stay where they are, or become
 * words. */
PW_INLINE void pw_unpack_256(pw_dtype dtype, const uint8_t *brick, int64_t nb, bool words,
                             pw_tiled_scratch *to, pw_bytes *w)
{
    const pw_brick *size = &pw_bricks[dtype];
    const uint8_t *scales = brick + nb * size->values;
    const int halves = size->halves ? 2 : 1;
    const bool are_bytes = dtype == PW_Q8_0, in_place = are_bytes && !words;
    *w = (pw_bytes){in_place ? brick : to->values, to->scale, to->minimum, to->start};
    for (int64_t b = 0; b < nb; b++) {
        for (int g = 0; g < PW_QUARTERS; g++) {
            const int64_t lane = g * PW_QUARTER;
            if (are_bytes && words)
                pw_unpack_words_256(brick + b * size->values, g, to->values + b * 2048);
            if (!are_bytes)
                pw_unpack_values_256(dtype, brick + b * size->values, g, to->values + b * 1024,
                                     to->start + 2 * b * PW_LANES);
            for (int64_t at = halves * b; at < halves * (b + 1); at++)
                _mm256_store_ps(to->scale + at * PW_LANES + lane,
                                pw_scale_256(dtype, scales, at, g));
            if (size->minima)
                _mm256_store_ps(to->minimum + b * PW_LANES + lane,
                                pw_minimum_256(dtype, scales, nb, b, g));
        }
    }
}

/* The same of any format. */
static inline void pw_unpack_any_256(pw_dtype dtype, const uint8_t *brick, int64_t nb, bool words,
                                     pw_tiled_scratch *to, pw_bytes *w)
{
    if (dtype == PW_Q4_0) pw_unpack_256(PW_Q4_0, brick, nb, false, to, w);
    if (dtype == PW_Q4_1) pw_unpack_256(PW_Q4_1, brick, nb, false, to, w);
    if (dtype == PW_Q5_0) pw_unpack_256(PW_Q5_0, brick, nb, false, to, w);
    if (dtype == PW_Q5_1) pw_unpack_256(PW_Q5_1, brick, nb, false, to, w);
    if (dtype == PW_Q8_0) pw_unpack_256(PW_Q8_0, brick, nb, words, to, w);
    if (dtype == PW_Q4_K) pw_unpack_256(PW_Q4_K, brick, nb, false, to, w);
    if (dtype == PW_Q5_K) pw_unpack_256(PW_Q5_K, brick, nb, false, to, w);
    if (dtype == PW_Q6_K) pw_unpack_256(PW_Q6_K, brick, nb, false, to, w);
}

/* ---- Sweeps ---------------------------------------------------------------------------------- */

typedef void pw_tile_fn_256(const pw_tile_256 *a, int64_t count);

typedef struct pw_sweep_256 {
    const pw_call *call;
    pw_dtype dtype;
    pw_isa_256 isa;
    pw_tile_fn_256 *tile;
    pw_q8x act;
    pw_tiled_scratch *scratch;
    float *c;             /* [32, PW_TOKENS] */
    int64_t first, count; /* tokens */
} pw_sweep_256;

/* The panel of output `row`, of whose outputs `left` are wanted. */
static inline void pw_panel_256(const pw_sweep_256 *s, int64_t row, int64_t left)
{
    const int64_t slabs = (s->act.k + PW_SLAB - 1) / PW_SLAB;
    const pw_cut cut = pw_cut_of(s->count, s->isa.tile);
    const int64_t tiles = cut.tiles;
    const int offset = pw_bricks[s->dtype].offset_log2;
    const uint8_t *brick = pw_panel_of(s->call, s->dtype, row);
    for (int64_t slab = 0; slab < slabs; slab++) {
        pw_tile_256 a = {.x = pw_slab_of(&s->act, s->call->src[1].data, slab),
                         .shift = offset >= 0 ? offset : 32,
                         .dots = s->scratch->dots,
                         .start = slab == 0};
        const int64_t bytes = pw_brick_bytes(s->dtype, a.x.nb);
        pw_unpack_any_256(s->dtype, brick, a.x.nb, s->isa.words, s->scratch, &a.w);
        brick += bytes;
        const int64_t values = a.x.nb * pw_bricks[s->dtype].values;
        pw_fetch_later(brick + values, bytes - values); /* what the next brick reads first */

        a.share = pw_ceil_div(bytes, tiles * PW_LINE) * PW_LINE;
        for (int64_t i = 0; i < tiles; i++) {
            const int64_t begin = pw_cut_at(&cut, i), end = pw_cut_at(&cut, i + 1);
            a.next = brick + i * a.share;
            a.token = s->first + begin;
            a.c = s->c + begin * PW_LANES;
            s->tile(&a, end - begin);
            for (int64_t t = begin; slab == slabs - 1 && t < end; t++) {
                const float *c = s->c + t * PW_LANES;
                pw_finish(s->call, s->first + t, row, left, pw_v_load(c), pw_v_load(c + PW_GROUP));
            }
        }
    }
}

/* Outputs [begin, end) of the call. `s` says ISA and tile. */
static inline void pw_matmul_256(pw_sweep_256 *s, const pw_call *call, int64_t begin, int64_t end,
                                 void *scratch)
{
    const int64_t n = pw_rows(&call->src[1]), rows = pw_panel_rows(call);
    assert(begin % rows == 0);
    s->call = call;
    s->dtype = call->src[0].dtype;
    s->act = pw_q8x_of(call->src[0].n[0], n);
    s->scratch = scratch;
    s->c = (float *)(void *)(s->scratch + 1);
    for (int64_t row = begin; row < end; row += rows) {
        for (s->first = 0; s->first < n; s->first += PW_TOKENS) {
            s->count = n - s->first < PW_TOKENS ? n - s->first : PW_TOKENS;
            pw_panel_256(s, row, end - row);
        }
    }
}

#endif
