/* Deterministic automata over characters. */
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/nfa.h"

/* Sets of old states on their way to new states. */
typedef struct builder {
    pw_room *room;
    pewter_error *err;
    pw_dfa *out;
    int32_t **sets;   /* [cap]: of each state a count, then as many sorted numbers */
    uint64_t *hashes; /* [cap] */
    int32_t *slots;   /* [4 cap]: states by their sets; -1: free */
    int32_t cap;
    int32_t cap_edges, n_edges;
} builder;

static pewter_status no_memory(pewter_error *err)
{
    return pw_fail(err, PEWTER_E_MEMORY, "no memory for a pattern");
}

/* Room for twice as many states. */
static pewter_status grow(builder *b)
{
    pw_dfa *d = b->out;
    const int32_t n = b->cap == 0 ? 0 : d->n, cap = b->cap == 0 ? 32 : b->cap * 2;
    int32_t **sets = pw_arena_array(&b->room->arena, (size_t)cap, sizeof *sets);
    uint64_t *hashes = pw_arena_array(&b->room->arena, (size_t)cap, sizeof *hashes);
    int32_t *slots = pw_arena_array(&b->room->arena, 4 * (size_t)cap, sizeof *slots);
    int32_t *first = pw_arena_array(&b->room->arena, (size_t)cap + 1, sizeof *first);
    bool *accepts = pw_arena_array(&b->room->arena, (size_t)cap, sizeof *accepts);
    if (sets == NULL || hashes == NULL || slots == NULL || first == NULL || accepts == NULL)
        return no_memory(b->err);
    memset(slots, 0xff, 4 * (size_t)cap * sizeof *slots);
    for (int32_t i = 0; i < n; i++) {
        sets[i] = b->sets[i];
        hashes[i] = b->hashes[i];
        first[i] = d->first[i];
        accepts[i] = d->accepts[i];
        uint32_t slot = (uint32_t)hashes[i] & (4 * (uint32_t)cap - 1);
        while (slots[slot] >= 0) slot = (slot + 1) & (4 * (uint32_t)cap - 1);
        slots[slot] = i;
    }
    b->sets = sets;
    b->hashes = hashes;
    b->slots = slots;
    b->cap = cap;
    d->first = first;
    d->accepts = accepts;
    return PEWTER_OK;
}

static pewter_status begin(builder *b, pw_dfa *out, pw_room *room, pewter_error *err)
{
    *b = (builder){.room = room, .err = err, .out = out};
    *out = (pw_dfa){0};
    return grow(b);
}

/* The state of a sorted set of n numbers. */
static pewter_status find(builder *b, const int32_t *set, int32_t n, int32_t *state)
{
    const size_t bytes = (size_t)n * sizeof *set;
    uint64_t hash = (uint64_t)n;
    for (int32_t i = 0; i < n; i++) {
        hash = (hash ^ (uint32_t)set[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    b->room->work -= n + 1;
    if (b->out->n == b->cap) PW_TRY(grow(b));
    const uint32_t mask = 4 * (uint32_t)b->cap - 1;
    uint32_t slot = (uint32_t)hash & mask;
    for (; b->slots[slot] >= 0; slot = (slot + 1) & mask) {
        const int32_t *there = b->sets[b->slots[slot]];
        if (there[0] != n || memcmp(there + 1, set, bytes) != 0) continue;
        *state = b->slots[slot];
        return PEWTER_OK;
    }
    if (b->out->n == PW_DFA_STATES || b->room->work < 0)
        return pw_fail(b->err, PEWTER_E_LIMIT,
                       "too complex: more than %d states, or too many steps to find them",
                       PW_DFA_STATES);
    int32_t *copy = pw_arena_array(&b->room->arena, (size_t)n + 1, sizeof *copy);
    if (copy == NULL) return no_memory(b->err);
    copy[0] = n;
    if (n > 0) memcpy(copy + 1, set, bytes);
    b->sets[b->out->n] = copy;
    b->hashes[b->out->n] = hash;
    b->slots[slot] = b->out->n;
    *state = b->out->n++;
    return PEWTER_OK;
}

/* The next edge of the state under way: its edges come one behind the other, in order. */
static pewter_status add_edge(builder *b, int32_t from, uint32_t lo, uint32_t hi, int32_t to)
{
    pw_dfa *d = b->out;
    pw_dfa_edge *last = b->n_edges > d->first[from] ? &d->edges[b->n_edges - 1] : NULL;
    if (last != NULL && last->to == to && last->hi + 1 == lo) {
        last->hi = hi;
        return PEWTER_OK;
    }
    if (b->n_edges == b->cap_edges) {
        const int32_t cap = b->cap_edges == 0 ? 256 : b->cap_edges * 2;
        pw_dfa_edge *larger = pw_arena_array(&b->room->arena, (size_t)cap, sizeof *larger);
        if (larger == NULL) return no_memory(b->err);
        if (b->n_edges > 0) memcpy(larger, d->edges, (size_t)b->n_edges * sizeof *larger);
        d->edges = larger;
        b->cap_edges = cap;
    }
    d->edges[b->n_edges++] = (pw_dfa_edge){.lo = lo, .hi = hi, .to = to};
    return PEWTER_OK;
}

/* Ends the list of edges, and takes away those that lead to where no text can end any more: a pattern that is
 * looked for has many, each with most characters. */
static pewter_status end_edges(builder *b)
{
    pw_dfa *d = b->out;
    const size_t n = (size_t)d->n, edges = (size_t)b->n_edges;
    d->first[d->n] = b->n_edges;
    bool *alive = pw_arena_array(&b->room->arena, n, sizeof *alive);
    int32_t *into = pw_arena_array(&b->room->arena, n, sizeof *into);
    int32_t *other = pw_arena_array(&b->room->arena, edges, sizeof *other);
    int32_t *from = pw_arena_array(&b->room->arena, edges, sizeof *from);
    int32_t *todo = pw_arena_array(&b->room->arena, n, sizeof *todo), n_todo = 0;
    if (alive == NULL || into == NULL || other == NULL || from == NULL || todo == NULL)
        return no_memory(b->err);
    memset(into, 0xff, n * sizeof *into);
    for (int32_t s = 0; s < d->n; s++) {
        for (int32_t i = d->first[s]; i < d->first[s + 1]; i++) {
            from[i] = s;
            other[i] = into[d->edges[i].to];
            into[d->edges[i].to] = i;
        }
        alive[s] = d->accepts[s];
        if (alive[s]) todo[n_todo++] = s;
    }
    while (n_todo > 0) {
        const int32_t state = todo[--n_todo];
        for (int32_t i = into[state]; i >= 0; i = other[i]) {
            if (alive[from[i]]) continue;
            alive[from[i]] = true;
            todo[n_todo++] = from[i];
        }
    }
    int32_t kept = 0;
    for (int32_t s = 0, i = 0; s < d->n; s++) {
        const int32_t last = d->first[s + 1];
        d->first[s] = kept;
        for (; i < last; i++)
            if (alive[d->edges[i].to]) d->edges[kept++] = d->edges[i];
    }
    d->first[d->n] = kept;
    return PEWTER_OK;
}

/* ---- From sets of nodes ---------------------------------------------------------------------- */

typedef struct subset {
    const pw_nfa *nfa;
    int32_t end;
    int32_t *set, n; /* [nodes] */
    int32_t *stamp, now;
    uint32_t *cuts; /* [2 edges]: where ranges begin, and where they are over */
    int32_t n_cuts;
} subset;

static void sort_numbers(int32_t *x, int32_t n)
{
    for (int32_t gap = n > 8 ? n / 2 : 1; gap > 0; gap = gap > 2 ? gap * 5 / 11 : gap - 1) {
        for (int32_t i = gap; i < n; i++) {
            const int32_t value = x[i];
            int32_t at = i;
            for (; at >= gap && x[at - gap] > value; at -= gap) x[at] = x[at - gap];
            x[at] = value;
        }
    }
}

static void add_node(subset *s, int32_t node)
{
    if (s->stamp[node] == s->now) return;
    s->stamp[node] = s->now;
    s->set[s->n++] = node;
}

/* Closes the set under edges that take nothing; only nodes that matter stay: those that take a character, and
 * the end. */
static pewter_status close_set(subset *s, builder *b, int32_t *state)
{
    const pw_nfa *nfa = s->nfa;
    int32_t kept = 0;
    for (int32_t i = 0; i < s->n; i++)
        for (int32_t at = nfa->first[s->set[i]]; at >= 0; at = nfa->edges[at].next)
            if (nfa->edges[at].lo > nfa->edges[at].hi) add_node(s, nfa->edges[at].to);
    b->room->work -= s->n;
    bool accepts = false;
    for (int32_t i = 0; i < s->n; i++) {
        const int32_t node = s->set[i];
        bool matters = node == s->end;
        accepts = accepts || matters;
        for (int32_t at = nfa->first[node]; at >= 0 && !matters; at = nfa->edges[at].next)
            matters = nfa->edges[at].lo <= nfa->edges[at].hi;
        if (matters) s->set[kept++] = node;
    }
    sort_numbers(s->set, kept);
    PW_TRY(find(b, s->set, kept, state));
    b->out->accepts[*state] = accepts;
    return PEWTER_OK;
}

/* Where the ranges of a state's edges begin and end, sorted, each once. */
static void find_cuts(subset *s, const int32_t *set)
{
    s->n_cuts = 0;
    for (int32_t i = 1; i <= set[0]; i++) {
        for (int32_t at = s->nfa->first[set[i]]; at >= 0; at = s->nfa->edges[at].next) {
            const pw_nfa_edge *e = &s->nfa->edges[at];
            if (e->lo > e->hi) continue;
            s->cuts[s->n_cuts++] = e->lo;
            s->cuts[s->n_cuts++] = e->hi + 1;
        }
    }
    sort_numbers((int32_t *)s->cuts, s->n_cuts); /* all are small and positive */
    int32_t kept = 0;
    for (int32_t i = 0; i < s->n_cuts; i++)
        if (i == 0 || s->cuts[i] != s->cuts[kept - 1]) s->cuts[kept++] = s->cuts[i];
    s->n_cuts = kept;
}

static pewter_status expand(subset *s, builder *b, int32_t state)
{
    const int32_t *set = b->sets[state];
    b->out->first[state] = b->n_edges;
    find_cuts(s, set);
    for (int32_t c = 0; c + 1 < s->n_cuts; c++) {
        const uint32_t lo = s->cuts[c], hi = s->cuts[c + 1] - 1;
        s->now++;
        s->n = 0;
        for (int32_t i = 1; i <= set[0]; i++) {
            for (int32_t at = s->nfa->first[set[i]]; at >= 0; at = s->nfa->edges[at].next) {
                const pw_nfa_edge *e = &s->nfa->edges[at];
                b->room->work--;
                if (e->lo <= lo && hi <= e->hi) add_node(s, e->to);
            }
        }
        if (s->n == 0) continue;
        int32_t to;
        PW_TRY(close_set(s, b, &to));
        PW_TRY(add_edge(b, state, lo, hi, to));
    }
    return PEWTER_OK;
}

pewter_status pw_dfa_of(const pw_nfa *nfa, int32_t start, int32_t end, pw_room *room, pw_dfa *out,
                        pewter_error *err)
{
    if (nfa->failed == PEWTER_E_LIMIT)
        return pw_fail(err, PEWTER_E_LIMIT, "too long: more than %d characters and choices",
                       PW_NFA_NODES);
    if (nfa->failed != PEWTER_OK) return no_memory(err);
    builder b;
    PW_TRY(begin(&b, out, room, err));
    subset s = {.nfa = nfa, .end = end, .now = 1};
    s.set = pw_arena_array(&room->arena, (size_t)nfa->n_nodes, sizeof *s.set);
    s.stamp = pw_arena_array(&room->arena, (size_t)nfa->n_nodes, sizeof *s.stamp);
    s.cuts = pw_arena_array(&room->arena, 2 * (size_t)nfa->n_edges, sizeof *s.cuts);
    if (s.set == NULL || s.stamp == NULL || s.cuts == NULL) return no_memory(err);
    add_node(&s, start);
    int32_t first;
    PW_TRY(close_set(&s, &b, &first));
    for (int32_t state = 0; state < out->n; state++) PW_TRY(expand(&s, &b, state));
    return end_edges(&b);
}

/* ---- From other automata --------------------------------------------------------------------- */

static int32_t step(const pw_dfa *a, int32_t state, uint32_t code)
{
    for (int32_t i = a->first[state]; i < a->first[state + 1]; i++)
        if (a->edges[i].lo <= code && code <= a->edges[i].hi) return a->edges[i].to;
    return -1;
}

pewter_status pw_dfa_unframe(const pw_dfa *a, pw_room *room, pw_dfa *out, pewter_error *err)
{
    builder b;
    PW_TRY(begin(&b, out, room, err));
    const int32_t start = step(a, 0, PW_CHAR_BEGIN);
    int32_t to;
    /* Where nothing can be taken from the front, the language is empty: state 0 without edges. */
    PW_TRY(find(&b, &start, 1, &to));
    for (int32_t state = 0; state < out->n; state++) {
        const int32_t old = b.sets[state][1];
        out->first[state] = b.n_edges;
        if (old < 0) continue;
        const int32_t end = step(a, old, PW_CHAR_END);
        out->accepts[state] = end >= 0 && a->accepts[end];
        for (int32_t i = a->first[old]; i < a->first[old + 1]; i++) {
            const pw_dfa_edge e = a->edges[i];
            if (e.lo > PW_CHAR_MAX) continue;
            PW_TRY(find(&b, &e.to, 1, &to));
            PW_TRY(add_edge(&b, state, e.lo, e.hi > PW_CHAR_MAX ? PW_CHAR_MAX : e.hi, to));
        }
    }
    return end_edges(&b);
}

pewter_status pw_dfa_and(const pw_dfa *a, const pw_dfa *b, pw_room *room, pw_dfa *out,
                         pewter_error *err)
{
    builder build;
    PW_TRY(begin(&build, out, room, err));
    int32_t pair[2] = {0, 0}, to;
    PW_TRY(find(&build, pair, 2, &to));
    for (int32_t state = 0; state < out->n; state++) {
        const int32_t x = build.sets[state][1], y = build.sets[state][2];
        out->first[state] = build.n_edges;
        out->accepts[state] = a->accepts[x] && b->accepts[y];
        for (int32_t i = a->first[x], k = b->first[y];
             i < a->first[x + 1] && k < b->first[y + 1];) {
            const pw_dfa_edge e = a->edges[i], f = b->edges[k];
            const uint32_t lo = e.lo > f.lo ? e.lo : f.lo, hi = e.hi < f.hi ? e.hi : f.hi;
            if (lo <= hi) {
                pair[0] = e.to;
                pair[1] = f.to;
                PW_TRY(find(&build, pair, 2, &to));
                PW_TRY(add_edge(&build, state, lo, hi, to));
            }
            if (e.hi <= f.hi) i++;
            if (f.hi <= e.hi) k++;
        }
    }
    return end_edges(&build);
}

pewter_status pw_dfa_not(const pw_dfa *a, uint32_t last, pw_room *room, pw_dfa *out,
                         pewter_error *err)
{
    builder b;
    PW_TRY(begin(&b, out, room, err));
    const int32_t start = 0, lost = -1; /* -1: where `a` has no state, all goes on */
    int32_t to;
    PW_TRY(find(&b, &start, 1, &to));
    for (int32_t state = 0; state < out->n; state++) {
        const int32_t old = b.sets[state][1];
        out->first[state] = b.n_edges;
        out->accepts[state] = old < 0 || !a->accepts[old];
        uint32_t next = 0;
        for (int32_t i = old < 0 ? 0 : a->first[old]; old >= 0 && i < a->first[old + 1]; i++) {
            const pw_dfa_edge e = a->edges[i];
            if (e.lo > next) {
                PW_TRY(find(&b, &lost, 1, &to));
                PW_TRY(add_edge(&b, state, next, e.lo - 1, to));
            }
            PW_TRY(find(&b, &e.to, 1, &to));
            PW_TRY(add_edge(&b, state, e.lo, e.hi, to));
            next = e.hi + 1;
        }
        if (next > last) continue;
        PW_TRY(find(&b, &lost, 1, &to));
        PW_TRY(add_edge(&b, state, next, last, to));
    }
    return end_edges(&b);
}

pewter_status pw_dfa_length(int32_t least, int32_t most, pw_room *room, pw_dfa *out,
                            pewter_error *err)
{
    builder b;
    PW_TRY(begin(&b, out, room, err));
    const int32_t last = most == PW_REPEAT_MAX ? least : most;
    for (int32_t i = 0; i <= last; i++) {
        int32_t state;
        PW_TRY(find(&b, &i, 1, &state));
        out->first[state] = b.n_edges;
        out->accepts[state] = i >= least;
        if (i < last || most == PW_REPEAT_MAX)
            PW_TRY(add_edge(&b, state, 0, PW_CHAR_MAX, i < last ? i + 1 : i));
    }
    return end_edges(&b);
}

/* ---- Into a grammar -------------------------------------------------------------------------- */

/* All characters that lead from a state to another, as one class. */
static void emit_edges(const pw_dfa *a, int32_t state, int32_t first, pw_rules *g, bool json)
{
    enum { PART = 64 };
    for (int32_t i = a->first[state]; i < a->first[state + 1]; i++) {
        const int32_t to = a->edges[i].to;
        bool done = false;
        for (int32_t k = a->first[state]; k < i && !done; k++) done = a->edges[k].to == to;
        pw_range ranges[PART];
        size_t n = 0;
        for (int32_t k = i; k < a->first[state + 1] && !done; k++) {
            if (a->edges[k].to != to) continue;
            ranges[n++] = (pw_range){a->edges[k].lo, a->edges[k].hi};
            if (n < PART) continue;
            pw_rules_class(g, first + state, first + to, ranges, n, json);
            n = 0;
        }
        if (n > 0) pw_rules_class(g, first + state, first + to, ranges, n, json);
    }
}

void pw_dfa_emit(const pw_dfa *a, pw_rules *g, int32_t from, int32_t to, bool json)
{
    int32_t first = 0;
    for (int32_t i = 0; i < a->n; i++) {
        const int32_t node = pw_rules_node(g);
        if (i == 0) first = node;
        if (a->accepts[i]) pw_rules_join(g, node, to);
    }
    if (g->failed != PEWTER_OK) return;
    pw_rules_join(g, from, first);
    for (int32_t i = 0; i < a->n && g->failed == PEWTER_OK; i++) emit_edges(a, i, first, g, json);
}
