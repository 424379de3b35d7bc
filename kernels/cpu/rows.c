#include "kernels/cpu/rows.h"

#include "kernels/cpu/fault.h"
#include "kernels/features.h"
#include "kernels/ref/ref.h"

#if defined(__x86_64__)
#include "kernels/cpu/kv_lanes.h"
#include "kernels/cpu/pack.h"
#include "kernels/cpu/x86/x86.h"

/* What all rows of 8-bit integer products share, those for any number of tokens, those for few. */
#define INT8                                                                                       \
    .op = PW_OP_MATMUL, .act = PW_Q8X, .quantises = true, .order = "q8x", .grain = PW_PANEL,       \
    .max_task = 4 * PW_PANEL, .epilogues = PW_EPILOGUE_GLU | PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD
#define INT8_ANY INT8, .scratch = pw_matmul_int8_scratch
#define INT8_FEW INT8, .max_n = PW_FEW
/* What the rows of float products share, those that multiply in f32. */
#define FLOATS                                                                                     \
    .op = PW_OP_MATMUL, .grain = PW_PANEL, .max_task = 4 * PW_PANEL,                               \
    .epilogues = PW_EPILOGUE_GLU | PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD
#define F32_ANY FLOATS, .act = PW_F32, .order = "f32", .scratch = pw_matmul_f32_scratch
/* What the rows of attention share, those that multiply in f32, and what follows one of its forms. */
#define ATTENTION                                                                                  \
    .op = PW_OP_ATTENTION, .results = ACTS, .grain = 1, .max_task = 16,                            \
    .extent = pw_attention_extent, .scratch = pw_attention_scratch, .shared = pw_attention_shared, \
    .cpu.merge_extent = pw_attention_merge_extent
#define STORE                                                                                      \
    .op = PW_OP_KV_STORE, .order = "lanes", .grain = 1, .max_task = 64,                            \
    .scratch = pw_kv_store_scratch
#define ROW        .order = "v16", .grain = 1, .max_task = 64
#define ACTS       1u << PW_Q8X | 1u << PW_B16X
#define HAS_AVX2   PW_CPU_AVX2 | PW_CPU_FMA | PW_CPU_F16C
#define HAS_VNNI2  HAS_AVX2 | PW_CPU_AVXVNNI
#define HAS_VNNI5  HAS_AVX2 | PW_CPU_AVX512 | PW_CPU_AVX512VNNI
#define HAS_AVX512 HAS_AVX2 | PW_CPU_AVX512
#define HAS_BF16   HAS_AVX512 | PW_CPU_AVX512BF16
#endif

/* Every row of a quantising format names its act; what a member means is in kernels/kernel.h. */
static const pw_kernel rows[] = {
#if defined(__x86_64__)
    /* clang-format off */
    /* ---- MATMUL, 8-bit integer products ---- */
    {INT8_FEW, .name = "matmul_q4_0_few_avx512vnni", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q4_1_few_avx512vnni", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q5_0_few_avx512vnni", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q5_1_few_avx512vnni", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q8_0_few_avx512vnni", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q4_k_few_avx512vnni", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q5_k_few_avx512vnni", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_FEW, .name = "matmul_q6_k_few_avx512vnni", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_few_avx512vnni},
    {INT8_ANY, .name = "matmul_q4_0_avx512vnni", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q4_1_avx512vnni", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q5_0_avx512vnni", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q5_1_avx512vnni", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q8_0_avx512vnni", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q4_k_avx512vnni", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q5_k_avx512vnni", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_ANY, .name = "matmul_q6_k_avx512vnni", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_VNNI5, .rank = 4, .cpu.run = pw_matmul_int8_avx512vnni},
    {INT8_FEW, .name = "matmul_q4_0_few_avxvnni", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q4_1_few_avxvnni", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q5_0_few_avxvnni", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q5_1_few_avxvnni", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q8_0_few_avxvnni", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q4_k_few_avxvnni", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q5_k_few_avxvnni", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_FEW, .name = "matmul_q6_k_few_avxvnni", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_few_avxvnni},
    {INT8_ANY, .name = "matmul_q4_0_avxvnni", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q4_1_avxvnni", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q5_0_avxvnni", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q5_1_avxvnni", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q8_0_avxvnni", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q4_k_avxvnni", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q5_k_avxvnni", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_ANY, .name = "matmul_q6_k_avxvnni", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_VNNI2, .rank = 3, .cpu.run = pw_matmul_int8_avxvnni},
    {INT8_FEW, .name = "matmul_q4_0_few_avx2", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q4_1_few_avx2", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q5_0_few_avx2", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q5_1_few_avx2", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q8_0_few_avx2", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q4_k_few_avx2", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q5_k_few_avx2", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_FEW, .name = "matmul_q6_k_few_avx2", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_few_avx2},
    {INT8_ANY, .name = "matmul_q4_0_avx2", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q4_1_avx2", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q5_0_avx2", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q5_1_avx2", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q8_0_avx2", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q4_k_avx2", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q5_k_avx2", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},
    {INT8_ANY, .name = "matmul_q6_k_avx2", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_int8_avx2},

    /* ---- MATMUL, bf16 products ---- */
    {FLOATS, .name = "matmul_bf16_avx512bf16", .weight = PW_BF16, .packing = &pw_brick_bf16,
     .act = PW_B16X, .quantises = true, .order = "b16x", .scratch = pw_matmul_bf16_scratch,
     .needs = HAS_BF16, .rank = 4, .cpu.run = pw_matmul_bf16_avx512bf16},

    /* ---- MATMUL, f32 products ---- */
    {F32_ANY, .name = "matmul_f32_avx512", .weight = PW_F32, .packing = &pw_brick_f32,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_f16_avx512", .weight = PW_F16, .packing = &pw_brick_f16,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_bf16_avx512", .weight = PW_BF16, .packing = &pw_brick_bf16,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_f32_avx2", .weight = PW_F32, .packing = &pw_brick_f32,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_f16_avx2", .weight = PW_F16, .packing = &pw_brick_f16,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_bf16_avx2", .weight = PW_BF16, .packing = &pw_brick_bf16,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q4_0_f32_avx512", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q4_1_f32_avx512", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q5_0_f32_avx512", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q5_1_f32_avx512", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q8_0_f32_avx512", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q4_k_f32_avx512", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q5_k_f32_avx512", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q6_k_f32_avx512", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_AVX512, .rank = 1, .cpu.run = pw_matmul_f32_avx512},
    {F32_ANY, .name = "matmul_q4_0_f32_avx2", .weight = PW_Q4_0, .packing = &pw_brick_q4_0,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q4_1_f32_avx2", .weight = PW_Q4_1, .packing = &pw_brick_q4_1,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q5_0_f32_avx2", .weight = PW_Q5_0, .packing = &pw_brick_q5_0,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q5_1_f32_avx2", .weight = PW_Q5_1, .packing = &pw_brick_q5_1,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q8_0_f32_avx2", .weight = PW_Q8_0, .packing = &pw_brick_q8_0,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q4_k_f32_avx2", .weight = PW_Q4_K, .packing = &pw_brick_q4_k,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q5_k_f32_avx2", .weight = PW_Q5_K, .packing = &pw_brick_q5_k,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},
    {F32_ANY, .name = "matmul_q6_k_f32_avx2", .weight = PW_Q6_K, .packing = &pw_brick_q6_k,
     .needs = HAS_AVX2, .rank = 1, .cpu.run = pw_matmul_f32_avx2},

    /* ---- ATTENTION and KV_STORE ---- */
    {ATTENTION, .name = "attention_bf16_avx512bf16", .order = "bf16", .kv = &pw_kv_bf16_lanes,
     .needs = HAS_BF16, .rank = 4, .cpu.run = pw_attention_avx512bf16,
     .cpu.merge = pw_attention_merge_avx512bf16},
    {ATTENTION, .name = "attention_f32_avx512", .order = "f32", .kv = &pw_kv_f32_lanes,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_attention_avx512,
     .cpu.merge = pw_attention_merge_avx512},
    {ATTENTION, .name = "attention_f32_avx2", .order = "f32", .kv = &pw_kv_f32_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_attention_avx2,
     .cpu.merge = pw_attention_merge_avx2},
    {ATTENTION, .name = "attention_f16_avx512", .order = "f32", .kv = &pw_kv_f16_lanes,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_attention_avx512,
     .cpu.merge = pw_attention_merge_avx512},
    {ATTENTION, .name = "attention_f16_avx2", .order = "f32", .kv = &pw_kv_f16_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_attention_avx2,
     .cpu.merge = pw_attention_merge_avx2},
    {ATTENTION, .name = "attention_bf16_avx512", .order = "f32", .kv = &pw_kv_bf16_lanes,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_attention_avx512,
     .cpu.merge = pw_attention_merge_avx512},
    {ATTENTION, .name = "attention_bf16_avx2", .order = "f32", .kv = &pw_kv_bf16_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_attention_avx2,
     .cpu.merge = pw_attention_merge_avx2},
    {ATTENTION, .name = "attention_q8_0_avx512", .order = "f32", .kv = &pw_kv_q8_0_lanes,
     .needs = HAS_AVX512, .rank = 3, .cpu.run = pw_attention_avx512,
     .cpu.merge = pw_attention_merge_avx512},
    {ATTENTION, .name = "attention_q8_0_avx2", .order = "f32", .kv = &pw_kv_q8_0_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_attention_avx2,
     .cpu.merge = pw_attention_merge_avx2},
    {STORE, .name = "kv_store_f32_avx2", .kv = &pw_kv_f32_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_kv_store_avx2},
    {STORE, .name = "kv_store_f16_avx2", .kv = &pw_kv_f16_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_kv_store_avx2},
    {STORE, .name = "kv_store_bf16_avx2", .kv = &pw_kv_bf16_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_kv_store_avx2},
    {STORE, .name = "kv_store_q8_0_avx2", .kv = &pw_kv_q8_0_lanes,
     .needs = HAS_AVX2, .rank = 2, .cpu.run = pw_kv_store_avx2},

    /* ---- CAST, NORM, GLU, ROPE, ADD, EMBED ---- */
    {ROW, .name = "norm_f32_avx512", .op = PW_OP_NORM, .results = ACTS, .needs = HAS_AVX512, .rank = 3,
     .cpu.run = pw_norm_avx512},
    {ROW, .name = "norm_f32_avx2", .op = PW_OP_NORM, .results = ACTS, .needs = HAS_AVX2, .rank = 2,
     .cpu.run = pw_norm_avx2},
    {ROW, .name = "cast_f32_avx512", .op = PW_OP_CAST, .results = ACTS, .needs = HAS_AVX512, .rank = 3,
     .cpu.run = pw_cast_avx512},
    {ROW, .name = "cast_f32_avx2", .op = PW_OP_CAST, .results = ACTS, .needs = HAS_AVX2, .rank = 2,
     .cpu.run = pw_cast_avx2},
    {ROW, .name = "glu_f32_avx512", .op = PW_OP_GLU, .results = ACTS, .needs = HAS_AVX512, .rank = 3,
     .cpu.run = pw_glu_avx512},
    {ROW, .name = "glu_f32_avx2", .op = PW_OP_GLU, .results = ACTS, .needs = HAS_AVX2, .rank = 2,
     .cpu.run = pw_glu_avx2},
    {ROW, .name = "add_f32_avx512", .op = PW_OP_ADD, .needs = HAS_AVX512, .rank = 3,
     .cpu.run = pw_add_avx512},
    {ROW, .name = "add_f32_avx2", .op = PW_OP_ADD, .needs = HAS_AVX2, .rank = 2,
     .cpu.run = pw_add_avx2},
    {ROW, .name = "rope_f32_avx512", .op = PW_OP_ROPE, .needs = HAS_AVX512, .rank = 3,
     .cpu.run = pw_rope_avx512},
    {ROW, .name = "rope_f32_avx2", .op = PW_OP_ROPE, .needs = HAS_AVX2, .rank = 2,
     .cpu.run = pw_rope_avx2},

/* clang-format on */
#endif
#include "kernels/ref/rows.inc"
};

pw_catalogue pw_cpu_catalogue(void)
{
    const pw_catalogue all = {rows, sizeof rows / sizeof *rows};
#ifdef PW_FAULT
    return pw_cpu_fault(&all);
#else
    return all;
#endif
}
