#include "kernels/cpu/x86/int8.h"

#include "kernels/cpu/x86/x86.h"

size_t pw_matmul_int8_scratch(const pw_call *shape)
{
    const int64_t n = pw_rows(&shape->src[1]), tokens = n < PW_TOKENS ? n : PW_TOKENS;
    return sizeof(pw_tiled_scratch) + (size_t)tokens * PW_LANES * sizeof(float);
}
