#include "backends/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#include "backends/cpu/device.h"
#include "kernels/cpu/rows.h"
#include "kernels/features.h"
#include "pw/arena.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"

enum { TOUCH_BYTES = 2 * 1024 * 1024 };

static pewter_status probe(const pw_site *sites, size_t n_sites, pw_device_info *out, size_t cap,
                           size_t *count, pewter_error *err)
{
    (void)err;
    char cpu[64], words[112];
    pw_cpu_name(cpu, sizeof cpu);
    size_t found = 0;
    for (size_t i = 0; i < n_sites && found < cap; i++) {
        if (sites[i].n_cpus == 0) continue;
        pw_device_info *info = &out[found];
        *info = (pw_device_info){
            .features = sites[i].cpu_features,
            .memory = sites[i].memory,
            .site = (int32_t)i,
            .threads = (int32_t)sites[i].n_cpus,
        };
        pw_cpu_words(info->features, words, sizeof words);
        snprintf(info->name, sizeof info->name, "cpu%zu", found);
        snprintf(info->detail, sizeof info->detail, "%.60s: %s", cpu[0] != 0 ? cpu : "CPU",
                 words[0] != 0 ? words : "no vector features, plain kernels");
        found++;
    }
    *count = found;
    return PEWTER_OK;
}

static void device_close(pw_device *dev)
{
    if (dev == NULL) return;
    pw_pool_free(dev->pool);
    pw_free(dev->alloc, dev->counters, (size_t)dev->workers * sizeof *dev->counters);
    pw_free(dev->alloc, dev, sizeof *dev);
}

static pewter_status device_open(const pw_device_info *info, const pw_site *site,
                                 const pewter_allocator *alloc, pw_device **out, pewter_error *err)
{
    pw_device *dev = pw_alloc(alloc, sizeof *dev);
    if (dev == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", info->name);
    *dev = (pw_device){.alloc = alloc, .site = site, .workers = info->threads};

    const size_t bytes = (size_t)dev->workers * sizeof *dev->counters;
    dev->counters = pw_alloc(alloc, bytes);
    if (dev->counters == NULL) {
        device_close(dev);
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory for %d workers", info->name,
                       info->threads);
    }
    memset(dev->counters, 0, bytes);
    const pewter_status status = pw_pool_new(site, dev->workers, alloc, &dev->pool, err);
    if (status != PEWTER_OK) {
        device_close(dev);
        return status;
    }
    *out = dev;
    return PEWTER_OK;
}

/* ---- Host work on the workers ---------------------------------------------------------------- */

typedef struct host_work {
    void (*fn)(void *context, uint32_t task);
    void *context;
} host_work;

static void run_host_work(const pw_job *job, uint32_t task, int32_t worker)
{
    (void)worker;
    const host_work *w = job->context;
    w->fn(w->context, task);
}

static void each(pw_device *dev, uint32_t tasks, void (*fn)(void *context, uint32_t task),
                 void *context)
{
    host_work work = {.fn = fn, .context = context};
    pw_job job = {.run = run_host_work, .context = &work};
    (void)pw_pool_run(dev->pool, &job, &tasks, 1, NULL, 0);
    pw_pool_settle(dev->pool); /* the job is on this stack */
}

static void touch(void *context, uint32_t task)
{
    const pw_buffer *buf = context;
    const size_t at = (size_t)task * TOUCH_BYTES;
    const size_t left = buf->bytes - at;
    memset(buf->data + at, 0, left < TOUCH_BYTES ? left : TOUCH_BYTES);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static pewter_status buffer_new(pw_device *dev, pw_buffer from, pw_buffer **out, pewter_error *err)
{
    pw_buffer *buf = pw_alloc(dev->alloc, sizeof *buf);
    if (buf == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a buffer");
    *buf = from;
    *out = buf;
    return PEWTER_OK;
}

static pewter_status buffer_alloc(pw_device *dev, size_t bytes, pewter_memory kind, pw_buffer **out,
                                  pewter_error *err)
{
    size_t size;
    char *data = pw_align(bytes == 0 ? 1 : bytes, 64, &size)
                     ? dev->alloc->alloc(dev->alloc->context, size, 64, kind)
                     : NULL;
    if (data == NULL)
        return pw_fail(err, PEWTER_E_MEMORY,
                       "out of memory: %zu bytes were wanted on %s, and refused", bytes,
                       dev->site->name);
    const pw_buffer from = {.data = data, .bytes = size, .kind = kind, .owned = true};
    const pewter_status status = buffer_new(dev, from, out, err);
    if (status != PEWTER_OK) {
        dev->alloc->free(dev->alloc->context, data, size, kind);
        return status;
    }
    dev->bytes_used += size;
    each(dev, (uint32_t)((size + TOUCH_BYTES - 1) / TOUCH_BYTES), touch, *out);
    return PEWTER_OK;
}

static pewter_status buffer_import(pw_device *dev, void *host, size_t bytes, pw_buffer **out,
                                   pewter_error *err)
{
    return buffer_new(dev, (pw_buffer){.data = host, .bytes = bytes, .kind = PEWTER_MEM_WEIGHTS},
                      out, err);
}

static void buffer_release(pw_device *dev, pw_buffer *buf)
{
    if (buf == NULL) return;
    if (buf->owned) {
        dev->bytes_used -= buf->bytes;
        dev->alloc->free(dev->alloc->context, buf->data, buf->bytes, buf->kind);
    }
    pw_free(dev->alloc, buf, sizeof *buf);
}

static pewter_status check_range(const pw_buffer *buf, size_t at, size_t bytes, pewter_error *err)
{
    if (at > buf->bytes || bytes > buf->bytes - at)
        return pw_fail(err, PEWTER_E_ARG, "%zu bytes at %zu of a buffer of %zu", bytes, at,
                       buf->bytes);
    return PEWTER_OK;
}

static pewter_status buffer_write(pw_device *dev, pw_buffer *dst, size_t at, const void *src,
                                  size_t bytes, pw_ticket *out, pewter_error *err)
{
    PW_TRY(check_range(dst, at, bytes, err));
    if (bytes > 0) memcpy(dst->data + at, src, bytes);
    *out = dev->finished;
    return PEWTER_OK;
}

static pewter_status buffer_read(pw_device *dev, const pw_buffer *src, size_t at, void *dst,
                                 size_t bytes, pw_ticket *out, pewter_error *err)
{
    PW_TRY(check_range(src, at, bytes, err));
    if (bytes > 0) memcpy(dst, src->data + at, bytes);
    *out = dev->finished;
    return PEWTER_OK;
}

static void *buffer_map(pw_device *dev, pw_buffer *buf)
{
    (void)dev;
    return buf->data;
}

/* ---- Work ------------------------------------------------------------------------------------ */

static pewter_status submit(pw_device *dev, pw_program *program, const pw_bindings *bind,
                            pw_ticket *out, pewter_error *err)
{
    if (dev->pending != NULL)
        return pw_fail(err, PEWTER_E_BUSY, "%s still has a program to wait for", dev->site->name);
    dev->pending = program;
    dev->bind = *bind;
    *out = ++dev->submitted;
    return PEWTER_OK;
}

static pewter_status wait_for(pw_device *dev, pw_ticket until, int64_t deadline_ns,
                              pewter_error *err)
{
    if (until <= dev->finished || dev->pending == NULL) return PEWTER_OK;

    const int64_t begin = pw_now_ns();
    const bool whole = pw_cpu_run(dev, dev->pending, deadline_ns);
    dev->last_ns = pw_now_ns() - begin;
    dev->pending = NULL;
    dev->finished = dev->submitted;
    if (whole) return PEWTER_OK;
    if (deadline_ns != 0 && pw_now_ns() > deadline_ns)
        return pw_fail(err, PEWTER_E_TIMEOUT, "%s did not finish by its deadline after %.3f s",
                       dev->site->name, (double)dev->last_ns * 1e-9);
    return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
}

static void query(pw_device *dev, pw_device_state *out)
{
    uint64_t bytes = 0;
    for (int32_t i = 0; i < dev->workers; i++)
        bytes += atomic_load_explicit(&dev->counters[i].weight_bytes, memory_order_relaxed);
    *out = (pw_device_state){
        .bytes_used = dev->bytes_used, .weight_bytes = bytes, .last_ns = dev->last_ns};
}

const pw_backend pw_cpu_backend = {
    .name = "cpu",
    .unasked = true,
    .kernels = pw_cpu_catalogue,
    .probe = probe,
    .open = device_open,
    .close = device_close,
    .alloc = buffer_alloc,
    .import = buffer_import,
    .release = buffer_release,
    .write = buffer_write,
    .read = buffer_read,
    .map = buffer_map,
    .prepare = pw_cpu_prepare,
    .discard = pw_cpu_discard,
    .submit = submit,
    .wait = wait_for,
    .query = query,
    .time = pw_cpu_time,
    .times = pw_cpu_times,
    .spans = pw_cpu_spans,
    .each = each,
};
