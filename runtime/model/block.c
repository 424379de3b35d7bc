#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/model/arch.h"

static int32_t weight(pw_builder *b, const pw_gguf_tensor *t)
{
    const pw_source source = {.name = t->name,
                              .fd = t->fd,
                              .offset = t->offset,
                              .bytes = t->bytes,
                              .row_bytes = t->row_bytes,
                              .mapped = t->data};
    return pw_graph_weight(b->graph, t->dtype, t->n[0], t->n[1], &source);
}

int32_t pw_block_find(pw_builder *b, const char *name)
{
    if (b->graph->layer >= 0 && b->graph->layer < b->graph->layers)
        snprintf(b->name, sizeof b->name, "blk.%d.%s", b->graph->layer, name);
    else
        snprintf(b->name, sizeof b->name, "%s", name);
    const pw_gguf_tensor *t = pw_gguf_tensor_named(b->gguf, b->name);
    return t != NULL ? weight(b, t) : PW_NO_VALUE;
}

/* A tensor that must be there; hyperparameters are checked, so a miss is a mistake of the family. */
static int32_t need(pw_builder *b, const char *name)
{
    const int32_t found = pw_block_find(b, name);
    if (found == PW_NO_VALUE && !b->graph->failed) {
        memcpy(b->missing, b->name, sizeof b->missing);
        b->graph->failed = true;
    }
    return found;
}

static int32_t op2(pw_builder *b, pw_op op, const char *label, int64_t d, int64_t h, int32_t first,
                   int32_t second, const pw_params *params)
{
    const int32_t src[PW_MAX_SRC] = {first, second, -1, -1, -1};
    return pw_graph_op(b->graph, op, label, d, h, src, params);
}

int32_t pw_block_linear(pw_builder *b, const char *label, const char *name, int32_t x, int64_t d,
                        int64_t h)
{
    char full[64];
    const pw_params params = {0};
    snprintf(full, sizeof full, "%s.weight", name);
    const int32_t y = op2(b, PW_OP_MATMUL, label, d, h, need(b, full), x, &params);
    snprintf(full, sizeof full, "%s.bias", name);
    const int32_t bias = pw_block_find(b, full);
    return bias == PW_NO_VALUE ? y : op2(b, PW_OP_ADD, label, d, h, y, bias, &params);
}

int32_t pw_block_norm(pw_builder *b, const char *label, const char *name, int32_t x, int64_t d,
                      int64_t h)
{
    const pw_params params = {.eps = b->h->eps};
    return op2(b, PW_OP_NORM, label, d, h, need(b, name), x, &params);
}

/* Positions into queries or keys; nothing where the family has no rotary positions. */
static int32_t rotate(pw_builder *b, const char *label, int32_t x, int64_t heads)
{
    if (b->rope == PW_NO_VALUE) return x;
    const pw_params params = {.neox = b->h->rope_neox};
    return op2(b, PW_OP_ROPE, label, b->h->head_dim, heads, x, b->rope, &params);
}

/* A norm of every head, where the file has one (Qwen3). */
static int32_t head_norm(pw_builder *b, const char *label, const char *name, int32_t x,
                         int64_t heads)
{
    if (pw_block_find(b, name) == PW_NO_VALUE) return x;
    return pw_block_norm(b, label, name, x, b->h->head_dim, heads);
}

/* The rows of x whose logits are wanted. */
static int32_t gather(pw_builder *b, const char *label, int32_t x, int64_t d)
{
    const pw_params params = {0};
    return op2(b, PW_OP_EMBED, label, d, 1, x, b->rows, &params);
}

void pw_block_attention(pw_builder *b, int32_t *x, int64_t window, bool last)
{
    const pw_hparams *h = b->h;
    const int64_t d = h->head_dim, width = d * h->heads;
    const int32_t y = pw_block_norm(b, "attn_norm", "attn_norm.weight", *x, h->embedding, 1);
    int32_t q = pw_block_linear(b, "attn_q", "attn_q", y, d, h->heads);
    int32_t k = pw_block_linear(b, "attn_k", "attn_k", y, d, h->kv_heads);
    const int32_t v = pw_block_linear(b, "attn_v", "attn_v", y, d, h->kv_heads);
    q = head_norm(b, "attn_q_norm", "attn_q_norm.weight", q, h->heads);
    k = head_norm(b, "attn_k_norm", "attn_k_norm.weight", k, h->kv_heads);
    q = rotate(b, "rope_q", q, h->heads);
    k = rotate(b, "rope_k", k, h->kv_heads);

    const pw_params params = {.scale = (float)(1.0 / sqrt((double)d)),
                              .heads = h->heads,
                              .kv_heads = h->kv_heads,
                              .head_dim = d,
                              .window = window};
    const int32_t pool = pw_graph_state(b->graph);
    const int32_t store[PW_MAX_SRC] = {k, v, pool, -1, -1};
    pw_graph_op(b->graph, PW_OP_KV_STORE, "kv_store", d, h->kv_heads, store, &params);
    int32_t a = op2(b, PW_OP_ATTENTION, "attention", d, h->heads, q, pool, &params);
    if (last) {
        a = gather(b, "rows_attn", a, width);
        *x = gather(b, "rows", *x, h->embedding);
    }
    const pw_params plain = {0};
    const int32_t out = pw_block_linear(b, "attn_output", "attn_output", a, h->embedding, 1);
    *x = op2(b, PW_OP_ADD, "attn_residual", h->embedding, 1, out, *x, &plain);
}

void pw_block_mlp(pw_builder *b, int32_t *x)
{
    const pw_hparams *h = b->h;
    const pw_params plain = {0};
    const int32_t y = pw_block_norm(b, "ffn_norm", "ffn_norm.weight", *x, h->embedding, 1);
    const int32_t gate = pw_block_linear(b, "ffn_gate", "ffn_gate", y, h->ffn, 1);
    const int32_t up = pw_block_linear(b, "ffn_up", "ffn_up", y, h->ffn, 1);
    const int32_t act = op2(b, PW_OP_GLU, "ffn_glu", h->ffn, 1, gate, up, &plain);
    const int32_t down = pw_block_linear(b, "ffn_down", "ffn_down", act, h->embedding, 1);
    *x = op2(b, PW_OP_ADD, "ffn_residual", h->embedding, 1, down, *x, &plain);
}
