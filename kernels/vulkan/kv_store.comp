#include "common.glsl"
#include "kv.glsl"
// Keys and values of the batch into their pages: a workgroup a row of the batch and KV head.
layout(local_size_x = 64) in;

void put(Out to, Floats from)
{
    for (uint i = gl_LocalInvocationID.x; i < a.head_dim / 2; i += 64) {
        const float u = from.at[2 * i], v = from.at[2 * i + 1];
        if (KV == 0) {
            to.at[2 * i] = floatBitsToUint(u);
            to.at[2 * i + 1] = floatBitsToUint(v);
        } else {
            to.at[i] = KV == 1 ? to_half(u) | to_half(v) << 16 : to_bfloat(u) | to_bfloat(v) << 16;
        }
    }
}

void main()
{
    const uint row = gl_WorkGroupID.x / a.kv_heads, head = gl_WorkGroupID.x % a.kv_heads;
    Words rows = Words(a.rows);
    const uint pos = rows.at[2 * row];
    const uint page = Words(a.pages).at[rows.at[2 * row + 1] + pos / PAGE];
    for (uint part = 0; part < 2; part++)
        put(Out(slot_of(a.dst.data, page, pos % PAGE, head, part == 1)),
            Floats(row_of(a.src[part], gl_WorkGroupID.x)));
}
