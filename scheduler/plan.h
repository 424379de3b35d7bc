/* A plan is data: what runs where, in which order, by which kernel, and the memory it takes. It is
 * made once, before the first token, and can be printed without hardware. */
#ifndef PW_SCHEDULER_PLAN_H
#define PW_SCHEDULER_PLAN_H

#include "pw/out.h"
#include "scheduler/graph.h"

/* A device that the plan may use. */
typedef struct pw_target {
    const pw_backend *backend;
    pw_device_info info;
} pw_target;

typedef enum pw_where {
    PW_NOWHERE,
    PW_IN_ACTIVATIONS, /* offset in the device's activation buffer */
    PW_IN_WEIGHTS,     /* plan->weights[index] */
    PW_IN_STATE        /* plan->states[index] */
} pw_where;

typedef struct pw_place {
    pw_where where;
    int32_t index;
    size_t offset;
    pw_open_rows rows;
    int32_t dim;
} pw_place;

typedef struct pw_plan_call {
    pw_call call; /* shapes at full width, data NULL */
    const pw_kernel *kernel, *narrow;
    const pw_kernel *second; /* the next best, for the reader; NULL: none */
    pw_place dst, src[PW_MAX_SRC];
    int32_t device, layer, step;
    const char *name;
} pw_plan_call;

/* A weight on a device: packed, or read where the file is mapped. */
typedef struct pw_plan_weight {
    int32_t device;
    pw_dtype dtype;
    int64_t k, m;              /* m: rows of each source */
    pw_source source[2];       /* [1].mapped NULL: not fused */
    const pw_packing *packing; /* NULL: mapped */
    size_t bytes;              /* that it takes on the device; 0 where mapped */
} pw_plan_weight;

/* A layer's pool of pages. */
typedef struct pw_plan_state {
    int32_t device, layer;
    const pw_kv_packing *packing;
    size_t page_bytes;
} pw_plan_state;

/* Rows of an activation brought from one device to another. */
typedef struct pw_plan_copy {
    int32_t from, to;
    size_t from_offset, to_offset;
    size_t row_bytes;
    pw_open_rows rows;
} pw_plan_copy;

/* Steps of one device, one behind the other. */
typedef struct pw_segment {
    int32_t device;
    int32_t first_step, n_steps;
    int32_t first_copy, n_copies; /* made before it runs */
} pw_segment;

typedef struct pw_plan_device {
    pw_target target;
    int32_t first_layer, last_layer; /* none where last < first */
    size_t activation_bytes, weight_bytes, mapped_bytes, page_bytes, scratch_bytes;
    size_t input_offset[PW_INPUT_COUNT]; /* in the activation buffer; SIZE_MAX: not wanted */
} pw_plan_device;

typedef struct pw_plan {
    pw_arena arena;
    pw_plan_device *devices;
    pw_plan_call *calls;
    pw_plan_weight *weights;
    pw_plan_state *states; /* in the order of the layers */
    pw_plan_copy *copies;
    pw_segment *segments;
    int32_t *step_calls; /* [n_steps + 1]: first call of every step */
    int32_t n_devices, n_calls, n_weights, n_states, n_copies, n_segments, n_steps;
    int64_t width, outputs, pages;
    int32_t layers;
    bool exact;
    pw_dtype kv;
    int32_t logits_device;
    size_t logits_offset; /* f32 [vocab, outputs] in that device's activations */
    int64_t vocab;
    size_t rope_row_bytes;
    double step_bytes; /* of weights, that a step of one token reads */
    uint64_t hash;     /* of the choices: equal hashes, equal bits */
} pw_plan;

typedef struct pw_plan_rules {
    bool exact;
    pw_dtype kv;
    bool spread; /* give every device layers, instead of the fastest as many as fit */
} pw_plan_rules;

/* Makes the plan of a graph on these devices. PEWTER_E_MEMORY with both numbers where it does not
 * fit, PEWTER_E_UNSUPPORTED where no row computes an op. The graph must outlive the plan. */
PW_MUST pewter_status pw_plan_make(const pw_graph *graph, const pw_target *targets,
                                   size_t n_targets, const pw_plan_rules *rules,
                                   const pewter_allocator *alloc, pw_plan **out, pewter_error *err);
void pw_plan_free(pw_plan *plan); /* NULL is allowed */

/* The plan in words, or as one JSON object. */
void pw_plan_print(const pw_plan *plan, pewter_form form, pw_out *out);

#endif
