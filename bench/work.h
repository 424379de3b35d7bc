/* One call of a kernel row, ready to run on a device again and again. */
#ifndef PW_BENCH_WORK_H
#define PW_BENCH_WORK_H

#include "bench/device.h"
#include "kernels/sample.h"

enum { WORK_MOST_COPIES = 256 };

typedef struct work {
    const bench_device *on;
    pw_sample sample;
    /* Weights or keys and values stand in memory several times, and are read in turn: a model's other
     * layers would have driven them out of the caches too. */
    size_t copies, turn;
    void *copy[WORK_MOST_COPIES]; /* [0]: the sample's own */
    size_t copy_bytes;
    size_t set_bytes; /* all memory that the turns touch */
    pw_step_call calls[WORK_MOST_COPIES];
    pw_step steps[WORK_MOST_COPIES];
    pw_program *programs[WORK_MOST_COPIES];
    pw_buffer *buffers[2 * WORK_MOST_COPIES + PW_MAX_SRC + 1];
    size_t n_buffers;
    double operations, bytes; /* of a turn */
} work;

/* Makes the operands, in copies that fill more than `fill` bytes where the call reads weights or a
 * pool; prepares the programs. `out` is large: allocate it. */
PW_MUST pewter_status work_open(const bench_device *on, const pw_sample_shape *shape, size_t fill,
                                work *out, pewter_error *err);
void work_close(work *w);

/* Runs one turn; its seconds into *seconds. */
PW_MUST pewter_status work_run(work *w, double *seconds, pewter_error *err);

/* Compares some results of the last turn with double sums: all where they are cheap, else a sample
 * drawn by `rng`. False after a line on stdout that says where. */
bool work_right(const work *w, pw_rng *rng);

#endif
