/* One test of a model, in the terms of llama.cpp's llama-bench: prompt, generation, depth. */
#ifndef PW_BENCH_MODEL_TEST_H
#define PW_BENCH_MODEL_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/base/load.h"
#include "bench/base/peak.h"
#include "bench/base/peer.h"
#include "bench/base/stats.h"
#include "bench/model/profile.h"
#include "pewter.h"
#include "pw/attr.h"

enum { TEST_MOST_REPEATS = 256, TEST_MOST_RIVALS = 4, TEST_MOST_SEQUENCES = 64 };

typedef struct test_rival {
    char name[32], version[64];
    peer *peer;
} test_rival;

struct test_what;

/* A loaded model and what it is measured with. */
typedef struct test_bed {
    pewter_engine *engine;
    pewter_model *model;
    peak *peak;
    int32_t threads;
    bool elsewhere;   /* not on the CPU, whose limits say nothing then */
    const char *root; /* of proc and sys */
    test_rival rivals[TEST_MOST_RIVALS];
    size_t n_rivals;
    bool (*stop)(void); /* asked between steps: true ends the test */
    void (*told)(const struct test_what *what, int done); /* after each repetition; NULL: nobody */
} test_bed;

typedef struct test_what {
    int64_t prompt, gen, depth; /* tokens of each sequence */
    int64_t sequences;          /* computed together, 1 to TEST_MOST_SEQUENCES */
    int repeats;
    bool warm_up, profile;
    FILE *profile_to;       /* where a table goes; NULL: nowhere */
    const char *trace_path; /* NULL: none */
} test_what;

typedef struct test_rival_result {
    stats speed, ratio; /* tokens/s; ours over theirs, pair by pair */
    char error[256];    /* why there are no figures; "" */
} test_rival_result;

typedef struct test_result {
    int n;
    double ns[TEST_MOST_REPEATS], speeds[TEST_MOST_REPEATS]; /* of each repetition; tokens/s */
    stats speed;
    double first_ns;                           /* time to the first token, median; 0: no prompt */
    double gap_p50, gap_p90, gap_p99, gap_max; /* ns between tokens; 0: none generated */
    profile_sum sum;                           /* of one repetition */
    stats share;   /* of the roofline, by the limits around each repetition */
    stats memory;  /* bytes/s that memory gave around each repetition */
    uint64_t hash; /* FNV-1a of the generated tokens */
    double joules; /* a token; below 0: not measured */
    load_share load;
    test_rival_result rivals[TEST_MOST_RIVALS];
    json_t *profile; /* of each op; NULL */
} test_result;

/* Runs it: warm-up, a profiled repetition for its operations and bytes, then the repetitions with the
 * limits probed around each; rivals in turns with ours, after their logits were compared with ours.
 * PEWTER_E_CANCELLED: stopped; PEWTER_E_FORMAT: two repetitions, or two
 * sequences of one, generated different tokens. */
PW_MUST pewter_status test_run(const test_bed *bed, const test_what *what, test_result *out,
                               pewter_error *err);
void test_result_free(test_result *result);

/* Tokens of one repetition, over all sequences. */
double test_tokens(const test_what *what);

/* Token `i` of the text that tests compute: the same for everybody, never a special one if the
 * vocabulary is large. */
int32_t test_token(int64_t i, int64_t vocab);

#endif
