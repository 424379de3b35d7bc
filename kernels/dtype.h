/* The number formats: those of files first, then those that only activations have. */
#ifndef PW_KERNELS_DTYPE_H
#define PW_KERNELS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pw_dtype {
    PW_F32,
    PW_F16,
    PW_BF16,
    PW_Q4_0,
    PW_Q4_1,
    PW_Q5_0,
    PW_Q5_1,
    PW_Q8_0,
    PW_Q2_K,
    PW_Q3_K,
    PW_Q4_K,
    PW_Q5_K,
    PW_Q6_K,
    PW_IQ1_S,
    PW_IQ1_M,
    PW_IQ2_XXS,
    PW_IQ2_XS,
    PW_IQ2_S,
    PW_IQ3_XXS,
    PW_IQ3_S,
    PW_IQ4_NL,
    PW_IQ4_XS,
    PW_MXFP4,
    PW_TQ1_0,
    PW_TQ2_0,
    PW_I32,     /* token ids and row numbers */
    PW_Q8X,     /* activations: 8 bits, see kernels/act.h */
    PW_B16X,    /* activations: bf16 in slabs, see kernels/act.h */
    PW_KV_POOL, /* a layer's pages of keys and values, see kernels/kv.h */
    PW_DTYPE_COUNT
} pw_dtype;

typedef struct pw_dtype_info {
    const char *name;   /* as in GGUF tools: "Q4_K" */
    int32_t ggml_type;  /* its number in GGUF files; -1: not in files */
    int64_t block;      /* values a block */
    size_t block_bytes; /* 0: opaque */
} pw_dtype_info;

/* Never NULL for dtype < PW_DTYPE_COUNT. */
const pw_dtype_info *pw_dtype_get(pw_dtype dtype);

/* The dtype of a GGUF type number; PW_DTYPE_COUNT where it is not known. */
pw_dtype pw_dtype_from_ggml(uint32_t ggml_type);

/* The dtype of a name, case ignored; PW_DTYPE_COUNT where it is not known. */
pw_dtype pw_dtype_from_name(const char *name);

/* Bytes of a row of k values; false where k is not a multiple of the block or the size overflows. */
bool pw_dtype_row_bytes(pw_dtype dtype, int64_t k, size_t *out);

#endif
