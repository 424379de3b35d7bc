/* The devices that kernels are measured on: opened through their backends, once for each number of
 * threads. */
#ifndef PW_BENCH_DEVICE_H
#define PW_BENCH_DEVICE_H

#include "backends/backend.h"
#include "pw/attr.h"
#include "scheduler/machine.h"

enum { DEVICE_MOST = 8 };

typedef struct bench_device {
    const pw_backend *backend;
    pw_device_info info;
    pw_device *device;
    pw_machine *machine; /* its sites */
    const int32_t *cpus; /* [threads] */
    int32_t threads;
} bench_device;

typedef struct bench_devices {
    bench_device all[DEVICE_MOST]; /* by threads, ascending: 1, 2, 4, ..., all */
    size_t n;
} bench_devices;

/* Opens the devices of every backend. `threads`: the numbers wanted, of `n_threads`; none: 1, all and
 * the powers of two between. */
PW_MUST pewter_status devices_open(const int32_t *threads, size_t n_threads, bench_devices *out,
                                   pewter_error *err);
void devices_close(bench_devices *devices);

#endif
