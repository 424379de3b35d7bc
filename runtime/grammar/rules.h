/* A grammar as rules over bytes: a network of nodes, with edges that take a byte and edges that call a
 * rule (Woods 1970, "Transition network grammars"). Built once, then only read. */
#ifndef PW_RUNTIME_GRAMMAR_RULES_H
#define PW_RUNTIME_GRAMMAR_RULES_H

#include <stdbool.h>

#include "pewter.h"
#include "pw/arena.h"
#include "pw/attr.h"

/* What one grammar may take: a text from outside decides how large it wants to be. */
enum { PW_RULES_NODES = 60000, PW_RULES_EDGES = 160000, PW_RULES_RULES = 20000 };

enum { PW_REPEAT_MAX = INT32_MAX }; /* no upper bound */

typedef enum pw_edge_kind {
    PW_EDGE_EMPTY, /* takes nothing */
    PW_EDGE_BYTES, /* one byte of [lo, hi] */
    PW_EDGE_CALL   /* a rule, from `least` to `most` times */
} pw_edge_kind;

typedef struct pw_rule_edge {
    uint8_t kind, lo, hi;
    int32_t to;   /* node */
    int32_t next; /* of the same node; -1: the last */
    int32_t rule, least, most;
} pw_rule_edge;

typedef struct pw_rule_node {
    int32_t edges; /* the first; -1: none */
    int32_t ends;  /* the rule that is over here; -1: none */
} pw_rule_node;

typedef struct pw_rule {
    int32_t start, end; /* nodes; start -1: named, not defined yet */
    bool nullable;      /* may take nothing; known from pw_rules_close on */
} pw_rule;

typedef struct pw_rules {
    const pewter_allocator *alloc;
    pw_rule_node *nodes;
    pw_rule_edge *edges;
    pw_rule *rules;
    int32_t n_nodes, n_edges, n_rules;
    int32_t cap_nodes, cap_edges, cap_rules;
    int32_t root;             /* rule */
    int32_t beyond, controls; /* rules of classes that many take, plus 1; 0: not made */
    bool empty;               /* pw_rules_close: nothing fits */
    pewter_status failed;     /* what the first failure was; nothing is added from then on */
    pewter_error reason;
} pw_rules;

/* A range of characters, by code point. */
typedef struct pw_range {
    uint32_t lo, hi;
} pw_range;

/* Zero-initialise, then set `alloc`. All functions below that add may be called after a failure: they do
 * nothing then, and the failure is reported by pw_rules_close. */

int32_t pw_rules_node(pw_rules *g);

/* A rule without a body; pw_rules_begin gives its start node, pw_rules_end says where it is over. */
int32_t pw_rules_rule(pw_rules *g);
int32_t pw_rules_begin(pw_rules *g, int32_t rule);
void pw_rules_end(pw_rules *g, int32_t rule, int32_t node);

/* Edges between nodes that are there. */
void pw_rules_join(pw_rules *g, int32_t from, int32_t to);
void pw_rules_bytes(pw_rules *g, int32_t from, int32_t to, uint8_t lo, uint8_t hi);
void pw_rules_call(pw_rules *g, int32_t from, int32_t to, int32_t rule, int32_t least,
                   int32_t most);

/* A text from `from` on; returns the node behind it. */
int32_t pw_rules_text(pw_rules *g, int32_t from, const char *text, size_t bytes);

/* One character out of sorted ranges, as UTF-8, or as it stands in a JSON string. */
void pw_rules_class(pw_rules *g, int32_t from, int32_t to, const pw_range *ranges, size_t count,
                    bool json);

/* A failure of whoever builds: the first one stays. Returns false. */
PW_PRINTF(3, 4) bool pw_rules_refuse(pw_rules *g, pewter_status status, const char *format, ...);

/* Checks the whole, with rule `root`: all rules have a body, none calls itself before it took a byte; and
 * takes away what can never end, so that whoever follows the edges always can reach the end. PEWTER_E_FORMAT
 * where nothing at all fits the grammar; `what` names it in messages. */
PW_MUST pewter_status pw_rules_close(pw_rules *g, int32_t root, const char *what,
                                     pewter_error *err);

void pw_rules_free(pw_rules *g);

#endif
