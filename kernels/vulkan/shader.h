/* A row's compute shader: its code, and what it is told of a call. */
#ifndef PW_KERNELS_VULKAN_SHADER_H
#define PW_KERNELS_VULKAN_SHADER_H

#include "kernels/kernel.h"

/* As common.glsl has them: std430. */
typedef struct pw_vk_tensor {
    uint64_t data;         /* device address */
    uint32_t n[3], s1, s2; /* elements; bytes from one index of dimension 1, 2 to the next */
    uint32_t reserved;
} pw_vk_tensor;

typedef struct pw_vk_args {
    pw_vk_tensor dst, src[PW_MAX_SRC];
    uint64_t rows;  /* u32 [n][2]: position of a row, where the pages of its sequence begin */
    uint64_t pages; /* u32: numbers of pages */
    uint32_t epilogues, heads, kv_heads, head_dim, window, neox, page_bytes;
    float eps, scale;
} pw_vk_args;

/* SPIR-V code, and how many workgroups a call takes. */
struct pw_shader {
    const uint32_t *code, *end;
    void (*groups)(const pw_call *call, uint32_t groups[3]);
    bool
        columns; /* has a specialisation constant 0: columns of the call, rounded up to a power of two */
};

#endif
