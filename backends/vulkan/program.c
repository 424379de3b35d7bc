/* Programs: recorded once for each width that matters, submitted many times. What changes from submit to submit
 * (addresses do not: rows, pages) is read by the shaders from memory that the host writes. */
#include <assert.h>
#include <string.h>

#include "backends/vulkan/device.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"

enum {
    WIDTHS = 5,       /* 1, 2, 4, 8 rows, and more: each takes other pipelines */
    CHUNK = 64,       /* calls of one command buffer: a watchdog ends long ones */
    ARGS_BYTES = 320, /* a multiple of 64 */
    PAGES_LEAST = 1024
};
static_assert(sizeof(pw_vk_args) <= ARGS_BYTES, "args fit");

/* A call as it runs: rewritten for every submit. */
typedef struct bound_call {
    pw_call call;
    const pw_step_call *from;
} bound_call;

/* Command buffers of a program for a width of tokens and one of outputs. */
typedef struct recording {
    VkCommandBuffer *buffers; /* [n_buffers]; NULL: not recorded yet */
    bool whole;
} recording;

struct pw_program {
    pw_arena arena;
    const pw_step *steps;
    size_t n_steps, n_calls, n_buffers;
    bound_call *calls; /* [n_calls] */
    pw_buffer *args;   /* [n_calls] args, then [n_calls] workgroups (4 words), then [width] rows */
    size_t groups_at, rows_at;
    int64_t width;
    pw_buffer *pages;
    recording recordings[2][WIDTHS][WIDTHS]; /* [1]: with a time behind every call */
    pw_bindings bound;                       /* of the last submit */
    bool timing;
    VkQueryPool queries; /* [n_calls + 1] times; NULL until they are first wanted */
    uint64_t *ticks;     /* [n_calls + 1] */
    pw_call_time *times; /* [n_calls] */
};

static int width_of(int64_t rows)
{
    return rows <= 1 ? 0 : rows <= 2 ? 1 : rows <= 4 ? 2 : rows <= 8 ? 3 : 4;
}

/* ---- Recording ------------------------------------------------------------------------------- */

static int64_t open_rows(pw_open_rows rows, const pw_bindings *bind)
{
    return rows == PW_ROWS_TOKENS ? bind->tokens : rows == PW_ROWS_OUTPUTS ? bind->outputs : -1;
}

static const pw_kernel *kernel_of(const pw_step_call *c, const pw_bindings *bind)
{
    const int64_t rows = open_rows(c->dst.rows, bind);
    return c->narrow != NULL && rows >= 0 && rows <= c->narrow->max_n ? c->narrow : c->kernel;
}

static void barrier(const pw_device *dev, VkCommandBuffer to)
{
    const VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                 .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                 .dstAccessMask =
                                     VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                     VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                                     VK_ACCESS_TRANSFER_WRITE_BIT};
    dev->vk.CmdPipelineBarrier(to, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                               VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_HOST_BIT |
                                   VK_PIPELINE_STAGE_TRANSFER_BIT,
                               0, 1, &all, 0, NULL, 0, NULL);
}

static pewter_status record_call(pw_device *dev, const pw_program *p, VkCommandBuffer to,
                                 size_t index, const pw_bindings *bind, pewter_error *err)
{
    const pw_vk *vk = &dev->vk;
    const pw_step_call *c = p->calls[index].from;
    const int64_t rows = open_rows(c->dst.rows, bind);
    VkPipeline pipeline = VK_NULL_HANDLE;
    PW_TRY(pw_vk_pipeline_of(dev, kernel_of(c, bind)->shader, 1u << (rows < 0 ? 0 : width_of(rows)),
                             &pipeline, err));
    const uint64_t args = p->args->address + index * ARGS_BYTES;
    vk->CmdBindPipeline(to, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vk->CmdPushConstants(to, dev->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof args, &args);
    vk->CmdDispatchIndirect(to, p->args->buffer, p->groups_at + index * 16);
    if (p->timing) { /* one behind the other, so that each has a time of its own */
        barrier(dev, to);
        vk->CmdWriteTimestamp(to, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, p->queries,
                              (uint32_t)index + 1);
    }
    return PEWTER_OK;
}

/* Calls of one step run side by side; what they write is there for the next. */
static pewter_status record_buffers(pw_device *dev, const pw_program *p, const recording *r,
                                    const pw_bindings *bind, pewter_error *err)
{
    const pw_vk *vk = &dev->vk;
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    size_t call = 0, buffer = 0, held = 0;
    PW_TRY(pw_vk_check(dev, vk->BeginCommandBuffer(r->buffers[0], &begin), "vkBeginCommandBuffer",
                       err));
    if (p->timing) {
        vk->CmdResetQueryPool(r->buffers[0], p->queries, 0, (uint32_t)p->n_calls + 1);
        vk->CmdWriteTimestamp(r->buffers[0], VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, p->queries, 0);
    }
    for (size_t s = 0; s < p->n_steps; s++) {
        if (held >= CHUNK) {
            PW_TRY(pw_vk_check(dev, vk->EndCommandBuffer(r->buffers[buffer++]),
                               "vkEndCommandBuffer", err));
            PW_TRY(pw_vk_check(dev, vk->BeginCommandBuffer(r->buffers[buffer], &begin),
                               "vkBeginCommandBuffer", err));
            held = 0;
        }
        for (size_t c = 0; c < p->steps[s].n_calls; c++, call++, held++)
            PW_TRY(record_call(dev, p, r->buffers[buffer], call, bind, err));
        barrier(dev, r->buffers[buffer]);
    }
    return pw_vk_check(dev, vk->EndCommandBuffer(r->buffers[buffer]), "vkEndCommandBuffer", err);
}

/* Command buffers for these widths: recorded when they first come up. */
static pewter_status recording_of(pw_device *dev, pw_program *p, const pw_bindings *bind,
                                  const recording **out, pewter_error *err)
{
    recording *r = &p->recordings[p->timing][width_of(bind->tokens)][width_of(bind->outputs)];
    *out = r;
    if (r->whole) return PEWTER_OK;
    if (r->buffers == NULL) {
        const VkCommandBufferAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = dev->pool,
            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
            .commandBufferCount = (uint32_t)p->n_buffers};
        VkCommandBuffer *buffers = pw_arena_array(&p->arena, p->n_buffers, sizeof *buffers);
        if (buffers == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
        PW_TRY(pw_vk_check(dev, dev->vk.AllocateCommandBuffers(dev->device, &info, buffers),
                           "vkAllocateCommandBuffers", err));
        r->buffers = buffers;
    }
    PW_TRY(record_buffers(dev, p, r, bind, err));
    r->whole = true;
    return PEWTER_OK;
}

/* ---- Binding --------------------------------------------------------------------------------- */

static pw_vk_tensor tensor_of(pw_tensor *t, const pw_operand *at, const pw_bindings *bind)
{
    if (at->buffer == NULL) return (pw_vk_tensor){0};
    const int64_t rows = open_rows(at->rows, bind);
    if (rows >= 0) t->n[at->dim] = rows;
    return (pw_vk_tensor){.data = at->buffer->address + at->offset,
                          .n = {(uint32_t)t->n[0], (uint32_t)t->n[1], (uint32_t)t->n[2]},
                          .s1 = (uint32_t)t->stride[1],
                          .s2 = (uint32_t)t->stride[2]};
}

static void bind_call(const pw_program *p, size_t index, const pw_bindings *bind)
{
    bound_call *b = &p->calls[index];
    const pw_step_call *from = b->from;
    const pw_params *params = &b->call.params;
    b->call.batch = bind->batch;
    pw_vk_args args = {.rows = p->args->address + p->rows_at,
                       .pages = p->pages->address,
                       .epilogues = params->epilogues,
                       .heads = (uint32_t)params->heads,
                       .kv_heads = (uint32_t)params->kv_heads,
                       .head_dim = (uint32_t)params->head_dim,
                       .window = (uint32_t)params->window,
                       .neox = params->neox,
                       .eps = params->eps,
                       .scale = params->scale};
    args.dst = tensor_of(&b->call.dst, &from->dst, bind);
    for (int s = 0; s < PW_MAX_SRC; s++)
        args.src[s] = tensor_of(&b->call.src[s], &from->src[s], bind);
    const pw_kernel *kernel = kernel_of(from, bind);
    if (kernel->kv != NULL)
        args.page_bytes = (uint32_t)kernel->kv->page_bytes(params->head_dim, params->kv_heads);
    uint32_t groups[4] = {1, 1, 1, 0};
    if (open_rows(from->dst.rows, bind) == 0)
        groups[0] = 0;
    else
        kernel->shader->groups(&b->call, groups);
    memcpy(p->args->mapped + index * ARGS_BYTES, &args, sizeof args);
    memcpy(p->args->mapped + p->groups_at + index * sizeof groups, groups, sizeof groups);
}

static pewter_status grow_pages(pw_device *dev, pw_program *p, size_t count, pewter_error *err)
{
    if (p->pages != NULL && count * sizeof(int32_t) <= p->pages->bytes) return PEWTER_OK;
    size_t room = PAGES_LEAST;
    while (room < count) room *= 2;
    pw_buffer *larger = NULL;
    PW_TRY(pw_vk_buffer_new(dev, room * sizeof(int32_t), true, &larger, err));
    pw_vk_release(dev, p->pages);
    p->pages = larger;
    return PEWTER_OK;
}

/* Of each row its position and where its sequence's pages begin; the pages behind each other. */
static pewter_status bind_batch(pw_device *dev, pw_program *p, const pw_bindings *bind,
                                pewter_error *err)
{
    const pw_batch *batch = bind->batch;
    size_t count = 0;
    for (int64_t i = 0; batch != NULL && i < batch->n_sequences; i++) {
        const pw_sequence *s = &batch->sequences[i];
        count += (size_t)pw_ceil_div(s->pos + s->count, PW_PAGE);
    }
    PW_TRY(grow_pages(dev, p, count, err));
    count = 0;
    for (int64_t i = 0; batch != NULL && i < batch->n_sequences; i++) {
        const pw_sequence *s = &batch->sequences[i];
        const size_t pages = (size_t)pw_ceil_div(s->pos + s->count, PW_PAGE);
        memcpy(p->pages->mapped + count * sizeof(int32_t), s->pages, pages * sizeof(int32_t));
        for (int64_t row = s->first; row < s->first + s->count; row++) {
            const uint32_t entry[2] = {(uint32_t)(s->pos + row - s->first), (uint32_t)count};
            memcpy(p->args->mapped + p->rows_at + (size_t)row * sizeof entry, entry, sizeof entry);
        }
        count += pages;
    }
    return PEWTER_OK;
}

pewter_status pw_vk_submit(pw_device *dev, pw_program *program, const pw_bindings *bind,
                           pw_ticket *out, pewter_error *err)
{
    const recording *r;
    PW_TRY(pw_vk_wait(dev, dev->submitted, 0, err));
    if (bind->tokens > program->width || bind->outputs > program->width)
        return pw_fail(err, PEWTER_E_ARG, "%s: %lld rows wanted, the program has %lld", dev->name,
                       (long long)pw_max(bind->tokens, bind->outputs), (long long)program->width);
    PW_TRY(bind_batch(dev, program, bind, err));
    for (size_t i = 0; i < program->n_calls; i++) bind_call(program, i, bind);
    PW_TRY(recording_of(dev, program, bind, &r, err));
    dev->begin_ns = pw_now_ns();
    dev->stop = bind->stop;
    program->bound = *bind;
    dev->timed = program->timing ? program : NULL;
    return pw_vk_submit_buffers(dev, r->buffers, program->n_buffers, out, err);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static pewter_status need_queries(pw_device *dev, pw_program *p, pewter_error *err)
{
    if (p->queries != VK_NULL_HANDLE) return PEWTER_OK;
    p->ticks = pw_arena_array(&p->arena, p->n_calls + 1, sizeof *p->ticks);
    p->times = pw_arena_array(&p->arena, p->n_calls + 1, sizeof *p->times);
    if (p->ticks == NULL || p->times == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = (uint32_t)p->n_calls + 1};
    return pw_vk_check(dev, dev->vk.CreateQueryPool(dev->device, &info, NULL, &p->queries),
                       "vkCreateQueryPool", err);
}

pewter_status pw_vk_time(pw_device *dev, pw_program *p, bool on, pewter_error *err)
{
    p->timing = false;
    if (!on) return PEWTER_OK;
    if (dev->tick_ns <= 0.0)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s has no clock that calls could be timed by",
                       dev->name);
    PW_TRY(need_queries(dev, p, err));
    memset(p->times, 0, p->n_calls * sizeof *p->times);
    p->timing = true;
    return PEWTER_OK;
}

void pw_vk_collect(pw_device *dev, pw_program *p)
{
    const VkResult result = dev->vk.GetQueryPoolResults(
        dev->device, p->queries, 0, (uint32_t)p->n_calls + 1, (p->n_calls + 1) * sizeof *p->ticks,
        p->ticks, sizeof *p->ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
    dev->lost = dev->lost || result == VK_ERROR_DEVICE_LOST;
    for (size_t i = 0; result == VK_SUCCESS && i < p->n_calls; i++) {
        const pw_step_call *from = p->calls[i].from;
        if (open_rows(from->dst.rows, &p->bound) == 0) continue;
        const pw_kernel *kernel = kernel_of(from, &p->bound);
        const int64_t ns = (int64_t)((double)(p->ticks[i + 1] - p->ticks[i]) * dev->tick_ns);
        pw_call_time *t = &p->times[i];
        t->kernel = kernel;
        t->turns++;
        t->operations += pw_op_flops(&p->calls[i].call);
        t->bytes += pw_op_bytes(&p->calls[i].call);
        t->busy_ns += ns;
        t->wall_ns += ns;
    }
}

const pw_call_time *pw_vk_times(const pw_device *dev, const pw_program *p)
{
    (void)dev;
    return p->times;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

/* Rows that an operand has at full width. */
static int64_t full_rows(const pw_tensor *t, const pw_operand *at)
{
    return at->buffer != NULL && at->rows != PW_ROWS_FIXED ? t->n[at->dim] : 0;
}

/* Command buffers and the widest row count, as record_buffers will cut them. */
static void measure(pw_program *p)
{
    size_t held = 0;
    p->n_buffers = 1;
    p->width = 1;
    for (size_t s = 0; s < p->n_steps; s++) {
        if (held >= CHUNK) {
            p->n_buffers++;
            held = 0;
        }
        held += p->steps[s].n_calls;
        for (size_t c = 0; c < p->steps[s].n_calls; c++) {
            const pw_step_call *call = &p->steps[s].calls[c];
            p->width = pw_max(p->width, full_rows(&call->call.dst, &call->dst));
            for (int i = 0; i < PW_MAX_SRC; i++)
                p->width = pw_max(p->width, full_rows(&call->call.src[i], &call->src[i]));
        }
        p->n_calls += p->steps[s].n_calls;
    }
}

static pewter_status fill(pw_device *dev, pw_program *p, pewter_error *err)
{
    measure(p);
    p->calls = pw_arena_array(&p->arena, p->n_calls + 1, sizeof *p->calls);
    if (p->calls == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    size_t call = 0;
    for (size_t s = 0; s < p->n_steps; s++)
        for (size_t c = 0; c < p->steps[s].n_calls; c++, call++)
            p->calls[call] = (bound_call){p->steps[s].calls[c].call, &p->steps[s].calls[c]};
    p->groups_at = p->n_calls * ARGS_BYTES;
    p->rows_at = p->groups_at + p->n_calls * 4 * sizeof(uint32_t);
    const size_t bytes = p->rows_at + (size_t)p->width * 2 * sizeof(uint32_t);
    PW_TRY(pw_vk_buffer_new(dev, bytes, true, &p->args, err));
    PW_TRY(grow_pages(dev, p, 1, err));
    /* The two widths that every answer takes; others follow when they come up. */
    const recording *r;
    PW_TRY(recording_of(dev, p, &(pw_bindings){.tokens = p->width, .outputs = 1}, &r, err));
    return recording_of(dev, p, &(pw_bindings){.tokens = 1, .outputs = 1}, &r, err);
}

pewter_status pw_vk_prepare(pw_device *dev, const pw_step *steps, size_t count, pw_program **out,
                            pewter_error *err)
{
    pw_program *p = pw_alloc(dev->alloc, sizeof *p);
    if (p == NULL) return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory", dev->name);
    *p = (pw_program){.arena.alloc = dev->alloc, .steps = steps, .n_steps = count};
    const pewter_status status = fill(dev, p, err);
    if (status != PEWTER_OK) {
        pw_vk_discard(dev, p);
        return status;
    }
    *out = p;
    return PEWTER_OK;
}

void pw_vk_discard(pw_device *dev, pw_program *p)
{
    if (p == NULL) return;
    if (pw_vk_wait(dev, dev->submitted, 0, NULL) != PEWTER_OK)
        dev->lost = true; /* nothing more will be asked of it */
    for (int i = 0; i < 2 * WIDTHS * WIDTHS; i++) {
        const recording *r = &p->recordings[i / (WIDTHS * WIDTHS)][i / WIDTHS % WIDTHS][i % WIDTHS];
        if (r->buffers != NULL)
            dev->vk.FreeCommandBuffers(dev->device, dev->pool, (uint32_t)p->n_buffers, r->buffers);
    }
    dev->vk.DestroyQueryPool(dev->device, p->queries, NULL);
    pw_vk_release(dev, p->pages);
    pw_vk_release(dev, p->args);
    pw_arena_free(&p->arena);
    pw_free(dev->alloc, p, sizeof *p);
}
