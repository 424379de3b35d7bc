/* Byte-pair encoding over pieces. Sources: Sennrich et al. 2016; GPT-2 (Radford et al. 2019). */
#ifndef PW_RUNTIME_TEXT_BPE_H
#define PW_RUNTIME_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>

#include "pewter.h"
#include "pw/attr.h"
#include "runtime/text/ids.h"
#include "runtime/text/merge.h"
#include "runtime/text/vocab.h"

typedef struct pw_bpe {
    const pw_vocab *vocab;
    struct pw_bpe_slot *slots; /* [mask + 1] pair of ids to rank and id */
    size_t mask, reach;
    bool chars; /* begin from UTF-8 characters, not from bytes */
    bool whole; /* a piece that is a token is not merged */
    bool lines; /* a piece of line feeds that is a token is not merged */
    int32_t unk;
} pw_bpe;

/* Reads the merges, "left right", against the token texts of `data`. PEWTER_E_FORMAT: a merge
 * whose parts or result are no tokens. Merges that would make a control token, or one that stands
 * for other bytes than its parts, are left out.
 * Set `chars`, `whole`, `lines`, `unk` and `vocab` before. Memory comes from `arena`. */
PW_MUST pewter_status pw_bpe_init(pw_bpe *bpe, const pw_vocab_data *data, pw_arena *arena,
                                  pewter_error *err);

/* Appends the tokens of one piece. Bytes without a token become `unk`, or nothing without one. */
PW_MUST pewter_status pw_bpe_piece(const pw_bpe *bpe, pw_merger *merger, const char *piece,
                                   size_t bytes, pw_ids *out, pewter_error *err);

#endif
