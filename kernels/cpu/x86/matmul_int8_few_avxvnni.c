#include "kernels/cpu/x86/int8_few_256.h"

void pw_matmul_int8_few_avxvnni(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_few_run_256(call, begin, end);
}
