/* What a device costs before it computes: launches, and copies to and from it. */
#ifndef PW_BENCH_SMALL_H
#define PW_BENCH_SMALL_H

#include "bench/device.h"

/* Adds "launch_cpu0/threads:2", "copy_to_cpu0/1MiB/threads:2", ... The device must outlive the run. */
void small_add(const bench_device *device);

#endif
