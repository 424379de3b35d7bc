#include "kernels/act.h"
#include "kernels/math.h"
#include "kernels/ref/ref.h"

/* Gated activation: dst = gate / (1 + exp(-gate)) up.
 *   src[0]  gate  [d, n]  f32
 *   src[1]  up    [d, n]  f32
 *   dst           [d, n]  f32 or an activation format
 * Source: Shazeer 2020, SwiGLU. */
void pw_ref_glu(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t d = call->src[0].n[0], rows = pw_rows(&call->src[0]);
    const bool plain = call->dst.dtype == PW_F32;

    for (int64_t row = begin; row < end; row++) {
        const float *gate = pw_row(&call->src[0], row), *up = pw_row(&call->src[1], row);
        float *y = plain ? pw_row(&call->dst, row) : scratch;
        for (int64_t i = 0; i < d; i++) {
            const double g = (double)gate[i];
            y[i] = (float)(g / (1.0 + pw_exp(-g)) * (double)up[i]);
        }
        if (!plain) pw_act_write(call->dst.dtype, call->dst.data, d, rows, row, y);
    }
}

/* Sum: dst = a + b.
 *   src[0]  a  [d, n]            f32
 *   src[1]  b  [d, n] or [d, 1]  f32
 *   dst        [d, n]            f32 */
void pw_ref_add(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    const bool one = pw_rows(&call->src[1]) == 1;
    for (int64_t row = begin; row < end; row++) {
        const float *a = pw_row(&call->src[0], row), *b = pw_row(&call->src[1], one ? 0 : row);
        float *y = pw_row(&call->dst, row);
        for (int64_t i = 0; i < call->src[0].n[0]; i++) y[i] = a[i] + b[i];
    }
}
