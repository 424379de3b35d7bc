/* What is measured: every row of every catalogue on sample shapes. */
#ifndef PW_BENCH_CASES_H
#define PW_BENCH_CASES_H

#include "bench/base/peak.h"
#include "bench/device.h"
#include "kernels/sample.h"

typedef struct bench_case {
    char name[112]; /* "matmul_q4_0_avx512vnni/k2048_m8192_n512" */
    pw_sample_shape shape;
    bool standard; /* among those that are measured unless others are asked for */
    bool slow;     /* a turn takes too long for the gate's many */
    bool beside;   /* the gate compares it with rivals, whose operands take seconds to make ready */
} bench_case;

/* All cases of the rows that this device can run; freed by free(). NULL: no memory. */
bench_case *cases_of(const bench_device *device, size_t *count);

/* The reference row that computes the same as the case, with a smaller shape that it answers in some
 * milliseconds. False where the row is the reference itself. */
bool cases_reference(const bench_device *device, const pw_sample_shape *shape,
                     pw_sample_shape *out);

/* The arithmetic that limits the row. */
peak_math cases_math(const pw_kernel *row);

#endif
