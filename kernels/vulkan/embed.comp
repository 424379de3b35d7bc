#include "common.glsl"
// Rows of a matrix as files have it, by number: a workgroup a row. Formats as in shader.h and kernels/blocks.h.
layout(local_size_x = 64) in;

const uint F32 = 0, F16 = 1, BF16 = 2, Q4_0 = 3, Q4_1 = 4, Q8_0 = 5, Q4_K = 6, Q5_K = 7, Q6_K = 8;

Words row; // a row may begin between two words
uint skip;

uint byte_at(uint i)
{
    i += skip;
    return row.at[i / 4] >> 8 * (i % 4) & 0xffu;
}

uint half_at(uint i)
{
    return byte_at(i) | byte_at(i + 1) << 8;
}

float f16_at(uint i)
{
    return half_low(half_at(i));
}

// 6 bits each of scale and minimum of sub-block `s` of Q4_K and Q5_K, behind two halves.
uvec2 scale_of(uint at, uint s)
{
    if (s < 4) return uvec2(byte_at(at + 4 + s) & 63, byte_at(at + 8 + s) & 63);
    const uint low = byte_at(at + 8 + s);
    return uvec2(low & 15 | byte_at(at + s) >> 6 << 4, low >> 4 | byte_at(at + 4 + s) >> 6 << 4);
}

float value(uint i)
{
    if (FORMAT == F32) return uintBitsToFloat(half_at(4 * i) | half_at(4 * i + 2) << 16);
    if (FORMAT == F16) return f16_at(2 * i);
    if (FORMAT == BF16) return uintBitsToFloat(half_at(2 * i) << 16);
    const uint j = i % 32, nibble = j / 16 * 4;
    if (FORMAT == Q4_0) {
        const uint at = i / 32 * 18;
        return f16_at(at) * float(int(byte_at(at + 2 + j % 16) >> nibble & 15) - 8);
    }
    if (FORMAT == Q4_1) {
        const uint at = i / 32 * 20;
        precise float scaled = f16_at(at) * float(byte_at(at + 4 + j % 16) >> nibble & 15);
        return scaled + f16_at(at + 2);
    }
    if (FORMAT == Q8_0) {
        const uint at = i / 32 * 34;
        return f16_at(at) * float(int(byte_at(at + 2 + j) << 24) >> 24);
    }
    const uint s = i % 256 / 32, k = i % 256;
    if (FORMAT == Q6_K) {
        const uint at = i / 256 * 210, turn = k / 128, part = k % 128 / 32;
        const uint low = byte_at(at + turn * 64 + part % 2 * 32 + j) >> part / 2 * 4 & 15;
        const uint high = byte_at(at + 128 + turn * 32 + j) >> part * 2 & 3;
        precise float scale = f16_at(at + 208) * float(int(byte_at(at + 192 + k / 16) << 24) >> 24);
        return scale * float(int(low | high << 4) - 32);
    }
    const uint at = i / 256 * (FORMAT == Q4_K ? 144 : 176);
    const uvec2 steps = scale_of(at, s);
    uint q = byte_at(at + (FORMAT == Q4_K ? 16 : 48) + s / 2 * 32 + j) >> s % 2 * 4 & 15;
    if (FORMAT == Q5_K) q |= (byte_at(at + 16 + j) >> s & 1) << 4;
    precise float scale = f16_at(at) * float(steps.x), minimum = f16_at(at + 2) * float(steps.y);
    precise float scaled = scale * float(q);
    return scaled - minimum;
}

void main()
{
    const uint id = Words(a.src[1].data).at[gl_WorkGroupID.x];
    uvec2 at = row_of(a.src[0], id);
    skip = at.x & 3;
    at.x &= ~3u;
    row = Words(at);
    Result y = Result(row_of(a.dst, gl_WorkGroupID.x));
    for (uint i = gl_LocalInvocationID.x; i < a.dst.n0; i += 64) y.at[i] = value(i);
}
