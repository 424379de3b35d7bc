/* GPUs, by Vulkan. */
#ifndef PW_BACKENDS_VULKAN_VULKAN_H
#define PW_BACKENDS_VULKAN_VULKAN_H

#include "backends/backend.h"

extern const pw_backend pw_vulkan_backend;

#endif
