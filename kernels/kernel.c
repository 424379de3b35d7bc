#include "kernels/kernel.h"

#include <string.h>

#include "kernels/act.h"

/* Whether a result of the call's dst dtype is one that the row makes. */
static bool makes(const pw_kernel *row, const pw_call *shape)
{
    const pw_dtype dtype = shape->dst.dtype;
    if (shape->op == PW_OP_KV_STORE) return true;
    if (dtype == PW_F32 && shape->op != PW_OP_CAST) return true;
    return (row->results & 1u << dtype) != 0 && pw_act_takes(dtype, shape->dst.n[0]);
}

/* Whether the row reads the formats of the call's operands. Activations in f32 may be cast by the
 * plan to what the row wants; those in another format must be the row's own. */
static bool reads(const pw_kernel *row, const pw_call *shape)
{
    if (shape->op != PW_OP_MATMUL && shape->op != PW_OP_EMBED) return true;
    if (row->weight != PW_DTYPE_COUNT && row->weight != shape->src[0].dtype) return false;
    if (shape->op == PW_OP_EMBED) return true;

    if (shape->src[1].dtype != PW_F32 && shape->src[1].dtype != row->act) return false;
    return pw_act_takes(row->act, shape->src[0].n[0]) &&
           (shape->params.epilogues & ~row->epilogues) == 0;
}

/* Whether the row's pool is the one wanted. */
static bool stores(const pw_kernel *row, const pw_call *shape, const pw_pick_rules *rules)
{
    if (shape->op == PW_OP_KV_STORE && rules->kv != NULL && row->kv != rules->kv) return false;
    if (shape->op == PW_OP_ATTENTION && row->kv->dtype != rules->kv_dtype) return false;
    if (shape->op != PW_OP_KV_STORE && shape->op != PW_OP_ATTENTION) return true;
    return row->kv->fits == NULL || row->kv->fits(shape->params.head_dim);
}

static bool takes(const pw_kernel *row, const pw_call *shape, const pw_pick_rules *rules)
{
    return row->op == shape->op && (row->needs & ~rules->features) == 0 &&
           !(rules->exact && row->quantises) && reads(row, shape) && makes(row, shape) &&
           stores(row, shape, rules) && (row->fits == NULL || row->fits(shape));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const pw_kernel *pw_pick(const pw_catalogue *from, const pw_call *shape, const pw_pick_rules *rules)
{
    const int64_t n = shape->op == PW_OP_MATMUL ? pw_rows(&shape->src[1]) : 0;
    const pw_kernel *best = NULL;
    for (size_t i = 0; i < from->count; i++) {
        const pw_kernel *row = &from->rows[i];
        if (!takes(row, shape, rules) || (row->max_n != 0 && row->max_n < n)) continue;
        if (best == NULL || row->rank > best->rank) best = row;
    }
    return best;
}

const pw_kernel *pw_pick_narrow(const pw_catalogue *from, const pw_kernel *wide,
                                const pw_call *shape, const pw_pick_rules *rules)
{
    const pw_kernel *best = NULL;
    for (size_t i = 0; i < from->count; i++) {
        const pw_kernel *row = &from->rows[i];
        if (row == wide || row->max_n == 0 || !takes(row, shape, rules)) continue;
        if (row->weight != wide->weight || row->act != wide->act) continue;
        if (row->packing != wide->packing || !same_text(row->order, wide->order)) continue;
        if (best == NULL || row->rank > best->rank) best = row;
    }
    return best;
}

const pw_kernel *pw_kernel_named(const pw_catalogue *from, const char *name)
{
    for (size_t i = 0; i < from->count; i++) {
        if (same_text(from->rows[i].name, name)) return &from->rows[i];
    }
    return NULL;
}

double pw_weight_bytes(const pw_kernel *kernel, const pw_call *call)
{
    const pw_tensor *w = &call->src[0];
    const bool fused = (call->params.epilogues & PW_EPILOGUE_GLU) != 0;
    if (kernel->packing != NULL)
        return (double)pw_panels(w->n[1], fused) * (double)kernel->packing->panel_bytes(w->n[0]);

    size_t row = 0;
    if (!pw_dtype_row_bytes(w->dtype, w->n[0], &row)) return 0.0;
    return (double)row * (double)w->n[1] * (fused ? 2.0 : 1.0);
}
