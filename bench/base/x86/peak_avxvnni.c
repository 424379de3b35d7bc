#include <immintrin.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_int8_avxvnni(int64_t turns)
{
    __m256i sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
    const volatile char given[2] = {1, 2};
    const __m256i a = _mm256_set1_epi8(given[0]), b = _mm256_set1_epi8(given[1]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b);
    }
    PW_UNROLL
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    peak_sink = (double)_mm256_extract_epi32(sum[0], 0);
    return (double)turns * PEAK_CHAINS * 32.0 * 2.0;
}
