#include "common.glsl"
#include "weights.glsl"
// dst = w x for up to COLUMNS columns, in the order of sums of matmul.comp: a workgroup makes a panel; a thread sums a
// segment of one row, for all columns, so that every weight is read and decoded once.
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint COLUMNS = 1;

shared float sums[SEGMENTS][8][PANEL];

void main()
{
    const uint lane = gl_LocalInvocationID.x, k = a.src[1].n0, n = a.src[1].n1 * a.src[1].n2;
    const uint blocks = (k + 31) / 32, row = lane % PANEL, segment = lane / PANEL;
    const uvec2 panel = further(a.src[0].data, gl_WorkGroupID.x, panel_bytes(blocks));
    float acc[8];
    [[unroll]] for (uint j = 0; j < 8; j++) acc[j] = 0.0;
    const uint end = segment_at(segment + 1, blocks);
    for (uint block = segment_at(segment, blocks); block < end; block++) {
        for (uint part = 0; part < 2; part++) {
            float w[16];
            decode(panel, blocks, block, row, part, w);
            const uint from = block * 32 + part * 16;
            [[unroll]] for (uint j = 0; j < 8; j++) {
                if (j >= COLUMNS) break;
                Floats x = Floats(row_of(a.src[1], min(j, n - 1)));
                [[unroll]] for (uint i = 0; i < 16; i++)
                    acc[j] = fma(w[i], from + i < k ? x.at[from + i] : 0.0, acc[j]);
            }
        }
    }
    [[unroll]] for (uint j = 0; j < 8; j++)
        if (j < COLUMNS) sums[segment][j][row] = acc[j];
    barrier();
    for (uint j = segment; j < n; j += SEGMENTS) {
        float total = 0.0;
        [[unroll]] for (uint s = 0; s < SEGMENTS; s++) total += sums[s][j][row];
        finish(gl_WorkGroupID.x * PANEL + row, j, total);
    }
}
