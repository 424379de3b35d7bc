#include "kernels/math.h"
#include "kernels/quant.h"
#include "kernels/ref/ref.h"
#include "pw/num.h"

/* Bytes of one decoded row, rounded so that a second may follow. */
static size_t row_bytes(int64_t k)
{
    return pw_align_up((size_t)k * sizeof(float), 64);
}

size_t pw_ref_matmul_scratch(const pw_call *shape)
{
    return row_bytes(shape->src[0].n[0]) *
           ((shape->params.epilogues & PW_EPILOGUE_GLU) != 0 ? 2 : 1);
}

/* Four sums side by side, as plain C runs much faster so. */
static double dot(const float *a, const float *b, int64_t k)
{
    double sum[4] = {0.0};
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
        for (int64_t j = 0; j < 4; j++) sum[j] += (double)a[i + j] * (double)b[i + j];
    }
    for (; i < k; i++) sum[i % 4] += (double)a[i] * (double)b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Matrix product, with what may follow it: gate, bias, sum, in this order.
 *   src[0]  w   [k, m]  any file dtype
 *   src[1]  x   [k, n]  f32
 *   src[2]  w2  [k, m]  as w, with PW_EPILOGUE_GLU: silu(w x) (w2 x)
 *   src[3]  b   [m]     f32, with PW_EPILOGUE_BIAS
 *   src[4]  r   [m, n]  f32, with PW_EPILOGUE_ADD; may be dst itself
 *   dst         [m, n]  f32
 * scratch: pw_ref_matmul_scratch. */
void pw_ref_matmul(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const pw_tensor *w = &call->src[0], *x = &call->src[1];
    const int64_t k = w->n[0], n = pw_rows(x);
    const uint32_t epilogues = call->params.epilogues;
    const bool glu = (epilogues & PW_EPILOGUE_GLU) != 0;
    const float *bias = (epilogues & PW_EPILOGUE_BIAS) != 0 ? call->src[3].data : NULL;
    const bool add = (epilogues & PW_EPILOGUE_ADD) != 0;
    float *first = scratch, *second = (float *)(void *)((char *)scratch + row_bytes(k));

    for (int64_t row = begin; row < end; row++) {
        pw_dequantize(w->dtype, pw_row(w, row), first, k);
        if (glu) pw_dequantize(w->dtype, pw_row(&call->src[2], row), second, k);

        for (int64_t i = 0; i < n; i++) {
            const float *column = pw_row(x, i);
            double value = dot(first, column, k);
            if (glu) value = value / (1.0 + pw_exp(-value)) * dot(second, column, k);
            if (bias != NULL) value += (double)bias[row];
            if (add) value += (double)((const float *)pw_row(&call->src[4], i))[row];
            ((float *)pw_row(&call->dst, i))[row] = (float)value;
        }
    }
}
