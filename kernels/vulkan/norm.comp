#include "common.glsl"
// dst = w x / sqrt(mean(x^2) + eps), a row a workgroup.
layout(local_size_x = 64) in;

shared float sums[64];

void main()
{
    const uint row = gl_WorkGroupID.x, lane = gl_LocalInvocationID.x, d = a.src[1].n0;
    Floats w = Floats(a.src[0].data), x = Floats(row_of(a.src[1], row));
    Result y = Result(row_of(a.dst, row));
    float sum = 0.0;
    for (uint i = lane; i < d; i += 64) sum = fma(x.at[i], x.at[i], sum);
    sums[lane] = sum;
    barrier();
    for (uint half_width = 32; half_width > 0; half_width /= 2) {
        if (lane < half_width) sums[lane] += sums[lane + half_width];
        barrier();
    }
    const float scale = inversesqrt(sums[0] / float(d) + a.eps);
    for (uint i = lane; i < d; i += 64) y.at[i] = w.at[i] * (x.at[i] * scale);
}
