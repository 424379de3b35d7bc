/* Records of whole models as a Markdown table. */
#ifndef PW_BENCH_MODEL_TABLE_H
#define PW_BENCH_MODEL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A row, behind the head where `index` is 0. `full`: medians with their intervals, the bandwidth that
 * was probed around them and what others took of the CPUs, else the columns of llama-bench and some. */
void table_row(const json_t *record, size_t index, bool full, FILE *to);

#endif
