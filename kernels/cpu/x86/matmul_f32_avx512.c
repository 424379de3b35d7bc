#include "kernels/cpu/x86/matmul_f32.h"

#include "kernels/cpu/x86/x86.h"

void pw_matmul_f32_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_f32_matmul(call, begin, end, scratch);
}
