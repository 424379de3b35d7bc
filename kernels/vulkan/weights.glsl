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

// scale byte + shift, of all 16 bytes: an instruction for a conversion, one for the rest. With a shift that is a power of
// two times the scale it is exact where scale (byte - shift) is.
void scaled(uvec4 bytes, float scale, float shift, out float w[16])
{
    [[unroll]] for (uint i = 0; i < 16; i++) w[i] = fma(scale, float(bytes[i / 4] >> 8 * (i % 4) & 0xffu), shift);
}

// The f16 scale of a row, of which two stand in a word.
float half_scale(Words words, uint from, uint block, uint row)
{
    const uint both = words.at[from + (block * PANEL + row) / 2];
    return half_low(row % 2 == 0 ? both : both >> 16);
}

// Bits `i` to `i + count - 1` of four neighbours at bit 4 of four bytes: of Q5_K's and Q6_K's upper planes.
uvec4 upper_bits(uint plane, uint count)
{
    uvec4 bytes;
    const uint mask = (1 << count) - 1;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint four = plane >> 4 * count * i;
        bytes[i] = (four & mask) << 4 | (four >> count & mask) << 12 | (four >> 2 * count & mask) << 20 |
                   (four >> 3 * count & mask) << 28;
    }
    return bytes;
}

void decode_floats(Quads quads, uint block, uint row, uint part, out float w[16])
{
    if (FORMAT == F32) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            const uvec4 q = quads.at[(block * 8 + part * 4 + i) * PANEL + row];
            [[unroll]] for (uint j = 0; j < 4; j++) w[4 * i + j] = uintBitsToFloat(q[j]);
        }
        return;
    }
    [[unroll]] for (uint i = 0; i < 2; i++) {
        const uvec4 q = quads.at[(block * 4 + part * 2 + i) * PANEL + row];
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const vec2 pair = FORMAT == F16 ? unpackHalf2x16(q[j])
                                            : vec2(uintBitsToFloat(q[j] << 16), uintBitsToFloat(q[j] & 0xffff0000u));
            w[8 * i + 2 * j] = pair.x;
            w[8 * i + 2 * j + 1] = pair.y;
        }
    }
}

// Of 256 columns: a quad of steps a row, then a word of two halves.
void decode_super(uvec2 panel, uvec4 low, uint blocks, uint block, uint row, uint part, out float w[16])
{
    Quads quads = Quads(panel);
    Words words = Words(panel);
    const uint upper = blocks * QUADS * 128, scales = upper + blocks * UPPER * PANEL; // in words
    const uint super = block / 8, supers = blocks / 8;
    const uvec4 steps = quads.at[scales / 4 + super * PANEL + row];
    const vec2 d = unpackHalf2x16(words.at[scales + supers * PANEL * 4 + super * PANEL + row]);
    if (FORMAT == Q6_K) {
        const uint two = words.at[upper + (block * PANEL + row) * 2 + part], at = block % 8 * 2 + part;
        const float scale = d.x * float(signed_byte(steps[at / 4], at % 4));
        scaled(low | upper_bits(two, 2), scale, -32.0 * scale, w);
        return;
    }
    uvec4 all = low;
    if (FORMAT == Q5_K) all |= upper_bits(words.at[upper + block * PANEL + row] >> 16 * part, 1);
    precise float scale = d.x * float(byte_of(steps, block % 8)), minimum = d.y * float(byte_of(steps, block % 8 + 8));
    scaled(all, scale, -minimum, w);
}

// Columns 32 block + 16 part on of a row.
void decode(uvec2 panel, uint blocks, uint block, uint row, uint part, out float w[16])
{
    Quads quads = Quads(panel);
    Words words = Words(panel);
    const uint scales = blocks * QUADS * 128; // in words, of formats without an upper plane
    if (FORMAT <= BF16) {
        decode_floats(quads, block, row, part, w);
    } else if (FORMAT == Q8_0) {
        const float d = half_scale(words, scales, block, row);
        scaled(quads.at[(block * 2 + part) * PANEL + row] ^ 0x80808080u, d, -128.0 * d, w);
    } else {
        const uvec4 low = quads.at[block * PANEL + row] >> 4 * part & 0x0f0f0f0fu;
        if (FORMAT == Q4_0) {
            const float d = half_scale(words, scales, block, row);
            scaled(low, d, -8.0 * d, w);
        } else if (FORMAT == Q4_1) {
            const vec2 dm = unpackHalf2x16(words.at[scales + block * PANEL + row]);
            scaled(low, dm.x, dm.y, w);
        } else {
            decode_super(panel, low, blocks, block, row, part, w);
        }
    }
}

// Values `from` to `from + 15` of a column of activations; zeros behind its end, where that may be among them.
void take(uvec2 column, uint from, uint k, bool guarded, out float x[16])
{
    if (guarded) {
        Floats one = Floats(column);
        [[unroll]] for (uint i = 0; i < 16; i++) x[i] = from + i >= k ? 0.0 : one.at[from + i];
        return;
    }
    Fours four = Fours(column);
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const vec4 part = four.at[from / 4 + i];
        [[unroll]] for (uint j = 0; j < 4; j++) x[4 * i + j] = part[j];
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
    if ((a.epilogues & ADD) != 0) value += Floats(column_of(a.src[4], column)).at[m];
    Result(column_of(a.dst, column)).at[m] = value;
}
