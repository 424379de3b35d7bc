#include "bench/work.h"

#include <string.h>

#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"

/* The operand that a model would read from memory each time; PW_MAX_SRC: none. */
static int large_operand(pw_op op)
{
    if (op == PW_OP_MATMUL) return 0;
    return op == PW_OP_ATTENTION ? 1 : PW_MAX_SRC;
}

/* The block of the sample that holds `data`. */
static const struct pw_sample_block *block_of(const pw_sample *s, const void *data)
{
    for (size_t i = 0; i < s->n_blocks; i++) {
        const char *begin = s->blocks[i].data;
        if ((const char *)data >= begin && (const char *)data < begin + s->blocks[i].bytes)
            return &s->blocks[i];
    }
    return NULL;
}

static pewter_status import(work *w, void *data, size_t bytes, pw_operand *out, pewter_error *err)
{
    pw_buffer **buffer = &w->buffers[w->n_buffers];
    PW_TRY(w->on->backend->import(w->on->device, data, bytes, buffer, err));
    if (*buffer == NULL)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s cannot read host memory", w->on->info.name);
    w->n_buffers++;
    *out = (pw_operand){.buffer = *buffer};
    return PEWTER_OK;
}

/* An operand where the sample has it. */
static pewter_status own_operand(work *w, const pw_tensor *t, pw_operand *out, pewter_error *err)
{
    *out = (pw_operand){.buffer = NULL};
    if (t->data == NULL) return PEWTER_OK;
    const struct pw_sample_block *block = block_of(&w->sample, t->data);
    if (block == NULL) return pw_fail(err, PEWTER_E_ARG, "an operand that the sample has not");
    PW_TRY(import(w, block->data, block->bytes, out, err));
    out->offset = (size_t)((char *)t->data - (char *)block->data);
    return PEWTER_OK;
}

static pewter_status make_copies(work *w, size_t fill, pewter_error *err)
{
    const int large = large_operand(w->sample.call.op);
    w->copies = 1;
    for (size_t i = 0; i < w->sample.n_blocks; i++) {
        const void *data = w->sample.blocks[i].data;
        const pw_call *call = &w->sample.call;
        bool used = data == w->sample.dst;
        for (int s = 0; s < PW_MAX_SRC; s++)
            used = used || (call->src[s].data != NULL &&
                            block_of(&w->sample, call->src[s].data) == &w->sample.blocks[i]);
        if (used) w->set_bytes += w->sample.blocks[i].bytes;
    }
    if (large == PW_MAX_SRC) return PEWTER_OK;

    const struct pw_sample_block *block = block_of(&w->sample, w->sample.call.src[large].data);
    if (block == NULL) return pw_fail(err, PEWTER_E_ARG, "the sample has no weights or pool");
    w->copy[0] = block->data;
    w->copy_bytes = block->bytes;
    w->copies = (size_t)pw_min(WORK_MOST_COPIES, (int64_t)(fill / block->bytes) + 2);
    for (size_t i = 1; i < w->copies; i++) {
        w->copy[i] = pw_default_allocator.alloc(NULL, block->bytes, 64, PEWTER_MEM_WEIGHTS);
        if (w->copy[i] == NULL)
            return pw_fail(err, PEWTER_E_MEMORY, "no memory for copy %zu of %zu bytes", i,
                           block->bytes);
        memcpy(w->copy[i], block->data, block->bytes);
    }
    w->set_bytes += (w->copies - 1) * block->bytes;
    return PEWTER_OK;
}

static pewter_status prepare(work *w, pewter_error *err)
{
    const int large = large_operand(w->sample.call.op);
    pw_step_call first = {.call = w->sample.call, .kernel = w->sample.shape.row};
    PW_TRY(own_operand(w, &w->sample.call.dst, &first.dst, err));
    for (int s = 0; s < PW_MAX_SRC; s++)
        PW_TRY(own_operand(w, &w->sample.call.src[s], &first.src[s], err));
    for (size_t i = 0; i < w->copies; i++) {
        w->calls[i] = first;
        if (i > 0) {
            const size_t offset = first.src[large].offset;
            PW_TRY(import(w, w->copy[i], w->copy_bytes, &w->calls[i].src[large], err));
            w->calls[i].src[large].offset = offset;
        }
        w->steps[i] = (pw_step){.calls = &w->calls[i], .n_calls = 1};
        PW_TRY(w->on->backend->prepare(w->on->device, &w->steps[i], 1, &w->programs[i], err));
    }
    return PEWTER_OK;
}

pewter_status work_open(const bench_device *on, const pw_sample_shape *shape, size_t fill,
                        work *out, pewter_error *err)
{
    memset(out, 0, sizeof *out);
    out->on = on;
    pw_rng rng = {.state = 4};
    PW_TRY(pw_sample_make(shape, &pw_default_allocator, &rng, &out->sample, err));
    /* The sample points into itself. */
    out->operations = pw_op_flops(&out->sample.call);
    out->bytes = pw_op_bytes(&out->sample.call);
    pewter_status status = make_copies(out, fill, err);
    if (status == PEWTER_OK) status = prepare(out, err);
    if (status != PEWTER_OK) work_close(out);
    return status;
}

void work_close(work *w)
{
    if (w->on == NULL) return;
    for (size_t i = 0; i < w->copies; i++) w->on->backend->discard(w->on->device, w->programs[i]);
    for (size_t i = 0; i < w->n_buffers; i++) w->on->backend->release(w->on->device, w->buffers[i]);
    for (size_t i = 1; i < w->copies; i++)
        if (w->copy[i] != NULL)
            pw_default_allocator.free(NULL, w->copy[i], w->copy_bytes, PEWTER_MEM_WEIGHTS);
    pw_sample_free(&w->sample);
    w->on = NULL;
}

pewter_status work_run(work *w, double *seconds, pewter_error *err)
{
    const pw_bindings bind = {.batch = w->sample.call.batch};
    const pw_backend *backend = w->on->backend;
    pw_program *program = w->programs[w->turn];
    w->turn = (w->turn + 1) % w->copies;
    pw_ticket ticket;
    const int64_t begin = pw_now_ns();
    PW_TRY(backend->submit(w->on->device, program, &bind, &ticket, err));
    PW_TRY(backend->wait(w->on->device, ticket, 0, err));
    *seconds = (double)(pw_now_ns() - begin) * 1e-9;
    return PEWTER_OK;
}
