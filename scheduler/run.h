/* Walks a plan: bind, submit, copy, wait. */
#ifndef PW_SCHEDULER_RUN_H
#define PW_SCHEDULER_RUN_H

#include "scheduler/resident.h"

typedef struct pw_run pw_run;

/* One step's inputs. Arrays are the caller's, valid during the call. */
typedef struct pw_step_input {
    const int32_t *tokens; /* [n_tokens], at most plan->width */
    const float *rope;     /* [n_tokens][plan->rope_row_bytes / 4]; NULL where the plan has none */
    const int32_t *rows;   /* [n_rows], at most plan->outputs: rows of the batch, ascending */
    int64_t n_tokens, n_rows;
    const pw_batch *batch;
    const atomic_int *stop; /* see pw_bindings */
    int64_t deadline_ns;
} pw_step_input;

/* Prepares every segment. Plan and residents must outlive it. */
PW_MUST pewter_status pw_run_new(const pw_plan *plan, const pw_resident *resident,
                                 const pewter_allocator *alloc, pw_run **out, pewter_error *err);
void pw_run_free(pw_run *run); /* NULL is allowed */

/* Computes one step; on success *logits is f32 [n_rows][vocab], valid until the next step. On
 * PEWTER_E_CANCELLED and PEWTER_E_TIMEOUT the keys and values of its tokens are void. */
PW_MUST pewter_status pw_run_step(pw_run *run, const pw_step_input *input, const float **logits,
                                  pewter_error *err);

/* Fills a page with zeros, or with what another page holds, in every layer. */
PW_MUST pewter_status pw_run_clear_page(pw_run *run, int32_t page, pewter_error *err);
PW_MUST pewter_status pw_run_copy_page(pw_run *run, int32_t from, int32_t to, pewter_error *err);

/* Times the calls of all segments from here on, anew; see pw_backend.time. PEWTER_E_UNSUPPORTED where
 * a device cannot. */
PW_MUST pewter_status pw_run_time(pw_run *run, bool on, pewter_error *err);
/* What was measured of the plan's call; NULL where nothing was. */
const pw_call_time *pw_run_call_time(const pw_run *run, int32_t call);
/* The spans kept, device after device, each with the plan's number of its call; returns how many were
 * dropped because there was no room. */
typedef void pw_run_span_fn(void *context, int32_t device, const pw_call_span *span);
uint64_t pw_run_spans(const pw_run *run, pw_run_span_fn *each, void *context);

/* Bytes of weights that matmuls have read on all devices of the plan. */
uint64_t pw_run_weight_bytes(const pw_run *run);

#endif
