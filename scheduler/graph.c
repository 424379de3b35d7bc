#include "scheduler/graph.h"

#include <assert.h>
#include <string.h>

#include "pw/num.h"
#include "pw/status.h"

void pw_graph_init(pw_graph *graph, const pewter_allocator *alloc, int32_t layers, int64_t width,
                   int64_t outputs, int64_t pages)
{
    *graph = (pw_graph){.arena.alloc = alloc,
                        .layers = layers,
                        .width = width,
                        .outputs = outputs,
                        .pages = pages,
                        .layer = -1,
                        .logits = PW_NO_VALUE};
}

void pw_graph_free(pw_graph *graph)
{
    pw_arena_free(&graph->arena);
}

/* Room for one more element; the old array stays in the arena. */
static void *grow(pw_graph *graph, void *array, int32_t count, int32_t *cap, size_t size)
{
    if (count < *cap) return array;
    const int32_t wanted = *cap == 0 ? 256 : *cap * 2;
    void *bigger = pw_arena_array(&graph->arena, (size_t)wanted, size);
    if (bigger == NULL) {
        graph->failed = true;
        return NULL;
    }
    if (count > 0) memcpy(bigger, array, (size_t)count * size);
    *cap = wanted;
    return bigger;
}

static int32_t add_value(pw_graph *graph, const pw_value *value)
{
    if (graph->failed) return PW_NO_VALUE;
    pw_value *values =
        grow(graph, graph->values, graph->n_values, &graph->cap_values, sizeof *values);
    if (values == NULL) return PW_NO_VALUE;
    graph->values = values;
    values[graph->n_values] = *value;
    return graph->n_values++;
}

int32_t pw_graph_weight(pw_graph *graph, pw_dtype dtype, int64_t n0, int64_t n1,
                        const pw_source *source)
{
    return add_value(
        graph,
        &(pw_value){.role = PW_ROLE_WEIGHT, .dtype = dtype, .n = {n0, n1, 1}, .source = *source});
}

int32_t pw_graph_input(pw_graph *graph, pw_input input, int64_t n0)
{
    pw_value value = {.role = PW_ROLE_INPUT, .dtype = PW_I32, .n = {1, 1, 1}, .input = input};
    switch (input) {
    case PW_INPUT_TOKENS:
        value.n[0] = graph->width;
        value.rows = PW_ROWS_TOKENS;
        break;
    case PW_INPUT_ROWS:
        value.n[0] = graph->outputs;
        value.rows = PW_ROWS_OUTPUTS;
        break;
    case PW_INPUT_ROPE:
        value.dtype = PW_F32;
        value.n[0] = n0;
        value.n[2] = graph->width;
        value.rows = PW_ROWS_TOKENS;
        value.dim = 2;
        break;
    case PW_INPUT_COUNT: break;
    }
    return add_value(graph, &value);
}

int32_t pw_graph_state(pw_graph *graph)
{
    return add_value(
        graph, &(pw_value){.role = PW_ROLE_STATE, .dtype = PW_KV_POOL, .n = {1, graph->pages, 1}});
}

/* The operand whose open rows the result has. */
static int32_t row_giver(pw_op op)
{
    return op == PW_OP_EMBED || op == PW_OP_NORM || op == PW_OP_MATMUL ? 1 : 0;
}

int32_t pw_graph_op(pw_graph *graph, pw_op op, const char *name, int64_t d, int64_t h,
                    const int32_t src[PW_MAX_SRC], const pw_params *params)
{
    const int32_t giver = src[row_giver(op)];
    if (graph->failed || giver == PW_NO_VALUE) {
        graph->failed = true;
        return PW_NO_VALUE;
    }
    const pw_value *from = &graph->values[giver];
    int32_t dst = PW_NO_VALUE;
    if (op != PW_OP_KV_STORE)
        dst = add_value(graph, &(pw_value){.role = PW_ROLE_ACTIVATION,
                                           .dtype = PW_F32,
                                           .n = {d, h, from->n[from->dim]},
                                           .rows = from->rows,
                                           .dim = 2});
    pw_node *nodes = grow(graph, graph->nodes, graph->n_nodes, &graph->cap_nodes, sizeof *nodes);
    if (nodes == NULL) return PW_NO_VALUE;
    graph->nodes = nodes;
    pw_node *node = &nodes[graph->n_nodes++];
    *node = (pw_node){.op = op, .layer = graph->layer, .dst = dst, .params = *params, .name = name};
    memcpy(node->src, src, sizeof node->src);
    return dst;
}

pw_tensor pw_graph_view(const pw_graph *graph, pw_op op, int32_t value, int32_t *dim)
{
    const pw_value *v = &graph->values[value];
    *dim = v->dim;
    const bool heads = op == PW_OP_ROPE || op == PW_OP_KV_STORE || op == PW_OP_ATTENTION ||
                       (op == PW_OP_NORM && v->n[1] != 1);
    const bool table = v->role == PW_ROLE_INPUT && v->input == PW_INPUT_ROPE;
    if (v->dim == 2 && (!heads || table)) {
        *dim = 1;
        return pw_tensor_of(v->dtype, v->n[0] * v->n[1], v->n[2], 1, NULL);
    }
    return pw_tensor_of(v->dtype, v->n[0], v->n[1], v->n[2], NULL);
}

/* ---- Checking -------------------------------------------------------------------------------- */

typedef enum kind { NONE, REAL, MATRIX, IDS, POOL } kind;

static const kind kinds[PW_OP_COUNT][PW_MAX_SRC] = {
    [PW_OP_EMBED] = {MATRIX, IDS},
    [PW_OP_NORM] = {REAL, REAL},
    [PW_OP_MATMUL] = {MATRIX, REAL},
    [PW_OP_ROPE] = {REAL, REAL},
    [PW_OP_KV_STORE] = {REAL, REAL, POOL},
    [PW_OP_ATTENTION] = {REAL, POOL},
    [PW_OP_GLU] = {REAL, REAL},
    [PW_OP_ADD] = {REAL, REAL},
};

static kind kind_of(const pw_graph *graph, int32_t value)
{
    if (value == PW_NO_VALUE) return NONE;
    const pw_dtype dtype = graph->values[value].dtype;
    return dtype == PW_F32 ? REAL : dtype == PW_I32 ? IDS : dtype == PW_KV_POOL ? POOL : MATRIX;
}

/* Whether operand `s` is of the kind that the op reads, and its open rows are those of the result. */
static bool operand_fits(const pw_graph *graph, const pw_node *node, int s)
{
    const int32_t value = node->src[s];
    if (value < PW_NO_VALUE || value >= graph->n_values) return false;
    const kind has = kind_of(graph, value), wants = kinds[node->op][s];
    if (has != wants && !(has == REAL && wants == MATRIX)) return false;
    if (has == NONE || has == POOL || (node->op == PW_OP_EMBED && s == 0)) return true;
    if (wants == MATRIX) return graph->values[value].role == PW_ROLE_WEIGHT;

    const pw_open_rows rows = graph->values[value].rows;
    const bool batch = node->op == PW_OP_KV_STORE || node->op == PW_OP_ATTENTION;
    if (batch) return rows == PW_ROWS_TOKENS;
    const int giver = row_giver(node->op);
    if (s == giver) return rows != PW_ROWS_FIXED;
    return rows == PW_ROWS_FIXED || rows == graph->values[node->src[giver]].rows;
}

static bool same_shape(const pw_tensor *a, const pw_tensor *b)
{
    return a->n[0] == b->n[0] && a->n[1] == b->n[1] && a->n[2] == b->n[2];
}

static bool shapes_fit(const pw_node *node, const pw_tensor *dst, const pw_tensor src[PW_MAX_SRC])
{
    const pw_params *p = &node->params;
    switch (node->op) {
    case PW_OP_EMBED: return dst->n[0] == src[0].n[0] && dst->n[1] == src[1].n[0];
    case PW_OP_NORM: return src[0].n[0] == src[1].n[0] && same_shape(dst, &src[1]);
    case PW_OP_MATMUL:
        return src[0].n[0] == src[1].n[0] && src[0].n[1] == dst->n[0] && src[1].n[1] == dst->n[1];
    case PW_OP_ROPE:
        return same_shape(dst, &src[0]) && src[1].n[0] <= src[0].n[0] && src[1].n[0] % 2 == 0 &&
               src[1].n[1] == src[0].n[2];
    case PW_OP_KV_STORE:
        return same_shape(&src[0], &src[1]) && src[0].n[0] == p->head_dim &&
               src[0].n[1] == p->kv_heads;
    case PW_OP_ATTENTION:
        return same_shape(dst, &src[0]) && src[0].n[0] == p->head_dim && src[0].n[1] == p->heads &&
               p->kv_heads > 0 && p->heads % p->kv_heads == 0;
    case PW_OP_GLU: return same_shape(dst, &src[0]) && same_shape(dst, &src[1]);
    case PW_OP_ADD:
        return same_shape(dst, &src[0]) && src[1].n[0] == dst->n[0] &&
               (src[1].n[1] == dst->n[1] || src[1].n[1] == 1);
    case PW_OP_CAST:
    case PW_OP_COUNT: break;
    }
    return false;
}

pewter_status pw_graph_check(const pw_graph *graph, pewter_error *err)
{
    if (graph->failed) return pw_fail(err, PEWTER_E_MEMORY, "no memory for the model's graph");
    if (graph->logits == PW_NO_VALUE)
        return pw_fail(err, PEWTER_E_FORMAT, "the model's graph has no output");

    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const pw_node *node = &graph->nodes[i];
        pw_tensor src[PW_MAX_SRC] = {{0}}, dst = {0};
        int32_t dim;
        for (int s = 0; s < PW_MAX_SRC; s++)
            if (!operand_fits(graph, node, s))
                return pw_fail(err, PEWTER_E_FORMAT,
                               "layer %d, %s: operand %d is not what %s reads", node->layer,
                               node->name, s, pw_op_name(node->op));
        for (int s = 0; s < PW_MAX_SRC; s++)
            if (node->src[s] != PW_NO_VALUE)
                src[s] = pw_graph_view(graph, node->op, node->src[s], &dim);
        if (node->dst != PW_NO_VALUE) dst = pw_graph_view(graph, node->op, node->dst, &dim);
        if (!shapes_fit(node, &dst, src))
            return pw_fail(err, PEWTER_E_FORMAT,
                           "layer %d, %s: operands [%lld, %lld, %lld] and [%lld, %lld, %lld] do "
                           "not fit a result [%lld, %lld, %lld]",
                           node->layer, node->name, (long long)src[0].n[0], (long long)src[0].n[1],
                           (long long)src[0].n[2], (long long)src[1].n[0], (long long)src[1].n[1],
                           (long long)src[1].n[2], (long long)dst.n[0], (long long)dst.n[1],
                           (long long)dst.n[2]);
    }
    return PEWTER_OK;
}
