#include "kernels/cpu/x86/attention_f32.h"

#include "kernels/cpu/x86/x86.h"

/* Attention in f32 products over pages of kernels/cpu/kv_lanes.h, any dtype. Operands as in
 * kernels/op.h; units and scratch as in attention.c. */
void pw_attention_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_attention_run(call, begin, end, scratch, &pw_f32_ops);
}

void pw_attention_merge_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_attention_merge(call, begin, end, scratch, &pw_f32_ops);
}
