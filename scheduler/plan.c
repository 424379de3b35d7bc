#include "scheduler/plan.h"

#include <string.h>

#include "pw/num.h"
#include "pw/status.h"
#include "scheduler/lower.h"
#include "scheduler/place.h"

/* ---- From nodes to items --------------------------------------------------------------------- */

static int32_t home(const pw_lowering *low, int32_t layer)
{
    const int32_t last = low->graph->layers - 1;
    return low->layer_device[layer < 0 ? 0 : layer > last ? last : layer];
}

static pewter_status take_nodes(pw_lowering *low, pewter_error *err)
{
    const pw_graph *g = low->graph;
    pw_arena *arena = &low->plan->arena;
    /* Lowering adds at most one cast, with its value, for every node. */
    low->cap_items = 2 * g->n_nodes + 2;
    low->cap_values = g->n_values + g->n_nodes + 2;
    low->items = pw_arena_array(arena, (size_t)low->cap_items, sizeof *low->items);
    low->values = pw_arena_array(arena, (size_t)low->cap_values, sizeof *low->values);
    low->layer_kv = pw_arena_array(arena, (size_t)g->layers, sizeof *low->layer_kv);
    if (low->items == NULL || low->values == NULL || low->layer_kv == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to plan %d ops", g->n_nodes);

    for (int32_t v = 0; v < g->n_values; v++)
        low->values[v] =
            (pw_lowered_value){.graph_value = v, .dtype = g->values[v].dtype, .maker = -1};
    low->n_values = g->n_values;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const pw_node *node = &g->nodes[i];
        pw_item *item = &low->items[i];
        *item = (pw_item){.op = node->op,
                          .layer = node->layer,
                          .dst = node->dst,
                          .device = home(low, node->layer),
                          .params = node->params,
                          .name = node->name};
        memcpy(item->src, node->src, sizeof item->src);
        if (node->dst >= 0) low->values[node->dst].maker = i;
    }
    low->n_items = g->n_nodes;
    return PEWTER_OK;
}

/* Rows of all items; attention first, for it chooses the packing that KV_STORE must have. */
static pewter_status pick_all(pw_lowering *low, pewter_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < low->n_items; i++) {
            pw_item *item = &low->items[i];
            if ((item->op == PW_OP_ATTENTION) != (pass == 0)) continue;
            PW_TRY(pw_lower_pick(low, item, err));
            if (pass == 0) low->layer_kv[item->layer] = item->kernel->kv;
        }
    }
    return PEWTER_OK;
}

/* ---- Steps and segments ---------------------------------------------------------------------- */

/* Whether `item` reads what an item from `first` on makes, or the pool that one writes. */
static bool depends(const pw_lowering *low, const pw_item *item, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end; i++) {
        const pw_item *before = &low->items[i];
        if (before->gone) continue;
        for (int s = 0; s < PW_MAX_SRC; s++) {
            if (item->src[s] < 0) continue;
            if (item->src[s] == before->dst) return true;
            if (before->op == PW_OP_KV_STORE && item->src[s] == before->src[2]) return true;
        }
    }
    return false;
}

static pewter_status cut_steps(pw_lowering *low, pewter_error *err)
{
    pw_plan *plan = low->plan;
    int32_t first = 0, device = -1, calls = 0;
    plan->segments = pw_arena_array(&plan->arena, (size_t)low->n_items, sizeof *plan->segments);
    plan->step_calls =
        pw_arena_array(&plan->arena, (size_t)low->n_items + 1, sizeof *plan->step_calls);
    if (plan->segments == NULL || plan->step_calls == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to plan %d calls", low->n_items);

    for (int32_t i = 0; i < low->n_items; i++) {
        pw_item *item = &low->items[i];
        if (item->gone) continue;
        if (item->device != device) {
            plan->segments[plan->n_segments++] =
                (pw_segment){.device = item->device, .first_step = plan->n_steps};
        }
        if (item->device != device || depends(low, item, first, i)) {
            first = i;
            device = item->device;
            plan->step_calls[plan->n_steps++] = calls;
            plan->segments[plan->n_segments - 1].n_steps++;
        }
        item->step = plan->n_steps - 1;
        calls++;
    }
    plan->step_calls[plan->n_steps] = calls;
    plan->n_calls = calls;
    return PEWTER_OK;
}

/* ---- Weights, states, calls ------------------------------------------------------------------ */

static const pw_value *graph_value(const pw_lowering *low, int32_t value)
{
    return &low->graph->values[low->values[value].graph_value];
}

/* Small operands (norms, biases) are copied to the device; matrices without a packing stay mapped
 * where the device can read host memory. */
static int32_t add_weight(pw_lowering *low, const pw_item *item, int operand)
{
    const pw_value *v = graph_value(low, item->src[operand]);
    const pw_backend *backend = low->plan->devices[item->device].target.backend;
    const bool mapped = v->n[1] > 1 && backend->import != NULL;
    pw_plan_weight w = {.device = item->device,
                        .dtype = v->dtype,
                        .k = v->n[0],
                        .m = v->n[1],
                        .source = {v->source}};
    const bool fused = operand == 0 && (item->params.epilogues & PW_EPILOGUE_GLU) != 0;
    if (operand == 0) w.packing = item->kernel->packing;
    if (w.packing != NULL) {
        if (fused) w.source[1] = graph_value(low, item->src[2])->source;
        w.bytes = w.packing->panel_bytes(w.k) * (size_t)pw_panels(w.m, fused);
    } else if (!mapped) {
        w.bytes = v->source.bytes;
    }
    pw_plan_device *device = &low->plan->devices[item->device];
    if (w.bytes > 0)
        device->weight_bytes += pw_align_up(w.bytes, 64);
    else
        device->mapped_bytes += v->source.bytes;
    low->plan->weights[low->plan->n_weights] = w;
    return low->plan->n_weights++;
}

static int32_t add_state(pw_lowering *low, const pw_item *item)
{
    pw_plan *plan = low->plan;
    for (int32_t i = 0; i < plan->n_states; i++)
        if (plan->states[i].layer == item->layer) return i;
    const size_t page = item->params.kv->page_bytes(item->params.head_dim, item->params.kv_heads);
    plan->devices[item->device].page_bytes += page;
    plan->states[plan->n_states] = (pw_plan_state){.device = item->device,
                                                   .layer = item->layer,
                                                   .packing = item->params.kv,
                                                   .page_bytes = page};
    return plan->n_states++;
}

static pw_place place_of(pw_lowering *low, const pw_item *item, int operand, int32_t value,
                         int32_t dim)
{
    const pw_value *v = graph_value(low, value);
    switch (v->role) {
    case PW_ROLE_WEIGHT:
        /* The second weight of a fused pair lies in the panels of the first. */
        if (operand == 2 && item->kernel->packing != NULL) return (pw_place){0};
        return (pw_place){.where = PW_IN_WEIGHTS, .index = add_weight(low, item, operand)};
    case PW_ROLE_STATE: return (pw_place){.where = PW_IN_STATE, .index = add_state(low, item)};
    case PW_ROLE_INPUT:
    case PW_ROLE_ACTIVATION:
    case PW_ROLE_OUTPUT: break;
    }
    return (pw_place){.where = PW_IN_ACTIVATIONS, .rows = v->rows, .dim = dim};
}

static void make_call(pw_lowering *low, const pw_item *item, pw_plan_call *out)
{
    int32_t dims[PW_MAX_SRC + 1] = {0};
    *out = (pw_plan_call){.kernel = item->kernel,
                          .narrow = item->narrow,
                          .second = item->second,
                          .device = item->device,
                          .layer = item->layer,
                          .step = item->step,
                          .name = item->name};
    out->call = pw_lower_call(low, item, dims);
    for (int s = 0; s < PW_MAX_SRC; s++) {
        if (item->src[s] < 0) continue;
        const pw_place place = place_of(low, item, s, item->src[s], dims[s]);
        if (item->op == PW_OP_KV_STORE && s == 2)
            out->dst = place;
        else
            out->src[s] = place;
    }
    if (item->dst >= 0) out->dst = place_of(low, item, PW_MAX_SRC, item->dst, dims[PW_MAX_SRC]);
}

static pewter_status make_calls(pw_lowering *low, pewter_error *err)
{
    pw_plan *plan = low->plan;
    const size_t n = (size_t)plan->n_calls;
    const size_t copies = (size_t)low->n_values * (size_t)plan->n_devices;
    plan->calls = pw_arena_array(&plan->arena, n, sizeof *plan->calls);
    plan->weights = pw_arena_array(&plan->arena, n * 3, sizeof *plan->weights); /* w, w2, bias */
    plan->states = pw_arena_array(&plan->arena, (size_t)plan->layers, sizeof *plan->states);
    plan->copies = pw_arena_array(&plan->arena, copies, sizeof *plan->copies);
    if (plan->calls == NULL || plan->weights == NULL || plan->states == NULL ||
        plan->copies == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to plan %zu calls", n);

    int32_t next = 0;
    for (int32_t i = 0; i < low->n_items; i++) {
        const pw_item *item = &low->items[i];
        if (item->gone) continue;
        pw_plan_call *call = &plan->calls[next++];
        make_call(low, item, call);
        if (item->op == PW_OP_MATMUL)
            plan->step_bytes += pw_weight_bytes(item->kernel, &call->call);
    }
    return PEWTER_OK;
}

/* Copies belong to the segment that they are made for: the one on their target that follows the
 * last step of their maker. They were added in the order of the segments. */
static void share_out_copies(pw_plan *plan)
{
    int32_t next = 0;
    for (int32_t s = 0; s < plan->n_segments; s++) {
        pw_segment *segment = &plan->segments[s];
        segment->first_copy = next;
        while (next < plan->n_copies && plan->copies[next].to == segment->device) {
            next++;
            segment->n_copies++;
        }
    }
}

/* ---- Fitting --------------------------------------------------------------------------------- */

static size_t scratch_bytes(const pw_plan *plan, int32_t device)
{
    size_t worker = 0, shared = 0;
    for (int32_t i = 0; i < plan->n_calls; i++) {
        const pw_plan_call *c = &plan->calls[i];
        if (c->device != device) continue;
        const size_t a = c->kernel->scratch != NULL ? c->kernel->scratch(&c->call) : 0;
        const size_t b = c->kernel->shared != NULL ? c->kernel->shared(&c->call) : 0;
        if (a > worker) worker = a;
        if (b > shared) shared = b;
    }
    const int32_t workers = plan->devices[device].target.info.threads;
    return worker * (size_t)(workers > 0 ? workers : 1) + shared;
}

static pewter_status check_memory(pw_plan *plan, pewter_error *err)
{
    for (int32_t i = 0; i < plan->n_devices; i++) {
        pw_plan_device *d = &plan->devices[i];
        d->scratch_bytes = scratch_bytes(plan, i);
        const double kv = (double)d->page_bytes * (double)plan->pages;
        const double want =
            (double)d->weight_bytes + (double)d->activation_bytes + kv + (double)d->scratch_bytes;
        if (want > (double)d->target.info.memory)
            return pw_fail(err, PEWTER_E_MEMORY,
                           "%s: %.2f GB wanted (weights %.2f, keys and values %.2f, activations "
                           "%.2f), %.2f GB there: take a smaller context, or fewer bits",
                           d->target.info.name, want * 1e-9, (double)d->weight_bytes * 1e-9,
                           kv * 1e-9, (double)d->activation_bytes * 1e-9,
                           (double)d->target.info.memory * 1e-9);
    }
    return PEWTER_OK;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *b = bytes; /* FNV-1a */
    for (size_t i = 0; i < count; i++) hash = (hash ^ b[i]) * 0x100000001b3u;
    return hash;
}

static void finish(pw_lowering *low)
{
    pw_plan *plan = low->plan;
    plan->hash = 0xcbf29ce484222325u;
    for (int32_t i = 0; i < plan->n_calls; i++) {
        const pw_plan_call *c = &plan->calls[i];
        plan->hash = mix(plan->hash, c->kernel->name, strlen(c->kernel->name));
        plan->hash = mix(plan->hash, &c->call.params.epilogues, sizeof c->call.params.epilogues);
    }
    for (int32_t d = 0; d < plan->n_devices; d++) {
        plan->devices[d].first_layer = plan->layers;
        plan->devices[d].last_layer = -1;
    }
    for (int32_t l = 0; l < plan->layers; l++) {
        pw_plan_device *d = &plan->devices[low->layer_device[l]];
        if (l < d->first_layer) d->first_layer = l;
        d->last_layer = l;
    }
    for (int32_t v = 0; v < low->graph->n_values; v++) {
        const pw_value *value = &low->graph->values[v];
        if (value->role == PW_ROLE_INPUT && value->input == PW_INPUT_ROPE)
            plan->rope_row_bytes = (size_t)value->n[0] * sizeof(float);
    }
}

static pewter_status lower(pw_lowering *low, pewter_error *err)
{
    PW_TRY(take_nodes(low, err));
    PW_TRY(pick_all(low, err));
    PW_TRY(pw_fuse(low, err));
    PW_TRY(cut_steps(low, err));
    PW_TRY(make_calls(low, err));
    PW_TRY(pw_reuse(low, err));
    share_out_copies(low->plan);
    finish(low);
    return check_memory(low->plan, err);
}

static pewter_status make(pw_plan *plan, const pw_graph *graph, const pw_target *targets,
                          size_t n_targets, const pw_plan_rules *rules, pewter_error *err)
{
    int32_t *layer_device =
        pw_arena_array(&plan->arena, (size_t)graph->layers, sizeof *layer_device);
    plan->devices = pw_arena_array(&plan->arena, n_targets, sizeof *plan->devices);
    if (layer_device == NULL || plan->devices == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to plan %d layers", graph->layers);
    for (size_t i = 0; i < n_targets; i++) {
        plan->devices[i].target = targets[i];
        for (int k = 0; k < PW_INPUT_COUNT; k++) plan->devices[i].input_offset[k] = SIZE_MAX;
    }
    plan->n_devices = (int32_t)n_targets;
    PW_TRY(pw_place_layers(graph, targets, n_targets, rules, layer_device, err));
    pw_lowering low = {.graph = graph, .plan = plan, .rules = rules, .layer_device = layer_device};
    return lower(&low, err);
}

pewter_status pw_plan_make(const pw_graph *graph, const pw_target *targets, size_t n_targets,
                           const pw_plan_rules *rules, const pewter_allocator *alloc, pw_plan **out,
                           pewter_error *err)
{
    pw_plan *plan = pw_alloc(alloc, sizeof *plan);
    if (plan == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a plan");
    *plan = (pw_plan){.arena.alloc = alloc,
                      .width = graph->width,
                      .outputs = graph->outputs,
                      .pages = graph->pages,
                      .layers = graph->layers,
                      .exact = rules->exact,
                      .kv = rules->kv,
                      .vocab = graph->values[graph->logits].n[0]};
    const pewter_status status = make(plan, graph, targets, n_targets, rules, err);
    if (status != PEWTER_OK) {
        pw_plan_free(plan);
        return status;
    }
    *out = plan;
    return PEWTER_OK;
}

void pw_plan_free(pw_plan *plan)
{
    if (plan == NULL) return;
    const pewter_allocator *alloc = plan->arena.alloc;
    pw_arena_free(&plan->arena);
    pw_free(alloc, plan, sizeof *plan);
}
