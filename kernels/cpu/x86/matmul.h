/* What the matmul rows of every format and ISA share: panels, outputs, fetching ahead. */
#ifndef PW_KERNELS_CPU_X86_MATMUL_H
#define PW_KERNELS_CPU_X86_MATMUL_H

#include "kernels/cpu/pack.h"
#include "kernels/cpu/x86/cut.h"
#include "pw/attr.h"
#include "pw/num.h"

/* Tokens of a sweep over a panel at most. */
enum { PW_TOKENS = 512 };

/* Row `i` of a tensor, without divisions where it has two dimensions. */
static inline char *pw_token_row(const pw_tensor *t, int64_t i)
{
    return t->n[2] == 1 ? (char *)t->data + i * t->stride[1] : pw_row(t, i);
}

static inline bool pw_is_fused(const pw_call *call)
{
    return (call->params.epilogues & PW_EPILOGUE_GLU) != 0;
}

/* Outputs of a panel. */
static inline int64_t pw_panel_rows(const pw_call *call)
{
    return pw_is_fused(call) ? PW_GROUP : PW_LANES;
}

/* Beside the reading of `bytes` of a stream that is read once, in pieces of a few lines: what lies FAR
 * ahead into the second cache, what lies NEAR into the first. A burst of a whole brick waits for the few
 * misses that a core can have open, and one distance is too short for the memory or too long for the
 * first cache. */
static inline void pw_fetch_ahead(const uint8_t *from, int64_t bytes)
{
    enum { FAR = 8192, NEAR = 2048 };
    for (int64_t at = 0; at < bytes; at += PW_LINE) {
        __builtin_prefetch(from + FAR + at, 0, 2);
        __builtin_prefetch(from + NEAR + at, 0, 3);
    }
}

/* Asks for memory that is wanted after the work of several tiles. */
static inline void pw_fetch_later(const uint8_t *from, int64_t bytes)
{
    for (int64_t at = 0; at < bytes; at += PW_LINE) __builtin_prefetch(from + at, 0, 2);
}

#endif
