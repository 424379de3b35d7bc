/* A C face for Google Benchmark: register, loop, counters. What is behind it is the only C++ here. */
#ifndef PW_BENCH_SHIM_H
#define PW_BENCH_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One run of a benchmark, while its function is in it. */
typedef struct bench_run bench_run;

/* Measures: while (bench_next(run)) { ...; bench_seconds(run, seconds of this turn); } */
typedef void bench_fn(bench_run *run, void *context);

/* A finished run as it is shown. `counter` of a name that the run does not have is a NaN. */
typedef struct bench_line {
    const char *name, *error; /* error: NULL, or why it was skipped */
    double seconds;           /* a turn */
    double (*counter)(const struct bench_line *line, const char *name);
    const void *run;
} bench_line;

/* Adds a benchmark timed by what it says itself. */
void bench_add(const char *name, bench_fn *fn, void *context);

/* Facts of the whole run, for the JSON's context. */
void bench_fact(const char *key, const char *value);

bool bench_next(bench_run *run);
void bench_seconds(bench_run *run, double seconds);
void bench_counter(bench_run *run, const char *name, double value);
void bench_skip(bench_run *run, const char *why);

/* Takes Google Benchmark's options out of argv; *argc: what is left. */
void bench_options(int *argc, char **argv);

/* Benchmarks that the filter in force takes. */
size_t bench_matching(void);

/* Runs them. `show` is called for each finished run where the format asked for is "console". Runs
 * that were skipped for `silent` are not reported at all. Returns how many matched. */
size_t bench_go(void (*show)(const bench_line *line), const char *silent);

#ifdef __cplusplus
}
#endif

#endif
