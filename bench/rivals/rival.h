/* Rivals of single kernels: libraries found at run time, in this process, never required. */
#ifndef PW_BENCH_RIVALS_RIVAL_H
#define PW_BENCH_RIVALS_RIVAL_H

#include "kernels/sample.h"
#include "pewter.h"
#include "pw/attr.h"

typedef struct rival_job rival_job;

typedef struct rival {
    const char *name; /* "openblas", "blis", "onednn", "ggml" */
    char version[64];
    char path[256]; /* of the library */
    /* Makes the same product (or attention) of the sample's plain operands, packed as the rival likes
     * best, for so many threads. PEWTER_E_UNSUPPORTED where it has no such op or format. The sample
     * must outlive the job. */
    pewter_status (*prepare)(const pw_sample *s, int32_t threads, rival_job **out,
                             pewter_error *err);
} rival;

/* The rivals that are there: looks in the system and in `folder` ("build/rivals"). `cpus`: the CPUs
 * that their threads are bound to, as ours are. Once a process. */
size_t rival_find(const char *folder, const int32_t *cpus, int32_t n, const rival **out,
                  size_t cap);

/* Why a rival that could be here is not: one line each, NULL-terminated. */
const char *const *rival_missing(void);

/* Computes the result once. */
void rival_run(rival_job *job);

/* Compares what the last run left with double sums, as the formats on both sides allow; on failure
 * a sentence. */
PW_MUST pewter_status rival_check(const rival_job *job, pewter_error *err);

void rival_free(rival_job *job); /* NULL is allowed */

#endif
