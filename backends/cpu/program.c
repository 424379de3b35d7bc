/* A segment on the CPU: steps become jobs of the pool, one for each phase of a step. */
#include <string.h>

#include "backends/cpu/device.h"
#include "pw/arena.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"

enum {
    TASKS_A_WORKER = 8,     /* so that a slow core does not hold up the others */
    TASK_BYTES = 16 * 1024, /* less work than this is not worth handing out */
    SCRATCH_ALIGN = 64
};

/* A call with its data, as it will run: rewritten for every submit. */
typedef struct bound_call {
    pw_call call;
    const pw_kernel *kernel;
    int64_t extent, chunk, merge_extent, merge_chunk;
    uint32_t tasks, merge_tasks;
    double unit_bytes; /* of weights, a unit of the axis */
} bound_call;

typedef struct phase {
    pw_program *program;
    bound_call *calls;
    size_t n_calls;
    size_t slot; /* of its first call in a profile */
    bool merge;
} phase;

struct pw_program {
    pw_arena arena;
    pw_device *dev;
    const pw_step *steps;
    size_t n_steps;
    bound_call **calls; /* [n_steps] arrays */
    phase *phases;
    pw_job *jobs;
    uint32_t *tasks;
    size_t n_jobs;
    char *scratch; /* [workers][scratch_bytes] */
    size_t scratch_bytes, scratch_total;
    char *shared;
    size_t shared_bytes;
    size_t n_calls, n_slots;
    int32_t *slot_calls; /* [n_slots]: of which call */
    size_t *first_slots; /* [n_jobs + 1] */
    bool timing;
    pw_cpu_profile *profile; /* NULL until it is first wanted */
};

/* ---- Running --------------------------------------------------------------------------------- */

static void run_task(const pw_job *job, uint32_t task, int32_t worker)
{
    const phase *p = job->context;
    const pw_program *program = p->program;
    for (size_t i = 0; i < p->n_calls; i++) {
        const bound_call *b = &p->calls[i];
        const uint32_t tasks = p->merge ? b->merge_tasks : b->tasks;
        if (task >= tasks) {
            task -= tasks;
            continue;
        }
        const int64_t chunk = p->merge ? b->merge_chunk : b->chunk;
        const int64_t extent = p->merge ? b->merge_extent : b->extent;
        const int64_t begin = (int64_t)task * chunk, end = pw_min(begin + chunk, extent);
        void *scratch = program->scratch + (size_t)worker * program->scratch_bytes;
        const int64_t from = program->timing ? pw_now_ns() : 0;
        (p->merge ? b->kernel->cpu.merge : b->kernel->cpu.run)(&b->call, begin, end, scratch);
        if (program->timing)
            pw_cpu_profile_task(program->profile, worker, p->slot + i, from, pw_now_ns());
        if (b->unit_bytes > 0.0)
            atomic_fetch_add_explicit(&program->dev->counters[worker].weight_bytes,
                                      (uint64_t)(b->unit_bytes * (double)(end - begin)),
                                      memory_order_relaxed);
        return;
    }
}

static int64_t open_rows(const pw_operand *at, const pw_bindings *bind)
{
    return at->rows == PW_ROWS_TOKENS ? bind->tokens : bind->outputs;
}

static void bind_operand(pw_tensor *t, const pw_operand *at, const pw_bindings *bind)
{
    if (at->rows == PW_ROWS_FIXED) return;
    t->n[at->dim] = open_rows(at, bind);
}

/* Units a task: enough tasks for an even end, none of them too small to be worth its handing out. */
static int64_t chunk_for(const bound_call *b, int32_t workers)
{
    const pw_kernel *k = b->kernel;
    int64_t chunk = pw_ceil_div(b->extent, (int64_t)workers * TASKS_A_WORKER);
    if (k->extent == NULL) {
        const double unit = pw_op_bytes(&b->call) / (double)b->extent;
        const double least = unit > 0.0 ? TASK_BYTES / unit : 1.0;
        if ((double)chunk < least) chunk = least < (double)b->extent ? (int64_t)least : b->extent;
    }
    const int64_t grain = pw_grain(k, &b->call);
    if (k->max_task > 0) chunk = pw_min(chunk, pw_max(k->max_task, grain));
    return pw_max(pw_ceil_div(chunk, grain), 1) * grain;
}

static void bind_call(bound_call *b, const pw_step_call *from, const pw_bindings *bind,
                      int32_t workers)
{
    bind_operand(&b->call.dst, &from->dst, bind);
    for (size_t s = 0; s < PW_MAX_SRC; s++)
        if (from->src[s].buffer != NULL) bind_operand(&b->call.src[s], &from->src[s], bind);
    b->call.batch = bind->batch;

    const bool open = from->dst.rows != PW_ROWS_FIXED;
    const int64_t rows = open ? open_rows(&from->dst, bind) : 1;
    b->kernel = from->narrow != NULL && rows <= from->narrow->max_n ? from->narrow : from->kernel;
    b->tasks = b->merge_tasks = 0;
    b->unit_bytes = 0.0;
    const bool idle = open && rows == 0;
    if (idle) return;

    const pw_kernel *k = b->kernel;
    b->extent = k->extent != NULL ? k->extent(&b->call) : pw_op_extent(&b->call);
    if (b->extent > 0) {
        b->chunk = chunk_for(b, workers);
        b->tasks = (uint32_t)pw_ceil_div(b->extent, b->chunk);
    }
    if (k->cpu.merge != NULL) {
        b->merge_extent = k->cpu.merge_extent(&b->call);
        b->merge_chunk = pw_max(pw_ceil_div(b->merge_extent, (int64_t)workers * 2), 1);
        b->merge_tasks = (uint32_t)pw_ceil_div(b->merge_extent, b->merge_chunk);
    }
    if (k->op == PW_OP_MATMUL) b->unit_bytes = pw_weight_bytes(k, &b->call) / (double)b->extent;
}

bool pw_cpu_run(pw_device *dev, pw_program *program, int64_t deadline_ns)
{
    for (size_t i = 0; i < program->n_steps; i++)
        for (size_t c = 0; c < program->steps[i].n_calls; c++)
            bind_call(&program->calls[i][c], &program->steps[i].calls[c], &dev->bind, dev->workers);

    for (size_t j = 0; j < program->n_jobs; j++) {
        const phase *p = &program->phases[j];
        program->tasks[j] = 0;
        for (size_t c = 0; c < p->n_calls; c++)
            program->tasks[j] += p->merge ? p->calls[c].merge_tasks : p->calls[c].tasks;
    }
    if (program->timing) pw_cpu_profile_begin(program->profile);
    const bool whole = pw_pool_run(dev->pool, program->jobs, program->tasks, program->n_jobs,
                                   dev->bind.stop, deadline_ns);
    if (program->timing && whole) {
        size_t call = 0;
        for (size_t i = 0; i < program->n_steps; i++)
            for (size_t c = 0; c < program->steps[i].n_calls; c++, call++)
                if (program->calls[i][c].tasks > 0)
                    pw_cpu_profile_count(program->profile, call, program->calls[i][c].kernel,
                                         &program->calls[i][c].call);
        pw_cpu_profile_end(program->profile, program->slot_calls, program->first_slots,
                           program->n_jobs);
    }
    return whole;
}

/* ---- Timing ---------------------------------------------------------------------------------- */

pewter_status pw_cpu_time(pw_device *dev, pw_program *program, bool on, pewter_error *err)
{
    pw_pool_settle(dev->pool); /* a late worker reads what is changed here */
    program->timing = false;
    if (!on) return PEWTER_OK;
    pw_cpu_profile_free(program->profile);
    program->profile = NULL;
    PW_TRY(pw_cpu_profile_new(dev->alloc, dev->workers, program->n_slots, program->n_calls,
                              &program->profile, err));
    program->timing = true;
    return PEWTER_OK;
}

const pw_call_time *pw_cpu_times(const pw_device *dev, const pw_program *program)
{
    (void)dev;
    return program->profile != NULL ? pw_cpu_profile_times(program->profile) : NULL;
}

uint64_t pw_cpu_spans(const pw_device *dev, const pw_program *program,
                      void (*each)(void *context, const pw_call_span *span), void *context)
{
    (void)dev;
    return program->profile != NULL ? pw_cpu_profile_spans(program->profile, each, context) : 0;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

static void *data_of(const pw_operand *at)
{
    return at->buffer != NULL ? at->buffer->data + at->offset : NULL;
}

static bool has_merge(const pw_step_call *c)
{
    return c->kernel->cpu.merge != NULL || (c->narrow != NULL && c->narrow->cpu.merge != NULL);
}

/* Grows `bytes` to what one call of this kernel wants of a worker's scratch. */
static void want_scratch(const pw_kernel *k, const pw_call *shape, size_t *bytes)
{
    if (k == NULL || k->scratch == NULL) return;
    const size_t want = pw_align_up(k->scratch(shape), SCRATCH_ALIGN);
    if (want > *bytes) *bytes = want;
}

static size_t shared_of(const pw_step_call *c)
{
    size_t bytes = c->kernel->shared != NULL ? c->kernel->shared(&c->call) : 0;
    if (c->narrow != NULL && c->narrow->shared != NULL) {
        const size_t narrow = c->narrow->shared(&c->call);
        if (narrow > bytes) bytes = narrow;
    }
    return pw_align_up(bytes, SCRATCH_ALIGN);
}

/* Counts jobs, scratch and shared bytes over all steps. */
static void measure(pw_program *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        size_t shared = 0;
        bool merge = false;
        for (size_t c = 0; c < p->steps[i].n_calls; c++) {
            const pw_step_call *call = &p->steps[i].calls[c];
            want_scratch(call->kernel, &call->call, &p->scratch_bytes);
            want_scratch(call->narrow, &call->call, &p->scratch_bytes);
            shared += shared_of(call);
            merge = merge || has_merge(call);
        }
        if (shared > p->shared_bytes) p->shared_bytes = shared;
        p->n_jobs += merge ? 2 : 1;
        p->n_calls += p->steps[i].n_calls;
        p->n_slots += (merge ? 2 : 1) * p->steps[i].n_calls;
    }
}

/* Fills the calls of one step with their data, and its phases and jobs from number `job` on.
 * `first_call`: the step's first, counted over all. Returns the number of the next job. */
static size_t lay_step(pw_program *p, size_t step, bound_call *calls, size_t first_call, size_t job)
{
    const pw_step *from = &p->steps[step];
    size_t shared = 0;
    bool merge = false;
    for (size_t c = 0; c < from->n_calls; c++) {
        const pw_step_call *source = &from->calls[c];
        bound_call *b = &calls[c];
        b->call = source->call;
        b->call.dst.data = data_of(&source->dst);
        for (size_t s = 0; s < PW_MAX_SRC; s++) b->call.src[s].data = data_of(&source->src[s]);
        const size_t bytes = shared_of(source);
        if (bytes > 0) b->call.src[PW_MAX_SRC - 1].data = p->shared + shared;
        shared += bytes;
        merge = merge || has_merge(source);
    }
    p->calls[step] = calls;
    for (int phases = 0; phases < (merge ? 2 : 1); phases++, job++) {
        const size_t slot = p->first_slots[job];
        p->phases[job] = (phase){.program = p,
                                 .calls = calls,
                                 .n_calls = from->n_calls,
                                 .slot = slot,
                                 .merge = phases == 1};
        for (size_t c = 0; c < from->n_calls; c++)
            p->slot_calls[slot + c] = (int32_t)(first_call + c);
        p->first_slots[job + 1] = slot + from->n_calls;
        p->jobs[job].run = run_task;
        p->jobs[job].context = &p->phases[job];
    }
    return job;
}

static pewter_status fill(pw_program *p, pewter_error *err)
{
    measure(p);
    const pewter_allocator *alloc = p->dev->alloc;
    p->calls = pw_arena_array(&p->arena, p->n_steps, sizeof *p->calls);
    p->phases = pw_arena_array(&p->arena, p->n_jobs, sizeof *p->phases);
    p->jobs = pw_arena_array(&p->arena, p->n_jobs, sizeof *p->jobs);
    p->tasks = pw_arena_array(&p->arena, p->n_jobs, sizeof *p->tasks);
    p->slot_calls = pw_arena_array(&p->arena, p->n_slots, sizeof *p->slot_calls);
    p->first_slots = pw_arena_array(&p->arena, p->n_jobs + 1, sizeof *p->first_slots);
    p->shared = pw_arena_take(&p->arena, p->shared_bytes);
    p->scratch_total = pw_align_up((size_t)p->dev->workers * p->scratch_bytes + 1, SCRATCH_ALIGN);
    p->scratch = alloc->alloc(alloc->context, p->scratch_total, SCRATCH_ALIGN, PEWTER_MEM_SCRATCH);
    if (p->calls == NULL || p->phases == NULL || p->jobs == NULL || p->tasks == NULL ||
        p->shared == NULL || p->scratch == NULL || p->slot_calls == NULL || p->first_slots == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a program of %zu steps", p->n_steps);

    size_t job = 0, call = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        bound_call *calls = pw_arena_array(&p->arena, p->steps[i].n_calls, sizeof *calls);
        if (calls == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for step %zu", i);
        job = lay_step(p, i, calls, call, job);
        call += p->steps[i].n_calls;
    }
    return PEWTER_OK;
}

pewter_status pw_cpu_prepare(pw_device *dev, const pw_step *steps, size_t count, pw_program **out,
                             pewter_error *err)
{
    pw_program *p = pw_alloc(dev->alloc, sizeof *p);
    if (p == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a program");
    *p = (pw_program){.dev = dev, .steps = steps, .n_steps = count, .arena.alloc = dev->alloc};
    const pewter_status status = fill(p, err);
    if (status != PEWTER_OK) {
        pw_cpu_discard(dev, p);
        return status;
    }
    *out = p;
    return PEWTER_OK;
}

void pw_cpu_discard(pw_device *dev, pw_program *program)
{
    if (program == NULL) return;
    pw_pool_settle(dev->pool);
    if (dev->pending == program) dev->pending = NULL;
    pw_cpu_profile_free(program->profile);
    if (program->scratch != NULL)
        dev->alloc->free(dev->alloc->context, program->scratch, program->scratch_total,
                         PEWTER_MEM_SCRATCH);
    pw_arena_free(&program->arena);
    pw_free(dev->alloc, program, sizeof *program);
}
