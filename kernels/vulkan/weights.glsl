// Weights as kernels/vulkan/planes.c packs them: panels of 32 rows; of each 32 columns a quad (16 bytes) or more a row,
// all rows of a panel side by side, then what is scaled by. Numbers of formats as in shader.h.
const uint F32 = 0, F16 = 1, BF16 = 2, Q4_0 = 3, Q4_1 = 4, Q8_0 = 5, Q4_K = 6, Q5_K = 7, Q6_K = 8;
const uint QUADS = FORMAT == F32 ? 8 : FORMAT <= BF16 ? 4 : FORMAT == Q8_0 ? 2 : 1; // of 32 columns
const uint UPPER = FORMAT == Q5_K ? 1 : FORMAT == Q6_K ? 2 : 0;                     // words of 32 columns
const uint SCALES = FORMAT <= BF16 ? 0 : FORMAT == Q4_1 ? 128 : FORMAT <= Q8_0 ? 64 : 80; // bytes of 32 columns, all rows
const uint SEGMENTS = 4; // in which columns are summed, each from its first on, then the sums in order

uint panel_bytes(uint blocks)
{
    return blocks * (QUADS * 512 + UPPER * 128 + SCALES);
}

uint byte_of(uvec4 quad, uint i)
{
    return quad[i / 4] >> 8 * (i % 4) & 0xffu;
}

int signed_byte(uint word, uint i)
{
    return bitfieldExtract(int(word), int(8 * i), 8);
}

// Columns 32 block + 16 part on of a row.
void decode(uvec2 panel, uint blocks, uint block, uint row, uint part, out float w[16])
{
    Quads quads = Quads(panel);
    if (FORMAT == F32) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            const uvec4 q = quads.at[(block * 8 + part * 4 + i) * PANEL + row];
            [[unroll]] for (uint j = 0; j < 4; j++) w[4 * i + j] = uintBitsToFloat(q[j]);
        }
        return;
    }
    if (FORMAT <= BF16) {
        [[unroll]] for (uint i = 0; i < 2; i++) {
            const uvec4 q = quads.at[(block * 4 + part * 2 + i) * PANEL + row];
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const vec2 pair = FORMAT == F16 ? unpackHalf2x16(q[j])
                                                : vec2(uintBitsToFloat(q[j] << 16), uintBitsToFloat(q[j] & 0xffff0000u));
                w[8 * i + 2 * j] = pair.x;
                w[8 * i + 2 * j + 1] = pair.y;
            }
        }
        return;
    }
    Words words = Words(panel);
    const uint upper = blocks * QUADS * 128, scales = upper + blocks * UPPER * PANEL; // in words
    if (FORMAT == Q8_0) {
        const uvec4 q = quads.at[(block * 2 + part) * PANEL + row];
        const uint both = words.at[scales + (block * PANEL + row) / 2];
        const float d = row % 2 == 0 ? half_low(both) : half_high(both);
        [[unroll]] for (uint i = 0; i < 16; i++) w[i] = d * float(signed_byte(q[i / 4], i % 4));
        return;
    }
    const uvec4 q = quads.at[block * PANEL + row] >> 4 * part;
    if (FORMAT == Q4_0) {
        const uint both = words.at[scales + (block * PANEL + row) / 2];
        const float d = row % 2 == 0 ? half_low(both) : half_high(both);
        [[unroll]] for (uint i = 0; i < 16; i++) w[i] = d * float(int(byte_of(q, i) & 15) - 8);
    } else if (FORMAT == Q4_1) {
        const vec2 dm = unpackHalf2x16(words.at[scales + block * PANEL + row]);
        [[unroll]] for (uint i = 0; i < 16; i++) w[i] = fma(dm.x, float(byte_of(q, i) & 15), dm.y);
    } else {
        // Of 256 columns: a quad of scales a row, then a word of two halves.
        const uint super = block / 8, supers = blocks / 8;
        const uvec4 steps = quads.at[scales / 4 + super * PANEL + row];
        const vec2 d = unpackHalf2x16(words.at[scales + supers * PANEL * 4 + super * PANEL + row]);
        if (FORMAT == Q6_K) {
            const uint two = words.at[upper + (block * PANEL + row) * 2 + part], at = block % 8 * 2 + part;
            const float scale = d.x * float(signed_byte(steps[at / 4], at % 4));
            [[unroll]] for (uint i = 0; i < 16; i++)
                w[i] = scale * float(int(byte_of(q, i) & 15 | (two >> 2 * i & 3) << 4) - 32);
        } else {
            const uint fifths = FORMAT == Q5_K ? words.at[upper + block * PANEL + row] >> 16 * part : 0;
            const float scale = d.x * float(byte_of(steps, block % 8));
            const float minimum = d.y * float(byte_of(steps, block % 8 + 8));
            [[unroll]] for (uint i = 0; i < 16; i++)
                w[i] = fma(scale, float(byte_of(q, i) & 15 | (fifths >> i & 1) << 4), -minimum);
        }
    }
}

// First block of a segment.
uint segment_at(uint segment, uint blocks)
{
    return min(segment * ((blocks + SEGMENTS - 1) / SEGMENTS), blocks);
}

// Bias and what is added, in this order.
void finish(uint m, uint column, float value)
{
    if (m >= a.dst.n0) return;
    if ((a.epilogues & BIAS) != 0) value += Floats(a.src[3].data).at[m];
    if ((a.epilogues & ADD) != 0) value += Floats(row_of(a.src[4], column)).at[m];
    Result(row_of(a.dst, column)).at[m] = value;
}
