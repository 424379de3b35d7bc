/* Hyperparameters by name, checked against each other and against the shape of every tensor. */
#ifndef PW_RUNTIME_MODEL_HPARAMS_H
#define PW_RUNTIME_MODEL_HPARAMS_H

#include "runtime/model/gguf.h"
#include "runtime/model/rope.h"

typedef struct pw_hparams {
    char architecture[32]; /* "llama", "mistral3", "qwen2", "qwen3" */
    char name[128];        /* general.name, cut; "" where the file is silent */
    int64_t vocab;         /* tokens: rows of the embedding */
    int64_t context_trained;
    int64_t embedding, layers, ffn;
    int64_t heads, kv_heads, head_dim;     /* kv_heads divides heads */
    int64_t window;                        /* keys that a query sees; 0: all before it */
    int64_t rope_dims;                     /* values of a head that turn; even, up to head_dim */
    float eps;                             /* of the norms */
    bool rope_neox;                        /* pairs (i, i + rope_dims / 2), not (2 i, 2 i + 1) */
    bool qkv_bias;                         /* queries, keys and values have biases in every layer */
    bool qk_norm;                          /* queries and keys are normed a head */
    bool tied;                             /* no output.weight: the embedding is the head */
    pw_rope_spec rope;                     /* .factors is NULL here: see pw_hparams_rope */
    bool has_rope_factors;                 /* rope_freqs.weight, as Llama 3.1 has it */
    float rope_factors[PW_ROPE_MAX_PAIRS]; /* [rope_dims / 2] */
} pw_hparams;

/* Reads and checks the hyperparameters of a file of any known architecture. E_UNSUPPORTED with the
 * name for others, and for settings that would change the result and that nothing here computes;
 * E_FORMAT where a key is missing, of another type or out of range. */
PW_MUST pewter_status pw_hparams_read(const pw_gguf *file, pw_hparams *out, pewter_error *err);

/* Every tensor that the hyperparameters ask for is there in its shape, of a type that fits its role,
 * and none besides; the small ones hold finite numbers. */
PW_MUST pewter_status pw_hparams_check(const pw_gguf *file, const pw_hparams *h, pewter_error *err);

/* A tensor that the hyperparameters ask for. */
typedef struct pw_hparams_tensor {
    char name[64];
    int64_t n[2];
    bool small; /* F32, one dimension; else a matrix of any format of weights */
} pw_hparams_tensor;

/* The i-th of the tensors that a file must have; false behind the last. */
bool pw_hparams_tensor_at(const pw_hparams *h, int64_t i, pw_hparams_tensor *out);

/* The rotary positions; points into `h`. */
pw_rope_spec pw_hparams_rope(const pw_hparams *h);

#endif
