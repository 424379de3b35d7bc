/* Matmul in bf16 products: panels are used where they lie. One to eight tokens stream them, more run
 * over a slab of 256 in tiles of 12 tokens x 2 x 16 lanes. Each lane adds its pairs of k in order. */
#include <assert.h>
#include <string.h>

#include "kernels/act.h"
#include "kernels/cpu/x86/finish.h"
#include "kernels/cpu/x86/float.h"
#include "kernels/cpu/x86/x86.h"

enum {
    TOKENS = 12,
    BASES = 4, /* of the tokens of a tile, three each: x86 has few addresses */
    FEW = 8,
    PAIR_BYTES = PW_LANES * 4
};

/* Two neighbours of k of a token, in every lane. */
PW_INLINE __m512bh two(const uint16_t *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

PW_INLINE __m512bh line(const uint8_t *w)
{
    return (__m512bh)_mm512_load_si512(w);
}

/* `count` tokens over `pairs` of k; x rows are `step` values apart, c [32, count] begins at zero where
 * `start`. */
PW_INLINE void tile(const uint8_t *w, const uint16_t *x, int64_t pairs, int64_t step, float *c,
                    bool start, const int count)
{
    __m512 s0[TOKENS], s1[TOKENS];
    const uint16_t *base[BASES];
    PW_UNROLL
    for (int b = 0; b < BASES; b++) base[b] = x + 3 * b * step;
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        s0[t] = start ? _mm512_setzero_ps() : _mm512_load_ps(c + t * PW_LANES);
        s1[t] = start ? _mm512_setzero_ps() : _mm512_load_ps(c + t * PW_LANES + PW_GROUP);
    }
    for (int64_t i = 0; i < pairs; i++, w += PAIR_BYTES) {
        const __m512bh w0 = line(w), w1 = line(w + PW_LINE);
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            const __m512bh value = two(base[t / 3] + t % 3 * step + 2 * i);
            s0[t] = _mm512_dpbf16_ps(s0[t], w0, value);
            s1[t] = _mm512_dpbf16_ps(s1[t], w1, value);
        }
    }
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        _mm512_store_ps(c + t * PW_LANES, s0[t]);
        _mm512_store_ps(c + t * PW_LANES + PW_GROUP, s1[t]);
    }
}

static void sized(const uint8_t *w, const uint16_t *x, int64_t pairs, int64_t step, float *c,
                  bool start, int64_t count)
{
    switch (count) {
    case 1: tile(w, x, pairs, step, c, start, 1); break;
    case 2: tile(w, x, pairs, step, c, start, 2); break;
    case 3: tile(w, x, pairs, step, c, start, 3); break;
    case 4: tile(w, x, pairs, step, c, start, 4); break;
    case 5: tile(w, x, pairs, step, c, start, 5); break;
    case 6: tile(w, x, pairs, step, c, start, 6); break;
    case 7: tile(w, x, pairs, step, c, start, 7); break;
    case 8: tile(w, x, pairs, step, c, start, 8); break;
    case 9: tile(w, x, pairs, step, c, start, 9); break;
    case 10: tile(w, x, pairs, step, c, start, 10); break;
    case 11: tile(w, x, pairs, step, c, start, 11); break;
    default: tile(w, x, pairs, step, c, start, 12); break;
    }
}

/* The panel of output `row`, of whose outputs `left` are wanted, times tokens [first, first + count). */
static void panel(const pw_call *call, int64_t row, int64_t left, int64_t first, int64_t count,
                  float *sums)
{
    const int64_t k = call->src[0].n[0], n = pw_rows(&call->src[1]);
    const pw_cut cut = pw_cut_of(count, TOKENS);
    const uint8_t *w =
        (const uint8_t *)call->src[0].data + row / pw_panel_rows(call) * ((k + 1) / 2 * PAIR_BYTES);
    for (int64_t at = 0; at < k; at += PW_SLAB) {
        const int64_t pairs = (pw_min(k - at, PW_SLAB) + 1) / 2, bytes = pairs * PAIR_BYTES;
        const int64_t share = (bytes / PW_LINE + cut.tiles - 1) / cut.tiles * PW_LINE;
        for (int64_t i = 0; i < cut.tiles; i++) {
            const int64_t begin = pw_cut_at(&cut, i), size = pw_cut_at(&cut, i + 1) - begin;
            float *c = sums + begin * PW_LANES;
            pw_fetch_later(w + bytes + i * share, share);
            sized(w, pw_b16x_values(call->src[1].data, k, n, at / PW_SLAB, first + begin), pairs,
                  2 * pairs, c, at == 0, size);
            for (int64_t t = 0; at + PW_SLAB >= k && t < size; t++, c += PW_LANES)
                pw_finish(call, first + begin + t, row, left, _mm512_load_ps(c),
                          _mm512_load_ps(c + PW_GROUP));
        }
        w += bytes;
    }
}

/* Outputs [begin, end) for `count` tokens. */
PW_INLINE void few(const pw_call *call, int64_t begin, int64_t end, const int count)
{
    const int64_t k = call->src[0].n[0], rows = pw_panel_rows(call);
    const uint8_t *w =
        (const uint8_t *)call->src[0].data + begin / rows * ((k + 1) / 2 * PAIR_BYTES);
    for (int64_t row = begin; row < end; row += rows) {
        __m512 s0[FEW], s1[FEW];
        PW_UNROLL
        for (int t = 0; t < count; t++) s0[t] = s1[t] = _mm512_setzero_ps();
        for (int64_t at = 0; at < k; at += PW_SLAB) {
            const int64_t pairs = (pw_min(k - at, PW_SLAB) + 1) / 2;
            const uint16_t *x = pw_b16x_values(call->src[1].data, k, count, at / PW_SLAB, 0);
            for (int64_t i = 0; i < pairs; i++, w += PAIR_BYTES) {
                pw_fetch_ahead(w, PAIR_BYTES);
                const __m512bh w0 = line(w), w1 = line(w + PW_LINE);
                PW_UNROLL
                for (int t = 0; t < count; t++) {
                    const __m512bh value = two(x + t * 2 * pairs + 2 * i);
                    s0[t] = _mm512_dpbf16_ps(s0[t], w0, value);
                    s1[t] = _mm512_dpbf16_ps(s1[t], w1, value);
                }
            }
        }
        PW_UNROLL
        for (int t = 0; t < count; t++) pw_finish(call, t, row, end - row, s0[t], s1[t]);
    }
}

void pw_matmul_bf16_avx512bf16(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t n = pw_rows(&call->src[1]), rows = pw_panel_rows(call);
    assert(begin % rows == 0);
    switch (n) {
    case 1: few(call, begin, end, 1); return;
    case 2: few(call, begin, end, 2); return;
    case 3: few(call, begin, end, 3); return;
    case 4: few(call, begin, end, 4); return;
    case 5: few(call, begin, end, 5); return;
    case 6: few(call, begin, end, 6); return;
    case 7: few(call, begin, end, 7); return;
    case 8: few(call, begin, end, 8); return;
    default: break;
    }
    for (int64_t row = begin; row < end; row += rows)
        for (int64_t first = 0; first < n; first += PW_TOKENS)
            panel(call, row, end - row, first, pw_min(n - first, PW_TOKENS), scratch);
}
