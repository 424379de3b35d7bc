/* What the files of the CPU backend share. */
#ifndef PW_BACKENDS_CPU_DEVICE_H
#define PW_BACKENDS_CPU_DEVICE_H

#include "backends/cpu/pool.h"

/* Counters that a worker writes alone; a cache line each. */
typedef struct pw_cpu_counter {
    _Atomic uint64_t weight_bytes;
    char pad[56];
} pw_cpu_counter;

struct pw_buffer {
    char *data;
    size_t bytes;
    pewter_memory kind;
    bool owned;
};

struct pw_device {
    const pewter_allocator *alloc;
    const pw_site *site;
    pw_pool *pool;
    int32_t workers;
    uint64_t bytes_used;
    int64_t last_ns;
    pw_cpu_counter *counters; /* [workers] */
    pw_ticket submitted, finished;
    pw_program *pending; /* of the ticket `submitted`; NULL: none */
    pw_bindings bind;
};

pewter_status pw_cpu_prepare(pw_device *dev, const pw_step *steps, size_t count, pw_program **out,
                             pewter_error *err);
void pw_cpu_discard(pw_device *dev, pw_program *program);

/* profile.c: times of the calls of one program. A slot is one call in one phase of its step. */
typedef struct pw_cpu_profile pw_cpu_profile;

PW_MUST pewter_status pw_cpu_profile_new(const pewter_allocator *alloc, int32_t workers,
                                         size_t slots, size_t calls, pw_cpu_profile **out,
                                         pewter_error *err);
void pw_cpu_profile_free(pw_cpu_profile *profile); /* NULL is allowed */
/* A worker did a task of the slot. */
void pw_cpu_profile_task(pw_cpu_profile *profile, int32_t worker, size_t slot, int64_t begin,
                         int64_t end);
/* Before and after a run. `call_of`: the call of each slot; `first`: the first slot of each of the
 * n_jobs jobs, and the number of slots. */
void pw_cpu_profile_begin(pw_cpu_profile *profile);
void pw_cpu_profile_end(pw_cpu_profile *profile, const int32_t *call_of, const size_t *first,
                        size_t n_jobs);
/* What the bound call of that number does. */
void pw_cpu_profile_count(pw_cpu_profile *profile, size_t call, const pw_kernel *kernel,
                          const pw_call *bound);
const pw_call_time *pw_cpu_profile_times(const pw_cpu_profile *profile);
uint64_t pw_cpu_profile_spans(const pw_cpu_profile *profile,
                              void (*each)(void *context, const pw_call_span *span), void *context);

pewter_status pw_cpu_time(pw_device *dev, pw_program *program, bool on, pewter_error *err);
const pw_call_time *pw_cpu_times(const pw_device *dev, const pw_program *program);
uint64_t pw_cpu_spans(const pw_device *dev, const pw_program *program,
                      void (*each)(void *context, const pw_call_span *span), void *context);

/* Runs a prepared program with dev->bind; false where it was cut short. */
bool pw_cpu_run(pw_device *dev, pw_program *program, int64_t deadline_ns);

#endif
