/* Results of a benchmarked call against double sums, sampled where all of them would take long. */
#include <stdlib.h>

#include "bench/work.h"
#include "pw/num.h"
#include "tests/check/check.h"

static const double budget = 3e7; /* multiply-adds of the truth */

/* Values of `got` against the truth of the sample. */
static bool same(const pw_sample *s, const pw_tensor *got)
{
    const size_t count = (size_t)pw_elements(got);
    if (count == 0) return false; /* nothing was compared */
    double *want = calloc(2 * count, sizeof *want);
    if (want == NULL) return false;
    truth_of(s, want, want + count);
    const bool right = compare_values(got, want, want + count);
    free(want);
    return right;
}

/* The part of a tensor [d, n] from [i, row] on. */
static pw_tensor part(const pw_tensor *t, int64_t i, int64_t row, int64_t d, int64_t n)
{
    pw_tensor p = *t;
    if (!pw_has(t)) return p;
    p.data = (float *)pw_row(t, row) + i;
    p.n[0] = d;
    p.n[1] = n;
    p.n[2] = 1;
    return p;
}

static bool matmul_right(const pw_sample *s, pw_rng *rng)
{
    enum { TRIES = 6 };
    const int64_t k = s->shape.k;
    bool right = true;
    for (int i = 0; i < TRIES && right; i++) {
        pw_sample view = *s;
        const int64_t n = view.shape.n = pw_min(s->shape.n, 5);
        const int64_t most = pw_max(1, (int64_t)(budget / (double)(TRIES * n * k)));
        const int64_t m = view.shape.m = pw_min(s->shape.m, most);
        const int64_t row = pw_rng_range(rng, 0, s->shape.m - m);
        const int64_t col = pw_rng_range(rng, 0, s->shape.n - n);
        for (int w = 0; w <= 2; w += 2) {
            if (!pw_has(&s->plain.src[w])) continue;
            view.plain.src[w].data = pw_row(&s->plain.src[w], row);
            view.plain.src[w].n[1] = m;
        }
        view.plain.src[1] = part(&s->plain.src[1], 0, col, k, n);
        view.plain.src[3] = part(&s->plain.src[3], row, 0, m, 1);
        view.plain.src[4] = part(&s->plain.src[4], row, col, m, n);
        const pw_tensor got = part(&s->call.dst, row, col, m, n);
        right = same(&view, &got);
    }
    return right;
}

/* One row of the batch, as if it were alone. */
static bool attention_right(const pw_sample *s, pw_rng *rng)
{
    pw_sample view = *s;
    const pw_sequence *sequence = &s->sequences[pw_rng_range(rng, 0, s->batch.n_sequences - 1)];
    const int64_t at = pw_rng_range(rng, 0, sequence->count - 1), row = sequence->first + at;
    pw_sequence alone = {.first = 0, .count = 1, .pos = sequence->pos + at};
    pw_sequence stored = s->stored[sequence - s->sequences];
    view.sequences = &alone;
    view.stored = &stored;
    view.batch = (pw_batch){&alone, 1};
    view.plain.src[0].data = pw_row(&s->plain.src[0], row * s->shape.heads);
    view.plain.src[0].n[2] = 1;
    pw_tensor got = s->call.dst;
    got.data = pw_row(&s->call.dst, row * s->shape.heads);
    got.n[2] = 1;
    return same(&view, &got);
}

bool work_right(const work *w, pw_rng *rng)
{
    const pw_sample *s = &w->sample;
    if (s->shape.result != PW_F32) return true; /* exact roundings: checked with the row */
    switch (s->call.op) {
    case PW_OP_MATMUL: return matmul_right(s, rng);
    case PW_OP_ATTENTION: return attention_right(s, rng);
    case PW_OP_EMBED:
    case PW_OP_NORM:
    case PW_OP_ROPE:
    case PW_OP_GLU:
    case PW_OP_ADD: return same(s, &s->call.dst);
    case PW_OP_CAST:
    case PW_OP_KV_STORE:
    case PW_OP_COUNT: break;
    }
    return true;
}
