#include "scheduler/place.h"

#include "pw/num.h"
#include "pw/status.h"

/* Bytes that a layer's weights and keys take, near enough to place by: packing adds a few per cent. */
static double layer_bytes(const pw_graph *graph, int32_t layer)
{
    double bytes = 0.0;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const pw_node *node = &graph->nodes[i];
        const int32_t home = node->layer < 0                ? 0
                             : node->layer >= graph->layers ? graph->layers - 1
                                                            : node->layer;
        if (home != layer) continue;
        if (node->op == PW_OP_MATMUL) bytes += (double)graph->values[node->src[0]].source.bytes;
        if (node->op == PW_OP_ATTENTION)
            bytes += 4.0 * (double)(graph->pages * PW_PAGE) *
                     (double)(node->params.kv_heads * node->params.head_dim);
    }
    return bytes;
}

/* A device without workers to count gets the share of one. */
static double share(const pw_target *target)
{
    return target->info.threads > 0 ? (double)target->info.threads : 1.0;
}

static void spread(const pw_graph *graph, const pw_target *targets, size_t n_targets,
                   int32_t *device)
{
    double workers = 0.0, before = 0.0;
    for (size_t t = 0; t < n_targets; t++) workers += share(&targets[t]);
    size_t t = 0;
    for (int32_t layer = 0; layer < graph->layers; layer++) {
        const double middle = ((double)layer + 0.5) / (double)graph->layers;
        while (t + 1 < n_targets && middle >= (before + share(&targets[t])) / workers)
            before += share(&targets[t++]);
        device[layer] = (int32_t)t;
    }
}

/* The device with most workers after `last` in that order; the first where last is -1. */
static int32_t next_best(const pw_target *targets, size_t n_targets, int32_t last)
{
    int32_t best = -1;
    for (size_t t = 0; t < n_targets; t++) {
        const int32_t here = targets[t].info.threads;
        if (last >= 0) {
            const int32_t was = targets[last].info.threads;
            if (here > was || (here == was && (int32_t)t <= last)) continue;
        }
        if (best < 0 || here > targets[best].info.threads) best = (int32_t)t;
    }
    return best;
}

pewter_status pw_place_layers(const pw_graph *graph, const pw_target *targets, size_t n_targets,
                              const pw_plan_rules *rules, int32_t *device, pewter_error *err)
{
    if (n_targets == 0) return pw_fail(err, PEWTER_E_DEVICE, "no device to run the model on");
    if (rules->spread) {
        spread(graph, targets, n_targets, device);
        return PEWTER_OK;
    }

    int32_t at = next_best(targets, n_targets, -1);
    double left = (double)targets[at].info.memory, wanted = 0.0, had = left;
    for (int32_t layer = 0; layer < graph->layers; layer++) {
        const double bytes = layer_bytes(graph, layer);
        wanted += bytes;
        while (bytes > left) {
            at = next_best(targets, n_targets, at);
            if (at < 0)
                return pw_fail(err, PEWTER_E_MEMORY,
                               "%d of %d layers want %.2f GB with their keys and values, devices "
                               "have %.2f GB: take a smaller context, or fewer bits",
                               layer + 1, graph->layers, wanted * 1e-9, had * 1e-9);
            left = (double)targets[at].info.memory;
            had += left;
        }
        left -= bytes;
        device[layer] = at;
    }
    return PEWTER_OK;
}
