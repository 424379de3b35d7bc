#include <string.h>

#include "kernels/ref/ref.h"

/* Pairs of values turned by an angle that the table holds as cosine and sine.
 *   src[0]  x      [d, h, n]  f32
 *   src[1]  table  [r, n]     f32: cosine and sine of pair 0, of pair 1, ...; r <= d, even
 *   dst            [d, h, n]  f32, may be x itself
 * Source: Su et al. 2021, equation 34. */
void pw_ref_rope(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    const pw_tensor *x = &call->src[0], *table = &call->src[1];
    const int64_t d = x->n[0], pairs = table->n[0] / 2;
    const bool neox = call->params.neox;

    for (int64_t row = begin; row < end; row++) {
        const float *from = pw_row(x, row), *turn = pw_row(table, row / x->n[1]);
        float *to = pw_row(&call->dst, row);
        for (int64_t i = 0; i < pairs; i++) {
            const int64_t first = neox ? i : 2 * i, second = neox ? i + pairs : 2 * i + 1;
            const double a = (double)from[first], b = (double)from[second];
            const double c = (double)turn[2 * i], s = (double)turn[2 * i + 1];
            to[first] = (float)(a * c - b * s);
            to[second] = (float)(a * s + b * c);
        }
        if (to != from && d > 2 * pairs)
            memcpy(to + 2 * pairs, from + 2 * pairs, (size_t)(d - 2 * pairs) * sizeof *to);
    }
}
