#include "runtime/grammar/nfa.h"

#include <string.h>

static bool grow(pw_nfa *nfa, void *list, int32_t count, int32_t *cap, int32_t most, size_t size)
{
    if (nfa->failed != PEWTER_OK) return false;
    if (count < *cap) return true;
    void **at = list;
    const int32_t wanted = *cap == 0 ? 64 : *cap * 2;
    void *larger = count < most ? pw_arena_array(nfa->arena, (size_t)wanted, size) : NULL;
    if (larger == NULL) {
        nfa->failed = count < most ? PEWTER_E_MEMORY : PEWTER_E_LIMIT;
        return false;
    }
    if (count > 0) memcpy(larger, *at, (size_t)count * size);
    *at = larger;
    *cap = wanted;
    return true;
}

int32_t pw_nfa_node(pw_nfa *nfa)
{
    if (!grow(nfa, &nfa->first, nfa->n_nodes, &nfa->cap_nodes, PW_NFA_NODES, sizeof *nfa->first))
        return 0;
    nfa->first[nfa->n_nodes] = -1;
    return nfa->n_nodes++;
}

void pw_nfa_chars(pw_nfa *nfa, int32_t from, int32_t to, uint32_t lo, uint32_t hi)
{
    if (!grow(nfa, &nfa->edges, nfa->n_edges, &nfa->cap_edges, PW_NFA_EDGES, sizeof *nfa->edges))
        return;
    nfa->edges[nfa->n_edges] =
        (pw_nfa_edge){.lo = lo, .hi = hi, .to = to, .next = nfa->first[from]};
    nfa->first[from] = nfa->n_edges++;
}

void pw_nfa_join(pw_nfa *nfa, int32_t from, int32_t to)
{
    pw_nfa_chars(nfa, from, to, 1, 0);
}

int32_t pw_nfa_copy(pw_nfa *nfa, int32_t begin, int32_t end)
{
    const int32_t offset = nfa->n_nodes - begin;
    for (int32_t i = begin; i < end; i++) (void)pw_nfa_node(nfa);
    for (int32_t i = begin; i < end && nfa->failed == PEWTER_OK; i++) {
        for (int32_t at = nfa->first[i]; at >= 0; at = nfa->edges[at].next) {
            const pw_nfa_edge e = nfa->edges[at];
            if (e.to >= begin && e.to < end)
                pw_nfa_chars(nfa, i + offset, e.to + offset, e.lo, e.hi);
        }
    }
    return offset;
}
