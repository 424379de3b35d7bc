/* Finds devices, opens and closes one. */
#include <stdio.h>
#include <string.h>

#include "backends/vulkan/device.h"
#include "pw/status.h"

enum { MAX_PHYSICAL = 16, MAX_FAMILIES = 16 };

/* What every row here needs, all of it from Vulkan 1.2. */
static bool has_features(const pw_vk *vk, VkPhysicalDevice physical)
{
    VkPhysicalDeviceVulkan12Features have = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &have};
    vk->GetPhysicalDeviceFeatures2(physical, &all);
    return have.bufferDeviceAddress && have.timelineSemaphore;
}

/* A family of queues that computes, best without graphics; UINT32_MAX: none. */
static uint32_t family_of(const pw_vk *vk, VkPhysicalDevice physical)
{
    VkQueueFamilyProperties families[MAX_FAMILIES];
    uint32_t count = MAX_FAMILIES, best = UINT32_MAX;
    vk->GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        const VkQueueFlags flags = families[i].queueFlags;
        if ((flags & VK_QUEUE_COMPUTE_BIT) == 0 || families[i].queueCount == 0) continue;
        if (best == UINT32_MAX || (flags & VK_QUEUE_GRAPHICS_BIT) == 0) best = i;
    }
    return best;
}

static uint64_t memory_of(const VkPhysicalDeviceMemoryProperties *memory)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &memory->memoryHeaps[i];
        if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0 && heap->size > most)
            most = heap->size;
    }
    return most;
}

/* Devices that can be used, in the order of the loader. */
static pewter_status list(const pw_vk *vk, VkPhysicalDevice *out, uint32_t *count,
                          pewter_error *err)
{
    VkPhysicalDevice all[MAX_PHYSICAL];
    uint32_t n = MAX_PHYSICAL;
    const VkResult result = vk->EnumeratePhysicalDevices(vk->instance, &n, all);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE)
        return pw_fail(err, PEWTER_E_DEVICE, "Vulkan: vkEnumeratePhysicalDevices: %s",
                       pw_vk_words(result));
    *count = 0;
    for (uint32_t i = 0; i < n; i++) {
        VkPhysicalDeviceProperties2 is = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
        vk->GetPhysicalDeviceProperties2(all[i], &is);
        if (is.properties.apiVersion >= VK_API_VERSION_1_2 && has_features(vk, all[i]) &&
            family_of(vk, all[i]) != UINT32_MAX)
            out[(*count)++] = all[i];
    }
    return PEWTER_OK;
}

static void describe(const pw_vk *vk, VkPhysicalDevice physical, uint32_t index,
                     pw_device_info *info)
{
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceProperties2 is = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                      .pNext = &driver};
    VkPhysicalDeviceMemoryProperties memory;
    vk->GetPhysicalDeviceProperties2(physical, &is);
    vk->GetPhysicalDeviceMemoryProperties(physical, &memory);
    const bool software = is.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    *info = (pw_device_info){.memory = memory_of(&memory), .software = software};
    snprintf(info->name, sizeof info->name, "vulkan%u", index);
    snprintf(info->detail, sizeof info->detail, "%.80s, %.32s %.32s, Vulkan %u.%u%s",
             is.properties.deviceName, driver.driverName, driver.driverInfo,
             VK_API_VERSION_MAJOR(is.properties.apiVersion),
             VK_API_VERSION_MINOR(is.properties.apiVersion), software ? ", in software" : "");
}

pewter_status pw_vk_probe(const pw_site *sites, size_t n_sites, pw_device_info *out, size_t cap,
                          size_t *count, pewter_error *err)
{
    (void)sites, (void)n_sites;
    pw_vk vk;
    VkPhysicalDevice found[MAX_PHYSICAL];
    uint32_t n = 0;
    *count = 0;
    pewter_status status = pw_vk_open(&vk, err);
    if (status == PEWTER_OK) status = list(&vk, found, &n, err);
    for (uint32_t i = 0; status == PEWTER_OK && i < n && *count < cap; i++)
        describe(&vk, found[i], i, &out[(*count)++]);
    pw_vk_close(&vk);
    return status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static pewter_status make_device(pw_device *dev, VkPhysicalDevice physical, pewter_error *err)
{
    const float priority = 1.0F;
    dev->family = family_of(&dev->vk, physical);
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = dev->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    VkPhysicalDeviceVulkan12Features want = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .bufferDeviceAddress = VK_TRUE,
        .timelineSemaphore = VK_TRUE};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &want,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue};
    PW_TRY(pw_vk_check(dev, dev->vk.CreateDevice(physical, &info, NULL, &dev->device),
                       "vkCreateDevice", err));
    return pw_vk_of_device(&dev->vk, dev->device, err);
}

static uint32_t type_with(const VkPhysicalDeviceMemoryProperties *memory, VkMemoryPropertyFlags all)
{
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++)
        if ((memory->memoryTypes[i].propertyFlags & all) == all) return i;
    return UINT32_MAX;
}

/* What the host writes goes to memory that it reaches. What stays goes near the device, and is written in place where
 * all of the memory there can be reached: some devices show the host a small part of it only. */
static pewter_status choose_memory(pw_device *dev, pewter_error *err)
{
    const VkMemoryPropertyFlags near = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkPhysicalDeviceMemoryProperties *memory = &dev->memory;
    const uint32_t both = type_with(memory, near | host);
    dev->near_visible =
        both != UINT32_MAX &&
        memory->memoryHeaps[memory->memoryTypes[both].heapIndex].size == memory_of(memory);
    dev->near_type = dev->near_visible ? both : type_with(memory, near);
    dev->host_type = both != UINT32_MAX ? both : type_with(memory, host);
    if (dev->near_type != UINT32_MAX && dev->host_type != UINT32_MAX) return PEWTER_OK;
    return pw_fail(err, PEWTER_E_DEVICE, "%s has no memory that the host reaches", dev->name);
}

static pewter_status make_queue(pw_device *dev, pewter_error *err)
{
    pw_vk *vk = &dev->vk;
    vk->GetDeviceQueue(dev->device, dev->family, 0, &dev->queue);
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = dev->family};
    PW_TRY(pw_vk_check(dev, vk->CreateCommandPool(dev->device, &pool, NULL, &dev->pool),
                       "vkCreateCommandPool", err));
    const VkCommandBufferAllocateInfo buffers = {.sType =
                                                     VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                 .commandPool = dev->pool,
                                                 .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                 .commandBufferCount = 1};
    PW_TRY(pw_vk_check(dev, vk->AllocateCommandBuffers(dev->device, &buffers, &dev->copies),
                       "vkAllocateCommandBuffers", err));
    const VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(uint64_t)};
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &range};
    PW_TRY(pw_vk_check(dev, vk->CreatePipelineLayout(dev->device, &layout, NULL, &dev->layout),
                       "vkCreatePipelineLayout", err));
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo timeline = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                            .pNext = &type};
    return pw_vk_check(dev, vk->CreateSemaphore(dev->device, &timeline, NULL, &dev->timeline),
                       "vkCreateSemaphore", err);
}

/* Nanoseconds of a tick of the device's clock; 0: queues that compute have none. */
static double tick_of(const pw_vk *vk, VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties2 is = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    vk->GetPhysicalDeviceProperties2(physical, &is);
    const VkPhysicalDeviceLimits *limits = &is.properties.limits;
    return limits->timestampComputeAndGraphics ? (double)limits->timestampPeriod : 0.0;
}

static pewter_status fill_device(pw_device *dev, const pw_device_info *info, pewter_error *err)
{
    VkPhysicalDevice found[MAX_PHYSICAL];
    uint32_t count = 0;
    pw_device_info now;
    PW_TRY(pw_vk_open(&dev->vk, err));
    PW_TRY(list(&dev->vk, found, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        describe(&dev->vk, found[i], i, &now);
        if (strcmp(now.name, info->name) != 0 || strcmp(now.detail, info->detail) != 0) continue;
        dev->vk.GetPhysicalDeviceMemoryProperties(found[i], &dev->memory);
        dev->tick_ns = tick_of(&dev->vk, found[i]);
        PW_TRY(make_device(dev, found[i], err));
        PW_TRY(choose_memory(dev, err));
        return make_queue(dev, err);
    }
    return pw_fail(err, PEWTER_E_DEVICE, "%s (%s) is not there any more", info->name, info->detail);
}

pewter_status pw_vk_device_open(const pw_device_info *info, const pw_site *site,
                                const pewter_allocator *alloc, pw_device **out, pewter_error *err)
{
    (void)site;
    pw_device *dev = pw_alloc(alloc, sizeof *dev);
    if (dev == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", info->name);
    *dev = (pw_device){.alloc = alloc};
    memcpy(dev->name, info->name, sizeof dev->name);
    const pewter_status status = fill_device(dev, info, err);
    if (status != PEWTER_OK) {
        pw_vk_device_close(dev);
        return status;
    }
    *out = dev;
    return PEWTER_OK;
}

void pw_vk_device_close(pw_device *dev)
{
    if (dev == NULL) return;
    pw_vk *vk = &dev->vk;
    if (dev->device != NULL && vk->DeviceWaitIdle != NULL) {
        if (!dev->lost) (void)vk->DeviceWaitIdle(dev->device);
        pw_vk_release(dev, dev->staging);
        for (size_t i = 0; i < dev->n_pipelines; i++)
            vk->DestroyPipeline(dev->device, dev->pipelines[i].pipeline, NULL);
        vk->DestroySemaphore(dev->device, dev->timeline, NULL);
        vk->DestroyPipelineLayout(dev->device, dev->layout, NULL);
        vk->DestroyCommandPool(dev->device, dev->pool, NULL);
        vk->DestroyDevice(dev->device, NULL);
    }
    pw_vk_close(vk);
    pw_free(dev->alloc, dev, sizeof *dev);
}
