/* Rivals of a whole model, in turns with ours. */
#ifndef PW_BENCH_MODEL_BESIDE_H
#define PW_BENCH_MODEL_BESIDE_H

#include "bench/model/test.h"

typedef struct beside {
    const test_bed *bed;
    const test_what *what;
    char *question; /* NULL: no rivals, or no memory */
    double speeds[TEST_MOST_RIVALS][TEST_MOST_REPEATS], ratios[TEST_MOST_RIVALS][TEST_MOST_REPEATS];
    size_t n[TEST_MOST_RIVALS];
    char errors[TEST_MOST_RIVALS][256];
} beside;

/* Compares each rival's logits with ours after some tokens, and warms it up. One that disagrees is
 * told so in its result, and not timed. */
void beside_begin(beside *b, const test_bed *bed, const test_what *what, const int32_t *tokens);

/* Each rival's repetition after ours. */
void beside_turn(beside *b, double ours);
void beside_end(beside *b, test_result *out);

#endif
