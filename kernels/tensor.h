/* A tensor is a view: data, dtype, shape, strides. It owns nothing. */
#ifndef PW_KERNELS_TENSOR_H
#define PW_KERNELS_TENSOR_H

#include "kernels/dtype.h"

enum { PW_MAX_DIMS = 3 };

typedef struct pw_tensor {
    void *data;                  /* NULL while planning */
    int64_t n[PW_MAX_DIMS];      /* [fastest, ..., slowest]; unused dimensions are 1 */
    int64_t stride[PW_MAX_DIMS]; /* bytes from one index to the next; [0] is of a block. Opaque
                                  * formats and packed weights have no strides: 0 */
    pw_dtype dtype;
} pw_tensor;

/* Row `i`, counted over all dimensions but the fastest. */
static inline void *pw_row(const pw_tensor *t, int64_t i)
{
    const int64_t i1 = i % t->n[1], i2 = i / t->n[1];
    return (char *)t->data + i1 * t->stride[1] + i2 * t->stride[2];
}

static inline int64_t pw_rows(const pw_tensor *t)
{
    return t->n[1] * t->n[2];
}

static inline int64_t pw_elements(const pw_tensor *t)
{
    return t->n[0] * t->n[1] * t->n[2];
}

/* A dense tensor [n0, n1, n2] over `data` (may be NULL). */
pw_tensor pw_tensor_of(pw_dtype dtype, int64_t n0, int64_t n1, int64_t n2, void *data);

/* Bytes of a dense tensor of any dtype, opaque ones included; false if that does not fit. */
bool pw_tensor_bytes(pw_dtype dtype, int64_t n0, int64_t n1, int64_t n2, size_t *out);

#endif
