/* The architectures known, as graphs. A family is one function of some hundred lines at most, made of
 * the blocks below. */
#ifndef PW_RUNTIME_MODEL_ARCH_H
#define PW_RUNTIME_MODEL_ARCH_H

#include "runtime/model/gguf.h"
#include "runtime/model/hparams.h"
#include "scheduler/graph.h"

/* A graph while it is built. Blocks take and give values of the graph; once `graph->failed` is set
 * they do nothing. */
typedef struct pw_builder {
    pw_graph *graph;
    const pw_gguf *gguf;
    const pw_hparams *h;
    int32_t tokens, rope, rows; /* inputs; rope: PW_NO_VALUE where the family has none */
    char name[96];              /* of a tensor, while it is looked for */
    char missing[96];           /* the first that was wanted and not found; "" for none */
} pw_builder;

/* Builds the graph of a file whose hyperparameters were checked against its tensors. */
PW_MUST pewter_status pw_arch_build(const pw_gguf *gguf, const pw_hparams *h, pw_graph *graph,
                                    pewter_error *err);

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* "blk.<layer>.<name>" of the layer being built, or `name` itself outside of layers; PW_NO_VALUE
 * where the file has no such tensor. */
int32_t pw_block_find(pw_builder *b, const char *name);

/* dst = w x, with "<name>.bias" added where the file has it. Result [d, h, n]. */
int32_t pw_block_linear(pw_builder *b, const char *label, const char *name, int32_t x, int64_t d,
                        int64_t h);

/* RMS norm with the weight of that name, over the fastest dimension of a value [d, h, n]. */
int32_t pw_block_norm(pw_builder *b, const char *label, const char *name, int32_t x, int64_t d,
                      int64_t h);

/* Norm, query, key, value, their norms where the file has them, positions, attention, output and
 * residual. In the last layer only the rows whose logits are wanted go on: *x, [embedding, 1, n] or
 * [embedding, 1, outputs]. */
void pw_block_attention(pw_builder *b, int32_t *x, int64_t window, bool last);

/* Norm, gate and up, activation, down, residual. */
void pw_block_mlp(pw_builder *b, int32_t *x);

#endif
