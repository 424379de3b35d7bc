/* Models of random weights, for benches and tests: the shape of a real one, sane logits, a vocabulary
 * that tokenises any text, and the same bytes for the same options. */
#ifndef PW_RUNTIME_MODEL_SYNTH_H
#define PW_RUNTIME_MODEL_SYNTH_H

#include "runtime/model/gguf_write.h"
#include "runtime/model/hparams.h"

/* Writes the file whole or not at all. Shapes: see pw_synth_shape. Matrices are of options->type
 * where a row is a multiple of its block, else Q8_0 or F16; norms and biases F32. E_ARG for shapes
 * and types not known, E_IO where the disk refuses, E_CANCELLED where the progress callback does. */
PW_MUST pewter_status pw_synth_write(const pewter_synth_options *options, const char *path,
                                     pewter_error *err);

/* synth_shape.c: a shape in words: a name, or "key=value,..." with an optional name in front, over
 * "tiny" where there is none. Names: tiny, llama-1b-32k, llama-3.2-1b, llama-8b, smollm2-135m. Keys:
 * arch, layers, embedding, heads, kv_heads, head_dim, ffn, vocab, context, window, tied, rope_base. */
PW_MUST pewter_status pw_synth_shape(const char *words, pw_hparams *out, pewter_error *err);

/* synth_vocab.c: the SentencePiece vocabulary of h->vocab tokens, as PW_SYNTH_VOCAB_KEYS entries of
 * the metadata: three markers, 256 bytes, then characters and made-up words of letters, each of two
 * shorter ones. */
enum {
    PW_SYNTH_VOCAB_KEYS = 11,
    PW_SYNTH_VOCAB_LEAST = 3 + 256 + 1,
    PW_SYNTH_VOCAB_MOST = 1 << 19
};
void pw_synth_vocab(pw_writer *writer, int64_t vocab);

#endif
