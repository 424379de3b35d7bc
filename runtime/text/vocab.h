/* The token table: texts, types, scores; text to id by one hash table. Immutable once made. */
#ifndef PW_RUNTIME_TEXT_VOCAB_H
#define PW_RUNTIME_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pewter.h"
#include "pw/arena.h"
#include "pw/attr.h"

typedef struct pw_text {
    const char *data;
    size_t bytes;
} pw_text;

/* Types of tokens, numbered as in `tokenizer.ggml.token_type`. */
typedef enum pw_token_type {
    PW_TOKEN_UNDEFINED, /* taken as NORMAL */
    PW_TOKEN_NORMAL,
    PW_TOKEN_UNKNOWN,
    PW_TOKEN_CONTROL,
    PW_TOKEN_USER_DEFINED,
    PW_TOKEN_UNUSED,
    PW_TOKEN_BYTE,
    PW_TOKEN_TYPES
} pw_token_type;

typedef enum pw_choice { PW_UNSET, PW_NO, PW_YES } pw_choice;

enum {
    PW_TOKEN_BYTES_MAX = 65535, /* longest text of a token */
    PW_SPECIAL_BYTES_MAX = 1024 /* longest text of a control, user-defined or unknown token */
};

/* A tokenizer as a model file holds it. Everything is borrowed and read only while the tokenizer is
 * made; nothing is trusted. Start from pw_vocab_data_defaults(). */
typedef struct pw_vocab_data {
    const char *model;     /* "llama" (SentencePiece), "gpt2" (byte-level BPE), ... */
    const char *pre;       /* name of the pre-tokenizer; NULL: none given */
    size_t n;              /* tokens */
    const pw_text *tokens; /* [n] */
    const float *scores;   /* [n] or NULL */
    const int32_t *types;  /* [n] or NULL: all NORMAL */
    const pw_text *merges; /* [n_merges], "left right", best first */
    size_t n_merges;
    int32_t bos, eos, eot, eom, unk, pad; /* -1: none */
    pw_choice add_bos, add_space_prefix;
    bool remove_extra_whitespaces; /* SentencePiece: runs of spaces become one, ends are trimmed */
    bool lowercase;                /* pre-tokenizer "whitespace" only */
} pw_vocab_data;

static inline pw_vocab_data pw_vocab_data_defaults(void)
{
    return (pw_vocab_data){.bos = -1, .eos = -1, .eot = -1, .eom = -1, .unk = -1, .pad = -1};
}

/* Open addressing, text to id. Entries sit within `reach` slots of their home, so that a look-up
 * ends soon whatever the keys; a set of keys that would need more is refused. */
typedef struct pw_table {
    struct pw_table_slot *slots; /* [mask + 1] */
    size_t mask;
    size_t reach;
    const pw_text *texts; /* [n], borrowed */
} pw_table;

/* An empty table with room for `n` of `texts`. Memory comes from `arena`. */
PW_MUST bool pw_table_init(pw_table *table, pw_arena *arena, const pw_text *texts, size_t n);

/* Adds texts[id] unless an equal text is there. False: too many keys share their place. */
PW_MUST bool pw_table_add(pw_table *table, int32_t id);

/* The id of a text, or -1. */
int32_t pw_table_find(const pw_table *table, const char *text, size_t bytes);

/* How the texts of a vocabulary stand for bytes. */
typedef enum pw_spelling {
    PW_SPELL_BYTES,  /* one character a byte, GPT-2's table */
    PW_SPELL_SPACES, /* UTF-8 with U+2581 for the space, bytes as <0xNN> */
    PW_SPELL_PLAIN   /* UTF-8, bytes as <0xNN> */
} pw_spelling;

typedef struct pw_vocab {
    size_t n;
    pw_text *pieces; /* [n] the bytes that a token stands for */
    uint8_t *types;  /* [n] pw_token_type, never UNDEFINED */
    uint32_t *ranks; /* [n] order of scores: higher score, lower rank; NULL: no scores */
    pw_table table;  /* pieces that were plain when made, the first of equal ones: pw_vocab_find */
    size_t longest;  /* bytes of the longest of these */
    int32_t byte[256]; /* token of a byte; -1: none */
} pw_vocab;

/* Makes the table from data that nobody has checked. PEWTER_E_FORMAT names the token and the
 * rule that it breaks. Memory comes from `arena`; `data` is not kept. */
PW_MUST pewter_status pw_vocab_init(pw_vocab *vocab, const pw_vocab_data *data,
                                    pw_spelling spelling, pw_arena *arena, pewter_error *err);

/* The byte that character `code` stands for in GPT-2's table; -1: none. */
int pw_vocab_byte_of(uint32_t code);

/* Whether text can become this token by merging: normal, user-defined and unused tokens can;
 * control, unknown and byte tokens never, so that no document can spell them. */
static inline bool pw_vocab_plain(const pw_vocab *vocab, int32_t id)
{
    const uint8_t type = vocab->types[id];
    return type == PW_TOKEN_NORMAL || type == PW_TOKEN_USER_DEFINED || type == PW_TOKEN_UNUSED;
}

/* The token that ordinary text of this spelling becomes, or -1. */
static inline int32_t pw_vocab_find(const pw_vocab *vocab, const char *text, size_t bytes)
{
    const int32_t id = pw_table_find(&vocab->table, text, bytes);
    return id >= 0 && pw_vocab_plain(vocab, id) ? id : -1;
}

#endif
