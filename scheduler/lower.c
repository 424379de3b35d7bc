#include "scheduler/lower.h"

#include <string.h>

#include "kernels/act.h"
#include "pw/status.h"

/* A pool of pages as the kernels see it; of any size while the packing is not chosen. */
static pw_tensor pool_view(const pw_lowering *low, const pw_item *item)
{
    const pw_kv_packing *kv = item->params.kv;
    const size_t page =
        kv != NULL ? kv->page_bytes(item->params.head_dim, item->params.kv_heads) : 0;
    return (pw_tensor){.dtype = PW_KV_POOL,
                       .n = {(int64_t)page, low->graph->pages, 1},
                       .stride = {1, (int64_t)page, 0}};
}

static pw_tensor view(const pw_lowering *low, const pw_item *item, int32_t value, int32_t *dim)
{
    const pw_lowered_value *v = &low->values[value];
    const pw_value *shape = &low->graph->values[v->graph_value];
    if (shape->role == PW_ROLE_STATE) {
        *dim = 0;
        return pool_view(low, item);
    }
    if (v->dtype == shape->dtype) return pw_graph_view(low->graph, item->op, v->graph_value, dim);

    *dim = 1; /* an activation format knows no heads */
    return pw_tensor_of(v->dtype, shape->n[0] * shape->n[1], shape->n[2], 1, NULL);
}

pw_call pw_lower_call(const pw_lowering *low, const pw_item *item, int32_t dims[PW_MAX_SRC + 1])
{
    pw_call call = {.op = item->op, .params = item->params};
    for (int s = 0; s < PW_MAX_SRC; s++)
        if (item->src[s] >= 0) call.src[s] = view(low, item, item->src[s], &dims[s]);
    if (item->dst >= 0) call.dst = view(low, item, item->dst, &dims[PW_MAX_SRC]);
    if (item->op == PW_OP_KV_STORE) {
        call.dst = call.src[2]; /* the graph reads the pool that the kernel writes */
        call.src[2] = (pw_tensor){0};
        dims[PW_MAX_SRC] = dims[2];
    }
    return call;
}

/* The best row but for `best`, for the reader of the plan. */
static const pw_kernel *second_best(const pw_catalogue *all, const pw_kernel *best,
                                    const pw_call *call, const pw_pick_rules *rules)
{
    const pw_kernel *second = NULL;
    for (size_t i = 0; i < all->count; i++) {
        const pw_kernel *row = &all->rows[i];
        if (row == best || row->op != best->op || row->rank > best->rank) continue;
        const pw_catalogue one = {row, 1};
        if (pw_pick(&one, call, rules) != NULL && (second == NULL || row->rank > second->rank))
            second = row;
    }
    return second;
}

pewter_status pw_lower_pick(pw_lowering *low, pw_item *item, pewter_error *err)
{
    const pw_target *target = &low->plan->devices[item->device].target;
    const pw_catalogue all = target->backend->kernels();
    const bool in_layer = item->layer >= 0 && item->layer < low->graph->layers;
    const pw_pick_rules rules = {.features = target->info.features,
                                 .exact = low->rules->exact,
                                 .kv = in_layer ? low->layer_kv[item->layer] : NULL,
                                 .kv_dtype = low->rules->kv};
    int32_t dims[PW_MAX_SRC + 1];
    pw_call call = pw_lower_call(low, item, dims);
    const pw_kernel *best = pw_pick(&all, &call, &rules);
    if (best == NULL)
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "layer %d, %s: no row of %s computes %s of %s [%lld, %lld] here",
                       item->layer, item->name, target->info.name, pw_op_name(item->op),
                       pw_dtype_get(call.src[0].dtype)->name, (long long)call.src[0].n[0],
                       (long long)call.src[0].n[1]);
    item->kernel = best;
    item->narrow = item->op == PW_OP_MATMUL ? pw_pick_narrow(&all, best, &call, &rules) : NULL;
    item->second = second_best(&all, best, &call, &rules);
    if (item->op == PW_OP_KV_STORE || item->op == PW_OP_ATTENTION) item->params.kv = best->kv;
    return PEWTER_OK;
}
