/* What the attention rows of both widths do with one row at a time: records, their merging. */
#ifndef PW_KERNELS_CPU_X86_ATTENTION_V16_H
#define PW_KERNELS_CPU_X86_ATTENTION_V16_H

#include <math.h>

#include "kernels/cpu/x86/attention.h"
#include "kernels/cpu/x86/v16.h"

/* What to subtract from scores under a maximum: that, or 0 where nothing was seen, for minus infinity
 * less minus infinity is not a number. */
PW_INLINE float pw_attention_base(float max)
{
    return max == -INFINITY ? 0.0f : max;
}

/* Takes the greatest score `most` of a chunk into the row's part, which it weakens where its maximum
 * grows. Returns what to subtract from the scores. */
PW_INLINE float pw_attention_raise(const pw_tile *t, int64_t row, float most)
{
    float *part = t->part + row * pw_record_floats(t->d), *sum = t->sum + row * 16;
    const float old = part[0], base = pw_attention_base(most > old ? most : old);
    if (!(most > old)) return base;

    const pw_v16 factor = pw_v_exp2(pw_v_set(old - base));
    part[0] = most;
    pw_v_store(sum, pw_v_mul(pw_v_load(sum), factor));
    for (int64_t i = 0; i < pw_kv_padded(t->d); i += 16) {
        float *at = part + PW_RECORD + i;
        pw_v_store(at, pw_v_mul(pw_v_load(at), factor));
    }
    return base;
}

static inline void pw_attention_close(const pw_tile *t, int64_t row)
{
    t->part[row * pw_record_floats(t->d) + 1] = pw_v_sum(pw_v_load(t->sum + row * 16));
}

static inline void pw_attention_add(float *total, const float *part, int64_t d)
{
    const float max = part[0] > total[0] ? part[0] : total[0], base = pw_attention_base(max);
    const pw_v16 old = pw_v_exp2(pw_v_set(total[0] - base));
    const pw_v16 new = pw_v_exp2(pw_v_set(part[0] - base));
    total[0] = max;
    /* The sum lies in the second lane of the record's head. */
    const float sum = _mm256_cvtss_f32(
        pw_v_low(pw_v_fma(pw_v_set(part[1]), new, pw_v_mul(pw_v_set(total[1]), old))));
    total[1] = sum;
    for (int64_t i = PW_RECORD; i < pw_record_floats(d); i += 16) {
        const pw_v16 weak = pw_v_mul(pw_v_load(total + i), old);
        pw_v_store(total + i, pw_v_fma(pw_v_load(part + i), new, weak));
    }
}

/* The sum with +0 makes one zero of the two that there are. */
static inline void pw_attention_finish(const float *total, float *y, int64_t d)
{
    const pw_v16 inverse = pw_v_set(1.0f / total[1]);
    for (int64_t i = 0; i < d; i += 16) {
        const pw_v16 v = pw_v_fma(pw_v_load(total + PW_RECORD + i), inverse, pw_v_set(0.0f));
        pw_v_store_some(y + i, v, d - i < 16 ? d - i : 16);
    }
}

#endif
