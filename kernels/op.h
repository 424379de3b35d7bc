/* The ops and their contracts. A contract is: formula, operands with shapes and dtypes, parallel
 * axis, tolerance, cost. The reference rows in kernels/ref/ are the same contracts in C.
 *
 * `n` is the number of rows (tokens) of the batch; shapes are [fastest, ..., slowest]. Unless said
 * otherwise tensors are f32, rows may be strided, and dst overlaps no source.
 *
 * PW_OP_EMBED    dst = rows of a matrix
 *   src[0] matrix [d, v] any file dtype    src[1] ids [n] i32, each in [0, v)    dst [d, n]
 *   axis n; exact. Gathers rows of activations (src[0] f32 [d, n']) too.
 *
 * PW_OP_NORM     dst = w x / sqrt(mean(x^2) + eps) a row
 *   src[0] w [d] f32    src[1] x [d, h, n]    dst [d, h, n] f32 (may be x itself), or for h = 1 an act
 *   axis rows of x; |err| <= 2^-20 |y| before rounding to the act. Zhang and Sennrich 2019, eq. 4.
 *
 * PW_OP_CAST     dst = x in an activation format, see kernels/act.h
 *   src[0] x [k, n]    dst [k, n] act    axis n; exact to pw_act_write
 *
 * PW_OP_MATMUL   dst = epilogue(w x)
 *   src[0] w [k, m] any file dtype or packed   src[1] x [k, n] f32 or the row's act   dst [m, n] f32
 *   epilogue GLU:  src[2] w2 [k, m], packed together with w;  dst = act(w x) (w2 x)
 *   epilogue BIAS: src[3] b [m] f32;           dst = w x + b
 *   epilogue ADD:  src[4] r [m, n], may be dst itself;  dst = w x + r
 *   axis m, in steps of the row's grain. |err| <= 2^-17 sum |w||x| before the epilogue, against the
 *   f64 reference over the operands in the row's own act format (2^-12 only for the minima of Q4_K
 *   and Q5_K in int16); one-hot activations through every position of a block, to 2^-20.
 *   cost 2 k m n flops; bytes(w) + bytes(x) + 4 m n bytes
 *
 * PW_OP_ROPE     dst = x rotated by position
 *   src[0] x [d, h, n]    src[1] table [r, n]: cos, sin of pair 0, of pair 1, ... (r <= d, even)
 *   dst [d, h, n], may be x itself. Pairs (2i, 2i+1), or (i, i + r/2) where params.rope.neox.
 *   Values from r on are copied. axis rows of x; |err| <= 2^-21 (|x0| + |x1|). Su et al. 2021.
 *
 * PW_OP_KV_STORE puts keys and values of the batch into pages
 *   src[0] k [d, hk, n]    src[1] v [d, hk, n]    dst pool    axis n
 *   rounded to the packing's dtype (nearest even; q8_0 as pw_quantize)
 *
 * PW_OP_ATTENTION dst = softmax(scale q K^T + mask) V, for each query head over its KV head
 *   src[0] q [d, h, n]    src[1] pool    dst [d, h, n] f32 or an act of [d h, n]
 *   Row i of a sequence sees positions max(0, p - window + 1) .. p, p = pos + i (window 0: all).
 *   Query head j reads KV head j / (h / hk). Axis: extent(call) tasks, see the row.
 *   Order: chunks of 256 keys from position 0, running maximum and sum over up to 2048 keys, then
 *   these parts merged in ascending order; equal bits for prefill and decode.
 *   |err| <= (2^-16 for f32 pages, 2^-7 for bf16 with probabilities in bf16) max |v|.
 *
 * PW_OP_GLU      dst = act(gate) up       src[0] gate [d, n]  src[1] up [d, n]  dst f32 or act; axis n
 *   |err| <= 2^-19 |y| before rounding to the act. SiLU: x / (1 + exp(-x)). Shazeer 2020.
 *
 * PW_OP_ADD      dst = a + b              src[0] a [d, n]  src[1] b [d, n] or [d, 1]  dst; axis n; exact */
#ifndef PW_KERNELS_OP_H
#define PW_KERNELS_OP_H

#include "kernels/kv.h"
#include "kernels/tensor.h"

typedef enum pw_op {
    PW_OP_EMBED,
    PW_OP_NORM,
    PW_OP_CAST,
    PW_OP_MATMUL,
    PW_OP_ROPE,
    PW_OP_KV_STORE,
    PW_OP_ATTENTION,
    PW_OP_GLU,
    PW_OP_ADD,
    PW_OP_COUNT
} pw_op;

/* What a matmul does on the way out; bits, as rows say which they can. In the order of applying. */
enum { PW_EPILOGUE_GLU = 1, PW_EPILOGUE_BIAS = 2, PW_EPILOGUE_ADD = 4 };

enum { PW_MAX_SRC = 5 };

typedef struct pw_params {
    uint32_t epilogues;                /* MATMUL */
    float eps;                         /* NORM */
    float scale;                       /* ATTENTION */
    int64_t heads, kv_heads, head_dim; /* ATTENTION, KV_STORE */
    int64_t window;                    /* ATTENTION; 0: none */
    bool neox;                         /* ROPE */
    const pw_kv_packing *kv; /* ATTENTION, KV_STORE: the packing of the pool, set by the pick */
} pw_params;

/* One op with its tensors: shapes only while planning, data too when it runs. The same struct
 * serves the graph, the pick, the cost model, the kernel, the test and the bench. */
typedef struct pw_call {
    pw_op op;
    pw_tensor dst;
    pw_tensor src[PW_MAX_SRC]; /* absent: n[0] = 0 */
    pw_params params;
    const pw_batch *batch; /* ATTENTION, KV_STORE; NULL while planning */
} pw_call;

const char *pw_op_name(pw_op op); /* "matmul" */

static inline bool pw_has(const pw_tensor *t)
{
    return t->n[0] != 0;
}

/* Units of the parallel axis of the contract (not for ATTENTION: the row's own `extent`). */
int64_t pw_op_extent(const pw_call *call);

/* Floating-point (or integer) operations of a call, and bytes that it cannot do without reading or
 * writing: each operand counts once, however often it is read. */
double pw_op_flops(const pw_call *call);
double pw_op_bytes(const pw_call *call);

#endif
