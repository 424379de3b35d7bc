/* Memory for operands in which reading or writing past an end is noticed: every block ends (to 64
 * bytes) before a page that cannot be touched, and what is left around it holds 0xff, which reads
 * as not-a-number. */
#ifndef PW_TESTS_CHECK_HEAP_H
#define PW_TESTS_CHECK_HEAP_H

#include "pewter.h"

enum { HEAP_BLOCKS = 128 };

/* Zero-initialise. */
typedef struct heap {
    struct heap_block {
        char *map, *data;
        size_t map_bytes, bytes;
        pewter_memory kind;
    } blocks[HEAP_BLOCKS];
    size_t count;
} heap;

/* An allocator over the heap, which must outlive it. */
pewter_allocator heap_allocator(heap *h);

/* Bytes for a check of its own; never NULL: ends the program if the system refuses. */
void *heap_take(heap *h, size_t bytes, pewter_memory kind);

/* Frees what heap_take gave. */
void heap_drop(heap *h, void *data);

/* Whether no byte around any block was written. */
bool heap_intact(const heap *h);

/* A hash of all blocks but `except` and those taken as scratch: do sources change? */
uint64_t heap_hash(const heap *h, const void *except);

#endif
