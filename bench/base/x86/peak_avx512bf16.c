#include <immintrin.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_bf16_avx512bf16(int64_t turns)
{
    __m512 sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_set1_ps((float)i);
    const volatile float given[2] = {0.5f, 0.25f};
    const __m512 x = _mm512_set1_ps(given[0]), y = _mm512_set1_ps(given[1]);
    const __m512bh a = _mm512_cvtne2ps_pbh(x, x), b = _mm512_cvtne2ps_pbh(y, y);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
    }
    PW_UNROLL
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    peak_sink = (double)_mm512_reduce_add_ps(sum[0]);
    return (double)turns * PEAK_CHAINS * 32.0 * 2.0;
}
