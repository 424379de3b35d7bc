#include "runtime/model/arch.h"

#include <string.h>

#include "pw/status.h"

/* Llama 1 to 3, Mistral, SmolLM2; Qwen2, which adds biases, and Qwen3, which adds norms of queries and
 * keys: the blocks take those where the file has them. Touvron et al. 2023; Jiang et al. 2023; Yang et
 * al. 2024, 2025. */
static void build_llama(pw_builder *b)
{
    pw_graph *g = b->graph;
    const pw_hparams *h = b->h;
    const pw_params plain = {0};
    const int32_t table = pw_block_find(b, "token_embd.weight");
    const int32_t embed[PW_MAX_SRC] = {table, b->tokens, -1, -1, -1};
    int32_t x = pw_graph_op(g, PW_OP_EMBED, "token_embd", h->embedding, 1, embed, &plain);

    for (g->layer = 0; g->layer < g->layers; g->layer++) {
        pw_block_attention(b, &x, h->window, g->layer + 1 == g->layers);
        pw_block_mlp(b, &x);
    }
    x = pw_block_norm(b, "output_norm", "output_norm.weight", x, h->embedding, 1);
    int32_t head = pw_block_find(b, "output.weight");
    if (head == PW_NO_VALUE) head = pw_block_find(b, "token_embd.weight"); /* tied */
    const int32_t logits[PW_MAX_SRC] = {head, x, -1, -1, -1};
    g->logits = pw_graph_op(g, PW_OP_MATMUL, "output", h->vocab, 1, logits, &plain);
}

static const struct {
    const char *name;
    void (*build)(pw_builder *b);
} families[] = {
    {"llama", build_llama},
    {"mistral3", build_llama},
    {"qwen2", build_llama},
    {"qwen3", build_llama},
};

pewter_status pw_arch_build(const pw_gguf *gguf, const pw_hparams *h, pw_graph *graph,
                            pewter_error *err)
{
    pw_builder b = {.graph = graph, .gguf = gguf, .h = h, .rope = PW_NO_VALUE};
    b.tokens = pw_graph_input(graph, PW_INPUT_TOKENS, 1);
    b.rows = pw_graph_input(graph, PW_INPUT_ROWS, 1);
    if (h->rope_dims > 0) b.rope = pw_graph_input(graph, PW_INPUT_ROPE, h->rope_dims);

    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (strcmp(h->architecture, families[i].name) != 0) continue;
        families[i].build(&b);
        if (b.missing[0] != 0)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: tensor '%s' is wanted, not found",
                           pw_gguf_name(gguf), b.missing);
        return pw_graph_check(graph, err);
    }
    return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s: architecture '%s' is not known",
                   pw_gguf_name(gguf), h->architecture);
}
