#include "kernels/vulkan/rows.h"

#include "kernels/vulkan/planes.h"
#include "pw/num.h"

/* ---- Workgroups ------------------------------------------------------------------------------ */

static void a_row(const pw_call *call, uint32_t groups[3])
{
    groups[0] = (uint32_t)pw_rows(&call->dst);
}

static void a_head(const pw_call *call, uint32_t groups[3])
{
    groups[0] = (uint32_t)(call->src[0].n[2] * call->params.heads);
}

static void a_kv_head(const pw_call *call, uint32_t groups[3])
{
    groups[0] = (uint32_t)(call->src[0].n[2] * call->params.kv_heads);
}

static void a_panel(const pw_call *call, uint32_t groups[3])
{
    groups[0] = (uint32_t)pw_panels(call->src[0].n[1], false);
}

/* 64 rows of weights and 32 columns. */
static void a_tile(const pw_call *call, uint32_t groups[3])
{
    groups[0] = (uint32_t)pw_ceil_div(call->src[0].n[1], 2 * PW_PANEL);
    groups[1] = (uint32_t)pw_ceil_div(pw_rows(&call->src[1]), 32);
}

static bool fits_matmul(const pw_call *call)
{
    return call->src[1].n[2] == 1 && call->dst.n[2] == 1 && call->src[4].n[2] <= 1;
}

static bool fits_attention(const pw_call *call)
{
    return call->params.head_dim <= 256 && call->params.head_dim % 2 == 0;
}

static bool fits_store(const pw_call *call)
{
    return call->params.head_dim % 2 == 0;
}

/* ---- Shaders: made of the .comp files by the Makefile ---------------------------------------- */

#define CODE(name) extern const uint32_t pw_spv_##name[], pw_spv_##name##_end[]
#define SHADER(name, how, cols)                                                                    \
    CODE(name);                                                                                    \
    static const pw_shader name = {                                                                \
        .code = pw_spv_##name, .end = pw_spv_##name##_end, .groups = how, .columns = cols}
#include "kernels/vulkan/shaders.inc"

/* ---- Rows ------------------------------------------------------------------------------------ */

#define MATMUL                                                                                     \
    .op = PW_OP_MATMUL, .act = PW_F32, .order = "segments4", .grain = PW_PANEL,                    \
    .fits = fits_matmul, .epilogues = PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD
#define EMBED .op = PW_OP_EMBED, .order = "exact", .grain = 1
#define ROW   .order = "tree64", .grain = 1

static const pw_kernel rows[] = {
    /* clang-format off */
    {MATMUL, .name = "matmul_f32_vulkan", .weight = PW_F32, .packing = &pw_planes_f32, .shader = &matmul_f32},
    {MATMUL, .name = "matmul_f16_vulkan", .weight = PW_F16, .packing = &pw_planes_f16, .shader = &matmul_f16},
    {MATMUL, .name = "matmul_bf16_vulkan", .weight = PW_BF16, .packing = &pw_planes_bf16, .shader = &matmul_bf16},
    {MATMUL, .name = "matmul_q4_0_vulkan", .weight = PW_Q4_0, .packing = &pw_planes_q4_0, .shader = &matmul_q4_0},
    {MATMUL, .name = "matmul_q4_1_vulkan", .weight = PW_Q4_1, .packing = &pw_planes_q4_1, .shader = &matmul_q4_1},
    {MATMUL, .name = "matmul_q8_0_vulkan", .weight = PW_Q8_0, .packing = &pw_planes_q8_0, .shader = &matmul_q8_0},
    {MATMUL, .name = "matmul_q4_k_vulkan", .weight = PW_Q4_K, .packing = &pw_planes_q4_k, .shader = &matmul_q4_k},
    {MATMUL, .name = "matmul_q5_k_vulkan", .weight = PW_Q5_K, .packing = &pw_planes_q5_k, .shader = &matmul_q5_k},
    {MATMUL, .name = "matmul_q6_k_vulkan", .weight = PW_Q6_K, .packing = &pw_planes_q6_k, .shader = &matmul_q6_k},
    {MATMUL, .name = "matmul_f32_few_vulkan", .weight = PW_F32, .packing = &pw_planes_f32, .shader = &few_f32, .max_n = 8},
    {MATMUL, .name = "matmul_f16_few_vulkan", .weight = PW_F16, .packing = &pw_planes_f16, .shader = &few_f16, .max_n = 8},
    {MATMUL, .name = "matmul_bf16_few_vulkan", .weight = PW_BF16, .packing = &pw_planes_bf16, .shader = &few_bf16, .max_n = 8},
    {MATMUL, .name = "matmul_q4_0_few_vulkan", .weight = PW_Q4_0, .packing = &pw_planes_q4_0, .shader = &few_q4_0, .max_n = 8},
    {MATMUL, .name = "matmul_q4_1_few_vulkan", .weight = PW_Q4_1, .packing = &pw_planes_q4_1, .shader = &few_q4_1, .max_n = 8},
    {MATMUL, .name = "matmul_q8_0_few_vulkan", .weight = PW_Q8_0, .packing = &pw_planes_q8_0, .shader = &few_q8_0, .max_n = 8},
    {MATMUL, .name = "matmul_q4_k_few_vulkan", .weight = PW_Q4_K, .packing = &pw_planes_q4_k, .shader = &few_q4_k, .max_n = 8},
    {MATMUL, .name = "matmul_q5_k_few_vulkan", .weight = PW_Q5_K, .packing = &pw_planes_q5_k, .shader = &few_q5_k, .max_n = 8},
    {MATMUL, .name = "matmul_q6_k_few_vulkan", .weight = PW_Q6_K, .packing = &pw_planes_q6_k, .shader = &few_q6_k, .max_n = 8},
    {EMBED, .name = "embed_f32_vulkan", .weight = PW_F32, .shader = &embed_f32},
    {EMBED, .name = "embed_f16_vulkan", .weight = PW_F16, .shader = &embed_f16},
    {EMBED, .name = "embed_bf16_vulkan", .weight = PW_BF16, .shader = &embed_bf16},
    {EMBED, .name = "embed_q4_0_vulkan", .weight = PW_Q4_0, .shader = &embed_q4_0},
    {EMBED, .name = "embed_q4_1_vulkan", .weight = PW_Q4_1, .shader = &embed_q4_1},
    {EMBED, .name = "embed_q8_0_vulkan", .weight = PW_Q8_0, .shader = &embed_q8_0},
    {EMBED, .name = "embed_q4_k_vulkan", .weight = PW_Q4_K, .shader = &embed_q4_k},
    {EMBED, .name = "embed_q5_k_vulkan", .weight = PW_Q5_K, .shader = &embed_q5_k},
    {EMBED, .name = "embed_q6_k_vulkan", .weight = PW_Q6_K, .shader = &embed_q6_k},
    {ROW, .name = "norm_f32_vulkan", .op = PW_OP_NORM, .shader = &norm},
    {ROW, .name = "rope_f32_vulkan", .op = PW_OP_ROPE, .shader = &rope},
    {ROW, .name = "glu_f32_vulkan", .op = PW_OP_GLU, .shader = &glu},
    {ROW, .name = "add_f32_vulkan", .op = PW_OP_ADD, .shader = &add},
    {ROW, .name = "kv_store_f32_vulkan", .op = PW_OP_KV_STORE, .kv = &pw_kv_plain_f32, .fits = fits_store, .shader = &kv_store_f32},
    {ROW, .name = "kv_store_f16_vulkan", .op = PW_OP_KV_STORE, .kv = &pw_kv_plain_f16, .fits = fits_store, .shader = &kv_store_f16},
    {ROW, .name = "kv_store_bf16_vulkan", .op = PW_OP_KV_STORE, .kv = &pw_kv_plain_bf16, .fits = fits_store, .shader = &kv_store_bf16},
    {ROW, .name = "attention_f32_vulkan", .op = PW_OP_ATTENTION, .kv = &pw_kv_plain_f32, .fits = fits_attention, .shader = &attention_f32},
    {ROW, .name = "attention_f16_vulkan", .op = PW_OP_ATTENTION, .kv = &pw_kv_plain_f16, .fits = fits_attention, .shader = &attention_f16},
    {ROW, .name = "attention_bf16_vulkan", .op = PW_OP_ATTENTION, .kv = &pw_kv_plain_bf16, .fits = fits_attention, .shader = &attention_bf16},
    /* clang-format on */
};

pw_catalogue pw_vulkan_catalogue(void)
{
    return (pw_catalogue){rows, sizeof rows / sizeof *rows};
}
