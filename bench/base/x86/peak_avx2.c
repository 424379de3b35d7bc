#include <immintrin.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_f32_avx2(int64_t turns)
{
    __m256 sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_set1_ps((float)i);
    const volatile float given[2] = {0.5f, 1.0f};
    const __m256 a = _mm256_set1_ps(given[0]), b = _mm256_set1_ps(given[1]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_fmadd_ps(sum[i], a, b);
    }
    __m256 all = _mm256_setzero_ps();
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) all = _mm256_add_ps(all, sum[i]);
    peak_sink = (double)_mm256_cvtss_f32(all);
    return (double)turns * PEAK_CHAINS * 8.0 * 2.0;
}

/* What takes the place of vpdpbusd where it is missing: pairs to 16 bits, `steps` of them summed there, pairs
 * to 32, a sum. */
PW_INLINE double int8_loop(int64_t turns, const int steps)
{
    enum { CHAINS = 8 }; /* with as many intermediate results there are 16 registers */
    __m256i sum[CHAINS];
    PW_UNROLL
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
    const volatile char given[2] = {1, 2};
    __m256i a = _mm256_set1_epi8(given[0]), b = _mm256_set1_epi8(given[1]);
    const __m256i ones = _mm256_set1_epi16(given[0]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < CHAINS; i++) {
            __m256i pairs = _mm256_setzero_si256();
            PW_UNROLL
            for (int j = 0; j < steps; j++) {
                __asm__ volatile("" : "+x"(a), "+x"(b)); /* each product is computed anew */
                const __m256i two = _mm256_maddubs_epi16(a, b);
                pairs = j == 0 ? two : _mm256_add_epi16(pairs, two);
            }
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs, ones));
        }
    }
    __m256i all = sum[0];
    PW_UNROLL
    for (int i = 1; i < CHAINS; i++) all = _mm256_add_epi32(all, sum[i]);
    peak_sink = (double)_mm256_extract_epi32(all, 0);
    return (double)turns * CHAINS * steps * 32.0 * 2.0;
}

double peak_int8_avx2(int64_t turns)
{
    return int8_loop(turns, 1);
}

double peak_int8_short_avx2(int64_t turns)
{
    return int8_loop(turns, 8);
}

/* One line ahead of the hardware's own prefetching helps where it stops at a page's end. */
uint64_t peak_read_avx2(const void *data, size_t bytes)
{
    const char *at = data;
    __m256i sum[8];
    PW_UNROLL
    for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes; i += 256) {
        PW_UNROLL
        for (int j = 0; j < 4; j++) _mm_prefetch(at + i + 4096 + 64 * j, _MM_HINT_T0);
        PW_UNROLL
        for (int j = 0; j < 8; j++)
            sum[j] = _mm256_add_epi64(
                sum[j], _mm256_load_si256((const __m256i *)(const void *)(at + i + 32 * j)));
    }
    PW_UNROLL
    for (int i = 1; i < 8; i++) sum[0] = _mm256_add_epi64(sum[0], sum[i]);
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) + (uint64_t)_mm256_extract_epi64(sum[0], 1) +
           (uint64_t)_mm256_extract_epi64(sum[0], 2) + (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

void peak_copy_avx2(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 256) {
        __m256i x[8];
        PW_UNROLL
        for (int j = 0; j < 8; j++)
            x[j] =
                _mm256_load_si256((const __m256i *)(const void *)((const char *)from + i + 32 * j));
        PW_UNROLL
        for (int j = 0; j < 8; j++)
            _mm256_store_si256((__m256i *)(void *)((char *)to + i + 32 * j), x[j]);
    }
}
