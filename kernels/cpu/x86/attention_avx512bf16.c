#include <string.h>

#include "kernels/cpu/x86/attention_v16.h"
#include "kernels/cpu/x86/cast.h"
#include "kernels/cpu/x86/x86.h"
#include "pw/num.h"

enum { LINE = 64, ROWS = 6, GROUPS = 4 };

/* Beside the reading of the line at `at`: what lies a little ahead into the first cache, the line of
 * the next page (NULL: none) that lies as this one does into the second. */
PW_INLINE void fetch(const char *at, const char *next)
{
    enum { NEAR = 512 };
    if (next == NULL) return;
    _mm_prefetch(at + NEAR, _MM_HINT_T0);
    _mm_prefetch(next, _MM_HINT_T1);
}

/* ---- Queries --------------------------------------------------------------------------------- */

static void query(const pw_tile *t, int64_t row, const float *q, float scale)
{
    char *to = (char *)t->q + row * pw_kv_padded(t->d) * 4;
    for (int64_t i = 0; i < t->d; i += 16) {
        const int64_t n = pw_min(t->d - i, 16);
        const pw_v16 v = pw_v_mul(pw_v_load_some(q + i, n), pw_v_set(scale));
        _mm256_storeu_si256((__m256i *)(void *)(to + 2 * i), (__m256i)_mm512_cvtneps_pbh(v));
    }
}

/* ---- Scores ---------------------------------------------------------------------------------- */

PW_INLINE __m512bh line(const char *at)
{
    return (__m512bh)_mm512_loadu_si512(at);
}

/* A pair of bf16 in all lanes. */
PW_INLINE __m512bh pair(const char *at)
{
    int32_t both;
    memcpy(&both, at, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

/* Scores of `rows` rows with groups x 16 keys: one lane a key, one sum a lane, pairs of d in order.
 * `ahead`: the next page's. */
PW_INLINE void score_tile(const pw_tile *t, int64_t row, const char *keys, int64_t at,
                          const char *ahead, const int rows, const int groups)
{
    const int64_t pairs = pw_kv_even(t->d) / 2, stride = pw_kv_padded(t->d) * 4;
    const char *q = (const char *)t->q + row * stride;
    const char *upper = keys + pairs * 2 * LINE;
    __m512 sum[ROWS][GROUPS];
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++) sum[r][g] = _mm512_setzero_ps();
    }
    for (int64_t i = 0; i < pairs; i++) {
        __m512bh key[GROUPS];
        PW_UNROLL
        for (int g = 0; g < groups; g++) {
            const char *from = (g < 2 ? keys : upper) + (2 * i + g % 2) * LINE;
            key[g] = line(from);
            fetch(from, ahead != NULL ? ahead + (from - keys) : NULL);
        }
        PW_UNROLL
        for (int r = 0; r < rows; r++) {
            const __m512bh value = pair(q + r * stride + 4 * i);
            PW_UNROLL
            for (int g = 0; g < groups; g++) sum[r][g] = _mm512_dpbf16_ps(sum[r][g], key[g], value);
        }
    }
    float *score = t->score + row * PW_SCORES + at;
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++)
            _mm512_storeu_ps(score + r * PW_SCORES + 16 * g, sum[r][g]);
    }
}

PW_INLINE void score_rows(const pw_tile *t, int64_t row, const char *keys, int64_t at,
                          const char *ahead, const int groups)
{
    switch (pw_min(t->rows - row, ROWS)) {
    case 1: score_tile(t, row, keys, at, ahead, 1, groups); break;
    case 2: score_tile(t, row, keys, at, ahead, 2, groups); break;
    case 3: score_tile(t, row, keys, at, ahead, 3, groups); break;
    case 4: score_tile(t, row, keys, at, ahead, 4, groups); break;
    case 5: score_tile(t, row, keys, at, ahead, 5, groups); break;
    default: score_tile(t, row, keys, at, ahead, ROWS, groups); break;
    }
}

static void score(const pw_tile *t, const char *keys, int64_t at, int64_t count, const char *ahead)
{
    for (int64_t row = 0; row < t->rows; row += ROWS) {
        const char *fetch = row == 0 ? ahead : NULL;
        if (t->rows <= ROWS && count > PW_PAGE / 2) {
            const char *upper = keys + pw_kv_even(t->d) * LINE;
            score_rows(t, row, keys, at, ahead, 2);
            score_rows(t, row, upper, at + 32, ahead != NULL ? ahead + (upper - keys) : NULL, 2);
        } else if (count <= PW_PAGE / 2)
            score_rows(t, row, keys, at, fetch, GROUPS / 2);
        else
            score_rows(t, row, keys, at, fetch, GROUPS);
    }
}

/* ---- Weights --------------------------------------------------------------------------------- */

/* 2^x for x <= 0 within 2^-18, which is rounded to bf16 next; 1 at 0, 0 at minus infinity. */
PW_INLINE __m512 power(__m512 x)
{
    enum { DOWN = 9 }; /* x less the integer below it */
    const __m512 r = _mm512_reduce_ps(x, DOWN);
    __m512 p = _mm512_set1_ps(0x1.b7f732p-7f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.abf868p-5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.ee2450p-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.62d6c6p-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, x);
}

static void weigh(const pw_tile *t, int64_t from, int64_t to)
{
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (int64_t r = 0; r < t->rows; r++) {
        const float *score = t->score + r * PW_SCORES;
        __m512 most = _mm512_loadu_ps(score + from);
        for (int64_t i = from + 16; i < to; i += 16)
            most = _mm512_max_ps(most, _mm512_loadu_ps(score + i));

        const __m512 base = _mm512_set1_ps(pw_attention_raise(t, r, pw_v_most(most)));
        char *weight = (char *)(t->score + r * PW_SCORES);
        __m512 sum = _mm512_loadu_ps(t->sum + r * 16);
        for (int64_t i = from; i < to; i += 32) {
            const __m512 a = power(_mm512_sub_ps(_mm512_loadu_ps(score + i), base));
            const __m512 b = power(_mm512_sub_ps(_mm512_loadu_ps(score + i + 16), base));
            const __m512bh both = _mm512_cvtne2ps_pbh(b, a);
            _mm512_storeu_si512(weight + 2 * i, (__m512i)both);
            sum = _mm512_dpbf16_ps(sum, both, ones);
        }
        _mm512_storeu_ps(t->sum + r * 16, sum);
    }
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Adds `pairs` pairs of weighed values to `groups` x 16 of d, from group `first` on, for `rows` rows. */
PW_INLINE void gather_tile(const pw_tile *t, int64_t row, const char *values, int64_t at,
                           int64_t pairs, const char *ahead, int64_t first, const int rows,
                           const int groups)
{
    const int64_t step = pw_kv_padded(t->d) * 4, record = pw_record_floats(t->d);
    const char *weight = (const char *)(t->score + row * PW_SCORES) + 2 * at;
    float *part = t->part + row * record + PW_RECORD + 16 * first;
    const char *from = values + first * LINE;
    __m512 sum[ROWS][GROUPS];
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++) sum[r][g] = _mm512_loadu_ps(part + r * record + 16 * g);
    }
    for (int64_t i = 0; i < pairs; i++) {
        __m512bh value[GROUPS];
        PW_UNROLL
        for (int g = 0; g < groups; g++) {
            const char *at_line = from + i * step + g * LINE;
            value[g] = line(at_line);
            fetch(at_line, ahead != NULL ? ahead + (at_line - values) : NULL);
        }
        PW_UNROLL
        for (int r = 0; r < rows; r++) {
            const __m512bh p = pair(weight + r * PW_SCORES * 4 + 4 * i);
            PW_UNROLL
            for (int g = 0; g < groups; g++) sum[r][g] = _mm512_dpbf16_ps(sum[r][g], value[g], p);
        }
    }
    PW_UNROLL
    for (int r = 0; r < rows; r++) {
        PW_UNROLL
        for (int g = 0; g < groups; g++) _mm512_storeu_ps(part + r * record + 16 * g, sum[r][g]);
    }
}

PW_INLINE void gather_rows(const pw_tile *t, int64_t row, const char *values, int64_t at,
                           int64_t pairs, const char *ahead, int64_t first, const int groups)
{
    switch (pw_min(t->rows - row, ROWS)) {
    case 1: gather_tile(t, row, values, at, pairs, ahead, first, 1, groups); break;
    case 2: gather_tile(t, row, values, at, pairs, ahead, first, 2, groups); break;
    case 3: gather_tile(t, row, values, at, pairs, ahead, first, 3, groups); break;
    case 4: gather_tile(t, row, values, at, pairs, ahead, first, 4, groups); break;
    case 5: gather_tile(t, row, values, at, pairs, ahead, first, 5, groups); break;
    default: gather_tile(t, row, values, at, pairs, ahead, first, ROWS, groups); break;
    }
}

static void gather(const pw_tile *t, const char *values, int64_t at, int64_t count,
                   const char *ahead)
{
    const int64_t all = pw_kv_padded(t->d) / 16, pairs = (count + 1) / 2;
    for (int64_t row = 0; row < t->rows; row += ROWS) {
        const char *fetch = row == 0 ? ahead : NULL;
        for (int64_t first = 0; first < all; first += GROUPS) {
            switch (pw_min(all - first, GROUPS)) {
            case 1: gather_rows(t, row, values, at, pairs, fetch, first, 1); break;
            case 2: gather_rows(t, row, values, at, pairs, fetch, first, 2); break;
            case 3: gather_rows(t, row, values, at, pairs, fetch, first, 3); break;
            default: gather_rows(t, row, values, at, pairs, fetch, first, GROUPS); break;
            }
        }
    }
}

static const pw_attention_ops ops = {
    .query = query,
    .score = score,
    .weigh = weigh,
    .gather = gather,
    .close = pw_attention_close,
    .merge = pw_attention_add,
    .finish = pw_attention_finish,
    .act = pw_cast_row,
};

/* Attention over pages of kv_bf16_lanes in bf16 products, weights rounded to bf16. Operands as in
 * kernels/op.h; units and scratch as in attention.h. */
void pw_attention_avx512bf16(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_attention_run(call, begin, end, scratch, &ops);
}

void pw_attention_merge_avx512bf16(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_attention_merge(call, begin, end, scratch, &ops);
}
