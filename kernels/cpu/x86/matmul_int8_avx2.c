/* Integer matmul without VNNI. Weights of up to 6 bits: products of unsigned and signed bytes in pairs
 * (vpmaddubsw), summed in 16 bits as long as no sum can pass 32767, then in 32. Weights of 8 bits, which
 * would pass it at once: both widened to 16 bits (vpmaddwd), those of a brick once for all tokens. */
#include "kernels/cpu/x86/int8_256.h"
#include "kernels/cpu/x86/x86.h"

enum {
    TILE = 2,
    FEW = 16 /* tokens for which words are not written first */
};

/* K-steps until 16 bits could be too few: a k-step adds two products to a sum. */
PW_INLINE int run_of(pw_values values)
{
    switch (values) {
    case PW_BITS4: return 8;  /* 8 x 2 x 15 x 127 = 30480 */
    case PW_BITS5: return 4;  /* 4 x 2 x 31 x 127 = 31496 */
    case PW_HALVES: return 4; /* 4 x 2 x 32 x 127 = 32512, when what 128 added is taken away */
    case PW_BITS8:
    case PW_WORDS: break;
    }
    return 1;
}

/* A value that is loaded into a register, and not again for each of its uses. */
PW_INLINE __m256i once(__m256i value)
{
    __asm__("" : "+x"(value));
    return value;
}

/* ---- Up to 6 bits ---------------------------------------------------------------------------- */

/* Sums in 16 bits over the k-steps [first, first + run). */
PW_INLINE void run_dots(pw_values values, const pw_part_256 *part, int count, int first, int run,
                        __m256i sum[PW_TILE_256][PW_QUARTERS])
{
    const __m256i flip = _mm256_set1_epi8(INT8_MIN);
    PW_UNROLL
    for (int j = first; j < first + run; j++) {
        __m256i x[PW_TILE_256] = {_mm256_setzero_si256()};
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            x[t] = pw_four_256(part->q[t] + 4 * j);
            if (values == PW_HALVES) x[t] = _mm256_xor_si256(x[t], flip);
        }
        PW_UNROLL
        for (int g = 0; g < PW_QUARTERS; g++) {
            const __m256i w = once(pw_load_256(part->w + j * 128 + g * 32));
            const __m256i less = pw_load_256(part->start + g * PW_QUARTER);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                const __m256i two = values == PW_HALVES ? _mm256_maddubs_epi16(x[t], w)
                                                        : _mm256_maddubs_epi16(w, x[t]);
                sum[t][g] = j > first             ? pw_add16_256(sum[t][g], two)
                            : values == PW_HALVES ? _mm256_sub_epi16(two, less)
                                                  : two;
            }
        }
    }
}

PW_INLINE void byte_dots(pw_values values, const pw_part_256 *part, int count,
                         __m256i out[PW_TILE_256][PW_QUARTERS])
{
    const int run = run_of(values), steps = values == PW_HALVES ? 4 : 8;
    PW_UNROLL
    for (int first = 0; first < steps; first += run) {
        __m256i sum[PW_TILE_256][PW_QUARTERS];
        run_dots(values, part, count, first, run, sum);
        PW_UNROLL
        for (int i = 0; i < PW_QUARTERS * count; i++) {
            const int t = i / PW_QUARTERS, g = i % PW_QUARTERS;
            const __m256i four = _mm256_madd_epi16(sum[t][g], _mm256_set1_epi16(1));
            const __m256i old = first == 0 ? pw_start_256(values, part, t) : out[t][g];
            out[t][g] = values == PW_HALVES ? four : pw_add32_256(old, four);
        }
    }
}

/* ---- 8 bits ---------------------------------------------------------------------------------- */

/* The even and the odd values of a block of x, in 16 bits. */
PW_INLINE void widen(const int8_t *q, int16_t to[2][PW_BLOCK / 2])
{
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q);
    pw_save_256(to[0], _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    pw_save_256(to[1], _mm256_srai_epi16(x, 8));
}

/* The even and the odd values of a k-step and of quarter `g` of the lanes, in 16 bits. */
PW_INLINE void words_of(pw_values values, const pw_part_256 *part, int j, int g, __m256i out[2])
{
    if (values == PW_WORDS) {
        out[0] = once(pw_load_256(part->w + j * 256 + g * 32));
        out[1] = once(pw_load_256(part->w + j * 256 + 128 + g * 32));
    } else {
        const __m256i w = pw_load_256(part->w + j * 128 + g * 32);
        out[0] = _mm256_and_si256(w, _mm256_set1_epi16(0xff));
        out[1] = _mm256_srli_epi16(w, 8);
    }
}

PW_INLINE void word_dots(pw_values values, const pw_part_256 *part, int count,
                         __m256i out[PW_TILE_256][PW_QUARTERS])
{
    int16_t x[PW_TILE_256][2][PW_BLOCK / 2] PW_ALIGNED(32);
    PW_UNROLL
    for (int t = 0; t < count; t++) {
        widen(part->q[t], x[t]);
        PW_UNROLL
        for (int g = 0; g < PW_QUARTERS; g++) out[t][g] = pw_start_256(values, part, t);
    }
    for (int j = 0; j < 8; j++) {
        __m256i even[PW_TILE_256] = {_mm256_setzero_si256()};
        __m256i odd[PW_TILE_256] = {_mm256_setzero_si256()};
        PW_UNROLL
        for (int t = 0; t < count; t++) {
            even[t] = pw_four_256((const int8_t *)&x[t][0][2 * j]);
            odd[t] = pw_four_256((const int8_t *)&x[t][1][2 * j]);
        }
        PW_UNROLL
        for (int g = 0; g < PW_QUARTERS; g++) {
            __m256i w[2];
            words_of(values, part, j, g, w);
            PW_UNROLL
            for (int t = 0; t < count; t++) {
                out[t][g] = pw_add32_256(out[t][g], _mm256_madd_epi16(w[0], even[t]));
                out[t][g] = pw_add32_256(out[t][g], _mm256_madd_epi16(w[1], odd[t]));
            }
        }
    }
}

PW_INLINE void dots(pw_values values, const pw_part_256 *part, int count,
                    __m256i out[PW_TILE_256][PW_QUARTERS])
{
    if (values == PW_BITS8 || values == PW_WORDS)
        word_dots(values, part, count, out);
    else
        byte_dots(values, part, count, out);
}

static const pw_isa_256 isa = {.dots = dots, .tile = TILE};

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

static void tile_words(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_WORDS, false, isa, count);
}

static void tile_halves(const pw_tile_256 *a, int64_t count)
{
    pw_tile_sized_256(a, PW_HALVES, false, isa, count);
}

static pw_tile_fn_256 *const tiles[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = tile_bits4,  [PW_Q4_1] = tile_bits4m, [PW_Q5_0] = tile_bits5,
    [PW_Q5_1] = tile_bits5m, [PW_Q8_0] = tile_bits8,  [PW_Q4_K] = tile_bits4m,
    [PW_Q5_K] = tile_bits5m, [PW_Q6_K] = tile_halves,
};

void pw_matmul_int8_avx2(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    pw_sweep_256 s = {.isa = isa, .tile = tiles[call->src[0].dtype]};
    if (call->src[0].dtype == PW_Q8_0 && pw_rows(&call->src[1]) > FEW) {
        s.isa.words = true;
        s.tile = tile_words;
    }
    pw_matmul_256(&s, call, begin, end, scratch);
}
