/* A driver that fails: every function that can, at each of its calls in turn, with each error, from the first buffer to
 * the last answer. An error value with the device's name comes of it, everything is freed, and the next run is right. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/limit_alloc.h"

#ifdef PW_HAVE_VULKAN
#include "backends/vulkan/device.h"
#include "backends/vulkan/vulkan.h"
#include "pw/status.h"

/* Functions that give a result, with their parameters and arguments. */
#define FAILING(X)                                                                                 \
    X(CreateBuffer,                                                                                \
      (VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *c, VkBuffer *o),      \
      (d, i, c, o))                                                                                \
    X(AllocateMemory,                                                                              \
      (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *c,                  \
       VkDeviceMemory *o),                                                                         \
      (d, i, c, o))                                                                                \
    X(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize at),               \
      (d, b, m, at))                                                                               \
    X(MapMemory,                                                                                   \
      (VkDevice d, VkDeviceMemory m, VkDeviceSize at, VkDeviceSize n, VkMemoryMapFlags f,          \
       void **o),                                                                                  \
      (d, m, at, n, f, o))                                                                         \
    X(CreateShaderModule,                                                                          \
      (VkDevice d, const VkShaderModuleCreateInfo *i, const VkAllocationCallbacks *c,              \
       VkShaderModule *o),                                                                         \
      (d, i, c, o))                                                                                \
    X(CreateComputePipelines,                                                                      \
      (VkDevice d, VkPipelineCache p, uint32_t n, const VkComputePipelineCreateInfo *i,            \
       const VkAllocationCallbacks *c, VkPipeline *o),                                             \
      (d, p, n, i, c, o))                                                                          \
    X(AllocateCommandBuffers,                                                                      \
      (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o), (d, i, o))           \
    X(BeginCommandBuffer, (VkCommandBuffer b, const VkCommandBufferBeginInfo *i), (b, i))          \
    X(EndCommandBuffer, (VkCommandBuffer b), (b))                                                  \
    X(CreateQueryPool,                                                                             \
      (VkDevice d, const VkQueryPoolCreateInfo *i, const VkAllocationCallbacks *c,                 \
       VkQueryPool *o),                                                                            \
      (d, i, c, o))                                                                                \
    X(GetQueryPoolResults,                                                                         \
      (VkDevice d, VkQueryPool p, uint32_t f, uint32_t n, size_t b, void *o, VkDeviceSize s,       \
       VkQueryResultFlags q),                                                                      \
      (d, p, f, n, b, o, s, q))                                                                    \
    X(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))

static struct {
    pw_vk real;
    int call, fail_at; /* counted over all functions */
    VkResult result;
    const char *failed; /* which it was */
} driver;

static bool fails(const char *name)
{
    if (driver.call++ != driver.fail_at) return false;
    driver.failed = name;
    return true;
}

#define WRAPPER(name, parameters, arguments)                                                       \
    static VKAPI_ATTR VkResult VKAPI_CALL fake_##name parameters                                   \
    {                                                                                              \
        return fails(#name) ? driver.result : driver.real.name arguments;                          \
    }
FAILING(WRAPPER)

/* What was submitted is done all the same: only the news of it is bad. */
static VKAPI_ATTR VkResult VKAPI_CALL fake_WaitSemaphores(VkDevice d, const VkSemaphoreWaitInfo *i,
                                                          uint64_t ns)
{
    const VkResult result = driver.real.WaitSemaphores(d, i, ns);
    return fails("WaitSemaphores") ? driver.result : result;
}

static void wrap(pw_vk *vk)
{
    driver.real = *vk;
#define REPLACE(name, parameters, arguments) vk->name = fake_##name;
    FAILING(REPLACE)
#undef REPLACE
    vk->WaitSemaphores = fake_WaitSemaphores;
}

enum { N = 100, ROWS = 3 };

typedef struct work {
    pw_buffer *a, *b, *sum;
    pw_program *program;
} work;

static pw_step_call addition(const work *w, const pw_kernel *row)
{
    const pw_tensor t = pw_tensor_of(PW_F32, N, ROWS, 1, NULL);
    return (pw_step_call){.call = {.op = PW_OP_ADD, .dst = t, .src = {t, t}},
                          .kernel = row,
                          .dst = {.buffer = w->sum, .rows = PW_ROWS_TOKENS, .dim = 1},
                          .src = {{.buffer = w->a, .rows = PW_ROWS_TOKENS, .dim = 1},
                                  {.buffer = w->b, .rows = PW_ROWS_TOKENS, .dim = 1}}};
}

/* From buffers to a sum, timed; what was made stands in *w. */
static pewter_status run(pw_device *dev, work *w, pw_step_call *call, const pw_step *step,
                         float *sum, pewter_error *err)
{
    const pw_backend *b = &pw_vulkan_backend;
    float values[N * ROWS];
    pw_ticket ticket;
    for (int i = 0; i < N * ROWS; i++) values[i] = (float)i;
    PW_TRY(b->alloc(dev, sizeof values, PEWTER_MEM_SCRATCH, &w->a, err));
    PW_TRY(b->alloc(dev, sizeof values, PEWTER_MEM_SCRATCH, &w->b, err));
    PW_TRY(b->alloc(dev, sizeof values, PEWTER_MEM_SCRATCH, &w->sum, err));
    PW_TRY(b->write(dev, w->a, 0, values, sizeof values, &ticket, err));
    PW_TRY(b->write(dev, w->b, 0, values, sizeof values, &ticket, err));
    const pw_catalogue rows = b->kernels();
    *call = addition(w, pw_kernel_named(&rows, "add_f32_vulkan"));
    PW_TRY(b->prepare(dev, step, 1, &w->program, err));
    for (int timed = 0; timed < 2; timed++) {
        PW_TRY(b->time(dev, w->program, timed != 0, err));
        PW_TRY(
            b->submit(dev, w->program, &(pw_bindings){.tokens = ROWS, .outputs = 1}, &ticket, err));
        PW_TRY(b->wait(dev, ticket, 0, err));
    }
    return b->read(dev, w->sum, 0, sum, sizeof values, &ticket, err);
}

/* One run on a device of its own with that fault; `calls`: how many calls could have failed. */
static pewter_status attempt(const pw_device_info *info, int fail_at, VkResult result, int *calls)
{
    const pw_backend *b = &pw_vulkan_backend;
    static const pw_site site;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, 64 << 20, UINT64_MAX);
    pewter_error err = {.message = ""};
    float sum[N * ROWS];
    pw_device *dev;
    pw_device_state state;
    work w = {0};
    pw_step_call call;
    const pw_step step = {&call, 1};
    assert_int_equal(b->open(info, &site, &alloc, &dev, &err), PEWTER_OK);
    wrap(&dev->vk);
    driver.call = 0;
    driver.fail_at = fail_at;
    driver.result = result;
    driver.failed = NULL;
    const pewter_status status = run(dev, &w, &call, &step, sum, &err);
    *calls = driver.call;
    b->query(dev, &state);
    if (status == PEWTER_OK) {
        for (int i = 0; i < N * ROWS; i++) assert_true(sum[i] == 2.0F * (float)i);
    } else {
        if (strstr(err.message, info->name) == NULL)
            fail_msg("%s failed, and is told as '%s'", driver.failed, err.message);
        assert_int_equal(state.lost, result == VK_ERROR_DEVICE_LOST);
    }
    b->discard(dev, w.program);
    b->release(dev, w.a);
    b->release(dev, w.b);
    b->release(dev, w.sum);
    b->query(dev, &state);
    assert_true(state.bytes_used == 0);
    b->close(dev);
    assert_int_equal(counts.live, 0);
    return status;
}

static void test_each_call_of_the_driver_fails_in_turn(void **state)
{
    (void)state;
    static const VkResult results[] = {VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_OUT_OF_DEVICE_MEMORY,
                                       VK_ERROR_DEVICE_LOST, VK_ERROR_UNKNOWN};
    /* A driver that stays: what it keeps to its end else counts as lost once the loader has unloaded it. */
    (void)dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_NODELETE);
    pw_device_info found[8];
    size_t count = 0;
    pewter_error err;
    if (pw_vulkan_backend.probe(NULL, 0, found, 8, &count, &err) != PEWTER_OK || count == 0) {
        printf("skipped: no Vulkan device here\n");
        skip();
    }
    int calls;
    assert_int_equal(attempt(&found[0], -1, VK_SUCCESS, &calls), PEWTER_OK);
    assert_true(calls > 20);
    for (size_t r = 0; r < sizeof results / sizeof *results; r++) {
        for (int at = 0; at < calls; at++) {
            int made;
            const pewter_status status = attempt(&found[0], at, results[r], &made);
            assert_non_null(driver.failed);
            /* Times that cannot be read are missing, and no answer is. */
            const bool times = strcmp(driver.failed, "GetQueryPoolResults") == 0;
            const bool memory = results[r] == VK_ERROR_OUT_OF_HOST_MEMORY ||
                                results[r] == VK_ERROR_OUT_OF_DEVICE_MEMORY;
            if (status != (times ? PEWTER_OK : memory ? PEWTER_E_MEMORY : PEWTER_E_DEVICE))
                fail_msg("%s with %d: %s", driver.failed, (int)results[r],
                         pewter_status_name(status));
        }
    }
}
#else
static void test_each_call_of_the_driver_fails_in_turn(void **state)
{
    (void)state;
    printf("skipped: a build without Vulkan\n");
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_of_the_driver_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
