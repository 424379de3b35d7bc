#include "backends/vulkan/vulkan.h"

#include "backends/vulkan/device.h"
#include "kernels/vulkan/rows.h"

static void query(pw_device *dev, pw_device_state *out)
{
    *out = (pw_device_state){
        .bytes_used = dev->bytes_used, .last_ns = dev->last_ns, .lost = dev->lost};
}

const pw_backend pw_vulkan_backend = {
    .name = "vulkan",
    .kernels = pw_vulkan_catalogue,
    .probe = pw_vk_probe,
    .open = pw_vk_device_open,
    .close = pw_vk_device_close,
    .alloc = pw_vk_alloc,
    .release = pw_vk_release,
    .write = pw_vk_write,
    .read = pw_vk_read,
    .map = pw_vk_map,
    .prepare = pw_vk_prepare,
    .discard = pw_vk_discard,
    .submit = pw_vk_submit,
    .wait = pw_vk_wait,
    .query = query,
    .time = pw_vk_time,
    .times = pw_vk_times,
};
