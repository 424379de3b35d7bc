/* How many tokens of prompts a step takes beside answers under way, so that their next tokens do not wait much longer than
 * without. Learned from the steps themselves. */
#ifndef PW_RUNTIME_ENGINE_PACE_H
#define PW_RUNTIME_ENGINE_PACE_H

#include <stdint.h>

enum { PW_PACE_SIZES = 12 };

/* All zero: nothing is known yet. */
typedef struct pw_pace {
    double answers_ns
        [PW_PACE_SIZES]; /* of a step without prompts, by the logarithm of its tokens; 0: not known */
    double token_ns;     /* what a token of a prompt adds to one; 0: not known */
    int mixed;           /* steps with both since the last without prompts */
} pw_pace;

/* Tokens of prompts, at most `room`, for a step that has `answers` tokens of answers. */
int64_t pw_pace_room(const pw_pace *pace, int64_t answers, int64_t room);

/* A step took that long. */
void pw_pace_note(pw_pace *pace, int64_t answers, int64_t prompts, double ns);

#endif
