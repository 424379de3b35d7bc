/* The pre-tokenizer: cuts text into the pieces that byte-pair encoding stays within. */
#ifndef PW_RUNTIME_TEXT_SPLIT_H
#define PW_RUNTIME_TEXT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "pewter.h"
#include "pw/attr.h"

/* What one stage does to each piece of the stage before. */
typedef enum pw_stage_kind {
    PW_STAGE_END,
    PW_STAGE_MATCH,        /* cuts out each match; what lies between is a piece too */
    PW_STAGE_KEEP,         /* keeps the matches and drops what lies between */
    PW_STAGE_THREES,       /* cuts out runs of numerals, in threes counted from their end */
    PW_STAGE_THREES_WORDS, /* the same of decimal digits, where a run ends at the end of a word */
    PW_STAGE_THREES_BEFORE /* only cuts before each three decimal digits, counted likewise */
} pw_stage_kind;

typedef struct pw_stage {
    pw_stage_kind kind;
    const char *pattern; /* PCRE2, UTF and UCP; NULL for the kinds without */
} pw_stage;

enum { PW_STAGES_MAX = 7 };

/* What else a name stands for. */
enum {
    PW_PRE_NFC = 1,    /* the model's tokenizer normalises to NFC first */
    PW_PRE_WHOLE = 2,  /* a piece that is a token is not merged ("ignore_merges") */
    PW_PRE_BOS = 4,    /* BOS is added where the file does not say */
    PW_PRE_SPACES = 8, /* UTF-8 with U+2581 for spaces, not GPT-2's bytes */
    PW_PRE_PLAIN = 16, /* UTF-8 as it is, not GPT-2's bytes */
    PW_PRE_LINES = 32, /* a run of line feeds that is a token is not merged */
    PW_PRE_OTHER = 64  /* written for tokenizers that are not byte-pair encoding */
};

/* One value of `tokenizer.ggml.pre`. */
typedef struct pw_pre {
    const char *name;
    const pw_stage *stages; /* ends with PW_STAGE_END; NULL with PW_PRE_OTHER */
    unsigned flags;         /* PW_PRE_ */
    const char *source;     /* the model whose tokenizer.json says so */
} pw_pre;

/* The row of a name; NULL: not known. */
const pw_pre *pw_pre_find(const char *name);

/* Row `index` of the table; NULL past its end. */
const pw_pre *pw_pre_at(size_t index);

typedef struct pw_split pw_split;

/* Compiles the patterns of a row. Memory is PCRE2's, through `alloc`. Immutable once made. */
PW_MUST pewter_status pw_split_new(const pw_pre *pre, const pewter_allocator *alloc, pw_split **out,
                                   pewter_error *err);
/* NULL is allowed. */
void pw_split_free(pw_split *split);

/* What a thread needs while it splits. NULL: no memory. */
typedef struct pw_split_state pw_split_state;
pw_split_state *pw_split_state_new(const pw_split *split);
void pw_split_state_free(pw_split_state *state);

/* Receives a piece; a failure stops the split and is passed on. */
typedef pewter_status pw_piece_fn(void *context, const char *piece, size_t bytes,
                                  pewter_error *err);

/* Hands the pieces of well-formed UTF-8 to `each`, in order. Where PCRE2 meets a limit, the rest of
 * that piece stays whole. */
PW_MUST pewter_status pw_split_run(const pw_split *split, pw_split_state *state, const char *text,
                                   size_t bytes, pw_piece_fn *each, void *context,
                                   pewter_error *err);

#endif
