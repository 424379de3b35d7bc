#include "kernels/cpu/x86/row.h"

#include "kernels/cpu/x86/x86.h"

void pw_norm_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_row_norm(call, begin, end);
}

void pw_cast_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_row_cast(call, begin, end);
}

void pw_glu_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_row_glu(call, begin, end);
}

void pw_add_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_row_add(call, begin, end);
}

void pw_rope_avx512(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    pw_row_rope(call, begin, end);
}
