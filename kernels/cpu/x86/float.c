#include "kernels/cpu/x86/float.h"

#include "kernels/cpu/x86/x86.h"

static size_t sums(const pw_call *shape, size_t panels)
{
    const int64_t n = pw_rows(&shape->src[1]), tokens = n < PW_TOKENS ? n : PW_TOKENS;
    return panels * (size_t)tokens * PW_LANES * sizeof(float);
}

size_t pw_matmul_f32_scratch(const pw_call *shape)
{
    return sizeof(pw_f32_scratch) + sums(shape, PW_F32_PANELS);
}

size_t pw_matmul_bf16_scratch(const pw_call *shape)
{
    return sums(shape, 1);
}
