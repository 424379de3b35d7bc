#include "runtime/model/rope.h"

#include <assert.h>

#include "kernels/math.h"

#define TWO_PI 6.283185307179586

/* The pair that turns `rotations` times over the original context. Peng et al. 2023, section 3.2. */
static double yarn_pair(const pw_rope_spec *spec, double rotations)
{
    const double original = (double)spec->original_context;
    return (double)spec->dims * pw_log(original / (rotations * TWO_PI)) /
           (2.0 * pw_log(spec->base));
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static double whole_below(double value)
{
    const double cut = (double)(int64_t)value;
    return cut > value ? cut - 1.0 : cut;
}

/* How much of a pair's angle is stretched: 0 for the fastest pairs, 1 for the slowest. */
static double yarn_share(const pw_rope_spec *spec, int64_t pair)
{
    const double last = (double)(spec->dims - 1);
    const double low = clamp(whole_below(yarn_pair(spec, spec->beta_fast)), 0.0, last);
    const double high = clamp(-whole_below(-yarn_pair(spec, spec->beta_slow)), 0.0, last);
    const double width = high - low > 0.001 ? high - low : 0.001;
    return clamp(((double)pair - low) / width, 0.0, 1.0);
}

pw_rope pw_rope_of(const pw_rope_spec *spec)
{
    assert(spec->dims % 2 == 0 && spec->dims / 2 <= PW_ROPE_MAX_PAIRS);
    pw_rope rope = {.pairs = spec->dims / 2, .scale = 1.0};
    for (int64_t i = 0; i < rope.pairs; i++) {
        const double power = -2.0 * (double)i / (double)spec->dims;
        double angle = pw_exp(power * pw_log(spec->base));
        if (spec->factors != NULL) angle /= (double)spec->factors[i];
        switch (spec->scaling) {
        case PW_ROPE_NONE: break;
        case PW_ROPE_LINEAR: angle /= spec->factor; break;
        case PW_ROPE_YARN: {
            const double share = yarn_share(spec, i);
            angle = angle / spec->factor * share + angle * (1.0 - share);
            break;
        }
        }
        rope.angle[i] = angle;
    }
    if (spec->scaling == PW_ROPE_YARN)
        rope.scale = spec->attention_factor * (1.0 + 0.1 * pw_log(spec->factor));
    return rope;
}

void pw_rope_row(const pw_rope *rope, int64_t position, float *row)
{
    for (int64_t i = 0; i < rope->pairs; i++) {
        double s, c;
        pw_sincos((double)position * rope->angle[i], &s, &c);
        row[2 * i] = (float)(c * rope->scale);
        row[2 * i + 1] = (float)(s * rope->scale);
    }
}
