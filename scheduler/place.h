/* Which device holds which layers. */
#ifndef PW_SCHEDULER_PLACE_H
#define PW_SCHEDULER_PLACE_H

#include "scheduler/plan.h"

/* Writes the device of every layer to device[graph->layers]: runs of neighbouring layers. With
 * rules->spread every device gets a share by its workers; otherwise the device with most workers
 * takes as many layers as its memory holds, then the next. PEWTER_E_MEMORY where they do not fit. */
PW_MUST pewter_status pw_place_layers(const pw_graph *graph, const pw_target *targets,
                                      size_t n_targets, const pw_plan_rules *rules, int32_t *device,
                                      pewter_error *err);

#endif
