#include "scheduler/run.h"

#include <string.h>

#include "pw/num.h"
#include "pw/status.h"

struct pw_run {
    pw_arena arena;
    const pw_plan *plan;
    const pw_resident *resident;
    pw_program **programs; /* [n_segments] */
    char *staging;         /* for copies: one row of the widest, times width; or a page */
    size_t staging_bytes;
    float *logits; /* NULL where the device's own memory can be read */
};

static const pw_backend *backend_of(const pw_run *run, int32_t device)
{
    return run->plan->devices[device].target.backend;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

static pw_operand operand(const pw_run *run, const pw_place *place, int32_t device)
{
    const pw_resident *r = run->resident;
    pw_operand o = {.rows = place->rows, .dim = place->dim, .offset = place->offset};
    switch (place->where) {
    case PW_NOWHERE: break;
    case PW_IN_ACTIVATIONS: o.buffer = r->devices[device].activations; break;
    case PW_IN_STATE: o.buffer = r->states[place->index]; break;
    case PW_IN_WEIGHTS:
        o.buffer = r->mapped[place->index];
        if (o.buffer == NULL) {
            o.buffer = r->devices[device].weights;
            o.offset = r->offsets[place->index];
        }
        break;
    }
    return o;
}

static pewter_status prepare(pw_run *run, int32_t index, pewter_error *err)
{
    const pw_plan *plan = run->plan;
    const pw_segment *segment = &plan->segments[index];
    const size_t n_steps = (size_t)segment->n_steps;
    const int32_t first = plan->step_calls[segment->first_step];
    const int32_t end = plan->step_calls[segment->first_step + segment->n_steps];
    pw_step *steps = pw_arena_array(&run->arena, n_steps, sizeof *steps);
    pw_step_call *calls = pw_arena_array(&run->arena, (size_t)(end - first), sizeof *calls);
    if (steps == NULL || calls == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to prepare %zu steps", n_steps);

    for (int32_t i = first; i < end; i++) {
        const pw_plan_call *from = &plan->calls[i];
        pw_step_call *to = &calls[i - first];
        *to = (pw_step_call){.call = from->call, .kernel = from->kernel, .narrow = from->narrow};
        to->dst = operand(run, &from->dst, segment->device);
        for (int s = 0; s < PW_MAX_SRC; s++)
            to->src[s] = operand(run, &from->src[s], segment->device);
    }
    for (size_t s = 0; s < n_steps; s++) {
        const int32_t *at = &plan->step_calls[segment->first_step + (int32_t)s];
        steps[s] = (pw_step){.calls = calls + (at[0] - first), .n_calls = (size_t)(at[1] - at[0])};
    }
    return backend_of(run, segment->device)
        ->prepare(run->resident->devices[segment->device].device, steps, n_steps,
                  &run->programs[index], err);
}

static pewter_status prepare_all(pw_run *run, pewter_error *err)
{
    const pw_plan *plan = run->plan;
    run->programs = pw_arena_array(&run->arena, (size_t)plan->n_segments, sizeof *run->programs);
    for (int32_t i = 0; i < plan->n_copies; i++) {
        size_t bytes;
        if (!pw_mul(plan->copies[i].row_bytes, (size_t)plan->width, &bytes))
            return pw_fail(err, PEWTER_E_MEMORY, "a copy of %lld rows has no size",
                           (long long)plan->width);
        if (bytes > run->staging_bytes) run->staging_bytes = bytes;
    }
    for (int32_t i = 0; i < plan->n_states; i++)
        if (plan->states[i].page_bytes > run->staging_bytes)
            run->staging_bytes = plan->states[i].page_bytes;
    run->staging = pw_arena_take(&run->arena, run->staging_bytes);
    const pw_resident_device *on = &run->resident->devices[plan->logits_device];
    const bool direct = backend_of(run, plan->logits_device)->map(on->device, on->activations);
    if (!direct)
        run->logits =
            pw_arena_array(&run->arena, (size_t)(plan->vocab * plan->outputs), sizeof *run->logits);
    if (run->programs == NULL || run->staging == NULL || (!direct && run->logits == NULL))
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to run the plan");
    for (int32_t i = 0; i < plan->n_segments; i++) PW_TRY(prepare(run, i, err));
    return PEWTER_OK;
}

pewter_status pw_run_new(const pw_plan *plan, const pw_resident *resident,
                         const pewter_allocator *alloc, pw_run **out, pewter_error *err)
{
    pw_run *run = pw_alloc(alloc, sizeof *run);
    if (run == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory to run the plan");
    *run = (pw_run){.arena.alloc = alloc, .plan = plan, .resident = resident};
    const pewter_status status = prepare_all(run, err);
    if (status != PEWTER_OK) {
        pw_run_free(run);
        return status;
    }
    *out = run;
    return PEWTER_OK;
}

void pw_run_free(pw_run *run)
{
    if (run == NULL) return;
    for (int32_t i = 0; run->programs != NULL && i < run->plan->n_segments; i++) {
        const int32_t d = run->plan->segments[i].device;
        backend_of(run, d)->discard(run->resident->devices[d].device, run->programs[i]);
    }
    const pewter_allocator *alloc = run->arena.alloc;
    pw_arena_free(&run->arena);
    pw_free(alloc, run, sizeof *run);
}

/* ---- Moving bytes ---------------------------------------------------------------------------- */

static pewter_status write_to(const pw_run *run, int32_t device, pw_buffer *buffer, size_t at,
                              const void *src, size_t bytes, pewter_error *err)
{
    const pw_backend *backend = backend_of(run, device);
    pw_device *dev = run->resident->devices[device].device;
    pw_ticket ticket;
    PW_TRY(backend->write(dev, buffer, at, src, bytes, &ticket, err));
    return backend->wait(dev, ticket, 0, err);
}

static pewter_status read_from(const pw_run *run, int32_t device, const pw_buffer *buffer,
                               size_t at, void *dst, size_t bytes, pewter_error *err)
{
    const pw_backend *backend = backend_of(run, device);
    pw_device *dev = run->resident->devices[device].device;
    pw_ticket ticket;
    PW_TRY(backend->read(dev, buffer, at, dst, bytes, &ticket, err));
    return backend->wait(dev, ticket, 0, err);
}

static pewter_status write_inputs(const pw_run *run, const pw_step_input *input, pewter_error *err)
{
    const pw_plan *plan = run->plan;
    const size_t tokens = (size_t)input->n_tokens;
    const struct {
        const void *data;
        size_t bytes;
    } inputs[PW_INPUT_COUNT] = {
        [PW_INPUT_TOKENS] = {input->tokens, tokens * sizeof *input->tokens},
        [PW_INPUT_ROPE] = {input->rope, tokens * plan->rope_row_bytes},
        [PW_INPUT_ROWS] = {input->rows, (size_t)input->n_rows * sizeof *input->rows},
    };
    for (int32_t d = 0; d < plan->n_devices; d++) {
        for (int i = 0; i < PW_INPUT_COUNT; i++) {
            const size_t at = plan->devices[d].input_offset[i];
            if (at == SIZE_MAX) continue;
            PW_TRY(write_to(run, d, run->resident->devices[d].activations, at, inputs[i].data,
                            inputs[i].bytes, err));
        }
    }
    return PEWTER_OK;
}

static pewter_status copy_rows(const pw_run *run, const pw_plan_copy *copy,
                               const pw_step_input *input, pewter_error *err)
{
    const int64_t rows = copy->rows == PW_ROWS_OUTPUTS ? input->n_rows : input->n_tokens;
    const size_t bytes = copy->row_bytes * (size_t)rows;
    const pw_resident *r = run->resident;
    PW_TRY(read_from(run, copy->from, r->devices[copy->from].activations, copy->from_offset,
                     run->staging, bytes, err));
    return write_to(run, copy->to, r->devices[copy->to].activations, copy->to_offset, run->staging,
                    bytes, err);
}

/* ---- A step ---------------------------------------------------------------------------------- */

static pewter_status fetch_logits(const pw_run *run, int64_t rows, const float **out,
                                  pewter_error *err)
{
    const pw_plan *plan = run->plan;
    const pw_resident_device *on = &run->resident->devices[plan->logits_device];
    if (run->logits == NULL) {
        const char *base = backend_of(run, plan->logits_device)->map(on->device, on->activations);
        *out = (const float *)(const void *)(base + plan->logits_offset);
        return PEWTER_OK;
    }
    PW_TRY(read_from(run, plan->logits_device, on->activations, plan->logits_offset, run->logits,
                     (size_t)(rows * plan->vocab) * sizeof *run->logits, err));
    *out = run->logits;
    return PEWTER_OK;
}

pewter_status pw_run_step(pw_run *run, const pw_step_input *input, const float **logits,
                          pewter_error *err)
{
    const pw_plan *plan = run->plan;
    if (input->n_tokens < 1 || input->n_tokens > plan->width || input->n_rows < 0 ||
        input->n_rows > plan->outputs)
        return pw_fail(err, PEWTER_E_ARG,
                       "a step takes 1 to %lld tokens and %lld rows, not %lld, "
                       "%lld",
                       (long long)plan->width, (long long)plan->outputs, (long long)input->n_tokens,
                       (long long)input->n_rows);
    const pw_bindings bind = {.tokens = input->n_tokens,
                              .outputs = input->n_rows,
                              .batch = input->batch,
                              .stop = input->stop};
    PW_TRY(write_inputs(run, input, err));
    for (int32_t i = 0; i < plan->n_segments; i++) {
        const pw_segment *segment = &plan->segments[i];
        const pw_backend *backend = backend_of(run, segment->device);
        pw_device *dev = run->resident->devices[segment->device].device;
        for (int32_t c = 0; c < segment->n_copies; c++)
            PW_TRY(copy_rows(run, &plan->copies[segment->first_copy + c], input, err));
        pw_ticket ticket;
        PW_TRY(backend->submit(dev, run->programs[i], &bind, &ticket, err));
        PW_TRY(backend->wait(dev, ticket, input->deadline_ns, err));
    }
    return fetch_logits(run, input->n_rows, logits, err);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

pewter_status pw_run_clear_page(pw_run *run, int32_t page, pewter_error *err)
{
    memset(run->staging, 0, run->staging_bytes);
    for (int32_t i = 0; i < run->plan->n_states; i++) {
        const pw_plan_state *s = &run->plan->states[i];
        PW_TRY(write_to(run, s->device, run->resident->states[i], (size_t)page * s->page_bytes,
                        run->staging, s->page_bytes, err));
    }
    return PEWTER_OK;
}

pewter_status pw_run_copy_page(pw_run *run, int32_t from, int32_t to, pewter_error *err)
{
    for (int32_t i = 0; i < run->plan->n_states; i++) {
        const pw_plan_state *s = &run->plan->states[i];
        pw_buffer *pool = run->resident->states[i];
        PW_TRY(read_from(run, s->device, pool, (size_t)from * s->page_bytes, run->staging,
                         s->page_bytes, err));
        PW_TRY(write_to(run, s->device, pool, (size_t)to * s->page_bytes, run->staging,
                        s->page_bytes, err));
    }
    return PEWTER_OK;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static int32_t first_call(const pw_run *run, int32_t segment)
{
    return run->plan->step_calls[run->plan->segments[segment].first_step];
}

pewter_status pw_run_time(pw_run *run, bool on, pewter_error *err)
{
    for (int32_t i = 0; i < run->plan->n_segments; i++) {
        const int32_t d = run->plan->segments[i].device;
        const pw_backend *backend = backend_of(run, d);
        if (backend->time == NULL)
            return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s does not time its calls",
                           run->plan->devices[d].target.info.name);
        PW_TRY(backend->time(run->resident->devices[d].device, run->programs[i], on, err));
    }
    return PEWTER_OK;
}

const pw_call_time *pw_run_call_time(const pw_run *run, int32_t call)
{
    int32_t segment = run->plan->n_segments - 1;
    while (segment > 0 && first_call(run, segment) > call) segment--;
    const int32_t d = run->plan->segments[segment].device;
    const pw_backend *backend = backend_of(run, d);
    if (backend->times == NULL) return NULL;
    const pw_call_time *times =
        backend->times(run->resident->devices[d].device, run->programs[segment]);
    return times != NULL ? &times[call - first_call(run, segment)] : NULL;
}

typedef struct span_walk {
    pw_run_span_fn *each;
    void *context;
    int32_t device, first;
    uint64_t kept;
} span_walk;

static void take_span(void *context, const pw_call_span *span)
{
    span_walk *walk = context;
    pw_call_span whole = *span;
    whole.call += walk->first;
    walk->kept++;
    walk->each(walk->context, walk->device, &whole);
}

uint64_t pw_run_spans(const pw_run *run, pw_run_span_fn *each, void *context)
{
    uint64_t dropped = 0;
    for (int32_t i = 0; i < run->plan->n_segments; i++) {
        const int32_t d = run->plan->segments[i].device;
        const pw_backend *backend = backend_of(run, d);
        span_walk walk = {
            .each = each, .context = context, .device = d, .first = first_call(run, i)};
        if (backend->spans == NULL) continue;
        dropped +=
            backend->spans(run->resident->devices[d].device, run->programs[i], take_span, &walk) -
            walk.kept;
    }
    return dropped;
}

uint64_t pw_run_weight_bytes(const pw_run *run)
{
    uint64_t bytes = 0;
    for (int32_t i = 0; i < run->plan->n_devices; i++) {
        pw_device_state state;
        backend_of(run, i)->query(run->resident->devices[i].device, &state);
        bytes += state.weight_bytes;
    }
    return bytes;
}
