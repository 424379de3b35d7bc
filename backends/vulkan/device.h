/* What the files of this backend share. */
#ifndef PW_BACKENDS_VULKAN_DEVICE_H
#define PW_BACKENDS_VULKAN_DEVICE_H

#include "backends/backend.h"
#include "backends/vulkan/vk.h"
#include "kernels/vulkan/rows.h"
#include "pw/arena.h"

/* A pipeline: of a shader, for so many columns where it is made for a number of them. */
typedef struct pw_vk_pipeline {
    const pw_shader *shader;
    uint32_t columns;
    VkPipeline pipeline;
} pw_vk_pipeline;

enum { PW_VK_MAX_PIPELINES = 512 };

struct pw_device {
    const pewter_allocator *alloc;
    char name[64];
    pw_vk vk;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t near_type,
        host_type;     /* of memory: for what stays, and for what is written by the host */
    bool near_visible; /* the host writes what stays */
    VkCommandPool pool;
    VkCommandBuffer copies; /* for one copy or filling at a time */
    VkPipelineLayout layout;
    VkSemaphore timeline;
    pw_ticket submitted, finished;
    const atomic_int *stop; /* of the program under way */
    pw_program *timed;      /* the program under way, where its calls are timed; else NULL */
    double tick_ns;         /* of its clock; 0: it has none */
    int64_t begin_ns, last_ns;
    uint64_t bytes_used;
    bool lost;
    pw_vk_pipeline pipelines[PW_VK_MAX_PIPELINES];
    size_t n_pipelines;
    pw_buffer *staging; /* NULL until it is first wanted */
};

struct pw_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    size_t bytes;
    uint64_t address;
    char *mapped; /* NULL: the host does not reach it */
};

/* PEWTER_OK for VK_SUCCESS; else what the device could not do, in words. A lost device is remembered. */
PW_MUST pewter_status pw_vk_check(pw_device *dev, VkResult result, const char *what,
                                  pewter_error *err);

/* probe.c */
PW_MUST pewter_status pw_vk_probe(const pw_site *sites, size_t n_sites, pw_device_info *out,
                                  size_t cap, size_t *count, pewter_error *err);
PW_MUST pewter_status pw_vk_device_open(const pw_device_info *info, const pw_site *site,
                                        const pewter_allocator *alloc, pw_device **out,
                                        pewter_error *err);
void pw_vk_device_close(pw_device *dev);

/* memory.c. `host`: for what the host writes and the device reads often. */
PW_MUST pewter_status pw_vk_buffer_new(pw_device *dev, size_t bytes, bool host, pw_buffer **out,
                                       pewter_error *err);
PW_MUST pewter_status pw_vk_alloc(pw_device *dev, size_t bytes, pewter_memory kind, pw_buffer **out,
                                  pewter_error *err);
void pw_vk_release(pw_device *dev, pw_buffer *buf);
PW_MUST pewter_status pw_vk_write(pw_device *dev, pw_buffer *dst, size_t at, const void *src,
                                  size_t bytes, pw_ticket *out, pewter_error *err);
PW_MUST pewter_status pw_vk_read(pw_device *dev, const pw_buffer *src, size_t at, void *dst,
                                 size_t bytes, pw_ticket *out, pewter_error *err);
void *pw_vk_map(pw_device *dev, pw_buffer *buf);

/* queue.c. Submits command buffers, in order; a new ticket. */
PW_MUST pewter_status pw_vk_submit_buffers(pw_device *dev, const VkCommandBuffer *buffers,
                                           size_t count, pw_ticket *out, pewter_error *err);
PW_MUST pewter_status pw_vk_wait(pw_device *dev, pw_ticket until, int64_t deadline_ns,
                                 pewter_error *err);

/* program.c */
PW_MUST pewter_status pw_vk_prepare(pw_device *dev, const pw_step *steps, size_t count,
                                    pw_program **out, pewter_error *err);
void pw_vk_discard(pw_device *dev, pw_program *program);
PW_MUST pewter_status pw_vk_submit(pw_device *dev, pw_program *program, const pw_bindings *bind,
                                   pw_ticket *out, pewter_error *err);

PW_MUST pewter_status pw_vk_time(pw_device *dev, pw_program *program, bool on, pewter_error *err);
const pw_call_time *pw_vk_times(const pw_device *dev, const pw_program *program);

/* Takes the times of a program that has run. */
void pw_vk_collect(pw_device *dev, pw_program *program);

/* pipeline.c. The pipeline of a shader for a call of so many columns, made at its first use. */
PW_MUST pewter_status pw_vk_pipeline_of(pw_device *dev, const pw_shader *shader, uint32_t columns,
                                        VkPipeline *out, pewter_error *err);

#endif
