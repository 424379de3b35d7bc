/* The gate: another build and this one, measured in turns. It fails on a case that became slower, on
 * a share or ratio below what was agreed, and on a wrong result at any speed; it does not judge what
 * it measured on a busy machine. */
#ifndef PW_BENCH_GATE_H
#define PW_BENCH_GATE_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "bench/base/peer.h"
#include "bench/base/stats.h"

enum { GATE_FINE = 0, GATE_FAILED = 1, GATE_BUSY = 3, GATE_INTERRUPTED = 130 };

typedef struct gate_options {
    const char *self,
        *base;          /* programs: the one that is judged, the one that it is compared with */
    const char *refs;   /* bench/refs/CLASS.json; NULL: nothing was agreed */
    const char *rivals; /* folder; NULL: no ratios are looked at */
    const char *filter; /* part of the names of the cases; NULL: all */
    double seconds;     /* for all of it */
    bool json;
    const volatile sig_atomic_t *stop; /* not zero: ends early */
} gate_options;

/* Runs it; prints each case that is not fine, and a verdict. Returns one of GATE_... or 2 where it
 * could not be run, after a sentence. */
int gate_run(const gate_options *o);

/* One case's samples of both sides: seconds a turn, or where memory bounds it 1 / share. */
enum { GATE_MOST_ROUNDS = 48 };

typedef struct gate_case {
    const char *name;
    bool memory_bound, wrong, busy;
    char error[256]; /* why it was not measured; "": it was */
    size_t n;
    double base[GATE_MOST_ROUNDS], self[GATE_MOST_ROUNDS];
    double seconds[2][GATE_MOST_ROUNDS]; /* a turn of base and self, whatever bounds it */
    double shares[GATE_MOST_ROUNDS];     /* of ours */
    double others, stolen;               /* shares of CPU time while it was measured */
} gate_case;

typedef struct gate_verdict {
    double ratio; /* median of ours over median of the base's: above 1 is slower */
    double p;     /* that it is by chance */
    bool slower;
} gate_verdict;

/* `suspicion`: the loose bound for a second look instead of the verdict's own. */
gate_verdict gate_judge(const gate_case *c, bool suspicion);

/* All cases of one row that arithmetic or a cache bounds, each round over the median of its case: a
 * change that is too small to be seen in a case is seen in all of them together. */
enum { GATE_MOST_CASES = 32 };

typedef struct gate_row {
    char name[64];
    const char *cases[GATE_MOST_CASES];
    size_t n_cases, n;
    bool found; /* one of its cases was called slower already */
    double base[GATE_MOST_CASES * GATE_MOST_ROUNDS], self[GATE_MOST_CASES * GATE_MOST_ROUNDS];
} gate_row;

/* Adds what was measured of a case; nothing where that says nothing of the row. */
void gate_row_add(gate_row *row, const gate_case *c);
gate_verdict gate_row_judge(const gate_row *row, bool suspicion);

/* The agreed least share and ratios of a case; NULL: none. `refs` may be NULL. */
const json_t *gate_agreed(const json_t *refs, const char *name);

/* Compares the case's median share with the agreed one. Empty, or what is wrong in words. */
void gate_below(const json_t *agreed, double share, const json_t *vs, char *text, size_t cap);

#endif
