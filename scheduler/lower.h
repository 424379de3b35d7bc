/* Between graph and plan: ops become calls of chosen kernels, fused where a row can, with casts and
 * copies made explicit. Shared by plan.c, lower.c, fuse.c and reuse.c only. */
#ifndef PW_SCHEDULER_LOWER_H
#define PW_SCHEDULER_LOWER_H

#include "scheduler/plan.h"

/* An op on its way to a call; operands are values of the lowering's own table. */
typedef struct pw_item {
    pw_op op;
    int32_t layer, device, step;
    int32_t dst, src[PW_MAX_SRC];
    pw_params params;
    const char *name;
    const pw_kernel *kernel, *narrow, *second;
    bool gone; /* taken into another item */
} pw_item;

/* A value of the graph, or one that lowering made: an activation in another format. */
typedef struct pw_lowered_value {
    int32_t graph_value; /* shape and role */
    pw_dtype dtype;
    int32_t maker;     /* item; -1: input, weight or state */
    int32_t last_item; /* that reads it on its maker's device */
    int32_t weight;    /* plan weight, once it has one on a device: see lower.c */
} pw_lowered_value;

typedef struct pw_lowering {
    const pw_graph *graph;
    pw_plan *plan;
    const pw_plan_rules *rules;
    pw_item *items;
    int32_t n_items, cap_items;
    pw_lowered_value *values;
    int32_t n_values, cap_values;
    const int32_t *layer_device;    /* [layers]: of place.c */
    const pw_kv_packing **layer_kv; /* [layers] */
} pw_lowering;

/* The call of an item with shapes, data NULL; dims: the open dimension of every operand, dst last. */
pw_call pw_lower_call(const pw_lowering *low, const pw_item *item, int32_t dims[PW_MAX_SRC + 1]);

/* Picks the row of an item on its device. */
PW_MUST pewter_status pw_lower_pick(pw_lowering *low, pw_item *item, pewter_error *err);

/* fuse.c: gated activations, biases and residual sums go into the matmul before them, activation
 * formats into the op that makes them; casts where none can. */
PW_MUST pewter_status pw_fuse(pw_lowering *low, pewter_error *err);

/* reuse.c: offsets for all activations and inputs in one buffer a device; copies. */
PW_MUST pewter_status pw_reuse(pw_lowering *low, pewter_error *err);

#endif
