#include <string.h>

#include "kernels/cpu/kv_lanes.h"
#include "kernels/cpu/x86/cast.h"
#include "kernels/cpu/x86/x86.h"
#include "kernels/quant.h"
#include "pw/num.h"

enum { LANES = 16, BLOCK = 32, BLOCK_BYTES = 34 };

size_t pw_kv_store_scratch(const pw_call *shape)
{
    return pw_align_up((size_t)shape->params.head_dim * sizeof(float), 64);
}

static void put16(char *to, const uint8_t *from)
{
    memcpy(to, from, 2);
}

/* Puts a row of d values, encoded in `row`, into the lanes of position `slot`. */
static void put_keys_f32(char *keys, int64_t slot, const uint8_t *row, int64_t d)
{
    char *to = keys + (slot / LANES * d * LANES + slot % LANES) * 4;
    for (int64_t i = 0; i < d; i++) memcpy(to + i * LANES * 4, row + 4 * i, 4);
}

static void put_values_f32(char *values, int64_t slot, const uint8_t *row, int64_t d)
{
    memcpy(values + slot * pw_kv_padded(d) * 4, row, (size_t)d * 4);
}

static void put_keys_f16(char *keys, int64_t slot, const uint8_t *row, int64_t d)
{
    char *to = keys + (slot / LANES * d * LANES + slot % LANES) * 2;
    for (int64_t i = 0; i < d; i++) put16(to + i * LANES * 2, row + 2 * i);
}

static void put_values_f16(char *values, int64_t slot, const uint8_t *row, int64_t d)
{
    memcpy(values + slot * pw_kv_padded(d) * 2, row, (size_t)d * 2);
}

static void put_keys_bf16(char *keys, int64_t slot, const uint8_t *row, int64_t d)
{
    enum { LINE = 64, STEP = 2 * LINE }; /* both halves of a block */
    char *to = keys + slot / BLOCK * pw_kv_even(d) / 2 * STEP + slot % BLOCK / LANES * LINE +
               slot % LANES * 4;
    for (int64_t i = 0; i + 1 < d; i += 2) memcpy(to + i / 2 * STEP, row + 2 * i, 4);
    if ((d & 1) != 0) put16(to + d / 2 * STEP, row + 2 * (d - 1));
}

static void put_values_bf16(char *values, int64_t slot, const uint8_t *row, int64_t d)
{
    char *to = values + slot / 2 * pw_kv_padded(d) * 4 + slot % 2 * 2;
    for (int64_t i = 0; i < d; i++) put16(to + 4 * i, row + 2 * i);
}

static void put_keys_q8_0(char *keys, int64_t slot, const uint8_t *row, int64_t d)
{
    char *to = keys + slot / LANES * d * LANES + slot % LANES;
    char *scales = keys + PW_PAGE * d + (slot / LANES * (d / BLOCK) * LANES + slot % LANES) * 2;
    for (int64_t b = 0; b < d / BLOCK; b++, row += BLOCK_BYTES) {
        put16(scales + b * LANES * 2, row);
        for (int64_t i = 0; i < BLOCK; i++) to[(b * BLOCK + i) * LANES] = (char)row[2 + i];
    }
}

static void put_values_q8_0(char *values, int64_t slot, const uint8_t *row, int64_t d)
{
    char *scales = values + PW_PAGE * d + slot * (d / BLOCK) * 2;
    for (int64_t b = 0; b < d / BLOCK; b++, row += BLOCK_BYTES) {
        put16(scales + b * 2, row);
        memcpy(values + slot * d + b * BLOCK, row + 2, BLOCK);
    }
}

typedef void put_fn(char *to, int64_t slot, const uint8_t *row, int64_t d);

/* A row of d values in the format of the pages, in `scratch` or where it is. */
static const uint8_t *encode(pw_dtype dtype, const float *x, void *scratch, int64_t d)
{
    if (dtype == PW_F32) return (const uint8_t *)x;
    if (dtype == PW_F16)
        pw_cast_f16(x, scratch, d);
    else if (dtype == PW_BF16)
        pw_cast_bf16(x, scratch, d);
    else
        pw_quantize(dtype, x, scratch, d);
    return scratch;
}

/* Keys and values of the batch into their pages.
 *   src[0]  k  [d, hk, n]  f32
 *   src[1]  v  [d, hk, n]  f32
 *   dst        pool in a packing of kernels/cpu/kv_lanes.h
 * scratch: pw_kv_store_scratch. */
void pw_kv_store_avx2(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    static put_fn *const puts[PW_I32][2] = {
        [PW_F32] = {put_keys_f32, put_values_f32},
        [PW_F16] = {put_keys_f16, put_values_f16},
        [PW_BF16] = {put_keys_bf16, put_values_bf16},
        [PW_Q8_0] = {put_keys_q8_0, put_values_q8_0},
    };
    const pw_dtype dtype = call->params.kv->dtype;
    const int64_t d = call->params.head_dim, heads = call->params.kv_heads;
    const size_t head_bytes = pw_kv_lanes_head(dtype, d), key_bytes = pw_kv_lanes_keys(dtype, d);

    const pw_sequence *sequence = call->batch->sequences;
    for (int64_t row = begin; row < end; row++) {
        while (row >= sequence->first + sequence->count) sequence++;
        const int64_t pos = sequence->pos + row - sequence->first;
        char *page = (char *)call->dst.data +
                     (size_t)sequence->pages[pos / PW_PAGE] * (size_t)call->dst.n[0];
        for (int64_t h = 0; h < heads; h++) {
            char *keys = page + (size_t)h * head_bytes, *values = keys + key_bytes;
            const float *k = pw_row(&call->src[0], row * heads + h);
            puts[dtype][0](keys, pos % PW_PAGE, encode(dtype, k, scratch, d), d);
            const float *v = pw_row(&call->src[1], row * heads + h);
            puts[dtype][1](values, pos % PW_PAGE, encode(dtype, v, scratch, d), d);
        }
    }
}
