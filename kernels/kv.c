#include "kernels/kv.h"

/* Bytes of a page of 64 positions of keys and as many of values. */
static size_t page_bytes(pw_dtype dtype, int64_t head_dim, int64_t kv_heads)
{
    size_t row = 0;
    if (!pw_dtype_row_bytes(dtype, head_dim, &row)) return 0;
    return (size_t)(2 * PW_PAGE * kv_heads) * row;
}

static size_t page_bytes_f32(int64_t head_dim, int64_t kv_heads)
{
    return page_bytes(PW_F32, head_dim, kv_heads);
}

static size_t page_bytes_f16(int64_t head_dim, int64_t kv_heads)
{
    return page_bytes(PW_F16, head_dim, kv_heads);
}

static size_t page_bytes_bf16(int64_t head_dim, int64_t kv_heads)
{
    return page_bytes(PW_BF16, head_dim, kv_heads);
}

static size_t page_bytes_q8_0(int64_t head_dim, int64_t kv_heads)
{
    return page_bytes(PW_Q8_0, head_dim, kv_heads);
}

static bool any_size(int64_t head_dim)
{
    return head_dim > 0;
}

static bool whole_blocks(int64_t head_dim)
{
    return head_dim > 0 && head_dim % pw_dtype_get(PW_Q8_0)->block == 0;
}

const pw_kv_packing pw_kv_plain_f32 = {"kv_f32_plain", PW_F32, page_bytes_f32, any_size};
const pw_kv_packing pw_kv_plain_f16 = {"kv_f16_plain", PW_F16, page_bytes_f16, any_size};
const pw_kv_packing pw_kv_plain_bf16 = {"kv_bf16_plain", PW_BF16, page_bytes_bf16, any_size};
const pw_kv_packing pw_kv_plain_q8_0 = {"kv_q8_0_plain", PW_Q8_0, page_bytes_q8_0, whole_blocks};
