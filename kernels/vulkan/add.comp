#include "common.glsl"
// dst = a + b, b of one row or of as many as a.
layout(local_size_x = 64) in;

void main()
{
    const uint row = gl_WorkGroupID.x;
    const Tensor b = a.src[1];
    Floats x = Floats(row_of(a.src[0], row)), y = Floats(row_of(b, b.n1 * b.n2 == 1 ? 0 : row));
    Result z = Result(row_of(a.dst, row));
    for (uint i = gl_LocalInvocationID.x; i < a.dst.n0; i += 64) z.at[i] = x.at[i] + y.at[i];
}
