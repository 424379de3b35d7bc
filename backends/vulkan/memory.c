/* Buffers: written in place where the host reaches them, else by way of a buffer that it does. */
#include <string.h>

#include "backends/vulkan/device.h"
#include "pw/num.h"
#include "pw/status.h"

enum { STAGING_BYTES = 4 << 20 };

static pewter_status fill(pw_device *dev, pw_buffer *buf, uint32_t type, bool map,
                          pewter_error *err)
{
    pw_vk *vk = &dev->vk;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buf->bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT |
                 VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
    PW_TRY(pw_vk_check(dev, vk->CreateBuffer(dev->device, &info, NULL, &buf->buffer),
                       "vkCreateBuffer", err));
    VkMemoryRequirements wants;
    vk->GetBufferMemoryRequirements(dev->device, buf->buffer, &wants);
    if ((wants.memoryTypeBits & 1u << type) == 0)
        return pw_fail(err, PEWTER_E_DEVICE, "%s: its memory %u takes no buffers", dev->name, type);
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo alloc = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                        .pNext = &flags,
                                        .allocationSize = wants.size,
                                        .memoryTypeIndex = type};
    const VkResult result = vk->AllocateMemory(dev->device, &alloc, NULL, &buf->memory);
    if (result != VK_SUCCESS) {
        buf->memory = NULL;
        if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
            return pw_fail(err, PEWTER_E_MEMORY, "%s: %zu bytes were wanted, and refused: %s",
                           dev->name, buf->bytes, pw_vk_words(result));
        return pw_vk_check(dev, result, "vkAllocateMemory", err);
    }
    PW_TRY(pw_vk_check(dev, vk->BindBufferMemory(dev->device, buf->buffer, buf->memory, 0),
                       "vkBindBufferMemory", err));
    const VkBufferDeviceAddressInfo where = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = buf->buffer};
    buf->address = vk->GetBufferDeviceAddress(dev->device, &where);
    void *mapped = NULL;
    if (map)
        PW_TRY(pw_vk_check(dev,
                           vk->MapMemory(dev->device, buf->memory, 0, VK_WHOLE_SIZE, 0, &mapped),
                           "vkMapMemory", err));
    buf->mapped = mapped;
    return PEWTER_OK;
}

pewter_status pw_vk_buffer_new(pw_device *dev, size_t bytes, bool host, pw_buffer **out,
                               pewter_error *err)
{
    size_t size;
    pw_buffer *buf = pw_alloc(dev->alloc, sizeof *buf);
    if (buf == NULL || !pw_align(bytes == 0 ? 1 : bytes, 64, &size)) {
        if (buf != NULL) pw_free(dev->alloc, buf, sizeof *buf);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a buffer");
    }
    *buf = (pw_buffer){.bytes = size};
    const pewter_status status =
        fill(dev, buf, host ? dev->host_type : dev->near_type, host || dev->near_visible, err);
    dev->bytes_used += size;
    if (status != PEWTER_OK) {
        pw_vk_release(dev, buf);
        return status;
    }
    *out = buf;
    return PEWTER_OK;
}

void pw_vk_release(pw_device *dev, pw_buffer *buf)
{
    if (buf == NULL) return;
    dev->bytes_used -= buf->bytes;
    dev->vk.DestroyBuffer(dev->device, buf->buffer, NULL);
    dev->vk.FreeMemory(dev->device, buf->memory, NULL); /* unmaps it */
    pw_free(dev->alloc, buf, sizeof *buf);
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static pewter_status begin(pw_device *dev, pewter_error *err)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    PW_TRY(pw_vk_wait(dev, dev->submitted, 0, err));
    return pw_vk_check(dev, dev->vk.BeginCommandBuffer(dev->copies, &info), "vkBeginCommandBuffer",
                       err);
}

static pewter_status end(pw_device *dev, pewter_error *err)
{
    pw_ticket ticket;
    PW_TRY(pw_vk_check(dev, dev->vk.EndCommandBuffer(dev->copies), "vkEndCommandBuffer", err));
    PW_TRY(pw_vk_submit_buffers(dev, &dev->copies, 1, &ticket, err));
    return pw_vk_wait(dev, ticket, 0, err);
}

static pewter_status copy(pw_device *dev, const pw_buffer *from, size_t at, const pw_buffer *to,
                          size_t to_at, size_t bytes, pewter_error *err)
{
    const VkBufferCopy region = {at, to_at, bytes};
    PW_TRY(begin(dev, err));
    dev->vk.CmdCopyBuffer(dev->copies, from->buffer, to->buffer, 1, &region);
    return end(dev, err);
}

static pewter_status need_staging(pw_device *dev, pewter_error *err)
{
    return dev->staging != NULL ? PEWTER_OK
                                : pw_vk_buffer_new(dev, STAGING_BYTES, true, &dev->staging, err);
}

pewter_status pw_vk_alloc(pw_device *dev, size_t bytes, pewter_memory kind, pw_buffer **out,
                          pewter_error *err)
{
    (void)kind;
    pw_buffer *buf = NULL;
    PW_TRY(pw_vk_buffer_new(dev, bytes, false, &buf, err));
    pewter_status status = PEWTER_OK;
    if (buf->mapped != NULL) {
        memset(buf->mapped, 0, buf->bytes);
    } else {
        status = begin(dev, err);
        if (status == PEWTER_OK) {
            dev->vk.CmdFillBuffer(dev->copies, buf->buffer, 0, VK_WHOLE_SIZE, 0);
            status = end(dev, err);
        }
    }
    if (status != PEWTER_OK) {
        pw_vk_release(dev, buf);
        return status;
    }
    *out = buf;
    return PEWTER_OK;
}

static pewter_status check_range(const pw_buffer *buf, size_t at, size_t bytes, pewter_error *err)
{
    if (at > buf->bytes || bytes > buf->bytes - at)
        return pw_fail(err, PEWTER_E_ARG, "%zu bytes at %zu of a buffer of %zu", bytes, at,
                       buf->bytes);
    return PEWTER_OK;
}

pewter_status pw_vk_write(pw_device *dev, pw_buffer *dst, size_t at, const void *src, size_t bytes,
                          pw_ticket *out, pewter_error *err)
{
    PW_TRY(check_range(dst, at, bytes, err));
    *out = dev->submitted;
    if (dst->mapped != NULL) {
        if (bytes > 0) memcpy(dst->mapped + at, src, bytes);
        return PEWTER_OK;
    }
    PW_TRY(need_staging(dev, err));
    for (size_t done = 0; done < bytes;) {
        const size_t part = bytes - done < STAGING_BYTES ? bytes - done : STAGING_BYTES;
        memcpy(dev->staging->mapped, (const char *)src + done, part);
        PW_TRY(copy(dev, dev->staging, 0, dst, at + done, part, err));
        done += part;
    }
    *out = dev->submitted;
    return PEWTER_OK;
}

pewter_status pw_vk_read(pw_device *dev, const pw_buffer *src, size_t at, void *dst, size_t bytes,
                         pw_ticket *out, pewter_error *err)
{
    PW_TRY(check_range(src, at, bytes, err));
    *out = dev->submitted;
    if (src->mapped != NULL) {
        if (bytes > 0) memcpy(dst, src->mapped + at, bytes);
        return PEWTER_OK;
    }
    PW_TRY(need_staging(dev, err));
    for (size_t done = 0; done < bytes;) {
        const size_t part = bytes - done < STAGING_BYTES ? bytes - done : STAGING_BYTES;
        PW_TRY(copy(dev, src, at + done, dev->staging, 0, part, err));
        memcpy((char *)dst + done, dev->staging->mapped, part);
        done += part;
    }
    *out = dev->submitted;
    return PEWTER_OK;
}

void *pw_vk_map(pw_device *dev, pw_buffer *buf)
{
    (void)dev;
    return buf->mapped;
}
