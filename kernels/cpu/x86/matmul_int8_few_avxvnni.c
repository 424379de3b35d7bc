/* Integer matmul for one to three tokens by VNNI in 256-bit registers. */
#include "kernels/cpu/x86/int8_few_256.h"

enum { SIGNED8 = false };

PW_INLINE void dots(pw_dtype dtype, const uint8_t *block, int quarter,
                    const int8_t *const x[PW_FEW], int count, __m256i out[2][PW_FEW])
{
    PW_UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i w[2];
        pw_steps_256(dtype, block, i, quarter, w);
        PW_UNROLL
        for (int j = 0; j < 2 * count; j++) {
            const int h = j & 1, t = j >> 1, to = dtype == PW_Q6_K ? h : 0;
            const __m256i four = pw_four_256(x[t] + (4 * h + i) * 4);
            __m256i *dot = &out[to][t];
            *dot = dtype == PW_Q6_K ? _mm256_dpbusd_avx_epi32(*dot, _mm256_abs_epi8(w[h]),
                                                              _mm256_sign_epi8(four, w[h]))
                                    : _mm256_dpbusd_avx_epi32(*dot, w[h], four);
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

void pw_matmul_int8_few_avxvnni(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)scratch;
    assert(pw_rows(&call->src[1]) <= PW_FEW && begin % pw_panel_rows(call) == 0);
    formats[call->src[0].dtype](call, begin, end);
}
