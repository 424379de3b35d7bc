#include "tests/check/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pw/num.h"

enum { PAGE = 4096, FILL = 0xff };

static void *heap_alloc(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    heap *h = context;
    if (align > 64 || h->count == HEAP_BLOCKS) return NULL;
    const size_t used = pw_align_up(bytes, 64), body = PAGE + pw_align_up(used, PAGE);
    char *map = mmap(NULL, body + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;
    if (mprotect(map + body, PAGE, PROT_NONE) != 0) return NULL;

    memset(map, FILL, body);
    char *data = map + body - used;
    h->blocks[h->count++] = (struct heap_block){map, data, body + PAGE, bytes, kind};
    return data;
}

static void heap_free(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    (void)bytes, (void)kind;
    heap *h = context;
    for (size_t i = 0; i < h->count; i++) {
        if (h->blocks[i].data != ptr) continue;
        munmap(h->blocks[i].map, h->blocks[i].map_bytes);
        h->blocks[i] = h->blocks[--h->count];
        return;
    }
}

pewter_allocator heap_allocator(heap *h)
{
    return (pewter_allocator){h, heap_alloc, heap_free};
}

void *heap_take(heap *h, size_t bytes, pewter_memory kind)
{
    void *data = heap_alloc(h, bytes == 0 ? 1 : bytes, 64, kind);
    if (data == NULL) {
        fprintf(stderr, "pwcheck: no memory for %zu bytes\n", bytes);
        exit(2);
    }
    return data;
}

void heap_drop(heap *h, void *data)
{
    heap_free(h, data, 0, PEWTER_MEM_OTHER);
}

static bool filled(const char *begin, const char *end)
{
    for (const char *at = begin; at < end; at++) {
        if ((unsigned char)*at != FILL) return false;
    }
    return true;
}

bool heap_intact(const heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct heap_block *b = &h->blocks[i];
        if (!filled(b->map, b->data)) return false;
        if (!filled(b->data + b->bytes, b->map + b->map_bytes - PAGE)) return false;
    }
    return true;
}

uint64_t heap_hash(const heap *h, const void *except)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < h->count; i++) {
        const struct heap_block *b = &h->blocks[i];
        if (b->data == except || b->kind == PEWTER_MEM_SCRATCH) continue;
        for (size_t at = 0; at < b->bytes; at += sizeof(uint64_t)) {
            uint64_t word = 0;
            const size_t left = b->bytes - at;
            memcpy(&word, b->data + at, left < sizeof word ? left : sizeof word);
            hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 29;
        }
    }
    return hash;
}
