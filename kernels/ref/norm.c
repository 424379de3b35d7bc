#include <math.h>

#include "kernels/act.h"
#include "kernels/ref/ref.h"

size_t pw_ref_row_scratch(const pw_call *shape)
{
    return shape->dst.dtype == PW_F32 ? 0 : (size_t)shape->dst.n[0] * sizeof(float);
}

/* Root-mean-square norm: dst = w x / sqrt(mean(x^2) + eps), row by row.
 *   src[0]  w  [d]        f32
 *   src[1]  x  [d, h, n]  f32
 *   dst        [d, h, n]  f32, may be x itself; or, for h = 1, an activation format
 * Source: Zhang and Sennrich 2019, equation 4. */
void pw_ref_norm(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t d = call->src[1].n[0], rows = pw_rows(&call->src[1]);
    const float *w = call->src[0].data;
    const bool plain = call->dst.dtype == PW_F32;

    for (int64_t row = begin; row < end; row++) {
        const float *x = pw_row(&call->src[1], row);
        float *y = plain ? pw_row(&call->dst, row) : scratch;

        double sum = 0.0;
        for (int64_t i = 0; i < d; i++) sum += (double)x[i] * (double)x[i];

        const double scale = 1.0 / sqrt(sum / (double)d + (double)call->params.eps);
        for (int64_t i = 0; i < d; i++) y[i] = (float)((double)w[i] * ((double)x[i] * scale));
        if (!plain) pw_act_write(call->dst.dtype, call->dst.data, d, rows, row, y);
    }
}

/* Rows in an activation format.
 *   src[0]  x  [k, n]  f32
 *   dst        [k, n]  Q8X or B16X */
void pw_ref_cast(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    const pw_tensor *x = &call->src[0];
    for (int64_t row = begin; row < end; row++) {
        pw_act_write(call->dst.dtype, call->dst.data, x->n[0], pw_rows(x), row, pw_row(x, row));
    }
}
