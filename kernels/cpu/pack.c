#include "kernels/cpu/pack.h"

#include <assert.h>
#include <string.h>

/* Puts one file block of one lane into its brick. */
typedef void put_fn(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t block, int64_t lane);

enum { F16_ONE = 0x3c00, STEPS = 8 };

static uint32_t word_at(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint16_t half_at(const uint8_t *p)
{
    uint16_t half;
    memcpy(&half, p, sizeof half);
    return half;
}

static bool is_zero(uint16_t f16)
{
    return (f16 & 0x7fff) == 0;
}

static void put_half(uint8_t *at, int64_t lane, uint16_t half)
{
    memcpy(at + lane * 2, &half, sizeof half);
}

/* The lane's four bytes of line `number`, counted from the block's first for group 0. */
static void put_word(uint8_t *block, int64_t number, int64_t lane, uint32_t word)
{
    memcpy(block + (2 * number + lane / PW_GROUP) * PW_LINE + lane % PW_GROUP * 4, &word,
           sizeof word);
}

/* Bits 0, 4, 8 ... 28 side by side. */
static uint32_t gather(uint32_t bits)
{
    bits &= 0x11111111u;
    bits = (bits | bits >> 3) & 0x03030303u;
    bits = (bits | bits >> 6) & 0x000f000fu;
    return (bits | bits >> 12) & 0xffu;
}

/* ---- Blocks of 32 ---------------------------------------------------------------------------- */

/* 4-bit values lie in the file as they do in a line: dword i is k-steps i and i + 4. */
static void put_nibbles(uint8_t *block, int64_t lane, const uint8_t *qs, bool zero, uint32_t fill)
{
    for (int64_t i = 0; i < 4; i++) put_word(block, i, lane, zero ? fill : word_at(qs + 4 * i));
}

/* Fifth bits: bit k of qh belongs to value k of the block. */
static void put_fifths(uint8_t *block, int64_t lane, uint32_t qh)
{
    uint32_t word = 0;
    for (int c = 0; c < 4; c++) word |= gather(qh >> c) << 8 * c;
    put_word(block, 4, lane, word);
}

static void put_q4_0(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    const pw_brick *size = &pw_bricks[PW_Q4_0];
    const bool zero = is_zero(half_at(src));
    put_nibbles(brick + b * size->values, lane, src + 2, zero, 0x88888888u);
    put_half(brick + nb * size->values + b * 64, lane, zero ? F16_ONE : half_at(src));
}

static void put_q4_1(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    const pw_brick *size = &pw_bricks[PW_Q4_1];
    const bool zero = is_zero(half_at(src));
    put_nibbles(brick + b * size->values, lane, src + 4, zero, 0);
    uint8_t *scales = brick + nb * size->values;
    put_half(scales + b * 64, lane, zero ? F16_ONE : half_at(src));
    put_half(scales + (nb + b) * 64, lane, half_at(src + 2));
}

static void put_q5_0(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    const pw_brick *size = &pw_bricks[PW_Q5_0];
    const bool zero = is_zero(half_at(src));
    uint8_t *block = brick + b * size->values;
    put_nibbles(block, lane, src + 6, zero, 0);
    put_fifths(block, lane, zero ? 0xffffffffu : word_at(src + 2));
    put_half(brick + nb * size->values + b * 64, lane, zero ? F16_ONE : half_at(src));
}

static void put_q5_1(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    const pw_brick *size = &pw_bricks[PW_Q5_1];
    const bool zero = is_zero(half_at(src));
    uint8_t *block = brick + b * size->values;
    put_nibbles(block, lane, src + 8, zero, 0);
    put_fifths(block, lane, zero ? 0 : word_at(src + 4));
    uint8_t *scales = brick + nb * size->values;
    put_half(scales + b * 64, lane, zero ? F16_ONE : half_at(src));
    put_half(scales + (nb + b) * 64, lane, half_at(src + 2));
}

static void put_q8_0(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    const pw_brick *size = &pw_bricks[PW_Q8_0];
    const bool zero = is_zero(half_at(src));
    for (int64_t j = 0; j < STEPS; j++) {
        const uint32_t word = zero ? 0 : word_at(src + 2 + 4 * j);
        put_word(brick + b * size->values, j, lane, word ^ 0x80808080u);
    }
    put_half(brick + nb * size->values + b * 64, lane, zero ? F16_ONE : half_at(src));
}

/* ---- Superblocks of 256 ---------------------------------------------------------------------- */

/* Scale and minimum of sub-block b out of the 12 bytes of Q4_K and Q5_K: 6 bits each. */
static void scale_of(const uint8_t *packed, int64_t b, uint8_t *scale, uint8_t *minimum)
{
    if (b < 4) {
        *scale = packed[b] & 63;
        *minimum = packed[b + 4] & 63;
    } else {
        *scale = (uint8_t)((packed[b + 4] & 15) | packed[b - 4] >> 6 << 4);
        *minimum = (uint8_t)(packed[b + 4] >> 4 | packed[b] >> 6 << 4);
    }
}

/* d, dmin and the 12 bytes are alike in Q4_K and Q5_K; sub-block b's nibbles are the low ones of 32
 * bytes for even b, the high ones for odd. `qh` is NULL for Q4_K. */
static void put_with_minima(const uint8_t *src, const uint8_t *qh, const uint8_t *qs,
                            const pw_brick *size, uint8_t *brick, int64_t lane)
{
    const bool none = is_zero(half_at(src));
    uint8_t *scales = brick + PW_BRICK_BLOCKS * size->values;
    for (int64_t b = 0; b < PW_BRICK_BLOCKS; b++) {
        uint8_t scale, minimum;
        scale_of(src + 4, b, &scale, &minimum);
        const bool zero = none || scale == 0;
        uint8_t *block = brick + b * size->values;

        uint32_t fifths = 0;
        for (int i = 0; i < 4; i++) {
            const uint8_t *at = qs + b / 2 * 32 + 4 * i;
            const uint32_t low = word_at(at) >> (b % 2 * 4) & 0x0f0f0f0fu;
            const uint32_t high = word_at(at + 16) >> (b % 2 * 4) & 0x0f0f0f0fu;
            put_word(block, i, lane, zero ? 0 : low | high << 4);
        }
        if (qh != NULL) {
            for (int j = 0; j < STEPS; j++) fifths |= (word_at(qh + 4 * j) >> b & 0x01010101u) << j;
            put_word(block, 4, lane, zero ? 0 : fifths);
        }
        scales[b * PW_LANES + lane] = zero ? 1 : scale;
        scales[(PW_BRICK_BLOCKS + b) * PW_LANES + lane] = minimum;
    }
    uint8_t *once = scales + PW_BRICK_BLOCKS * size->scales;
    put_half(once, lane, none ? F16_ONE : half_at(src));
    put_half(once + 64, lane, half_at(src + 2));
}

static void put_q4_k(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    (void)nb, (void)b;
    put_with_minima(src, NULL, src + 16, &pw_bricks[PW_Q4_K], brick, lane);
}

static void put_q5_k(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t b, int64_t lane)
{
    (void)nb, (void)b;
    put_with_minima(src, src + 16, src + 48, &pw_bricks[PW_Q5_K], brick, lane);
}

/* One half (16 values, k-steps 4 h .. 4 h + 3) of a block of Q6_K: low nibbles from ql, upper bits
 * from qh, each already shifted down; 32 where the half's scale is zero. */
static void half_q6_k(const uint8_t *ql, const uint8_t *qh, int64_t part, bool zero,
                      uint32_t nibbles[4], uint32_t *upper)
{
    *upper = 0;
    for (int i = 0; i < 4; i++) {
        const uint32_t two = word_at(qh + 4 * i) >> 2 * part & 0x03030303u;
        nibbles[i] = zero ? 0 : word_at(ql + 4 * i) >> part / 2 * 4 & 0x0f0f0f0fu;
        *upper |= (zero ? 0x02020202u : two) << 2 * i;
    }
}

static void put_q6_k(const uint8_t *src, uint8_t *brick, int64_t nb, int64_t first, int64_t lane)
{
    (void)nb, (void)first;
    const pw_brick *size = &pw_bricks[PW_Q6_K];
    const uint8_t *ql = src, *qh = src + 128, *sc = src + 192;
    const uint16_t d = half_at(src + 208);
    uint8_t *scales = brick + PW_BRICK_BLOCKS * size->values;

    for (int64_t b = 0; b < PW_BRICK_BLOCKS; b++) {
        const int64_t part = b % 4, turn = b / 4;
        uint32_t nibbles[2][4];
        uint8_t *block = brick + b * size->values;
        for (int64_t h = 0; h < 2; h++) {
            const bool zero = is_zero(d) || sc[2 * b + h] == 0;
            uint32_t upper;
            half_q6_k(ql + turn * 64 + part % 2 * 32 + h * 16, qh + turn * 32 + h * 16, part, zero,
                      nibbles[h], &upper);
            put_word(block, 4 + h, lane, upper);
            scales[(2 * b + h) * PW_LANES + lane] = zero ? 1 : sc[2 * b + h];
        }
        for (int64_t i = 0; i < 4; i++)
            put_word(block, i, lane, nibbles[0][i] | nibbles[1][i] << 4);
    }
    put_half(scales + PW_BRICK_BLOCKS * size->scales, lane, is_zero(d) ? F16_ONE : d);
}

/* ---- Panels ---------------------------------------------------------------------------------- */

/* A lane without a row is packed from this: a block of any format with d = 0. */
static const uint8_t nothing[256];

/* Brick by brick, so that a brick stays in the first cache while its lanes are filled in. */
static void pack(const pw_pack *args, put_fn *put)
{
    const pw_dtype_info *info = pw_dtype_get(args->dtype);
    assert(args->k % info->block == 0 && info->block_bytes <= sizeof nothing);

    uint8_t *brick = args->dst;
    const int64_t blocks = args->k / PW_BLOCK, step = info->block / PW_BLOCK;
    for (int64_t first = 0; first < blocks; first += PW_BRICK_BLOCKS) {
        const int64_t left = blocks - first;
        const int64_t nb = left < PW_BRICK_BLOCKS ? left : PW_BRICK_BLOCKS;
        for (int64_t lane = 0; lane < PW_LANES; lane++) {
            const uint8_t *row = pw_pack_row(args, lane);
            for (int64_t b = 0; b < nb; b += step) {
                const size_t at = (size_t)((first + b) / step) * info->block_bytes;
                put(row != NULL ? row + at : nothing, brick, nb, b, lane);
            }
        }
        brick += pw_brick_bytes(args->dtype, nb);
    }
}

static void pack_q4_0(const pw_pack *args)
{
    pack(args, put_q4_0);
}

static void pack_q4_1(const pw_pack *args)
{
    pack(args, put_q4_1);
}

static void pack_q5_0(const pw_pack *args)
{
    pack(args, put_q5_0);
}

static void pack_q5_1(const pw_pack *args)
{
    pack(args, put_q5_1);
}

static void pack_q8_0(const pw_pack *args)
{
    pack(args, put_q8_0);
}

static void pack_q4_k(const pw_pack *args)
{
    pack(args, put_q4_k);
}

static void pack_q5_k(const pw_pack *args)
{
    pack(args, put_q5_k);
}

static void pack_q6_k(const pw_pack *args)
{
    pack(args, put_q6_k);
}

static size_t bytes_q4_0(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q4_0, k);
}

static size_t bytes_q4_1(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q4_1, k);
}

static size_t bytes_q5_0(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q5_0, k);
}

static size_t bytes_q5_1(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q5_1, k);
}

static size_t bytes_q8_0(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q8_0, k);
}

static size_t bytes_q4_k(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q4_K, k);
}

static size_t bytes_q5_k(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q5_K, k);
}

static size_t bytes_q6_k(int64_t k)
{
    return (size_t)pw_panel_bytes(PW_Q6_K, k);
}

/* clang-format off */
const pw_packing pw_brick_q4_0 = {"brick_q4_0", bytes_q4_0, pack_q4_0};
const pw_packing pw_brick_q4_1 = {"brick_q4_1", bytes_q4_1, pack_q4_1};
const pw_packing pw_brick_q5_0 = {"brick_q5_0", bytes_q5_0, pack_q5_0};
const pw_packing pw_brick_q5_1 = {"brick_q5_1", bytes_q5_1, pack_q5_1};
const pw_packing pw_brick_q8_0 = {"brick_q8_0", bytes_q8_0, pack_q8_0};
const pw_packing pw_brick_q4_k = {"brick_q4_k", bytes_q4_k, pack_q4_k};
const pw_packing pw_brick_q5_k = {"brick_q5_k", bytes_q5_k, pack_q5_k};
const pw_packing pw_brick_q6_k = {"brick_q6_k", bytes_q6_k, pack_q6_k};
/* clang-format on */
