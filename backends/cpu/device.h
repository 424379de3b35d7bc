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

/* Runs a prepared program with dev->bind; false where it was cut short. */
bool pw_cpu_run(pw_device *dev, pw_program *program, int64_t deadline_ns);

#endif
