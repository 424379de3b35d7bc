/* Vulkan's functions, found at run time: a machine without them runs the same binary. */
#ifndef PW_BACKENDS_VULKAN_VK_H
#define PW_BACKENDS_VULKAN_VK_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include "pewter.h"
#include "pw/attr.h"

#define PW_VK_INSTANCE_FUNCTIONS(X)                                                                \
    X(DestroyInstance)                                                                             \
    X(EnumeratePhysicalDevices)                                                                    \
    X(GetPhysicalDeviceProperties2)                                                                \
    X(GetPhysicalDeviceFeatures2)                                                                  \
    X(GetPhysicalDeviceMemoryProperties)                                                           \
    X(GetPhysicalDeviceQueueFamilyProperties)                                                      \
    X(CreateDevice)                                                                                \
    X(GetDeviceProcAddr)

#define PW_VK_DEVICE_FUNCTIONS(X)                                                                  \
    X(DestroyDevice)                                                                               \
    X(GetDeviceQueue)                                                                              \
    X(CreateBuffer)                                                                                \
    X(DestroyBuffer)                                                                               \
    X(GetBufferMemoryRequirements)                                                                 \
    X(GetBufferDeviceAddress)                                                                      \
    X(AllocateMemory)                                                                              \
    X(FreeMemory)                                                                                  \
    X(BindBufferMemory)                                                                            \
    X(MapMemory)                                                                                   \
    X(CreateShaderModule)                                                                          \
    X(DestroyShaderModule)                                                                         \
    X(CreatePipelineLayout)                                                                        \
    X(DestroyPipelineLayout)                                                                       \
    X(CreateComputePipelines)                                                                      \
    X(DestroyPipeline)                                                                             \
    X(CreateCommandPool)                                                                           \
    X(DestroyCommandPool)                                                                          \
    X(AllocateCommandBuffers)                                                                      \
    X(FreeCommandBuffers)                                                                          \
    X(BeginCommandBuffer)                                                                          \
    X(EndCommandBuffer)                                                                            \
    X(CmdBindPipeline)                                                                             \
    X(CmdPushConstants)                                                                            \
    X(CmdDispatchIndirect)                                                                         \
    X(CmdPipelineBarrier)                                                                          \
    X(CmdFillBuffer)                                                                               \
    X(CmdCopyBuffer)                                                                               \
    X(CreateQueryPool)                                                                             \
    X(DestroyQueryPool)                                                                            \
    X(CmdResetQueryPool)                                                                           \
    X(CmdWriteTimestamp)                                                                           \
    X(GetQueryPoolResults)                                                                         \
    X(CreateSemaphore)                                                                             \
    X(DestroySemaphore)                                                                            \
    X(WaitSemaphores)                                                                              \
    X(QueueSubmit)                                                                                 \
    X(DeviceWaitIdle)

#define PW_VK_MEMBER(name) PFN_vk##name name;

/* An instance with its functions; those of a device are there once it is opened. */
typedef struct pw_vk {
    void *library;
    VkInstance instance;
    PW_VK_INSTANCE_FUNCTIONS(PW_VK_MEMBER)
    PW_VK_DEVICE_FUNCTIONS(PW_VK_MEMBER)
} pw_vk;

/* PEWTER_E_UNSUPPORTED where this machine has no loader, or one before Vulkan 1.2. */
PW_MUST pewter_status pw_vk_open(pw_vk *vk, pewter_error *err);

/* The functions of a device that was made of the instance. */
PW_MUST pewter_status pw_vk_of_device(pw_vk *vk, VkDevice device, pewter_error *err);

/* Also after a failure, and twice. */
void pw_vk_close(pw_vk *vk);

/* "out of device memory" */
const char *pw_vk_words(VkResult result);

#endif
