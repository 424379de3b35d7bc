/* How busy the machine is with what is not ours: from /proc/stat and this process' own times (and
 * those of its children that were waited for, and of one more process tree where asked). */
#ifndef PW_BENCH_BASE_LOAD_H
#define PW_BENCH_BASE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct load_mark {
    double total, idle, stolen, own; /* seconds of all CPUs since boot; `own`: of this process */
    bool known;
} load_mark;

/* Now. `root` is where proc lies: "/", or a folder of a test. `pids`: other processes that are ours
 * too (peers), `n` of them. */
load_mark load_now(const char *root, const int32_t *pids, int32_t n);

/* Shares of all CPU time between two marks, 0 to 1; -1 where unknown. */
typedef struct load_share {
    double others, stolen;
} load_share;

load_share load_between(const load_mark *from, const load_mark *to);

enum { LOAD_LIMIT_PERCENT = 5 }; /* above it no verdict is given */

#endif
