/* Integer matmul for many tokens: all run over a brick in tiles of 2 x 16 lanes x up to 6 tokens. For
 * many tiles it is unpacked to bytes in the first cache. A few tiles are streamed: they take nibbles
 * from the brick itself, beside products that bind, and ask for memory evenly. */
#include <assert.h>

#include "kernels/cpu/x86/int8_512.h"
#include "kernels/cpu/x86/x86.h"

/* What a format adds to the dot product of unsigned values. */
typedef enum scheme { PLAIN, MINIMA, HALVES } scheme;

/* How a tile finds its values. */
typedef enum source { UNPACKED, STREAMED_BYTES, STREAMED_NIBBLES } source;

enum {
    STREAMED = 8, /* tiles at most */
    AHEAD = 4096, /* bytes behind the next brick's that are asked for; more would leave the cache */
};

typedef struct tile_args {
    pw_slab x;
    pw_bytes w;
    int shift; /* PLAIN: log2 of the offset */
    int64_t token;
    float *c;             /* [32, tokens], of the first token */
    bool start;           /* c is not read: it begins at zero */
    const uint8_t *ahead; /* STREAMED: asked for beside the tile's work, so many lines a block */
    int64_t lines;
} tile_args;

/* ---- The microkernel ------------------------------------------------------------------------- */

/* One tile over one brick. Per block of 32 it takes 16 `count` integer products and 2 `count` FMA on
 * the two multiply ports, which bind; conversions and exponents go on the others. */
PW_INLINE void tile(const tile_args *a, scheme kind, source from, int count)
{
    const pw_slab *x = &a->x;
    const int halves = kind == HALVES ? 2 : 1, steps = 8 / halves;
    const bool nibbles = from == STREAMED_NIBBLES;
    const int8_t *q[PW_TILE];
    const int32_t *exponent = x->exponent + a->token * PW_SLAB_BLOCKS;
    const int32_t *sum = x->sum + a->token * PW_SLAB_BLOCKS;
    const uint8_t *w = a->w.values;
    const __m512i shift = _mm512_set1_epi32(a->shift);
    const __m512i flip = _mm512_set1_epi8(INT8_MIN), fifteen = _mm512_set1_epi8(15);
    float sums[PW_TILE][PW_SLAB_BLOCKS] PW_ALIGNED(32);
    __m512 s0[PW_TILE], s1[PW_TILE];

    PW_UNROLL
    for (int t = 0; t < count; t++) {
        q[t] = x->q + (a->token + t) * x->ks;
        s0[t] = s1[t] = _mm512_setzero_ps();
        if (kind == MINIMA)
            pw_sums_512(sum + t * PW_SLAB_BLOCKS, exponent + t * PW_SLAB_BLOCKS, sums[t]);
    }
    const uint8_t *ahead = a->ahead;
    for (int64_t b = 0; b < x->nb; b++) {
        for (int64_t i = 0; from != UNPACKED && i < a->lines; i++, ahead += PW_LINE)
            __builtin_prefetch(ahead, 0, 2);
        for (int h = 0; h < halves; h++) {
            __m512i i0[PW_TILE], i1[PW_TILE];
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                if (kind == PLAIN) {
                    const __m512i minus = _mm512_set1_epi32(sum[t * PW_SLAB_BLOCKS + b]);
                    i0[t] = i1[t] = _mm512_sllv_epi32(minus, shift);
                } else if (kind == MINIMA) {
                    i0[t] = i1[t] = _mm512_setzero_si512();
                } else {
                    const int32_t *start = a->w.start + (2 * b + h) * PW_LANES;
                    i0[t] = _mm512_load_si512(start);
                    i1[t] = _mm512_load_si512(start + PW_GROUP);
                }
            }
            PW_UNROLL
            for (int j = 0; j < steps; j++) {
                const uint8_t *line = w + (nibbles ? j % 4 : j) * 2 * PW_LINE;
                __m512i w0 = _mm512_load_si512(line), w1 = _mm512_load_si512(line + PW_LINE);
                if (nibbles && j >= 4) {
                    w0 = _mm512_srli_epi16(w0, 4);
                    w1 = _mm512_srli_epi16(w1, 4);
                }
                if (nibbles) {
                    w0 = _mm512_and_si512(w0, fifteen);
                    w1 = _mm512_and_si512(w1, fifteen);
                }
                PW_UNROLL
                for (int t = 0; t < count; t++) {
                    const __m512i four = pw_four_512(q[t] + b * PW_BLOCK + (h * steps + j) * 4);
                    if (kind == HALVES) {
                        const __m512i u = _mm512_xor_si512(four, flip);
                        i0[t] = _mm512_dpbusd_epi32(i0[t], u, w0);
                        i1[t] = _mm512_dpbusd_epi32(i1[t], u, w1);
                    } else {
                        i0[t] = _mm512_dpbusd_epi32(i0[t], w0, four);
                        i1[t] = _mm512_dpbusd_epi32(i1[t], w1, four);
                    }
                }
            }
            w += (nibbles ? steps / 2 : steps) * 2 * PW_LINE;
            const float *d = a->w.scale + (halves * b + h) * PW_LANES;
            const __m512i d0 = _mm512_load_si512(d), d1 = _mm512_load_si512(d + PW_GROUP);
            if (kind == MINIMA) {
                const float *m = a->w.minimum + b * PW_LANES;
                const __m512 m0 = _mm512_load_ps(m), m1 = _mm512_load_ps(m + PW_GROUP);
                PW_UNROLL
                for (int t = 0; t < count; t++) {
                    const __m512 minus = _mm512_set1_ps(sums[t][b]);
                    s0[t] = _mm512_fmadd_ps(m0, minus, s0[t]);
                    s1[t] = _mm512_fmadd_ps(m1, minus, s1[t]);
                }
            }
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m512i e = _mm512_set1_epi32(exponent[t * PW_SLAB_BLOCKS + b]);
                const __m512 f0 = _mm512_castsi512_ps(_mm512_add_epi32(d0, e));
                const __m512 f1 = _mm512_castsi512_ps(_mm512_add_epi32(d1, e));
                s0[t] = _mm512_fmadd_ps(f0, _mm512_cvtepi32_ps(i0[t]), s0[t]);
                s1[t] = _mm512_fmadd_ps(f1, _mm512_cvtepi32_ps(i1[t]), s1[t]);
            }
        }
    }
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        float *c = a->c + t * PW_LANES;
        const __m512 scale = _mm512_set1_ps(x->scale[a->token + t]);
        const __m512 c0 = a->start ? _mm512_setzero_ps() : _mm512_load_ps(c);
        const __m512 c1 = a->start ? _mm512_setzero_ps() : _mm512_load_ps(c + PW_GROUP);
        _mm512_store_ps(c, _mm512_fmadd_ps(s0[t], scale, c0));
        _mm512_store_ps(c + PW_GROUP, _mm512_fmadd_ps(s1[t], scale, c1));
    }
}

PW_INLINE void sized(const tile_args *a, scheme kind, source from, int64_t count)
{
    switch (count) {
    case 1: tile(a, kind, from, 1); break;
    case 2: tile(a, kind, from, 2); break;
    case 3: tile(a, kind, from, 3); break;
    case 4: tile(a, kind, from, 4); break;
    case 5: tile(a, kind, from, 5); break;
    default: tile(a, kind, from, 6); break;
    }
}

static void plain_unpacked(const tile_args *a, int64_t count)
{
    sized(a, PLAIN, UNPACKED, count);
}

static void plain_bytes(const tile_args *a, int64_t count)
{
    sized(a, PLAIN, STREAMED_BYTES, count);
}

static void plain_nibbles(const tile_args *a, int64_t count)
{
    sized(a, PLAIN, STREAMED_NIBBLES, count);
}

static void minima_unpacked(const tile_args *a, int64_t count)
{
    sized(a, MINIMA, UNPACKED, count);
}

static void minima_bytes(const tile_args *a, int64_t count)
{
    sized(a, MINIMA, STREAMED_BYTES, count);
}

static void minima_nibbles(const tile_args *a, int64_t count)
{
    sized(a, MINIMA, STREAMED_NIBBLES, count);
}

static void halves_unpacked(const tile_args *a, int64_t count)
{
    sized(a, HALVES, UNPACKED, count);
}

static void halves_bytes(const tile_args *a, int64_t count)
{
    sized(a, HALVES, STREAMED_BYTES, count);
}

/* ---- Bricks to bytes ------------------------------------------------------------------------- */

/* Fills `to` from a brick of nb blocks; where values are taken in place, with the rest only. */
PW_INLINE void unpack(pw_dtype dtype, bool in_place, const uint8_t *brick, int64_t nb,
                      pw_tiled_scratch *to, pw_bytes *w)
{
    const pw_brick *size = &pw_bricks[dtype];
    const uint8_t *scales = brick + nb * size->values;
    *w = (pw_bytes){to->values, to->scale, to->minimum, to->start};
    if (in_place) w->values = brick;

    for (int64_t b = 0; b < nb; b++) {
        for (int g = 0; g < 2; g++) {
            __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
            PW_UNROLL
            for (int i = 0; i < 4; i++) {
                if (in_place) continue;
                __m512i two[2];
                pw_steps_512(dtype, brick + b * size->values, i, g, two);
                if (dtype == PW_Q6_K) {
                    two[0] = _mm512_sub_epi8(two[0], _mm512_set1_epi8(32));
                    two[1] = _mm512_sub_epi8(two[1], _mm512_set1_epi8(32));
                }
                uint8_t *line = to->values + b * 1024 + (2 * i + g) * PW_LINE;
                _mm512_store_si512(line, two[0]);
                _mm512_store_si512(line + 8 * PW_LINE, two[1]);
                if (dtype != PW_Q6_K) continue;
                sum[0] = _mm512_dpbusd_epi32(sum[0], _mm512_set1_epi8(1), two[0]);
                sum[1] = _mm512_dpbusd_epi32(sum[1], _mm512_set1_epi8(1), two[1]);
            }
            const int64_t lane = g * PW_GROUP;
            for (int h = 0; h < (size->halves ? 2 : 1); h++) {
                const int64_t at = size->halves ? 2 * b + h : b;
                _mm512_store_ps(to->scale + at * PW_LANES + lane,
                                pw_scale_512(dtype, scales, at, g));
                if (dtype == PW_Q6_K)
                    _mm512_store_si512(to->start + at * PW_LANES + lane, pw_start_512(sum[h]));
            }
            if (size->minima)
                _mm512_store_ps(to->minimum + b * PW_LANES + lane,
                                pw_minimum_512(dtype, scales, nb, b, g));
        }
    }
}

static void unpack_q4_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_0, false, brick, nb, to, w);
}

static void unpack_q4_1(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_1, false, brick, nb, to, w);
}

static void unpack_q5_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q5_0, false, brick, nb, to, w);
}

static void unpack_q5_1(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q5_1, false, brick, nb, to, w);
}

static void unpack_q8_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q8_0, true, brick, nb, to, w);
}

static void unpack_q4_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_K, false, brick, nb, to, w);
}

static void unpack_q5_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q5_K, false, brick, nb, to, w);
}

static void unpack_q6_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q6_K, false, brick, nb, to, w);
}

static void scales_q4_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_0, true, brick, nb, to, w);
}

static void scales_q4_1(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_1, true, brick, nb, to, w);
}

static void scales_q4_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    unpack(PW_Q4_K, true, brick, nb, to, w);
}

typedef struct form {
    void (*unpack)(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w);
    void (*tile)(const tile_args *a, int64_t count);
} form;

/* Of many tiles, and of no more than STREAMED. */
static const struct {
    form many, streamed;
} formats[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = {{unpack_q4_0, plain_unpacked}, {scales_q4_0, plain_nibbles}},
    [PW_Q4_1] = {{unpack_q4_1, minima_unpacked}, {scales_q4_1, minima_nibbles}},
    [PW_Q5_0] = {{unpack_q5_0, plain_unpacked}, {unpack_q5_0, plain_bytes}},
    [PW_Q5_1] = {{unpack_q5_1, minima_unpacked}, {unpack_q5_1, minima_bytes}},
    [PW_Q8_0] = {{unpack_q8_0, plain_unpacked}, {unpack_q8_0, plain_bytes}},
    [PW_Q4_K] = {{unpack_q4_k, minima_unpacked}, {scales_q4_k, minima_nibbles}},
    [PW_Q5_K] = {{unpack_q5_k, minima_unpacked}, {unpack_q5_k, minima_bytes}},
    [PW_Q6_K] = {{unpack_q6_k, halves_unpacked}, {unpack_q6_k, halves_bytes}},
};

/* ---- Sweeps ---------------------------------------------------------------------------------- */

typedef struct sweep {
    const pw_call *call;
    pw_dtype dtype;
    pw_q8x act;
    pw_tiled_scratch *scratch;
    float *c;             /* [32, PW_TOKENS] */
    int64_t first, count; /* tokens */
} sweep;

/* The panel of output `row`, of whose outputs `left` are wanted. */
static void panel(const sweep *s, int64_t row, int64_t left)
{
    const int64_t slabs = (s->act.k + PW_SLAB - 1) / PW_SLAB;
    const pw_cut cut = pw_cut_of(s->count, PW_TILE);
    const int64_t tiles = cut.tiles;
    const bool streamed = tiles <= STREAMED;
    const form *f = streamed ? &formats[s->dtype].streamed : &formats[s->dtype].many;
    const uint8_t *brick = pw_panel_of(s->call, s->dtype, row);
    for (int64_t slab = 0; slab < slabs; slab++) {
        tile_args a = {.x = pw_slab_of(&s->act, s->call->src[1].data, slab),
                       .shift = pw_bricks[s->dtype].offset_log2,
                       .start = slab == 0};
        f->unpack(brick, a.x.nb, s->scratch, &a.w);
        const int64_t bytes = pw_brick_bytes(s->dtype, a.x.nb);
        brick += bytes;

        const int64_t share = pw_ceil_div(bytes / PW_LINE, tiles) * PW_LINE;
        a.lines = pw_ceil_div(share / PW_LINE, a.x.nb);
        for (int64_t i = 0; i < tiles; i++) {
            const int64_t begin = pw_cut_at(&cut, i), end = pw_cut_at(&cut, i + 1);
            a.ahead = brick + AHEAD + i * share;
            if (!streamed) pw_fetch_later(brick + i * share, share);
            a.token = s->first + begin;
            a.c = s->c + begin * PW_LANES;
            f->tile(&a, end - begin);
            for (int64_t t = begin; slab == slabs - 1 && t < end; t++) {
                const float *c = s->c + t * PW_LANES;
                pw_finish(s->call, s->first + t, row, left, _mm512_load_ps(c),
                          _mm512_load_ps(c + PW_GROUP));
            }
        }
    }
}

void pw_matmul_int8_avx512vnni(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t n = pw_rows(&call->src[1]), rows = pw_panel_rows(call);
    const pw_dtype dtype = call->src[0].dtype;
    assert(begin % rows == 0);
    sweep s = {
        .call = call,
        .dtype = dtype,
        .act = pw_q8x_of(call->src[0].n[0], n),
        .scratch = scratch,
        .c = (float *)(void *)((pw_tiled_scratch *)scratch + 1),
    };
    for (int64_t row = begin; row < end; row += rows) {
        for (s.first = 0; s.first < n; s.first += PW_TOKENS) {
            s.count = n - s.first < PW_TOKENS ? n - s.first : PW_TOKENS;
            panel(&s, row, end - row);
        }
    }
}
