#include "kernels/dtype.h"

#include <assert.h>
#include <strings.h>

#include "pw/num.h"

/* Numbers and sizes: ggml's type table, in its header ggml.h and in the GGUF specification. */
static const pw_dtype_info infos[PW_DTYPE_COUNT] = {
    // clang-format off
    [PW_F32]     = {"F32",      0,   1,   4},
    [PW_F16]     = {"F16",      1,   1,   2},
    [PW_BF16]    = {"BF16",    30,   1,   2},
    [PW_Q4_0]    = {"Q4_0",     2,  32,  18},
    [PW_Q4_1]    = {"Q4_1",     3,  32,  20},
    [PW_Q5_0]    = {"Q5_0",     6,  32,  22},
    [PW_Q5_1]    = {"Q5_1",     7,  32,  24},
    [PW_Q8_0]    = {"Q8_0",     8,  32,  34},
    [PW_Q2_K]    = {"Q2_K",    10, 256,  84},
    [PW_Q3_K]    = {"Q3_K",    11, 256, 110},
    [PW_Q4_K]    = {"Q4_K",    12, 256, 144},
    [PW_Q5_K]    = {"Q5_K",    13, 256, 176},
    [PW_Q6_K]    = {"Q6_K",    14, 256, 210},
    [PW_IQ1_S]   = {"IQ1_S",   19, 256,  50},
    [PW_IQ1_M]   = {"IQ1_M",   29, 256,  56},
    [PW_IQ2_XXS] = {"IQ2_XXS", 16, 256,  66},
    [PW_IQ2_XS]  = {"IQ2_XS",  17, 256,  74},
    [PW_IQ2_S]   = {"IQ2_S",   22, 256,  82},
    [PW_IQ3_XXS] = {"IQ3_XXS", 18, 256,  98},
    [PW_IQ3_S]   = {"IQ3_S",   21, 256, 110},
    [PW_IQ4_NL]  = {"IQ4_NL",  20,  32,  18},
    [PW_IQ4_XS]  = {"IQ4_XS",  23, 256, 136},
    [PW_MXFP4]   = {"MXFP4",   39,  32,  17},
    [PW_TQ1_0]   = {"TQ1_0",   34, 256,  54},
    [PW_TQ2_0]   = {"TQ2_0",   35, 256,  66},
    [PW_I32]     = {"I32",     -1,   1,   4},
    [PW_Q8X]     = {"Q8X",     -1,  32,   0},
    [PW_B16X]    = {"B16X",    -1,   1,   0},
    [PW_KV_POOL] = {"KV",      -1,   1,   0},
    // clang-format on
};

const pw_dtype_info *pw_dtype_get(pw_dtype dtype)
{
    assert(dtype < PW_DTYPE_COUNT);
    return &infos[dtype];
}

pw_dtype pw_dtype_from_ggml(uint32_t ggml_type)
{
    int dtype = 0;
    while (dtype < PW_DTYPE_COUNT && (int64_t)infos[dtype].ggml_type != (int64_t)ggml_type) dtype++;
    return (pw_dtype)dtype;
}

pw_dtype pw_dtype_from_name(const char *name)
{
    int dtype = 0;
    while (dtype < PW_DTYPE_COUNT && strcasecmp(infos[dtype].name, name) != 0) dtype++;
    return (pw_dtype)dtype;
}

bool pw_dtype_row_bytes(pw_dtype dtype, int64_t k, size_t *out)
{
    const pw_dtype_info *info = pw_dtype_get(dtype);
    if (k < 0 || k % info->block != 0) return false;
    return pw_mul((size_t)(k / info->block), info->block_bytes, out);
}
