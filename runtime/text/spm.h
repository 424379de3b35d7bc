/* SentencePiece with merges by score: the pair whose text is the token of the highest score.
 * Source: Kudo and Richardson 2018. */
#ifndef PW_RUNTIME_TEXT_SPM_H
#define PW_RUNTIME_TEXT_SPM_H

#include <stdbool.h>
#include <stddef.h>

#include "pewter.h"
#include "pw/attr.h"
#include "runtime/text/ids.h"
#include "runtime/text/merge.h"
#include "runtime/text/vocab.h"

typedef struct pw_spm {
    const pw_vocab *vocab;
    bool words; /* no token has a space behind another character: words merge apart */
    int32_t unk;
} pw_spm;

/* `vocab` must have scores, and pieces spelt PW_SPELL_SPACES. */
void pw_spm_init(pw_spm *spm, const pw_vocab *vocab, int32_t unk);

/* Appends the tokens of text in which U+2581 has become the space. Characters without a token
 * become their bytes; without byte tokens a run of them becomes one `unk`, or nothing. */
PW_MUST pewter_status pw_spm_text(const pw_spm *spm, pw_merger *merger, const char *text,
                                  size_t bytes, pw_ids *out, pewter_error *err);

#endif
