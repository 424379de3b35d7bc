#include "kernels/vulkan/planes.h"

#include <string.h>

#include "kernels/blocks.h"
#include "kernels/quant_block.h"
#include "pw/num.h"

enum { QUAD = 16, SUPER = 256, BLOCK = 32 };

/* Bytes of 32 columns of a row in each plane. */
typedef struct plane {
    int quads, upper, scales;
} plane;

static const plane planes[PW_DTYPE_COUNT] = {
    [PW_F32] = {128, 0, 0}, [PW_F16] = {64, 0, 0},  [PW_BF16] = {64, 0, 0},
    [PW_Q4_0] = {16, 0, 2}, [PW_Q4_1] = {16, 0, 4}, [PW_Q8_0] = {32, 0, 2},
};
/* The same, and bytes of 256 columns in the last. */
static const plane super_planes[PW_DTYPE_COUNT] = {
    [PW_Q4_K] = {16, 0, 20}, [PW_Q5_K] = {16, 4, 20}, [PW_Q6_K] = {16, 8, 20}};

static size_t bytes_of(pw_dtype dtype, int64_t k)
{
    const size_t blocks = (size_t)pw_ceil_div(k, BLOCK);
    const plane *p = &planes[dtype], *s = &super_planes[dtype];
    const size_t block = (size_t)(p->quads + p->upper + p->scales + s->quads + s->upper);
    return PW_PANEL * (blocks * block + blocks / 8 * (size_t)s->scales);
}

/* Where a panel's planes begin. */
typedef struct parts {
    uint8_t *quads, *upper, *scales, *once;
    int64_t blocks;
} parts;

static parts parts_of(const pw_pack *args)
{
    const plane *p = &planes[args->dtype], *s = &super_planes[args->dtype];
    const int64_t blocks = pw_ceil_div(args->k, BLOCK);
    parts at = {.quads = args->dst, .blocks = blocks};
    at.upper = at.quads + blocks * (p->quads + s->quads) * PW_PANEL;
    at.scales = at.upper + blocks * (p->upper + s->upper) * PW_PANEL;
    at.once = at.scales + blocks / 8 * QUAD * PW_PANEL;
    return at;
}

/* The quad `i` of a row. */
static uint8_t *quad(const parts *at, int64_t i, int64_t row)
{
    return at->quads + (i * PW_PANEL + row) * QUAD;
}

/* Values that lie in the file as in the panel. */
static void pack_floats(const pw_pack *args, const parts *at, const uint8_t *src, int64_t row)
{
    size_t bytes = (size_t)args->k * (args->dtype == PW_F32 ? 4 : 2);
    for (int64_t i = 0; bytes > 0; i++) {
        const size_t part = bytes < QUAD ? bytes : QUAD;
        memcpy(quad(at, i, row), src, part);
        src += part;
        bytes -= part;
    }
}

static void pack_blocks(const pw_pack *args, const parts *at, const uint8_t *src, int64_t row)
{
    const plane *p = &planes[args->dtype];
    const int64_t quads = p->quads / QUAD;
    for (int64_t b = 0; b < at->blocks; b++, src += p->quads + p->scales) {
        memcpy(at->scales + (b * PW_PANEL + row) * p->scales, src, (size_t)p->scales);
        for (int64_t q = 0; q < quads; q++)
            memcpy(quad(at, b * quads + q, row), src + p->scales + q * QUAD, QUAD);
    }
}

/* Q4_K and Q5_K: nibbles of sub-block b are the low ones of 32 bytes for even b, the high ones for odd. */
static void pack_with_minima(const pw_pack *args, const parts *at, const uint8_t *src, int64_t row)
{
    const bool five = args->dtype == PW_Q5_K;
    const size_t bytes = five ? sizeof(pw_block_q5_k) : sizeof(pw_block_q4_k);
    for (int64_t s = 0; s < at->blocks / 8; s++, src += bytes) {
        const uint8_t *qh = src + 16, *qs = five ? src + 48 : src + 16;
        uint8_t *steps = at->scales + (s * PW_PANEL + row) * QUAD;
        memcpy(at->once + (s * PW_PANEL + row) * 4, src, 4);
        for (int b = 0; b < 8; b++) {
            const uint8_t *from = qs + b / 2 * BLOCK;
            uint8_t *to = quad(at, s * 8 + b, row);
            const int shift = b % 2 * 4;
            pw_get_scale(src + 4, b, &steps[b], &steps[8 + b]);
            for (int j = 0; j < QUAD; j++)
                to[j] = (uint8_t)((from[j] >> shift & 15) | (from[j + QUAD] >> shift & 15) << 4);
            uint32_t fifths = 0;
            for (int j = 0; five && j < BLOCK; j++) fifths |= (uint32_t)(qh[j] >> b & 1) << j;
            if (five)
                memcpy(at->upper + ((s * 8 + b) * PW_PANEL + row) * 4, &fifths, sizeof fifths);
        }
    }
}

/* Each 128 columns: ql in two layers of 64 bytes, qh in four of 32. */
static void pack_q6_k(const pw_pack *args, const parts *at, const uint8_t *src, int64_t row)
{
    (void)args;
    pw_block_q6_k block;
    for (int64_t s = 0; s < at->blocks / 8; s++, src += sizeof block) {
        memcpy(&block, src, sizeof block);
        memcpy(at->scales + (s * PW_PANEL + row) * QUAD, block.scales, QUAD);
        memcpy(at->once + (s * PW_PANEL + row) * 4, &block.d, sizeof block.d);
        for (int b = 0; b < 8; b++) {
            const int turn = b / 4, part = b % 4, low = part / 2 * 4;
            const uint8_t *ql = block.ql + turn * 64 + part % 2 * BLOCK,
                          *qh = block.qh + turn * BLOCK;
            uint8_t *to = quad(at, s * 8 + b, row);
            uint32_t two[2] = {0};
            for (int j = 0; j < QUAD; j++)
                to[j] = (uint8_t)((ql[j] >> low & 15) | (ql[j + QUAD] >> low & 15) << 4);
            for (int j = 0; j < BLOCK; j++)
                two[j / QUAD] |= (uint32_t)(qh[j] >> 2 * part & 3) << 2 * (j % QUAD);
            memcpy(at->upper + ((s * 8 + b) * PW_PANEL + row) * 8, two, sizeof two);
        }
    }
}

static void pack(const pw_pack *args)
{
    const parts at = parts_of(args);
    memset(args->dst, 0, bytes_of(args->dtype, args->k));
    for (int64_t row = 0; row < args->rows; row++) {
        const uint8_t *src = (const uint8_t *)args->src[0] + (size_t)row * args->row_bytes;
        if (planes[args->dtype].scales > 0)
            pack_blocks(args, &at, src, row);
        else if (planes[args->dtype].quads > 0)
            pack_floats(args, &at, src, row);
        else if (args->dtype == PW_Q6_K)
            pack_q6_k(args, &at, src, row);
        else
            pack_with_minima(args, &at, src, row);
    }
}

#define PLANES(format, dtype)                                                                      \
    static size_t format##_bytes(int64_t k)                                                        \
    {                                                                                              \
        return bytes_of(dtype, k);                                                                 \
    }                                                                                              \
    const pw_packing pw_planes_##format = {                                                        \
        .name = "planes_" #format, .panel_bytes = format##_bytes, .pack = pack}

PLANES(f32, PW_F32);
PLANES(f16, PW_F16);
PLANES(bf16, PW_BF16);
PLANES(q4_0, PW_Q4_0);
PLANES(q4_1, PW_Q4_1);
PLANES(q8_0, PW_Q8_0);
PLANES(q4_k, PW_Q4_K);
PLANES(q5_k, PW_Q5_K);
PLANES(q6_k, PW_Q6_K);
