#include "kernels/op.h"

#include <assert.h>

static const char *const names[PW_OP_COUNT] = {
    [PW_OP_EMBED] = "embed",         [PW_OP_NORM] = "norm", [PW_OP_CAST] = "cast",
    [PW_OP_MATMUL] = "matmul",       [PW_OP_ROPE] = "rope", [PW_OP_KV_STORE] = "kv_store",
    [PW_OP_ATTENTION] = "attention", [PW_OP_GLU] = "glu",   [PW_OP_ADD] = "add",
};

const char *pw_op_name(pw_op op)
{
    assert(op < PW_OP_COUNT);
    return names[op];
}

int64_t pw_op_extent(const pw_call *call)
{
    switch (call->op) {
    case PW_OP_EMBED: return pw_rows(&call->dst);
    case PW_OP_NORM: return pw_rows(&call->src[1]);
    case PW_OP_MATMUL: return pw_rows(&call->src[0]);
    case PW_OP_KV_STORE: return call->src[0].n[2];
    case PW_OP_CAST:
    case PW_OP_ROPE:
    case PW_OP_GLU:
    case PW_OP_ADD: return pw_rows(&call->src[0]);
    case PW_OP_ATTENTION:
    case PW_OP_COUNT: break;
    }
    assert(call->op != PW_OP_ATTENTION && "its row says the extent");
    return 0;
}

/* Keys of an ATTENTION call, of one fresh sequence while planning: that its rows see, each for
 * itself, or with `once` that any row of their sequence sees. */
static double keys_seen(const pw_call *call, bool once)
{
    const int64_t window = call->params.window;
    const pw_sequence fresh = {.count = call->src[0].n[2]};
    const pw_sequence *all = call->batch != NULL ? call->batch->sequences : &fresh;
    const int64_t count = call->batch != NULL ? call->batch->n_sequences : 1;

    double keys = 0.0;
    for (int64_t s = 0; s < count; s++) {
        if (once) {
            const int64_t held = all[s].pos + all[s].count, reach = window + all[s].count - 1;
            keys += (double)(window > 0 && held > reach ? reach : held);
            continue;
        }
        for (int64_t i = 0; i < all[s].count; i++) {
            const int64_t seen = all[s].pos + i + 1;
            keys += (double)(window > 0 && seen > window ? window : seen);
        }
    }
    return keys;
}

double pw_op_flops(const pw_call *call)
{
    const double results = (double)pw_elements(&call->dst);
    const double k = (double)call->src[0].n[0];
    switch (call->op) {
    case PW_OP_EMBED: return 0.0;
    case PW_OP_NORM: return 4.0 * results;
    case PW_OP_CAST: return 4.0 * results;
    case PW_OP_MATMUL:
        return 2.0 * k * results * ((call->params.epilogues & PW_EPILOGUE_GLU) != 0 ? 2.0 : 1.0);
    case PW_OP_ROPE: return 3.0 * results;
    case PW_OP_KV_STORE: return 0.0;
    case PW_OP_ATTENTION:
        return 4.0 * keys_seen(call, false) * (double)(call->params.heads * call->params.head_dim);
    case PW_OP_GLU: return 8.0 * results;
    case PW_OP_ADD: return results;
    case PW_OP_COUNT: break;
    }
    return 0.0;
}

/* Bytes of a tensor as if it were dense; 0 where it is absent or opaque. */
static double bytes_of(const pw_tensor *t)
{
    const pw_dtype_info *info = pw_dtype_get(t->dtype);
    if (!pw_has(t) || t->dtype == PW_KV_POOL || info->block_bytes == 0) return 0.0;
    return (double)pw_elements(t) / (double)info->block * (double)info->block_bytes;
}

/* Bytes of keys and values of one position, as the packing holds them. */
static double position_bytes(const pw_call *call)
{
    const pw_params *p = &call->params;
    if (p->kv != NULL) return (double)p->kv->page_bytes(p->head_dim, p->kv_heads) / PW_PAGE;
    return 4.0 * (double)(p->head_dim * p->kv_heads);
}

double pw_op_bytes(const pw_call *call)
{
    double bytes = bytes_of(&call->dst);
    for (int i = 0; i < PW_MAX_SRC; i++) bytes += bytes_of(&call->src[i]);

    switch (call->op) {
    case PW_OP_EMBED: /* only the rows that are named are read */
        return bytes - bytes_of(&call->src[0]) *
                           (1.0 - (double)pw_rows(&call->dst) / (double)pw_rows(&call->src[0]));
    case PW_OP_KV_STORE: return bytes + position_bytes(call) * (double)call->src[0].n[2];
    case PW_OP_ATTENTION: return bytes + position_bytes(call) * keys_seen(call, true);
    case PW_OP_NORM:
    case PW_OP_CAST:
    case PW_OP_MATMUL:
    case PW_OP_ROPE:
    case PW_OP_GLU:
    case PW_OP_ADD:
    case PW_OP_COUNT: break;
    }
    return bytes;
}
