#include "runtime/text/merge.h"

#include <assert.h>
#include <string.h>

#include "pw/arena.h"

enum { SMALL = 48, LEAST = 1024 };
#define NONE UINT32_MAX

typedef struct pw_bigram {
    uint64_t key;  /* rank above, index of the left symbol below: the order of the work */
    uint32_t size; /* bytes of both when found; another size now means that one has changed */
    int32_t id;
} pw_bigram;

/* A merge takes one bigram from the heap and adds at most two, so twice the symbols are enough. */
bool pw_merger_room(pw_merger *merger, size_t count)
{
    if (count <= merger->cap) return true;
    const size_t cap = count < LEAST ? LEAST : count;
    size_t bytes;
    pw_merger_free(merger);
    if (!pw_mul(cap, sizeof(pw_symbol) + 2 * sizeof(pw_bigram), &bytes)) return false;
    pw_bigram *heap = pw_alloc(merger->alloc, bytes);
    if (heap == NULL) return false;
    merger->heap = heap;
    merger->symbols = (pw_symbol *)(void *)(heap + 2 * cap);
    merger->cap = cap;
    return true;
}

void pw_merger_free(pw_merger *merger)
{
    const size_t bytes = merger->cap * (sizeof(pw_symbol) + 2 * sizeof(pw_bigram));
    pw_free(merger->alloc, merger->heap, bytes);
    merger->heap = NULL;
    merger->symbols = NULL;
    merger->cap = 0;
}

/* A word: the pairs stand in an array that is searched whole each time. */
static size_t merge_small(pw_symbol *symbols, size_t count, const char *text, pw_join_fn *find,
                          const void *rules)
{
    pw_join joins[SMALL];
    for (size_t i = 0; i + 1 < count; i++)
        if (!find(rules, text, &symbols[i], &symbols[i + 1], &joins[i])) joins[i].id = -1;

    for (;;) {
        size_t best = count;
        uint32_t rank = UINT32_MAX;
        for (size_t i = 0; i + 1 < count; i++) {
            if (joins[i].id < 0 || (best < count && joins[i].rank >= rank)) continue;
            best = i;
            rank = joins[i].rank;
        }
        if (best == count) return count;

        symbols[best].id = joins[best].id;
        symbols[best].size += symbols[best + 1].size;
        count--;
        for (size_t i = best + 1; i < count; i++) {
            symbols[i] = symbols[i + 1];
            joins[i - 1] = joins[i];
        }
        const size_t from = best > 0 ? best - 1 : best;
        for (size_t i = from; i <= best && i + 1 < count; i++)
            if (!find(rules, text, &symbols[i], &symbols[i + 1], &joins[i])) joins[i].id = -1;
    }
}

static void push(pw_bigram *heap, size_t *n, pw_bigram bigram)
{
    size_t at = (*n)++;
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (heap[parent].key <= bigram.key) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = bigram;
}

static pw_bigram pop(pw_bigram *heap, size_t *n)
{
    const pw_bigram top = heap[0];
    const pw_bigram last = heap[--*n];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= *n) break;
        if (child + 1 < *n && heap[child + 1].key < heap[child].key) child++;
        if (heap[child].key >= last.key) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

typedef struct merging {
    pw_symbol *symbols;
    pw_bigram *heap;
    size_t waiting;
    const char *text;
    pw_join_fn *find;
    const void *rules;
} merging;

static void consider(merging *m, uint32_t left)
{
    if (left == NONE) return;
    const pw_symbol *a = &m->symbols[left];
    if (a->next == NONE) return;
    const pw_symbol *b = &m->symbols[a->next];
    pw_join join;
    if (!m->find(m->rules, m->text, a, b, &join)) return;
    push(m->heap, &m->waiting,
         (pw_bigram){(uint64_t)join.rank << 32 | left, a->size + b->size, join.id});
}

static void merge_one(merging *m, pw_bigram bigram)
{
    const uint32_t left = (uint32_t)bigram.key;
    pw_symbol *a = &m->symbols[left];
    if (a->size == 0 || a->next == NONE) return;
    pw_symbol *b = &m->symbols[a->next];
    if (a->size + b->size != bigram.size) return;

    a->id = bigram.id;
    a->size = bigram.size;
    a->next = b->next;
    b->size = 0;
    if (a->next != NONE) m->symbols[a->next].prev = left;
    consider(m, a->prev);
    consider(m, left);
}

static size_t merge_large(pw_merger *merger, size_t count, const char *text, pw_join_fn *find,
                          const void *rules)
{
    merging m = {merger->symbols, merger->heap, 0, text, find, rules};
    for (size_t i = 0; i < count; i++) {
        m.symbols[i].prev = i > 0 ? (uint32_t)i - 1 : NONE;
        m.symbols[i].next = i + 1 < count ? (uint32_t)i + 1 : NONE;
    }
    for (size_t i = 0; i + 1 < count; i++) consider(&m, (uint32_t)i);
    while (m.waiting > 0) merge_one(&m, pop(m.heap, &m.waiting));

    size_t left = 0;
    for (uint32_t i = 0; i != NONE; i = m.symbols[i].next) merger->symbols[left++] = m.symbols[i];
    return left;
}

size_t pw_merge(pw_merger *merger, size_t count, const char *text, pw_join_fn *find,
                const void *rules)
{
    assert(count > 0 && count <= merger->cap && count < NONE);
    if (count <= SMALL) return merge_small(merger->symbols, count, text, find, rules);
    return merge_large(merger, count, text, find, rules);
}
