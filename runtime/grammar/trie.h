/* The texts of a vocabulary as a trie, so that tokens with the same beginning are looked at together. */
#ifndef PW_RUNTIME_GRAMMAR_TRIE_H
#define PW_RUNTIME_GRAMMAR_TRIE_H

#include "pw/arena.h"
#include "runtime/text/tokenizer.h"

/* Control tokens have no text: they stand in the trie by their names behind this mark, a character that is none
 * (U+10FFFF) and that no grammar takes but where calls of tools are written. */
#define PW_CONTROL_MARK "\xf4\x8f\xbf\xbf"

/* Nodes stand before those below them; the root is left out. */
typedef struct pw_trie_node {
    int32_t end;    /* the first node that is not below this one */
    int32_t token;  /* one that ends here; -1: none */
    uint16_t depth; /* from 1 */
    uint8_t byte;
} pw_trie_node;

typedef struct pw_trie {
    pw_trie_node *nodes; /* [count] */
    int32_t count;
    int32_t *same; /* [vocab]: another token with the same text; -1: none */
    int32_t *eog;  /* [n_eog]: tokens that end an answer */
    int32_t n_eog, vocab;
    int32_t longest; /* bytes */
} pw_trie;

/* Memory comes from the arena. Tokens without text and name are in no node. PEWTER_E_LIMIT for texts of more than
 * 65535 bytes. */
PW_MUST pewter_status pw_trie_init(pw_trie *trie, const pw_tokenizer *tokenizer, pw_arena *arena,
                                   pewter_error *err);

#endif
