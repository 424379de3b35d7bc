// What all shaders share: the call that they compute, addresses beyond 4 GiB, numbers that drivers round as they like.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_control_flow_attributes : require

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Out { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Floats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Fours { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Result { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Quads { uvec4 at[]; };

// As pw_vk_tensor and pw_vk_args of kernels/vulkan/shader.h have them.
struct Tensor {
    uvec2 data;
    uint n0, n1, n2, s1, s2, reserved;
};

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Args {
    Tensor dst, src[5];
    uvec2 rows;  // for each row of the batch: its position, and where its sequence's pages begin in `pages`
    uvec2 pages; // numbers of pages
    uint epilogues, heads, kv_heads, head_dim, window, neox, page_bytes;
    float eps, scale;
};

layout(push_constant) uniform Push { Args a; };

const uint GLU = 1, BIAS = 2, ADD = 4; // epilogues, as kernels/op.h has them
const uint PAGE = 64;
const uint PANEL = 32;

// An address `count` times `bytes` further.
uvec2 further(uvec2 from, uint count, uint bytes)
{
    uint high, low, carry;
    umulExtended(count, bytes, high, low);
    low = uaddCarry(from.x, low, carry);
    return uvec2(low, from.y + high + carry);
}

// The row `i` of a tensor, counted over all dimensions but the fastest.
uvec2 row_of(Tensor t, uint i)
{
    return further(further(t.data, i % t.n1, t.s1), i / t.n1, t.s2);
}

// The column `i` of a matrix.
uvec2 column_of(Tensor t, uint i)
{
    return further(t.data, i, t.s1);
}

// e^x to 2 ulp, which exp() need not be: Cephes' expf.
float exponential(float x)
{
    precise float clamped = clamp(x, -87.0, 88.0);
    precise float n = floor(fma(clamped, 1.44269504, 0.5));
    precise float r = fma(n, -0.693359375, clamped);
    r = fma(n, 2.12194440e-4, r);
    precise float p = 1.9875691500e-4;
    p = fma(p, r, 1.3981999507e-3);
    p = fma(p, r, 8.3334519073e-3);
    p = fma(p, r, 4.1665795894e-2);
    p = fma(p, r, 1.6666665459e-1);
    p = fma(p, r, 5.0000001201e-1);
    precise float y = fma(p, r * r, r) + 1.0;
    y *= uintBitsToFloat(uint(int(n) + 127) << 23);
    return x < -87.0 ? 0.0 : y;
}

float silu(float x)
{
    return x / (1.0 + exponential(-x));
}

float half_low(uint word)
{
    return unpackHalf2x16(word).x;
}

float half_high(uint word)
{
    return unpackHalf2x16(word).y;
}

// To the nearest, ties to even: packHalf2x16 may cut off.
uint to_half(float x)
{
    uint bits = floatBitsToUint(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return sign | 0x7e00u;
    if (size >= 0x477ff000u) return sign | 0x7c00u;
    if (size < 0x38800000u) { // below the normal ones: multiples of 2^-24
        precise float scaled = uintBitsToFloat(size) * 16777216.0;
        precise float whole = roundEven(scaled);
        return sign | uint(whole);
    }
    uint rounded = size + 0xfffu + (size >> 13 & 1u) - 0x38000000u;
    return sign | rounded >> 13;
}

uint to_bfloat(float x)
{
    uint bits = floatBitsToUint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return bits >> 16 | 0x40u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
