/* The Vulkan catalogue: one row a shader. */
#ifndef PW_KERNELS_VULKAN_ROWS_H
#define PW_KERNELS_VULKAN_ROWS_H

#include "kernels/vulkan/shader.h"

pw_catalogue pw_vulkan_catalogue(void);

#endif
