/* Pinned workers that run a list of jobs, each a range cut into tasks that are taken in turn.
 *
 * A job begins when all tasks of the one before are done; a worker that is late finds the tasks
 * taken and holds nobody up. Workers spin for some 50 us, then sleep. They block all signals but
 * faults and run under the default floating-point control word. */
#ifndef PW_BACKENDS_CPU_POOL_H
#define PW_BACKENDS_CPU_POOL_H

#include <stdatomic.h>

#include "backends/backend.h"

/* One barrier's worth of work. `run` is called for task numbers 0 .. tasks - 1, in any order, by
 * any worker; `worker` tells which. Padded so that two jobs' counters share no cache line. */
typedef struct pw_job {
    void (*run)(const struct pw_job *job, uint32_t task, int32_t worker);
    void *context;
    _Atomic uint32_t tasks; /* set by pw_pool_run */
    char pad[64];
    _Atomic uint64_t next; /* round << 32 | next task */
    _Atomic uint64_t done; /* round << 32 | tasks done */
    char pad2[64];
} pw_job;

typedef struct pw_pool pw_pool;

/* `workers` in all, at least 1. Where site->driver, worker 0 is the thread that calls pw_pool_run;
 * otherwise all are the pool's own. */
PW_MUST pewter_status pw_pool_new(const pw_site *site, int32_t workers,
                                  const pewter_allocator *alloc, pw_pool **out, pewter_error *err);
void pw_pool_free(pw_pool *pool); /* NULL is allowed */

/* Runs the jobs in order, job i as tasks[i] tasks; returns when all are done. `stop`, where not NULL:
 * once it is not zero, or the clock passes `deadline_ns` (0: never), the tasks left are skipped. True
 * if nothing was. */
bool pw_pool_run(pw_pool *pool, pw_job *jobs, const uint32_t *tasks, size_t n_jobs,
                 const atomic_int *stop, int64_t deadline_ns);

/* Waits until no worker looks at jobs of an earlier run: before their memory is freed. */
void pw_pool_settle(pw_pool *pool);

#endif
