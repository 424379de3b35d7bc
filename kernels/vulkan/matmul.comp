#include "common.glsl"
#include "weights.glsl"
// dst = w x for any number of columns: a workgroup makes 64 rows (two panels) of 32 columns, a thread 8 of 4. Blocks of
// 32 weights a row are decoded once into shared memory; each step of k is then three loads of 16 bytes for 32 sums.
layout(local_size_x = 64) in;

// [k][row / 4], [k][column / 4]: one quad more than there are, so that rows of k begin in other banks.
shared vec4 w_tile[32][17], x_tile[32][9];

void load(uvec2 x, uvec2 panel, uint blocks, uint block, uint k, bool guarded)
{
    const uint lane = gl_LocalInvocationID.x;
    float w[2][16];
    decode(panel, blocks, block, lane % PANEL, 0, w[0]);
    decode(panel, blocks, block, lane % PANEL, 1, w[1]);
    const uint from = lane / 32 * 16, at = block * 32 + from;
    float mine[16];
    take(x, at, k, guarded, mine);
    barrier(); // all have done with the block before
    [[unroll]] for (uint i = 0; i < 32; i++) w_tile[i][lane / 4][lane % 4] = w[i / 16][i % 16];
    [[unroll]] for (uint i = 0; i < 16; i++) x_tile[from + i][lane % 32 / 4][lane % 4] = mine[i];
    barrier();
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, k = a.src[1].n0, n = a.src[1].n1;
    const uint blocks = (k + 31) / 32, first = gl_WorkGroupID.y * 32, panels = (a.dst.n0 + PANEL - 1) / PANEL;
    // Behind the last panel the last is decoded again: its rows are not written.
    const uint mine = min(gl_WorkGroupID.x * 2 + lane / PANEL, panels - 1);
    const uvec2 panel = further(a.src[0].data, mine, panel_bytes(blocks));
    const uvec2 x = column_of(a.src[1], min(first + lane % 32, n - 1));
    const uint row = lane % 8 * 2, column = lane / 8; // in quads
    vec4 total[4][2], acc[4][2];                      // [column][rows]
    [[unroll]] for (uint j = 0; j < 4; j++) total[j] = vec4[2](vec4(0.0), vec4(0.0));

    for (uint segment = 0; segment < SEGMENTS; segment++) {
        [[unroll]] for (uint j = 0; j < 4; j++) acc[j] = vec4[2](vec4(0.0), vec4(0.0));
        const uint end = segment_at(segment + 1, blocks);
        for (uint block = segment_at(segment, blocks); block < end; block++) {
            if (FORMAT > BF16 || block * 32 + 32 <= k)
                load(x, panel, blocks, block, k, false);
            else
                load(x, panel, blocks, block, k, true);
            for (uint at = 0; at < 32; at++) {
                const vec4 w0 = w_tile[at][row], w1 = w_tile[at][row + 1], columns = x_tile[at][column];
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    acc[j][0] = fma(w0, vec4(columns[j]), acc[j][0]);
                    acc[j][1] = fma(w1, vec4(columns[j]), acc[j][1]);
                }
            }
        }
        [[unroll]] for (uint j = 0; j < 4; j++) {
            total[j][0] += acc[j][0];
            total[j][1] += acc[j][1];
        }
    }
    [[unroll]] for (uint j = 0; j < 4; j++)
        if (first + column * 4 + j < n)
            [[unroll]] for (uint i = 0; i < 8; i++)
                finish(gl_WorkGroupID.x * 64 + row * 4 + i, first + column * 4 + j, total[j][i / 4][i % 4]);
}
