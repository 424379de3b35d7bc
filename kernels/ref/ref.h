/* The reference rows: each op's contract in kernels/op.h, in plain C, sums in double. */
#ifndef PW_KERNELS_REF_REF_H
#define PW_KERNELS_REF_REF_H

#include "kernels/kernel.h"

pw_cpu_fn pw_ref_embed, pw_ref_norm, pw_ref_cast, pw_ref_matmul, pw_ref_rope, pw_ref_kv_store,
    pw_ref_attention, pw_ref_glu, pw_ref_add;

/* Bytes of scratch: a row of f32 where the result is an activation format. */
size_t pw_ref_row_scratch(const pw_call *shape);

/* Bytes of scratch: one row of each weight matrix in f32. */
size_t pw_ref_matmul_scratch(const pw_call *shape);

/* Bytes of scratch: a decoded row, and the running sums of the query heads of one KV head. */
size_t pw_ref_attention_scratch(const pw_call *shape);

/* Tasks: one a row of the batch and KV head. */
int64_t pw_ref_attention_extent(const pw_call *call);

/* The sequence that row `row` of the batch belongs to. */
static inline const pw_sequence *pw_ref_sequence(const pw_batch *batch, int64_t row)
{
    const pw_sequence *s = batch->sequences;
    while (row >= s->first + s->count) s++;
    return s;
}

/* The key (or, with `values`, the value) of one position and KV head in a plain page. */
static inline char *pw_ref_slot(const pw_call *call, const pw_tensor *pool, int32_t page,
                                int64_t slot, int64_t kv_head, bool values)
{
    const pw_params *p = &call->params;
    const size_t page_bytes = p->kv->page_bytes(p->head_dim, p->kv_heads);
    const size_t row_bytes = page_bytes / (size_t)(2 * PW_PAGE * p->kv_heads);
    const int64_t row = ((values ? PW_PAGE : 0) + slot) * p->kv_heads + kv_head;
    return (char *)pool->data + (size_t)page * page_bytes + (size_t)row * row_bytes;
}

#endif
