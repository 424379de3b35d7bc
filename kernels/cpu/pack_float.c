/* Panels of F32, F16 and BF16: values one beside the other in the order of k, no scales. */
#include <assert.h>
#include <string.h>

#include "kernels/cpu/pack.h"

enum { STRETCH = 64 }; /* values of k at a time, so that what is written stays in the first cache */

/* Values [0, count) of every lane, `bytes` each, to [count][32]; zeros where a lane has no row. */
static void spread(const pw_pack *args, int64_t first, int64_t count, size_t bytes, char *to)
{
    for (int64_t lane = 0; lane < PW_LANES; lane++) {
        const char *row = (const char *)pw_pack_row(args, lane);
        char *at = to + (size_t)lane * bytes;
        for (int64_t i = 0; i < count; i++, at += PW_LANES * bytes) {
            if (row != NULL)
                memcpy(at, row + (size_t)(first + i) * bytes, bytes);
            else
                memset(at, 0, bytes);
        }
    }
}

static void pack_f32(const pw_pack *args)
{
    for (int64_t first = 0; first < args->k; first += STRETCH) {
        const int64_t count = args->k - first < STRETCH ? args->k - first : STRETCH;
        spread(args, first, count, 4, (char *)args->dst + first * PW_LANES * 4);
    }
}

static void pack_f16(const pw_pack *args)
{
    for (int64_t first = 0; first < args->k; first += STRETCH) {
        const int64_t count = args->k - first < STRETCH ? args->k - first : STRETCH;
        spread(args, first, count, 2, (char *)args->dst + first * PW_LANES * 2);
    }
}

/* Pairs of k are moved as one dword; the last is half zero where k is odd. */
static void pack_bf16(const pw_pack *args)
{
    const int64_t pairs = args->k / 2;
    char *to = args->dst;
    for (int64_t first = 0; first < pairs; first += STRETCH) {
        const int64_t count = pairs - first < STRETCH ? pairs - first : STRETCH;
        spread(args, first, count, 4, to + first * PW_LANES * 4);
    }
    if (args->k % 2 == 0) return;
    to += pairs * PW_LANES * 4;
    memset(to, 0, PW_LANES * 4);
    for (int64_t lane = 0; lane < PW_LANES; lane++) {
        const char *row = (const char *)pw_pack_row(args, lane);
        if (row != NULL) memcpy(to + lane * 4, row + pairs * 4, 2);
    }
}

static size_t bytes_f32(int64_t k)
{
    return (size_t)k * PW_LANES * 4;
}

static size_t bytes_f16(int64_t k)
{
    return (size_t)k * PW_LANES * 2;
}

static size_t bytes_bf16(int64_t k)
{
    return (size_t)((k + 1) / 2) * PW_LANES * 4;
}

const pw_packing pw_brick_f32 = {"brick_f32", bytes_f32, pack_f32};
const pw_packing pw_brick_f16 = {"brick_f16", bytes_f16, pack_f16};
const pw_packing pw_brick_bf16 = {"brick_bf16", bytes_bf16, pack_bf16};
