#include <immintrin.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_f32_avx512(int64_t turns)
{
    __m512 sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_set1_ps((float)i);
    const volatile float given[2] = {0.5f, 1.0f};
    const __m512 a = _mm512_set1_ps(given[0]), b = _mm512_set1_ps(given[1]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_fmadd_ps(sum[i], a, b);
    }
    PW_UNROLL
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    peak_sink = (double)_mm512_reduce_add_ps(sum[0]);
    return (double)turns * PEAK_CHAINS * 16.0 * 2.0;
}

uint64_t peak_read_avx512(const void *data, size_t bytes)
{
    const char *at = data;
    __m512i sum[8];
    PW_UNROLL
    for (int i = 0; i < 8; i++) sum[i] = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes; i += 512) {
        PW_UNROLL
        for (int j = 0; j < 8; j++) _mm_prefetch(at + i + 4096 + 64 * j, _MM_HINT_T0);
        PW_UNROLL
        for (int j = 0; j < 8; j++)
            sum[j] = _mm512_add_epi64(sum[j], _mm512_load_si512(at + i + 64 * j));
    }
    PW_UNROLL
    for (int i = 1; i < 8; i++) sum[0] = _mm512_add_epi64(sum[0], sum[i]);
    /* not by the header's reduction: its lanes are signed, and this sum wraps */
    uint64_t lane[8], total = 0;
    _mm512_storeu_si512(lane, sum[0]);
    for (int i = 0; i < 8; i++) total += lane[i];
    return total;
}

void peak_copy_avx512(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 512) {
        __m512i x[8];
        PW_UNROLL
        for (int j = 0; j < 8; j++) x[j] = _mm512_load_si512((const char *)from + i + 64 * j);
        PW_UNROLL
        for (int j = 0; j < 8; j++) _mm512_store_si512((char *)to + i + 64 * j, x[j]);
    }
}
