/* A model's profile beside the machine's limits: a table, JSON, and a trace for Perfetto or Chrome. */
#ifndef PW_BENCH_MODEL_PROFILE_H
#define PW_BENCH_MODEL_PROFILE_H

#include <jansson.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

/* What the machine gives a second: operations in each arithmetic, bytes. 0: unknown. */
typedef struct profile_limits {
    double int8, int8_short, bf16, f32, bytes;
} profile_limits;

/* The sum over all ops. floor_seconds: what the limits allow for it, the larger of operations over
 * their rate and bytes over the bandwidth for each op. */
typedef struct profile_sum {
    double seconds, operations, bytes, floor_seconds;
} profile_sum;

profile_sum profile_total(const pewter_model *model, const profile_limits *limits);

/* Ops of one name and kernel together over the layers, by time. */
void profile_print(const pewter_model *model, const profile_limits *limits, FILE *to);

/* Every op of every layer. NULL: no memory. */
json_t *profile_json(const pewter_model *model, const profile_limits *limits);

/* The latest spans as a trace in Chrome's format. PEWTER_E_IO where it cannot be written. */
PW_MUST pewter_status profile_trace(const pewter_model *model, const char *path, pewter_error *err);

#endif
