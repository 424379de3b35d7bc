/* Submissions and waits, by one timeline semaphore: a ticket is a value of it. */
#include "backends/vulkan/device.h"
#include "pw/clock.h"
#include "pw/status.h"

pewter_status pw_vk_check(pw_device *dev, VkResult result, const char *what, pewter_error *err)
{
    if (result == VK_SUCCESS) return PEWTER_OK;
    if (result == VK_ERROR_DEVICE_LOST) dev->lost = true;
    const bool memory =
        result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const pewter_status status = memory ? PEWTER_E_MEMORY : PEWTER_E_DEVICE;
    pw_fail(err, status, "%s: %s: %s (%d)", dev->name, what, pw_vk_words(result), (int)result);
    return status;
}

static pewter_status gone(const pw_device *dev, pewter_error *err)
{
    return pw_fail(err, PEWTER_E_DEVICE, "%s is lost", dev->name);
}

pewter_status pw_vk_submit_buffers(pw_device *dev, const VkCommandBuffer *buffers, size_t count,
                                   pw_ticket *out, pewter_error *err)
{
    if (dev->lost) return gone(dev, err);
    for (size_t i = 0; i < count; i++) {
        const uint64_t value = dev->submitted + 1;
        const VkTimelineSemaphoreSubmitInfo timeline = {
            .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
            .signalSemaphoreValueCount = 1,
            .pSignalSemaphoreValues = &value};
        const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                   .pNext = &timeline,
                                   .commandBufferCount = 1,
                                   .pCommandBuffers = &buffers[i],
                                   .signalSemaphoreCount = 1,
                                   .pSignalSemaphores = &dev->timeline};
        PW_TRY(pw_vk_check(dev, dev->vk.QueueSubmit(dev->queue, 1, &info, VK_NULL_HANDLE),
                           "vkQueueSubmit", err));
        dev->submitted = value;
    }
    *out = dev->submitted;
    return PEWTER_OK;
}

pewter_status pw_vk_wait(pw_device *dev, pw_ticket until, int64_t deadline_ns, pewter_error *err)
{
    if (until <= dev->finished) return PEWTER_OK;
    if (dev->lost) return gone(dev, err);
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &dev->timeline,
                                      .pValues = &until};
    const int64_t now = pw_now_ns();
    const uint64_t left = deadline_ns == 0     ? UINT64_MAX
                          : deadline_ns <= now ? 0
                                               : (uint64_t)(deadline_ns - now);
    const VkResult result = dev->vk.WaitSemaphores(dev->device, &info, left);
    if (result == VK_TIMEOUT)
        return pw_fail(err, PEWTER_E_TIMEOUT, "%s did not finish by its deadline", dev->name);
    PW_TRY(pw_vk_check(dev, result, "vkWaitSemaphores", err));
    dev->finished = until;
    dev->last_ns = pw_now_ns() - dev->begin_ns;
    if (dev->timed != NULL && until == dev->submitted) {
        pw_vk_collect(dev, dev->timed);
        dev->timed = NULL;
    }
    if (dev->stop != NULL && until == dev->submitted) {
        const bool stopped = atomic_load(dev->stop) != 0;
        dev->stop = NULL;
        if (stopped) return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
    }
    return PEWTER_OK;
}
