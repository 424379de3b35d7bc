#include <assert.h>

#include "kernels/quant.h"
#include "kernels/ref/ref.h"

/* Rows of a matrix by number.
 *   src[0]  matrix  [d, v]  any file dtype
 *   src[1]  ids     [n]     i32 in [0, v)
 *   dst             [d, n]  f32 */
void pw_ref_embed(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    const pw_tensor *matrix = &call->src[0];
    const int32_t *ids = call->src[1].data;

    for (int64_t i = begin; i < end; i++) {
        assert(ids[i] >= 0 && ids[i] < pw_rows(matrix));
        pw_dequantize(matrix->dtype, pw_row(matrix, ids[i]), pw_row(&call->dst, i), matrix->n[0]);
    }
}

/* Keys and values of the batch into their pages.
 *   src[0]  k  [d, hk, n]  f32
 *   src[1]  v  [d, hk, n]  f32
 *   dst        pool in a plain packing */
void pw_ref_kv_store(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    const pw_params *p = &call->params;

    for (int64_t i = begin; i < end; i++) {
        const pw_sequence *sequence = pw_ref_sequence(call->batch, i);
        const int64_t pos = sequence->pos + i - sequence->first;
        const int32_t page = sequence->pages[pos / PW_PAGE];
        for (int64_t h = 0; h < p->kv_heads; h++) {
            for (int part = 0; part < 2; part++) {
                pw_quantize(p->kv->dtype, pw_row(&call->src[part], i * p->kv_heads + h),
                            pw_ref_slot(call, &call->dst, page, pos % PW_PAGE, h, part == 1),
                            p->head_dim);
            }
        }
    }
}
