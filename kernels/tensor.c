#include "kernels/tensor.h"

#include "kernels/act.h"
#include "pw/num.h"

pw_tensor pw_tensor_of(pw_dtype dtype, int64_t n0, int64_t n1, int64_t n2, void *data)
{
    pw_tensor t = {.data = data, .n = {n0, n1, n2}, .dtype = dtype};
    size_t row;
    if (pw_dtype_get(dtype)->block_bytes == 0 || !pw_dtype_row_bytes(dtype, n0, &row)) return t;
    t.stride[0] = (int64_t)pw_dtype_get(dtype)->block_bytes;
    t.stride[1] = (int64_t)row;
    t.stride[2] = (int64_t)row * n1;
    return t;
}

bool pw_tensor_bytes(pw_dtype dtype, int64_t n0, int64_t n1, int64_t n2, size_t *out)
{
    size_t rows, row;
    if (n0 < 0 || n1 < 0 || n2 < 0 || !pw_mul((size_t)n1, (size_t)n2, &rows)) return false;
    if (dtype == PW_Q8X || dtype == PW_B16X) {
        /* At most 4 bytes a value with the scales; the exact size then cannot wrap. */
        size_t bound;
        if (!pw_act_takes(dtype, n0) || !pw_mul((size_t)n0 + PW_SLAB, 4, &bound) ||
            !pw_mul(bound, rows, &bound) || bound > SIZE_MAX / 2)
            return false;
        *out = pw_act_bytes(dtype, n0, (int64_t)rows);
        return true;
    }
    return pw_dtype_row_bytes(dtype, n0, &row) && pw_mul(row, rows, out);
}
