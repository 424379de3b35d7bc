#include "kernels/cpu/kv_lanes.h"

#include <assert.h>

/* Heads larger than this are nobody's; it bounds the scratch of the rows that read these pages. */
enum { LARGEST_HEAD = 512, Q8_0_BLOCK = 32 };

size_t pw_kv_lanes_keys(pw_dtype dtype, int64_t d)
{
    const size_t values = (size_t)(PW_PAGE * d);
    if (dtype == PW_F32) return 4 * values;
    if (dtype == PW_F16) return 2 * values;
    if (dtype == PW_BF16) return 2 * PW_PAGE * (size_t)pw_kv_even(d);
    assert(dtype == PW_Q8_0);
    return values + values / Q8_0_BLOCK * 2;
}

size_t pw_kv_lanes_head(pw_dtype dtype, int64_t d)
{
    const size_t keys = pw_kv_lanes_keys(dtype, d);
    if (dtype == PW_Q8_0) return 2 * keys;
    return keys + PW_PAGE * (size_t)pw_kv_padded(d) * (dtype == PW_F32 ? 4 : 2);
}

static size_t page_bytes_f32(int64_t head_dim, int64_t kv_heads)
{
    return (size_t)kv_heads * pw_kv_lanes_head(PW_F32, head_dim);
}

static size_t page_bytes_f16(int64_t head_dim, int64_t kv_heads)
{
    return (size_t)kv_heads * pw_kv_lanes_head(PW_F16, head_dim);
}

static size_t page_bytes_bf16(int64_t head_dim, int64_t kv_heads)
{
    return (size_t)kv_heads * pw_kv_lanes_head(PW_BF16, head_dim);
}

static size_t page_bytes_q8_0(int64_t head_dim, int64_t kv_heads)
{
    return (size_t)kv_heads * pw_kv_lanes_head(PW_Q8_0, head_dim);
}

static bool any_size(int64_t head_dim)
{
    return head_dim > 0 && head_dim <= LARGEST_HEAD;
}

static bool whole_blocks(int64_t head_dim)
{
    return any_size(head_dim) && head_dim % Q8_0_BLOCK == 0;
}

const pw_kv_packing pw_kv_f32_lanes = {"kv_f32_lanes", PW_F32, page_bytes_f32, any_size};
const pw_kv_packing pw_kv_f16_lanes = {"kv_f16_lanes", PW_F16, page_bytes_f16, any_size};
const pw_kv_packing pw_kv_bf16_lanes = {"kv_bf16_lanes", PW_BF16, page_bytes_bf16, any_size};
const pw_kv_packing pw_kv_q8_0_lanes = {"kv_q8_0_lanes", PW_Q8_0, page_bytes_q8_0, whole_blocks};
