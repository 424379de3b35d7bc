/* Keys and values live in pages of 64 positions: all KV heads of one layer. A pool is a layer's
 * pages one behind the other; a sequence holds page numbers, the same in every layer. */
#ifndef PW_KERNELS_KV_H
#define PW_KERNELS_KV_H

#include "kernels/tensor.h"

enum { PW_PAGE = 64 };

/* How a page is laid out: chosen with the ATTENTION row, shared by KV_STORE. */
typedef struct pw_kv_packing {
    const char *name; /* "kv_bf16_lanes" */
    pw_dtype dtype;   /* F32, F16, BF16, Q8_0 */
    /* Bytes of a page, a multiple of 64. A page is zeroed before it is first used: positions not
     * yet stored must read as finite numbers. */
    size_t (*page_bytes)(int64_t head_dim, int64_t kv_heads);
    bool (*fits)(int64_t head_dim);
} pw_kv_packing;

/* One sequence's part in a batch: rows [first, first + count) at positions pos, pos + 1, ... */
typedef struct pw_sequence {
    int64_t first, count, pos;
    const int32_t *pages; /* page of positions 64 i .. 64 i + 63 at pages[i] */
} pw_sequence;

/* What a batch is made of; the same for all layers. Rows of sequences are contiguous, in order. */
typedef struct pw_batch {
    const pw_sequence *sequences;
    int64_t n_sequences;
} pw_batch;

/* Plain layout, any dtype: K [64][kv_heads][head_dim] then V the same, each a row of the dtype. */
extern const pw_kv_packing pw_kv_plain_f32, pw_kv_plain_f16, pw_kv_plain_bf16, pw_kv_plain_q8_0;

#endif
