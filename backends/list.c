#include "backends/backend.h"
#include "backends/cpu/cpu.h"
#ifdef PW_HAVE_VULKAN
#include "backends/vulkan/vulkan.h"
#endif

const pw_backend *const *pw_backends(void)
{
    static const pw_backend *const list[] = {
        &pw_cpu_backend,
#ifdef PW_HAVE_VULKAN
        &pw_vulkan_backend,
#endif
        NULL,
    };
    return list;
}
