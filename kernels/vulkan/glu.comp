#include "common.glsl"
// dst = silu(gate) up.
layout(local_size_x = 64) in;

void main()
{
    const uint row = gl_WorkGroupID.x;
    Floats gate = Floats(row_of(a.src[0], row)), up = Floats(row_of(a.src[1], row));
    Result y = Result(row_of(a.dst, row));
    for (uint i = gl_LocalInvocationID.x; i < a.dst.n0; i += 64) y.at[i] = silu(gate.at[i]) * up.at[i];
}
