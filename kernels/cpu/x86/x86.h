/* What the tuned x86 files offer to the catalogue in kernels/cpu/rows.c. */
#ifndef PW_KERNELS_CPU_X86_X86_H
#define PW_KERNELS_CPU_X86_X86_H

#include "kernels/kernel.h"

/* ---- MATMUL, 8-bit integer products ---- */

/* Weights in bricks (kernels/cpu/pack.h) of the format that src[0].dtype says, activations Q8X; all
 * have the same order of sums. `few` takes up to PW_FEW tokens and streams the bricks; the other
 * takes any number and unpacks them into its scratch. */
enum { PW_FEW = 8 };

pw_cpu_fn pw_matmul_int8_avx512vnni, pw_matmul_int8_few_avx512vnni, pw_matmul_int8_avxvnni,
    pw_matmul_int8_few_avxvnni, pw_matmul_int8_avx2, pw_matmul_int8_few_avx2;

/* Bytes of scratch of the rows for any number of tokens. */
size_t pw_matmul_int8_scratch(const pw_call *shape);

/* ---- MATMUL, bf16 products ---- */

/* Weights in pw_brick_bf16, activations B16X. One sum a lane and token over pairs of k, in order. */
pw_cpu_fn pw_matmul_bf16_avx512bf16;

/* Bytes of scratch. */
size_t pw_matmul_bf16_scratch(const pw_call *shape);

/* ---- MATMUL, f32 products ---- */

/* Weights in the panels or bricks of the format that src[0].dtype says, activations f32:
 * c = fma(w, x, c) over k in order, from 0. Both widths give the same bits. */
pw_cpu_fn pw_matmul_f32_avx2, pw_matmul_f32_avx512;

/* Bytes of scratch of both. */
size_t pw_matmul_f32_scratch(const pw_call *shape);

/* ---- ATTENTION and KV_STORE ---- */

/* Pages in the packings of kernels/cpu/kv_lanes.h: avx512bf16 multiplies in bf16 and takes bf16 pages,
 * the others in f32 and take any; how the axis is cut is in attention.c. */
pw_cpu_fn pw_attention_avx512bf16, pw_attention_merge_avx512bf16, pw_attention_avx512,
    pw_attention_merge_avx512, pw_attention_avx2, pw_attention_merge_avx2;
int64_t pw_attention_extent(const pw_call *call);
int64_t pw_attention_merge_extent(const pw_call *call);
size_t pw_attention_scratch(const pw_call *shape);
size_t pw_attention_shared(const pw_call *shape);

pw_cpu_fn pw_kv_store_avx2;
size_t pw_kv_store_scratch(const pw_call *shape);

/* ---- CAST, NORM, GLU, ROPE, ADD, EMBED ---- */

/* As in kernels/op.h, without scratch; both widths give the same bits. */
pw_cpu_fn pw_norm_avx2, pw_cast_avx2, pw_glu_avx2, pw_add_avx2, pw_rope_avx2;
pw_cpu_fn pw_norm_avx512, pw_cast_avx512, pw_glu_avx512, pw_add_avx512, pw_rope_avx512;

#endif
