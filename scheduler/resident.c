#include "scheduler/resident.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pw/num.h"
#include "pw/status.h"

static const pw_backend *backend_of(const pw_plan *plan, int32_t device)
{
    return plan->devices[device].target.backend;
}

/* ---- Packing --------------------------------------------------------------------------------- */

/* One weight on its way into panels: task t of n takes panels t, t + n, ... */
typedef struct packing_work {
    const pw_plan_weight *weight;
    char *dst;
    int64_t panels;
    uint32_t tasks;
    char *staging; /* [tasks][2][16 or 32 rows] */
    size_t half_bytes;
    _Atomic int failed; /* errno of a read, -1 for a file that ends early */
} packing_work;

/* Reads exactly `bytes`; 0, an errno, or -1 where the file ends early. */
static int read_whole(const pw_source *source, uint64_t at, char *dst, size_t bytes)
{
    if (source->fd < 0) {
        memcpy(dst, (const char *)source->mapped + at, bytes);
        return 0;
    }
    while (bytes > 0) {
        const ssize_t got = pread(source->fd, dst, bytes, (off_t)(source->offset + at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return -1;
        dst += got;
        at += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return 0;
}

static void pack_panels(void *context, uint32_t task)
{
    packing_work *work = context;
    const pw_plan_weight *w = work->weight;
    const bool fused = w->source[1].mapped != NULL;
    const int64_t rows = fused ? PW_PANEL / 2 : PW_PANEL;
    const size_t panel_bytes = w->packing->panel_bytes(w->k);
    char *staging = work->staging + (size_t)task * 2 * work->half_bytes;

    for (int64_t p = task; p < work->panels; p += work->tasks) {
        if (atomic_load(&work->failed) != 0) return;
        pw_pack args = {.row_bytes = w->source[0].row_bytes,
                        .rows = pw_min(rows, w->m - p * rows),
                        .k = w->k,
                        .dtype = w->dtype,
                        .fused = fused,
                        .dst = work->dst + (size_t)p * panel_bytes};
        for (int s = 0; s < (fused ? 2 : 1); s++) {
            char *part = staging + (size_t)s * work->half_bytes;
            const int failure = read_whole(&w->source[s], (uint64_t)(p * rows) * args.row_bytes,
                                           part, (size_t)args.rows * args.row_bytes);
            if (failure != 0) {
                atomic_store(&work->failed, failure);
                return;
            }
            args.src[s] = part;
        }
        w->packing->pack(&args);
    }
}

static pewter_status read_failure(const pw_plan_weight *w, int failure, pewter_error *err)
{
    if (failure == -1)
        return pw_fail(err, PEWTER_E_IO, "tensor '%s': the file has become shorter",
                       w->source[0].name);
    return pw_fail(err, PEWTER_E_IO, "tensor '%s': %s", w->source[0].name, strerror(failure));
}

/* Packs a whole weight to `dst`, on the device's workers where it has them. */
static pewter_status pack(const pw_plan *plan, const pw_plan_weight *w, pw_device *device,
                          char *dst, const pewter_allocator *alloc, pewter_error *err)
{
    const pw_backend *backend = backend_of(plan, w->device);
    const int32_t threads = plan->devices[w->device].target.info.threads;
    packing_work work = {.weight = w,
                         .dst = dst,
                         .panels = pw_panels(w->m, w->source[1].mapped != NULL),
                         .tasks = backend->each != NULL && threads > 0 ? (uint32_t)threads : 1,
                         .half_bytes = w->source[0].row_bytes * PW_PANEL};
    size_t bytes;
    const bool sized = pw_mul(work.half_bytes, (size_t)2 * work.tasks, &bytes);
    work.staging = sized ? pw_alloc(alloc, bytes) : NULL;
    if (work.staging == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to pack '%s'", w->source[0].name);
    if (backend->each != NULL)
        backend->each(device, work.tasks, pack_panels, &work);
    else
        pack_panels(&work, 0);
    pw_free(alloc, work.staging, bytes);

    const int failure = atomic_load(&work.failed);
    return failure == 0 ? PEWTER_OK : read_failure(w, failure, err);
}

/* ---- One weight ------------------------------------------------------------------------------ */

/* The bytes that a device wants, made in host memory: where it cannot be written directly. */
static pewter_status send(const pw_plan *plan, const pw_plan_weight *w, pw_device *device,
                          pw_buffer *buffer, size_t at, const pewter_allocator *alloc,
                          pewter_error *err)
{
    const pw_backend *backend = backend_of(plan, w->device);
    char *host = alloc->alloc(alloc->context, w->bytes, 64, PEWTER_MEM_SCRATCH);
    if (host == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "%zu bytes wanted for '%s', refused", w->bytes,
                       w->source[0].name);
    pewter_status status;
    int failure = 0;
    if (w->packing != NULL)
        status = pack(plan, w, device, host, alloc, err);
    else
        status = (failure = read_whole(&w->source[0], 0, host, w->bytes)) == 0
                     ? PEWTER_OK
                     : read_failure(w, failure, err);
    pw_ticket ticket;
    if (status == PEWTER_OK)
        status = backend->write(device, buffer, at, host, w->bytes, &ticket, err);
    if (status == PEWTER_OK) status = backend->wait(device, ticket, 0, err);
    alloc->free(alloc->context, host, w->bytes, PEWTER_MEM_SCRATCH);
    return status;
}

static pewter_status fill(pw_resident *r, int32_t index, size_t at, pewter_error *err)
{
    const pw_plan *plan = r->plan;
    const pw_plan_weight *w = &plan->weights[index];
    const pw_resident_device *on = &r->devices[w->device];
    const pw_backend *backend = backend_of(plan, w->device);
    if (w->bytes == 0) {
        /* The map is never written: the interface takes memory that a device might write. */
        void *host = (void *)(uintptr_t)w->source[0].mapped;
        return backend->import(on->device, host, w->source[0].bytes, &r->mapped[index], err);
    }
    r->offsets[index] = at;
    char *base = backend->map(on->device, on->weights);
    if (base == NULL || w->packing == NULL)
        return send(plan, w, on->device, on->weights, at, r->arena.alloc, err);
    return pack(plan, w, on->device, base + at, r->arena.alloc, err);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static pewter_status allocate(pw_resident *r, pewter_error *err)
{
    const pw_plan *plan = r->plan;
    for (int32_t i = 0; i < plan->n_devices; i++) {
        const pw_plan_device *d = &plan->devices[i];
        pw_resident_device *on = &r->devices[i];
        if (d->activation_bytes == 0) continue; /* nothing runs there */
        PW_TRY(d->target.backend->alloc(on->device, d->weight_bytes, PEWTER_MEM_WEIGHTS,
                                        &on->weights, err));
        PW_TRY(d->target.backend->alloc(on->device, d->activation_bytes, PEWTER_MEM_SCRATCH,
                                        &on->activations, err));
    }
    for (int32_t i = 0; i < plan->n_states; i++) {
        const pw_plan_state *s = &plan->states[i];
        size_t bytes;
        if (!pw_mul(s->page_bytes, (size_t)plan->pages, &bytes))
            return pw_fail(err, PEWTER_E_MEMORY, "%zu bytes a page of keys, %lld pages",
                           s->page_bytes, (long long)plan->pages);
        PW_TRY(backend_of(plan, s->device)
                   ->alloc(r->devices[s->device].device, bytes, PEWTER_MEM_KV, &r->states[i], err));
    }
    return PEWTER_OK;
}

static pewter_status fill_all(pw_resident *r, pewter_progress_fn *progress, void *context,
                              pewter_error *err)
{
    const pw_plan *plan = r->plan;
    size_t *next = pw_arena_array(&r->arena, (size_t)plan->n_devices, sizeof *next);
    if (next == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory to load weights");
    uint64_t total = 0, done = 0;
    for (int32_t i = 0; i < plan->n_weights; i++) total += plan->weights[i].bytes;
    for (int32_t i = 0; i < plan->n_weights; i++) {
        const pw_plan_weight *w = &plan->weights[i];
        PW_TRY(fill(r, i, next[w->device], err));
        next[w->device] += pw_align_up(w->bytes, 64);
        done += w->bytes;
        if (progress != NULL && !progress(context, "loading weights", done, total))
            return pw_fail(err, PEWTER_E_CANCELLED, "loading was cancelled");
    }
    return PEWTER_OK;
}

pewter_status pw_resident_new(const pw_plan *plan, pw_device *const *devices,
                              pewter_progress_fn *progress, void *context,
                              const pewter_allocator *alloc, pw_resident **out, pewter_error *err)
{
    pw_resident *r = pw_alloc(alloc, sizeof *r);
    if (r == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for the model's buffers");
    *r = (pw_resident){.plan = plan, .arena.alloc = alloc};
    r->devices = pw_arena_array(&r->arena, (size_t)plan->n_devices, sizeof *r->devices);
    r->mapped = pw_arena_array(&r->arena, (size_t)plan->n_weights, sizeof *r->mapped);
    r->offsets = pw_arena_array(&r->arena, (size_t)plan->n_weights, sizeof *r->offsets);
    r->states = pw_arena_array(&r->arena, (size_t)plan->n_states, sizeof *r->states);
    pewter_status status = PEWTER_OK;
    if (r->devices == NULL || r->mapped == NULL || r->offsets == NULL || r->states == NULL) {
        status = pw_fail(err, PEWTER_E_MEMORY, "no memory for the model's buffers");
    } else {
        for (int32_t i = 0; i < plan->n_devices; i++) r->devices[i].device = devices[i];
        status = allocate(r, err);
    }
    if (status == PEWTER_OK) status = fill_all(r, progress, context, err);
    if (status != PEWTER_OK) {
        pw_resident_free(r);
        return status;
    }
    *out = r;
    return PEWTER_OK;
}

void pw_resident_free(pw_resident *r)
{
    if (r == NULL) return;
    const pw_plan *plan = r->plan;
    for (int32_t i = 0; r->mapped != NULL && r->devices != NULL && i < plan->n_weights; i++) {
        const int32_t d = plan->weights[i].device;
        backend_of(plan, d)->release(r->devices[d].device, r->mapped[i]);
    }
    for (int32_t i = 0; r->states != NULL && r->devices != NULL && i < plan->n_states; i++) {
        const int32_t d = plan->states[i].device;
        backend_of(plan, d)->release(r->devices[d].device, r->states[i]);
    }
    for (int32_t i = 0; r->devices != NULL && i < plan->n_devices; i++) {
        backend_of(plan, i)->release(r->devices[i].device, r->devices[i].weights);
        backend_of(plan, i)->release(r->devices[i].device, r->devices[i].activations);
    }
    const pewter_allocator *alloc = r->arena.alloc;
    pw_arena_free(&r->arena);
    pw_free(alloc, r, sizeof *r);
}
