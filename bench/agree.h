/* Writes what is agreed for a class of machines: the least shares and ratios that the gate lets pass. */
#ifndef PW_BENCH_AGREE_H
#define PW_BENCH_AGREE_H

#include <signal.h>

#include "bench/measure.h"

/* Measures the standard cases, those with `only` in their names unless it is NULL, and writes bounds to
 * `path`: three quarters of the lower ends of the intervals of share and ratios; unreliable shares are
 * left out. Where the file is there, each bound is the lower of its own and of the new one, so that it
 * holds on every machine of the class that was asked. Returns the exit code. */
int agree(measure_room *room, const bench_device *device, const char *path, const char *only,
          const volatile sig_atomic_t *stop);

#endif
