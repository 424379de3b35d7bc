#include "common.glsl"
// Pairs turned by angles that the table holds as cosine and sine; what is behind the pairs is copied.
layout(local_size_x = 64) in;

void main()
{
    const uint row = gl_WorkGroupID.x, d = a.src[0].n0, pairs = a.src[1].n0 / 2;
    Floats x = Floats(row_of(a.src[0], row)), turn = Floats(row_of(a.src[1], row / a.src[0].n1));
    Result y = Result(row_of(a.dst, row));
    for (uint i = gl_LocalInvocationID.x; i < pairs; i += 64) {
        const uint first = a.neox != 0 ? i : 2 * i, second = a.neox != 0 ? i + pairs : 2 * i + 1;
        const float u = x.at[first], v = x.at[second], c = turn.at[2 * i], s = turn.at[2 * i + 1];
        y.at[first] = u * c - v * s;
        y.at[second] = u * s + v * c;
    }
    for (uint i = 2 * pairs + gl_LocalInvocationID.x; i < d; i += 64) y.at[i] = x.at[i];
}
