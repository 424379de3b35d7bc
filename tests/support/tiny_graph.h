/* Graphs for tests of the scheduler: a small transformer with seeded weights in memory, and what
 * every graph gives when each op is computed alone by its reference row. */
#ifndef PW_TESTS_SUPPORT_TINY_GRAPH_H
#define PW_TESTS_SUPPORT_TINY_GRAPH_H

#include "pw/rng.h"
#include "scheduler/graph.h"
#include "scheduler/run.h"

typedef struct tiny_shape {
    int32_t layers;
    int64_t embedding, heads, kv_heads, head_dim, ffn, vocab;
    int64_t width, outputs, pages;
    pw_dtype weight; /* of matrices */
    bool bias;       /* of query, key, value */
    bool head_norms; /* of queries and keys */
    uint64_t seed;
} tiny_shape;

/* Two layers of 64 values, 4 heads and 2 for keys, 16 tokens a step, Q8_0. */
tiny_shape tiny_defaults(void);

typedef struct tiny_graph {
    pw_graph graph;
    pw_arena data; /* of the weights */
    pw_rng rng;
    tiny_shape shape;
} tiny_graph;

/* An empty graph with an arena for weights. Freed by tiny_free. */
void tiny_begin(tiny_graph *tiny, const tiny_shape *shape, const pewter_allocator *alloc);

/* A weight [n0, n1] of random values, as if mapped. */
int32_t tiny_weight(tiny_graph *tiny, pw_dtype dtype, int64_t n0, int64_t n1);

/* The whole model: embedding, layers, head. The graph is sound unless the allocator refused. */
void tiny_make(tiny_graph *tiny, const tiny_shape *shape, const pewter_allocator *alloc);

void tiny_free(tiny_graph *tiny);

/* A step of `tokens` tokens and as many rows as the shape has outputs, the last ones. */
typedef struct tiny_step {
    pw_step_input input;
    int32_t tokens[64], rows[64], pages[64];
    float rope[64 * 256];
    pw_sequence sequence;
    pw_batch batch;
} tiny_step;
void tiny_fill(tiny_step *step, const tiny_shape *shape, int64_t tokens, int64_t pos,
               uint64_t seed);

/* What the graph gives for the first step of a sequence: every value in memory of its own, every op
 * by its reference row, keys and values in f32. Logits f32 [outputs][vocab], freed by the caller. */
float *tiny_truth(const pw_graph *graph, const tiny_step *step);

#endif
