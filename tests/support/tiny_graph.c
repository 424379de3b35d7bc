#include "tests/support/tiny_graph.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/quant.h"
#include "kernels/ref/rows.h"
#include "pw/num.h"

tiny_shape tiny_defaults(void)
{
    return (tiny_shape){.layers = 2,
                        .embedding = 64,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_dim = 16,
                        .ffn = 96,
                        .vocab = 80,
                        .width = 16,
                        .outputs = 4,
                        .pages = 2,
                        .weight = PW_Q8_0,
                        .seed = 1};
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

void tiny_begin(tiny_graph *tiny, const tiny_shape *shape, const pewter_allocator *alloc)
{
    *tiny = (tiny_graph){.data.alloc = alloc, .rng = {shape->seed}, .shape = *shape};
    pw_graph_init(&tiny->graph, alloc, shape->layers, shape->width, shape->outputs, shape->pages);
}

void tiny_free(tiny_graph *tiny)
{
    pw_graph_free(&tiny->graph);
    pw_arena_free(&tiny->data);
}

int32_t tiny_weight(tiny_graph *tiny, pw_dtype dtype, int64_t n0, int64_t n1)
{
    size_t row, bytes;
    float *values = NULL;
    char *data = NULL;
    if (pw_dtype_row_bytes(dtype, n0, &row) && pw_mul(row, (size_t)n1, &bytes)) {
        values = pw_arena_array(&tiny->data, (size_t)n0, sizeof *values);
        data = pw_arena_take(&tiny->data, bytes);
    }
    if (values == NULL || data == NULL) {
        tiny->graph.failed = true;
        return PW_NO_VALUE;
    }
    const float scale = n1 > 1 ? 1.0f / sqrtf((float)n0) : 1.0f;
    for (int64_t i = 0; i < n1; i++) {
        for (int64_t k = 0; k < n0; k++) values[k] = scale * pw_rng_normal(&tiny->rng);
        pw_quantize(dtype, values, data + (size_t)i * row, n0);
    }
    const pw_source source = {
        .name = "weight", .fd = -1, .bytes = bytes, .row_bytes = row, .mapped = data};
    return pw_graph_weight(&tiny->graph, dtype, n0, n1, &source);
}

static int32_t op2(tiny_graph *t, pw_op op, const char *name, int64_t d, int64_t h, int32_t first,
                   int32_t second, const pw_params *params)
{
    const int32_t src[PW_MAX_SRC] = {first, second, -1, -1, -1};
    return pw_graph_op(&t->graph, op, name, d, h, src, params);
}

static int32_t linear(tiny_graph *t, const char *name, int32_t x, int64_t k, int64_t d, int64_t h,
                      bool bias)
{
    const pw_params plain = {0};
    const int32_t w = tiny_weight(t, t->shape.weight, k, d * h);
    const int32_t y = op2(t, PW_OP_MATMUL, name, d, h, w, x, &plain);
    if (!bias) return y;
    return op2(t, PW_OP_ADD, name, d, h, y, tiny_weight(t, PW_F32, d * h, 1), &plain);
}

static int32_t norm(tiny_graph *t, const char *name, int32_t x, int64_t d, int64_t h)
{
    const pw_params params = {.eps = 1e-5f};
    return op2(t, PW_OP_NORM, name, d, h, tiny_weight(t, PW_F32, d, 1), x, &params);
}

static int32_t turned(tiny_graph *t, const char *name, int32_t x, int64_t h, int32_t rope)
{
    const pw_params params = {0};
    if (t->shape.head_norms) x = norm(t, "head_norm", x, t->shape.head_dim, h);
    return op2(t, PW_OP_ROPE, name, t->shape.head_dim, h, x, rope, &params);
}

static int32_t attention(tiny_graph *t, int32_t x, int32_t rope)
{
    const tiny_shape *s = &t->shape;
    const int64_t d = s->head_dim;
    const int32_t y = norm(t, "attn_norm", x, s->embedding, 1);
    int32_t q = linear(t, "attn_q", y, s->embedding, d, s->heads, s->bias);
    int32_t k = linear(t, "attn_k", y, s->embedding, d, s->kv_heads, s->bias);
    const int32_t v = linear(t, "attn_v", y, s->embedding, d, s->kv_heads, s->bias);
    q = turned(t, "rope_q", q, s->heads, rope);
    k = turned(t, "rope_k", k, s->kv_heads, rope);
    const pw_params params = {.scale = (float)(1.0 / sqrt((double)d)),
                              .heads = s->heads,
                              .kv_heads = s->kv_heads,
                              .head_dim = d};
    const int32_t pool = pw_graph_state(&t->graph);
    const int32_t store[PW_MAX_SRC] = {k, v, pool, -1, -1};
    pw_graph_op(&t->graph, PW_OP_KV_STORE, "kv_store", d, s->kv_heads, store, &params);
    return op2(t, PW_OP_ATTENTION, "attention", d, s->heads, q, pool, &params);
}

static int32_t layer(tiny_graph *t, int32_t x, int32_t rope, int32_t rows)
{
    const tiny_shape *s = &t->shape;
    const pw_params plain = {0};
    const int64_t wide = s->heads * s->head_dim;
    int32_t a = attention(t, x, rope);
    if (t->graph.layer + 1 == s->layers) {
        a = op2(t, PW_OP_EMBED, "rows_attn", wide, 1, a, rows, &plain);
        x = op2(t, PW_OP_EMBED, "rows", s->embedding, 1, x, rows, &plain);
    }
    a = linear(t, "attn_output", a, wide, s->embedding, 1, false);
    x = op2(t, PW_OP_ADD, "attn_residual", s->embedding, 1, a, x, &plain);
    const int32_t y = norm(t, "ffn_norm", x, s->embedding, 1);
    const int32_t gate = linear(t, "ffn_gate", y, s->embedding, s->ffn, 1, false);
    const int32_t up = linear(t, "ffn_up", y, s->embedding, s->ffn, 1, false);
    const int32_t glu = op2(t, PW_OP_GLU, "ffn_glu", s->ffn, 1, gate, up, &plain);
    const int32_t down = linear(t, "ffn_down", glu, s->ffn, s->embedding, 1, false);
    return op2(t, PW_OP_ADD, "ffn_residual", s->embedding, 1, down, x, &plain);
}

void tiny_make(tiny_graph *tiny, const tiny_shape *shape, const pewter_allocator *alloc)
{
    tiny_begin(tiny, shape, alloc);
    pw_graph *g = &tiny->graph;
    const pw_params plain = {0};
    const int32_t tokens = pw_graph_input(g, PW_INPUT_TOKENS, 1);
    const int32_t rows = pw_graph_input(g, PW_INPUT_ROWS, 1);
    const int32_t rope = pw_graph_input(g, PW_INPUT_ROPE, shape->head_dim);
    const int32_t table = tiny_weight(tiny, shape->weight, shape->embedding, shape->vocab);
    int32_t x = op2(tiny, PW_OP_EMBED, "token_embd", shape->embedding, 1, table, tokens, &plain);
    for (g->layer = 0; g->layer < g->layers; g->layer++) x = layer(tiny, x, rope, rows);
    x = norm(tiny, "output_norm", x, shape->embedding, 1);
    g->logits = linear(tiny, "output", x, shape->embedding, shape->vocab, 1, false);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

void tiny_fill(tiny_step *step, const tiny_shape *shape, int64_t tokens, int64_t pos, uint64_t seed)
{
    const int64_t rows = pw_min(tokens, shape->outputs), turned = shape->head_dim;
    assert(tokens <= 64 && rows <= 64 && turned <= 256 && shape->pages <= 64);
    pw_rng rng = {seed};
    for (int64_t i = 0; i < tokens; i++) {
        step->tokens[i] = (int32_t)pw_rng_range(&rng, 0, shape->vocab - 1);
        for (int64_t r = 0; r < turned; r += 2) {
            const double angle = (double)(pos + i) * pow(10000.0, -(double)r / (double)turned);
            step->rope[i * turned + r] = (float)cos(angle);
            step->rope[i * turned + r + 1] = (float)sin(angle);
        }
    }
    for (int64_t i = 0; i < rows; i++) step->rows[i] = (int32_t)(tokens - rows + i);
    for (int32_t i = 0; i < shape->pages; i++) step->pages[i] = (int32_t)shape->pages - 1 - i;
    step->sequence = (pw_sequence){.count = tokens, .pos = pos, .pages = step->pages};
    step->batch = (pw_batch){&step->sequence, 1};
    step->input = (pw_step_input){.tokens = step->tokens,
                                  .rope = step->rope,
                                  .rows = step->rows,
                                  .n_tokens = tokens,
                                  .n_rows = rows,
                                  .batch = &step->batch};
}

/* ---- Truth ----------------------------------------------------------------------------------- */

static void *need(size_t bytes)
{
    void *data = aligned_alloc(64, pw_align_up(bytes == 0 ? 1 : bytes, 64));
    if (data == NULL) abort();
    return memset(data, 0, pw_align_up(bytes == 0 ? 1 : bytes, 64));
}

/* The memory of a value, filled where it is a weight or an input. */
static void *value_data(const pw_graph *g, int32_t value, const tiny_step *step, size_t page)
{
    const pw_value *v = &g->values[value];
    size_t bytes = page * (size_t)g->pages;
    if (v->role == PW_ROLE_WEIGHT)
        bytes = v->source.bytes;
    else if (v->role != PW_ROLE_STATE &&
             !pw_tensor_bytes(v->dtype, v->n[0], v->n[1], v->n[2], &bytes))
        abort();
    char *data = need(bytes);
    if (v->role == PW_ROLE_WEIGHT) memcpy(data, v->source.mapped, bytes);
    if (v->role != PW_ROLE_INPUT) return data;
    const pw_step_input *in = &step->input;
    switch (v->input) {
    case PW_INPUT_TOKENS: memcpy(data, in->tokens, (size_t)in->n_tokens * 4); break;
    case PW_INPUT_ROWS: memcpy(data, in->rows, (size_t)in->n_rows * 4); break;
    case PW_INPUT_ROPE: memcpy(data, in->rope, (size_t)(v->n[0] * in->n_tokens) * 4); break;
    case PW_INPUT_COUNT: break;
    }
    return data;
}

/* A value as the op reads it, at the step's own number of rows. */
static pw_tensor value_view(const pw_graph *g, pw_op op, int32_t value, const pw_step_input *in,
                            void *data)
{
    const pw_value *v = &g->values[value];
    int32_t dim;
    pw_tensor t = pw_graph_view(g, op, value, &dim);
    if (v->rows != PW_ROWS_FIXED) t.n[dim] = v->rows == PW_ROWS_TOKENS ? in->n_tokens : in->n_rows;
    t.data = data;
    return t;
}

static void run_node(const pw_graph *g, const pw_node *node, const tiny_step *step, void **data,
                     size_t page)
{
    pw_call call = {.op = node->op, .params = node->params, .batch = &step->batch};
    for (int s = 0; s < PW_MAX_SRC; s++)
        if (node->src[s] >= 0)
            call.src[s] = value_view(g, node->op, node->src[s], &step->input, data[node->src[s]]);
    if (node->dst >= 0)
        call.dst = value_view(g, node->op, node->dst, &step->input, data[node->dst]);
    const pw_tensor pool = {
        .dtype = PW_KV_POOL, .n = {(int64_t)page, g->pages, 1}, .stride = {1, (int64_t)page, 0}};
    call.params.kv = &pw_kv_plain_f32;
    if (node->op == PW_OP_KV_STORE) {
        call.dst = pool;
        call.dst.data = data[node->src[2]];
        call.src[2] = (pw_tensor){0};
    }
    if (node->op == PW_OP_ATTENTION) {
        call.src[1] = pool;
        call.src[1].data = data[node->src[1]];
    }
    const pw_catalogue all = pw_ref_catalogue();
    const pw_pick_rules rules = {.kv = &pw_kv_plain_f32, .kv_dtype = PW_F32};
    const pw_kernel *row = pw_pick(&all, &call, &rules);
    assert(row != NULL);
    const size_t scratch_bytes = row->scratch != NULL ? row->scratch(&call) : 0;
    void *scratch = need(scratch_bytes);
    row->cpu.run(&call, 0, row->extent != NULL ? row->extent(&call) : pw_op_extent(&call), scratch);
    free(scratch);
}

float *tiny_truth(const pw_graph *graph, const tiny_step *step)
{
    size_t page = 0;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const pw_params *p = &graph->nodes[i].params;
        if (graph->nodes[i].op == PW_OP_ATTENTION)
            page = pw_kv_plain_f32.page_bytes(p->head_dim, p->kv_heads);
    }
    void **data = need((size_t)graph->n_values * sizeof *data);
    for (int32_t v = 0; v < graph->n_values; v++) data[v] = value_data(graph, v, step, page);
    for (int32_t i = 0; i < graph->n_nodes; i++)
        run_node(graph, &graph->nodes[i], step, data, page);

    float *logits = data[graph->logits];
    for (int32_t v = 0; v < graph->n_values; v++)
        if (v != graph->logits) free(data[v]);
    free(data);
    return logits;
}
