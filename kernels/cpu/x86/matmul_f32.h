/* Matmul in f32 products over panels of floats and over bricks, on sixteen lanes: the same bits in
 * AVX2 and AVX-512. Few tokens stream floats straight into registers. All else runs in tiles
 * over a slab of k that is in the first cache: weights that are not f32 are decoded into scratch, to
 * the bits of pw_dequantize, and a tile's activations are copied, once for several panels, for their
 * rows lie too far apart. */
#ifndef PW_KERNELS_CPU_X86_MATMUL_F32_H
#define PW_KERNELS_CPU_X86_MATMUL_F32_H

#include <assert.h>
#include <string.h>

#include "kernels/cpu/x86/finish.h"
#include "kernels/cpu/x86/float.h"
#include "kernels/cpu/x86/int8_256.h"

/* A register tile has so many tokens by so many groups of sixteen lanes: 24 sums in 32 registers, or
 * twelve in sixteen. So many tiles share a copy of their activations. FEW tokens by two groups leave room
 * to decode weights beside the sums. Up to WAIT tokens the
 * memory is waited for, and the next slab is asked for evenly within the loops.
 *
 * A slab's weights of one tile's groups stay in the first cache, 32 KiB with AVX-512 and 16 KiB without,
 * while the activations of a block come from the second: GotoBLAS's order (Goto and van de Geijn 2008),
 * with tokens for rows. With AVX-512 a block is one tile, whose weights are all lanes' anyway. */
#if defined(__AVX512F__)
enum {
    PW_F32_TOKENS = 12,
    PW_F32_GROUPS = 2,
    PW_F32_TILES = 1,
    PW_F32_SHARE = 2,
    PW_F32_FEW = 8,
    PW_F32_WAIT = 8
};
#else
enum {
    PW_F32_TOKENS = 6,
    PW_F32_GROUPS = 1,
    PW_F32_TILES = 16,
    PW_F32_SHARE = 4,
    PW_F32_FEW = 3,
    PW_F32_WAIT = 24
};
#endif
static_assert(PW_F32_TOKENS * PW_F32_TILES <= PW_F32_TOKENS_MAX, "room for a block of activations");

/* Bytes of `k` values of all lanes of a panel. */
PW_INLINE int64_t pw_f32_bytes(pw_dtype dtype, int64_t k)
{
    if (dtype == PW_F32) return k * PW_LANES * 4;
    if (dtype == PW_F16) return k * PW_LANES * 2;
    if (dtype == PW_BF16) return (k + 1) / 2 * PW_LANES * 4;
    return pw_panel_bytes(dtype, k);
}

/* Values i and i + 1 (i even) of one group of lanes; the second counts only if i + 1 < k. */
PW_INLINE void pw_f32_two(pw_dtype dtype, const uint8_t *panel, int64_t i, int group, pw_v16 w[2])
{
    if (dtype == PW_BF16) {
        pw_v_pairs(panel + (i / 2 * PW_LANES + group * PW_GROUP) * 4, &w[0], &w[1]);
    } else if (dtype == PW_F16) {
        const uint8_t *at = panel + (i * PW_LANES + group * PW_GROUP) * 2;
        w[0] = pw_v_halves(at);
        w[1] = pw_v_halves(at + PW_LANES * 2);
    } else {
        const float *at = (const float *)(const void *)panel + i * PW_LANES + group * PW_GROUP;
        w[0] = pw_v_load(at);
        w[1] = pw_v_load(at + PW_LANES);
    }
}

/* Value k - 1 of one group of lanes, k being odd. */
PW_INLINE pw_v16 pw_f32_last(pw_dtype dtype, const uint8_t *panel, int64_t k, int group)
{
    const int64_t at = (k - 1) * PW_LANES + group * PW_GROUP;
    if (dtype == PW_F32) return pw_v_load((const float *)(const void *)panel + at);
    if (dtype == PW_F16) return pw_v_halves(panel + at * 2);
    pw_v16 w[2];
    pw_f32_two(dtype, panel, k - 1, group, w);
    return w[0];
}

/* ---- Few tokens ------------------------------------------------------------------------------ */

/* One panel times `count` tokens. */
PW_INLINE void pw_f32_stream(pw_dtype dtype, const uint8_t *panel, const float *const *x, int64_t k,
                             const int count, pw_v16 c[2][PW_F32_FEW])
{
    PW_UNROLL
    for (int t = 0; t < count; t++) c[0][t] = c[1][t] = pw_v_set(0.0f);
    for (int64_t i = 0; i + 2 <= k; i += 2) {
        pw_fetch_ahead(panel + pw_f32_bytes(dtype, i), pw_f32_bytes(dtype, 2));
        PW_UNROLL
        for (int g = 0; g < 2; g++) {
            pw_v16 w[2];
            pw_f32_two(dtype, panel, i, g, w);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                c[g][t] = pw_v_fma(w[0], pw_v_set(x[t][i]), c[g][t]);
                c[g][t] = pw_v_fma(w[1], pw_v_set(x[t][i + 1]), c[g][t]);
            }
        }
    }
    if (k % 2 == 0) return;
    PW_UNROLL
    for (int g = 0; g < 2; g++) {
        const pw_v16 w = pw_f32_last(dtype, panel, k, g);
        PW_UNROLL
        for (int t = 0; t < count; t++) c[g][t] = pw_v_fma(w, pw_v_set(x[t][k - 1]), c[g][t]);
    }
}

PW_INLINE void pw_f32_few(pw_dtype dtype, const pw_call *call, int64_t begin, int64_t end,
                          const int count)
{
    const int64_t k = call->src[0].n[0], rows = pw_panel_rows(call), bytes = pw_f32_bytes(dtype, k);
    const uint8_t *panel = (const uint8_t *)call->src[0].data + begin / rows * bytes;
    const float *x[PW_F32_FEW];
    for (int t = 0; t < count; t++)
        x[t] = (const float *)(const void *)pw_token_row(&call->src[1], t);
    for (int64_t row = begin; row < end; row += rows, panel += bytes) {
        pw_v16 c[2][PW_F32_FEW];
        pw_f32_stream(dtype, panel, x, k, count, c);
        PW_UNROLL
        for (int t = 0; t < count; t++) pw_finish(call, t, row, end - row, c[0][t], c[1][t]);
    }
}

PW_INLINE void pw_f32_few_sized(pw_dtype dtype, const pw_call *call, int64_t begin, int64_t end)
{
    switch (pw_rows(&call->src[1])) {
    case 1: pw_f32_few(dtype, call, begin, end, 1); break;
    case 2: pw_f32_few(dtype, call, begin, end, 2); break;
#if defined(__AVX512F__)
    case 3: pw_f32_few(dtype, call, begin, end, 3); break;
    case 4: pw_f32_few(dtype, call, begin, end, 4); break;
    case 5: pw_f32_few(dtype, call, begin, end, 5); break;
    case 6: pw_f32_few(dtype, call, begin, end, 6); break;
    case 7: pw_f32_few(dtype, call, begin, end, 7); break;
#endif
    default: pw_f32_few(dtype, call, begin, end, PW_F32_FEW); break;
    }
}

/* ---- Tiles ----------------------------------------------------------------------------------- */

/* Where the weights of group `g` begin in a slab that was decoded; each value's lanes follow the last's. */
PW_INLINE int64_t pw_f32_column(int64_t g)
{
    return PW_F32_GROUPS == 2 ? g * PW_GROUP : g * PW_GROUP * PW_F32_SLAB;
}

/* One tile over one slab. */
typedef struct pw_f32_step {
    const float *w, *x; /* [16 groups, ks], [slab, count] */
    float *c;           /* [32, count], which begins at zero where `start` */
    bool start;
    const uint8_t *next; /* to be asked for, so many bytes a value of k */
    int64_t each;
} pw_f32_step;

/* `count` tokens x groups x 16 lanes over ks values. Both FMA ports bind: 2 loads and `count`
 * broadcasts serve 2 `count` FMA. */
PW_INLINE void pw_f32_tile(const pw_f32_step *a, int64_t ks, const int count, const bool waits)
{
    const float *w = a->w, *x = a->x;
    const uint8_t *next = a->next;
    float *c = a->c;
    pw_v16 s[PW_F32_TOKENS][PW_F32_GROUPS];
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        PW_UNROLL
        for (int g = 0; g < PW_F32_GROUPS; g++)
            s[t][g] = a->start ? pw_v_set(0.0f) : pw_v_load(c + t * PW_LANES + g * PW_GROUP);
    }
    for (int64_t i = 0; i < ks; i++, w += PW_GROUP * PW_F32_GROUPS, x++) {
        if (waits) __builtin_prefetch(next + i * a->each, 0, 2);
        pw_v16 v[PW_F32_GROUPS];
        PW_UNROLL
        for (int g = 0; g < PW_F32_GROUPS; g++) v[g] = pw_v_load(w + g * PW_GROUP);
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            const pw_v16 value = pw_v_set(x[t * PW_F32_SLAB]);
            PW_UNROLL
            for (int g = 0; g < PW_F32_GROUPS; g++) s[t][g] = pw_v_fma(v[g], value, s[t][g]);
        }
    }
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        PW_UNROLL
        for (int g = 0; g < PW_F32_GROUPS; g++)
            pw_v_store(c + t * PW_LANES + g * PW_GROUP, s[t][g]);
    }
}

PW_INLINE void pw_f32_tile_any(const pw_f32_step *a, int64_t ks, int64_t count, const bool waits)
{
    switch (count) {
    case 1: pw_f32_tile(a, ks, 1, waits); break;
    case 2: pw_f32_tile(a, ks, 2, waits); break;
    case 3: pw_f32_tile(a, ks, 3, waits); break;
    case 4: pw_f32_tile(a, ks, 4, waits); break;
    case 5: pw_f32_tile(a, ks, 5, waits); break;
    case 6: pw_f32_tile(a, ks, 6, waits); break;
#if defined(__AVX512F__)
    case 7: pw_f32_tile(a, ks, 7, waits); break;
    case 8: pw_f32_tile(a, ks, 8, waits); break;
    case 9: pw_f32_tile(a, ks, 9, waits); break;
    case 10: pw_f32_tile(a, ks, 10, waits); break;
    case 11: pw_f32_tile(a, ks, 11, waits); break;
    default: pw_f32_tile(a, ks, 12, waits); break;
#endif
    }
}

static void pw_f32_tile_sized(const pw_f32_step *a, int64_t ks, int64_t count)
{
    pw_f32_tile_any(a, ks, count, false);
}

static void pw_f32_tile_waits(const pw_f32_step *a, int64_t ks, int64_t count)
{
    pw_f32_tile_any(a, ks, count, true);
}

/* ks values of all lanes of floats to f32, in columns. */
PW_INLINE void pw_f32_of_floats(pw_dtype dtype, const uint8_t *panel, int64_t ks, float *to)
{
    enum { NEXT = PW_GROUP * PW_F32_GROUPS };
    for (int64_t i = 0; i + 2 <= ks; i += 2) {
        PW_UNROLL
        for (int g = 0; g < 2; g++) {
            float *at = to + pw_f32_column(g) + i * NEXT;
            pw_v16 w[2];
            pw_f32_two(dtype, panel, i, g, w);
            pw_v_store(at, w[0]);
            pw_v_store(at + NEXT, w[1]);
        }
    }
    for (int g = 0; ks % 2 != 0 && g < 2; g++)
        pw_v_store(to + pw_f32_column(g) + (ks - 1) * NEXT, pw_f32_last(dtype, panel, ks, g));
}

/* A brick of ks values to f32, in columns: scale (q - offset) - minimum, in which only the last step
 * rounds. */
PW_INLINE void pw_f32_of_brick(pw_dtype dtype, const uint8_t *brick, int64_t ks,
                               pw_tiled_scratch *scratch, float *to)
{
    const pw_brick *size = &pw_bricks[dtype];
    const int64_t nb = ks / PW_BLOCK;
    const pw_v16 offset = pw_v_set(
        size->offset_log2 < 0 || dtype == PW_Q6_K ? 0.0f : (float)(1 << size->offset_log2));
    pw_bytes b;
    pw_unpack_256(dtype, brick, nb, false, scratch, &b);
    for (int64_t i = 0; i < nb * 8 * 2; i++) { /* block, k-step, group */
        const int64_t lane = i % 2 * PW_GROUP, block = i / 16;
        const int64_t scale = size->halves ? 2 * block + i / 8 % 2 : block;
        const pw_v16 d = pw_v_load(b.scale + scale * PW_LANES + lane);
        const pw_v16 m =
            size->minima ? pw_v_load(b.minimum + block * PW_LANES + lane) : pw_v_set(0.0f);
        pw_v16 q[4];
        pw_v_bytes(b.values + i * PW_LINE, dtype == PW_Q6_K, q);
        PW_UNROLL
        for (int c = 0; c < 4; c++) {
            const pw_v16 value = pw_v_sub(q[c], offset);
            const pw_v16 w =
                size->minima ? pw_v_fma(d, value, pw_v_sub(pw_v_set(0.0f), m)) : pw_v_mul(d, value);
            pw_v_store(to + pw_f32_column(i % 2) + (i / 2 * 4 + c) * PW_GROUP * PW_F32_GROUPS, w);
        }
    }
}

/* ks values of all lanes of a panel to f32, in columns. */
static void pw_f32_decode(pw_dtype dtype, const uint8_t *panel, int64_t ks,
                          pw_tiled_scratch *scratch, float *to)
{
    if (dtype == PW_F32) pw_f32_of_floats(PW_F32, panel, ks, to);
    if (dtype == PW_F16) pw_f32_of_floats(PW_F16, panel, ks, to);
    if (dtype == PW_BF16) pw_f32_of_floats(PW_BF16, panel, ks, to);
    if (dtype == PW_Q4_0) pw_f32_of_brick(PW_Q4_0, panel, ks, scratch, to);
    if (dtype == PW_Q4_1) pw_f32_of_brick(PW_Q4_1, panel, ks, scratch, to);
    if (dtype == PW_Q5_0) pw_f32_of_brick(PW_Q5_0, panel, ks, scratch, to);
    if (dtype == PW_Q5_1) pw_f32_of_brick(PW_Q5_1, panel, ks, scratch, to);
    if (dtype == PW_Q8_0) pw_f32_of_brick(PW_Q8_0, panel, ks, scratch, to);
    if (dtype == PW_Q4_K) pw_f32_of_brick(PW_Q4_K, panel, ks, scratch, to);
    if (dtype == PW_Q5_K) pw_f32_of_brick(PW_Q5_K, panel, ks, scratch, to);
    if (dtype == PW_Q6_K) pw_f32_of_brick(PW_Q6_K, panel, ks, scratch, to);
}

/* Some panels and some tokens. */
typedef struct pw_f32_sweep {
    const pw_call *call;
    pw_dtype dtype;
    pw_f32_scratch *scratch;
    float *c;             /* [32, tokens] a panel */
    int64_t row, left;    /* first output, outputs from there on */
    int64_t panels;       /* at most PW_F32_SHARE */
    int64_t first, count; /* tokens */
} pw_f32_sweep;

/* What a sweep's panels have in one slab of k. */
typedef struct pw_f32_slab {
    int64_t at, ks;                     /* values */
    const float *w[PW_F32_PANELS];      /* in columns */
    const uint8_t *next[PW_F32_PANELS]; /* what is read after it */
    int64_t share;                      /* bytes of that for each tile to ask for */
} pw_f32_slab;

/* Values [at, at + ks) of `count` tokens to [slab, count]. */
static inline void pw_f32_gather(const pw_f32_sweep *s, int64_t token, int64_t count, int64_t at,
                                 int64_t ks)
{
    for (int64_t t = 0; t < count; t++) {
        const float *row =
            (const float *)(const void *)pw_token_row(&s->call->src[1], s->first + token + t);
        memcpy(s->scratch->x + t * PW_F32_SLAB, row + at, (size_t)ks * sizeof *row);
    }
}

/* A block of tokens, from `begin` on, over a slab of k from value `at` on: tiles by columns by panels. Of
 * what the next slab reads, each tile asks for `share` bytes. */
static inline void pw_f32_block(const pw_f32_sweep *s, const pw_f32_slab *slab, const pw_cut *cut,
                                int64_t tile, int64_t tiles)
{
    const int64_t k = s->call->src[0].n[0], rows = pw_panel_rows(s->call);
    const int64_t begin = pw_cut_at(cut, tile), end = pw_cut_at(cut, tile + tiles);
    pw_f32_gather(s, begin, end - begin, slab->at, slab->ks);
    for (int64_t p = 0; p < s->panels; p++) {
        float *c = s->c + p * s->count * PW_LANES;
        for (int64_t g = 0; g < 2; g += PW_F32_GROUPS) {
            for (int64_t i = tile; i < tile + tiles; i++) {
                const int64_t from = pw_cut_at(cut, i), count = pw_cut_at(cut, i + 1) - from;
                const uint8_t *next =
                    slab->next[p] + (g / PW_F32_GROUPS * cut->tiles + i) * slab->share;
                const pw_f32_step a = {.w = slab->w[p] + pw_f32_column(g),
                                       .x = s->scratch->x + (from - begin) * PW_F32_SLAB,
                                       .c = c + from * PW_LANES + g * PW_GROUP,
                                       .start = slab->at == 0,
                                       .next = next,
                                       .each = slab->share / slab->ks};
                if (s->count <= PW_F32_WAIT) {
                    pw_f32_tile_waits(&a, slab->ks, count);
                } else {
                    pw_fetch_later(next, slab->share);
                    pw_f32_tile_sized(&a, slab->ks, count);
                }
            }
        }
        if (slab->at + slab->ks < k) continue;
        for (int64_t t = begin; t < end; t++)
            pw_finish(s->call, s->first + t, s->row + p * rows, s->left - p * rows,
                      pw_v_load(c + t * PW_LANES), pw_v_load(c + t * PW_LANES + PW_GROUP));
    }
}

/* One slab of k, from value `at` on. */
static inline void pw_f32_slab_run(const pw_f32_sweep *s, int64_t at, int64_t ks)
{
    const int64_t k = s->call->src[0].n[0], rows = pw_panel_rows(s->call);
    const int64_t bytes = pw_f32_bytes(s->dtype, k), size = pw_f32_bytes(s->dtype, ks);
    const pw_cut cut = pw_cut_of(s->count, PW_F32_TOKENS);
    const uint8_t *panel = (const uint8_t *)s->call->src[0].data + s->row / rows * bytes;
    pw_f32_slab slab = {
        .at = at, .ks = ks, .share = pw_ceil_div(size, cut.tiles * 2 / PW_F32_GROUPS * ks) * ks};
    for (int64_t p = 0; p < s->panels; p++, panel += bytes) {
        const uint8_t *from = panel + pw_f32_bytes(s->dtype, at);
        slab.next[p] = at + ks < k ? from + size : panel + s->panels * bytes;
        slab.w[p] = (const float *)(const void *)from;
        if (s->dtype == PW_F32 && PW_F32_GROUPS == 2) continue; /* in columns as it is */
        pw_f32_decode(s->dtype, from, ks, &s->scratch->brick, s->scratch->w[p]);
        slab.w[p] = s->scratch->w[p];
    }
    for (int64_t i = 0; i < cut.tiles; i += PW_F32_TILES)
        pw_f32_block(s, &slab, &cut, i, pw_min(cut.tiles - i, PW_F32_TILES));
}

static inline void pw_f32_sweep_run(const pw_f32_sweep *s)
{
    const int64_t k = s->call->src[0].n[0];
    for (int64_t at = 0; at < k; at += PW_F32_SLAB) {
        const int64_t ks = pw_min(k - at, PW_F32_SLAB);
        pw_f32_slab_run(s, at, ks);
    }
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static inline void pw_f32_matmul(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t n = pw_rows(&call->src[1]), rows = pw_panel_rows(call);
    const pw_dtype dtype = call->src[0].dtype;
    assert(begin % rows == 0);
    if (n <= PW_F32_FEW && pw_bricks[dtype].values == 0) {
        if (dtype == PW_F32) pw_f32_few_sized(PW_F32, call, begin, end);
        if (dtype == PW_F16) pw_f32_few_sized(PW_F16, call, begin, end);
        if (dtype == PW_BF16) pw_f32_few_sized(PW_BF16, call, begin, end);
        return;
    }
    pw_f32_sweep s = {.call = call, .dtype = dtype, .scratch = scratch};
    s.c = (float *)(void *)(s.scratch + 1);
    for (s.row = begin; s.row < end; s.row += s.panels * rows) {
        s.left = end - s.row;
        s.panels = pw_min((s.left + rows - 1) / rows, PW_F32_SHARE);
        for (s.first = 0; s.first < n; s.first += PW_TOKENS) {
            s.count = pw_min(n - s.first, PW_TOKENS);
            pw_f32_sweep_run(&s);
        }
    }
}

#endif
