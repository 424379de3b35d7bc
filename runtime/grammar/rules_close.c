/* The checks that make a grammar safe to follow: see pw_rules_close. */
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/rules.h"

/* Marks that spread backwards along edges, from the ends of rules. */
typedef struct spread {
    pw_rules *g;
    int32_t *into;     /* [nodes]: the first edge that leads to a node; -1: none */
    int32_t *from;     /* [edges]: the node that an edge leaves */
    int32_t *others;   /* [edges]: the next edge into the same node */
    int32_t *calls;    /* [rules]: the first edge that calls a rule; -1: none */
    int32_t *callers;  /* [edges]: the next that calls the same */
    int32_t *starts;   /* [nodes]: the rule that begins there; -1: none */
    bool *node, *rule; /* marked */
    int32_t *todo;     /* [nodes] */
    int32_t n_todo;
} spread;

static bool spread_init(spread *s, pw_rules *g, pw_arena *arena)
{
    const size_t nodes = (size_t)g->n_nodes, edges = (size_t)g->n_edges, rules = (size_t)g->n_rules;
    *s = (spread){.g = g};
    s->into = pw_arena_array(arena, nodes, sizeof *s->into);
    s->from = pw_arena_array(arena, edges, sizeof *s->from);
    s->others = pw_arena_array(arena, edges, sizeof *s->others);
    s->calls = pw_arena_array(arena, rules, sizeof *s->calls);
    s->callers = pw_arena_array(arena, edges, sizeof *s->callers);
    s->starts = pw_arena_array(arena, nodes, sizeof *s->starts);
    s->node = pw_arena_array(arena, nodes, sizeof *s->node);
    s->rule = pw_arena_array(arena, rules, sizeof *s->rule);
    s->todo = pw_arena_array(arena, nodes, sizeof *s->todo);
    if (s->into == NULL || s->from == NULL || s->others == NULL || s->calls == NULL ||
        s->callers == NULL || s->starts == NULL || s->node == NULL || s->rule == NULL ||
        s->todo == NULL)
        return false;
    memset(s->into, 0xff, nodes * sizeof *s->into);
    memset(s->calls, 0xff, rules * sizeof *s->calls);
    memset(s->starts, 0xff, nodes * sizeof *s->starts);
    for (int32_t r = 0; r < g->n_rules; r++) s->starts[g->rules[r].start] = r;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t e = g->nodes[n].edges; e >= 0; e = g->edges[e].next) {
            s->from[e] = n;
            s->others[e] = s->into[g->edges[e].to];
            s->into[g->edges[e].to] = e;
            if (g->edges[e].kind != PW_EDGE_CALL) continue;
            s->callers[e] = s->calls[g->edges[e].rule];
            s->calls[g->edges[e].rule] = e;
        }
    }
    return true;
}

static void mark(spread *s, int32_t node)
{
    if (s->node[node]) return;
    s->node[node] = true;
    s->todo[s->n_todo++] = node;
}

/* Whether the mark behind an edge reaches the node before it. */
static bool passes(const spread *s, const pw_rule_edge *e, bool bytes_pass)
{
    if (e->kind == PW_EDGE_BYTES) return bytes_pass;
    return e->kind == PW_EDGE_EMPTY || e->least == 0 || s->rule[e->rule];
}

/* Marks all nodes from which the end of their rule can be reached, over bytes too or over nothing only, and
 * the rules whose start is marked. */
static void run_spread(spread *s, bool bytes_pass)
{
    const pw_rules *g = s->g;
    memset(s->node, 0, (size_t)g->n_nodes * sizeof *s->node);
    memset(s->rule, 0, (size_t)g->n_rules * sizeof *s->rule);
    s->n_todo = 0;
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].ends >= 0) mark(s, n);
    while (s->n_todo > 0) {
        const int32_t node = s->todo[--s->n_todo], r = s->starts[node];
        for (int32_t e = s->into[node]; e >= 0; e = s->others[e])
            if (passes(s, &g->edges[e], bytes_pass)) mark(s, s->from[e]);
        if (r < 0) continue;
        s->rule[r] = true;
        for (int32_t e = s->calls[r]; e >= 0; e = s->callers[e])
            if (s->node[g->edges[e].to]) mark(s, s->from[e]);
    }
}

/* Takes away the edges behind which no end can be reached. */
static void prune(spread *s)
{
    pw_rules *g = s->g;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        int32_t *at = &g->nodes[n].edges;
        while (*at >= 0) {
            pw_rule_edge *e = &g->edges[*at];
            const bool callable = e->kind != PW_EDGE_CALL || s->rule[e->rule];
            if (!callable && e->least == 0) e->kind = PW_EDGE_EMPTY;
            if (s->node[e->to] && (callable || e->kind == PW_EDGE_EMPTY))
                at = &e->next;
            else
                *at = e->next;
        }
    }
}

/* ---- Left recursion -------------------------------------------------------------------------- */

/* A walk over rules by the calls that are made before a byte is taken. */
typedef struct walk {
    const pw_rules *g;
    int32_t *heads, *next,
        *called;     /* lists of rules that a rule calls so: [rules], [calls], [calls] */
    int32_t *stamp;  /* [nodes]: looked at for this rule */
    int32_t *todo;   /* [nodes] */
    uint8_t *colour; /* [rules]: 0 new, 1 under way, 2 done */
    int32_t *stack;  /* [rules] */
} walk;

static bool walk_init(walk *w, const pw_rules *g, pw_arena *arena)
{
    const size_t nodes = (size_t)g->n_nodes, edges = (size_t)g->n_edges, rules = (size_t)g->n_rules;
    *w = (walk){.g = g};
    w->heads = pw_arena_array(arena, rules, sizeof *w->heads);
    w->next = pw_arena_array(arena, edges, sizeof *w->next);
    w->called = pw_arena_array(arena, edges, sizeof *w->called);
    w->stamp = pw_arena_array(arena, nodes, sizeof *w->stamp);
    w->todo = pw_arena_array(arena, nodes, sizeof *w->todo);
    w->colour = pw_arena_array(arena, rules, sizeof *w->colour);
    w->stack = pw_arena_array(arena, rules, sizeof *w->stack);
    return w->heads != NULL && w->next != NULL && w->called != NULL && w->stamp != NULL &&
           w->todo != NULL && w->colour != NULL && w->stack != NULL;
}

static void list_left_calls(walk *w)
{
    const pw_rules *g = w->g;
    int32_t calls = 0;
    for (int32_t r = 0; r < g->n_rules; r++) {
        w->heads[r] = -1;
        int32_t n = 0;
        w->todo[n++] = g->rules[r].start;
        w->stamp[g->rules[r].start] = r + 1;
        while (n > 0) {
            const int32_t node = w->todo[--n];
            for (int32_t at = g->nodes[node].edges; at >= 0; at = g->edges[at].next) {
                const pw_rule_edge *e = &g->edges[at];
                if (e->kind == PW_EDGE_BYTES) continue;
                if (e->kind == PW_EDGE_CALL) {
                    w->called[calls] = e->rule;
                    w->next[calls] = w->heads[r];
                    w->heads[r] = calls++;
                    if (e->least > 0 && !g->rules[e->rule].nullable) continue;
                }
                if (w->stamp[e->to] == r + 1) continue;
                w->stamp[e->to] = r + 1;
                w->todo[n++] = e->to;
            }
        }
    }
}

/* Whether a rule reaches itself. Depth first, without recursion. */
static bool has_cycle(walk *w)
{
    for (int32_t root = 0; root < w->g->n_rules; root++) {
        if (w->colour[root] != 0) continue;
        int32_t n = 0;
        w->stack[n++] = root;
        w->colour[root] = 1;
        while (n > 0) {
            const int32_t rule = w->stack[n - 1], call = w->heads[rule];
            if (call < 0) {
                w->colour[rule] = 2;
                n--;
                continue;
            }
            w->heads[rule] = w->next[call];
            const int32_t next = w->called[call];
            if (w->colour[next] == 1) return true;
            if (w->colour[next] == 2) continue;
            w->colour[next] = 1;
            w->stack[n++] = next;
        }
    }
    return false;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* A long repeat of what may be empty would be as many states at once. */
static bool has_empty_repeat(const pw_rules *g)
{
    enum { MOST = 64 };
    for (int32_t i = 0; i < g->n_edges; i++) {
        const pw_rule_edge *e = &g->edges[i];
        if (e->kind == PW_EDGE_CALL && g->rules[e->rule].nullable &&
            (e->least > MOST || (e->most > MOST && e->most != PW_REPEAT_MAX)))
            return true;
    }
    return false;
}

static pewter_status close_rules(pw_rules *g, const char *what, pw_arena *arena, pewter_error *err)
{
    spread s;
    walk w;
    if (!spread_init(&s, g, arena) || !walk_init(&w, g, arena))
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a grammar");
    run_spread(&s, false);
    for (int32_t r = 0; r < g->n_rules; r++) g->rules[r].nullable = s.rule[r];
    list_left_calls(&w);
    if (has_cycle(&w))
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "%s: a rule that calls itself before it has taken a character (left "
                       "recursion); write the repeated part with * or behind something",
                       what);
    if (has_empty_repeat(g))
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "%s: a repeat of more than 64 times of something that may be empty", what);
    run_spread(&s, true);
    g->empty = !s.rule[g->root];
    if (g->empty) return pw_fail(err, PEWTER_E_FORMAT, "%s: nothing fits it", what);
    prune(&s);
    return PEWTER_OK;
}

pewter_status pw_rules_close(pw_rules *g, int32_t root, const char *what, pewter_error *err)
{
    g->root = root;
    for (int32_t r = 0; r < g->n_rules && g->failed == PEWTER_OK; r++)
        if (g->rules[r].start < 0 || g->rules[r].end < 0)
            pw_rules_refuse(g, PEWTER_E_FORMAT, "a rule without a body");
    if (g->failed != PEWTER_OK) return pw_fail(err, g->failed, "%s: %s", what, g->reason.message);
    pw_arena arena = {.alloc = g->alloc};
    const pewter_status status = close_rules(g, what, &arena, err);
    pw_arena_free(&arena);
    return status;
}
