/* Times of a program's calls: each worker writes its own slots; they are summed after the run. */
#include <string.h>

#include "backends/cpu/device.h"
#include "pw/arena.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"

enum { SPANS = 1 << 16 };

/* One worker's tasks of one slot in the run under way. */
typedef struct slot_time {
    int64_t begin, end, busy;
} slot_time;

struct pw_cpu_profile {
    pw_arena arena;
    int32_t workers;
    size_t n_slots, n_calls;
    slot_time **slots; /* [workers][n_slots] */
    pw_call_time *calls;
    pw_call_span *spans; /* [SPANS]: a ring */
    uint64_t n_spans;    /* ever written */
    int64_t run_begin;
};

pewter_status pw_cpu_profile_new(const pewter_allocator *alloc, int32_t workers, size_t slots,
                                 size_t calls, pw_cpu_profile **out, pewter_error *err)
{
    pw_cpu_profile *p = pw_alloc(alloc, sizeof *p);
    if (p == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a profile");
    *p = (pw_cpu_profile){
        .arena.alloc = alloc, .workers = workers, .n_slots = slots, .n_calls = calls};
    p->slots = pw_arena_array(&p->arena, (size_t)workers, sizeof(slot_time *));
    p->calls = pw_arena_array(&p->arena, calls, sizeof *p->calls);
    p->spans = pw_arena_array(&p->arena, SPANS, sizeof *p->spans);
    bool whole = p->slots != NULL && p->calls != NULL && p->spans != NULL;
    /* A line between two workers' slots. */
    for (int32_t w = 0; w < workers && whole; w++) {
        p->slots[w] = pw_arena_array(&p->arena, slots + 3, sizeof(slot_time));
        whole = p->slots[w] != NULL;
    }
    if (!whole) {
        pw_cpu_profile_free(p);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a profile of %zu calls", calls);
    }
    memset(p->calls, 0, calls * sizeof *p->calls);
    *out = p;
    return PEWTER_OK;
}

void pw_cpu_profile_free(pw_cpu_profile *profile)
{
    if (profile == NULL) return;
    const pewter_allocator *alloc = profile->arena.alloc;
    pw_arena_free(&profile->arena);
    pw_free(alloc, profile, sizeof *profile);
}

void pw_cpu_profile_task(pw_cpu_profile *profile, int32_t worker, size_t slot, int64_t begin,
                         int64_t end)
{
    slot_time *t = &profile->slots[worker][slot];
    if (t->busy == 0) t->begin = begin;
    t->end = end;
    t->busy += pw_max(end - begin, 1);
}

void pw_cpu_profile_begin(pw_cpu_profile *profile)
{
    for (int32_t w = 0; w < profile->workers; w++)
        memset(profile->slots[w], 0, profile->n_slots * sizeof(slot_time));
    profile->run_begin = pw_now_ns();
}

void pw_cpu_profile_count(pw_cpu_profile *profile, size_t call, const pw_kernel *kernel,
                          const pw_call *bound)
{
    pw_call_time *t = &profile->calls[call];
    t->kernel = kernel;
    t->turns++;
    t->operations += pw_op_flops(bound);
    t->bytes += pw_op_bytes(bound);
}

/* The spans and busy times of one job; returns its end, and all busy time into *busy. */
static int64_t collect(pw_cpu_profile *p, const int32_t *call_of, size_t first, size_t end,
                       int64_t from, int64_t *busy)
{
    int64_t last = from;
    for (size_t s = first; s < end; s++) {
        for (int32_t w = 0; w < p->workers; w++) {
            const slot_time *t = &p->slots[w][s];
            if (t->busy == 0) continue;
            last = pw_max(last, t->end);
            *busy += t->busy;
            p->calls[call_of[s]].busy_ns += t->busy;
            p->spans[p->n_spans++ % SPANS] = (pw_call_span){call_of[s], w, t->begin, t->end};
        }
    }
    return last;
}

void pw_cpu_profile_end(pw_cpu_profile *profile, const int32_t *call_of, const size_t *first,
                        size_t n_jobs)
{
    int64_t from = profile->run_begin;
    for (size_t j = 0; j < n_jobs; j++) {
        int64_t busy = 0;
        const int64_t end = collect(profile, call_of, first[j], first[j + 1], from, &busy);
        for (size_t s = first[j]; s < first[j + 1] && busy > 0; s++) {
            int64_t own = 0;
            for (int32_t w = 0; w < profile->workers; w++) own += profile->slots[w][s].busy;
            profile->calls[call_of[s]].wall_ns +=
                (int64_t)((double)(end - from) * (double)own / (double)busy);
        }
        from = end;
    }
}

const pw_call_time *pw_cpu_profile_times(const pw_cpu_profile *profile)
{
    return profile->calls;
}

uint64_t pw_cpu_profile_spans(const pw_cpu_profile *profile,
                              void (*each)(void *context, const pw_call_span *span), void *context)
{
    const uint64_t kept = profile->n_spans < SPANS ? profile->n_spans : SPANS;
    for (uint64_t i = profile->n_spans - kept; i < profile->n_spans; i++)
        each(context, &profile->spans[i % SPANS]);
    return profile->n_spans;
}
