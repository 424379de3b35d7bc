/* How the rows of every op are cut into register tiles. */
#ifndef PW_KERNELS_CPU_X86_CUT_H
#define PW_KERNELS_CPU_X86_CUT_H

#include "pw/num.h"

/* Tokens (or rows) cut into the fewest tiles of at most `most`, of even size: 32 by 6 are 6 6 5 5 5 5, never
 * 5 x 6 and 2. */
typedef struct pw_cut {
    int64_t tiles, even, more;
} pw_cut;

static inline pw_cut pw_cut_of(int64_t tokens, int64_t most)
{
    const int64_t tiles = pw_ceil_div(tokens, most);
    return (pw_cut){.tiles = tiles, .even = tokens / tiles, .more = tokens % tiles};
}

/* First token of tile i, which is the end of the one before. */
static inline int64_t pw_cut_at(const pw_cut *cut, int64_t i)
{
    return i * cut->even + pw_min(i, cut->more);
}

#endif
