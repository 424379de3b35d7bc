// A row of keys or values in a page of a plain layout: K [64][kv_heads][head_dim], then V. KV is the format of a value:
// 0 f32, 1 f16, 2 bf16.
const uint KV_SIZE = KV == 0 ? 4 : 2;

uvec2 slot_of(uvec2 pool, uint page, uint slot, uint head, bool value)
{
    const uint row = (value ? PAGE : 0) * a.kv_heads + slot * a.kv_heads + head;
    return further(further(pool, page, a.page_bytes), row, a.head_dim * KV_SIZE);
}

// Values 2 i and 2 i + 1 of a row.
vec2 pair_of(Words row, uint i)
{
    if (KV == 0) return vec2(uintBitsToFloat(row.at[2 * i]), uintBitsToFloat(row.at[2 * i + 1]));
    const uint word = row.at[i];
    if (KV == 1) return unpackHalf2x16(word);
    return vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u));
}
