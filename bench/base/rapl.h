/* Energy counters of the package, as Linux shows them: /sys/class/powercap/intel-rapl:N. */
#ifndef PW_BENCH_BASE_RAPL_H
#define PW_BENCH_BASE_RAPL_H

#include <stdbool.h>

#include "pewter.h"
#include "pw/attr.h"

enum { RAPL_MOST = 16 };

/* All packages at one moment, in microjoules. */
typedef struct rapl_mark {
    int n;
    double at[RAPL_MOST], range[RAPL_MOST]; /* range: where the counter begins again */
} rapl_mark;

/* PEWTER_E_UNSUPPORTED where there is no counter, PEWTER_E_IO where it may not be read (it needs root
 * on most systems). `root`: "/", or a folder of a test. */
PW_MUST pewter_status rapl_now(const char *root, rapl_mark *out, pewter_error *err);

/* Joules between two marks; a counter that went back went round once. */
double rapl_joules(const rapl_mark *from, const rapl_mark *to);

#endif
