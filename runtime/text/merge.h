/* Merging of neighbours, best pair first: what byte-pair encoding and SentencePiece share.
 * Sources: Sennrich et al. 2016; Kudo and Richardson 2018. */
#ifndef PW_RUNTIME_TEXT_MERGE_H
#define PW_RUNTIME_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pewter.h"
#include "pw/attr.h"

typedef struct pw_symbol {
    uint32_t at, size; /* bytes of the text */
    int32_t id;        /* token; -1: none */
    uint32_t prev, next;
} pw_symbol;

/* What two neighbours become. */
typedef struct pw_join {
    uint32_t rank; /* lower is better */
    int32_t id;
} pw_join;

/* Finds what `left` and `right` become; false: nothing. */
typedef bool pw_join_fn(const void *rules, const char *text, const pw_symbol *left,
                        const pw_symbol *right, pw_join *out);

/* Memory of one call of the tokenizer; grows with the longest piece. */
typedef struct pw_merger {
    const pewter_allocator *alloc;
    pw_symbol *symbols;
    struct pw_bigram *heap;
    size_t cap;
} pw_merger;

/* Room for `count` symbols; what was there is lost. False: no memory. */
PW_MUST bool pw_merger_room(pw_merger *merger, size_t count);

void pw_merger_free(pw_merger *merger);

/* Merges symbols [0, count) until no pair can be merged, always the pair of the lowest rank and of
 * these the leftmost; n log n. Returns how many are left, from symbols[0] on. */
size_t pw_merge(pw_merger *merger, size_t count, const char *text, pw_join_fn *find,
                const void *rules);

#endif
