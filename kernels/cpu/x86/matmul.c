#include "kernels/cpu/x86/matmul.h"

#include "kernels/cpu/x86/float.h"
#include "kernels/cpu/x86/x86.h"

/* Bytes of the sums of a sweep over so many panels. */
static size_t sums(const pw_call *shape, size_t panels)
{
    const int64_t tokens = pw_min(pw_rows(&shape->src[1]), PW_TOKENS);
    return panels * (size_t)tokens * PW_LANES * sizeof(float);
}

size_t pw_matmul_int8_scratch(const pw_call *shape)
{
    return sizeof(pw_tiled_scratch) + sums(shape, 1);
}

size_t pw_matmul_f32_scratch(const pw_call *shape)
{
    return sizeof(pw_f32_scratch) + sums(shape, PW_F32_PANELS);
}

size_t pw_matmul_bf16_scratch(const pw_call *shape)
{
    return sums(shape, 1);
}
