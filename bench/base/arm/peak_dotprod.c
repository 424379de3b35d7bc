#include <arm_neon.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

double peak_int8_dotprod(int64_t turns)
{
    int32x4_t sum[PEAK_CHAINS];
    PW_UNROLL
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = vdupq_n_s32(i);
    const volatile signed char given[2] = {1, 2};
    const int8x16_t a = vdupq_n_s8(given[0]), b = vdupq_n_s8(given[1]);
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) {
            __asm__("" : "+w"(sum[i])); /* sums stay apart */
            sum[i] = vdotq_s32(sum[i], a, b);
        }
    }
    PW_UNROLL
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = vaddq_s32(sum[0], sum[i]);
    peak_sink = (double)vaddvq_s32(sum[0]);
    return (double)turns * PEAK_CHAINS * 16.0 * 2.0;
}
