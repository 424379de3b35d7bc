/* What a plan keeps on its devices: weights, pools of pages, activations. */
#ifndef PW_SCHEDULER_RESIDENT_H
#define PW_SCHEDULER_RESIDENT_H

#include "scheduler/plan.h"

/* One device's buffers. */
typedef struct pw_resident_device {
    pw_device *device;
    pw_buffer *weights, *activations;
} pw_resident_device;

typedef struct pw_resident {
    pw_arena arena;
    const pw_plan *plan;
    pw_resident_device *devices; /* [plan->n_devices] */
    pw_buffer **mapped;          /* [plan->n_weights]; NULL where packed or copied */
    size_t *offsets;             /* [plan->n_weights]: in their device's weights */
    pw_buffer **states;          /* [plan->n_states] */
} pw_resident;

/* Allocates everything and fills the weights: packed ones are read with pread and laid out by the
 * device's own workers; a short read is PEWTER_E_IO. devices[i] is open for plan->devices[i].
 * `progress` (NULL allowed) sees bytes of weights; false from it cancels. The plan must outlive it. */
PW_MUST pewter_status pw_resident_new(const pw_plan *plan, pw_device *const *devices,
                                      pewter_progress_fn *progress, void *context,
                                      const pewter_allocator *alloc, pw_resident **out,
                                      pewter_error *err);
void pw_resident_free(pw_resident *resident); /* NULL is allowed */

#endif
