#include "bench/small.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/shim.h"
#include "kernels/sample.h"
#include "pw/clock.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"

static const struct {
    const char *name;
    size_t bytes;
} sizes[] = {{"4KiB", 4096}, {"1MiB", (size_t)1 << 20}, {"64MiB", (size_t)64 << 20}};

/* A program of one addition: all that is measured is the way to the device and back. */
static pewter_status launches(bench_run *run, const bench_device *d, pewter_error *err)
{
    float values[3][16] = {{0.0f}};
    pw_step_call call = {.call = {.op = PW_OP_ADD}};
    pw_tensor *tensors[] = {&call.call.dst, &call.call.src[0], &call.call.src[1]};
    pw_operand *operands[] = {&call.dst, &call.src[0], &call.src[1]};
    pw_buffer *buffers[3] = {NULL};
    pewter_status status = PEWTER_OK;
    for (int i = 0; i < 3; i++) *tensors[i] = pw_tensor_of(PW_F32, 16, 1, 1, NULL);
    const pw_catalogue rows = d->backend->kernels();
    const pw_pick_rules rules = {.features = d->info.features};
    call.kernel = pw_pick(&rows, &call.call, &rules);
    for (int i = 0; i < 3 && status == PEWTER_OK; i++) {
        status = d->backend->import(d->device, values[i], sizeof values[i], &buffers[i], err);
        operands[i]->buffer = buffers[i];
    }
    const pw_step step = {.calls = &call, .n_calls = 1};
    pw_program *program = NULL;
    if (status == PEWTER_OK) status = d->backend->prepare(d->device, &step, 1, &program, err);
    const pw_bindings bind = {.tokens = 0};
    while (status == PEWTER_OK && bench_next(run)) {
        pw_ticket ticket;
        const int64_t begin = pw_now_ns();
        status = d->backend->submit(d->device, program, &bind, &ticket, err);
        if (status == PEWTER_OK) status = d->backend->wait(d->device, ticket, 0, err);
        bench_seconds(run, (double)(pw_now_ns() - begin) * 1e-9);
    }
    d->backend->discard(d->device, program);
    for (int i = 0; i < 3; i++) d->backend->release(d->device, buffers[i]);
    return status;
}

static pewter_status copies(bench_run *run, const bench_device *d, size_t bytes, bool to,
                            pewter_error *err)
{
    pw_buffer *buffer = NULL;
    void *host = calloc(1, bytes);
    pewter_status status =
        host == NULL ? pw_fail(err, PEWTER_E_MEMORY, "no memory for %zu bytes", bytes)
                     : d->backend->alloc(d->device, bytes, PEWTER_MEM_OTHER, &buffer, err);
    double seconds = 0.0;
    int64_t turns = 0;
    while (status == PEWTER_OK && bench_next(run)) {
        pw_ticket ticket;
        const int64_t begin = pw_now_ns();
        status = to ? d->backend->write(d->device, buffer, 0, host, bytes, &ticket, err)
                    : d->backend->read(d->device, buffer, 0, host, bytes, &ticket, err);
        if (status == PEWTER_OK) status = d->backend->wait(d->device, ticket, 0, err);
        const double turn = (double)(pw_now_ns() - begin) * 1e-9;
        bench_seconds(run, turn);
        seconds += turn;
        turns++;
    }
    if (turns > 0) bench_counter(run, "GB/s", (double)bytes * (double)turns / seconds * 1e-9);
    d->backend->release(d->device, buffer);
    free(host);
    return status;
}

typedef struct small {
    const bench_device *device;
    size_t bytes; /* 0: a launch */
    bool to;
} small;

enum { MOST = DEVICE_MOST * (1 + 2 * sizeof sizes / sizeof *sizes) };

static void benchmark(bench_run *run, void *context)
{
    const small *s = context;
    pewter_error err;
    const pewter_status status = s->bytes == 0 ? launches(run, s->device, &err)
                                               : copies(run, s->device, s->bytes, s->to, &err);
    if (status != PEWTER_OK) bench_skip(run, err.message);
}

void small_add(const bench_device *device)
{
    static small all[MOST];
    static size_t used;
    char name[160];
    for (size_t i = 0; i <= 2 * sizeof sizes / sizeof *sizes && used < MOST; i++) {
        small *s = &all[used++];
        *s = (small){.device = device};
        if (i == 0) {
            snprintf(name, sizeof name, "launch_%s/threads:%d", device->info.name, device->threads);
        } else {
            const size_t size = (i - 1) / 2;
            s->bytes = sizes[size].bytes;
            s->to = i % 2 == 1;
            snprintf(name, sizeof name, "copy_%s_%s/%s/threads:%d", s->to ? "to" : "from",
                     device->info.name, sizes[size].name, device->threads);
        }
        bench_add(name, benchmark, s);
    }
}
