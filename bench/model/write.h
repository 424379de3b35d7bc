/* Results of tests as records, and records in the formats of llama-bench. */
#ifndef PW_BENCH_MODEL_WRITE_H
#define PW_BENCH_MODEL_WRITE_H

#include <jansson.h>
#include <stdio.h>

#include "bench/model/test.h"

/* What all tests of one loaded model share. */
typedef struct record_model {
    const char *path, *kv;    /* kv: "bf16" */
    const char *cpu_features; /* what ours was held to, as it was asked; NULL: all */
    int32_t threads, batch;
    const json_t *card;
    pewter_model_info info;
    pewter_device_info device; /* that ours ran on; the first of several */
} record_model;

/* Divergence from the exact model; n 0: not measured. */
typedef struct record_kl {
    int64_t n;
    double mean, most, same_top; /* nats; share of positions with the same likeliest token */
} record_kl;

/* A flat object: llama-bench's fields in its order, then ours; every record of a run has the same
 * keys, what was not measured is null. NULL: no memory. */
json_t *record_of(const record_model *model, const test_what *what, const test_bed *bed,
                  const test_result *result, const record_kl *kl);

typedef enum write_format {
    WRITE_MD,
    WRITE_FULL,
    WRITE_CSV,
    WRITE_JSON,
    WRITE_JSONL,
    WRITE_SQL,
    WRITE_NONE
} write_format;

/* The format of that name; WRITE_NONE with *known false where there is none. */
write_format write_format_of(const char *name, bool *known);

/* One record, with what stands before the first and between two; `index` counts from 0. */
void write_record(write_format format, const json_t *record, size_t index, FILE *to);
/* What stands behind the last of `count`. */
void write_end(write_format format, size_t count, FILE *to);

#endif
