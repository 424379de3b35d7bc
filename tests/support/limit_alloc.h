/* An allocator for tests: counts what lives, refuses past a limit of bytes, and fails one call of
 * choice and all that follow. One thread. */
#ifndef PW_TESTS_SUPPORT_LIMIT_ALLOC_H
#define PW_TESTS_SUPPORT_LIMIT_ALLOC_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pewter.h"

typedef struct limit_alloc {
    size_t live, peak, limit;  /* bytes */
    uint64_t calls, fail_from; /* the first call, from 0, that fails */
} limit_alloc;

static inline void *limit_take(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    (void)kind;
    limit_alloc *a = context;
    if (a->calls++ >= a->fail_from || bytes > a->limit || a->live > a->limit - bytes) return NULL;
    a->live += bytes;
    if (a->live > a->peak) a->peak = a->live;
    const size_t least = align < sizeof(void *) ? sizeof(void *) : align;
    return aligned_alloc(least, (bytes + least - 1) / least * least);
}

static inline void limit_give(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    (void)kind;
    limit_alloc *a = context;
    a->live -= bytes;
    memset(ptr, 0xdd, bytes); /* so that a use after free is seen */
    free(ptr);
}

/* Points into `a`, which is set up afresh. */
static inline pewter_allocator limit_allocator(limit_alloc *a, size_t limit, uint64_t fail_from)
{
    *a = (limit_alloc){.limit = limit, .fail_from = fail_from};
    return (pewter_allocator){.context = a, .alloc = limit_take, .free = limit_give};
}

#endif
