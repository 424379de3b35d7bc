#include "runtime/grammar/rules.h"

#include <string.h>

#include "pw/status.h"

bool pw_rules_refuse(pw_rules *g, pewter_status status, const char *format, ...)
{
    if (g->failed != PEWTER_OK) return false;
    g->failed = status;
    va_list args;
    va_start(args, format);
    vsnprintf(g->reason.message, sizeof g->reason.message, format, args);
    va_end(args);
    return false;
}

/* Room for one more of `size` bytes; twice the room where it is used up. */
static bool grow(pw_rules *g, void *list, int32_t count, int32_t *cap, int32_t most, size_t size,
                 const char *what)
{
    if (g->failed != PEWTER_OK) return false;
    if (count < *cap) return true;
    if (count >= most)
        return pw_rules_refuse(g, PEWTER_E_LIMIT, "the grammar needs more than %d %s", most, what);
    void **at = list;
    const int32_t wanted = *cap == 0 ? 64 : *cap * 2;
    void *larger = pw_alloc(g->alloc, (size_t)wanted * size);
    if (larger == NULL) return pw_rules_refuse(g, PEWTER_E_MEMORY, "no memory for a grammar");
    if (count > 0) memcpy(larger, *at, (size_t)count * size);
    pw_free(g->alloc, *at, (size_t)*cap * size);
    *at = larger;
    *cap = wanted;
    return true;
}

int32_t pw_rules_node(pw_rules *g)
{
    if (!grow(g, &g->nodes, g->n_nodes, &g->cap_nodes, PW_RULES_NODES, sizeof *g->nodes, "states"))
        return 0;
    g->nodes[g->n_nodes] = (pw_rule_node){.edges = -1, .ends = -1};
    return g->n_nodes++;
}

int32_t pw_rules_rule(pw_rules *g)
{
    if (!grow(g, &g->rules, g->n_rules, &g->cap_rules, PW_RULES_RULES, sizeof *g->rules, "rules"))
        return 0;
    g->rules[g->n_rules] = (pw_rule){.start = -1, .end = -1};
    return g->n_rules++;
}

int32_t pw_rules_begin(pw_rules *g, int32_t rule)
{
    const int32_t node = pw_rules_node(g);
    if (g->failed == PEWTER_OK) g->rules[rule].start = node;
    return node;
}

void pw_rules_end(pw_rules *g, int32_t rule, int32_t node)
{
    if (g->failed != PEWTER_OK) return;
    g->rules[rule].end = node;
    g->nodes[node].ends = rule;
}

static pw_rule_edge *add_edge(pw_rules *g, int32_t from, int32_t to, pw_edge_kind kind)
{
    if (!grow(g, &g->edges, g->n_edges, &g->cap_edges, PW_RULES_EDGES, sizeof *g->edges, "edges"))
        return NULL;
    pw_rule_edge *edge = &g->edges[g->n_edges];
    *edge = (pw_rule_edge){.kind = (uint8_t)kind, .to = to, .next = g->nodes[from].edges};
    g->nodes[from].edges = g->n_edges++;
    return edge;
}

void pw_rules_join(pw_rules *g, int32_t from, int32_t to)
{
    (void)add_edge(g, from, to, PW_EDGE_EMPTY);
}

void pw_rules_bytes(pw_rules *g, int32_t from, int32_t to, uint8_t lo, uint8_t hi)
{
    pw_rule_edge *edge = add_edge(g, from, to, PW_EDGE_BYTES);
    if (edge == NULL) return;
    edge->lo = lo;
    edge->hi = hi;
}

void pw_rules_call(pw_rules *g, int32_t from, int32_t to, int32_t rule, int32_t least, int32_t most)
{
    pw_rule_edge *edge = add_edge(g, from, to, PW_EDGE_CALL);
    if (edge == NULL) return;
    edge->rule = rule;
    edge->least = least;
    edge->most = most;
}

int32_t pw_rules_text(pw_rules *g, int32_t from, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && g->failed == PEWTER_OK; i++) {
        const int32_t to = pw_rules_node(g);
        pw_rules_bytes(g, from, to, (uint8_t)text[i], (uint8_t)text[i]);
        from = to;
    }
    return from;
}

void pw_rules_free(pw_rules *g)
{
    pw_free(g->alloc, g->nodes, (size_t)g->cap_nodes * sizeof *g->nodes);
    pw_free(g->alloc, g->edges, (size_t)g->cap_edges * sizeof *g->edges);
    pw_free(g->alloc, g->rules, (size_t)g->cap_rules * sizeof *g->rules);
    g->nodes = NULL;
    g->edges = NULL;
    g->rules = NULL;
    g->cap_nodes = g->cap_edges = g->cap_rules = 0;
}
