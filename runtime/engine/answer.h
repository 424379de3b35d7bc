/* The text of an answer on its way out: whole characters, cut at stop texts. */
#ifndef PW_RUNTIME_ENGINE_ANSWER_H
#define PW_RUNTIME_ENGINE_ANSWER_H

#include "pewter.h"
#include "pw/arena.h"

typedef struct pw_answer {
    char *text;              /* [cap]: bytes not handed out */
    char *out;               /* [3 cap]: the last piece, with U+FFFD for what is not UTF-8 */
    size_t bytes, cap, room; /* `room`: free bytes that a token may want */
    const char *const *stop;
    size_t n_stop, longest_stop;
    int32_t token;  /* last one; -1: none since the last piece */
    int64_t tokens; /* in this answer */
    pewter_finish finish;
} pw_answer;

/* Buffers for tokens of up to `piece` bytes. The stop texts are copied. */
PW_MUST pewter_status pw_answer_init(pw_answer *answer, pw_arena *arena, size_t piece,
                                     const char *const *stop, size_t n_stop, pewter_error *err);

/* Forgets everything: a new answer begins. */
void pw_answer_begin(pw_answer *answer);

/* Whether another token's text fits before the caller takes what is there. */
bool pw_answer_has_room(const pw_answer *answer);

/* Adds the bytes of a token; a stop text found ends the answer before it. */
void pw_answer_add(pw_answer *answer, int32_t token, const char *piece, size_t bytes);

/* Hands out what may be shown: not the beginning of a character, nor of a stop text, unless the
 * answer has ended. */
void pw_answer_take(pw_answer *answer, pewter_piece *out);

#endif
