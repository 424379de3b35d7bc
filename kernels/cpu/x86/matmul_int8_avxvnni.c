/* Integer matmul by VNNI in 256-bit registers. */
#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

enum { TILE = 3 };

PW_INLINE void dots(pw_values values, const pw_part_256 *part, int count,
                    __m256i out[PW_TILE_256][PW_QUARTERS])
{
    const int steps = values == PW_HALVES ? 4 : 8;
    PW_UNROLL
    for (int i = 0; i < PW_QUARTERS * count; i++) {
        const int t = i / PW_QUARTERS, g = i % PW_QUARTERS;
        const __m256i less = pw_load_256(part->start + g * PW_QUARTER);
        out[t][g] = values == PW_HALVES ? _mm256_madd_epi16(less, _mm256_set1_epi16(-1))
                                        : pw_start_256(values, part, t);
    }

    PW_UNROLL
    for (int j = 0; j < steps; j++) {
        __m256i x[PW_TILE_256] = {_mm256_setzero_si256()};
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            x[t] = pw_four_256(part->q[t] + 4 * j);
            if (values == PW_HALVES) x[t] = _mm256_xor_si256(x[t], _mm256_set1_epi8(INT8_MIN));
        }
        PW_UNROLL
        for (int g = 0; g < PW_QUARTERS; g++) {
            const __m256i line = pw_load_256(part->w + j * 128 + g * 32);
            PW_UNROLL
            for (int t = 0; t < count; t++)
                out[t][g] = values == PW_HALVES ? _mm256_dpbusd_avx_epi32(out[t][g], x[t], line)
                                                : _mm256_dpbusd_avx_epi32(out[t][g], line, x[t]);
        }
    }
}

static const pw_isa_256 isa = {.dots = dots, .tile = TILE};

static void tile_plain(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS8, false, isa, count);
}

static void tile_minima(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS8, true, isa, count);
}

static void tile_halves(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_HALVES, false, isa, count);
}

static pw_tile_fn_256 *const tiles[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = tile_plain,  [PW_Q4_1] = tile_minima, [PW_Q5_0] = tile_plain,
    [PW_Q5_1] = tile_minima, [PW_Q8_0] = tile_plain,  [PW_Q4_K] = tile_minima,
    [PW_Q5_K] = tile_minima, [PW_Q6_K] = tile_halves,
};

void pw_matmul_int8_avxvnni(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_sweep_256 s = {.isa = isa, .tile = tiles[call->src[0].dtype]};
    pw_matmul_256(&s, call, begin, end, scratch);
}
