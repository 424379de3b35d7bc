/* Loops for any CPU. */
#include <string.h>

#include "bench/base/peak_loop.h"
#include "pw/attr.h"

_Thread_local volatile double peak_sink;

double peak_f32_plain(int64_t turns)
{
    float sum[PEAK_CHAINS];
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = (float)i;
    const volatile float given[2] = {0.5f, 1.0f};
    const float a = given[0], b = given[1];
    for (int64_t t = 0; t < turns; t++) {
        PW_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = sum[i] * a + b;
    }
    double all = 0.0;
    for (int i = 0; i < PEAK_CHAINS; i++) all += (double)sum[i];
    peak_sink = all;
    return (double)turns * PEAK_CHAINS * 2.0;
}

uint64_t peak_read_plain(const void *data, size_t bytes)
{
    const uint64_t *at = data;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < bytes / sizeof *at; i += 8) {
        PW_UNROLL
        for (size_t j = 0; j < 8; j++) sum[j] += at[i + j];
    }
    uint64_t all = 0;
    for (size_t j = 0; j < 8; j++) all += sum[j];
    return all;
}

void peak_copy_plain(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
