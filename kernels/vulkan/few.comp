#include "common.glsl"
#include "weights.glsl"
// dst = w x for up to COLUMNS columns, in the order of sums of matmul.comp: a workgroup makes a panel; a thread sums a
// segment of one row, for all columns, so that every weight is read and decoded once.
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint COLUMNS = 1;

shared float sums[SEGMENTS][8][PANEL];

uvec2 x[8];
float acc[8];

void add(float w[16], uint from, uint k, bool guarded)
{
    [[unroll]] for (uint j = 0; j < 8; j++) {
        if (j >= COLUMNS) break;
        float mine[16];
        take(x[j], from, k, guarded, mine);
        [[unroll]] for (uint i = 0; i < 16; i++) acc[j] = fma(w[i], mine[i], acc[j]);
    }
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, k = a.src[1].n0, n = a.src[1].n1;
    const uint blocks = (k + 31) / 32, row = lane % PANEL, segment = lane / PANEL;
    const uvec2 panel = further(a.src[0].data, gl_WorkGroupID.x, panel_bytes(blocks));
    [[unroll]] for (uint j = 0; j < 8; j++) {
        x[j] = column_of(a.src[1], min(j, n - 1));
        acc[j] = 0.0;
    }
    const uint end = segment_at(segment + 1, blocks);
    for (uint block = segment_at(segment, blocks); block < end; block++) {
        float w[2][16];
        decode(panel, blocks, block, row, 0, w[0]);
        decode(panel, blocks, block, row, 1, w[1]);
        const bool guarded = FORMAT <= BF16 && block * 32 + 32 > k;
        [[unroll]] for (uint part = 0; part < 2; part++) {
            if (guarded)
                add(w[part], block * 32 + part * 16, k, true);
            else
                add(w[part], block * 32 + part * 16, k, false);
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
