#include <arm_neon.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_f32_neon(int64_t turns)
{
    float32x4_t sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = vdupq_n_f32((float)i);
    const volatile float given[2] = {0.5f, 1.0f};
    const float32x4_t a = vdupq_n_f32(given[0]), b = vdupq_n_f32(given[1]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) {
            __asm__("" : "+w"(sum[i])); /* sums stay apart */
            sum[i] = vfmaq_f32(sum[i], a, b);
        }
    }
    PW_UNROLL
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = vaddq_f32(sum[0], sum[i]);
    peak_sink = (double)vaddvq_f32(sum[0]);
    return (double)turns * PEAK_CHAINS * 4.0 * 2.0;
}

uint64_t peak_read_neon(const void *data, size_t bytes)
{
    const uint64_t *at = data;
    uint64x2_t sum[8];
    PW_UNROLL
    for (int i = 0; i < 8; i++) sum[i] = vdupq_n_u64(0);
    for (size_t i = 0; i < bytes / sizeof *at; i += 16) {
        PW_UNROLL
        for (size_t j = 0; j < 8; j++) sum[j] = vaddq_u64(sum[j], vld1q_u64(at + i + 2 * j));
    }
    PW_UNROLL
    for (int i = 1; i < 8; i++) sum[0] = vaddq_u64(sum[0], sum[i]);
    return vaddvq_u64(sum[0]);
}

void peak_copy_neon(void *to, const void *from, size_t bytes)
{
    const uint64_t *at = from;
    uint64_t *dst = to;
    for (size_t i = 0; i < bytes / sizeof *at; i += 16) {
        uint64x2_t x[8];
        PW_UNROLL
        for (size_t j = 0; j < 8; j++) x[j] = vld1q_u64(at + i + 2 * j);
        PW_UNROLL
        for (size_t j = 0; j < 8; j++) vst1q_u64(dst + i + 2 * j, x[j]);
    }
}
