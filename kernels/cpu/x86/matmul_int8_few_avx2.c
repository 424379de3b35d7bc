/* Integer matmul for one to three tokens without VNNI: products of unsigned and signed bytes in pairs
 * (vpmaddubsw), summed in 16 bits as long as no sum can pass 32767, then in 32. */
#include "kernels/cpu/x86/int8_few_256.h"

enum { SIGNED8 = true };

/* K-steps of a half, of four, until 16 bits could be too few: a k-step adds two products to a sum. */
PW_INLINE int run_of(pw_dtype dtype)
{
    /* 1 x 2 x 128 x 127 = 32512; 4 x 2 x 32 x 127 = 32512, 4 x 2 x 31 x 127 = 31496; and of 4 bits
     * both halves, 8 x 2 x 15 x 127 = 30480 */
    return dtype == PW_Q8_0 ? 1 : 4;
}

PW_INLINE bool is_bits4(pw_dtype dtype)
{
    return dtype == PW_Q4_0 || dtype == PW_Q4_1 || dtype == PW_Q4_K;
}

/* Pairs of products: signed weights give their sign to the activations. */
PW_INLINE __m256i pairs(bool is_signed, __m256i w, __m256i x)
{
    return is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                     : _mm256_maddubs_epi16(w, x);
}

PW_INLINE void dots(pw_dtype dtype, const uint8_t *block, int quarter,
                    const int8_t *const x[PW_FEW], int count, __m256i out[2][PW_FEW])
{
    const bool is_signed = pw_few_signed(dtype, SIGNED8);
    const __m256i ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(INT8_MIN);
    const int run = run_of(dtype);
    __m256i sum[2][PW_FEW];
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i w[2];
        pw_steps_256(dtype, block, i, quarter, w);
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1;
            const int to = is_bits4(dtype) ? 0 : h;
            const __m256i value = dtype == PW_Q8_0 ? _mm256_xor_si256(w[h], flip) : w[h];
            const __m256i two = pairs(is_signed, value, pw_four_256(x[t] + (4 * h + i) * 4));
            sum[to][t] = i % run == 0 && to == h ? two : _mm256_add_epi16(sum[to][t], two);
        }
        if (i % run != run - 1) continue;
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1, to = dtype == PW_Q6_K ? h : 0;
            if (is_bits4(dtype) && h == 1) continue;
            out[to][t] = _mm256_add_epi32(out[to][t], _mm256_madd_epi16(sum[h][t], ones));
        }
    }
}

static void few_q4_0(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_0, dots, SIGNED8, call, begin, end);
}

static void few_q4_1(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_1, dots, SIGNED8, call, begin, end);
}

static void few_q5_0(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_0, dots, SIGNED8, call, begin, end);
}

static void few_q5_1(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_1, dots, SIGNED8, call, begin, end);
}

static void few_q8_0(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q8_0, dots, SIGNED8, call, begin, end);
}

static void few_q4_k(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q4_K, dots, SIGNED8, call, begin, end);
}

static void few_q5_k(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q5_K, dots, SIGNED8, call, begin, end);
}

static void few_q6_k(const pw_call *call, int64_t begin, int64_t end)
{
    pw_few_sized_256(PW_Q6_K, dots, SIGNED8, call, begin, end);
}

static pw_few_fn_256 *const formats[PW_DTYPE_COUNT] = {
    [PW_Q4_0] = few_q4_0, [PW_Q4_1] = few_q4_1, [PW_Q5_0] = few_q5_0, [PW_Q5_1] = few_q5_1,
    [PW_Q8_0] = few_q8_0, [PW_Q4_K] = few_q4_k, [PW_Q5_K] = few_q5_k, [PW_Q6_K] = few_q6_k,
};

void pw_matmul_int8_few_avx2(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    assert(pw_rows(&call->src[1]) <= PW_FEW && begin % pw_panel_rows(call) == 0);
    formats[call->src[0].dtype](call, begin, end);
}
