/* The way out of a matmul: gate, bias and sum, on sixteen lanes. */
#ifndef PW_KERNELS_CPU_X86_FINISH_H
#define PW_KERNELS_CPU_X86_FINISH_H

#include "kernels/cpu/x86/matmul.h"
#include "kernels/cpu/x86/v16.h"
#include "pw/num.h"

/* Bias and sum of up to 16 results of one token from output `row` on, then dst; nothing where `count`
 * is not positive. */
PW_INLINE void pw_finish_group(const pw_call *call, int64_t token, int64_t row, int64_t count,
                               pw_v16 y)
{
    if (count <= 0) return;
    const int64_t n = pw_min(count, PW_GROUP);
    if ((call->params.epilogues & PW_EPILOGUE_BIAS) != 0)
        y = pw_v_add(y, pw_v_load_some((const float *)call->src[3].data + row, n));
    if ((call->params.epilogues & PW_EPILOGUE_ADD) != 0) {
        const float *r = (const float *)(const void *)pw_token_row(&call->src[4], token);
        y = pw_v_add(y, pw_v_load_some(r + row, n));
    }
    pw_v_store_some((float *)(void *)pw_token_row(&call->dst, token) + row, y, n);
}

/* The results of one token in a panel whose first output is `row`: `left` outputs from there on are
 * the call's. */
PW_INLINE void pw_finish(const pw_call *call, int64_t token, int64_t row, int64_t left, pw_v16 c0,
                         pw_v16 c1)
{
    if (pw_is_fused(call)) {
        pw_finish_group(call, token, row, left, pw_v_mul(pw_v_silu(c0), c1));
        return;
    }
    pw_finish_group(call, token, row, left, c0);
    pw_finish_group(call, token, row + PW_GROUP, left - PW_GROUP, c1);
}

#endif
