/* Integer matmul without VNNI: products of unsigned and signed bytes in pairs (vpmaddubsw), summed in
 * 16 bits as long as no sum can pass 32767, then in 32. */
#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

enum { TILE = 2, SIGNED8 = true };

/* K-steps until 16 bits could be too few: a k-step adds two products to a sum. */
PW_INLINE int run_of(pw_values values)
{
    switch (values) {
    case PW_BITS4: return 8;  /* 8 x 2 x 15 x 127 = 30480 */
    case PW_BITS5: return 4;  /* 4 x 2 x 31 x 127 = 31496 */
    case PW_HALVES: return 2; /* 2 x 2 x 32 x 255 = 32640 */
    case PW_BITS8: break;     /* 1 x 2 x 128 x 127 = 32512 */
    }
    return 1;
}

PW_INLINE __m256i pairs(pw_values values, __m256i w, __m256i size, __m256i x)
{
    if (values == PW_HALVES) return _mm256_maddubs_epi16(x, w);
    if (values == PW_BITS8) return _mm256_maddubs_epi16(size, _mm256_sign_epi8(x, w));
    return _mm256_maddubs_epi16(w, x);
}

/* Loops over k-steps are left to run: unrolled, a compiler may add in another order, and then has too
 * few registers. */
PW_INLINE void dots(pw_values values, const pw_part_256 *part, int count,
                    __m256i out[PW_TILE_256][PW_QUARTERS])
{
    const int run = run_of(values), steps = values == PW_HALVES ? 4 : 8;
    PW_UNROLL
    for (int first = 0; first < steps; first += run) {
        __m256i sum[TILE][PW_QUARTERS];
        PW_UNROLL
        for (int i = 0; i < PW_QUARTERS * count; i++)
            sum[i / PW_QUARTERS][i % PW_QUARTERS] = _mm256_setzero_si256();

        PW_UNROLL
        for (int j = first; j < first + run; j++) {
            __m256i x[TILE];
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                x[t] = pw_four_256(part->q[t] + 4 * j);
                if (values == PW_HALVES) x[t] = _mm256_xor_si256(x[t], _mm256_set1_epi8(INT8_MIN));
            }
            PW_UNROLL
            for (int g = 0; g < PW_QUARTERS; g++) {
                const __m256i line = pw_load_256(part->w + j * 128 + g * 32);
                const __m256i size = _mm256_abs_epi8(line);
                PW_UNROLL
                for (int t = 0; t < count; t++)
                    sum[t][g] = _mm256_adds_epi16(sum[t][g], pairs(values, line, size, x[t]));
            }
        }
        PW_UNROLL
        for (int i = 0; i < PW_QUARTERS * count; i++) {
            const int t = i / PW_QUARTERS, g = i % PW_QUARTERS;
            const __m256i old = first == 0 ? pw_start_256(values, part, t, g) : out[t][g];
            const __m256i more = _mm256_madd_epi16(sum[t][g], _mm256_set1_epi16(1));
            out[t][g] = _mm256_add_epi32(old, more);
        }
    }
}

static const pw_isa_256 isa = {.dots = dots, .tile = TILE, .signed8 = SIGNED8};

static void tile_bits4(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS4, false, isa, count);
}

static void tile_bits4m(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS4, true, isa, count);
}

static void tile_bits5(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS5, false, isa, count);
}

static void tile_bits5m(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS5, true, isa, count);
}

static void tile_bits8(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_BITS8, false, isa, count);
}

static void tile_halves(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_HALVES, false, isa, count);
}

static void unpack_q4_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q4_0, SIGNED8, brick, nb, to, w);
}

static void unpack_q4_1(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q4_1, SIGNED8, brick, nb, to, w);
}

static void unpack_q5_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q5_0, SIGNED8, brick, nb, to, w);
}

static void unpack_q5_1(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q5_1, SIGNED8, brick, nb, to, w);
}

static void unpack_q8_0(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q8_0, SIGNED8, brick, nb, to, w);
}

static void unpack_q4_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q4_K, SIGNED8, brick, nb, to, w);
}

static void unpack_q5_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q5_K, SIGNED8, brick, nb, to, w);
}

static void unpack_q6_k(const uint8_t *brick, int64_t nb, pw_tiled_scratch *to, pw_bytes *w)
{
    pw_unpack_256(PW_Q6_K, SIGNED8, brick, nb, to, w);
}

typedef struct format {
    pw_unpack_fn_256 *unpack;
    pw_tile_fn_256 *tile;
} format;

static const format formats[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = {unpack_q4_0, tile_bits4},  [PW_Q4_1] = {unpack_q4_1, tile_bits4m},
    [PW_Q5_0] = {unpack_q5_0, tile_bits5},  [PW_Q5_1] = {unpack_q5_1, tile_bits5m},
    [PW_Q8_0] = {unpack_q8_0, tile_bits8},  [PW_Q4_K] = {unpack_q4_k, tile_bits4m},
    [PW_Q5_K] = {unpack_q5_k, tile_bits5m}, [PW_Q6_K] = {unpack_q6_k, tile_halves},
};

void pw_matmul_int8_avx2(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const format *f = &formats[call->src[0].dtype];
    pw_sweep_256 s = {.isa = isa, .unpack = f->unpack, .tile = f->tile};
    pw_matmul_256(&s, call, begin, end, scratch);
}
