/* How far a text has got in a grammar, and which tokens may come next. States are sets of places in the
 * rules, each with the calls it has to return to; they are made when they are first met and kept, as in a
 * lazily built DFA (Thompson 1968; Cox 2007), with their steps and their masks of tokens. */
#ifndef PW_RUNTIME_GRAMMAR_MATCH_H
#define PW_RUNTIME_GRAMMAR_MATCH_H

#include "runtime/grammar/rules.h"
#include "runtime/grammar/trie.h"

typedef struct pw_automaton pw_automaton;

/* A text under way. Linked into its automaton, so it must not be moved. */
typedef struct pw_match {
    pw_automaton *automaton; /* NULL: none */
    int32_t state;           /* -1: the text does not fit */
    struct pw_match *next, **back;
} pw_match;

/* States for rules that are closed; both live as long as it does. */
PW_MUST pewter_status pw_automaton_new(const pw_rules *rules, const pewter_allocator *alloc,
                                       pw_automaton **out, pewter_error *err);
/* NULL is allowed. No match may be under way. */
void pw_automaton_free(pw_automaton *automaton);

/* What it holds now. */
size_t pw_automaton_bytes(const pw_automaton *automaton);

/* The empty text. pw_match_end must follow, also after a failure of what is called between. */
PW_MUST pewter_status pw_match_begin(pw_match *match, pw_automaton *automaton, pewter_error *err);
void pw_match_end(pw_match *match);

/* Another match at the same place. `to` is not under way. */
void pw_match_copy(pw_match *to, const pw_match *from);

/* Adds bytes; *fits: whether the grammar allows them there. PEWTER_E_LIMIT where the grammar is so ambiguous that
 * its states do not fit into memory. */
PW_MUST pewter_status pw_match_add(pw_match *match, const char *text, size_t bytes, bool *fits,
                                   pewter_error *err);

/* Whether the text may end here, and whether it must, for nothing can follow. */
bool pw_match_may_end(const pw_match *match);
bool pw_match_must_end(const pw_match *match);

/* One bit a token, of the lowest first: whether it may come next; those that end an answer where the text may
 * end. All masks of an automaton are of the same trie. Valid until the next call. */
PW_MUST pewter_status pw_match_mask(pw_match *match, const pw_trie *trie, const uint32_t **mask,
                                    pewter_error *err);

/* The bytes that must come next, as far as there is no choice: at most `cap` of them. */
PW_MUST pewter_status pw_match_forced(pw_match *match, char *out, size_t cap, size_t *bytes,
                                      pewter_error *err);

#endif
