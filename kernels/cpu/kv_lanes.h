/* Pages of keys and values as the tuned rows of a CPU read them: keys in lanes, so that no sum runs
 * across lanes. A page holds one KV head behind the other; each has its keys, then its values. With
 * d the head size, dq = d rounded up to 2, dp = d rounded up to 16:
 *
 *   kv_f32_lanes   K f32 [4][d][16 keys]           V f32 [64][dp]
 *   kv_f16_lanes   K f16 [4][d][16 keys]           V f16 [64][dp]
 *   kv_bf16_lanes  K bf16 [2][dq / 2][2][16 keys][2]   block of 32, pair of d, half, lane, d
 *                  V bf16 [32][dp][2]                  pair of keys, d, key
 *   kv_q8_0_lanes  K i8 [4][d][16 keys]            then their scales f16 [4][d / 32][16 keys]
 *                  V i8 [64][d]                    then their scales f16 [64][d / 32] */
#ifndef PW_KERNELS_CPU_KV_LANES_H
#define PW_KERNELS_CPU_KV_LANES_H

#include "kernels/kv.h"

extern const pw_kv_packing pw_kv_f32_lanes, pw_kv_f16_lanes, pw_kv_bf16_lanes, pw_kv_q8_0_lanes;

/* Bytes of the keys of one KV head in a page: where its values begin. */
size_t pw_kv_lanes_keys(pw_dtype dtype, int64_t d);

/* Bytes of the keys and values of one KV head in a page. */
size_t pw_kv_lanes_head(pw_dtype dtype, int64_t d);

/* Head sizes rounded up as above. */
static inline int64_t pw_kv_even(int64_t d)
{
    return d + (d & 1);
}

static inline int64_t pw_kv_padded(int64_t d)
{
    return (d + 15) / 16 * 16;
}

#endif
