#include "common.glsl"
#include "weights.glsl"
// dst = w x for any number of columns: a workgroup makes 32 rows (a panel) of 32 columns, a thread 4 of 4.
layout(local_size_x = 64) in;

shared float w_tile[32][33], x_tile[32][33]; // [k][row], [k][column]

void main()
{
    const uint lane = gl_LocalInvocationID.x, k = a.src[1].n0, n = a.src[1].n1 * a.src[1].n2;
    const uint blocks = (k + 31) / 32, first = gl_WorkGroupID.y * 32;
    const uvec2 panel = further(a.src[0].data, gl_WorkGroupID.x, panel_bytes(blocks));
    const uint mine = lane % 32, part = lane / 32;      // what this thread loads
    const uint row = lane % 8 * 4, column = lane / 8 * 4; // and what it makes
    Floats x = Floats(row_of(a.src[1], min(first + mine, n - 1)));
    float total[4][4], acc[4][4];
    [[unroll]] for (uint i = 0; i < 4; i++)
        [[unroll]] for (uint j = 0; j < 4; j++) total[i][j] = 0.0;

    for (uint segment = 0; segment < SEGMENTS; segment++) {
        [[unroll]] for (uint i = 0; i < 4; i++)
            [[unroll]] for (uint j = 0; j < 4; j++) acc[i][j] = 0.0;
        const uint end = segment_at(segment + 1, blocks);
        for (uint block = segment_at(segment, blocks); block < end; block++) {
            float w[16];
            decode(panel, blocks, block, mine, part, w);
            barrier();
            [[unroll]] for (uint i = 0; i < 16; i++) {
                const uint at = block * 32 + part * 16 + i;
                w_tile[part * 16 + i][mine] = w[i];
                x_tile[part * 16 + i][mine] = at < k ? x.at[at] : 0.0;
            }
            barrier();
            for (uint at = 0; at < 32; at++) {
                [[unroll]] for (uint i = 0; i < 4; i++)
                    [[unroll]] for (uint j = 0; j < 4; j++)
                        acc[i][j] = fma(w_tile[at][row + i], x_tile[at][column + j], acc[i][j]);
            }
        }
        [[unroll]] for (uint i = 0; i < 4; i++)
            [[unroll]] for (uint j = 0; j < 4; j++) total[i][j] += acc[i][j];
    }
    [[unroll]] for (uint j = 0; j < 4; j++)
        [[unroll]] for (uint i = 0; i < 4; i++)
            if (first + column + j < n) finish(gl_WorkGroupID.x * PANEL + row + i, first + column + j, total[i][j]);
}
