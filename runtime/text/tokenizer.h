/* Text to tokens and back. A tokenizer is immutable once made, so that threads may share it; what a
 * call needs beside it lives in that call. */
#ifndef PW_RUNTIME_TEXT_TOKENIZER_H
#define PW_RUNTIME_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pewter.h"
#include "pw/attr.h"
#include "runtime/text/vocab.h"

typedef struct pw_tokenizer pw_tokenizer;

/* Makes a tokenizer from data that nobody has checked; `data` is not kept. PEWTER_E_FORMAT names the
 * token, merge or id that breaks a rule; PEWTER_E_UNSUPPORTED the kind of tokenizer, or the name of
 * the pre-tokenizer, that is not known. */
PW_MUST pewter_status pw_tokenizer_new(const pw_vocab_data *data, const pewter_allocator *alloc,
                                       pw_tokenizer **out, pewter_error *err);
/* NULL is allowed. */
void pw_tokenizer_free(pw_tokenizer *tokenizer);

size_t pw_tokenizer_size(const pw_tokenizer *tokenizer); /* tokens */
int32_t pw_tokenizer_bos(const pw_tokenizer *tokenizer); /* -1: none */
int32_t pw_tokenizer_eos(const pw_tokenizer *tokenizer); /* -1: none */
/* Bytes of the longest text that one token stands for. */
size_t pw_tokenizer_longest_piece(const pw_tokenizer *tokenizer);

/* The bytes that token `id` (in range) stands for, as long as the tokenizer lives. Control and
 * unknown tokens stand for nothing unless `special`. */
size_t pw_token_piece(const pw_tokenizer *tokenizer, int32_t id, bool special, const char **piece);

/* Whether a token (in range) ends an answer. */
bool pw_token_is_eog(const pw_tokenizer *tokenizer, int32_t id);

/* A stretch of a text. */
typedef struct pw_tokenizer_part {
    const char *text;
    size_t bytes;
    bool special; /* texts of control tokens in here become these tokens */
} pw_tokenizer_part;

/* The tokens of all parts as one text: pieces may span parts, a control token only parts that are
 * special. `bos`: begins with BOS where the model asks for it, unless the text itself does. Writes at
 * most `cap` ids and the number needed to *count. Bytes that are no UTF-8 are tokenised as bytes.
 * PEWTER_E_LIMIT for texts of 2 GiB and more. */
PW_MUST pewter_status pw_tokenize_parts(const pw_tokenizer *tokenizer,
                                        const pw_tokenizer_part *parts, size_t n_parts, bool bos,
                                        int32_t *ids, size_t cap, size_t *count, pewter_error *err);

/* The same for one part. */
PW_MUST pewter_status pw_tokenize(const pw_tokenizer *tokenizer, const char *text, size_t bytes,
                                  bool special, bool bos, int32_t *ids, size_t cap, size_t *count,
                                  pewter_error *err);

#endif
