/* Measures what it is asked, a line a question: so that two builds can be compared in turns. */
#ifndef PW_BENCH_SERVE_H
#define PW_BENCH_SERVE_H

#include "bench/measure.h"

/* The first line out is {"name", "version", "class", "cases": [standard cases], ...}. Each line in is
 * "NAME SECONDS"; the answer is {"seconds", "turns", "share", "cached", "memory_bound", "vs": {rival:
 * ratio}}, or {"error", "wrong"}. Ends with the input. Returns the exit code. */
int serve(measure_room *room, const bench_device *device);

#endif
