#include "tests/support/mock_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/ref/rows.h"
#include "pw/arena.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"

enum { QUEUE = 64 };

mock_state mock;

struct pw_buffer {
    pw_buffer *next;
    char *data; /* no access outside `wait` */
    size_t bytes, mapped_bytes;
};

struct pw_program {
    const pw_step *steps;
    size_t n_steps;
    char *scratch;
    size_t scratch_bytes; /* of one call and what it shares with its merge */
};

/* Something to do; `host` stays the caller's until the ticket is past. */
typedef struct operation {
    pw_program *program; /* NULL: bytes are moved */
    pw_bindings bind;
    char *device;
    void *to_host;
    const void *from_host;
    size_t bytes;
} operation;

struct pw_device {
    const pewter_allocator *alloc;
    char name[16];
    uint64_t memory, used;
    bool lost;
    pw_buffer *buffers;
    operation queue[QUEUE]; /* ticket t at t % QUEUE */
    pw_ticket submitted, finished;
    uint64_t weight_bytes;
    int64_t last_ns;
};

void mock_reset(void)
{
    mock = (mock_state){.n_devices = 1, .memory = {1u << 30}, .threads = 2};
    mock.fault_at = UINT64_MAX;
}

void mock_break(mock_call call, uint64_t at, mock_fault fault)
{
    memset(mock.calls, 0, sizeof mock.calls);
    mock.fault_call = call;
    mock.fault_at = at;
    mock.fault = fault;
}

/* Counts a call; a status other than OK is the one that it must return. */
static pewter_status enter(pw_device *dev, mock_call call, pewter_error *err)
{
    const uint64_t one = mock.calls[call]++, all = mock.calls[MOCK_CALLS]++;
    const char *name = dev != NULL ? dev->name : "mock";
    const bool now = mock.fault_at == (mock.fault_call == MOCK_CALLS ? all : one) &&
                     (mock.fault_call == MOCK_CALLS || mock.fault_call == call);
    if (now && mock.fault == MOCK_IS_LOST && dev != NULL) dev->lost = true;
    if (dev != NULL && dev->lost) return pw_fail(err, PEWTER_E_DEVICE, "%s is lost", name);
    if (!now) return PEWTER_OK;
    if (mock.fault == MOCK_TIMES_OUT)
        return pw_fail(err, PEWTER_E_TIMEOUT, "%s did not answer in time", name);
    return pw_fail(err, call == MOCK_ALLOC ? PEWTER_E_MEMORY : PEWTER_E_DEVICE,
                   "%s failed, as it was told to", name);
}

static pewter_status misuse(pewter_error *err, const char *what)
{
    mock.misuses++;
    return pw_fail(err, PEWTER_E_ARG, "mock: %s", what);
}

/* ---- Devices --------------------------------------------------------------------------------- */

static pw_catalogue kernels(void)
{
    return mock.catalogue.count > 0 ? mock.catalogue : pw_ref_catalogue();
}

static pewter_status probe(const pw_site *sites, size_t n_sites, pw_device_info *out, size_t cap,
                           size_t *count, pewter_error *err)
{
    (void)sites;
    (void)n_sites;
    PW_TRY(enter(NULL, MOCK_PROBE, err));
    for (*count = 0; *count < mock.n_devices && *count < cap; ++*count) {
        pw_device_info *info = &out[*count];
        *info = (pw_device_info){
            .features = mock.features, .memory = mock.memory[*count], .threads = mock.threads};
        snprintf(info->name, sizeof info->name, "mock%zu", *count);
        snprintf(info->detail, sizeof info->detail, "a device of the tests");
    }
    return PEWTER_OK;
}

static pewter_status device_open(const pw_device_info *info, const pw_site *site,
                                 const pewter_allocator *alloc, pw_device **out, pewter_error *err)
{
    (void)site;
    PW_TRY(enter(NULL, MOCK_OPEN, err));
    pw_device *dev = pw_alloc(alloc, sizeof *dev);
    if (dev == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", info->name);
    *dev = (pw_device){.alloc = alloc, .memory = info->memory};
    snprintf(dev->name, sizeof dev->name, "%.15s", info->name);
    mock.devices++;
    *out = dev;
    return PEWTER_OK;
}

static void device_close(pw_device *dev)
{
    if (dev == NULL) return;
    mock.devices--;
    pw_free(dev->alloc, dev, sizeof *dev);
}

static void query(pw_device *dev, pw_device_state *out)
{
    *out = (pw_device_state){.bytes_used = dev->used,
                             .weight_bytes = dev->weight_bytes,
                             .last_ns = dev->last_ns,
                             .lost = dev->lost};
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static bool owns(const pw_device *dev, const pw_buffer *buf)
{
    for (const pw_buffer *b = dev->buffers; b != NULL; b = b->next)
        if (b == buf) return true;
    return false;
}

/* Whether host memory is given that is a device's. */
static bool is_ours(const pw_device *dev, const void *host, size_t bytes)
{
    const uintptr_t at = (uintptr_t)host;
    for (const pw_buffer *b = dev->buffers; b != NULL; b = b->next) {
        const uintptr_t begin = (uintptr_t)b->data;
        if (at < begin + b->mapped_bytes && begin < at + bytes) return true;
    }
    return false;
}

static pewter_status buffer_alloc(pw_device *dev, size_t bytes, pewter_memory kind, pw_buffer **out,
                                  pewter_error *err)
{
    (void)kind;
    PW_TRY(enter(dev, MOCK_ALLOC, err));
    size_t mapped;
    if (!pw_align(bytes == 0 ? 1 : bytes, 4096, &mapped) || bytes > dev->memory - dev->used)
        return pw_fail(err, PEWTER_E_MEMORY, "%zu bytes wanted on %s, %llu free", bytes, dev->name,
                       (unsigned long long)(dev->memory - dev->used));
    pw_buffer *buf = pw_alloc(dev->alloc, sizeof *buf);
    if (buf == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    void *data = mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        pw_free(dev->alloc, buf, sizeof *buf);
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no map of %zu bytes", dev->name, mapped);
    }
    *buf = (pw_buffer){.next = dev->buffers, .data = data, .bytes = bytes, .mapped_bytes = mapped};
    dev->buffers = buf;
    dev->used += bytes;
    mock.buffers++;
    *out = buf;
    return PEWTER_OK;
}

static void buffer_release(pw_device *dev, pw_buffer *buf)
{
    if (buf == NULL) return;
    pw_buffer **at = &dev->buffers;
    while (*at != NULL && *at != buf) at = &(*at)->next;
    if (*at == NULL) {
        mock.misuses++;
        return;
    }
    *at = buf->next;
    dev->used -= buf->bytes;
    munmap(buf->data, buf->mapped_bytes);
    pw_free(dev->alloc, buf, sizeof *buf);
    mock.buffers--;
}

static pewter_status enqueue(pw_device *dev, const operation *what, pw_ticket *out,
                             pewter_error *err)
{
    if (dev->submitted - dev->finished == QUEUE)
        return pw_fail(err, PEWTER_E_BUSY, "%s: %d operations wait already", dev->name, QUEUE);
    dev->queue[++dev->submitted % QUEUE] = *what;
    *out = dev->submitted;
    return PEWTER_OK;
}

static pewter_status check_move(const pw_device *dev, const pw_buffer *buf, size_t at,
                                const void *host, size_t bytes, pewter_error *err)
{
    if (!owns(dev, buf)) return misuse(err, "bytes moved by no buffer of this device");
    if (is_ours(dev, host, bytes)) return misuse(err, "device memory given for host memory");
    if (at > buf->bytes || bytes > buf->bytes - at)
        return misuse(err, "bytes moved past the end of a buffer");
    mock.bytes_moved += bytes;
    return PEWTER_OK;
}

static pewter_status buffer_write(pw_device *dev, pw_buffer *dst, size_t at, const void *src,
                                  size_t bytes, pw_ticket *out, pewter_error *err)
{
    PW_TRY(enter(dev, MOCK_WRITE, err));
    PW_TRY(check_move(dev, dst, at, src, bytes, err));
    return enqueue(dev, &(operation){.device = dst->data + at, .from_host = src, .bytes = bytes},
                   out, err);
}

static pewter_status buffer_read(pw_device *dev, const pw_buffer *src, size_t at, void *dst,
                                 size_t bytes, pw_ticket *out, pewter_error *err)
{
    PW_TRY(enter(dev, MOCK_READ, err));
    PW_TRY(check_move(dev, src, at, dst, bytes, err));
    return enqueue(dev, &(operation){.device = src->data + at, .to_host = dst, .bytes = bytes}, out,
                   err);
}

static void *buffer_map(pw_device *dev, pw_buffer *buf)
{
    (void)dev;
    (void)buf;
    return NULL;
}

/* ---- Programs -------------------------------------------------------------------------------- */

/* Whether an operand is absent, or dense and within a buffer of the device, with no data given. */
static bool is_sound(const pw_device *dev, const pw_operand *at, const pw_tensor *t, bool packed)
{
    if (t->data != NULL) return false;
    if (at->buffer == NULL) return true;
    if (!owns(dev, at->buffer) || at->offset > at->buffer->bytes) return false;
    size_t bytes = 0;
    if (t->dtype == PW_KV_POOL)
        bytes = (size_t)t->n[0] * (size_t)t->n[1];
    else if (!packed && !pw_tensor_bytes(t->dtype, t->n[0], t->n[1], t->n[2], &bytes))
        return false;
    return bytes <= at->buffer->bytes - at->offset;
}

static bool is_row(const pw_kernel *kernel)
{
    const pw_catalogue all = kernels();
    return kernel >= all.rows && kernel < all.rows + all.count;
}

static size_t shared_at(const pw_kernel *kernel, const pw_call *call)
{
    return kernel->scratch != NULL ? pw_align_up(kernel->scratch(call), 64) : 0;
}

static void want(pw_program *program, const pw_kernel *kernel, const pw_call *call)
{
    if (kernel == NULL) return;
    const size_t bytes =
        shared_at(kernel, call) + (kernel->shared != NULL ? kernel->shared(call) : 0);
    if (bytes > program->scratch_bytes) program->scratch_bytes = bytes;
}

static pewter_status check_step(const pw_device *dev, const pw_step *step, pw_program *program,
                                pewter_error *err)
{
    for (size_t i = 0; i < step->n_calls; i++) {
        const pw_step_call *c = &step->calls[i];
        if (!is_row(c->kernel) || (c->narrow != NULL && !is_row(c->narrow)))
            return misuse(err, "a kernel that is not of the catalogue");
        if (!is_sound(dev, &c->dst, &c->call.dst, false))
            return misuse(err, "a result that does not lie in a buffer");
        for (int s = 0; s < PW_MAX_SRC; s++)
            if (!is_sound(dev, &c->src[s], &c->call.src[s], s == 0 && c->kernel->packing != NULL))
                return misuse(err, "an operand that does not lie in a buffer");
        want(program, c->kernel, &c->call);
        want(program, c->narrow, &c->call);
    }
    return PEWTER_OK;
}

static void discard(pw_device *dev, pw_program *program)
{
    if (program == NULL) return;
    if (program->scratch != NULL)
        dev->alloc->free(dev->alloc->context, program->scratch, program->scratch_bytes,
                         PEWTER_MEM_SCRATCH);
    pw_free(dev->alloc, program, sizeof *program);
    mock.programs--;
}

static pewter_status prepare(pw_device *dev, const pw_step *steps, size_t count, pw_program **out,
                             pewter_error *err)
{
    PW_TRY(enter(dev, MOCK_PREPARE, err));
    pw_program *program = pw_alloc(dev->alloc, sizeof *program);
    if (program == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    *program = (pw_program){.steps = steps, .n_steps = count, .scratch_bytes = 64};
    mock.programs++;
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < count && status == PEWTER_OK; i++)
        status = check_step(dev, &steps[i], program, err);
    program->scratch_bytes = pw_align_up(program->scratch_bytes, 64);
    if (status == PEWTER_OK) {
        program->scratch =
            dev->alloc->alloc(dev->alloc->context, program->scratch_bytes, 64, PEWTER_MEM_SCRATCH);
        if (program->scratch == NULL)
            status = pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    }
    if (status != PEWTER_OK) {
        discard(dev, program);
        return status;
    }
    *out = program;
    return PEWTER_OK;
}

/* ---- Work ------------------------------------------------------------------------------------ */

static int64_t open_rows(const pw_operand *at, const pw_bindings *bind)
{
    return at->rows == PW_ROWS_TOKENS ? bind->tokens : bind->outputs;
}

static void bind_operand(pw_tensor *t, const pw_operand *at, const pw_bindings *bind)
{
    if (at->buffer == NULL) return;
    t->data = at->buffer->data + at->offset;
    if (at->rows != PW_ROWS_FIXED) t->n[at->dim] = open_rows(at, bind);
}

/* All units of a call, in tasks as long as the row takes them. */
static void run_call(pw_device *dev, const pw_program *program, const pw_step_call *from,
                     const pw_bindings *bind)
{
    const bool open = from->dst.rows != PW_ROWS_FIXED;
    const int64_t rows = open ? open_rows(&from->dst, bind) : 1;
    if (rows == 0) return;
    const pw_kernel *k =
        from->narrow != NULL && rows <= from->narrow->max_n ? from->narrow : from->kernel;
    pw_call call = from->call;
    call.batch = bind->batch;
    bind_operand(&call.dst, &from->dst, bind);
    for (int s = 0; s < PW_MAX_SRC; s++) bind_operand(&call.src[s], &from->src[s], bind);
    if (k->shared != NULL)
        call.src[PW_MAX_SRC - 1].data = program->scratch + shared_at(k, &from->call);

    const int64_t extent = k->extent != NULL ? k->extent(&call) : pw_op_extent(&call);
    const int64_t grain = pw_max(pw_grain(k, &call), 1);
    const int64_t task = k->max_task > 0 ? pw_max(k->max_task / grain * grain, grain) : extent;
    for (int64_t at = 0; at < extent; at += task)
        k->cpu.run(&call, at, pw_min(at + task, extent), program->scratch);
    if (k->cpu.merge != NULL) k->cpu.merge(&call, 0, k->cpu.merge_extent(&call), program->scratch);
    if (k->op == PW_OP_MATMUL) dev->weight_bytes += (uint64_t)pw_weight_bytes(k, &call);
    mock.rows_run++;
}

static pewter_status run_program(pw_device *dev, const operation *what, int64_t deadline_ns,
                                 pewter_error *err)
{
    const pw_program *program = what->program;
    const int64_t begin = pw_now_ns();
    for (size_t i = 0; i < program->n_steps; i++) {
        if (what->bind.stop != NULL && atomic_load(what->bind.stop) != 0)
            return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
        if (deadline_ns != 0 && pw_now_ns() > deadline_ns)
            return pw_fail(err, PEWTER_E_TIMEOUT, "%s did not finish by its deadline", dev->name);
        for (size_t c = 0; c < program->steps[i].n_calls; c++)
            run_call(dev, program, &program->steps[i].calls[c], &what->bind);
    }
    dev->last_ns = pw_now_ns() - begin;
    return PEWTER_OK;
}

static void open_memory(const pw_device *dev, bool open)
{
    for (const pw_buffer *b = dev->buffers; b != NULL; b = b->next)
        mprotect(b->data, b->mapped_bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static pewter_status submit(pw_device *dev, pw_program *program, const pw_bindings *bind,
                            pw_ticket *out, pewter_error *err)
{
    PW_TRY(enter(dev, MOCK_SUBMIT, err));
    return enqueue(dev, &(operation){.program = program, .bind = *bind}, out, err);
}

static pewter_status wait_for(pw_device *dev, pw_ticket until, int64_t deadline_ns,
                              pewter_error *err)
{
    pewter_status status = enter(dev, MOCK_WAIT, err);
    if (status != PEWTER_OK) { /* what was under way is void */
        dev->finished = dev->submitted;
        return status;
    }
    open_memory(dev, true);
    while (dev->finished < until && dev->finished < dev->submitted && status == PEWTER_OK) {
        const operation *what = &dev->queue[++dev->finished % QUEUE];
        if (what->program != NULL)
            status = run_program(dev, what, deadline_ns, err);
        else if (what->bytes > 0)
            memcpy(what->to_host != NULL ? what->to_host : what->device,
                   what->to_host != NULL ? what->device : what->from_host, what->bytes);
    }
    open_memory(dev, false);
    return status;
}

const pw_backend mock_backend = {
    .name = "mock",
    .unasked = true,
    .kernels = kernels,
    .probe = probe,
    .open = device_open,
    .close = device_close,
    .alloc = buffer_alloc,
    .release = buffer_release,
    .write = buffer_write,
    .read = buffer_read,
    .map = buffer_map,
    .prepare = prepare,
    .discard = discard,
    .submit = submit,
    .wait = wait_for,
    .query = query,
};
