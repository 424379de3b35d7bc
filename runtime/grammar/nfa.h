/* Languages over characters: nondeterministic automata that a parser builds, deterministic ones that can be cut
 * with each other, and their way into a grammar. */
#ifndef PW_RUNTIME_GRAMMAR_NFA_H
#define PW_RUNTIME_GRAMMAR_NFA_H

#include "runtime/grammar/rules.h"

enum {
    PW_CHAR_MAX = 0x10fffe, /* one behind it marks control tokens: no text has it */
    PW_CHAR_CONTROL = 0x10ffff,
    PW_CHAR_BEGIN = 0x110000, /* stands in front of a text, so that '^' has something to take */
    PW_CHAR_END = 0x110001,   /* and behind it */
    PW_NFA_NODES = 20000,
    PW_NFA_EDGES = 60000,
    PW_DFA_STATES = 10000
};

typedef struct pw_nfa_edge {
    uint32_t lo, hi; /* characters; lo > hi: takes none */
    int32_t to, next;
} pw_nfa_edge;

/* Memory for automata, and how much work they may still be: a pattern is short and its automaton may not be. */
typedef struct pw_room {
    pw_arena arena;
    int64_t work; /* steps left; PEWTER_E_LIMIT below 0 */
} pw_room;

/* Some 0.1 s. */
enum { PW_ROOM_WORK = 10000000 };

/* Nodes 0 to n_nodes - 1. Nothing is added after a failure. */
typedef struct pw_nfa {
    pw_arena *arena;
    int32_t *first; /* [cap_nodes]: the first edge of a node, -1: none */
    pw_nfa_edge *edges;
    int32_t n_nodes, n_edges, cap_nodes, cap_edges;
    pewter_status failed;
} pw_nfa;

int32_t pw_nfa_node(pw_nfa *nfa);
void pw_nfa_join(pw_nfa *nfa, int32_t from, int32_t to);
void pw_nfa_chars(pw_nfa *nfa, int32_t from, int32_t to, uint32_t lo, uint32_t hi);
/* A copy of nodes [begin, end) and the edges between them; returns how far it is behind the original. */
int32_t pw_nfa_copy(pw_nfa *nfa, int32_t begin, int32_t end);

typedef struct pw_dfa_edge {
    uint32_t lo, hi;
    int32_t to;
} pw_dfa_edge;

/* State 0 is the start. The edges of a state are disjoint and sorted; what none takes is refused. */
typedef struct pw_dfa {
    int32_t n;
    int32_t *first; /* [n + 1]: into edges */
    pw_dfa_edge *edges;
    bool *accepts; /* [n] */
} pw_dfa;

/* Memory of all comes from the room. PEWTER_E_LIMIT past PW_DFA_STATES or the room's work. */

/* What leads from `start` to `end`. */
PW_MUST pewter_status pw_dfa_of(const pw_nfa *nfa, int32_t start, int32_t end, pw_room *room,
                                pw_dfa *out, pewter_error *err);
/* Takes PW_CHAR_BEGIN from the front and PW_CHAR_END from the back of every text of a language in which all have
 * both. */
PW_MUST pewter_status pw_dfa_unframe(const pw_dfa *a, pw_room *room, pw_dfa *out,
                                     pewter_error *err);
/* Texts of both. */
PW_MUST pewter_status pw_dfa_and(const pw_dfa *a, const pw_dfa *b, pw_room *room, pw_dfa *out,
                                 pewter_error *err);
/* All texts of characters up to `last` but those of `a`. */
PW_MUST pewter_status pw_dfa_not(const pw_dfa *a, uint32_t last, pw_room *room, pw_dfa *out,
                                 pewter_error *err);
/* Texts of `least` to `most` characters. */
PW_MUST pewter_status pw_dfa_length(int32_t least, int32_t most, pw_room *room, pw_dfa *out,
                                    pewter_error *err);

/* Adds the language to a grammar, between two of its nodes. */
void pw_dfa_emit(const pw_dfa *a, pw_rules *g, int32_t from, int32_t to, bool json);

#endif
