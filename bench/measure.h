/* Measures cases beside the machine's limits and the rivals, in slices of some 20 ms: a probe of the
 * limits, ours, a probe, each rival in turn. A share belongs to the limits of its own slice. */
#ifndef PW_BENCH_MEASURE_H
#define PW_BENCH_MEASURE_H

#include <stdbool.h>

#include "bench/base/peak.h"
#include "bench/base/stats.h"
#include "bench/cases.h"
#include "bench/rivals/rival.h"
#include "bench/work.h"

enum { MEASURE_MOST_RIVALS = 8, MEASURE_MOST_SLICES = 256 };

/* What all measurements of a process share. */
typedef struct measure_room {
    peak *peak;
    const peak_table *table;
    const rival *rivals[MEASURE_MOST_RIVALS];
    size_t n_rivals;
    size_t least_slices; /* of a case */
    size_t cache_bytes;  /* of the last cache; a set under four times that is called cached */
    const void *subject; /* the case and device that is ready, NULL: none */
    struct measure_ready *ready;
    char checked[64]; /* the row that was checked last, and what came of it */
    bool right;
} measure_room;

/* A case on a device. */
typedef struct measure_subject {
    measure_room *room;
    const bench_case *what;
    const bench_device *on;
} measure_subject;

/* What a run of some slices came to. Rates are of the whole run. */
typedef struct measure_result {
    int64_t turns;
    double seconds;                 /* a turn, the mean */
    double operations, bytes;       /* a turn */
    stats share;                    /* of the roofline, over slices; n 0: no limit known */
    double limit_rate, limit_bytes; /* means; 0: none */
    bool cached;
    bool memory_bound; /* memory holds it: near the bandwidth that was probed in its slices */
    bool math_bound;   /* arithmetic would hold it at any bandwidth that this machine has */
    double reference;  /* speed-up over the reference row; 0: it is itself, or cannot be had */
    stats ratio[MEASURE_MOST_RIVALS]; /* ours over the rival's; n 0: it does not compute this */
} measure_result;

/* A run under way: measure_begin, any number of measure_turn, measure_end. */
typedef struct measure_run {
    measure_room *room;
    struct measure_ready *ready;
    double before[2]; /* limits at the slice's begin: operations/s, bytes/s */
    double slice_seconds;
    int64_t slice_turns;
    double total_seconds, rate_sum, bytes_sum;
    int64_t total_turns;
    size_t slices, n_ratios[MEASURE_MOST_RIVALS];
    double shares[MEASURE_MOST_SLICES], ratios[MEASURE_MOST_RIVALS][MEASURE_MOST_SLICES];
} measure_run;

/* Makes the subject ready, unless it is: operands, programs, checks of the row and of this very call,
 * the reference's speed, rivals with their results checked. What was ready before is given up.
 * PEWTER_E_FORMAT: the result is wrong. */
PW_MUST pewter_status measure_prepare(const measure_subject *subject, pewter_error *err);

void measure_begin(const measure_subject *subject, measure_run *run);

/* One turn; its seconds into *seconds. */
PW_MUST pewter_status measure_turn(measure_run *run, double *seconds, pewter_error *err);

void measure_end(measure_run *run, measure_result *out);

/* Gives up what is ready. */
void measure_drop(measure_room *room);

#endif
