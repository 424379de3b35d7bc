#include "runtime/engine/pace.h"

#include "pw/num.h"

/* Prompts may make a step longer by this share. */
static const double share = 0.5;

enum {
    LEAST = 2,      /* tokens: prompts come on beside any number of answers */
    UNKNOWN = 16,   /* tokens, before it is known what one adds */
    MIXED_MOST = 64 /* steps, behind which one without prompts is measured again */
};

static int size_of(int64_t answers)
{
    int size = 0;
    while (size < PW_PACE_SIZES - 1 && answers > INT64_C(1) << size) size++;
    return size;
}

static void learn(double *known, double now)
{
    enum { MEMORY = 8 }; /* steps */
    *known += (now - *known) / (*known > 0.0 ? MEMORY : 1);
}

int64_t pw_pace_room(const pw_pace *pace, int64_t answers, int64_t room)
{
    if (answers == 0) return room;
    const double alone = pace->answers_ns[size_of(answers)];
    if (alone <= 0.0 || pace->mixed >= MIXED_MOST) return 0;
    if (pace->token_ns <= 0.0) return pw_min(room, UNKNOWN);
    const double tokens = share * alone / pace->token_ns;
    return pw_min(room, tokens < LEAST ? LEAST : tokens > 1e6 ? room : (int64_t)tokens);
}

void pw_pace_note(pw_pace *pace, int64_t answers, int64_t prompts, double ns)
{
    if (answers == 0) return;
    double *alone = &pace->answers_ns[size_of(answers)];
    if (prompts == 0) {
        learn(alone, ns);
        pace->mixed = 0;
        return;
    }
    pace->mixed++;
    if (*alone > 0.0 && ns > *alone) learn(&pace->token_ns, (ns - *alone) / (double)prompts);
}
