#include "runtime/engine/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "pw/num.h"

enum { HUGE_PAGE = 2 * 1024 * 1024 };

/* Large blocks are mapped, aligned to a huge page: the map is made one page longer, and the ends
 * that stick out are given back. */
static void *map_huge(size_t bytes)
{
    size_t size, longer;
    if (!pw_align(bytes, HUGE_PAGE, &size) || !pw_add(size, HUGE_PAGE, &longer)) return NULL;
    char *map = mmap(NULL, longer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;

    const size_t before = (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0) munmap(map, before);
    munmap(map + before + size, longer - before - size);
    madvise(map + before, size, MADV_HUGEPAGE); /* a refusal costs speed only */
    return map + before;
}

static bool is_mapped(size_t bytes, pewter_memory kind)
{
    return kind != PEWTER_MEM_OTHER && bytes >= HUGE_PAGE;
}

static void *take(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    (void)context;
    if (is_mapped(bytes, kind)) return map_huge(bytes);
    size_t size;
    if (!pw_align(bytes, align, &size)) return NULL;
    return aligned_alloc(align, size);
}

static void give(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    (void)context;
    if (is_mapped(bytes, kind))
        munmap(ptr, pw_align_up(bytes, HUGE_PAGE));
    else
        free(ptr);
}

const pewter_allocator pw_default_allocator = {.alloc = take, .free = give};
