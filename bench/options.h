/* The options of pewter-bench; those of Google Benchmark are taken out before. */
#ifndef PW_BENCH_OPTIONS_H
#define PW_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_options_set {
    bool full, limits, again, json, serve, no_rivals, no_save, class, markdown, all_rivals, card;
    const char *rivals;      /* folder of rivals that were set up */
    const char *gate, *refs; /* the other program; the file of agreed shares and ratios */
    const char *agree;       /* the file of agreed shares and ratios that is to be written */
    const char *only;        /* --gate: part of the names of its cases */
    size_t slices;           /* of each case, at least */
    int32_t threads[8];
    size_t n_threads;
    double seconds; /* --gate: of all of it */
} bench_options_set;

/* Fills `out`. 0: go on. 1: nothing more to do (help was printed); 2: after a sentence on stderr. */
int options_read(int argc, char **argv, bench_options_set *out);

#endif
