/* Memory through pewter_allocator: single blocks, and a bump arena for what dies together. */
#ifndef PW_ARENA_H
#define PW_ARENA_H

#include <stdalign.h>
#include <string.h>

#include "pewter.h"
#include "pw/num.h"

/* Bytes for the runtime's own structures; NULL if refused. */
static inline void *pw_alloc(const pewter_allocator *alloc, size_t bytes)
{
    return alloc->alloc(alloc->context, bytes == 0 ? 1 : bytes, alignof(max_align_t),
                        PEWTER_MEM_OTHER);
}

/* `bytes` as given to pw_alloc. NULL is allowed. */
static inline void pw_free(const pewter_allocator *alloc, void *ptr, size_t bytes)
{
    if (ptr != NULL) alloc->free(alloc->context, ptr, bytes == 0 ? 1 : bytes, PEWTER_MEM_OTHER);
}

typedef struct pw_arena_block {
    struct pw_arena_block *next;
    size_t bytes; /* of the whole block, this header included */
} pw_arena_block;

/* One arena a lifetime; all of it is freed at once. Zero-initialise, then set `alloc`. */
typedef struct pw_arena {
    const pewter_allocator *alloc;
    pw_arena_block *blocks;
    char *at, *end;
} pw_arena;

/* Zeroed bytes, aligned to 64; NULL if the allocator refuses. */
static inline void *pw_arena_take(pw_arena *arena, size_t bytes)
{
    enum { BLOCK = 64 * 1024, ALIGN = 64 };
    size_t need;
    if (!pw_align(bytes == 0 ? 1 : bytes, ALIGN, &need)) return NULL;
    if (arena->at == NULL || (size_t)(arena->end - arena->at) < need) {
        size_t total;
        if (!pw_add(need > BLOCK ? need : BLOCK, ALIGN, &total)) return NULL;
        pw_arena_block *block =
            arena->alloc->alloc(arena->alloc->context, total, ALIGN, PEWTER_MEM_OTHER);
        if (block == NULL) return NULL;
        block->next = arena->blocks;
        block->bytes = total;
        arena->blocks = block;
        arena->at = (char *)block + ALIGN;
        arena->end = (char *)block + total;
    }
    void *taken = arena->at;
    arena->at += need;
    return memset(taken, 0, need);
}

/* Zeroed array of `count` elements of `size` bytes; NULL also where the product does not fit. */
static inline void *pw_arena_array(pw_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return pw_mul(count, size, &bytes) ? pw_arena_take(arena, bytes) : NULL;
}

/* A copy of `bytes` bytes with a NUL behind them. */
static inline char *pw_arena_text(pw_arena *arena, const char *text, size_t bytes)
{
    size_t need;
    char *copy = pw_add(bytes, 1, &need) ? pw_arena_take(arena, need) : NULL;
    if (copy != NULL && bytes > 0) memcpy(copy, text, bytes);
    return copy;
}

static inline void pw_arena_free(pw_arena *arena)
{
    for (pw_arena_block *block = arena->blocks; block != NULL;) {
        pw_arena_block *next = block->next;
        arena->alloc->free(arena->alloc->context, block, block->bytes, PEWTER_MEM_OTHER);
        block = next;
    }
    arena->blocks = NULL;
    arena->at = arena->end = NULL;
}

#endif
