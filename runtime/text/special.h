/* Tokens that are found in the text by their own text: control and user-defined ones. */
#ifndef PW_RUNTIME_TEXT_SPECIAL_H
#define PW_RUNTIME_TEXT_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pewter.h"
#include "runtime/text/vocab.h"

typedef struct pw_special {
    pw_text *texts; /* [n] sorted by bytes, no two equal */
    int32_t *ids;   /* [n] */
    size_t n;
    bool first[256]; /* whether a text begins with this byte */
    uint8_t *ends;   /* [tokens] whether a token ends an answer */
} pw_special;

/* Collects the tokens. A token that is spelt or used as a control token (a known end of turn; a
 * user-defined "<|...|>"; an id of `data` that is user-defined, or normal and "<...>" or "[...]")
 * is made one in `vocab`, so that ordinary text cannot become it. */
PW_MUST pewter_status pw_special_init(pw_special *special, const pw_vocab_data *data,
                                      pw_vocab *vocab, pw_arena *arena, pewter_error *err);

/* The longest special token at the head of text [bytes], or -1; its bytes go to *size. A control or
 * unknown token is taken only where it ends within the first `open` bytes. */
int32_t pw_special_match(const pw_special *special, const pw_vocab *vocab, const char *text,
                         size_t bytes, size_t open, size_t *size);

#endif
