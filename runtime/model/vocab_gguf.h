/* The tokenizer that a model file holds. */
#ifndef PW_RUNTIME_MODEL_VOCAB_GGUF_H
#define PW_RUNTIME_MODEL_VOCAB_GGUF_H

#include "runtime/model/gguf.h"
#include "runtime/text/tokenizer.h"

/* Reads the entries "tokenizer.ggml." of a file and makes the tokenizer, which does not need the file
 * afterwards. PEWTER_E_FORMAT and _UNSUPPORTED name the file and the key, token, merge or id. */
PW_MUST pewter_status pw_tokenizer_from_gguf(const pw_gguf *file, const pewter_allocator *alloc,
                                             pw_tokenizer **out, pewter_error *err);

#endif
